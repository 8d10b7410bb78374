"""One walk through the years: what the pages show of a product, and of a product against another.

Twice over the files, block by block: first the seasonal cycle, then everything that needs anomalies.
In memory are sums over time on the grid, a few series of single levels (on disk where they are large),
and one block of windows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.sparse import csr_array

from deepda.base.files import mapped_array
from deepda.base.progress import Progress
from deepda.climatology.seasonal import harmonic_basis
from deepda.evaluation.calendars import Axis
from deepda.evaluation.heat import heat_bottoms
from deepda.evaluation.product import MEMBERS, STDDEV, Product
from deepda.evaluation.records import Comparison, Floats, Frame, Record
from deepda.evaluation.reliability import ReliabilitySums
from deepda.evaluation.seasonal import fit_weights
from deepda.geometry.grid import Grid
from deepda.verification import (
    VerificationError,
    heat_content,
    region_weights,
    weighted_mean,
    zonal_spectrum,
)
from deepda.verification.scores import Box
from deepda.verification.thermocline import isotherm_depth

SAMPLED_WINDOWS = 60  # windows of which spectra, densities and ranks are made
EQUATOR = Box(-2, 2, 0, 360)
EDGES = np.linspace(-6, 6, 241)  # K, bins of the densities


def gather(
    products: Sequence[Product],
    frame: Frame,
    scratch: Path,
    progress: Progress,
    *,
    compare: bool,
    rng: np.random.Generator,
) -> tuple[list[Record], list[Comparison]]:
    """Walk through the years.

    Args:
        products: the analysis, others beside it, then the reference if there is one.
        scratch: folder for series of single levels.
        compare: the last is the reference of all before it.
        rng: breaks ties of ranks.
    """
    shares = [product.weights(frame.axis) for product in products]
    blocks = list(frame.axis.blocks(frame.grid.ocean.size))

    def walk(what: str) -> Iterator[slice]:
        return progress.track(blocks, what)

    cycles = [np.zeros((0,))] * len(products)
    for part in walk("Seasonal cycle"):
        for place, product in enumerate(products):
            terms = _terms(_read(product, shares[place], part, frame), frame, part)
            cycles[place] = terms if cycles[place].size == 0 else cycles[place] + terms
    found = [frame.field(cycle.reshape(-1, *frame.grid.shape), "term") for cycle in cycles]
    makers = [
        _Maker(product, cycle, frame, scratch / f"levels_{place}.npy")
        for place, (product, cycle) in enumerate(zip(products, found, strict=True))
    ]
    sums = [_ErrorSums(frame, product, rng) for product in products[:-1]] if compare else []
    for part in walk("Anomalies"):
        fields = [
            _read(product, weights, part, frame)
            for product, weights in zip(products, shares, strict=True)
        ]
        anomalies = [maker.add(part, field) for maker, field in zip(makers, fields, strict=True)]
        for place, one in enumerate(sums):
            one.add(part, (fields[place], fields[-1]), (anomalies[place], anomalies[-1]))
            one.add_spread(part, products[place], shares[place], fields[place], fields[-1])
    return [maker.record() for maker in makers], [one.comparison() for one in sums]


def _read(product: Product, weights: csr_array, part: slice, frame: Frame) -> NDArray[np.float32]:
    values = product.windows(weights, part)
    return np.where(frame.grid.ocean, values, np.float32(np.nan))


def _terms(values: NDArray[np.float32], frame: Frame, part: slice) -> Floats:
    """(term, cell) this block's part of the coefficients."""
    weights = fit_weights(frame.axis.per_year, len(frame.axis.years))[:, part].astype(np.float32)
    return (weights @ values.reshape(len(values), -1)).astype(np.float64)


