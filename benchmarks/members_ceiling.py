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
from ceiling import KEPT, LEAST, SEED, Fields, OfCells, Samples, around, cells_of, fitted
from numpy.typing import NDArray
from table_text import as_table
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
KNOWN = {
    "network: layer, latitude, stated spread": 1,
    "and what is observed around": 2,
    "and season": 3,
    "and state": 4,
    "and shape": 4,
}


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
        own = Samples(samples, grid, half)
        covered, anomaly = own.covered, own.fields["anomaly"]
        size = np.abs(own.fields["increment"])
        slope = np.hypot(np.gradient(anomaly, axis=-1), np.gradient(anomaly, axis=-2))
        self.error = own.in_ocean(own.fields["error"])
        self.stated = np.maximum(own.in_ocean(own.fields["spread"]), LEAST)
        self.layer = own.in_ocean(own.layers)
        bands = ((own.lat + 90) // BAND).astype(int)
        self.region = own.in_ocean(own.layers * (bands.max() + 1) + bands)
        self.known = [
            own.features(*own.place, *own.spreads),
            own.features(covered, covered[..., :1, :, :], around(covered, 3), around(covered, 7)),
            own.features(*own.season(1, 2)),
            own.features(anomaly, np.abs(anomaly), np.gradient(anomaly, axis=-3), slope,
                         size, around(size, 5)),
        ]  # fmt: skip

    def sigma_by(self, groups: NDArray, unit: NDArray | float, number: int) -> NDArray[np.float64]:
        """(number) root mean square of the error over `unit` in each group, one where it has no cell."""
        square = np.bincount(groups, (self.error / unit) ** 2, number)
        return np.sqrt(
            np.where(square > 0, square / np.maximum(np.bincount(groups, None, number), 1), 1)
        )


def mixture(outputs: Tensor, error: Tensor, stated: Tensor, plain: bool) -> Tensor:
    """(cell) CRPS of two Gaussians of one centre, of which the outputs of a network are the sizes.

    Args:
        outputs: (cell, 3) logarithm of the first standard deviation over the stated one, how much larger
            the second is, share of the first.
        error, stated: (cell) error of the centre, stated standard deviation.
        plain: the first alone.
    """
    size, ratio, share = outputs.unbind(-1)
    first = stated * size.exp()
    if plain:
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

    def crps(half: Cells) -> OfCells:
        error, stated = torch.from_numpy(half.error), torch.from_numpy(half.stated)
        return lambda outputs, at: mixture(outputs, error[at], stated[at], plain)

    here, share = crps(own), torch.from_numpy((1 / unit[own.layer]).astype(np.float32))

    def loss(outputs: Tensor, at: Tensor) -> Tensor:
        return (here(outputs, at) * share[at]).mean()

    network = fitted(own.known[:lines], loss, 3, zero=True)
    return network.at(other.known[:lines], crps(other)).astype(float)


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
    rows = [["spread of the members", "CRPS over that of shadow twins", "by depth"]]
    for name, both in found.items():
        ratios = np.mean(both, 0) / twins.mean(0), (np.array(both) / twins).mean(1)
        rows.append([name, *cells_of(*ratios)])
    print(as_table(rows))


if __name__ == "__main__":
    main()
