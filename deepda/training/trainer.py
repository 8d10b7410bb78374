"""Training in the cycle: stretches of the control simulation run in parallel, each with its own
observing network, and the gradient is followed through a few windows at a time.

A Kalman gain that is best at each window is best for all that follow, and the spread is judged at
each window too; so short truncation loses little (docs/ablation.md has the measured scores).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from deepda.assimilation.cycle import StateEstimate, require_physical
from deepda.base.errors import CheckpointError
from deepda.base.files import write_whole
from deepda.base.progress import Progress
from deepda.networks.dropout import combined, thinned
from deepda.networks.trainable import TrainableAnalyser
from deepda.settings.schema import TrainingConfig
from deepda.training.critic import Critic, Increment
from deepda.training.ranks import ALONE, Ranks
from deepda.training.stretches import Batch, Streams, TrainingData
from deepda.training.unfinished import moments_of, read_state, restore_moments, under

STATE = "training.safetensors"  # of an unfinished training, in the folder of its run
LEARNING = "learning.csv"  # its learning curve, beside it
CLIP = 0.1  # norm of the gradient
AVERAGE = 0.02  # share of the newest weights in their moving average
WARM_UP = 20  # updates

History = list[dict[str, float]]  # update, loss, validation (K), seconds, at each validation
Watch = Callable[[History], None]


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes:
        updates: number of updates; the learning rate falls to zero along them.
        stretches: parallel streams.
        backprop: windows through which the gradient is followed.
        validate_every: updates between validations.
        patience: validations without a gain before training stops.
    """

    updates: int
    stretches: int
    backprop: int
    learning_rate: float
    adversarial_weight: float
    validate_every: int
    patience: int
    seed: int

    @classmethod
    def of(cls, settings: TrainingConfig) -> Recipe:
        """What the settings of a training say of it."""
        return cls(**{field.name: getattr(settings, field.name) for field in fields(cls)})


