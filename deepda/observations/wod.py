"""World Ocean Database in NetCDF: one cast a file, or many as CF contiguous ragged arrays.

Garcia et al. (2018, World Ocean Database user's manual); IQuOD files are the ragged kind with flags
named *_IQUODflag. Time is days since 1770-01-01; flags are integers, 0 is accepted.

A level is as good as the worse of two flags: WOD's own and the originator's (*_origflag), whose codes
are those of the set that `origflagset` names for the cast. Codes of a set that is not known here make a
level "unknown". The profile flag says that a cast as a whole departs from the statistics of its
five-degree box or had to be left out of the World Ocean Atlas; no level is bad by that, it is "unknown".
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.observations.coordinates import degrees, times, vertical
from deepda.observations.declared_flags import flags_of
from deepda.observations.fall_rate import needed_by_text, with_sound_depths
from deepda.observations.flags import WOD, originator_scheme, qualities
from deepda.observations.ncfile import NetcdfFile
from deepda.observations.platforms import WOD_PROBES, named
from deepda.observations.qualities import GOOD, UNKNOWN, trusted, worst
from deepda.observations.reading import ReadOptions, ReadResult, finish
from deepda.observations.samples import row_sizes
from deepda.observations.temperatures import kind_of

# Country code 99 stands for "unknown", cruise 0 for "no cruise number" (WOD user's manual): casts
# of one such identifier are not casts of one ship.
NO_CRUISE = re.compile(r"99.*|..0*")
Z_FIX = ("needs_z_fix", "need_z_fix")
MISSING = -1e9  # values that WOD writes for "missing" without declaring it: -1e10, -99999 for codes


def read_wod(path: Path, options: ReadOptions) -> ReadResult:
    """Read a WOD or IQuOD NetCDF file, single cast or ragged.

    Raises:
        ObservationError: no temperature, row sizes that do not fit, or damaged.
    """
    with NetcdfFile(path) as file:
        if "Temperature" not in file or "z" not in file:
            raise file.error("it holds no Temperature on z", "leave it out")
        kind, said = kind_of(file, "Temperature", "in_situ")
        ragged = file.shape("wod_unique_cast") != ()
        rows = _rows(file, ragged)
        texts = file.texts(file.first(*Z_FIX), file.shape("wod_unique_cast")[0] if ragged else 1)
    needed = [needed_by_text(text) if text else None for text in texts]
    rows, done = with_sound_depths(rows, needed, options.fall_rate)
    return finish(rows, path, "wod", options, kind, (*said, *done))


def _rows(file: NetcdfFile, ragged: bool) -> pd.DataFrame:
    casts = file.shape("wod_unique_cast")[0] if ragged else 1
    levels = file.shape("z")[0] if file.shape("z") else 0
    cast, _, place = _layout(file, "z", casts, levels, ragged)
    temperature, invalid, quality = _on_levels(file, "Temperature", casts, place, ragged)
    salinity, out, salinity_quality = _on_levels(file, "Salinity", casts, place, ragged)
    depth = vertical(file, "z", "m", (levels,))
    dataset = file.texts("dataset", casts)
    probe = np.array([name.lower() for name in dataset])
    platform = _platform_names(file, casts)
    present = np.isfinite(depth) | np.isfinite(temperature)
    rows = pd.DataFrame(
        {
            "time": file.shaped(times(file, "time"), "time", (casts,))[cast],
            "lat": file.shaped(degrees(file, "lat"), "lat", (casts,))[cast],
            "lon": file.shaped(degrees(file, "lon"), "lon", (casts,))[cast],
            "depth": depth,
            "temperature": temperature,
            "invalid": invalid,
            "salinity": np.where(out, np.nan, trusted(salinity, salinity_quality)),
            "platform_type": named(probe, WOD_PROBES)[cast],
            "platform_id": platform[cast],
            "quality_depth": _flags(file, "z", cast, casts),
            "quality_temperature": quality,
            "profile": cast.astype(np.int32),
            "source_index": np.arange(levels),
        }
    )
    return rows[present].reset_index(drop=True)


def _layout(
    file: NetcdfFile, name: str, casts: int, size: int, ragged: bool
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Of each value: its cast, its level in the cast, and the first value of each cast."""
    if not ragged:
        return np.zeros(size, np.intp), np.arange(size), np.zeros(1, np.intp)
    sizes = row_sizes(file, f"{name}_row_size", size, (casts,))
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp)
    cast = np.repeat(np.arange(casts), sizes)
    return cast, np.arange(size) - first[cast], first