def sampled(axis: Axis) -> NDArray[np.intp]:
    """Windows for what is too slow to take of all: some SAMPLED_WINDOWS, spread over the seasons."""
    step = max(1, len(axis) // SAMPLED_WINDOWS)
    step += step % axis.per_year == 0  # else one season alone would be seen
    return np.arange(0, len(axis), step)


class _Maker:
    """Adds blocks up to a Record."""

    def __init__(self, product: Product, cycle: xr.DataArray, frame: Frame, path: Path) -> None:
        axis, grid = frame.axis, frame.grid
        self.name, self.cycle, self.frame = product.name, cycle, frame
        self.wave = cycle.values.reshape(len(cycle), -1).astype(np.float32)
        self.square = np.zeros(grid.shape)
        self.weights = frame.basins.transpose("depth", "lat", "lon", "region").values
        self.volume = self.weights.sum((1, 2))
        self.means = np.full((len(axis), len(frame.basins["region"]), grid.shape[0]), np.nan)
        self.levels = mapped_array(path, (len(frame.levels), len(axis), *grid.shape[1:]))
        self.bottoms = heat_bottoms(grid)
        self.annual = np.zeros((1 + len(self.bottoms), len(axis.years), *grid.shape[1:]))
        self.isotherm = np.full((len(axis), grid.shape[2]), np.nan)
        self.equator = _equator(grid)
        self.samples = sampled(axis)
        self.spectra: list[xr.DataArray] = []
        self.counts = np.zeros((grid.shape[0], EDGES.size - 1))

    def add(self, part: slice, thetao: NDArray[np.float32]) -> NDArray[np.float32]:
        """Count windows in; gives back their anomalies (time, depth, lat, lon) K."""
        frame, grid = self.frame, self.frame.grid
        basis = harmonic_basis(frame.season[part], frame.axis.per_year).astype(np.float32)
        anomaly = thetao - (basis.T @ self.wave).reshape(thetao.shape)
        self.square += np.square(anomaly).sum(axis=0, dtype=np.float64)
        plain = np.where(grid.ocean, thetao, np.float32(0))
        for level in range(grid.shape[0]):
            flat = plain[:, level].reshape(len(plain), -1).astype(np.float64)
            total = flat @ self.weights[level].reshape(-1, self.weights.shape[-1])
            with np.errstate(invalid="ignore"):
                self.means[part, :, level] = total / np.where(
                    self.volume[level] > 0, self.volume[level], np.nan
                )
        for place, level in enumerate(frame.levels):
            self.levels[place, part] = anomaly[:, level]
        self._add_layers(part, anomaly)
        if self.equator is not None:
            self.isotherm[part] = _equatorial(thetao, frame, part, self.equator)
        self._add_samples(part, anomaly)
        return anomaly

    def _add_layers(self, part: slice, anomaly: NDArray[np.float32]) -> None:
        frame = self.frame
        year = part.start // frame.axis.per_year
        mean = frame.field(anomaly.sum(axis=0, dtype=np.float64) / frame.axis.per_year)
        self.annual[0, year] += mean.values[0]
        for place, bottom in enumerate(self.bottoms):
            self.annual[1 + place, year] += heat_content(mean, frame.grid, bottom).values

    def _add_samples(self, part: slice, anomaly: NDArray[np.float32]) -> None:
        here = self.samples[(self.samples >= part.start) & (self.samples < part.stop)] - part.start
        if not here.size:
            return
        frame, grid = self.frame, self.frame.grid
        chosen = anomaly[here]
        try:
            field = frame.field(chosen, "time")
            self.spectra.append(zonal_spectrum(field, grid, length=stretch(grid)) * here.size)
        except VerificationError:
            pass  # no long enough stretch of ocean: no spectrum is shown
        area = np.broadcast_to(grid.area, chosen.shape[2:])
        for level in range(grid.shape[0]):
            ocean = grid.ocean[level]
            values = chosen[:, level][:, ocean]
            shares = np.broadcast_to(area[ocean], values.shape)
            self.counts[level] += np.histogram(values, EDGES, weights=shares)[0]

    def record(self) -> Record:
        frame = self.frame
        grid, windows = frame.grid, frame.axis.windows
        place = {"lat": grid.lat, "lon": grid.lon}
        names = ["surface", *(f"0-{bottom:g} m" for bottom in self.bottoms)]
        shares = self.counts / np.maximum(self.counts.sum(axis=1, keepdims=True), 1e-30)
        spectrum = sum(self.spectra[1:], self.spectra[0]) / self.samples.size if self.spectra else None
        isotherm = frame.over_time(self.isotherm, "lon").assign_coords(lon=grid.lon)
        return Record(
            self.name,
            self.cycle,
            frame.field(self.square / len(frame.axis)),
            frame.over_time(self.means, "region", "depth").assign_coords(
                region=frame.basins["region"].values, depth=grid.depth
            ),
            xr.DataArray(
                self.levels,
                {"depth": grid.depth[list(frame.levels)], "time": windows.middle, **place},
                ("depth", "time", "lat", "lon"),
            ),
            xr.DataArray(
                np.where(grid.ocean[0], self.annual, np.nan),
                {"layer": names, "time": windows.middle[frame.axis.per_year // 2 :: frame.axis.per_year],
                 **place},
                ("layer", "time", "lat", "lon"),
            ),
            isotherm.assign_attrs(units="m") if isotherm.notnull().any() else None,
            spectrum,
            xr.DataArray(
                shares / np.diff(EDGES),
                {"depth": grid.depth, "value": 0.5 * (EDGES[1:] + EDGES[:-1])},
                ("depth", "value"),
            ),
        )  # fmt: skip


def stretch(grid: Grid) -> int:
    """Cells of a stretch for spectra: about a third of the circle, 32 at most."""
    return int(min(32, max(8, 2 * (grid.shape[2] // 6))))


def _equator(grid: Grid) -> xr.DataArray | None:
    """(lat, lon) area weights within 2 degrees of the equator; None where there is no ocean."""
    try:
        return region_weights(grid, EQUATOR).isel(depth=0, drop=True)
    except VerificationError:
        return None


def _equatorial(thetao: NDArray[np.float32], frame: Frame, part: slice, weights: xr.DataArray) -> Floats:
    """(time, lon) m: of every column, then the mean over latitude."""
    rows = np.flatnonzero(weights.values.any(axis=1))
    field = frame.field(thetao, "time").isel(lat=rows)
    found = isotherm_depth(field)
    return (
        weighted_mean(found, weights.isel(lat=rows), ("time", "lon"), partial=True)
        .transpose("time", "lon")
        .values
    )


class _ErrorSums:
    """Adds blocks up to a Comparison."""

    def __init__(self, frame: Frame, product: Product, rng: np.random.Generator) -> None:
        self.frame, self.spinup = frame, frame.axis.spinup
        self.volume = frame.grid.volume
        self.error, self.square, self.product, self.own, self.true = np.zeros((5, *frame.grid.shape))
        self.by_time = np.full((len(frame.axis), frame.grid.shape[0]), np.nan)
        stated = STDDEV in product.source.fields
        self.spread = ReliabilitySums(frame.grid, rng) if stated else None
        self.samples = sampled(frame.axis)
        self.aggregated = product.weights(frame.axis).nnz != len(frame.axis)

    def add(
        self, part: slice, fields: tuple[NDArray, NDArray], anomalies: tuple[NDArray, NDArray]
    ) -> None:
        error = fields[0] - fields[1]
        square = np.square(error)
        total = np.einsum("tdyx,dyx->td", np.where(self.frame.grid.ocean, square, 0.0), self.volume)
        layer = self.volume.sum((1, 2))
        self.by_time[part] = np.sqrt(total / np.where(layer > 0, layer, np.nan))
        own, true = (anomaly[self._early(part) :] for anomaly in anomalies)
        for sums, values in (
            (self.error, error[self._early(part) :]),
            (self.square, square[self._early(part) :]),
            (self.product, own * true),
            (self.own, np.square(own)),
            (self.true, np.square(true)),
        ):
            sums += values.sum(axis=0, dtype=np.float64)

    def _early(self, part: slice) -> int:
        """How many windows of a block are spin-up."""
        return min(max(self.spinup - part.start, 0), part.stop - part.start)

    def add_spread(
        self, part: slice, product: Product, weights: csr_array, own: NDArray, true: NDArray
    ) -> None:
        """Score the stated spread; of means over several windows nothing is stated."""
        early = self._early(part)
        if self.spread is None or self.aggregated or early == len(own):
            return
        start = part.start + early
        stddev = product.windows(weights, slice(start, part.stop), STDDEV)
        here = self.samples[(self.samples >= start) & (self.samples < part.stop)]
        self.spread.add((own - true)[early:], stddev, here - start)
        if MEMBERS in product.source.fields and here.size:
            one = slice(int(here[0]), int(here[0]) + 1)
            members = product.windows(weights, one, MEMBERS)[:, 0]
            self.spread.add_ranks(members, true[here[0] - part.start])

    def comparison(self) -> Comparison:
        frame, count = self.frame, len(self.frame.axis) - self.spinup
        judged = self.spread if self.spread is not None and self.spread.count else None
        return Comparison(
            frame.field(self.error / count),
            frame.field(self.square / count),
            frame.field(self.product / count),
            frame.field(self.own / count),
            frame.field(self.true / count),
            frame.over_time(self.by_time, "depth").assign_coords(depth=frame.grid.depth),
            None if judged is None else judged.reliability(),
        )