class Trainer:
    """Trains an Analyser that is a torch module; saves itself and resumes bit for bit.

    Args:
        discriminator: judges increments; None without adversarial part.
        validate: score of the present (averaged) weights, smaller is better.
        folder: where the state of the training is kept, and its learning curve.
        watch: is shown the history after each validation, and may end the training by raising.
    """

    def __init__(
        self,
        analyser: TrainableAnalyser,
        discriminator: nn.Module | None,
        data: TrainingData,
        recipe: Recipe,
        validate: Callable[[], float],
        folder: Path,
        watch: Watch = lambda history: None,
        ranks: Ranks = ALONE,
    ) -> None:
        ranks.align(analyser, *([discriminator] if discriminator else []))
        self.analyser, self.ranks, self.own = analyser, ranks, ranks.share(recipe.stretches)
        self.recipe, self.validate, self.folder, self.watch = recipe, validate, folder, watch
        self.device = next(analyser.parameters()).device
        self.weights = data.weights.to(self.device)
        self.streams = Streams(data, recipe.seed, self.own, self.device, ranks)
        self.optimiser = torch.optim.Adam(parameter_groups(analyser, recipe.learning_rate))
        share = len(self.own) / recipe.stretches
        critic = Critic(discriminator, recipe.learning_rate, share, ranks) if discriminator else None
        self.critic = critic
        self.average = {name: value.detach().clone() for name, value in self._named()}
        self.best = {name: value.clone() for name, value in self.average.items()}
        self.estimate: StateEstimate | None = None
        self.done, self.stale, self.best_score = 0, 0, math.inf
        self.history: History = []
        self.begin = 0.0

    def run(self, progress: Progress) -> History:
        """Train to the end; leaves the best validated weights in the analyser.

        Raises:
            DivergenceError: an analysis ran away.
        """
        self._resume()
        before = self.history[-1].get("seconds", 0.0) if self.history else 0.0
        self.begin = time.perf_counter() - before
        remaining = range(self.done, self.recipe.updates)
        for _ in progress.track(remaining, "Training", total=len(remaining)):
            loss = self._update()
            self.done += 1
            if self.done % self.recipe.validate_every == 0 or self.done == self.recipe.updates:
                self._validate(loss, progress)
                self._save()
                if self.ranks.first:
                    write_learning(self.history, self.folder / LEARNING)
                self.watch(self.history)
                if self.stale > self.recipe.patience:
                    progress.note(f"no gain in {self.stale} validations: training ends early")
                    break
        self._load(self.best)
        return self.history

    def _update(self) -> float:
        self.analyser.train()
        self._set_rate()
        estimate = self.estimate.detach() if self.estimate is not None else None
        total = torch.zeros((), device=self.device)
        increments: list[Increment] = []
        masks = [combined(self.recipe.seed, self.done, stream) for stream in self.own]
        with thinned(self.analyser, masks):
            for _ in range(self.recipe.backprop):
                estimate, loss, increment = self._window(estimate, self.streams.next())
                total = total + loss / self.recipe.backprop
                increments.append(increment)
        assert estimate is not None
        if self.critic is not None:
            total = total + self.recipe.adversarial_weight * self.critic.judge(increments)
        self.optimiser.zero_grad()
        total.backward()
        self.ranks.sum_gradients(self.analyser.parameters())
        nn.utils.clip_grad_norm_(self.analyser.parameters(), CLIP)
        self.optimiser.step()
        self.analyser.renew()
        share = max(AVERAGE, 1 / (self.done + 2))
        for name, value in self._named():
            self.average[name].lerp_(value.detach(), share)
        self.estimate = estimate.detach()
        require_physical(self.estimate)
        return float(self.ranks.sum(total.detach()))

    def _window(
        self, estimate: StateEstimate | None, batch: Batch
    ) -> tuple[StateEstimate, Tensor, Increment]:
        """The analysis of a window, its loss, and what a discriminator may see of it."""
        analyser = self.analyser
        first = analyser.first_guess(len(batch.fresh))
        estimate = first if estimate is None else first.where(batch.fresh, estimate)
        background = analyser.forecast(estimate, batch.observations.season)
        analyses = analyser.training_analyses(background, batch.observations)
        judged = [analyser.objective(background, one, batch.truth, self.weights) for one in analyses]
        analysis, loss = analyses[0], (batch.weight * torch.stack(judged).mean(0)).sum()
        seen = batch.observations.seen.to(batch.truth.dtype)
        return analysis, loss, Increment(background.mean.detach(), analysis.mean, batch.truth, seen)

    def _set_rate(self) -> None:
        rise = min(1.0, (self.done + 1) / WARM_UP)
        fall = 0.5 * (1 + math.cos(math.pi * self.done / self.recipe.updates)) + 0.01
        for group in self.optimiser.param_groups:
            group["lr"] = group["full"] * rise * fall

    def _validate(self, loss: float, progress: Progress) -> None:
        present = {name: value.detach().clone() for name, value in self._named()}
        self._load(self.average)
        self.analyser.eval()
        score = self.ranks.by_first(self.validate)
        if score < self.best_score:
            self.best_score, self.stale = score, 0
            self.best = {name: value.clone() for name, value in self.average.items()}
        else:
            self.stale += 1
        self._load(present)
        seconds = round(time.perf_counter() - self.begin, 1)
        entry = {"update": self.done, "loss": loss, "validation": score, "seconds": seconds}
        self.history.append(entry)
        progress.note(f"update {self.done}: loss {loss:.4f}, validation RMSE {score:.5f} K")

    def _named(self) -> Iterator[tuple[str, nn.Parameter]]:
        return self.analyser.named_parameters()

    def _load(self, values: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, value in self._named():
                value.copy_(values[name])
        self.analyser.renew()

    def _save(self) -> None:
        tensors = {f"present.{n}": v.detach() for n, v in self._named()}
        tensors |= {f"average.{n}": v for n, v in self.average.items()}
        tensors |= {f"best.{n}": v for n, v in self.best.items()}
        tensors |= moments_of("adam", self.optimiser)
        if self.critic is not None:
            weights = self.critic.discriminator.state_dict()
            tensors |= {f"critic.{n}": v for n, v in weights.items()}
            tensors |= moments_of("judge", self.critic.optimiser)
        assert self.estimate is not None
        for name, field in vars(self.estimate).items():  # of the streams of all processes
            tensors[f"estimate.{name}"] = self.ranks.whole(field, self.recipe.stretches)
        places = torch.tensor(self.streams.places(), device=self.device)
        state = {
            "recipe": vars(self.recipe),
            "done": self.done,
            "stale": self.stale,
            "best_score": self.best_score,
            "places": self.ranks.whole(places, self.recipe.stretches).tolist(),
            "history": self.history,
        }
        if not self.ranks.first:
            return
        clean = {name: value.detach().contiguous().cpu() for name, value in tensors.items()}
        write_whole(
            self.folder / STATE,
            lambda path: save_file(clean, path, metadata={"state": json.dumps(state)}),
        )

    def _resume(self) -> None:
        path = self.folder / STATE
        if not path.exists():
            return
        state, tensors = read_state(path, self.device)
        if state["recipe"] != vars(self.recipe):
            raise CheckpointError(
                f"{path} holds a training with other settings, expected {vars(self.recipe)}; "
                "choose another --output, or remove that folder"
            )
        present = under("present", tensors)
        shapes, own = ({n: v.shape for n, v in some.items()} for some in (present, self.average))
        if shapes != own:
            raise CheckpointError(
                f"{path} holds a training of other weights, expected those of this version; "
                "remove the file to train anew"
            )
        self._load(present)
        self.average, self.best = under("average", tensors), under("best", tensors)
        restore_moments("adam", self.optimiser, tensors)
        if self.critic is not None:
            self.critic.discriminator.load_state_dict(under("critic", tensors))
            restore_moments("judge", self.critic.optimiser, tensors)
        streams = list(self.own)
        self.estimate = StateEstimate(**{n: v[streams] for n, v in under("estimate", tensors).items()})
        self.done, self.stale, self.best_score = state["done"], state["stale"], state["best_score"]
        self.history = state["history"]
        self.streams.rewind([state["places"][stream] for stream in streams])


def write_learning(history: Sequence[dict[str, float]], path: Path) -> None:
    """The learning curve as CSV: a row a validation (error in K; seconds since training began)."""
    columns = ("update", "loss", "validation", "seconds")
    rows = [columns, *([str(entry.get(column, "")) for column in columns] for entry in history)]
    write_whole(path, lambda partial: partial.write_text("".join(",".join(row) + "\n" for row in rows)))


def parameter_groups(analyser: TrainableAnalyser, learning_rate: float) -> list[dict]:
    """Adam's groups: those that the analyser names, and all other parameters."""
    groups = analyser.learning_rate_factors()
    named = {id(parameter) for _, group in groups for parameter in group}
    others = [parameter for parameter in analyser.parameters() if id(parameter) not in named]
    return [
        {"params": params, "lr": learning_rate * factor, "full": learning_rate * factor}
        for factor, params in (*groups, (1.0, others))
        if params
    ]
