"""A sweep: what is searched is read rightly; trials are resumed, pruned, distinguished and ranked."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Self

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from deepda.assimilation.cycle import DivergenceError
from deepda.base.errors import DeepDAError
from deepda.base.progress import Progress
from deepda.base.workers import HERE, Workers
from deepda.cli import main
from deepda.settings.schema import Config, ConfigError
from deepda.training.setup import TrainingSetup
from deepda.training.trainer import LEARNING, STATE, Recipe, Watch
from osse.known_answer.run import Size
from osse.sweep.results import Outcome, Result, importance, table
from osse.sweep.run import (
    KNOWN_ANSWER,
    TWIN,
    Setups,
    composer,
    known_answer_setups,
    require_usable,
    sweep,
    trainer,
)
from osse.sweep.search_space import Space, Value, read_space, standing
from osse.sweep.trials import CSV, ERROR, FIGURE, TRIALS, Objective, Search, run

RATE, BACKPROP = "training.learning_rate", "training.backprop"
pytestmark = pytest.mark.slow
SMALL = Size(control=2, validation=1, shape=(2, 8, 12))


@cache
def composed(words: tuple[str, ...]) -> Config:
    return composer(KNOWN_ANSWER, 11)(words)


def compose(words: Sequence[str]) -> Config:
    return composed(tuple(words))


def compose_quickly(words: Sequence[str]) -> Config:
    """Without looking whether the settings fit: hydra takes a tenth of a second."""
    config = deepcopy(compose([]))
    for word in words:
        key, _, value = word.partition("=")
        section, _, name = key.partition(".")
        setattr(
            getattr(config, section), name, float(value) if "e" in value or "." in value else int(value)
        )
    return config


@pytest.fixture(autouse=True)
def undrawn(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """No figure, which takes longer than the trials, but where it is looked at."""
    if "figure" not in request.node.name:
        monkeypatch.setattr("osse.sweep.trials.figure", lambda results, dimensions: None)
        monkeypatch.setattr("osse.sweep.trials.save", lambda figure, path: None)


@cache
def setups() -> Setups:
    return known_answer_setups(11, SMALL, Progress(stream=io.StringIO()))


def space(*words: str) -> tuple[Space, list[str]]:
    return read_space(words, compose)


def search(*words: str, seed: int = 3) -> Search:
    searched, fixed = space(*words)
    return Search(KNOWN_ANSWER, seed, None, searched, tuple(fixed))


def history(scores: list[float]) -> list[list[dict[str, float]]]:
    """What a training shows at each of its validations."""
    entries = [
        {"update": 10.0 * step, "loss": 0.0, "validation": score, "seconds": float(step)}
        for step, score in enumerate(scores, start=1)
    ]
    return [entries[:end] for end in range(1, len(entries) + 1)]


def pretend(error: Callable[[Config], float]) -> Objective:
    """A training whose validation error falls to that of its settings."""

    def train(config: Config, folder: Path, watch: Watch) -> float:
        scores = [error(config) * (1 + 1 / step) for step in range(1, 6)]
        for shown in history(scores):
            watch(shown)
        return min(scores)

    return train


def bowl(config: Config) -> float:
    return 0.2 + math.log(config.training.learning_rate / 3e-3) ** 2 + 0.01 * config.training.backprop


def go(
    wanted: Search, trials: int, folder: Path, train: Objective, work: Workers = HERE
) -> list[Result]:
    folder.mkdir(exist_ok=True)
    with Progress() as progress:
        return run(wanted, trials, folder, compose_quickly, train, progress, work)


def test_ranges_are_logarithmic_over_a_decade_and_whole_where_the_setting_is() -> None:
    searched, fixed = space(
        f"{RATE}=1e-3..2e-3",
        "training.adversarial_weight=.01..1",
        f"{BACKPROP}=1..4",
        "training.stretches=4..64",
        "generator.hidden=16",
    )
    assert list(searched.values()) == [
        FloatDistribution(1e-3, 2e-3),
        FloatDistribution(0.01, 1.0, log=True),
        IntDistribution(1, 4),
        IntDistribution(4, 64, log=True),
    ]
    assert fixed == ["generator.hidden=16"]


def test_the_grammar_is_that_of_hydra() -> None:
    searched, _ = space(
        f"{RATE}=tag(log, interval(1e-3, 2e-3))",
        f"{BACKPROP}=range(1,4)",
        "generator.hidden=choice(0,16)",
    )
    assert list(searched.values()) == [
        FloatDistribution(1e-3, 2e-3, log=True),
        CategoricalDistribution(("1", "2", "3")),
        CategoricalDistribution(("0", "16")),
    ]


def test_commas_give_choices_and_brackets_do_not() -> None:
    searched, fixed = space("generator=innovation,ham2024", "grid.depth_edges=[0,10,20]")
    assert searched == {"generator": CategoricalDistribution(("innovation", "ham2024"))}
    assert fixed == ["grid.depth_edges=[0,10,20]"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["training.learning_rate=3e-3"], "nothing to search over"),
        (["training.learning_rat=1e-3..1e-2"], "did you mean training.learning_rate"),
        (["training.learning_rate=1e-3..x"], "two numbers"),
        (["training.learning_rate=1e-2..1e-3"], "ends at or before its start"),
        (["training.learning_rate=-1e-3..1e-2"], "expected a number above 0"),
        (["training.backprop=0..3"], "expected at least 1"),
        (["training.backprop=1..2.5"], "give whole ends"),
        (["training.backprop=1.5..2"], "expected a whole number"),
        (["training.backprop=1,,3"], "expected different values"),
        (["training.backprop=2,2"], "expected different values"),
        (["training.backprop=1..2,4"], "cannot be read"),
        (["training.backprop=1,two"], "expected a whole number"),
        (["generator=innovation,nothing"], "choose one of"),
        (["generator=1..2"], "does not exist"),
        (["observations.size=0.5,1"], "would change how trials are measured"),
        (["osse.test_years=1..3"], "would change how trials are measured"),
        (["training.validate_every=1..3"], "would change how trials are measured"),
        (["training.backprop=1,2", "training.backprop=1..3"], "found twice"),
        (["training.backprop=1,2", "training.backprop=1"], "found twice"),
        (["generator=innovation,ham2024", "generator.hidden=8"], "run a sweep for each generator"),
        (["generator=ham2024", "generator.hidden=8,16"], "there is no setting 'generator.hidden'"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_one_sentence(words: list[str], says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        space(*words)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("word", ["seed=3", "output=x", "training.validate_every=3", "control=files"])
def test_fixed_settings_that_nothing_would_read_are_refused(word: str) -> None:
    with pytest.raises(ConfigError, match=r"leave it out|as a flag"):
        require_usable(KNOWN_ANSWER, [word])


def test_the_settings_as_they_stand_are_those_of_the_known_answer() -> None:
    searched, fixed = space(f"{RATE}=1e-3..1e-2", "generator.hidden=0,16", "training.stretches=16")
    assert standing(searched, fixed, compose) == {RATE: 1.5e-3, "generator.hidden": "0"}
    elsewhere, fixed = space(f"{RATE}=2e-3..1e-2")
    assert standing(elsewhere, fixed, compose) == {}


def test_the_first_trial_is_the_settings_as_they_stand_and_the_best_comes_first(tmp_path: Path) -> None:
    wanted = search(f"{RATE}=3e-4..3e-2", f"{BACKPROP}=1..3")
    results = go(wanted, 12, tmp_path, pretend(bowl))
    first = next(r for r in results if r.number == 0)
    assert first.default and first.settings == {RATE: 1.5e-3, BACKPROP: 1}
    finished = [r.best for r in results if r.outcome is Outcome.FINISHED]
    assert finished == sorted(finished) and len(results) == 12
    assert results[0].best < first.best  # type: ignore[operator]
    with (tmp_path / CSV).open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["trial"]) - 1 for row in rows] == [r.number for r in results]
    assert float(rows[0]["validation_rmse_K"]) == pytest.approx(results[0].best, abs=1e-6)
    assert float(rows[0][RATE]) == results[0].settings[RATE]


def test_the_figure_is_written_and_shows_choices_too(tmp_path: Path) -> None:
    go(search(f"{RATE}=3e-4..3e-2", f"{BACKPROP}=1,2"), 3, tmp_path, pretend(bowl))
    assert (tmp_path / FIGURE).stat().st_size > 10_000


def test_the_table_fits_a_terminal(tmp_path: Path) -> None:
    wanted = search(f"{RATE}=3e-4..3e-2", "generator.solver_iterations=8..128", f"{BACKPROP}=1..3")
    lines = table(go(wanted, 6, tmp_path, pretend(bowl)), wanted.space).splitlines()
    assert max(map(len, lines[:-1])) <= 80
    assert lines[-1].startswith("best: training.learning_rate=")
    assert any(line.startswith("   *1") for line in lines)


def test_a_sweep_proposes_from_what_it_has_seen_and_from_the_seed(tmp_path: Path) -> None:
    wanted = search(f"{RATE}=1e-5..1")
    tried = sorted(go(wanted, 16, tmp_path / "a", pretend(bowl)), key=lambda r: r.number)
    again = sorted(go(wanted, 9, tmp_path / "b", pretend(bowl)), key=lambda r: r.number)
    assert [r.settings for r in tried[:9]] == [r.settings for r in again]
    other = go(search(f"{RATE}=1e-5..1", seed=4), 3, tmp_path / "c", pretend(bowl))
    assert {r.settings[RATE] for r in other} != {r.settings[RATE] for r in tried[:3]}
    away = [abs(math.log(float(r.settings[RATE]) / 3e-3)) for r in tried]
    assert sum(away[11:]) < 0.6 * sum(away[1:6])


def test_a_hopeless_trial_is_ended_early(tmp_path: Path) -> None:
    results = go(search(f"{BACKPROP}=1..8"), 8, tmp_path, pretend(lambda c: c.training.backprop**2))
    pruned = [r for r in results if r.outcome is Outcome.PRUNED]
    assert pruned and all(2 <= len(r.scores) < 5 for r in pruned)
    assert all("median" in r.reason for r in pruned)
    whole = [r for r in results if r.outcome is Outcome.FINISHED]
    assert all(len(r.scores) == 5 for r in whole)
    assert whole[0].settings[BACKPROP] == 1
    assert results == [*whole, *pruned]


def test_failed_and_diverged_trials_do_not_stop_a_sweep_and_say_why(tmp_path: Path) -> None:
    def train(config: Config, folder: Path, watch: Watch) -> float:
        if config.training.backprop == 2:
            raise RuntimeError("not enough\nmemory")
        if config.training.backprop == 3:
            raise DivergenceError("the analysis reached 1e9")
        if config.training.backprop == 4:
            watch(history([math.nan])[0])
        if config.training.backprop == 5:
            raise ConfigError("these do not go together")
        return pretend(bowl)(config, folder, watch)

    wanted = search(f"{BACKPROP}=1..6")
    results = go(wanted, 50, tmp_path, train)
    assert len(results) == 6, "each combination once"
    assert {r.settings[BACKPROP]: r.outcome.value for r in results} == {
        1: "finished",
        2: "failed",
        3: "diverged",
        4: "diverged",
        5: "failed",
        6: "finished",
    }
    reasons = {r.settings[BACKPROP]: r.reason for r in results}
    assert reasons[2] == "RuntimeError: not enough memory"
    assert "nan" in reasons[4]
    failed = next(r.number for r in results if r.settings[BACKPROP] == 2)
    assert "raise RuntimeError" in (tmp_path / TRIALS / f"{failed:03d}" / ERROR).read_text()
    text = table(results, wanted.space)
    assert "failed: RuntimeError: not enough memory" in text
    assert [r.outcome for r in results[-2:]] == [Outcome.FAILED] * 2


def test_a_full_disk_stops_a_sweep(tmp_path: Path) -> None:
    def train(config: Config, folder: Path, watch: Watch) -> float:
        raise OSError(28, "no space left")

    with pytest.raises(OSError, match="no space"):
        go(search(f"{BACKPROP}=1..6"), 3, tmp_path, train)


def test_another_sweep_in_the_same_folder_is_refused_and_more_trials_are_not(tmp_path: Path) -> None:
    wanted = search(f"{BACKPROP}=1..8")
    go(wanted, 2, tmp_path, pretend(bowl))
    assert len(go(wanted, 4, tmp_path, pretend(bowl))) == 4
    with pytest.raises(ConfigError, match=r"1 to 8.*1 to 7.* asked for"):
        go(search(f"{BACKPROP}=1..7"), 4, tmp_path, pretend(bowl))


def test_importance_is_shown_for_many_trials_and_finds_what_matters() -> None:
    wanted = search(f"{RATE}=1e-5..1", "training.patience=1..9")
    results = []
    for number in range(40):
        rate = 10 ** (-5 + number / 8)
        settings: dict[str, Value] = {RATE: rate, "training.patience": 1 + number * 7 % 9}
        score = math.log(rate / 3e-3) ** 2
        results.append(Result(number, settings, Outcome.FINISHED, (score,), score, 1, 1.0, "", False))
    found = importance(results, wanted.space)
    assert found[RATE] > 0.7
    assert "learning_rate 0." in table(results, wanted.space)
    assert importance(results[:5], wanted.space) == {}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Result]]:
    """Three trials of real training, two updates each."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, go(*tiny(folder))


