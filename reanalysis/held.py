"""Windows of observations that are needed more than once, kept as small as they are sparse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from deepda.assimilation.cycle import Observations


class HeldWindows:
    """Windows drawn from a stream when they are first asked for, and kept until they are forgotten.

    Args:
        stream: of windows, on the CPU.
        number: how many there are.
        device: that windows are asked for on.
    """

    def __init__(self, stream: Iterator[Observations], number: int, device: torch.device) -> None:
        self._stream, self._number, self._device = stream, number, device
        self._held: list[_Seen] = []

    def __len__(self) -> int:
        return self._number

    def __getitem__(self, place: int) -> Observations:
        """The window at a place, 0 the first that is not forgotten.

        Raises:
            IndexError: there is none.
        """
        if not 0 <= place < self._number:
            raise IndexError(f"window {place} came, expected one of 0..{self._number - 1}")
        while len(self._held) <= place:
            self._held.append(_Seen.of(next(self._stream)))
        return self._held[place].on(self._device)

    def forget(self, number: int) -> None:
        """Drop the first windows: the next one is then at place 0."""
        del self._held[:number]
        self._number -= number


@dataclass(frozen=True, eq=False)
class _Seen:
    """A window by its observed cells.

    Attributes:
        shape: of the fields.
        cells: flat positions of the observed cells.
        value, precision: of these.
        season, per_year: as in Observations.
    """

    shape: torch.Size
    cells: Tensor
    value: Tensor
    precision: Tensor
    season: Tensor
    per_year: int

    @classmethod
    def of(cls, window: Observations) -> _Seen:
        value, precision = window.value.flatten(), window.precision.flatten()
        cells = precision.nonzero()[:, 0]
        shape = window.precision.shape
        return cls(shape, cells, value[cells], precision[cells], window.season, window.per_year)

    def on(self, device: torch.device) -> Observations:
        value, precision = (self._whole(part).to(device) for part in (self.value, self.precision))
        return Observations(value, precision, self.season.to(device), self.per_year)

    def _whole(self, part: Tensor) -> Tensor:
        return part.new_zeros(self.shape.numel()).index_copy(0, self.cells, part).view(self.shape)
