"""Fields of models and analyses among files that look like samples: they are no observations."""

from __future__ import annotations

import re

from deepda.observations.ncfile import NetcdfFile

MODELS = re.compile(
    r"\b(fesom|icon|fvcom|nemo|glorys|roms|schism|adcirc|hycom|mitgcm|mpi-?om|mpas|croco|suntans"
    r"|mom[456]|cesm|cam\d?|pop2?|ocean model|model (output|run|simulation))(?![a-z])",
    re.IGNORECASE,
)
SAYING = ("model", "source", "title")  # global attributes that may name a model
MESHES = ("mesh", "CDI_grid_type")  # attributes of a variable on the cells of a model (UGRID, CDO)
ADVICE = "it is model output or an analysis: give it to `deepda control prepare`"


def require_samples(file: NetcdfFile, name: str, lat: str, lon: str, time: str) -> None:
    """Refuse a temperature on the grid of a model: on axes, on a curvilinear grid, or on a mesh.

    Raises:
        ObservationError: it lies on such a grid.
    """
    rows, columns = ([dim for dim in file.dims(axis) if dim in file.dims(name) and file.size(dim) > 1]
                     for axis in (lat, lon))  # fmt: skip
    if len(rows) == len(columns) == 1 and rows != columns:
        raise _refused(file, name, "axes of latitude and longitude with depth")
    if len(rows) == 2 and rows == columns and not {*rows} & {*file.dims(time)}:
        raise _refused(file, name, f"a curvilinear grid ({', '.join(rows)})")
    if said := _mesh(file, name):
        raise _refused(file, name, f"the mesh of a model by its {said}")
    apart = bool(rows) and not {*file.dims(lat)} & {*file.dims(time)}  # one time for many places
    if apart and (said := _model(file)):
        raise _refused(file, name, f"the grid of a model by the file's {said}")


def _mesh(file: NetcdfFile, name: str) -> str:
    for word in MESHES:
        if file.attribute(word, name):
            return f"{word} {file.attribute(word, name)!r}"
    topology = next((other for other in sorted(file.names)
                     if file.attribute("cf_role", other) == "mesh_topology"), "")  # fmt: skip
    return f"mesh_topology {topology}" if topology else ""


def _model(file: NetcdfFile) -> str:
    """The global attribute that names a model, of a file that is of no kind of discrete samples."""
    if file.attribute("featureType") or file.attribute("cdm_data_type"):
        return ""
    texts = {word: file.attribute(word) for word in SAYING}
    return next((f"{word} {text!r}" for word, text in texts.items() if MODELS.search(text)), "")


def _refused(file: NetcdfFile, name: str, where: str) -> Exception:
    return file.error(f"{name} lies on {where}, expected samples at places", ADVICE)
