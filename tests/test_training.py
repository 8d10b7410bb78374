"""Training in the cycle: it learns, and an interrupted training ends as the uninterrupted one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from deepda.assimilation.cycle import DivergenceError, StateEstimate, require_physical
from deepda.base.errors import CheckpointError
from deepda.base.progress import Progress
from deepda.networks.discriminator import Ham2024Discriminator, PatchDiscriminator
from deepda.networks.dropout import thinned
from deepda.networks.ham2024 import Ham2024Analyser
from deepda.networks.innovation import InnovationAnalyser
from deepda.networks.objectives import likelihood, mean_square
from deepda.networks.statics import Statics
from deepda.networks.trainable import TrainableAnalyser
from deepda.networks.transition import Transition
from deepda.networks.unet3plus_analyser import UNet3PlusAnalyser
from deepda.settings.compose import load_config
from deepda.training.ranks import ALONE, Ranks
from deepda.training.stretches import Streams, Stretch, TrainingData
from deepda.training.trainer import STATE, Recipe, Trainer

pytestmark = pytest.mark.slow
SHAPE = (3, 8, 12)
CPU = torch.device("cpu")


class HalfSeen:
    """A network that sees half of the surface."""

    def stretch(
        self, length: int, rng: np.random.Generator, season: int | None = None
    ) -> Iterator[NDArray[np.float32]]:
        for _ in range(length):
            precision = np.zeros(SHAPE, np.float32)
            precision[0] = 10.0 * (rng.random(SHAPE[1:]) < 0.5)
            yield precision


def training_data() -> TrainingData:
    rng = np.random.default_rng(0)
    state, series = np.zeros(SHAPE, np.float32), []
    for _ in range(150):
        state = 0.9 * state + 0.4 * rng.standard_normal((1, *SHAPE[1:])).astype(np.float32)
        series.append(state)
    weights = torch.full(SHAPE, 1 / (SHAPE[1] * SHAPE[2]))
    scale = np.ones(SHAPE, np.float32)
    return TrainingData(np.stack(series), np.arange(150) % 73, 73, scale, weights, HalfSeen())


def trainer(
    folder: Path,
    updates: int = 8,
    adversarial: float = 0.0,
    kind: str = "innovation",
    device: torch.device = CPU,
    ranks: Ranks = ALONE,
    **changes: float,
) -> Trainer:
    torch.manual_seed(0)
    data = training_data()
    ocean = torch.ones(SHAPE, dtype=torch.bool)
    transition = Transition.fit([torch.from_numpy(data.anomalies)], ocean, torch.ones(SHAPE))
    statics = Statics(
        ocean, torch.linspace(-60, 60, SHAPE[1]), torch.ones(SHAPE), transition, torch.randn(2, *SHAPE)
    )
    networks: dict[str, Callable[[], TrainableAnalyser]] = {
        "innovation": lambda: InnovationAnalyser(statics, hidden=4, levels=1, iterations=4),
        "unet3plus": lambda: UNet3PlusAnalyser(statics, filters=2, depth=2, dropout=0.3),
        "ham2024": lambda: Ham2024Analyser(ocean),
    }
    made = networks[kind]().to(device)
    published = kind == "ham2024"
    judge = Ham2024Discriminator(ocean) if published else PatchDiscriminator(ocean, features=4)
    judge = judge.to(device)
    settings = {
        "updates": updates,
        "stretches": 2,
        "backprop": 2,
        "learning_rate": 2e-3,
        "adversarial_weight": adversarial,
        "validate_every": 4,
        "patience": 9,
        "seed": 3,
    }
    scores = iter(np.linspace(1.0, 0.5, 100))
    recipe = Recipe(**(settings | changes))  # type: ignore[arg-type]
    return Trainer(
        made,
        judge if adversarial else None,
        data,
        recipe,
        lambda: float(next(scores)),
        folder,
        ranks=ranks,
    )


@pytest.mark.parametrize(
    ("kind", "adversarial"), [("innovation", 0.0), ("innovation", 0.1), ("unet3plus", 0.0)]
)
def test_an_interrupted_training_ends_bit_for_bit_as_the_uninterrupted(
    tmp_path: Path, kind: str, adversarial: float
) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "broken").mkdir()
    whole = trainer(tmp_path / "whole", adversarial=adversarial, kind=kind)
    with Progress() as progress:
        whole.run(progress)
        first = trainer(tmp_path / "broken", adversarial=adversarial, kind=kind)
        first.validate, calls = (lambda: 1.0), []

        def stop_after_the_first() -> float:
            if calls:
                raise KeyboardInterrupt
            calls.append(1)
            return 1.0

        first.validate = stop_after_the_first
        with pytest.raises(KeyboardInterrupt):
            first.run(progress)
        second = trainer(tmp_path / "broken", adversarial=adversarial, kind=kind)
        second.validate = lambda: 0.1
        second.run(progress)
    assert second.done == whole.done == 8
    for (name, one), (_, other) in zip(
        whole.analyser.named_parameters(), second.analyser.named_parameters(), strict=True
    ):
        assert torch.equal(one, other), name


def test_a_training_with_other_settings_is_refused(tmp_path: Path) -> None:
    with Progress() as progress:
        trainer(tmp_path).run(progress)
        with pytest.raises(CheckpointError, match="other settings"):
            trainer(tmp_path, learning_rate=1e-3).run(progress)


def test_the_number_of_error_samples_is_no_part_of_the_recipe() -> None:
    """Errors are met once training is over: an unfinished one of an earlier version is resumed."""
    recipes = [Recipe.of(load_config("osse", [f"training.error_samples={n}"]).training) for n in (0, 9)]
    assert recipes[0] == recipes[1] and "error_samples" not in vars(recipes[0])
    assert Recipe.of(load_config("osse", ["training.updates=7"]).training).updates == 7


def test_the_best_validated_weights_are_kept(tmp_path: Path) -> None:
    made = trainer(tmp_path, updates=12)
    seen: list[torch.Tensor] = []

    def worse_and_worse() -> float:
        seen.append(made.analyser.loading.detach().clone())  # type: ignore[union-attr]
        return float(len(seen))

    made.validate = worse_and_worse
    with Progress() as progress:
        made.run(progress)
    assert torch.equal(made.analyser.loading, seen[0])  # type: ignore[arg-type]


def test_training_stops_when_validation_gains_no_more(tmp_path: Path) -> None:
    made = trainer(tmp_path, updates=40, patience=2)
    made.validate = lambda: 1.0
    with Progress() as progress:
        made.run(progress)
    assert made.done == 16  # one best, then three without gain


def test_training_lowers_the_loss(tmp_path: Path) -> None:
    made = trainer(tmp_path, updates=40, validate_every=40, learning_rate=3e-2)
    with torch.no_grad():
        made.analyser.log_gain.fill_(4.0)  # type: ignore[union-attr]  # far too sure of itself
    early = np.mean([made._update() for _ in range(5)])
    for _ in range(20):
        made._update()
    assert np.mean([made._update() for _ in range(5)]) < early - 0.2


def test_coarser_scales_are_judged_alike(tmp_path: Path) -> None:
    """Deep supervision: the loss is the mean over the scales, and each of their heads learns from it."""
    made = trainer(tmp_path, kind="unet3plus")
    batch, analyser = made.streams.next(), made.analyser.train()
    assert isinstance(analyser, UNet3PlusAnalyser)
    with torch.no_grad():
        analyser.head.weight.normal_(std=0.1)
    with thinned(analyser, [1, 2]):
        estimate, loss, _ = made._window(None, batch)
        background = analyser.forecast(analyser.first_guess(2), batch.observations.season)
        several = analyser.training_analyses(background, batch.observations)
    scores = [
        (batch.weight * likelihood(background, one, batch.truth, made.weights)).sum() for one in several
    ]
    assert len(scores) == 3 and len({round(score.item(), 4) for score in scores}) == 3
    torch.testing.assert_close(loss, torch.stack(scores).mean())
    assert torch.equal(estimate.mean, several[0].mean)
    loss.backward()
    gradients = [weight.grad for weight in analyser.trunk.auxiliary.parameters()]
    assert len(gradients) == 4 and all(part is not None and bool(part.any()) for part in gradients)


def test_the_masks_of_dropout_follow_the_seed_of_the_training(tmp_path: Path) -> None:
    losses = []
    for state in (0, 1):  # of the generator of the process, which must not matter
        made = trainer(tmp_path, kind="unet3plus")
        assert isinstance(made.analyser, UNet3PlusAnalyser)
        with torch.no_grad():
            made.analyser.head.weight.fill_(0.1)
        torch.manual_seed(state)
        losses.append(made._update())
    assert losses[0] == losses[1]


def test_the_adversarial_weight_changes_the_result(tmp_path: Path) -> None:
    losses = []
    for weight in (1e-6, 1.0):
        made = trainer(tmp_path, adversarial=weight)
        made._update()
        losses.append(made.analyser.correction.head.weight.detach().clone())  # type: ignore[union-attr]
    assert not torch.equal(*losses)


@pytest.mark.parametrize("backprop", [1, 2, 3])
@pytest.mark.parametrize("kind", ["innovation", "ham2024"])
def test_adversarial_training_follows_the_gradient_through_any_number_of_windows(
    tmp_path: Path, kind: str, backprop: int
) -> None:
    """The discriminator steps once an update: a step between windows would spoil their gradients."""
    made = trainer(tmp_path, kind=kind, adversarial=0.1, backprop=backprop)
    assert made.critic is not None
    losses = [made._update() for _ in range(2)]
    assert np.isfinite(losses).all() and losses[0] != losses[1]
    steps = {int(state["step"]) for state in made.critic.optimiser.state_dict()["state"].values()}
    assert steps == {2}


def test_an_unfinished_training_of_other_weights_is_refused(tmp_path: Path) -> None:
    with Progress() as progress:
        trainer(tmp_path, updates=4).run(progress)
        with pytest.raises(CheckpointError, match="other weights"):
            trainer(tmp_path, updates=4, kind="unet3plus").run(progress)


def test_a_stretch_rewound_goes_on_as_before() -> None:
    data = training_data()
    one = Stretch(data, seed=1, stream=0, length=9)
    for _ in range(25):
        last = next(one)
    other = Stretch(data, seed=1, stream=0, length=9)
    other.rewind(one.number, one.age)
    for _ in range(12):
        mine, theirs = next(one), next(other)
        assert np.array_equal(mine[0], theirs[0]) and np.array_equal(mine[1], theirs[1])
        assert mine[3:] == theirs[3:]
    assert last[4] in (True, False)


def test_streams_differ_and_do_not_restart_together() -> None:
    streams = Streams(training_data(), 2, range(6), CPU, ALONE)
    starts = np.array([streams.next().fresh.numpy() for _ in range(400)])
    assert starts[0].all()
    assert (starts[1:].sum(axis=1) < 4).all()


def test_likelihood_is_least_for_the_true_mean_and_spread() -> None:
    torch.manual_seed(0)
    truth = torch.randn(1, 2, 50, 60)
    weights = torch.full((2, 50, 60), 1 / 3000)

    def score(mean: float, spread: float) -> float:
        estimate = StateEstimate(
            torch.full_like(truth, mean), torch.full_like(truth, spread), truth.new_zeros(1, 0, 50, 60)
        )
        return float(likelihood(estimate, estimate, truth, weights))

    best = score(0.0, 1.0)
    assert all(best < score(mean, spread) for mean, spread in ((0.2, 1), (-0.2, 1), (0, 0.8), (0, 1.25)))


def test_mean_square_leaves_land_out() -> None:
    truth = torch.zeros(1, 1, 2, 2)
    weights = torch.tensor([[[0.5, 0.5], [0.0, 0.0]]])
    mean = torch.tensor([[[[1.0, 3.0], [99.0, 99.0]]]])
    estimate = StateEstimate(mean, torch.ones_like(mean), mean[:, :0])
    assert float(mean_square(estimate, estimate, truth, weights)) == 5.0


@pytest.mark.parametrize("value", [31.0, float("nan"), float("inf")])
def test_an_analysis_that_runs_away_is_refused(value: float) -> None:
    mean = torch.zeros(1, 1, 2, 2)
    mean[0, 0, 1, 1] = value
    with pytest.raises(DivergenceError, match="standard deviations, expected at most 30"):
        require_physical(StateEstimate(mean, torch.ones_like(mean), mean[:, :0]))


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def without_numbers(path: Path) -> None:
    with safe_open(path, "pt") as file:
        about = file.metadata()
    tensors = load_file(path)
    first = next(name for name in tensors if name.startswith("present."))
    save_file({**tensors, first: torch.full_like(tensors[first], torch.nan)}, path, metadata=about)


def reshaped(path: Path) -> None:
    with safe_open(path, "pt") as file:
        about = file.metadata()
    tensors = load_file(path)
    first = next(name for name in tensors if name.startswith("present."))
    save_file({**tensors, first: tensors[first].new_zeros(5, 7)}, path, metadata=about)


@pytest.mark.parametrize("damage", [truncated, emptied, without_numbers, reshaped])
def test_a_damaged_unfinished_training_is_refused_in_a_sentence(
    damage: Callable[[Path], None], tmp_path: Path
) -> None:
    made, calls = trainer(tmp_path), []

    def stop_at_the_second() -> float:
        if calls:
            raise KeyboardInterrupt
        calls.append(1)
        return 1.0

    made.validate = stop_at_the_second
    with Progress() as progress:
        with pytest.raises(KeyboardInterrupt):
            made.run(progress)
        damage(tmp_path / STATE)
        with pytest.raises(CheckpointError, match="remove"):
            trainer(tmp_path).run(progress)