def tiny(folder: Path) -> tuple[Search, int, Path, Objective]:
    fixed = ("training.updates=2", "training.stretches=2", "generator.solver_iterations=2")
    wanted = search(f"{RATE}=1e-3..1e-1", f"{BACKPROP}=1..2", *fixed)
    return wanted, 3, folder, trainer(setups(), None, Progress())


def test_an_interrupted_sweep_ends_with_the_trials_of_the_uninterrupted(
    uninterrupted: tuple[Path, list[Result]], tmp_path: Path
) -> None:
    wanted, trials, folder, train = tiny(tmp_path / "broken")
    shown = 0

    def until_struck(config: Config, where: Path, watch: Watch) -> float:
        def seen(entries: list[dict[str, float]]) -> None:
            nonlocal shown
            shown += 1
            if shown == 3:  # in the midst of the second trial, before the study holds it
                raise KeyboardInterrupt
            watch(entries)

        return train(config, where, seen)

    with pytest.raises(KeyboardInterrupt):
        go(wanted, trials, folder, until_struck)
    results = go(wanted, trials, folder, train)
    assert shown == 3
    whole = uninterrupted[1]
    assert [(r.number, r.settings, r.outcome) for r in results] == [
        (r.number, r.settings, r.outcome) for r in whole
    ]
    assert [r.scores for r in results] == [r.scores for r in whole]


