"""Numbers of an own table that contradict their names: they are of the air, or of the sea floor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepda.observations.column_search import Columns
from deepda.observations.reading import ObservationError
from deepda.observations.vocabulary import TEMPERATURES, bare

LOWEST_SURFACE = 50.0  # m to which an instrument of the sea surface may hang
OF_AIR = (870.0, 1085.0)  # hPa at sea level, the lowest and highest that were measured
HECTOPASCALS = 100.0  # of a dbar


def refuse_deep_surface(of: Mapping[str, NDArray[np.float64]], columns: Columns, source: Path) -> None:
    """Refuse temperatures of the sea surface far below it: their depths are those of the sea floor.

    Raises:
        ObservationError: there is such a row.
    """
    if columns.temperature != TEMPERATURES["surface"] or "depth" not in of:
        return
    deepest = np.max(of["depth"], where=np.isfinite(of["depth"]), initial=0.0)
    if deepest > LOWEST_SURFACE:
        raise ObservationError(
            f"{source}: {columns.of['value']} is of the sea surface and {columns.of['depth']} goes down "
            f"to {deepest:,.0f} m, expected {LOWEST_SURFACE:g} m at most; leave the column out if it is "
            "the depth of the sea floor, else name the temperature otherwise"
        )


def refuse_air(
    of: Mapping[str, NDArray[np.float64]], unit_in_dbar: float | None, columns: Columns, source: Path
) -> None:
    """Refuse pressures that are all those of the air.

    They are known by a unit smaller than dbar, or beside another column of the air by the lack of one.

    Args:
        of: "pressure" in dbar.
        unit_in_dbar: the size of the unit in the table, None where it gives none.

    Raises:
        ObservationError: they are.
    """
    values = of["pressure"][np.isfinite(of["pressure"])]
    airy = any(bare(name)[0].startswith("air") for name in columns.unused)
    if not values.size or (unit_in_dbar or 0.0) >= 1.0 or (unit_in_dbar is None and not airy):
        return
    hectopascals = values if unit_in_dbar is None else values * HECTOPASCALS
    lowest, highest = OF_AIR
    if lowest <= hectopascals.min() and hectopascals.max() <= highest:
        raise ObservationError(
            f"{source}: {columns.of['pressure']} is the pressure of the air "
            f"({hectopascals.min():.0f} to {hectopascals.max():.0f} hPa), expected that of the "
            "water; leave the column out and give the depth"
        )
