"""How much better than shadow twins members could be: the least CRPS that a network reaches in a cell.

    python benchmarks/members_ceiling.py runs/embedded samples.npz

Stretches of two training years are analysed, in groups that one network observes; `samples.npz` keeps
the errors, and is read where it is there. Each stretch is the truth once, the others of its group are
its shadow twins. On half of the groups a small network learns the standard deviation of the error of a
cell, by the CRPS itself; it is scored on the other half, and the other way round. From line to line it
is given more. Members drawn from what it predicts would have this score, so that no generator of members
that is given as much has a much better one, unless its mean or its shape is better: the last line has a
shape of its own in each cell, two Gaussians of one centre.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from torch import Tensor, nn

from deepda.assimilation.cycle import Observations, cycle, inferred
from deepda.base.progress import Clock, Progress
from deepda.geometry.grid import Grid
from deepda.observations.synthetic import observe_gridded
from deepda.runs.finished import FinishedRun
from deepda.training.stretches import TrainingData
from deepda.verification.reliability import crps_ensemble
from osse.twin.training import twin_training

GROUPS = 4  # even ones are one half, odd ones the other
YEARS, SPINUP, EVERY = 2, 40, 3  # of a stretch; windows of its cold start; windows between samples
BAND = 20.0  # degrees of latitude of a region
LEAST = 1e-3  # standard deviations
CELLS, UPDATES, BATCH, WIDTH, SEED = 3_000_000, 2000, 16_384, 48, 1
KEPT = ("error", "spread", "background_spread", "anomaly", "increment", "coverage")
KNOWN = {
    "network: layer, latitude, stated spread": 1,
    "and what is observed around": 2,
    "and season": 3,
    "and state": 4,
    "and shape": 4,
}
Fields = NDArray[np.float32]


def sample(run: FinishedRun, progress: Progress) -> dict[str, NDArray]:
    """KEPT (group, time, stretch, L, Y, X), standardised, `season` (time), `scale` (L, Y, X) K."""
    with (
        TemporaryDirectory() as cache,
        twin_training(run.config, run.folder, Path(cache), Clock(), progress) as training,
    ):
        data = training.setup(run.config).data
        groups = [list(_sampled(run, data, group, progress)) for group in range(GROUPS)]
    fields = {name: np.array([[window[name] for window in group] for group in groups]) for name in KEPT}
    season = np.arange(SPINUP, YEARS * data.per_year, EVERY) % data.per_year
    return {**fields, "season": season, "scale": data.scale}


def _sampled(
    run: FinishedRun, data: TrainingData, group: int, progress: Progress
) -> Iterator[dict[str, NDArray[np.float16]]]:
    """KEPT (stretch, L, Y, X) of each window that is kept of a group."""
    length = YEARS * data.per_year
    stretches = len(data.anomalies) // length // GROUPS
    if stretches < 3:
        raise SystemExit(
            f"{stretches} stretches a group found, expected 3 or more; take a longer control"
        )
    firsts = [(place * GROUPS + group) * length for place in range(stretches)]
    rng = np.random.default_rng([SEED, group])
    network = data.network.stretch(length, rng, int(data.season[0]))
    with torch.inference_mode():
        first = run.analyser.first_guess(stretches)
    windows = _observed(data, firsts, network, rng)
    shown = progress.track(inferred(cycle(run.analyser, first, windows)), f"Group {group}", total=length)
    for step, (background, analysis, observed) in enumerate(shown):
        if step < SPINUP or (step - SPINUP) % EVERY:
            continue
        truth = torch.from_numpy(_truth(data, firsts, step))
        fields = (
            truth - analysis.mean,
            analysis.spread,
            background.spread,
            analysis.mean,
            analysis.mean - background.mean,
            (observed.precision * background.spread**2).clamp(max=1e4),
        )
        yield {name: field.numpy().astype(np.float16) for name, field in zip(KEPT, fields, strict=True)}


def _truth(data: TrainingData, firsts: Sequence[int], step: int) -> Fields:
    return np.stack([data.anomalies[first + step] for first in firsts])


def _observed(
    data: TrainingData, firsts: Sequence[int], network: Iterator[Fields], rng: np.random.Generator
) -> Iterator[Observations]:
    """Each window of all stretches, observed at the same cells."""
    for step, precision in enumerate(network):
        known = precision * data.scale**2
        value = np.stack([observe_gridded(truth, known, rng) for truth in _truth(data, firsts, step)])
        repeated = torch.from_numpy(known).expand(value.shape).contiguous()
        season = torch.full((len(firsts),), int(data.season[step]))
        yield Observations(torch.from_numpy(value), repeated, season, data.per_year)


class Cells:
    """Errors in the ocean cells of one half, and what may be known there.

    Attributes:
        error, stated: (cell) standardised; the spread that the generator states.
        layer, region: (cell) numbers; a region is a band of latitude of a layer.
        known: (cell, feature) each, what the lines of KNOWN add to one another.
    """

    def __init__(self, samples: dict[str, NDArray], grid: Grid, half: int) -> None:
        fields = {name: samples[name][half::2].astype(np.float32) for name in KEPT}
        shape = fields["error"].shape
        wet = np.broadcast_to(grid.ocean, shape)

        def chosen(*columns: NDArray) -> Fields:
            return np.stack([np.broadcast_to(c, shape)[wet] for c in columns], 1).astype(np.float32)

        layers, lat = np.arange(shape[-3])[:, None, None], grid.lat[:, None]
        turn = 2 * np.pi * samples["season"][:, None, None, None, None] / (samples["season"].max() + 1)
        spreads = [np.log(np.maximum(fields[name], LEAST)) for name in ("spread", "background_spread")]
        north = np.deg2rad(lat)
        covered, anomaly = np.log1p(fields["coverage"]), fields["anomaly"]
        slope = np.hypot(np.gradient(anomaly, axis=-1), np.gradient(anomaly, axis=-2))
        self.error = fields["error"][wet]
        self.stated = np.maximum(fields["spread"][wet], LEAST)
        self.layer = np.broadcast_to(layers, shape)[wet]
        bands = ((lat + 90) // BAND).astype(int)
        self.region = np.broadcast_to(layers * (bands.max() + 1) + bands, shape)[wet]
        self.known = [
            chosen(*(layers == layer for layer in range(shape[-3])),
                   *(wave(k * north) for k in (1, 2, 4) for wave in (np.sin, np.cos)), *spreads),
            chosen(covered, covered[..., :1, :, :], _around(covered, 3), _around(covered, 7)),
            chosen(*(wave(k * turn) for k in (1, 2) for wave in (np.sin, np.cos))),
            chosen(anomaly, np.abs(anomaly), np.gradient(anomaly, axis=-3), slope,
                   np.abs(fields["increment"]), _around(np.abs(fields["increment"]), 5)),
        ]  # fmt: skip

    def sigma_by(self, groups: NDArray, unit: NDArray | float, number: int) -> NDArray[np.float64]:
        """(number) root mean square of the error over `unit` in each group, one where it has no cell."""
        square = np.bincount(groups, (self.error / unit) ** 2, number)
        return np.sqrt(
            np.where(square > 0, square / np.maximum(np.bincount(groups, None, number), 1), 1)
        )


def _around(field: Fields, cells: int) -> Fields:
    """Means over squares of so many cells."""
    return uniform_filter(field, cells, mode=["nearest", "wrap"], axes=(-2, -1))


class Spread(nn.Module):
    """Standard deviations of two Gaussians of one centre, and the share of the first; one if `plain`."""

    def __init__(self, features: int, plain: bool) -> None:
        super().__init__()
        self.plain = plain
        self.layers = nn.Sequential(
            nn.Linear(features, WIDTH),
            nn.SiLU(),
            nn.Linear(WIDTH, WIDTH),
            nn.SiLU(),
            nn.Linear(WIDTH, 3),
        )
        nn.init.zeros_(self.layers[-1].weight)
        nn.init.zeros_(self.layers[-1].bias)

    def crps(self, known: Tensor, error: Tensor, stated: Tensor) -> Tensor:
        """(cell) of an error whose stated spread is to be multiplied."""
        size, ratio, share = self.layers(known).unbind(-1)
        first = stated * size.exp()
        if self.plain:
            return _half(error, first) - _half(torch.zeros_like(error), first * 2**0.5) / 2
        second, share = first * (1 + nn.functional.softplus(ratio)), torch.sigmoid(share)
        parts = ((share, first), (1 - share, second))
        near = sum(weight * _half(error, sigma) for weight, sigma in parts)
        zero = torch.zeros_like(error)
        apart = sum(a * b * _half(zero, torch.hypot(s, t)) for a, s in parts for b, t in parts)
        return near - apart / 2


def _half(error: Tensor, sigma: Tensor) -> Tensor:
    """Expectation of |x - error|, x a Gaussian of mean zero (Grimit et al. 2006, eq. 5)."""
    z = error / sigma
    density = torch.exp(-0.5 * z**2) / (2 * np.pi) ** 0.5
    return error * (2 * torch.special.ndtr(z) - 1) + 2 * sigma * density


def learnt(own: Cells, other: Cells, unit: NDArray, lines: int, plain: bool) -> NDArray[np.float64]:
    """(cell) CRPS at the cells of another half, of a network that learnt from this one.

    Args:
        own, other: halves.
        unit: (layer) standardised; all layers weigh alike in what is learnt.
        lines: of `known` that it is given.
        plain: a Gaussian.
    """
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    picked = rng.choice(own.error.size, min(CELLS, own.error.size), replace=False)
    known = np.hstack([part[picked] for part in own.known[:lines]])
    mean, scale = known.mean(0), known.std(0) + 1e-6
    inputs = torch.from_numpy((known - mean) / scale)
    error, stated, share = (
        torch.from_numpy(column[picked].astype(np.float32))
        for column in (own.error, own.stated, 1 / unit[own.layer])
    )
    network = Spread(inputs.shape[1], plain)
    steps = torch.optim.Adam(network.parameters(), 3e-3)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(steps, UPDATES)
    for _ in range(UPDATES):
        at = torch.randint(len(inputs), (BATCH,))
        steps.zero_grad()
        (network.crps(inputs[at], error[at], stated[at]) * share[at]).mean().backward()
        steps.step()
        slower.step()
    scored = np.empty(other.error.size)
    with torch.inference_mode():
        for part in np.array_split(np.arange(other.error.size), 40):
            inputs = torch.from_numpy((np.hstack([k[part] for k in other.known[:lines]]) - mean) / scale)
            cells = (torch.from_numpy(column[part]) for column in (other.error, other.stated))
            scored[part] = network.crps(inputs, *cells).numpy()
    return scored


def gaussian(error: Fields, sigma: NDArray) -> NDArray[np.float64]:
    """(cell) CRPS of a Gaussian about the analysis."""
    error, sigma = (torch.from_numpy(np.asarray(part, dtype=np.float64)) for part in (error, sigma))
    return (_half(error, sigma) - _half(torch.zeros_like(error), sigma * 2**0.5) / 2).numpy()


def shadows(samples: dict[str, NDArray], grid: Grid, half: int) -> NDArray[np.float64]:
    """(cell) fair CRPS of the errors of the other stretches of a group."""
    error = samples["error"][half::2].astype(np.float32)
    scored = np.empty(error.shape, np.float32)
    for place in range(error.shape[2]):
        others = xr.DataArray(np.delete(error, place, 2), dims=("g", "t", "realization", "z", "y", "x"))
        truth = xr.DataArray(error[:, :, place], dims=("g", "t", "z", "y", "x"))
        scored[:, :, place] = crps_ensemble(others, truth).transpose("g", "t", "z", "y", "x")
    return scored[np.broadcast_to(grid.ocean, error.shape)]


def by_layer(
    crps: NDArray, cells: Cells, samples: dict[str, NDArray], grid: Grid
) -> NDArray[np.float64]:
    """(layer) means over area, K."""
    weight = grid.area * samples["scale"]
    shape = samples["error"][0::2].shape
    wet = np.broadcast_to(grid.ocean, shape)
    kelvin = np.bincount(cells.layer, crps * np.broadcast_to(weight, shape)[wet])
    return kelvin / np.bincount(cells.layer, np.broadcast_to(grid.area * grid.ocean, shape)[wet])


def compared(
    own: Cells, other: Cells, samples: dict[str, NDArray], grid: Grid, half: int
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Name and CRPS (cell of the `other` half, whose number is `half`) of each kind of members."""
    yield "shadow twins", shadows(samples, grid, half)
    by_region = own.sigma_by(own.region, 1.0, int(other.region.max()) + 1)
    yield "one spread a layer and region", gaussian(other.error, by_region[other.region])
    yield "stated spread", gaussian(other.error, other.stated)
    factor = own.sigma_by(own.layer, own.stated, grid.shape[0])
    yield "stated spread, a factor a layer", gaussian(other.error, other.stated * factor[other.layer])
    unit = own.sigma_by(own.layer, 1.0, grid.shape[0])
    for name, number in KNOWN.items():
        yield name, learnt(own, other, unit, number, plain="shape" not in name)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("run", type=Path, help="folder of a run trained on all of its training years")
    parser.add_argument("samples", type=Path, help="file of errors, made where it is not there")
    given = parser.parse_args()
    run = FinishedRun(given.run, "cpu")
    found: dict[str, list[NDArray]] = {}
    with Progress() as progress:
        if not given.samples.exists():
            np.savez(given.samples, **sample(run, progress))
        samples, grid = dict(np.load(given.samples)), run.space.grid
        halves = [Cells(samples, grid, half) for half in (0, 1)]
        for half in (0, 1):
            own, other = halves[1 - half], halves[half]
            lines = compared(own, other, samples, grid, half)
            for name, crps in progress.track(lines, f"Half {half + 1}", total=4 + len(KNOWN)):
                found.setdefault(name, []).append(by_layer(crps, other, samples, grid))
    twins = np.array(found["shadow twins"])
    print("| spread of the members | CRPS over that of shadow twins | by depth |\n|---|---|---|")
    for name, both in found.items():
        ratio, halved = np.mean(both, 0) / twins.mean(0), (np.array(both) / twins).mean(1)
        apart = ", ".join(f"{part:.3f}" for part in halved)
        print(f"| {name} | {ratio.mean():.3f} ({apart}) | {', '.join(f'{x:.3f}' for x in ratio)} |")


if __name__ == "__main__":
    main()
