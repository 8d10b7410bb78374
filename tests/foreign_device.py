"""A device that needs no hardware: with it, tests see where a program mixes devices, and where it waits.

    with ForeignDevice() as foreign:
        analyser.to(foreign.device)
        ...
    foreign.waits          lines of the package that wait for the device, and how often

A tensor on it says that it lies on another device, holds its values on the CPU, and refuses to meet
tensors of the CPU, as those of a GPU do: single numbers and indices may meet any. The GPU of the package
is this device inside the block. Inference mode, which such
tensors do not support, is `no_grad` meanwhile.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from deepda.networks import device as package_device

DEVICE = torch.device("meta")  # has no kernels of its own, so that nothing is computed on it by chance
ROOT = f"{Path(__file__).parents[1]}/"
PACKAGE = tuple(f"{ROOT}{name}/" for name in ("deepda", "osse", "reanalysis"))
HIDDEN_SIZES = ("nonzero", "masked_select", "_unique2", "unique_dim", "equal")  # depend on values
INDEXING = ("index", "index_put", "index_put_", "_index_put_impl_")


class Foreign(Tensor):
    """A tensor on the foreign device."""

    held: Tensor

    @staticmethod
    def __new__(cls, values: Tensor) -> Foreign:
        dense = values.layout == torch.strided  # a sparse matrix looks like a dense one from outside
        made: Foreign = Tensor._make_wrapper_subclass(
            cls,
            values.shape,
            strides=values.stride() if dense else (values.shape[-1], 1),
            storage_offset=values.storage_offset() if dense else 0,
            dtype=values.dtype,
            device=DEVICE,
            requires_grad=values.requires_grad,
        )
        return made

    def __init__(self, values: Tensor) -> None:
        self.held = values.detach()

    def __repr__(self) -> str:  # type: ignore[override]
        return f"Foreign{tuple(self.shape)}"

    def __deepcopy__(self, memo: dict) -> Foreign:
        made = Foreign(self.held.clone()).requires_grad_(self.requires_grad)
        made._is_param = getattr(self, "_is_param", False)
        memo[id(self)] = made
        return made

    @classmethod
    def __torch_dispatch__(
        cls, operator: Any, types: Any, args: Sequence = (), kwargs: Mapping | None = None
    ) -> Any:
        assert _present is not None, "a foreign tensor is used after the device is gone"
        return _present.call(operator, args, dict(kwargs or {}))


_present: ForeignDevice | None = None


class ForeignDevice:
    """The device, and what was asked of it.

    Attributes:
        device: as the package is given it.
        uploads: transfers to the device, by line of the package.
        waits: what the host waits for, by line: transfers to it, and values or sizes that it reads.
    """

    device = DEVICE

    def __init__(self) -> None:
        self.uploads, self.waits = Counter[str](), Counter[str]()
        self._patch, self._modes = pytest.MonkeyPatch(), (_Operators(), _Functions())

    def __enter__(self) -> ForeignDevice:
        global _present
        _present = self
        self._patch.setattr(torch, "inference_mode", torch.no_grad)
        self._patch.setattr(package_device, "gpus", lambda: 1)
        self._patch.setattr(package_device, "GPU", DEVICE.type)
        for mode in self._modes:
            mode.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        global _present
        for mode in reversed(self._modes):
            mode.__exit__(kind, error, traceback)
        self._patch.undo()
        _present = None

    def call(self, operator: Any, args: Sequence, kwargs: dict[str, Any]) -> Any:
        """What the device does when asked for an operator of torch."""
        name = operator._schema.name.removeprefix("aten::")
        target = kwargs.get("device")
        tensors = list(_tensors((*args, *kwargs.values())))
        here = any(isinstance(tensor, Foreign) for tensor in tensors)
        if name == "_to_copy":
            return self._copied(operator, args, kwargs, target)
        if name == "copy_":
            self._count_transfer(isinstance(args[1], Foreign), isinstance(args[0], Foreign))
            _values(args[0]).copy_(_values(args[1]))
            return args[0]
        if not here and not _is_foreign(target):
            return operator(*args, **kwargs)
        self._refuse_strangers(name, tensors)
        self._count_wait(name, tensors)
        return self._computed(operator, args, kwargs)

    def _computed(self, operator: Any, args: Sequence, kwargs: dict[str, Any]) -> Any:
        if kwargs.get("device") is not None:
            kwargs["device"] = torch.device("cpu")
        named = {key: _values(value) for key, value in kwargs.items()}
        out = operator(*(_values(arg) for arg in args), **named)
        if operator._schema.name.endswith("_"):
            return args[0]
        if "out" in kwargs:
            return kwargs["out"]
        return _placed(out)

    def _copied(self, operator: Any, args: Sequence, kwargs: dict[str, Any], target: Any) -> Any:
        source = args[0]
        before = isinstance(source, Foreign)
        after = before if target is None else _is_foreign(target)
        self._count_transfer(before, after)
        kwargs.pop("device", None)
        out = operator(_values(source), **kwargs)
        return Foreign(out) if after else out

    def _count_transfer(self, before: bool, after: bool) -> None:
        if before != after:
            (self.uploads if after else self.waits)[line()] += 1

    def _count_wait(self, name: str, tensors: Sequence[Tensor]) -> None:
        by_mask = name in INDEXING and any(tensor.dtype == torch.bool for tensor in tensors[1:])
        if name == "_local_scalar_dense" or name in HIDDEN_SIZES or by_mask:
            self.waits[line()] += 1

    def _refuse_strangers(self, name: str, tensors: Sequence[Tensor]) -> None:
        indices = (torch.int64, torch.bool) if name in INDEXING else ()
        for tensor in tensors:
            if not isinstance(tensor, Foreign) and tensor.dim() and tensor.dtype not in indices:
                raise MixedDevicesError(f"{name} meets tensors of two devices in {line()}")


class MixedDevicesError(RuntimeError):
    """Tensors of two devices in one operation."""


class _Operators(TorchDispatchMode):
    """Makes new tensors on the device, and takes tensors there."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence = (), kwargs: Mapping | None = None
    ) -> Any:
        assert _present is not None
        kwargs = dict(kwargs or {})
        if Foreign not in types and not _is_foreign(kwargs.get("device")):
            return func(*args, **kwargs)
        return _present.call(func, args, kwargs)


