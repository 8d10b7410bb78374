"""Where the work is done: in this process, in processes of this machine, or on any dask cluster."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any, Protocol

from deepda.base.errors import DeepDAError
from deepda.base.info import usable_cores

if TYPE_CHECKING:
    from distributed import Client

Results = Iterator[tuple[Any, Any]]
PATIENCE = 20.0  # s for a scheduler to answer
SILENT = logging.CRITICAL  # what goes wrong is in the results; a busy machine misses heartbeats
AHEAD = 2  # jobs of each worker that are under way: the results of all might not fit into memory


class WorkersError(DeepDAError, RuntimeError):
    """No scheduler answers, or a worker died."""


class Workers(Protocol):
    """Those who share some jobs."""

    def __call__(self, act: Callable[[Any], Any], jobs: Sequence[Any]) -> Results:
        """(job, act(job)) as they get done; None for act(job) if a worker died."""

    def number(self) -> int:
        """How many there are; 0 for this process alone."""


@contextmanager
def open_workers(count: int | None = None, scheduler: str | None = None) -> Iterator[Workers]:
    """Processes that work until the end of the block.

    Args:
        count: processes; 1 works in this one. One for each core if None.
        scheduler: address of a dask cluster that sees the same files, for instance tcp://node:8786.

    Raises:
        WorkersError: the scheduler does not answer.
    """
    count = count or usable_cores()
    if scheduler is None and count == 1:
        yield HERE
        return
    from distributed import Client, LocalCluster

    if scheduler is None:
        with ExitStack() as stack:
            with _uninterrupted():
                cluster = LocalCluster(
                    count, threads_per_worker=1, dashboard_address=None, silence_logs=SILENT
                )
                stack.enter_context(cluster)
            yield Cluster(stack.enter_context(Client(cluster)))
        return
    try:
        client = Client(scheduler, timeout=PATIENCE)
    except (OSError, ValueError, TypeError) as error:
        raise WorkersError(
            f"no dask scheduler answers at {scheduler} ({error}); start one with `dask scheduler`, or "
            "leave --scheduler out"
        ) from error
    with client:
        yield Cluster(client)


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


class Here:
    """The `Workers` that are this process."""

    def __call__(self, act: Callable[[Any], Any], jobs: Sequence[Any]) -> Results:
        return ((job, act(job)) for job in jobs)

    def number(self) -> int:
        return 0


HERE = Here()


def without_loss(results: Results) -> Results:
    """The same results.

    Raises:
        WorkersError: one is missing.
    """
    for job, result in results:
        if result is None:
            raise WorkersError(
                "a worker died, perhaps of too little memory; give the same command again with fewer "
                "--workers"
            )
        yield job, result


class Cluster:
    """The `Workers` of a dask cluster."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __call__(self, act: Callable[[Any], Any], jobs: Sequence[Any]) -> Results:
        from distributed import KilledWorker, as_completed

        rest = iter(jobs)
        futures: dict[Any, Any] = {}
        running = as_completed()

        def submit() -> None:
            for job in islice(rest, max(0, AHEAD * max(1, self.number()) - len(futures))):
                future = self._client.submit(act, job, pure=False)
                futures[future] = job
                running.add(future)

        submit()
        for future in running:
            job = futures.pop(future)
            submit()
            try:
                yield job, future.result()
            except KilledWorker:
                yield job, None
            future.release()

    def number(self) -> int:
        return sum(self._client.nthreads().values())  # they may join and leave


@contextmanager
def on_one_thread() -> Iterator[None]:
    """Torch rounds sums by the number of threads, and results shall not depend on who made them."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
