"""Zarr stores over HTTP or S3, copied year by year: each year is one whole NetCDF file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import xarray as xr

from deepda.base.files import checksum, write_whole
from deepda.catalogue.download import DownloadError, Fetched
from deepda.catalogue.products import Product


def copy_years(
    entry: Product, first: int, last: int, folder: Path, note: Callable[[str], None]
) -> list[Fetched]:
    """The years `first` to `last` of a store, both included; those that are there already are kept.

    Args:
        entry: with the addresses of the store and the variable to copy.
        first, last: years as the store's own calendar counts them.
        folder: made where missing.
        note: receives one line for each address that failed.

    Raises:
        DownloadError: no address opens, the variable or a year is not there.
    """
    address, store = _open(entry, note)
    folder.mkdir(parents=True, exist_ok=True)
    done = []
    for year in range(first, last + 1):
        path = folder / f"{entry.name}_{year:04d}.nc"
        if not path.exists():
            _copy(store, year, entry, path)
        done.append(Fetched(path, address, path.stat().st_size, checksum(path)))
    return done


def bytes_of_years(entry: Product, first: int, last: int, note: Callable[[str], None]) -> int:
    """Bytes in memory of the years of a store."""
    _, store = _open(entry, note)
    years = store[entry.variable].time.dt.year
    return int(store[entry.variable].isel(time=(years >= first) & (years <= last)).nbytes)


def _open(entry: Product, note: Callable[[str], None]) -> tuple[str, xr.Dataset]:
    for address in entry.mirrors:
        try:
            store = xr.open_zarr(
                address, chunks={}, decode_times=xr.coders.CFDatetimeCoder(use_cftime=True)
            )
        except Exception as error:  # each transport has errors of its own family
            note(f"{address}: {error}")
            continue
        if entry.variable in store:
            return address, store
        note(f"{address}: no {entry.variable}, it holds {', '.join(map(str, store.data_vars))}")
    raise DownloadError(
        f"no address of {entry.name} gave a store with {entry.variable}; see the lines above, "
        "and try again later or give another mirror"
    )


def _copy(store: xr.Dataset, year: int, entry: Product, path: Path) -> None:
    part = store[[entry.variable]].isel(time=store.time.dt.year == year)
    if not part.sizes["time"]:
        years = store.time.dt.year
        raise DownloadError(
            f"{entry.name} has no year {year}, it has {int(years[0])} to {int(years[-1])}; "
            "ask for some of these with --years"
        )
    part.encoding.clear()
    for variable in part.variables.values():
        variable.encoding = {k: v for k, v in variable.encoding.items() if k in ("units", "calendar")}
    write_whole(path, lambda partial: part.to_netcdf(partial, engine="netcdf4"))
