"""Which variable of a file is its temperature, and of which kind.

`standard_name` comes before the long name, that before the name of the variable. Where the first two
name different kinds the variable is no temperature that can be used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import xarray as xr

from deepda.base.cell_methods import is_climatology, is_statistic
from deepda.base.units import UnitError, convert
from deepda.control.axes import ControlError, bounds_name

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
OF_TIME = re.compile(r"\btime\w*:(?:\s+\w+:)*\s+(\w+)")  # the methods that cell_methods names for time
CHOOSE = (
    "choose one with --variable NAME of `deepda control prepare`, whose file the other commands take, "
    "or of `deepda evaluate`"
)
CF_NAME = re.compile(r"[a-z]+(_[a-z0-9]+)+")  # how a standard name of a temperature is spelt
NO_TEMPERATURE = re.compile(  # words of a name for what is left of a temperature, or of its errors
    r"anomal\w*|\bbias(es)?\b(?![\s-]*(correct|adjust))|\btrends?\b|\berrors?\b(?![\s-]*correct)"
    r"|\bdifferences?\b|\btendenc\w*|\bincrements?\b"
)


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
    standard = standard_name(field).split()
    if standard:
        return (KINDS.get(standard[0]) if len(standard) == 1 else None), True
    said = _kind_in_words(field)
    return (said, True) if said else (NAMED_KINDS.get(str(field.name)), False)


def standard_name(field: xr.DataArray) -> str:
    """The standard name that a variable declares; its own name in place of one counts as none."""
    said = str(field.attrs.get("standard_name", ""))
    return "" if said == field.name and not CF_NAME.fullmatch(said) else said


def _kind_in_words(field: xr.DataArray) -> str | None:
    """The kind of temperature that the long name of a variable says, if it says one."""
    words = str(field.attrs.get("long_name", "")).lower().replace("-", " ")
    for word, kind in (("conservative", CONSERVATIVE), ("potential", POTENTIAL), ("in situ", IN_SITU)):
        if f"{word} temperature" in words or (word == "in situ" and word in words):
            return kind
    return None


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


def no_mean_temperature(field: xr.DataArray) -> str:
    """How a variable declares that it holds no means of sea water temperature; empty if it does not."""
    standard = standard_name(field)
    long_name, methods = (str(field.attrs.get(key, "")) for key in ("long_name", "cell_methods"))
    if is_statistic(methods):
        return f"cell_methods {methods!r}"
    for words in (standard, long_name):
        if NO_TEMPERATURE.search(words.lower().replace("_", " ")):
            return f"{words!r}, no temperature itself"
    kind, said = kind_of(field)[0], _kind_in_words(field)
    if standard and kind is None:
        return f"standard_name {standard}"
    if standard and said not in (None, kind) and not kind_is_surface(field):
        return f"standard_name {standard} against long_name {long_name!r}"
    return ""


def require_single_years(field: xr.DataArray, path: str) -> None:
    """Refuse means over many years of one season.

    Raises:
        ControlError: with the cell_methods that say so.
    """
    methods = str(field.attrs.get("cell_methods", ""))
    if is_climatology(methods):
        raise ControlError(
            f"{path} declares {field.name} by cell_methods {methods!r}, a climatology, expected means "
            "of the steps of single years; give the model's own output"
        )


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
            "potential temperature; give the model's means, or correct the attributes"
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
            "choose another variable, give the model's means, or correct the attributes"
        )
    kind, declared = kind_of(field)
    return _temperature(str(field.name), kind or POTENTIAL, declared)


def _temperature(name: str, kind: str, declared: bool) -> Temperature:
    assumed = (
        f"{name} declares no kind of temperature (standard_name) and is taken for {kind} temperature"
    )
    return Temperature(name, kind, "" if declared else assumed)
