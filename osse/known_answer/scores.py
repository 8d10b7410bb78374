"""The known answer in numbers: the case of all methods, and their distance from the exact filter.

Errors are analysis - truth, K; scores count ocean cells after the spin-up, weighted by volume.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import netCDF4
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from deepda.assimilation.cycle import Observations
from deepda.assimilation.state import StateSpace
from deepda.base.info import versions
from deepda.geometry.windows import PENTADS, windows
from deepda.output.cf import SYNTHETIC
from deepda.output.netcdf import AnalysisWriter
from osse.known_answer.linear_ocean import MeanAndVariance

FIRST_YEAR = 2001  # that the scored windows are labelled with
COSTS = {
    "weights": ("weights", "{:,.0f}"),
    "gflop_a_cycle": ("GFLOP", "{:.3f}"),
    "milliseconds_a_cycle": ("ms", "{:.1f}"),
    "updates": ("updates", "{:,.0f}"),
    "training_seconds": ("seconds", "{:.0f}"),
}


@dataclass(frozen=True, eq=False)
class Case:
    """A stretch of truth and its observations, the same for every method; (time, depth, lat, lon), K.

    Attributes:
        truth: anomaly, zero on land.
        error: standard deviation of the observations, inf where there is none.
        value: the observations, NaN where there is none.
        spinup: windows that are not scored.
    """

    space: StateSpace
    truth: NDArray[np.float32]
    error: NDArray[np.float32]
    value: NDArray[np.float32]
    spinup: int

    def observations(self) -> Iterator[Observations]:
        """Standardised, one window after another, a batch of one."""
        for step, (value, error) in enumerate(zip(self.value, self.error, strict=True)):
            yield Observations(
                torch.from_numpy(np.nan_to_num(value / self.space.scale))[None],
                torch.from_numpy((self.space.scale / error) ** 2)[None],
                torch.tensor([step % PENTADS]),
                PENTADS,
            )

    def pairs(self) -> Iterator[tuple[Observations, torch.Tensor]]:
        """Observations and standardised truth (1, L, Y, X)."""
        for observations, truth in zip(self.observations(), self.truth, strict=True):
            yield observations, torch.from_numpy(truth / self.space.scale)[None]


class Analyses(NamedTuple):
    """Analyses of a case: (time, depth, lat, lon) K and K2, and milliseconds a cycle."""

    mean: NDArray[np.float32]
    variance: NDArray[np.float32]
    milliseconds: float

    @classmethod
    def timed(cls, steps: Iterable[MeanAndVariance]) -> Analyses:
        """Stack mean K and variance K2 (depth, lat, lon) of the windows, made as they are drawn."""
        start = time.perf_counter()
        mean, variance = (np.stack(part) for part in zip(*steps, strict=True))
        return cls(mean, variance, 1e3 * (time.perf_counter() - start) / len(mean))


def mean_square_error(mean: NDArray[np.float32], case: Case) -> NDArray[np.float64]:
    """(depth, lat, lon) K2, over the scored windows; zero on land."""
    error = (mean - case.truth)[case.spinup :].astype(np.float64)
    square: NDArray[np.float64] = (error**2).mean(axis=0)
    return square


def volume_mean(field: NDArray[np.float64], case: Case) -> float:
    """Mean of a field (depth, lat, lon) over the water."""
    volume = case.space.grid.volume
    return float((volume * field).sum() / volume.sum())


def standardised_error_variance(found: Analyses, case: Case) -> NDArray[np.float64]:
    """(depth) mean of (error / predicted standard deviation)^2 over the scored windows; one is right."""
    ocean = case.space.grid.ocean
    predicted = found.variance[case.spinup :].astype(np.float64)
    error = (found.mean - case.truth)[case.spinup :].astype(np.float64)
    ratio = error**2 / np.where(ocean, predicted, 1)
    return np.array([ratio[:, level, wet].mean() for level, wet in enumerate(ocean)])


def judge(
    case: Case, analyses: Mapping[str, Analyses], costs: Mapping[str, Mapping[str, float]]
) -> dict[str, Any]:
    """The scores of all methods, `kalman` among them; the fields of `costs` are kept as they are."""
    square = {name: mean_square_error(found.mean, case) for name, found in analyses.items()}
    best, weights = volume_mean(square["kalman"], case), case.space.weights.numpy()
    return {
        "rmse": {
            name: {
                "all": volume_mean(field, case) ** 0.5,
                "by_level": np.sqrt((weights * field).sum(axis=(1, 2))).tolist(),
            }
            for name, field in square.items()
        },
        "ratio_to_kalman": {
            name: (volume_mean(field, case) / best) ** 0.5 for name, field in square.items()
        },
        "spread": {name: spread(found, analyses["kalman"], case) for name, found in analyses.items()},
        "cost": {
            name: {**costs.get(name, {}), "milliseconds_a_cycle": found.milliseconds}
            for name, found in analyses.items()
        },
        "scored_windows": len(case.truth) - case.spinup,
    }


def spread(found: Analyses, exact: Analyses, case: Case) -> dict[str, Any]:
    """How well the predicted error variance is calibrated.

    Returns:
        standardised_error_variance: by level, mean of (error / predicted standard deviation)^2; one is
            right, above one is too sure.
        correlation_with_exact_variance: of predicted and exact variance, over all cells and windows
            (`all`), within each level (`by_level`), and of their means over time (`time_mean`).
            Not a number where a variance is the same everywhere.
    """
    ocean = case.space.grid.ocean
    predicted, best = (part.variance[case.spinup :].astype(np.float64) for part in (found, exact))
    levels = range(len(ocean))
    return {
        "standardised_error_variance": standardised_error_variance(found, case).tolist(),
        "correlation_with_exact_variance": {
            "all": _correlation(predicted[:, ocean], best[:, ocean]),
            "by_level": [_correlation(predicted[:, k, ocean[k]], best[:, k, ocean[k]]) for k in levels],
            "time_mean": _correlation(predicted.mean(axis=0)[ocean], best.mean(axis=0)[ocean]),
        },
    }


def table(scores: Mapping[str, Any]) -> str:
    """The scores for a terminal of 80 columns."""
    levels = [f"level {number}" for number, _ in enumerate(scores["rmse"]["kalman"]["by_level"], 1)]
    errors = {
        name: [rmse["all"], scores["ratio_to_kalman"][name], *rmse["by_level"]]
        for name, rmse in scores["rmse"].items()
    }
    calibration = {
        name: [one["correlation_with_exact_variance"]["all"], *one["standardised_error_variance"]]
        for name, one in scores["spread"].items()
    }
    cost = {name: [one.get(kind) for kind in COSTS] for name, one in scores["cost"].items()}
    styles = {title: style.format for title, style in COSTS.values()}
    return "\n".join([
        f"RMSE of the analysis, K; seed {scores['seed']}, {scores['scored_windows']} windows",
        _rows(errors, ["all", "ratio", *levels], float_format="{:.4f}".format),
        "\nError variance over predicted variance (1 is right); corr: predicted with exact",
        _rows(calibration, ["corr", *levels], float_format="{:.3f}".format),
        "\nCost",
        _rows(cost, list(styles), formatters=styles),
    ])  # fmt: skip


def write_fields(case: Case, analyses: dict[str, Analyses], output: Path, seed: int) -> None:
    """truth.nc, analysis.nc and kalman.nc of the scored windows: anomalies from zero, degC."""
    span = windows(FIRST_YEAR, FIRST_YEAR + (len(case.truth) - case.spinup) // PENTADS - 1)
    about = {**SYNTHETIC, "source": f"DeepDA {versions()['deepda']}, known answer, seed {seed}"}
    ours, best = analyses["deepda"], analyses["kalman"]
    both = {"analysis": (ours, "analysis by DeepDA"), "kalman": (best, "exact Kalman filter")}
    grid, spinup = case.space.grid, case.spinup
    with AnalysisWriter(
        output / "truth.nc", grid, span, variables=("thetao",), attributes={**about, "title": "truth"}
    ) as out:
        for step, truth in enumerate(case.truth[spinup:]):
            out.write(step, truth)
    for name, (found, title) in both.items():
        path = output / f"{name}.nc"
        with AnalysisWriter(path, grid, span, attributes={**about, "title": title}) as out:
            scored = zip(found.mean[spinup:], found.variance[spinup:], strict=True)
            for step, (mean, variance) in enumerate(scored):
                out.write(step, mean, np.sqrt(variance))
        _add_variance(path, np.where(grid.ocean, found.variance[spinup:], np.nan))


def _add_variance(path: Path, variance: NDArray[np.floating]) -> None:
    """Write the error variance beside its square root, which readers of reanalyses expect."""
    with netCDF4.Dataset(path, "a") as file:
        dims = ("time", "depth", "lat", "lon")
        out = file.createVariable("thetao_variance", "f4", dims, compression="zlib", fill_value=np.nan)
        out.setncatts({"long_name": "error variance of the potential temperature", "units": "K2"})
        out[:] = variance


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    """None where one of them does not vary."""
    if min(np.ptp(first), np.ptp(second)) < 1e-9:
        return None
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def _rows(rows: Mapping[str, list[float | None]], columns: list[str], **style: Any) -> str:
    numbers = pd.DataFrame(list(rows.values()), list(rows), columns, float)
    return numbers.to_string(na_rep="-", **style)
