"""Which files a name, folder or pattern means, and opening them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import xarray as xr

from deepda.base.classic import require_whole
from deepda.control.axes import ControlError
from deepda.control.temperature import candidates

NO_BACKEND = "did not find a match"  # how xarray begins its error for a file of an unknown format


def find_files(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    """The files meant by names, folders and patterns, sorted.

    Raises:
        ControlError: a name that leads to nothing.
    """
    found: set[Path] = set()
    for path in map(Path, [paths] if isinstance(paths, str | Path) else paths):
        if path.is_dir() and not _is_zarr(path):
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
        found.update(here)
    if not found:
        raise ControlError(
            "no path was given, expected at least one file of a control simulation; name one"
        )
    return sorted(found)


def open_file(path: Path) -> xr.Dataset:
    """A NetCDF file or Zarr store, its times as the numbers that stand in it.

    Raises:
        ControlError: it cannot be read.
    """
    options: dict[str, Any] = {"engine": "zarr"} if path.is_dir() else {}
    try:
        if path.is_file():
            require_whole(path)
        return xr.open_dataset(path, decode_times=False, decode_timedelta=False, **options)
    except Exception as error:  # xarray and its backends raise errors of many families
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        reason = "neither NetCDF nor Zarr" if reason.startswith(NO_BACKEND) else reason
        raise ControlError(
            f"{path} cannot be read ({reason}), expected a CF NetCDF file or a Zarr "
            "store; fetch it again or leave it out"
        ) from error


def _is_zarr(path: Path) -> bool:
    return any((path / name).exists() for name in ("zarr.json", ".zgroup", ".zmetadata"))


def _holds_temperature(path: Path) -> bool:
    with open_file(path) as dataset:
        return bool(candidates(dataset))
