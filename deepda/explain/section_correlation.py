"""The part of a target's section on the correlation of background errors, and how far it reaches."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from deepda.explain.cases import ExplainedRun
from deepda.explain.pictures import Volume, sections
from deepda.explain.study import Study, distances, following, reach
from deepda.figures.kinds import signed
from deepda.figures.maps import longitude_label
from deepda.geometry.grid import Grid
from deepda.reports.report import Picture
from deepda.reports.table import Table, Value


def correlation_blocks(found: Study, finished: ExplainedRun) -> list[Picture | Table]:
    """The correlations that the generator assumes, and the actual ones of its background errors."""
    grid, target = finished.space.grid, found.target
    celsius = finished.space.celsius(found.case.background.mean[0], found.case.season)
    each = {"actual errors of the run": found.found}
    if found.linear is not None:
        each = {"assumed by the generator": found.linear.correlation.numpy()} | each
    tracks = {name: following(field, target, grid, celsius) for name, field in each.items()}
    kind = signed("correlation of background errors (1)")
    wet = {name: np.where(grid.ocean, field.astype(float), np.nan) for name, field in each.items()}
    volumes = [
        Volume(field, kind, name.capitalize(), (-0.8, 0.8), lines)
        for (name, field), lines in zip(wet.items(), _lines(tracks, grid), strict=True)
    ]
    blocks: list[Picture | Table] = [
        Picture(
            f"{target.name}_correlation",
            sections(volumes, grid, target.place, target),
            "Correlation of the background error with that of the target, from which the gain follows. "
            "Assumed: by the generator in this window, observed or not; it is learnt and can be wrong. "
            f"Actual: of background less truth over {found.windows} windows of this run; they are "
            "correlated in time, so that chance makes correlations of some tenths. Where both differ "
            "by more, the generator weighs observations wrongly. Lines, near the "
            "equator: 20 °C isotherm of the background, and where the correlation is strongest.",
            wide=True,
        )
    ]
    if target.name != "heat":
        blocks.append(_reach_table(found, each, grid))
    if any(tracks.values()):
        blocks.append(_following_table(found, tracks))
    return blocks


def _lines(
    tracks: Mapping[str, list[tuple[float, float, float]]], grid: Grid
) -> list[dict[str, NDArray[np.float64]]]:
    """For each section: name to depth (X)."""
    made = []
    for track in tracks.values():
        strongest, isotherm = (np.full(grid.lon.size, np.nan) for _ in range(2))
        for lon, depth, twenty in track:
            at = int(np.abs(grid.lon - lon).argmin())
            strongest[at], isotherm[at] = depth, twenty
        made.append({"20 °C isotherm": isotherm, "strongest": strongest} if track else {})
    return made


def _reach_table(found: Study, each: Mapping[str, NDArray[np.float32]], grid: Grid) -> Table:
    rows: dict[str, dict[str, Value]] = {
        name: {
            f"{way} ({'m' if way in ('up', 'down') else 'km'})": value
            for way, value in reach(field, found.target, grid).items()
        }
        for name, field in each.items()
    }
    if found.linear is not None:
        far = distances(found.linear.removed, found.target, grid)
        rows["assumed by the generator"] |= {
            f"{100 * share:.0f} % removed within (km)": value for share, value in far.items()
        }
    return Table(
        f"{found.target.name}_reach",
        rows,
        "How far from the target's middle the correlation falls to 1/e, and within which distance the "
        "observations lie that remove half, and nine tenths, of what is removed of the variance. A "
        "dash: it does not fall so far before land, surface or floor.",
        corner="correlation",
    )


def _following_table(found: Study, tracks: Mapping[str, list[tuple[float, float, float]]]) -> Table:
    rows: dict[str, dict[str, Value]] = {}
    along = [(*point, name) for name, track in tracks.items() for point in track]
    for lon, depth, isotherm, name in sorted(along, key=lambda point: point[0] % 360):
        row = rows.setdefault(longitude_label(round(lon)), {"20 °C isotherm (m)": isotherm})
        row[f"strongest, {name} (m)"] = depth
    return Table(
        f"{found.target.name}_following",
        rows,
        "Along the equator, as far as the correlation with the target is above 1/e: depth of its "
        "largest value, and of the 20 °C isotherm of the background. If influence follows the "
        "thermocline, both shoal to the east together.",
        corner="longitude",
    )
