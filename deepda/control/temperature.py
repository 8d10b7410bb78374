"""Which variable of a file is its temperature, of which kind, and how it becomes potential.

`standard_name` comes before the long name, that before the name of the variable. Conservative and
in-situ temperature become potential temperature with the salinity of the same file (TEOS-10, McDougall
and Barker 2011, by gsw); without it they are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import gsw
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.base.cell_methods import is_statistic
from deepda.base.units import UnitError, convert
from deepda.control.axes import ControlError, Floats, bounds_name

POTENTIAL, CONSERVATIVE, IN_SITU = "potential", "conservative", "in-situ"
KINDS = {
    "sea_water_potential_temperature": POTENTIAL,
    "sea_water_conservative_temperature": CONSERVATIVE,
    "sea_water_temperature": IN_SITU,
    "sea_surface_temperature": POTENTIAL,  # at the surface both are one
}
# CMIP6, NEMO 3, CESM, NEMO 4, GODAS, MITgcm
NAMES = ("thetao", "votemper", "TEMP", "toce", "pottmp", "THETA")
NAMED_KINDS = {
    **dict.fromkeys((*NAMES, "theta"), POTENTIAL),
    "bigthetao": CONSERVATIVE,
    "t_an": IN_SITU,
    "t_mn": IN_SITU,
}
SALINITY_NAMES = ("so", "vosaline", "SALT", "soce", "salinity", "salt")
ABSOLUTE = "sea_water_absolute_salinity"
SALINITIES = ("sea_water_practical_salinity", "sea_water_salinity", ABSOLUTE)
OF_TIME = re.compile(r"\btime\w*:(?:\s+\w+:)*\s+(\w+)")  # the methods that cell_methods names for time
CHOOSE = (
    "choose one with --variable NAME of `deepda control prepare`, whose file the other commands take, "
    "or of `deepda evaluate`"
)
PSS_PER_SA = 35.16504 / 35  # g/kg, reference composition (where the atlas of gsw has no anomaly)
SALTIEST = 50.0


@dataclass(frozen=True)
class Temperature:
    """The variable that holds a file's temperature.

    Attributes:
        kind: POTENTIAL, CONSERVATIVE or IN_SITU.
        assumption: what the file does not declare and is assumed, in words; empty if nothing.
    """

    name: str
    kind: str
    assumption: str


def candidates(dataset: xr.Dataset) -> list[Temperature]:
    """The variables that can be a model's temperature: the potential ones, else the others."""
    fit = []
    for key, field in dataset.data_vars.items():
        kind, declared = kind_of(field)
        if field.ndim < 2 or kind is None or kind_is_surface(field) or no_mean_temperature(field):
            continue
        if declared or str(key) in NAMED_KINDS:
            fit.append(_temperature(str(key), kind, declared))
    first = [one for one in fit if one.kind == POTENTIAL]
    return first or fit


def find_temperature(dataset: xr.Dataset, variable: str | None, path: str) -> Temperature:
    """The temperature of a file: `variable`, or the only one that fits.

    Raises:
        ControlError: none fits, or several do; `variable` is not there, or holds something else.
    """
    if variable is not None and variable in dataset:
        return _chosen(dataset[variable], path)
    fit = [] if variable is not None else candidates(dataset)
    if len(fit) > 1:
        raise ControlError(
            f"{path} holds {' and '.join(one.name for one in fit)}, expected one potential temperature; "
            + CHOOSE
        )
    if not fit:
        raise ControlError(_none_found(dataset, variable, path))
    return fit[0]


def kind_of(field: xr.DataArray) -> tuple[str | None, bool]:
    """The kind of temperature of a variable, None if none or unknown; whether it is declared."""
    standard = str(field.attrs.get("standard_name", "")).split()
    if standard:
        return (KINDS.get(standard[0]) if len(standard) == 1 else None), True
    words = str(field.attrs.get("long_name", "")).lower().replace("-", " ")
    for word, kind in (("conservative", CONSERVATIVE), ("potential", POTENTIAL), ("in situ", IN_SITU)):
        if f"{word} temperature" in words or (word == "in situ" and word in words):
            return kind, True
    return NAMED_KINDS.get(str(field.name)), False


def kind_is_surface(field: xr.DataArray) -> bool:
    """Whether a variable declares the temperature of the surface alone."""
    return str(field.attrs.get("standard_name", "")) == "sea_surface_temperature"


def in_celsius(field: xr.DataArray, path: str) -> xr.DataArray:
    """The values in degC float64, by the units that the file declares.

    Raises:
        ControlError: no units, or none of temperature.
    """
    units = str(field.attrs.get("units", "none"))
    try:
        zero, one = convert([0.0, 1.0], units, "degC")
    except UnitError as error:
        raise ControlError(
            f"{path} gives {field.name} in units {units}, expected degC or K; set the "
            "attribute if the values are temperatures, or choose another variable"
        ) from error
    values = xr.DataArray(field.variable, name="thetao")
    return values if (zero, one) == (0, 1) else values.astype(np.float64) * (one - zero) + zero


