"""What a gridded file of the sea surface holds: which variable, in which unit, with which flags.

Standard names come before names (CF standard name table; GHRSST Data Specification 2.0 revision 5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepda.base.units import UnitError, convert
from deepda.observations.faults import KELVIN
from deepda.observations.flags import DRY, GHRSST, ICE, MODIS, qualities
from deepda.observations.gridded import Axes, find_axes, on_axes
from deepda.observations.ncfile import NetcdfFile
from deepda.observations.other_quantities import other_quantity
from deepda.observations.qualities import GOOD, UNKNOWN, worst
from deepda.observations.reading import ZERO_CELSIUS

NAMES = ("analysed_sst", "sst", "SST", "tos", "surface_temperature", "sea_surface_temperature",
         "adjusted_sea_surface_temperature", "ssta", "anom")  # fmt: skip
STANDARD = re.compile(
    r"(adjusted_)?sea_surface_(skin_|subskin_|foundation_)?temperature|surface_temperature"
    r"|sea_water_(potential_)?temperature"
)
ANOMALY = re.compile(r"anom|departure|(?<!standard )(?<!standard_)deviation", re.IGNORECASE)
NORMAL = re.compile(r"climatolog|long.term mean", re.IGNORECASE)
ERRORS = ("analysis_error", "analysis_uncertainty", "err", "sses_standard_deviation",
          "uncertainty", "total_uncertainty")  # of OSTIA, ESA CCI, OISST, GHRSST: K # fmt: skip
FRACTION = re.compile(r"fraction\s*(\([^%]*\))?", re.IGNORECASE)  # units of MUR: 1
ICES = ("sea_ice_fraction", "ice", "icec", "siconc")
QUALITY_NAMES = {"quality_level": GHRSST, "qual_sst": MODIS, "qual_sst4": MODIS}
MASKS = ("l2p_flags", "mask")  # GHRSST: by their flag_meanings alone


@dataclass(frozen=True)
class Surface:
    """The variable of temperature of a gridded file.

    Attributes:
        anomaly: its values are departures from a climatology.
    """

    name: str
    axes: Axes
    anomaly: bool


def find_surface(file: NetcdfFile) -> Surface | None:
    """The surface temperature of a file, temperatures before anomalies; None without one.

    Raises:
        ObservationError: it lies on axes that cannot be distinguished, or is a climatology.
    """
    named = [name for name in NAMES if name in file and _may_be(file, name)]
    others = [name for name in sorted(file.names - {*NAMES})
              if STANDARD.match(_standard(file, name)) and _may_be(file, name)]  # fmt: skip
    found = []
    for name in [*named, *others]:
        axes = find_axes(file, name) if len(file.shape(name)) >= 2 else None
        if axes is not None:
            found.append(Surface(name, axes, is_anomaly(file, name)))
    best = min(found, key=lambda surface: surface.anomaly, default=None)
    if best is not None and not best.anomaly:
        _refuse_climatology(file, best)
    return best


def _refuse_climatology(file: NetcdfFile, surface: Surface) -> None:
    time = surface.axes.time
    dated = not (time in file and file.attribute("climatology", time))
    if not dated or NORMAL.search(file.attribute("long_name", surface.name)):
        what = "its time has climatology bounds" if not dated else "says its long_name"
        raise file.error(f"{surface.name} is a climatology ({what}), expected dated fields",
                         "leave it out, or pass it by --climatology")  # fmt: skip


def is_anomaly(file: NetcdfFile, name: str) -> bool:
    """Whether a variable is a departure, by standard name, name or description."""
    standard = file.attribute("standard_name", name)
    said = ("long_name", "var_desc", "statistic", "cell_methods")
    words = [standard, name, *(file.attribute(word, name) for word in said)]
    if not standard:
        words.append(file.attribute("title"))
    return any(ANOMALY.search(word) for word in words) or name == "ssta"


def celsius(
    file: NetcdfFile, surface: Surface, values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], str]:
    """degC (anomalies: K) by the units, and what was assumed, "" for nothing.

    Without units the values decide: an ocean is either kelvin or degC.

    Raises:
        ObservationError: units of no temperature, or none and values of neither.
    """
    units = file.attribute("units", surface.name)
    if surface.anomaly:
        return values * _degree(file, surface.name, units), ""
    middle = float(np.nanmedian(values)) if np.isfinite(values).any() else 0.0
    if units:
        try:
            return convert(values, units, "degC"), ""
        except UnitError:
            what = f"{surface.name} is in units {units!r} around {middle:g}, expected kelvin or degC"
            raise file.error(what, "set its units") from None
    if KELVIN[0] < middle < KELVIN[1]:
        return values - ZERO_CELSIUS, f"{surface.name} without units, around {middle:g}: taken as kelvin"
    if -5 < middle < 45:
        return values, f"{surface.name} without units, around {middle:g}: taken as degC"
    raise file.error(
        f"{surface.name} is without units and around {middle:g}, expected kelvin or degC",
        "set its units",
    )


def quality_of_cells(file: NetcdfFile, surface: Surface, part: slice) -> NDArray[np.int8]:
    """(time, row, column) or less: worst quality by quality levels and flags about the temperature.

    Ancillary variables that say `flag_meanings` count, and the quality levels of GHRSST and MODIS.
    """
    ancillary = file.attribute("ancillary_variables", surface.name).split()
    names = [*QUALITY_NAMES, *ancillary, f"{surface.name}_qc", f"{surface.name}_flag", "quality_flag"]
    found = list[NDArray[np.int8]]()
    for name in dict.fromkeys(names):
        if name not in file or name in MASKS:
            continue
        scheme, own = QUALITY_NAMES.get(name), file.declared_flags(name)
        if scheme is None and own is None:
            continue
        raw = on_axes(file, name, surface.axes, part, file.stored)
        if scheme is None and own is not None:
            found.append(own.qualities(raw))
        elif scheme is not None:
            found.append(_levels(raw, scheme))
    return worst(*found) if found else np.array(GOOD, np.int8)


def marked_cells(
    file: NetcdfFile, surface: Surface, part: slice
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where masks say that a cell is ice, and that it is land, a lake, a river or cloudy."""
    ice, dry = np.array(False), np.array(False)
    for name in MASKS:
        own = file.declared_flags(name) if name in file else None
        if own is not None:
            raw = on_axes(file, name, surface.axes, part, file.stored)
            ice, dry = ice | own.marked(raw, ICE), dry | own.marked(raw, DRY)
    return ice, dry


