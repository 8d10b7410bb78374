"""Which kind of platform measured, from the codes of the formats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepda.observations.table import PLATFORMS

# WMO common code table C-3 (1770), instrument type: first and last code of a range.
WMO_INSTRUMENTS = (
    (1, 599, "xbt"),
    (700, 799, "ctd"),  # XCTD
    (800, 800, "other"),  # mechanical bathythermograph
    (810, 810, "ctd"),  # bottles
    (820, 820, "mooring"),  # thermistor chain
    (830, 830, "ctd"),
    (831, 899, "argo"),  # profiling floats
)
# ICOADS (Freeman et al. 2017, doi 10.1002/joc.4775), platform type PT.
ICOADS_PLATFORMS = {str(code): "ship" for code in range(6)} | {"6": "mooring", "7": "drifter"}
# World Ocean Database, code table s_29_probe_type, as the words of the variable "dataset".
WOD_PROBES = {
    "xbt": "xbt", "ctd": "ctd", "std": "ctd", "xctd": "ctd", "towed ctd": "ctd", "glider": "ctd",
    "bottle/rossette/net": "ctd", "bottle/rosette/net": "ctd", "profiling float": "argo",
    "moored buoy": "mooring", "drifting buoy": "drifter", "underway/intake": "ship", "bucket": "ship",
}  # fmt: skip
# What people write in a column platform_type, besides our words and those of the World Ocean Database.
PLATFORM_WORDS = {
    **{platform: platform for platform in PLATFORMS}, **WOD_PROBES,
    **{word: "argo" for word in ("float", "argo float", "profiling_float", "pfl")},
    **{word: "mooring" for word in ("moored_buoy", "tao", "mrb")},
    **{word: "drifter" for word in ("drifting_buoy", "drb", "surface drifter")},
    **{word: "ctd" for word in ("bottle", "osd", "gld", "ctd/bottle")},
    **{"vessel": "ship", "bathythermograph": "xbt", "axbt": "xbt"},
}  # fmt: skip
# GTSPP, data type of the message or file it came with.
GTSPP_TYPES = {
    "XB": "xbt", "BA": "xbt", "AX": "xbt", "CD": "ctd", "CT": "ctd", "TE": "ctd", "XC": "ctd",
    "BO": "ctd", "GL": "ctd", "MB": "other", "PF": "argo", "AR": "argo", "DB": "drifter",
    "MO": "mooring", "TR": "ship",
}  # fmt: skip


def wmo_platforms(codes: NDArray[np.str_]) -> NDArray[np.str_]:
    """Platform types of WMO 1770 instrument codes as text; "other" where there is no such code."""
    numbers = np.array([int(code) if code.isdecimal() else -1 for code in codes])
    out = np.full(codes.shape, "other", dtype="U9")
    for first, last, platform in WMO_INSTRUMENTS:
        out[(numbers >= first) & (numbers <= last)] = platform
    return out


def named(codes: NDArray[np.str_], table: dict[str, str]) -> NDArray[np.str_]:
    """Platform types by a table of codes, "other" where it has none."""
    return np.array([table.get(code, "other") for code in codes.ravel()], dtype="U9")
