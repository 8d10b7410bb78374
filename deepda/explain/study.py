"""Everything that is asked about one target in one window, and what the numbers sum to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from deepda.assimilation.cycle import on_host
from deepda.explain.attribution import (
    Account,
    Response,
    Saliencies,
    covariance_with,
    gain_row,
    lagged_saliency,
)
from deepda.explain.cases import Case, ExplainedRun, share_of_rows
from deepda.explain.targets import Target
from deepda.geometry.grid import Grid
from deepda.networks.trainable import InnovationForm
from deepda.observations.table import PLATFORMS
from deepda.verification.thermocline import isotherm_depth

NEAR_EQUATOR = 12.0  # degrees: up to here a section is set against the 20 °C isotherm


@dataclass(frozen=True, eq=False)
class Linear:
    """What the gain of the default generator says, without its correction.

    Fields are (L, Y, X), on the host.

    Attributes:
        gain: saliency to observations, `unit` per K.
        correlation: of the background's errors with the target's, 1.
        variance: of the target's error before the observations, `unit` squared.
        removed: the share of it that each observation removes.
    """

    gain: Tensor
    correlation: Tensor
    variance: float
    removed: Tensor


@dataclass(frozen=True, eq=False)
class Study:
    """One target in one window; fields are (L, Y, X), zero where there is nothing, and on the host.

    Attributes:
        account: the balance of the window.
        truth: the target's anomaly in the truth.
        saliency: to observations and background, `unit` per K.
        integrated: contribution of each innovation, `unit`.
        from_observations, from_background: contributions to the anomaly, `unit`.
        lagged: saliency to the observations of this window and of those before it.
        linear: None of a generator without a gain.
        found: (L, Y, X) correlation of the errors that the run's backgrounds really had.
        windows: that `found` is taken over.
    """

    target: Target
    case: Case
    response: Response
    account: Account
    truth: float
    saliency: Saliencies
    integrated: Tensor
    from_observations: Tensor
    from_background: Tensor
    lagged: list[Tensor]
    linear: Linear | None
    found: NDArray[np.float32]
    windows: int


def study(finished: ExplainedRun, cases: Sequence[Case], target: Target, spinup: int = 0) -> Study:
    """Look into one target.

    Args:
        cases: consecutive windows; the one that is explained comes last.
        spinup: windows at the beginning of the run that say nothing of its errors.
    """
    case, scale = cases[-1], finished.scale
    analyser = finished.analyser.converged()
    response = Response(analyser, case, target, scale)
    integrated = response.integrated()
    truth = finished.space.standardise(finished.truth(case.step)[None], [case.season]) * scale.cpu()
    as_run = Response(finished.analyser, case, target, scale)
    with torch.no_grad():
        value = float(as_run(response.observed, response.background))
    from_observations, from_background = on_host(*response.shares())
    return Study(
        target,
        case,
        response,
        response.account(float(integrated.sum()), value),
        float(target.of(truth)),
        response.saliency().on_host(),
        integrated.cpu(),
        from_observations,
        from_background,
        list(on_host(*lagged_saliency(analyser, cases, target, scale))),
        linear_part(analyser, case, target, scale),
        found_correlation(finished, target, spinup),
        len(finished.span) - spinup,
    )


@torch.no_grad()
def linear_part(analyser: InnovationForm, case: Case, target: Target, scale: Tensor) -> Linear | None:
    """What the gain says of a target; None of a generator without a gain."""
    form = analyser.covariance_form()
    if form is None:
        return None
    weights = torch.from_numpy(target.weights).to(scale)
    covariance = covariance_with(form, case, weights, scale)
    variance = float((weights * covariance).sum())
    gain = gain_row(form, case, covariance, scale)
    spread = (form.modelled_spread(case.background)[0] * scale).clamp(min=1e-9)
    correlation = covariance / (spread * variance**0.5) * analyser.ocean
    removed = gain * covariance / variance  # the correction has no part in it
    gain, correlation, removed = on_host(gain, correlation, removed)
    return Linear(gain, correlation, variance, removed)


def found_correlation(finished: ExplainedRun, target: Target, first: int) -> NDArray[np.float32]:
    """(L, Y, X) correlation over time of the background's true errors with those of the target.

    Each less its mean; from the window `first` on.
    """
    layers = [error - error.mean(axis=0) for error in finished.background_errors(first)]
    own = np.zeros(len(layers[0]))
    for error, weights in zip(layers, target.weights, strict=True):
        own += np.tensordot(error, weights, 2)
    size = max(float(np.sqrt((own**2).sum())), 1e-30)
    found = [
        np.tensordot(own, error, 1) / size / np.sqrt((error**2).sum(axis=0)).clip(1e-12)
        for error in layers
    ]
    return np.stack(found).astype(np.float32)


def removed_by_platform(finished: ExplainedRun, case: Case, target: Target) -> dict[str, float]:
    """Share of the target's error variance that each platform's observations remove in a window."""
    scale = finished.scale
    linear = linear_part(finished.analyser.converged(), case, target, scale)
    if linear is None:
        return {}
    return {name: float(layers.sum()) for name, layers in by_platform(case, linear.removed).items()}


def by_platform(case: Case, field: Tensor) -> dict[str, NDArray[np.float64]]:
    """(L) sums of a field over the observations of each platform.

    A superobservation belongs to its rows by their weight in it.
    """
    share = share_of_rows(case)
    used = share > 0
    cell = case.found.cell[used]
    each = share[used] * field.numpy().ravel()[cell]
    level = cell // (case.found.count.shape[1] * case.found.count.shape[2])
    platform = case.table["platform_type"].to_numpy()[used]
    return {
        name: np.bincount(level[at], each[at], minlength=len(case.found.count)).astype(float)
        for name in PLATFORMS
        if (at := platform == name).any()
    }


def distances(removed: Tensor, target: Target, grid: Grid) -> Mapping[float, float]:
    """Share to the distance (km) from the target's place within which that share is removed.

    Observations that add to the variance that others remove (redundant ones) count as nothing.
    """
    far = grid.distance_to(target.place.lat, target.place.lon) / 1e3
    weight = removed.clamp(min=0).sum(0).numpy().ravel().astype(float)
    order = np.argsort(far.ravel(), kind="stable")
    total = np.cumsum(weight[order]) / max(weight.sum(), 1e-30)
    return {share: float(far.ravel()[order][np.searchsorted(total, share)]) for share in (0.5, 0.9)}


def reach(correlation: NDArray[np.floating], target: Target, grid: Grid) -> dict[str, float]:
    """km (m for up and down) over which the correlation falls to 1/e in six directions; NaN if never.

    From the target's cell, linear between centres of cells, to land at most.
    """
    level, row, column = _cell(target, grid)
    values = correlation
    far = grid.distance_to(float(grid.lat[row]), float(grid.lon[column])) / 1e3
    size = grid.shape[2]
    around = [(column + step) % size for step in range(size // 2)]
    back = [(column - step) % size for step in range(size // 2)]
    rays: dict[str, tuple[NDArray, ...]] = {
        "west": (values[level, row, back], far[row, back], grid.ocean[level, row, back]),
        "east": (values[level, row, around], far[row, around], grid.ocean[level, row, around]),
    }
    meridian = (values[level, :, column], far[:, column], grid.ocean[level, :, column])
    depth = np.abs(grid.depth - grid.depth[level])
    upright = (values[:, row, column], depth, grid.ocean[:, row, column])
    rays["south"], rays["north"] = (tuple(part[row::step] for part in meridian) for step in (-1, 1))
    rays["up"], rays["down"] = (tuple(part[level::step] for part in upright) for step in (-1, 1))
    return {name: _fall(*ray) for name, ray in rays.items()}


def following(
    correlation: NDArray[np.floating],
    target: Target,
    grid: Grid,
    celsius: NDArray[np.floating],
) -> list[tuple[float, float, float]]:
    """Longitude, depth of the strongest correlation, depth of the 20 °C isotherm (m), cell by cell.

    Along the target's row, from the target to both sides as long as there is water and the strongest
    correlation is above 1/e. Empty far from the equator.

    Args:
        correlation: (L, Y, X) with the target.
        celsius: (L, Y, X) of the background.
    """
    level, row, column = _cell(target, grid)
    if abs(grid.lat[row]) > NEAR_EQUATOR:
        return []
    along = xr.DataArray(celsius[:, row], {"depth": grid.depth}, ("depth", "lon"))
    isotherm = isotherm_depth(along).values
    values, found = correlation[:, row], []
    size = grid.shape[2]
    for steps in (range(size // 2), range(-1, -size // 2, -1)):  # eastwards, then westwards
        for step in steps:
            place = (column + step) % size
            strongest = int(values[:, place].argmax())
            if not grid.ocean[level, row, place] or values[strongest, place] <= np.exp(-1):
                break
            depth = _peak(values[:, place], grid.depth, strongest)
            found.append((float(grid.lon[place]), depth, float(isotherm[place])))
    return sorted(found)


def _cell(target: Target, grid: Grid) -> tuple[int, int, int]:
    place = target.place
    level, row, column = (int(at) for at in grid.locate(place.lat, place.lon, place.depth))
    return level, row, column


def _fall(values: NDArray, far: NDArray, water: NDArray) -> float:
    wet = len(water) if water.all() else int(np.argmin(water))
    values, far, level = values[:wet], far[:wet], np.exp(-1)
    below = np.flatnonzero(values < level)
    if not below.size or below[0] == 0:
        return float("nan")
    at = below[0]
    share = (values[at - 1] - level) / (values[at - 1] - values[at])
    return float(far[at - 1] + share * (far[at] - far[at - 1]))


def _peak(values: NDArray, depth: NDArray[np.float64], at: int) -> float:
    """Depth of the top of the parabola through the strongest level and its neighbours."""
    if at in (0, len(values) - 1):
        return float(depth[at])
    bend = np.polyfit(depth[at - 1 : at + 2], values[at - 1 : at + 2].astype(float), 2)
    top = -bend[1] / (2 * bend[0])
    return float(np.clip(top, depth[at - 1], depth[at + 1]))