def ice_fraction(file: NetcdfFile, surface: Surface, part: slice) -> NDArray[np.float64] | None:
    """Concentration 0..1 of sea ice by its units; without units a value above 1.5 makes it percent."""
    named = [name for name in ICES if name in file]
    named += [name for name in sorted(file.names) if _standard(file, name) == "sea_ice_area_fraction"]
    name = next((name for name in named if len(file.shape(name)) >= 2), None)
    if name is None:
        return None
    ice = on_axes(file, name, surface.axes, part, file.numbers)
    units = file.attribute("units", name)
    if units:
        return file.in_unit(ice, name, "1", "1" if FRACTION.fullmatch(units) else units)
    return ice / 100 if np.nanmax(ice, initial=0.0) > 1.5 else ice


def errors_of_cells(file: NetcdfFile, surface: Surface, part: slice) -> NDArray[np.float64] | None:
    """(time, row, column) K, standard deviation of the error that the file gives; None without."""
    modified = [name for name in sorted(file.names)
                if re.search(r"temperature standard_error$", _standard(file, name))]  # fmt: skip
    name = next(
        (name for name in [*modified, *ERRORS] if name in file and len(file.shape(name)) > 1), None
    )
    if name is None:
        return None
    values = on_axes(file, name, surface.axes, part, file.numbers)
    return values * _degree(file, name, file.attribute("units", name))


def _degree(file: NetcdfFile, name: str, units: str) -> float:
    """Kelvin of one unit of a difference of temperatures."""
    if not units:
        return 1.0
    try:
        zero, one = convert([0.0, 1.0], units, "degC")
    except UnitError:
        raise file.error(
            f"{name} is in units {units!r}, expected kelvin or degC", "set its units"
        ) from None
    return float(one - zero)


def _levels(raw: NDArray, scheme: dict[int, int]) -> NDArray[np.int8]:
    """Qualities of levels; a level that the scheme does not have is unknown."""
    known = np.isin(raw, list(scheme))
    return np.where(known, qualities(np.where(known, raw, 0).astype(np.int16), scheme), UNKNOWN)


def _standard(file: NetcdfFile, name: str) -> str:
    return file.attribute("standard_name", name).lower()


def _may_be(file: NetcdfFile, name: str) -> bool:
    """Whether a variable can be the temperature: no error, flag or count of one, nor something else."""
    standard = _standard(file, name)
    fits = " " not in standard and ("temperature" in standard or "_" not in standard)
    return fits and not other_quantity(file, name)
