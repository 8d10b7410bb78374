"""Seconds and memory of `deepda observations ingest` for decades of EN4-like monthly files.

    python benchmarks/ingest.py --values 1e8 --years 40 --folder /scratch/ingest [--workers 2]

Draws files of the layout of EN.4.2 (casts of 100 levels, random places and depths), ingests them by the
command, and prints values a second and core, the largest process, and whether the manifest balances.
The folder is removed at the end.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd

LEVELS = 100
EPOCH = np.datetime64("1950-01-01")
FIRST_YEAR = 1981


def characters(data: netCDF4.Dataset, name: str, dims: tuple[str, ...], values: np.ndarray) -> None:
    """A variable of single characters."""
    data.createVariable(name, "S1", dims)[:] = values


def write_month(path: Path, month: np.datetime64, casts: int, rng: np.random.Generator) -> None:
    """One monthly file of plausible casts."""
    shape, days = (casts, LEVELS), (month - EPOCH) / np.timedelta64(1, "D")
    depth = np.sort(rng.uniform(1, 2000, shape), axis=1)
    surface = rng.uniform(0, 28, (casts, 1))
    fields = {
        "DEPH": depth,
        "POTM": 2 + surface * np.exp(-depth / 500) + rng.normal(0, 0.1, shape),
        "PSAL": 35 + rng.normal(0, 0.1, shape),
    }
    with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as data:
        for name, size in (("N_PROF", casts), ("N_LEVELS", LEVELS), ("STRING4", 4), ("STRING8", 8)):
            data.createDimension(name, size)
        for name, block in fields.items():
            data.createVariable(f"{name}_CORRECTED", "f4", ("N_PROF", "N_LEVELS"))[:] = block
            characters(data, f"{name}_CORRECTED_QC", ("N_PROF", "N_LEVELS"), np.full(shape, b"1"))
            characters(data, f"PROFILE_{name}_QC", ("N_PROF",), np.full(casts, b"1"))
        data.createVariable("JULD", "f8", ("N_PROF",))[:] = days + rng.uniform(0, 28, casts)
        data.createVariable("LATITUDE", "f4", ("N_PROF",))[:] = rng.uniform(-75, 80, casts)
        data.createVariable("LONGITUDE", "f4", ("N_PROF",))[:] = rng.uniform(-180, 180, casts)
        for name in ("POSITION_QC", "JULD_QC"):
            characters(data, name, ("N_PROF",), np.full(casts, b"1"))
        kinds = np.array([list("830 "), list("846 "), list("401 ")], "S1")[rng.integers(0, 3, casts)]
        characters(data, "WMO_INST_TYPE", ("N_PROF", "STRING4"), kinds)
        names = [list(f"{number:08d}") for number in rng.integers(0, 5000, casts)]
        characters(data, "PLATFORM_NUMBER", ("N_PROF", "STRING8"), np.array(names, "S1"))


def main() -> None:
    """Draw, ingest, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--values", type=float, default=1e8)
    parser.add_argument("--years", type=int, default=40)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    options.folder.mkdir(parents=True)
    casts = round(options.values / options.years / 12 / LEVELS)
    months = np.datetime64(f"{FIRST_YEAR}-01") + np.arange(12 * options.years)
    for number, month in enumerate(months):
        path = options.folder / f"EN.4.2.2.f.profiles.g10.{str(month).replace('-', '')}.nc"
        write_month(path, month, casts, np.random.default_rng(number))
    size = sum(path.stat().st_size for path in options.folder.iterdir()) / 1e9
    print(f"{len(months)} files, {size:.1f} GB, {casts * LEVELS * len(months):,} values")
    output = options.folder / "out"
    words = ["observations", "ingest", str(options.folder), "--output", str(output)]
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "deepda", *words, "--workers", str(options.workers)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    wall = time.perf_counter() - begin
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = used.ru_utime + used.ru_stime
    manifest = pd.read_csv(output / "manifest.csv")
    rows = manifest["rows_in"].sum()
    print(f"{wall:.0f} s, {processor:.0f} s of processor time with {options.workers} workers")
    largest = used.ru_maxrss / 2**20
    print(f"{rows / processor:,.0f} values a second and core; largest process {largest:.2f} GiB")
    kept, rejected = manifest["rows_kept"].sum(), manifest["rows_rejected"].sum()
    print(f"{rows:,} rows in = {kept:,} kept + {rejected:,} rejected")
    assert rows == kept + rejected == casts * LEVELS * len(months)
    shutil.rmtree(options.folder)


if __name__ == "__main__":
    main()
