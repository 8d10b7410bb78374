"""Adjusted values beside those of real time in CF files: where their mode makes them the better ones.

Copernicus, CORA, OceanSITES and EGO: modes of each parameter (<name>_DM), of each profile (DATA_MODE)
or of the whole file (a global attribute).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepda.observations.ncfile import NetcdfFile
from deepda.observations.samples import Samples

ADJUSTED = ("A", "D")  # modes in which adjusted values are the better ones
WHOLE = ("R", "A", "D", "P")  # modes of a whole file; M is mixed and says nothing of a value


def adjusted_of(file: NetcdfFile, samples: Samples, name: str) -> tuple[str, NDArray[np.bool_]]:
    """Name of the adjusted variable, "" without, and where its mode makes it the better one.

    Raises:
        ObservationError: no mode says where the adjusted values hold, or they lie on other dimensions.
    """
    adjusted = next((name + word for word in ("_ADJUSTED", "_adjusted") if name + word in file), "")
    if not adjusted:
        return "", np.zeros(samples.shape, np.bool_)
    if file.dims(adjusted) != file.dims(name):
        raise file.error(
            f"{adjusted} has dimensions {file.dims(adjusted)}, expected {file.dims(name)} as {name}"
        )
    modes = (f"{name}_DM", "DATA_MODE", "data_mode")
    mode = next((word for word in modes if word in file and samples.fits(word)), "")
    if mode:
        return adjusted, np.isin(samples.texts(mode), ADJUSTED)
    whole = file.attribute("data_mode")[:1].upper()
    if whole not in WHOLE:
        raise file.error(
            f"it has {adjusted} and no mode that says where it holds, expected DATA_MODE",
            "add it, or leave one of the two out",
        )
    return adjusted, np.full(samples.shape, whole in ADJUSTED)
