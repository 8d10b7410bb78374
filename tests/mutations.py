"""Damage to files and what became of their rows; for tests and for `benchmarks/corruption.py`."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from test_ingest import csv, sst
from test_readers_exchange import bottle, ctd, line, pack
from test_readers_profiles import WRITERS

from deepda.base.classic import CLASSIC, read_header
from deepda.observations.formats import read_observations
from deepda.observations.reading import ObservationError, ReadOptions, ReadResult

OPTIONS = ReadOptions(start="1981-01")
VALUES = ["time", "lat", "lon", "depth", "temperature"]
UNMARKED = ("csv",)  # text without an end mark: a cut between two lines cannot be seen
VERDICTS = ("refused", "same rows", "fewer rows with reasons", "shorter", "other values", "crashed")


def _gz(path: Path) -> None:
    csv(plain := path.with_suffix(""), count=60)
    with plain.open("rb") as source, gzip.open(path, "wb") as packed:
        shutil.copyfileobj(source, packed)


def _parquet(path: Path) -> None:
    pd.read_csv(csv(path.with_suffix(".csv"), count=60)).to_parquet(path)


def _bottles(path: Path) -> None:
    lines = [line(10.0 * n, 20.0 - n / 5, station=str(n // 10)) for n in range(60)]
    path.write_text(bottle(*lines))


WRITTEN: Mapping[str, tuple[str, Callable[[Path], object]]] = {
    **{name: (f"{name}.nc", writer) for name, writer in WRITERS.items()},
    "sst": ("sst.nc", sst),
    "csv": ("own.csv", lambda path: csv(path, count=60)),
    "csv.gz": ("own.csv.gz", _gz),
    "parquet": ("own.parquet", _parquet),
    "exchange bottle": ("a_hy1.csv", _bottles),
    "exchange ctd": ("a_ct1.csv", lambda path: path.write_text(ctd(60))),
    "exchange zip": ("a_ct1.zip", lambda path: pack(path, a_ct1=ctd(40), b_ct1=ctd(20))),
}


def cut(content: bytes, rng: np.random.Generator) -> bytes:
    """A file of which only the beginning is there."""
    return content[: int(rng.integers(0, len(content)))]


def flips(content: bytes, rng: np.random.Generator) -> list[tuple[int, int]]:
    """One to eight (byte, bit), mostly one; half of them in the first 4096 bytes, in the structure."""
    near = min(4096, len(content))
    return [
        (int(rng.integers(0, near if rng.random() < 0.5 else len(content))), int(rng.integers(0, 8)))
        for _ in range(int(rng.choice([1, 1, 1, 2, 4, 8])))
    ]


def flipped(content: bytes, bits: list[tuple[int, int]]) -> bytes:
    """The content with bits flipped."""
    out = bytearray(content)
    for byte, bit in bits:
        out[byte] ^= 1 << bit
    return bytes(out)


def header_bytes(path: Path) -> int:
    """Bytes of the header of a classic NetCDF file, 0 for others."""
    with path.open("rb") as stream:
        classic = stream.read(4) in CLASSIC
    return read_header(path).length if classic else 0


def verdict(whole: ReadResult, path: Path, content: bytes) -> str:
    """What became of the rows of a damaged file (VERDICTS)."""
    path.unlink(missing_ok=True)  # HDF5 may still hold the one before
    path.write_bytes(content)
    try:
        found = read_observations(path, OPTIONS)
    except ObservationError:
        return "refused"
    except Exception:  # a fault of the program, which the campaign counts
        return "crashed"
    return compare(whole, found)


def compare(whole: ReadResult, found: ReadResult) -> str:
    """Verdict by the rows that were kept; each must be one of the whole file's."""
    before = whole.table.set_index("source_index")[VALUES]
    after = found.table.set_index("source_index")[VALUES]
    if not after.index.isin(before.index).all() or not after.equals(before.loc[after.index]):
        return "other values"
    if found.rows_in < whole.rows_in:
        return "shorter"
    return "same rows" if len(after) == len(before) else "fewer rows with reasons"
