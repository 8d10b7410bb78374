"""Analysis files, streamed window by window: whole under their name, or not there at all.

A file is written under a hidden temporary name and renamed when complete. The same input gives
the same bytes: nothing here asks for the clock, a date of creation is an attribute of the caller.
`deepda.output.cf` lists what stands in a file.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import netCDF4
import numpy as np
from numpy.typing import ArrayLike, NDArray
from xarray.backends.locks import HDF5_LOCK, NETCDFC_LOCK, combine_locks

from deepda.base.errors import DeepDAError
from deepda.base.files import hidden_name, publish, refusing_writes
from deepda.geometry.grid import Grid
from deepda.geometry.windows import Windows
from deepda.output.cf import FILL, VARIABLES, Attribute, Header
from deepda.output.chunks import Slabs

# HDF5 is not safe between threads: a file written in the background while xarray reads another
# needs the very locks that xarray takes.
LIBRARY = combine_locks([NETCDFC_LOCK, HDF5_LOCK])
WAITING = 4  # windows handed over and not yet written


class FieldError(DeepDAError, ValueError):
    """A field that does not belong in the file; the message says what was expected."""


class AnalysisWriter:
    """One NetCDF file of consecutive windows, written in any order, complete on leaving the context.

    Args:
        path: final name; folders are made. Until success only a hidden file stands beside it.
        grid: geometry; land of its mask becomes the fill value.
        windows: the windows of the file, each to be written once.
        variables: names out of VARIABLES, `thetao` among them; `thetao_members` follows from `members`.
        members: size of `realization` of `thetao_members`; 0 for a file without.
        attributes: global attributes (title, date_created, config, checksums ...); mappings are
            kept as JSON with sorted keys.

    Raises:
        OutputError: the file cannot be written. Nothing is left under any name.
        FieldError: see `write`; also when windows are missing at the end.
    """

    def __init__(
        self,
        path: str | Path,
        grid: Grid,
        windows: Windows,
        *,
        variables: Sequence[str] = ("thetao", "thetao_stddev"),
        members: int = 0,
        attributes: Mapping[str, Attribute] | None = None,
    ) -> None:
        unknown = sorted(set(variables) - set(VARIABLES))
        if unknown:
            raise FieldError(f"unknown variable {unknown[0]}, expected some of {', '.join(VARIABLES)}")
        self.path = Path(path)
        written = (*variables, *(["thetao_members"] if members else []))
        self.header = Header(grid, windows, written, members, dict(attributes or {}))
        self.grid, self.windows = grid, windows
        self._part = hidden_name(self.path)
        self._written = np.zeros(len(windows), bool)
        self._slabs = Slabs(len(windows), self.header.windows_at_once)
        self._file: netCDF4.Dataset | None = None

    def __enter__(self) -> Self:
        try:
            with refusing_writes(self.path):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with LIBRARY:
                    self._file = netCDF4.Dataset(self._part, "w", format="NETCDF4")
                    self._file.set_fill_off()  # every value is written once
                    self.header.write(self._file)
        except BaseException:
            self._clear_away()
            raise
        return self

    def write(
        self,
        step: int,
        thetao: ArrayLike,
        stddev: ArrayLike | None = None,
        influence: ArrayLike | None = None,
        background: ArrayLike | None = None,
        members: ArrayLike | None = None,
    ) -> None:
        """Write one window.

        Args:
            step: position of the window in the file's windows, from 0.
            thetao: (depth, lat, lon) degC; anything on land.
            stddev: (depth, lat, lon) K.
            influence: (depth, lat, lon) 0..1.
            background: (depth, lat, lon) degC.
            members: (realization, depth, lat, lon) degC.

        Raises:
            FieldError: other variables than the file was opened for, a wrong shape, a value in the
                ocean that is not finite, or a window outside the file.
        """
        fields = {
            "thetao": thetao,
            "thetao_background": background,
            "thetao_stddev": stddev,
            "thetao_observation_influence": influence,
            "thetao_members": members,
        }
        given = {name: np.asarray(field) for name, field in fields.items() if field is not None}
        self._require(step, given)
        ready = {name: self._rounded(name, field) for name, field in given.items()}
        whole = self._slabs.add(step, ready)
        if whole is not None:
            span, slabs = whole
            with refusing_writes(self.path), LIBRARY:
                for name, slab in slabs.items():
                    self._open[name][(slice(None), span) if slab.ndim == 5 else (span,)] = slab
        self._written[step] = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._clear_away()

    def _clear_away(self) -> None:
        """Close and remove the unfinished file, if there is one still."""
        with LIBRARY, suppress(OSError, RuntimeError):
            if self._file is not None and self._file.isopen():
                self._file.close()
        with suppress(OSError):
            self._part.unlink(missing_ok=True)

    def _finish(self) -> None:
        if not self._written.all():
            raise FieldError(
                f"{int(self._written.sum())} of {self._written.size} windows were written to "
                f"{self.path.name}, expected all; the first that is missing is "
                f"{self.windows.start[~self._written][0]}"
            )
        with refusing_writes(self.path):
            with LIBRARY:
                self._open.close()
            publish(self._part, self.path)

    @property
    def _open(self) -> netCDF4.Dataset:
        if self._file is None:
            raise FieldError(f"{self.path.name} is not open; write inside `with AnalysisWriter(...)`")
        return self._file

    def _require(self, step: int, given: Mapping[str, NDArray[Any]]) -> None:
        if set(given) != set(self.header.variables):
            raise FieldError(f"{', '.join(given)} found, expected {', '.join(self.header.variables)}")
        if not 0 <= step < len(self.windows):
            raise FieldError(f"window {step} found, expected one of 0..{len(self.windows) - 1}")
        for name, field in given.items():
            lead = (self.header.members,) if VARIABLES[name].per_member else ()
            expected = lead + self.grid.shape
            if field.shape != expected:
                raise FieldError(f"{name} has shape {field.shape}, expected {expected}")
            bad = int((~np.isfinite(field) & self.grid.ocean).sum())
            if bad:
                raise FieldError(
                    f"{name} is not finite in {bad} ocean cells of window {self.windows.start[step]}"
                )

    def _rounded(self, name: str, field: NDArray[Any]) -> NDArray[np.float32]:
        quantum = np.float32(VARIABLES[name].quantum)
        on_sea = np.where(self.grid.ocean, field, np.float32(0)).astype(np.float32, copy=False)
        return np.where(self.grid.ocean, np.rint(on_sea / quantum) * quantum, FILL)


class BackgroundWriter:
    """The same writer, its work done in a thread, so that writing overlaps computing.

        with BackgroundWriter(AnalysisWriter(...)) as out:
            out.write(...)

    At most WAITING windows are held. Fields are copied when they are handed over. What goes wrong
    in the thread is raised by the next `write`, or on leaving the context.
    """

    def __init__(self, writer: AnalysisWriter) -> None:
        self._writer = writer
        self._todo: queue.Queue[tuple[tuple[Any, ...], dict[str, Any]] | None] = queue.Queue(WAITING)
        self._error: BaseException | None = None
        self._abandoned = False
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)

    def __enter__(self) -> Self:
        self._writer.__enter__()
        self._thread.start()
        return self

    def write(self, step: int, *fields: ArrayLike | None, **named: ArrayLike | None) -> None:
        """Hand over one window; see AnalysisWriter.write. Waits when too many are waiting."""
        if self._error is not None:
            raise self._error
        held = tuple(None if field is None else np.array(field) for field in fields)
        kept = {name: None if field is None else np.array(field) for name, field in named.items()}
        self._todo.put(((step, *held), kept))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._abandoned = kind is not None
        self._todo.put(None)
        self._thread.join()
        if kind is not None or self._error is None:
            self._writer.__exit__(kind, error, trace)
            return
        self._writer.__exit__(type(self._error), self._error, self._error.__traceback__)
        raise self._error

    def _work(self) -> None:
        while (item := self._todo.get()) is not None:  # after an error: empty the queue, write nothing
            if self._error is not None or self._abandoned:
                continue
            try:
                self._writer.write(*item[0], **item[1])
            except BaseException as error:
                self._error = error
