"""Flags of a gridded field of the sea surface: quality levels, flags, and masks of ice, land and cloud.

GHRSST Data Specification 2.0 revision 5, table 9-1; CF Conventions 1.11, section 3.5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from deepda.observations.flags import ARGO, DRY, GHRSST, ICE, MODIS, Declared, qualities
from deepda.observations.gridded import on_axes
from deepda.observations.ncfile import NetcdfFile
from deepda.observations.qualities import GOOD, UNKNOWN, worst
from deepda.observations.surface import Surface

LEVELS: Mapping[str, Mapping[int, int]] = {
    "quality_level": GHRSST, "qual_sst": MODIS, "qual_sst4": MODIS,
}  # fmt: skip
MASKS = ("l2p_flags", "mask")  # GHRSST: by their flag_meanings alone
OWN_NAMES = ("{}_qc", "{}_flag", "{}_quality", "{}_quality_flag", "{}_quality_level")
OF_QUALITY = re.compile(r"quality|(^|_)(qc|qa)(_|$)", re.IGNORECASE)  # in a name
STATUS = ("status_flag", "quality_flag")  # standard names, and modifiers of one


def quality_of_cells(file: NetcdfFile, surface: Surface, part: slice) -> NDArray[np.int8]:
    """(time, row, column) or less: worst quality by quality levels and flags about the temperature.

    Without a declared scheme the quality levels of GHRSST and MODIS count by theirs, `_qc` by Argo's.
    """
    found = list[NDArray[np.int8]]()
    for name in _flagging(file, surface):
        usual = LEVELS.get(name, ARGO if name == f"{surface.name}_qc" else None)
        own = file.declared_flags(name)
        if own is not None and not _is_usual(own, LEVELS.get(name, {})):
            found.append(own.qualities(on_axes(file, name, surface.axes, part, file.stored)))
        elif usual is not None:
            found.append(_levels(on_axes(file, name, surface.axes, part, file.stored), usual))
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


def _flagging(file: NetcdfFile, surface: Surface) -> list[str]:
    """Variables of flags of the temperature, by its attributes, by their names and standard names."""
    name = surface.name
    named = [*LEVELS, *file.attribute("ancillary_variables", name).split(), "quality_flag",
             *(form.format(name) for form in OWN_NAMES)]  # fmt: skip
    about = [other for other in sorted(file.names) if _is_about(file, name, other)]
    places = {surface.axes.rows, surface.axes.columns}
    return [other for other in dict.fromkeys([*named, *about])
            if other in file and other not in MASKS and places <= {*file.dims(other)}]  # fmt: skip


def _is_about(file: NetcdfFile, name: str, flag: str) -> bool:
    """Whether a variable flags the temperature or the whole cell, not another variable."""
    standard, _, modifier = file.attribute("standard_name", flag).rpartition(" ")
    if modifier in STATUS:
        return standard in ("", file.attribute("standard_name", name))
    of_another = any(
        re.search(rf"(^|_){re.escape(other)}(_|$)", flag, re.IGNORECASE)
        or flag in file.attribute("ancillary_variables", other).split()
        for other in file.names - {name, flag}
    )
    found = OF_QUALITY.search(flag) is not None and not of_another
    return found and file.declared_flags(flag) is not None


def _is_usual(own: Declared, usual: Mapping[int, int]) -> bool:
    """Whether a declared scheme is the usual one of quality levels: the same codes in the same order."""
    grades = own.grades()
    order = sorted((usual[code], grades[code]) for code in usual if grades.get(code, UNKNOWN) != UNKNOWN)
    return {*grades} == {*usual} and [grade for _, grade in order] == sorted(g for _, g in order)


def _levels(raw: NDArray, scheme: Mapping[int, int]) -> NDArray[np.int8]:
    """Qualities of levels; a level that the scheme does not have is unknown."""
    if raw.dtype.kind not in "iuf":
        return qualities(raw, scheme)
    known = np.isin(raw, list(scheme))
    return np.where(known, qualities(np.where(known, raw, 0).astype(np.int16), scheme), UNKNOWN)
