"""Depths of XBTs: which were computed with the maker's equation, and better ones.

An XBT measures the time since it hit the water; z = a t - b t^2. The maker's coefficients for T-4,
T-6, T-7 and Deep Blue probes (6.472 m s-1, 0.00216 m s-2) are 3 % too slow; those of Hanawa et al.
(1995, Deep-Sea Res. I 42, 1423-1451; IOC Technical Series 42) are 6.691 m s-1 and 0.00225 m s-2.
Whether the depths of a cast are still the maker's is said by

- the World Ocean Database, in `needs_z_fix`: "needs Hanawa et al.; 1994 applied (XBT)";
- GTSPP, in the surface code DPC$ (01 needs correction, 02 none, 03 unknown, 04 and 05 corrected),
  else in the first three digits of PFR$, PEQ$ or FRE$, the instrument type of WMO common code table
  C-3 (1770), in which the equations of one probe have two codes.

Where neither says anything, casts before 1996 that end at 840 m or above have the maker's depths
(the rule of WOD09: until then recorders had no other equation, and only the T-5, which needs no
correction, went deeper). Pure temperature errors of the probes are not corrected.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MAKER = (6.472, 2.16e-3)  # m s-1, m s-2
HANAWA = (6.691, 2.25e-3)
CORRECTIONS = ("hanawa1995", "as_given")
CHOICE_SINCE = np.datetime64("1996-01-01")  # recorders offer both equations
DEEPEST = 840.0  # m, of a probe whose depths need the correction
# WMO common code table C-3: T-4, T-6, T-7 and Deep Blue of Sippican and TSK by the maker's equation; the
# code after each is the same probe by that of Hanawa et al.
MAKERS_CODES = frozenset({"001", "031", "041", "051", "201", "211", "221", "251"})
STATED = {"01": True, "02": False, "04": False, "05": False}  # DPC$: needs correction


def hanawa_depth(depth: NDArray[np.floating]) -> NDArray[np.float64]:
    """Depth (m) by Hanawa et al. of a depth by the maker's equation; NaN beyond where that turns round.

    At 100, 400 and 750 m it is 3.37, 3.34 and 3.30 % more.
    """
    (a, b), (better_a, better_b) = MAKER, HANAWA
    depth = np.asarray(depth, float)
    with np.errstate(invalid="ignore"):
        time = (a - np.sqrt(a**2 - 4 * b * depth)) / (2 * b)
    return better_a * time - better_b * time**2


def with_sound_depths(
    rows: pd.DataFrame, said: Sequence[bool | None], correction: str
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The rows, depths of XBTs that need it corrected unless wanted as given; and what to say of it.

    Args:
        rows: of casts numbered by `profile`.
        said: (cast) whether the file says that it needs the correction, None where it says nothing.
        correction: one of CORRECTIONS.
    """
    cast, depth = rows["profile"].to_numpy(), rows["depth"].to_numpy(float)
    xbt, deepest = np.zeros(len(said), bool), np.zeros(len(said))
    time = np.full(len(said), np.datetime64("NaT", "s"))
    xbt[cast] = (rows["platform_type"] == "xbt").to_numpy()
    time[cast] = rows["time"].to_numpy()
    np.fmax.at(deepest, cast, depth)
    by_age = needed_by_age(time, deepest)
    needed = xbt & [old if word is None else word for old, word in zip(by_age, said, strict=True)]
    if not needed.any():
        return rows, ()
    corrected = correction == CORRECTIONS[0]
    done = "corrected" if corrected else "left as given"
    assumed = (
        f"depths of {needed.sum()} XBT casts by the maker's fall rate {done} (Hanawa et al. 1995)",
    )
    better = hanawa_depth(depth)
    depth = np.where(corrected & needed[cast] & np.isfinite(better), better, depth)
    return rows.assign(depth=depth), assumed


def needed_by_text(text: str) -> bool:
    """Whether `needs_z_fix` of the World Ocean Database asks for the correction."""
    return "needs hanawa" in text.lower()


def needed_by_codes(codes: dict[str, str]) -> bool | None:
    """Whether the surface codes of GTSPP ask for the correction; None where they do not say.

    Args:
        codes: name -> value.
    """
    stated = codes.get("DPC$")
    if stated in STATED:
        return STATED[stated]
    probe = next((codes[name][:3] for name in ("PFR$", "PEQ$", "FRE$") if codes.get(name)), None)
    return None if probe is None or stated is not None else probe in MAKERS_CODES


def needed_by_age(time: NDArray[np.datetime64], deepest: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(cast) whether XBTs of which nothing is said have the maker's depths (WOD09).

    Args:
        time: (cast) of the cast.
        deepest: (cast) m, of its values.
    """
    return (time < CHOICE_SINCE) & (deepest <= DEEPEST)
