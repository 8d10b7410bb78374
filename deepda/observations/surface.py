"""What a gridded file of the sea surface holds: which variable, in which unit, with which flags.

Standard names come before names (CF standard name table; GHRSST Data Specification 2.0 revision 5).
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepda.base.cell_methods import is_climatology
from deepda.base.units import UnitError, convert
from deepda.observations.faults import KELVIN
from deepda.observations.gridded import Axes, find_axes, on_axes
from deepda.observations.ncfile import NetcdfFile
from deepda.observations.other_quantities import other_quantity
from deepda.observations.packing import outside
from deepda.observations.reading import ZERO_CELSIUS

NAMES = ("analysed_sst", "sst", "SST", "tos", "surface_temperature", "sea_surface_temperature",
         "adjusted_sea_surface_temperature", "ssta", "anom")  # fmt: skip
STANDARD = re.compile(
    r"(adjusted_)?sea_surface_(skin_|subskin_|foundation_)?temperature|surface_temperature"
    r"|sea_water_(potential_)?temperature"
)
ANOMALY = re.compile(r"anom|departure|(?<!standard )(?<!standard_)deviation", re.IGNORECASE)
LEADING = re.compile(r"(\W*\w+\W+){0,5}(anomal|departure)", re.IGNORECASE)  # how a text begins
REFERENCES = ("reference_period", "base_period")  # attributes of a variable: what it departs from
NORMAL = re.compile(r"climatolog|long.term mean|(^|_)(clim|ltm)(_|$)", re.IGNORECASE)
LONG_TERM = re.compile(r"long.term mean", re.IGNORECASE)
NORMAL_YEARS = "climatology_period"  # attribute
PERIODS = ("reference_period", "base_period", "climatology_period", "climatology")  # attributes
TEXTS = ("title", "summary", "comment", "description", "long_name", "var_desc")
DEPARTING = re.compile(
    r"anom|departure|normal|climatolog|reference|relative|base|w\.?r\.?t|mean", re.IGNORECASE
)
YEARS = re.compile(
    r"(?<!\d)((?:18|19|20)\d\d)\s*(?:-|\u2013|/|to)\s*((?:18|19|20)?\d\d)(?![\d-])", re.IGNORECASE
)
LONGEST = 40  # years: other periods are those of data
OWN_ERRORS = ("{}_uncertainty", "{}_error", "{}_total_uncertainty", "{}_standard_error")
ERRORS = ("analysis_error", "analysis_uncertainty", "err", "sses_standard_deviation",
          "uncertainty", "total_uncertainty")  # of OSTIA, ESA CCI, OISST, GHRSST: K # fmt: skip
FRACTION = re.compile(r"fraction\s*(\([^%]*\))?", re.IGNORECASE)  # units of MUR: 1
ICES = ("sea_ice_fraction", "ice", "icec", "siconc")


@dataclass(frozen=True)
class Surface:
    """The variable of temperature of a gridded file.

    Attributes:
        anomaly: its values are departures from a climatology.
        others: names of other temperatures of the surface in the file.
    """

    name: str
    axes: Axes
    anomaly: bool
    others: tuple[str, ...] = ()


def find_surface(file: NetcdfFile) -> Surface | None:
    """The surface temperature of a file, temperatures before anomalies; None without one.

    Raises:
        ObservationError: it lies on axes that cannot be distinguished or at depth, is a climatology,
            or is called a temperature in a file of anomalies.
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
    if best is None or best.anomaly:
        return best
    alone = not any(surface.anomaly for surface in found)
    _refuse_climatology(file, best, alone)
    if alone:
        _refuse_contradiction(file, best)
    rest = (surface.name for surface in found if surface is not best and not surface.anomaly)
    return dataclasses.replace(best, others=tuple(rest))


def _refuse_climatology(file: NetcdfFile, surface: Surface, alone: bool) -> None:
    """Refuse a climatology; attributes of the file count where it has no anomalies beside it."""
    name, time = surface.name, surface.axes.time
    owners = (name, None) if alone else (name,)
    said = [
        ("its time has climatology bounds", time in file and bool(file.attribute("climatology", time))),
        ("says its long_name", NORMAL.search(file.attribute("long_name", name))),
        ("says its name", NORMAL.search(name)),
        ("says its cell_methods", is_climatology(file.attribute("cell_methods", name))),
        ("says the title", alone and NORMAL.search(file.attribute("title"))),
        ("says a comment", any(LONG_TERM.search(file.attribute("comment", owner)) for owner in owners)),
        (f"says {NORMAL_YEARS}", any(file.attribute(NORMAL_YEARS, owner) for owner in owners)),
    ]
    what = next((words for words, found in said if found), "")
    if what:
        raise file.error(f"{name} is a climatology ({what}), expected dated fields",
                         "leave it out, or pass it by --climatology")  # fmt: skip