def test_each_trial_leaves_its_learning_curve_and_its_settings_and_no_weights(
    uninterrupted: tuple[Path, list[Result]],
) -> None:
    folder, results = uninterrupted
    for result in results:
        kept = folder / TRIALS / f"{result.number:03d}"
        with (kept / LEARNING).open() as file:
            rows = list(csv.DictReader(file))
        assert tuple(float(row["validation"]) for row in rows) == result.scores
        assert [int(row["update"]) for row in rows] == list(range(1, len(rows) + 1))
        assert float(rows[-1]["seconds"]) == result.seconds > 0
        assert "updates: 2" in (kept / "config.yaml").read_text()
        assert not (kept / STATE).exists()


def test_minutes_become_updates_which_a_resumed_trial_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        TrainingSetup, "affordable", lambda setup, recipe, seconds, fewest: int(seconds / 2)
    )
    train = trainer(setups(), 0.1, Progress())
    config = compose(["training.stretches=2", "generator.solver_iterations=2"])
    seen: list[float] = []
    train(config, tmp_path, lambda entries: seen.append(entries[-1]["update"]))
    assert seen == [1, 2, 3]
    assert "updates: 3" in (tmp_path / "config.yaml").read_text()
    (tmp_path / STATE).unlink()
    again: list[float] = []
    trainer(setups(), 60.0, Progress())(config, tmp_path, lambda e: again.append(e[-1]["update"]))
    assert again == seen