class _Functions(TorchFunctionMode):
    """What torch works out from Python numbers before any operator is called."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence = (), kwargs: Mapping | None = None
    ) -> Any:
        assert _present is not None
        kwargs = dict(kwargs or {})
        if func in (torch.tensor, torch.as_tensor) and _is_foreign(kwargs.get("device")):
            _present.uploads[line()] += 1
            return Foreign(func(*args, **(kwargs | {"device": "cpu"})))
        if func is Tensor.numpy and isinstance(args[0], Foreign):
            raise TypeError(f"a tensor of the device is taken for one of the host in {line()}")
        if func is Tensor.tolist and isinstance(args[0], Foreign):
            return args[0].cpu().tolist()
        if func in (torch.where, Tensor.where) and any(isinstance(arg, Foreign) for arg in args):
            numbers = (int, float)
            args = [Foreign(torch.tensor(arg)) if isinstance(arg, numbers) else arg for arg in args]
        return func(*args, **kwargs)


def line() -> str:
    """The innermost line of the package that is being run, such as deepda/assimilation/cycle.py:12."""
    frame = sys._getframe()
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(PACKAGE):
            return f"{name.removeprefix(ROOT)}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return "outside the package"


def _is_foreign(device: Any) -> bool:
    return device is not None and torch.device(device).type == DEVICE.type


# Operators take and give tensors alone or in lists and tuples; torch's functions for trees are slower.


def _tensors(items: Iterable[Any]) -> Iterator[Tensor]:
    for item in items:
        if isinstance(item, Tensor):
            yield item
        elif isinstance(item, list | tuple):
            yield from _tensors(item)


def _values(item: Any) -> Any:
    if isinstance(item, list | tuple):
        return type(item)(map(_values, item))
    return item.held if isinstance(item, Foreign) else item


def _placed(item: Any) -> Any:
    if isinstance(item, list | tuple):
        return type(item)(map(_placed, item))
    return Foreign(item) if isinstance(item, Tensor) and not isinstance(item, Foreign) else item
