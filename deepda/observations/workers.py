"""Where the work is done: in this process, in processes of this machine, or on any dask cluster."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing import resource_tracker
from typing import Any

from deepda.base.info import usable_cores
from deepda.observations.manifest import IngestError

Results = Iterator[tuple[Any, Any]]
Workers = Callable[[Callable[[Any], Any], Sequence[Any]], Results]
PATIENCE = 20.0  # s for a scheduler to answer
SILENT = logging.CRITICAL  # what goes wrong is in the results; a busy machine misses heartbeats


@contextmanager
def open_workers(count: int | None = None, scheduler: str | None = None) -> Iterator[Workers]:
    """A function (act, jobs) -> (job, act(job)) as they get done; None for act(job) if a worker died.

    Args:
        count: processes; 1 works in this one. One for each core if None.
        scheduler: address of a dask cluster that sees the same files, for instance tcp://node:8786.

    Raises:
        IngestError: the scheduler does not answer.
    """
    count = count or usable_cores()
    if scheduler is None and count == 1:
        yield _here
        return
    from distributed import Client, LocalCluster

    if scheduler is None:
        with ExitStack() as stack:
            with _uninterrupted():
                cluster = LocalCluster(
                    count, threads_per_worker=1, dashboard_address=None, silence_logs=SILENT
                )
                stack.enter_context(cluster)
            yield _on(stack.enter_context(Client(cluster)))
        return
    try:
        client = Client(scheduler, timeout=PATIENCE)
    except (OSError, ValueError, TypeError) as error:
        raise IngestError(
            f"no dask scheduler answers at {scheduler} ({error}); start one with `dask scheduler`, or "
            "leave --scheduler out"
        ) from error
    with client:
        yield _on(client)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Processes and threads that are started in here never see Ctrl-C, which goes to the whole group.

    An interrupt in the meantime is raised at the end.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # its start would let interrupts in again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _here(act: Callable[[Any], Any], jobs: Sequence[Any]) -> Results:
    return ((job, act(job)) for job in jobs)


def _on(client: Any) -> Workers:
    from distributed import KilledWorker, as_completed

    def work(act: Callable[[Any], Any], jobs: Sequence[Any]) -> Results:
        futures = {client.submit(act, job, pure=False): job for job in jobs}
        for future in as_completed(futures):
            try:
                yield futures[future], future.result()
            except KilledWorker:
                yield futures[future], None
            future.release()

    return work
