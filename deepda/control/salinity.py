"""Salinity of a model's file, and potential temperature from other kinds of temperature with it.

Conservative and in-situ temperature become potential temperature with the salinity of the same file
(TEOS-10, McDougall and Barker 2011, by gsw). Salinity is read by its units and cell_methods.
"""

from __future__ import annotations

import gsw
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.base.cell_methods import is_statistic
from deepda.control.axes import ControlError, Floats
from deepda.control.temperature import CONSERVATIVE

NAMES = ("so", "vosaline", "SALT", "soce", "salinity", "salt")
ABSOLUTE = "sea_water_absolute_salinity"
STANDARD = ("sea_water_practical_salinity", "sea_water_salinity", ABSOLUTE)
# the number 1 for PSS-78, which has no unit; 0.001 is g/kg
UNITS = (
    "1", "1e-3", "1.e-3", "0.001", ".001", "10^-3", "psu", "pss", "pss-78", "pss78", "ppt", "g/kg",
    "g kg-1", "g kg^-1", "g.kg-1", "gram/kilogram", "grams/kilogram", "gram per kilogram",
    "practical salinity unit", "practical salinity units", "practical salinity scale", "dimensionless",
)  # fmt: skip
PSS_PER_SA = 35.16504 / 35  # g/kg, reference composition (where the atlas of gsw has no anomaly)
SALTIEST = 50.0


def find_salinity(dataset: xr.Dataset, like: xr.DataArray, path: str) -> xr.DataArray | None:
    """Salinity on the dimensions of a temperature, if a file has it.

    Raises:
        ControlError: it declares other units, or statistics instead of means.
    """
    for key, field in dataset.data_vars.items():
        standard = str(field.attrs.get("standard_name", ""))
        fits = standard in STANDARD or (not standard and str(key) in NAMES)
        if fits and set(field.dims) == set(like.dims):
            _require_declared_salinity(field, path)
            return field
    return None


def as_potential(
    kind: str,
    temperature: xr.DataArray,
    salinity: xr.DataArray,
    absolute: bool,
    place: tuple[Floats, Floats, Floats],
    path: str,
) -> xr.DataArray:
    """Potential temperature, degC, of values (time, depth, y, x), lazily.

    Values of water without salinity of the sea are refused on computing (ControlError).

    Args:
        kind: CONSERVATIVE or IN_SITU.
        temperature: degC.
        salinity: g/kg if `absolute`, else PSS-78.
        place: middle of the layers (depth) in m, latitude and longitude (y, x) in degrees.
    """

    def convert_block(values: NDArray, salt: NDArray) -> NDArray[np.float32]:
        _require_salinity(salt, values, path)
        return potential(kind, values, salt, absolute, place).astype(np.float32)

    return xr.apply_ufunc(
        convert_block, temperature, salinity, dask="parallelized", output_dtypes=[np.float32]
    )


def potential(
    kind: str,
    temperature: NDArray,
    salinity: NDArray,
    absolute: bool,
    place: tuple[Floats, Floats, Floats],
) -> Floats:
    """Potential temperature (..., depth, y, x) degC; arguments as `as_potential`."""
    depth, lat, lon = place
    lat, lon = (np.where(np.isfinite(x), x, 0.0) for x in (lat, lon))
    pressure = gsw.p_from_z(-depth[:, None, None], lat)
    salt = salinity
    if not absolute:
        exact = gsw.SA_from_SP(salinity, pressure, lon, lat)
        salt = np.where(np.isfinite(exact), exact, salinity * PSS_PER_SA)
    if kind == CONSERVATIVE:
        return np.asarray(gsw.pt_from_CT(salt, temperature))
    return np.asarray(gsw.pt0_from_t(salt, temperature, pressure))


def _require_declared_salinity(field: xr.DataArray, path: str) -> None:
    units, methods = (str(field.attrs.get(key, "")).strip() for key in ("units", "cell_methods"))
    if is_statistic(methods):
        raise ControlError(
            f"{path} declares the salinity {field.name} by cell_methods {methods!r}, expected means, to "
            "convert the temperature; leave it out and add the mean salinity"
        )
    if units and units.lower().replace("_", " ") not in UNITS:
        raise ControlError(
            f"{path} gives the salinity {field.name} in units {units}, expected g/kg or PSS-78 (1); "
            "correct the units, or convert the temperature to potential temperature"
        )


def _require_salinity(salinity: NDArray, temperature: NDArray, path: str) -> None:
    """Refuse salinity (time, depth, y, x) that is missing beside a temperature, or none of the sea."""
    for salt, wet in zip(salinity, np.isfinite(temperature), strict=True):
        here = salt[wet]
        wrong = ~(np.isfinite(here) & (here >= 0) & (here <= SALTIEST))
        if wrong.any() or (here.size and np.median(here) < 1):
            known = here[np.isfinite(here)]
            median = f"median {np.median(known):.3g}" if known.size else "none"
            raise ControlError(
                f"{path} has {wrong.sum()} values of water without salinity of 0 to {SALTIEST:g} "
                f"({median}), expected g/kg or PSS-78 wherever there is temperature; correct "
                "the salinity, or convert the temperature to potential temperature"
            )