class Ticking(TrainingSetup):
    """A training on a clock of its own: what comes first is slow, as a cold start is."""

    now, validated, trained = 0.0, 0, 0

    @classmethod
    def new(cls, monkeypatch: pytest.MonkeyPatch) -> Self:
        cls.now, cls.validated, cls.trained = 0.0, 0, 0
        monkeypatch.setattr("deepda.training.setup.time.perf_counter", lambda: cls.now)
        return cls(lambda: SimpleNamespace(analyser=None), None, cls, None)  # type: ignore[arg-type]

    @classmethod
    def errors(cls, analyser: object) -> None:
        cls.validated += 1
        cls.now += 30.0 if cls.validated == 1 else 1.0

    def train(self, recipe: Recipe, progress: Progress, folder: Path, watch: Watch) -> None:
        cls = type(self)
        for update in range(1, recipe.updates + 1):
            cls.trained += 1
            cls.now += 9.0 if cls.trained < 3 else 0.1
            if update % recipe.validate_every == 0:
                watch([])


def test_updates_are_counted_at_the_pace_of_a_warm_training(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe.of(compose([]).training)
    assert Ticking.new(monkeypatch).affordable(recipe, 60.0, 20) == 540  # 6 validations of 1 s


def test_minutes_that_hold_no_training_are_refused_with_those_that_would(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe, setup = Recipe.of(compose([]).training), Ticking.new(monkeypatch)
    with pytest.raises(ConfigError, match=r"0\.1 minutes .* expected at least 0\.2") as refusal:
        setup.affordable(recipe, 6.0, 20)
    assert "6 validations of 1.0 s" in str(refusal.value) and "\n" not in str(refusal.value)
    assert setup.affordable(recipe, 12.0, 20) == 60


def test_a_winner_among_trials_that_failed_is_said_to_be_one_of_few(tmp_path: Path) -> None:
    def train(config: Config, folder: Path, watch: Watch) -> float:
        if config.training.backprop == 2:
            raise ConfigError("0.1 minutes of training given")
        return pretend(bowl)(config, folder, watch)

    wanted = search(f"{BACKPROP}=1,2")
    text = table(go(wanted, 2, tmp_path, train), wanted.space)
    assert re.search(r"trial \d failed: 0\.1 minutes of training given", text)
    assert "best of 1 trial that finished (1 failed): training.backprop=1" in text


def test_the_whole_command_refuses_before_it_works(tmp_path: Path) -> None:
    with pytest.raises(DeepDAError, match="nothing to search over"):
        sweep(KNOWN_ANSWER, [], 3, 1.0, 11, tmp_path / "new")
    with pytest.raises(DeepDAError, match="means nothing to the known answer"):
        sweep(KNOWN_ANSWER, ["control=files", f"{BACKPROP}=1..2"], 3, 1.0, 11, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_what_was_searched_is_kept(tmp_path: Path) -> None:
    go(search(f"{BACKPROP}=1..3", "training.stretches=4"), 1, tmp_path, pretend(bowl))
    kept = json.loads((tmp_path / "sweep.json").read_text())
    assert kept["fixed"] == ["training.stretches=4"] and kept["space"] == [
        f"{BACKPROP}: whole numbers 1 to 3"
    ]


SMALL_TWIN = [
    "osse=smoke",
    "per_year=12",
    "osse.spinup=2",
    "grid.lat_edges={start: -90, stop: 90, step: 30}",
    "grid.lon_edges={start: 0, stop: 360, step: 30}",
    "grid.depth_edges=[0, 50, 300]",
    "generator.hidden=0",
    "generator.solver_iterations=2",
    "observations=random",
    "training.updates=2",
    f"{RATE}=1e-3,1e-1",
]


def test_the_twin_experiment_can_be_swept_and_its_test_years_stay_unseen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(TWIN, SMALL_TWIN, 2, None, 11, tmp_path) == 0
    out = capsys.readouterr().out
    assert "best: training.learning_rate=" in out
    with (tmp_path / CSV).open() as file:
        rows = list(csv.DictReader(file))
    assert {float(row[RATE]) for row in rows} == {1e-3, 1e-1}
    assert rows[0]["validation_rmse_K"] < rows[1]["validation_rmse_K"]
    made = {path.name for path in tmp_path.iterdir()} - {"log.txt", "control.nc"}
    assert made == {CSV, TRIALS, "study.journal", "sweep.json"}


def test_the_command_line_reaches_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr("osse.sweep.run.sweep", lambda *words: calls.append(words))
    space = f"{RATE}=1e-3..1e-2"
    assert main(["sweep", space]) == 0
    flags = ["--on", "osse", "--trials", "3", "--minutes", "0.5", "--seed", "2", "--output", "x"]
    assert main(["sweep", *flags, "--workers", "2", space, "generator.hidden=8"]) == 0
    assert main(["sweep", space, "training.updates=20"]) == 0
    assert calls == [
        (KNOWN_ANSWER, [space], 12, 1.0, 11, Path("runs/sweep"), 1, None),
        (TWIN, [space, "generator.hidden=8"], 3, 0.5, 2, Path("x"), 2, None),
        (KNOWN_ANSWER, [space, "training.updates=20"], 12, None, 11, Path("runs/sweep"), 1, None),
    ]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--minutes", "1", "training.updates=20"], "--minutes and training.updates both given"),
        (["--minutes", "0"], "expected a number above 0"),
        (["--trials", "0"], "expected at least 1"),
        (["--seed", "-1"], "expected at least 0"),
        (["--on", "mars"], "invalid choice"),
    ],
)
def test_wrong_flags_are_refused_in_one_sentence(
    capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    assert main(["sweep", f"{BACKPROP}=1,2", *words]) == 2
    out, err = capsys.readouterr()
    assert out == "" and says in err and err.count("\n") == 1