def _on_levels(
    file: NetcdfFile, name: str, casts: int, first: NDArray[np.intp], ragged: bool
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int8]]:
    """A variable on the levels of z, the n-th value of a cast on its n-th z.

    Values, whether they are outside the range that the file calls valid, and their qualities.

    A variable with fewer values than a cast has levels lacks the last ones; with more it is refused.
    """
    levels = file.shape("z")[0] if file.shape("z") else 0
    value, quality = np.full(levels, np.nan), np.full(levels, UNKNOWN, np.int8)
    invalid = np.zeros(levels, np.bool_)
    if name not in file:
        return value, invalid, quality
    size = file.shape(name)[0] if file.shape(name) else 0
    cast, level, _ = _layout(file, name, casts, size, ragged)
    counts = np.bincount(_layout(file, "z", casts, levels, ragged)[0], minlength=casts)
    if (level >= counts[cast]).any():
        raise file.error(f"{name} has more values than a cast has depths")
    at = first[cast] + level
    unit = {"units": "1"} if name == "Salinity" else {}
    given = file.numbers(name, (size,))
    read, out = file.measured(name, "1" if name == "Salinity" else "degC", (size,), **unit)
    value[at], invalid[at] = np.where(given > MISSING, read, np.nan), out & (given > MISSING)
    quality[at] = worst(_flags(file, name, cast, casts), _profile_flag(file, name, casts)[cast])
    return value, invalid, quality


def _flags(file: NetcdfFile, name: str, cast: NDArray[np.intp], casts: int) -> NDArray[np.int8]:
    """(value) the worse of WOD's flag and the originator's; `cast` is (value) its cast."""
    own = flags_of(file, file.first(f"{name}_WODflag", f"{name}_IQUODflag"), cast.shape, WOD)
    original = f"{name}_origflag"
    if original not in file:
        return own
    codes = file.numbers(original, cast.shape)
    return worst(own, _originators(codes, file.texts("origflagset", casts)[cast]))


def _originators(codes: NDArray[np.float64], sets: NDArray[np.str_]) -> NDArray[np.int8]:
    """(value) quality by the originator: good where it says nothing, unknown by an unknown set."""
    given = codes > 0  # 0, fill and negative: no flag
    quality = np.full(codes.shape, GOOD, np.int8)
    for name in np.unique(sets[given]):
        at, scheme = given & (sets == name), originator_scheme(str(name))
        quality[at] = UNKNOWN if scheme is None else qualities(codes[at], scheme)
    return quality


def _profile_flag(file: NetcdfFile, name: str, casts: int) -> NDArray[np.int8]:
    """(casts) unknown where a test on the whole profile failed, else good."""
    quality = flags_of(file, f"{name}_WODprofileflag", (casts,), WOD, absent=GOOD)
    return np.minimum(quality, UNKNOWN)


def _platform_names(file: NetcdfFile, casts: int) -> NDArray[np.str_]:
    """(casts) the cruise, which is one platform; else the platform's name; else the cast's number.

    A cruise is only one with a known country and a number.
    """
    cruise, name = file.texts("WOD_cruise_identifier", casts), file.texts("Platform", casts)
    cast = file.numbers("wod_unique_cast").reshape(casts)
    number = np.array([f"wod_{value:.0f}" for value in cast])
    one = np.array([NO_CRUISE.fullmatch(text) is None for text in cruise]) & (cruise != "")
    return np.where(one, cruise, np.where(name != "", name, number))
