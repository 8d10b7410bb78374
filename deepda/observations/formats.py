"""Which format a file is in, and its reader: `read_observations` is the door to all of them."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from deepda.base.classic import NETCDF
from deepda.observations.argo import is_argo, read_argo
from deepda.observations.argo_table import is_argo_table, read_argo_table
from deepda.observations.cf import read_cf
from deepda.observations.cfroles import find_roles, refuse_others
from deepda.observations.en4 import read_en4
from deepda.observations.exchange import is_exchange, read_exchange
from deepda.observations.fdbk import read_fdbk
from deepda.observations.gtspp import read_gtspp
from deepda.observations.guard import shared_guard
from deepda.observations.mitprof import read_mitprof
from deepda.observations.moorings import read_mooring
from deepda.observations.ncfile import NetcdfFile
from deepda.observations.own import TEXT, read_own
from deepda.observations.reading import (
    ObservationError,
    ReadOptions,
    ReadResult,
    UnknownFormatError,
    no_value,
)
from deepda.observations.seadatanet import is_seadatanet, read_seadatanet
from deepda.observations.sst import read_sst
from deepda.observations.surface import find_surface
from deepda.observations.t30 import read_grd
from deepda.observations.wod import read_wod

Reader = Callable[[Path, ReadOptions], ReadResult]
READERS: dict[str, Reader] = {
    "argo": read_argo,
    "argo_table": read_argo_table,
    "en4": read_en4,
    "fdbk": read_fdbk,
    "wod": read_wod,
    "gtspp": read_gtspp,
    "mitprof": read_mitprof,
    "seadatanet": read_seadatanet,
    "mooring": read_mooring,
    "sst": read_sst,
    "t30": read_grd,
    "exchange": read_exchange,
    "cf": read_cf,
    "own": read_own,
}
NETCDF_FORMATS: dict[str, Callable[[NetcdfFile], bool]] = {  # what a file is, the first that fits
    "en4": lambda file: "POTM_CORRECTED" in file,
    "argo": is_argo,
    "argo_table": is_argo_table,
    "fdbk": lambda file: "JULD_REFERENCE" in file and "VARIABLES" in file,
    "wod": lambda file: "wod_unique_cast" in file,
    "gtspp": lambda file: "GTSPP" in file.attribute("Conventions") or "gtspp_station_id" in file,
    "mitprof": lambda file: "prof_YYYYMMDD" in file,
    "seadatanet": is_seadatanet,
    "mooring": lambda file: "T_20" in file or "T_25" in file,
    "sst": lambda file: find_surface(file) is not None,
    "cf": lambda file: find_roles(file, {}) is not None,
}
PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"PK\x03\x04": "zip", b"\xfd7zXZ": "xz",
          b"\x28\xb5\x2f\xfd": "zstandard"}  # fmt: skip
PRINTED = bytes(range(32, 127)) + b"\t\r\n"
DAMAGE = (OSError, RuntimeError, ValueError, LookupError, OverflowError, MemoryError, EOFError,
          zlib.error)  # fmt: skip


def read_observations(path: Path, options: ReadOptions | None = None) -> ReadResult:
    """Read a file of observations, whatever its format, in a child process with bounded memory.

    Returns:
        Kept and rejected rows, which together are all rows of the file.

    Raises:
        ObservationError: no such file, empty, of no known format, without any value, damaged, or
            too large for the memory of the child.
    """
    path = Path(path)
    _first_bytes(path)
    return shared_guard().read(path, None, options or ReadOptions())


def read_parts(path: Path, options: ReadOptions) -> Iterator[ReadResult]:
    """Read a file part by part: a gridded product in time steps of `options.most_values`, others whole.

    Raises:
        ObservationError: as `read_observations`.
    """
    following: int | None = options.first_step
    count, name = 0, ""
    while following is not None:
        result = read_observations(path, dataclasses.replace(options, first_step=following))
        count, name, following = count + result.rows_in, result.format, result.next_step
        yield result
    if count == 0:
        raise no_value(path, name)


def read_format(path: Path, name: str, options: ReadOptions) -> ReadResult:
    """Read a file of a known format (READERS) in this process.

    Raises:
        ObservationError: as `read_observations`.
    """
    reader = READERS[name]
    with refusing(path, name):
        result = reader(path, options)
    return result


@contextlib.contextmanager
def refusing(path: Path, name: str) -> Iterator[None]:
    """Turn what the libraries raise on damaged files into a refusal; faults of the code pass."""
    try:
        yield
    except ObservationError:
        raise
    except DAMAGE as error:
        what = " ".join(str(error).split())
        raise ObservationError(
            f"{path} is damaged or no file of the format {name} ({type(error).__name__}: {what}), "
            "expected an intact one; fetch it again"
        ) from error


def format_of(path: Path) -> str:
    """Format of a file in a word (READERS), by its first bytes, its variables and its name.

    Raises:
        ObservationError: no such file, empty, or of no known format.
    """
    path = Path(path)
    start = _first_bytes(path)
    lower = path.name.lower()
    if start.startswith(NETCDF):
        with refusing(path, "netcdf"), NetcdfFile(path) as file:
            found = _of_netcdf(file)
        return found
    if is_exchange(path, start):
        return "exchange"
    packed = next((name for mark, name in PACKED.items() if start.startswith(mark)), "")
    if packed and not (packed == "gzip" and lower.endswith(TEXT)):
        raise UnknownFormatError(
            f"{path} is packed by {packed}, expected a file as it is (.csv and .tsv may be in gzip); "
            "unpack it"
        )
    if start.startswith(b"PAR1") or lower.endswith(TEXT):
        return "own"
    if lower.endswith(".grd"):
        return "t30"
    if start.strip(PRINTED) == b"":
        raise UnknownFormatError(
            f"{path} is a text, expected a table with a header in .csv or .tsv; rename it if it is one, "
            "else convert it"
        )
    raise UnknownFormatError(
        f"{path} begins with {start.hex(' ')}, expected NetCDF, Parquet, .csv, .grd or WHP Exchange; "
        "convert it"
    )


def _first_bytes(path: Path) -> bytes:
    if not os.path.isfile(path):
        what = "a folder" if os.path.isdir(path) else "missing or no regular file"
        raise ObservationError(f"{path} is {what}, expected a file; check the path")
    try:
        with path.open("rb") as stream:
            start = stream.read(8)
    except OSError as error:
        raise ObservationError(f"{path} cannot be opened ({error}); check its permissions") from error
    if not start:
        raise ObservationError(f"{path} has zero bytes, expected observations; fetch it again")
    return start


def _of_netcdf(file: NetcdfFile) -> str:
    """Format by the variables that only it has."""
    found = next((name for name, is_it in NETCDF_FORMATS.items() if is_it(file)), "")
    if found == "argo" and file.size("N_MEASUREMENT") and not file.size("N_LEVELS"):
        raise UnknownFormatError(
            f"{file.path} is a trajectory of an Argo float, expected its profiles; leave it out"
        )
    if not found:
        refuse_others(file)
        raise _unknown(file)
    return found


def _unknown(file: NetcdfFile) -> UnknownFormatError:
    groups = file.groups()
    if groups:
        return UnknownFormatError(
            f"{file.path}: it has variables in groups ({', '.join(groups[:8])}), expected them at the "
            "top of the file; copy one group to a file of its own (`ncks -G : -g GROUP IN OUT` does)"
        )
    return UnknownFormatError(
        f"{file.path}: its variables ({', '.join(sorted(file.names)[:8])}) are of no known format; "
        f"convert it to one of {', '.join(READERS)}"
    )
