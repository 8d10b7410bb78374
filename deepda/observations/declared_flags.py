"""Flags of a file by what it declares of them, else by the scheme of its format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from deepda.observations.flags import ARGO
from deepda.observations.ncfile import NetcdfFile
from deepda.observations.qualities import UNKNOWN, worst
from deepda.observations.samples import Samples

NAMES = ("{}_QC", "{}_qc", "{}_quality_flag", "{}_flag", "{}_FLAG", "{}_quality", "QC_{}", "qc_{}",
         "flg_{}", "qartod_{}_primary_flag", "{}_qc_agg")  # fmt: skip
WHOLE = ("qc", "quality", "flag", "QC")  # of the only measured variable


def flags_of(
    file: NetcdfFile, name: str, shape: tuple[int, ...], scheme: Mapping[int, int], absent: int = UNKNOWN
) -> NDArray[np.int8]:
    """Qualities of a variable of flags, `absent` without it.

    Args:
        scheme: of flags that declare no meanings.
    """
    own = file.declared_flags(name) if name in file else None
    if own is None:
        return file.flags(name, shape, scheme, absent)
    return own.qualities(file.shaped(file.stored(name), name, shape))


def flags_on(
    file: NetcdfFile,
    samples: Samples,
    name: str,
    absent: int,
    whole: str = "",
    scheme: Mapping[int, int] = ARGO,
) -> NDArray[np.int8]:
    """Worst quality of each sample by the flags of a variable, `absent` where it has none.

    Args:
        whole: a variable of flags of the whole sample.
        scheme: as of `flags_of`.
    """
    found = list[NDArray[np.int8]]()
    for other in _flagging(file, name, (whole, *WHOLE) if absent == UNKNOWN else ()):
        if samples.fits(other):
            shape = tuple(map(file.size, samples.own_dims(other)))
            found.append(samples.spread(other, flags_of(file, other, shape, scheme)))
    return worst(*found) if found else np.full(samples.shape, absent, np.int8)


def are_flagged(file: NetcdfFile, samples: Samples, name: str) -> bool:
    """Whether a coordinate has flags of its own."""
    return any(samples.fits(other) for other in _flagging(file, name, ()))


def _flagging(file: NetcdfFile, name: str, whole: Sequence[str]) -> list[str]:
    """Variables of flags: ancillary ones, those of its standard name, else the first by name."""
    ancillary = file.attribute("ancillary_variables", name).split() if name in file else []
    flagging = [other for other in ancillary if other in file and _is_flag(file, other)]
    flagging += [other for other in _status_flags(file, name) if other not in flagging]
    named = [*(form.format(name) for form in NAMES), *whole]
    return flagging or [other for other in named if other in file][:1]


def _is_flag(file: NetcdfFile, name: str) -> bool:
    return "flag" in file.attribute("standard_name", name) or bool(file.attribute("flag_meanings", name))


def _status_flags(file: NetcdfFile, name: str) -> list[str]:
    """Variables whose standard name makes them the flags of this one, where no other has its name."""
    standard = file.attribute("standard_name", name) if name in file else ""
    if not standard:
        return []
    alike = [other for other in file.names if file.attribute("standard_name", other) == standard]
    if any(other != name and not other.startswith(f"{name}_") for other in alike):
        return []
    return [other for other in sorted(file.names)
            if file.attribute("standard_name", other) == f"{standard} status_flag"]  # fmt: skip
