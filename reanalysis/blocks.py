"""A long reanalysis in blocks of years, which processes analyse side by side.

    1981-1985          from climatology, as a single cycle begins
         1985 | 1986-1990      each later block begins a year early; that year is not written
                   1990 | 1991-1995

After a year little is left of where a cycle began, more in deep and poorly observed water: a product in
blocks differs from that of a single cycle. How many processes work on it changes nothing: each block is
analysed on one thread.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace

from deepda.base.progress import Progress
from deepda.base.text import period
from deepda.base.workers import on_one_thread, open_workers
from reanalysis.restart import ReanalysisError
from reanalysis.years import Reanalysis

FOLDER = "blocks"  # of their restart files, in the folder of the reanalysis
BLOCK_YEARS = 5


@dataclass(frozen=True)
class Job:
    """A block of years to be analysed.

    Attributes:
        open: gives the reanalysis that it is a part of.
        first, last: whether it is the first, or the last, of all.
    """

    open: Callable[[], Reanalysis]
    years: range
    first: bool
    last: bool


def blocks_of(years: range, length: int) -> list[range]:
    """The years in blocks of `length`, counted from the first year; the last one may be shorter."""
    return [range(first, min(first + length, years.stop)) for first in years[::length]]


def analyse_blocks(
    open_reanalysis: Callable[[], Reanalysis],
    blocks: list[range],
    workers: int,
    scheduler: str | None,
    progress: Progress,
) -> None:
    """Make the files of all blocks that are not yet there.

    Args:
        open_reanalysis: gives the reanalysis, in the process that analyses a block.
        blocks: in the order of time.
        workers: processes; 1 for this one alone.
        scheduler: address of a dask cluster that sees the same folders.

    Raises:
        ReanalysisError: a process died.
        WorkersError: no scheduler answers.
    """
    ends = blocks[0], blocks[-1]
    jobs = [Job(open_reanalysis, years, years == ends[0], years == ends[1]) for years in blocks]
    lost = []
    with open_workers(workers, scheduler) as work:
        for job, done in progress.track(work(analyse_block, jobs), "Analysing blocks", len(jobs)):
            if done is None:
                lost.append(period(job.years, "-"))
            progress.note(f"{period(job.years, '-')} {'finished' if done else 'not finished'}")
    if lost:
        raise ReanalysisError(
            f"{', '.join(lost)} not finished: a worker died, perhaps of too little memory; give "
            "the same command again with fewer --workers; it goes on after the last finished years"
        )


def analyse_block(job: Job) -> range:
    """Make the files of one block, the work of one process; its years."""
    whole = job.open()
    own = whole.folder / FOLDER / f"{job.years[0]}"  # a later end of the block changes no name
    own.mkdir(parents=True, exist_ok=True)
    block = replace(whole, restarts=own, part=whole.part if job.last else None)
    with on_one_thread():
        block.run(job.years, Progress(stream=io.StringIO()), early=not job.first)
    return job.years
