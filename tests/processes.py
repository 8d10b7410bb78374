"""Processes of tests that begin with everything imported, which would take each of them seconds."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.forkserver import ensure_running
from pathlib import Path

import dask
import pytest
from distributed.utils import get_mp_context
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, Std
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

HERE = Path(__file__).parent
IMPORTED = ["distributed", "torch._dynamo", "test_processes"]  # torch needs the second to train
FORKSERVER = "forkserver"
HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)  # by torchrun


@contextmanager
def forked_workers() -> Iterator[None]:
    """Workers of dask are forked from one process that has imported what they need."""
    with dask.config.set({"distributed.worker.multiprocessing-method": FORKSERVER}):
        get_mp_context()  # names what dask would have imported
        start_forkserver()
        yield


def start_forkserver() -> None:
    """Start the process that the others are forked from; nothing if it is there."""
    multiprocessing.get_context(FORKSERVER).set_forkserver_preload(IMPORTED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(HERE), prepend=os.pathsep)  # where it imports from
        ensure_running()


def torchrun(processes: int, log: Path, act: Callable[..., None], *given: object) -> tuple[bool, str]:
    """What `torchrun` does with a function of a module: whether all ended well, and what they said."""
    launch = LaunchConfig(
        1, 1, processes, DefaultLogsSpecs(str(log), redirects=Std.ERR), rdzv_backend="c10d",
        rdzv_endpoint="localhost:0", run_id=log.name, max_restarts=0, start_method=FORKSERVER,
    )  # fmt: skip
    start_forkserver()
    before = {number: signal.getsignal(number) for number in HANDLED}
    try:
        elastic_launch(launch, act)(*given)
        ended_well = True
    except ChildFailedError:
        ended_well = False
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return ended_well, "".join(path.read_text() for path in sorted(log.rglob("stderr.log")))