def find_salinity(dataset: xr.Dataset, like: xr.DataArray) -> xr.DataArray | None:
    """Salinity on the dimensions of a temperature, if a file has it."""
    for key, field in dataset.data_vars.items():
        standard = str(field.attrs.get("standard_name", ""))
        fits = standard in SALINITIES or (not standard and str(key) in SALINITY_NAMES)
        if fits and set(field.dims) == set(like.dims):
            return field
    return None


def as_potential(
    kind: str,
    temperature: xr.DataArray,
    salinity: xr.DataArray,
    absolute: bool,
    place: tuple[Floats, Floats, Floats],
) -> xr.DataArray:
    """Potential temperature, degC, of values (time, depth, y, x), lazily.

    Args:
        kind: CONSERVATIVE or IN_SITU.
        temperature: degC.
        salinity: g/kg if `absolute`, else PSS-78.
        place: middle of the layers (depth) in m, latitude and longitude (y, x) in degrees.
    """

    def convert_block(values: NDArray, salt: NDArray) -> NDArray[np.float32]:
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


def require_salinity(salinity: NDArray, temperature: NDArray, path: str) -> None:
    """Refuse salinity of a step that is missing where there is temperature, or no salinity of the sea.

    Raises:
        ControlError: with the number of values.
    """
    wet = np.isfinite(temperature)
    here = salinity[wet]
    wrong = ~(np.isfinite(here) & (here >= 0) & (here <= SALTIEST))
    if wrong.any() or (here.size and np.median(here) < 1):
        raise ControlError(
            f"{path} has {wrong.sum()} values of water without salinity of 0 to {SALTIEST:g} (median "
            f"{np.nanmedian(here):.3g}), expected g/kg or PSS-78 wherever there is temperature; correct "
            "the salinity, or convert the temperature to potential temperature"
        )


def no_mean_temperature(field: xr.DataArray) -> str:
    """How a variable declares that it holds no means of sea water temperature; empty if it does not."""
    standard, methods = (str(field.attrs.get(key, "")) for key in ("standard_name", "cell_methods"))
    if is_statistic(methods):
        return f"cell_methods {methods!r}"
    for words in (standard, str(field.attrs.get("long_name", ""))):
        if "anomal" in words.lower():
            return f"{words!r}, no temperature itself"
    return f"standard_name {standard}" if standard and kind_of(field)[0] is None else ""


def snapshots_of(field: xr.DataArray) -> str:
    """The name and cell_methods of a variable that declares values at an instant, else empty."""
    methods = str(field.attrs.get("cell_methods", ""))
    return f"{field.name} (cell_methods {methods!r})" if "point" in OF_TIME.findall(methods) else ""


def _none_found(dataset: xr.Dataset, variable: str | None, path: str) -> str:
    """The sentence on a file without a temperature: what was passed over and why, or what it holds."""
    passed = [
        f"{key} ({why})"
        for key, field in dataset.data_vars.items()
        if _speaks_of_temperature(field) and (why := no_mean_temperature(field))
    ]
    if passed and variable is None:
        return (
            f"{path} holds no potential temperature but {' and '.join(passed)}, expected mean sea water "
            "potential temperature; give the model's means"
        )
    bounds = {bounds_name(dataset[name]) for name in dataset.variables}
    held = [str(key) for key in dataset.data_vars if str(key) not in bounds][:8]
    return (
        f"{path} holds no {variable or 'potential temperature'} but {', '.join(held) or 'no field'}, "
        f"expected {', '.join(NAMES[:3])} or a variable of that standard name; {CHOOSE}, or give other "
        "files"
    )


def _speaks_of_temperature(field: xr.DataArray) -> bool:
    words = f"{field.attrs.get('standard_name', '')} {field.attrs.get('long_name', '')}".lower()
    return str(field.name) in NAMED_KINDS or "temperature" in words


def _chosen(field: xr.DataArray, path: str) -> Temperature:
    if why := no_mean_temperature(field):
        raise ControlError(
            f"{path} declares {field.name} by {why}, expected mean sea water potential temperature; "
            "choose another variable, or give the model's means"
        )
    kind, declared = kind_of(field)
    return _temperature(str(field.name), kind or POTENTIAL, declared)


def _temperature(name: str, kind: str, declared: bool) -> Temperature:
    assumed = (
        f"{name} declares no kind of temperature (standard_name) and is taken for {kind} temperature"
    )
    return Temperature(name, kind, "" if declared else assumed)