def _refuse_contradiction(file: NetcdfFile, surface: Surface) -> None:
    """Refuse a temperature by its name in a file that says anomalies and has no others."""
    name = surface.name
    texts = {"title": file.attribute("title"), "summary": file.attribute("summary"),
             "comment": file.attribute("comment", name)}  # fmt: skip
    said = [f"the {word} {text!r}" for word, text in texts.items()
            if (ANOMALY.search if word == "title" else LEADING.match)(text)]  # fmt: skip
    if reference := file.said(REFERENCES, name):
        said.append(f"{reference}, as anomalies have")
    if said:
        by = "standard_name" if _standard(file, name) else "name"
        raise file.error(f"{name} is a temperature by its {by}, an anomaly by {said[0]}, expected one "
                         "of them", "correct the attribute that is wrong")  # fmt: skip


def is_anomaly(file: NetcdfFile, name: str) -> bool:
    """Whether a variable is a departure, by standard name, name or description."""
    standard = file.attribute("standard_name", name)
    said = ("long_name", "var_desc", "statistic", "cell_methods")
    words = [standard, name, *(file.attribute(word, name) for word in said)]
    if not standard:
        words.append(file.attribute("title"))
    return any(ANOMALY.search(word) for word in words) or name == "ssta"


def reference_years(file: NetcdfFile, name: str) -> frozenset[str]:
    """Periods of a climatology ("1961-1990") that a file and a variable of it name."""
    said = [file.attribute(word, owner) for word in PERIODS for owner in (None, name)]
    texts = [file.attribute(word, owner) for word in TEXTS for owner in (None, name)]
    said += [text for text in texts if DEPARTING.search(text)]
    found = [(int(first), _last(first, last)) for text in said for first, last in YEARS.findall(text)]
    return frozenset(f"{first}-{last}" for first, last in found if 0 < last - first <= LONGEST)


def _last(first: str, last: str) -> int:
    """The second year, of which the century may be left out: 1951-80."""
    return int(last if len(last) == 4 else first[:2] + last)


def celsius(
    file: NetcdfFile, surface: Surface, values: NDArray[np.float64], invalid: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], str]:
    """degC (anomalies: K) by the units, and what was assumed, "" for nothing.

    Without units the valid values decide: an ocean is either kelvin or degC.

    Raises:
        ObservationError: units of no temperature, or none and values of neither.
    """
    units = file.attribute("units", surface.name)
    if surface.anomaly:
        return values * file.degree(surface.name), ""
    valid = values[np.isfinite(values) & ~invalid]
    middle = float(np.median(valid)) if valid.size else 0.0
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


def ice_fraction(
    file: NetcdfFile, surface: Surface, part: slice
) -> tuple[NDArray[np.float64] | None, str]:
    """Concentration 0..1 of sea ice by its units, and what was assumed, "" for nothing.

    Without units a value above 1.5 makes it percent; "%" that is at most 1 (OISST) is a fraction.
    """
    named = [name for name in ICES if name in file]
    named += [name for name in sorted(file.names) if _standard(file, name) == "sea_ice_area_fraction"]
    name = next((name for name in named if len(file.shape(name)) >= 2), None)
    if name is None:
        return None, ""
    ice = on_axes(file, name, surface.axes, part, file.numbers)
    units = file.attribute("units", name)
    if not units:
        return ice / 100 if np.nanmax(ice, initial=0.0) > 1.5 else ice, ""
    fraction = file.in_unit(ice, name, "1", "1" if FRACTION.fullmatch(units) else units)
    one_percent = file.in_unit(np.ones(1), name, "1", "1" if FRACTION.fullmatch(units) else units)
    beyond = outside(np.array([1.5]), file.stored_type(name), file.attributes(name))
    if one_percent[0] < 1.0 and beyond is not None and beyond[0]:
        return ice, f"{name} is in {units} and at most 1 by its valid range: taken as a fraction"
    return fraction, ""


def errors_of_cells(file: NetcdfFile, surface: Surface, part: slice) -> NDArray[np.float64] | None:
    """(time, row, column) K, standard deviation of the error that the file gives; None without."""
    modified = [name for name in sorted(file.names)
                if re.search(r"temperature standard_error$", _standard(file, name))]  # fmt: skip
    own = [form.format(surface.name) for form in OWN_ERRORS]
    name = next(
        (name for name in [*modified, *own, *ERRORS] if name in file and len(file.shape(name)) > 1), None
    )
    if name is None:
        return None
    values = on_axes(file, name, surface.axes, part, file.numbers)
    return values * file.degree(name)


def _standard(file: NetcdfFile, name: str) -> str:
    return file.attribute("standard_name", name).lower()


def _may_be(file: NetcdfFile, name: str) -> bool:
    """Whether a variable can be the temperature: no error, flag or count of one, nor something else."""
    standard = _standard(file, name)
    fits = " " not in standard and ("temperature" in standard or "_" not in standard)
    return fits and not other_quantity(file, name)
