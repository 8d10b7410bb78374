"""Fields of models and analyses, on grids or in files that look like samples: no observations.

Files of CMIP have attributes of their experiment; others name their model in `source` or `title`.
Observations that were prepared for models (obs4MIPs, input4MIPs) have the attributes of CMIP too.
"""

from __future__ import annotations

import re

from deepda.observations.gridded import Axes
from deepda.observations.ncfile import NetcdfFile

MODELS = re.compile(
    r"\b(fesom|icon|fvcom|nemo|glorys|roms|schism|adcirc|hycom|mitgcm|mpi-?om|mpas|croco|suntans"
    r"|mom[456]|cesm|cam\d?|pop2?|ocean model|model (output|run|simulation))(?![a-z])",
    re.IGNORECASE,
)
MODELLED = re.compile(
    rf"{MODELS.pattern}|^model\b|\b(nature run|simulation|hindcast)s?\b|(?<!weather )\bforecast\b",
    re.IGNORECASE,
)
MARKS = ("experiment_id", "source_id", "variant_label")  # global attributes of CMIP files
OBSERVED = ("obs4mips", "input4mips")  # activity_id, in lower case
MESHES = ("mesh", "CDI_grid_type")  # attributes of a variable on the cells of a model (UGRID, CDO)
ADVICE = "it is model output or an analysis: give it to `deepda control prepare`"


def require_observations(file: NetcdfFile, axes: Axes) -> None:
    """Refuse a gridded product that is the output of a model.

    Raises:
        ObservationError: it says that it is, or lies on the curvilinear grid of one.
    """
    said = ", ".join(word for word in MARKS if file.attribute(word))
    said = said or file.said(("source", "title"), fits=MODELLED.search)
    observed = file.attribute("activity_id").lower() in OBSERVED
    if said and not (observed or file.attribute("product").lower().startswith("observation")):
        raise file.error(f"it is model output ({said}), expected observations", "leave it out")
    level = file.attribute("processing_level").upper()
    if axes.swath and not (level.startswith("L2") or "sst_dtime" in file):
        raise file.error(
            f"{axes.lat} is two-dimensional, expected a grid of latitude and longitude, or a "
            "swath of GHRSST",
            "observations come on one; remap model output by `deepda control prepare`",
        )


def require_samples(file: NetcdfFile, name: str, lat: str, lon: str, time: str) -> None:
    """Refuse a temperature on the grid of a model: on axes, on a curvilinear grid, or on a mesh.

    Raises:
        ObservationError: it lies on such a grid.
    """
    where = _grid(file, name, lat, lon, time)
    if where:
        raise file.error(f"{name} lies on {where}, expected samples at places", ADVICE)


def _grid(file: NetcdfFile, name: str, lat: str, lon: str, time: str) -> str:
    """The grid of a model that a temperature lies on, in words; "" where it lies on none."""
    rows, columns = ([dim for dim in file.dims(axis) if dim in file.dims(name) and file.size(dim) > 1]
                     for axis in (lat, lon))  # fmt: skip
    if len(rows) == len(columns) == 1 and rows != columns:
        return "axes of latitude and longitude with depth"
    if len(rows) == 2 and rows == columns and not {*rows} & {*file.dims(time)}:
        return f"a curvilinear grid ({', '.join(rows)})"
    topologies = (f"mesh_topology {other}" for other in sorted(file.names)
                  if file.attribute("cf_role", other) == "mesh_topology")  # fmt: skip
    if said := file.said(MESHES, name) or next(topologies, ""):
        return f"the mesh of a model by its {said}"
    apart = bool(rows) and not {*file.dims(lat)} & {*file.dims(time)}  # one time for many places
    if not apart or file.attribute("featureType") or file.attribute("cdm_data_type"):
        return ""
    said = file.said(("model", "source", "title"), fits=MODELS.search)
    return f"the grid of a model by the file's {said}" if said else ""
