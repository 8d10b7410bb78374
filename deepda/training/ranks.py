"""Processes that train one network together: `torchrun` starts them, each takes a share of the streams.

What one process sums over its streams, several sum over streams and processes: weights of a batch,
gradients, loss. So they train the weights that one process trains, to rounding. The first of them
alone writes files and validates; the others wait for it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType
from typing import NoReturn, TypeVar

import torch
from torch import Tensor, distributed, nn

from deepda.base.errors import DeepDAError
from deepda.networks.device import GPU, DeviceError, gpus

JOINING = timedelta(minutes=5)  # until all processes must be there
SILENCE = timedelta(minutes=30)  # of a process in a common step, after which it counts as lost
POLL = 0.05  # s between looks whether the first process is ready
Known = TypeVar("Known")  # anything that JSON holds


class RankError(DeepDAError, RuntimeError):
    """A training by several processes that cannot begin or go on."""


class Ranks:
    """The processes of a training, seen from one of them.

    Args:
        store: where they leave each other messages; None of a single process.
    """

    def __init__(self, number: int, total: int, store: distributed.Store | None) -> None:
        self.number, self.total, self._store = number, total, store
        self._messages = 0

    @property
    def first(self) -> bool:
        """Whether this process writes and validates."""
        return self.number == 0

    def share(self, count: int) -> range:
        """Which of `count` streams are this process's own."""
        return range(self.number, count, self.total)

    def require_streams(self, count: int) -> None:
        """Refuse more processes than streams.

        Raises:
            RankError: a process would have none.
        """
        if self.total > count:
            raise RankError(
                f"{self.total} processes found for training.stretches={count}, expected a stretch for "
                f"each; start at most {count} with --nproc-per-node, or train with more stretches"
            )

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over the processes, in place."""
        if self.total > 1:
            with _together():
                distributed.all_reduce(tensor)
        return tensor

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give each parameter the sum of its gradients."""
        gradients = [p.grad for p in parameters if p.grad is not None]
        if self.total == 1 or not gradients:
            return
        flat = self.sum(torch.cat([gradient.flatten() for gradient in gradients]))
        for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def whole(self, own: Tensor, count: int) -> Tensor:
        """(count, ...) of all streams, from each process's own (share, ...)."""
        if self.total == 1:
            return own
        field = own.new_zeros(count, *own.shape[1:])
        field[self.number :: self.total] = own
        return self.sum(field)

    def align(self, *modules: nn.Module) -> None:
        """Give all processes the weights and buffers of the first."""
        if self.total > 1:
            with _together(), torch.no_grad():
                for tensor in (t for module in modules for t in module.state_dict().values()):
                    distributed.broadcast(tensor, 0)

    def by_first(self, act: Callable[[], Known]) -> Known:
        """What `act` returns to the first process, which alone does it; the others wait for it."""
        self._messages += 1
        key = f"deepda {self._messages}"
        if self._store is None or self.first:
            value = act()
            if self._store is not None:
                self._store.set(key, json.dumps(value))
            return value
        with _together():
            while not self._store.check([key]):
                time.sleep(POLL)
            known: Known = json.loads(self._store.get(key))
        return known


ALONE = Ranks(0, 1, None)


@contextmanager
def joined_ranks(device: torch.device) -> Iterator[Ranks]:
    """The processes that `torchrun` started, joined; a single one where it did not.

    Args:
        device: of the training. Each process of a machine takes a GPU of its own.

    Raises:
        DeviceError: there are more processes on this machine than GPUs.
        RankError: inside the block, another process was lost.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ALONE
        return
    if device.type == GPU:
        _take_gpu(int(os.environ.get("LOCAL_RANK", "0")))
    before = signal.signal(signal.SIGTERM, _ended)
    try:
        with _together():
            store, number, total = next(distributed.rendezvous("env://", timeout=JOINING))
            backend = "nccl" if device.type == GPU else "gloo"
            distributed.init_process_group(
                backend, timeout=SILENCE, store=store, rank=number, world_size=total
            )
        yield Ranks(number, total, store)
        with _together():
            distributed.barrier()  # gloo may abort a process whose peers have ended already
        distributed.destroy_process_group()
    finally:
        signal.signal(signal.SIGTERM, before)


def _take_gpu(number: int) -> None:
    if number >= gpus():
        raise DeviceError(
            f"process {number} of this machine asks for GPU {number}, found {gpus()}; start at most "
            f"{gpus()} processes a machine with --nproc-per-node, or write device=cpu"
        )
    torch.cuda.set_device(number)


@contextmanager
def _together() -> Iterator[None]:
    """Turn the loss of another process into one sentence."""
    try:
        yield
    except RankError:
        raise
    except RuntimeError as error:  # all errors of torch.distributed are such
        raise RankError(_lost("another process does not answer")) from error


def _ended(number: int, frame: FrameType | None) -> NoReturn:
    raise RankError(_lost("torchrun ends all processes, since one was lost or it was interrupted"))


def _lost(reason: str) -> str:
    own = f"process {os.environ.get('RANK', '0')} on {socket.gethostname()}"
    return (
        f"{own} stops: {reason}; give the same torchrun command again, training goes on from its folder"
    )
