"""Which files a name, folder or pattern means, opening them, and reading what they hold.

A file that opens may still be damaged inside: values are read when they are wanted, and whatever the
library says then becomes the sentence that a file which cannot be opened gets.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from deepda.base.classic import require_whole
from deepda.base.errors import DeepDAError
from deepda.control.axes import ControlError
from deepda.control.temperature import candidates

ZARR = ("zarr.json", ".zgroup", ".zmetadata")  # in the folder of a store
NO_BACKEND = "did not find a match"  # how xarray begins its error for a file of an unknown format


def find_files(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    """The files meant by names, folders and patterns, sorted.

    Raises:
        ControlError: a name that leads to nothing, or to what is neither file nor folder.
    """
    found: set[Path] = set()
    for path in map(Path, [paths] if isinstance(paths, str | Path) else paths):
        if path.is_dir() and not any((path / name).exists() for name in ZARR):
            here = [file for file in path.glob("*.nc") if _holds_temperature(file)]
        elif path.exists():
            here = [path]
        else:
            here = list(path.parent.glob(path.name))
        if not here:
            raise ControlError(
                f"{path} leads to no file with potential temperature, expected NetCDF "
                "files, a Zarr store or a folder of NetCDF files; check the path"
            )
        for file in here:
            require_file_or_folder(file)
        found.update(here)
    if not found:
        raise ControlError(
            "no path was given, expected at least one file of a control simulation; name one"
        )
    return sorted(found)


def open_file(path: Path) -> xr.Dataset:
    """A NetCDF file or Zarr store, its times as the numbers that stand in it.

    Raises:
        ControlError: it cannot be read; later on, values of it cannot.
    """
    options: dict[str, Any] = {"engine": "zarr"} if path.is_dir() else {}
    require_file_or_folder(path)
    try:
        if path.is_file():
            require_whole(path)
        dataset = xr.open_dataset(path, decode_times=False, decode_timedelta=False, **options)
    except Exception as error:  # xarray and its backends raise errors of many families
        raise unreadable(path, error) from error
    return guarded(dataset, path)


def guarded(dataset: xr.Dataset, path: Path) -> xr.Dataset:
    """The same dataset, in which values that cannot be read raise a ControlError that says so."""
    held = {
        name: xr.Variable(
            variable.dims,
            indexing.LazilyIndexedArray(_Guarded(variable, path)),
            variable.attrs,
            variable.encoding,
        )
        for name, variable in dataset.variables.items()
        if name not in dataset.xindexes  # those are in memory
    }
    made = dataset.assign(held)
    made.set_close(dataset.close)
    return made


def unreadable(path: Path, error: Exception) -> ControlError:
    """The sentence on a file that a library cannot read."""
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    reason = "neither NetCDF nor Zarr" if reason.startswith(NO_BACKEND) else reason
    return ControlError(
        f"{path} cannot be read ({reason}), expected a CF NetCDF file or a Zarr "
        "store; fetch it again or leave it out"
    )


class _Guarded(BackendArray):
    """The values of a variable, whose errors on reading become sentences."""

    def __init__(self, variable: xr.Variable, path: Path) -> None:
        self.variable, self.path = variable, path
        self.shape, self.dtype = variable.shape, variable.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        outer = indexing.IndexingSupport.OUTER  # what a Variable does
        return indexing.explicit_indexing_adapter(key, self.shape, outer, self._read)

    def _read(self, key: tuple[Any, ...]) -> NDArray[Any]:
        try:
            return np.asarray(self.variable[key].values)
        except DeepDAError:
            raise
        except Exception as error:  # as in open_file
            raise unreadable(self.path, error) from error


def require_file_or_folder(path: Path) -> None:
    if path.exists() and not path.is_file() and not path.is_dir():
        raise ControlError(
            f"{path} is neither a file nor a folder, expected CF NetCDF files or Zarr stores; write "
            "what comes through a pipe into a file first"
        )


def _holds_temperature(path: Path) -> bool:
    with open_file(path) as dataset:
        return bool(candidates(dataset))
