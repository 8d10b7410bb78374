"""The steps of several files of one simulation: bounds that a file declares are kept, others are found.

Stamps without bounds are looked at together where that says what they are, else file by file. What is
left then has bounds only if somebody says where its stamps stand; beside other files it is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepda.base.text import counted
from deepda.control.axes import ControlError
from deepda.control.times import Dates, calendar_steps, days_apart, stamped_steps

FINE = 1.01  # days: snapshots so near to each other make a mean of a window


class StampError(ControlError):
    """Stamps without bounds of which it is unknown what they are; saying where they stand may help."""


@dataclass(frozen=True, eq=False)
class FileTimes:
    """The steps of one file.

    Attributes:
        time: (time) cftime, the middle of each step where it has bounds, else the stamps.
        bounds: (time, 2) cftime beginning and end, None where the file has none.
        snapshots: the variable and how it is declared to hold values at an instant; empty for means.
    """

    name: str
    time: Dates
    bounds: Dates | None
    snapshots: str = ""


def settled(
    files: Sequence[FileTimes], stamps: str | None = None
) -> tuple[list[FileTimes], tuple[str, ...]]:
    """The files with the bounds of their steps, and in words what was assumed.

    Args:
        files: of one calendar, in the order of time.
        stamps: "start" or "end": where in their day or month stamps stand that could mean either; other
            steps are left alone.

    Returns:
        Files that all have bounds; or none has, where no stamp is that of a calendar day or month.

    Raises:
        StampError: some files have bounds and others stamps that could mean anything.
    """
    found, said = list(files), []
    for group in _groups(files):
        if all(found[k].bounds is not None for k in group):
            continue
        steps = calendar_steps(np.concatenate([files[k].time for k in group]))
        if steps is not None:
            _give(found, group, steps[0])
            said.append(steps[1])
    left = [k for k, file in enumerate(found) if file.bounds is None]
    if left and stamps is not None:
        bounds = stamped_steps(np.concatenate([files[k].time for k in left]), stamps)
        if bounds is not None:
            _give(found, left, bounds)
            return found, tuple(said)
    if 0 < len(left) < len(files):
        first, others = files[left[0]], len(files) - len(left)
        raise StampError(
            f"the first time of {first.name}, {first.time[0]}, has no bounds and may be the "
            f"beginning or the end of its step, while the steps of {counted(others, 'other file')} are "
            "known, expected bounds in all of them; add time bounds (for means of calendar months that "
            "begin there `cdo settbounds,month`; docs/control.md has the other cases)"
        )
    if left:
        said.append(
            f"steps without bounds, the first at {found[0].time[0]}, are neither days nor months: each "
            "is taken to reach halfway to its neighbours"
        )
    return found, tuple(said)


def require_means(files: Sequence[FileTimes]) -> tuple[str, ...]:
    """Refuse snapshots that are too far apart to be averaged; of others, what was assumed in words.

    Raises:
        ControlError: with the distance.
    """
    time = np.concatenate([file.time for file in files])
    declared = [file for file in files if file.snapshots]
    if not declared or time.size < 2:
        return ()
    first, apart = declared[0], days_apart(time)
    if apart > FINE:
        raise ControlError(
            f"{first.name} holds snapshots of {first.snapshots} {apart:.1f} days apart, expected means "
            "over each step (cell_methods 'time: mean'), or a snapshot a day or more; give the model's "
            "means, or correct the attribute if the values are means"
        )
    return (f"snapshots of {first.snapshots} are averaged as if they were means of their steps",)


def _groups(files: Sequence[FileTimes]) -> Iterator[list[int]]:
    """Files without bounds whose stamps are looked at together: all, each alone, those of one step."""
    bare = [k for k, file in enumerate(files) if file.bounds is None]
    if not bare:
        return
    yield bare
    single = [k for k in bare if files[k].time.size == 1]
    yield from ([k] for k in bare if k not in single)
    if single:
        yield single


def _give(files: list[FileTimes], group: Sequence[int], bounds: Dates) -> None:
    """Put the bounds of a group of files, one after the other, into them, and the middles of steps."""
    start = 0
    for k in group:
        own = bounds[start : start + files[k].time.size]
        start += len(own)
        middle = own[:, 0] + (own[:, 1] - own[:, 0]) / 2
        files[k] = replace(files[k], time=middle, bounds=own)
