"""Members against the truth, and the intervals of means that follow from them.

Members are draws of the error about the analysis. So the spread is the root mean square departure of
members from the analysis, whatever their number, and right where it is the root mean square error of the
analysis: cell by cell, and of means, where errors of neighbouring cells do not cancel.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.geometry.grid import Grid
from deepda.verification.basins import basin_weights
from deepda.verification.climate import DAYS_PER_YEAR, FEWEST_YEARS
from deepda.verification.guards import VerificationError
from deepda.verification.reliability import crps_ensemble, rank_histogram
from deepda.verification.scores import REGIONS, ocean_weights, region_weights
from deepda.verification.spectra import zonal_spectrum

Fields = NDArray[np.floating]

BOTTOMS = (300.0, 700.0)  # m, of the means over basins
EVERY = 6  # windows between two that ranks, CRPS and spectra are taken of: neighbours are alike
SEGMENT = 16  # cells of a zonal stretch for spectra, or as many as there are
SEED = 0  # of ties among ranks
DIMS = ("depth", "lat", "lon")


def mean_weights(grid: Grid) -> xr.DataArray:
    """(series, depth, lat, lon) weights that sum to one: Niño 3.4, the global surface, basins.

    Basins reach down to BOTTOMS, or to the bottom of a shallower grid; those without water are left out.
    """
    volume = ocean_weights(grid)
    surface = (volume["depth"] == volume["depth"][0]).astype(float)
    parts = {
        "Niño 3.4": region_weights(grid, REGIONS["Niño 3.4"]) * surface,
        "global, surface": volume * surface,
    }
    basins, bottom = basin_weights(grid), float(grid.depth_edges[-1])
    for depth in sorted({min(depth, bottom) for depth in BOTTOMS}):
        inside = grid.thickness_above(depth) / grid.thickness
        share = xr.DataArray(inside, {"depth": grid.depth}, ("depth",))
        parts |= {
            f"{name}, 0-{depth:.0f} m": basins.sel(region=str(name), drop=True) * share
            for name in basins["region"].values
        }
    kept = {name: part / part.sum() for name, part in parts.items() if float(part.sum()) > 0}
    stacked = xr.concat(list(kept.values()), "series", coords="minimal", compat="override")
    return stacked.assign_coords(series=list(kept)).transpose("series", *DIMS)


class Means(NamedTuple):
    """Series of means, K.

    Attributes:
        truth: (window, series); empty where the truth is not known.
        analysis: (window, series).
        members: (window, member, series).
    """

    truth: NDArray[np.float64]
    analysis: NDArray[np.float64]
    members: NDArray[np.float64]


class MemberStatistics:
    """Fills up window by window; holds sums, series, and the fields of the last window (`last`).

    Args:
        spinup: so many first windows do not count in `scores`.
    """

    def __init__(self, grid: Grid, spinup: int) -> None:
        self.grid, self._spinup = grid, spinup
        self.weights = mean_weights(grid)
        self.times: list[np.datetime64] = []
        self.last: tuple[Fields | None, Fields, Fields]
        self._flat = self.weights.values.reshape(len(self.weights), -1)
        volume = ocean_weights(grid).values
        self._share = volume / np.maximum(volume.sum((1, 2), keepdims=True), 1)
        self._means: list[tuple[Fields, ...]] = []
        self._squares: list[NDArray[np.float64]] = []
        self._samples = _Samples(grid)

    def add(self, time: np.datetime64, analysis: Fields, members: Fields, truth: Fields | None) -> None:
        """Count one window, the windows in the order of time.

        Args:
            analysis, truth: (depth, lat, lon) K, anomalies; anything on land.
            members: (member, depth, lat, lon) K.
        """
        ocean = self.grid.ocean
        stack = [analysis, *members, *([] if truth is None else [truth])]
        wet = np.where(ocean, np.stack(stack), 0).astype(np.float64)
        number = len(members)
        means = wet.reshape(len(wet), -1) @ self._flat.T
        self._means.append((means[1 + number :], means[0], means[1 : 1 + number]))
        self.times.append(time)
        self.last = truth, analysis, members
        if truth is None:
            return
        self._squares.append(self._compare(wet[0], wet[1:-1], wet[-1]))
        if len(self.times) > self._spinup and (len(self.times) - 1 - self._spinup) % EVERY == 0:
            self._samples.add(wet[0], wet[1:-1], wet[-1])

    @property
    def means(self) -> Means:
        """The series so far."""
        truth, analysis, members = (np.array(part) for part in zip(*self._means, strict=True))
        return Means(truth[:, 0] if truth.shape[1] else truth.reshape(0, 0), analysis, members)

    def scores(self) -> dict[str, Any]:
        """What stands in `scores.json` under `members`; the truth must be known.

        `spread_over_error`: right is 1. `member_over_mean`: mean square error of a member over that of
        the mean of all N, right is 2 N / (N + 1), `expected`. `spectral_ratio`: power of the members
        over that of the truth in the shortest third of the zonal wavelengths.
        """
        square = np.mean(self._squares[self._spinup :], axis=0)
        volume = self.grid.volume.sum((1, 2))
        spread, error, member, mean = square
        number = self.means.members.shape[1]
        return {
            "number": number,
            "spread_over_error": {
                "all": float(np.sqrt((spread @ volume) / (error @ volume))),
                "by_depth": _numbers(np.sqrt(spread / error)),
                "of_means": self._of_means(),
            },
            "mean_over_analysis": {"by_depth": _numbers(np.sqrt(mean / error))},
            "member_over_mean": {
                "by_depth": _numbers(member / mean),
                "expected": 2 * number / (number + 1),
            },
            **self._samples.scores(),
            "trend_per_decade_K": self._trends(),
        }

    def _compare(self, analysis: Fields, members: Fields, truth: Fields) -> NDArray[np.float64]:
        """(4, depth) K2: of members about the analysis; of analysis, members, their mean about truth."""
        pairs = (members - analysis, analysis - truth, members - truth, members.mean(0) - truth)
        return np.stack(
            [(self._share * np.square(d).reshape(-1, *truth.shape).mean(0)).sum((1, 2)) for d in pairs]
        )

    def _of_means(self) -> dict[str, dict[str, float]]:
        truth, analysis, members = (part[self._spinup :] for part in self.means)
        error = np.sqrt(np.square(analysis - truth).mean(0))
        spread = np.sqrt(np.square(members - analysis[:, None]).mean((0, 1)))
        columns = (self.weights["series"].values, spread.tolist(), error.tolist())
        return {
            str(name): {"spread_K": s, "error_K": e, "ratio": s / e if e else float("nan")}
            for name, s, e in zip(*columns, strict=True)
        }

    def _trends(self) -> dict[str, dict[str, float]]:
        """Slopes by series: of truth and analysis, and the standard deviation over the members."""
        days = (np.array(self.times) - self.times[0]) / np.timedelta64(1, "D")
        kept = slice(self._spinup, None)
        if days[-1] - days[kept][0] < (FEWEST_YEARS - 0.5) * DAYS_PER_YEAR:
            return {}
        decades = days[kept] / (10 * DAYS_PER_YEAR)
        centred = (decades - decades.mean()) / np.square(decades - decades.mean()).sum()
        truth, analysis, members = (np.tensordot(centred, part[kept], 1) for part in self.means)
        spread = np.sqrt(np.square(members - analysis).mean(0))
        columns = (part.tolist() for part in (truth, analysis, spread))
        return {
            str(name): {"truth": t, "analysis": a, "spread": s}
            for name, t, a, s in zip(self.weights["series"].values, *columns, strict=True)
        }


class _Samples:
    """Ranks, CRPS and spectra of some windows."""

    def __init__(self, grid: Grid) -> None:
        self._grid, self._volume = grid, ocean_weights(grid)
        self._rng = np.random.default_rng(SEED)
        self._ranks: list[NDArray[np.int64]] = []
        self._crps: list[NDArray[np.float64]] = []
        self._power: list[NDArray[np.float64]] = []

    def add(self, analysis: Fields, members: Fields, truth: Fields) -> None:
        coords = self._volume.coords
        many = xr.DataArray(members, coords, ("realization", *DIMS))
        true = xr.DataArray(truth, coords, DIMS)
        ranks = [
            rank_histogram(many[:, level], true[level], self._volume[level], self._rng)
            for level in range(len(truth))
        ]
        self._ranks.append(np.stack(ranks))
        if len(members) > 1:
            crps = xr.dot(crps_ensemble(many, true), self._volume, dim=("lat", "lon"))
            self._crps.append((crps / self._volume.sum(("lat", "lon"))).values)
        fields = [truth[None], analysis[None], members]
        if (power := self._short_waves(fields)) is not None:
            self._power.append(power)

    def _short_waves(self, fields: list[Fields]) -> NDArray[np.float64] | None:
        """(field, depth) power in the shortest third of the zonal wavelengths; None on odd grids."""
        length = min(SEGMENT, self._grid.shape[2])
        try:
            lines = [
                zonal_spectrum(xr.DataArray(field, dims=("time", *DIMS)), self._grid, length=length)
                for field in fields
            ]
        except VerificationError:
            return None
        short = slice(2 * lines[0].sizes["wavenumber"] // 3, None)
        return np.stack([line.isel(wavenumber=short).sum("wavenumber").values for line in lines])

    def scores(self) -> dict[str, Any]:
        found: dict[str, Any] = {"ranks_by_depth": np.sum(self._ranks, axis=0).tolist()}
        if self._crps:
            found["fair_crps_K"] = {"by_depth": _numbers(np.mean(self._crps, axis=0))}
        if self._power:
            truth, *others = np.mean(self._power, axis=0)
            ratios = [line / np.where(truth > 0, truth, np.nan) for line in others]
            names = ("analysis", "members")
            found["spectral_ratio"] = dict(zip(names, map(_numbers, ratios), strict=True))
        return found


def _numbers(line: NDArray[np.float64]) -> list[float | None]:
    return [round(float(value), 4) if np.isfinite(value) else None for value in line]
