"""The catalogue of public data: entries of `products.yaml`, and the files of each by date."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlparse

import yaml

from deepda.base.errors import DeepDAError

STAMPS = {  # of the files, by what one holds
    "year": ("year",),
    "month": ("year", "month"),
    "day": ("year", "month", "day"),
    "month of the year": ("month",),
    "once": (),
}
ACCESS = ("files", "zarr", "catalogue", "login")


class CatalogueError(DeepDAError, ValueError):
    """A product that is not in the catalogue, or cannot be had in the way that was asked for."""


@dataclass(frozen=True)
class Product:
    """One entry of the catalogue.

    Attributes:
        name: as typed behind `deepda data get`.
        what, kind, period, size: for the list.
        licence: under which it is given; an entry without one is refused.
        citation: to be given by whoever uses it.
        access: one of ACCESS.
        mirrors: address patterns, tried in turn.
        every: what one file holds: "year", "month", "day", "month of the year" or "once".
        floor: bytes below which a file cannot be whole.
        checksum: SHA-256 of the file, where the product never changes.
        variable: of a zarr store, to copy.
        recipe: how to get what DeepDA does not fetch itself.
    """

    name: str
    what: str
    kind: str
    period: str
    size: str
    licence: str
    citation: str
    access: str
    mirrors: tuple[str, ...]
    every: str = "once"
    floor: int = 0
    checksum: str | None = None
    variable: str | None = None
    recipe: str | None = None


@dataclass(frozen=True)
class RemoteFile:
    """One file to fetch: its own name, and its addresses on all mirrors."""

    name: str
    addresses: tuple[str, ...]


def read_products(text: str) -> dict[str, Product]:
    """The entries of a catalogue in YAML, by name.

    Raises:
        CatalogueError: an entry without licence, with an unknown access, or with other fields.
    """
    return {name: _product(name, entry) for name, entry in yaml.safe_load(text).items()}


@cache
def products() -> Mapping[str, Product]:
    """The catalogue that comes with DeepDA."""
    return read_products(files("deepda.catalogue").joinpath("products.yaml").read_text("utf-8"))


def product(name: str) -> Product:
    """One entry by its name.

    Raises:
        CatalogueError: not in the catalogue.
    """
    if name not in products():
        raise CatalogueError(
            f"no product is called {name}, expected one of {', '.join(products())}; "
            "`deepda data list` says what they are"
        )
    return products()[name]


def files_of(entry: Product, first: int, last: int) -> list[RemoteFile]:
    """The files of the years `first` to `last`, both included, in the order of time."""
    stamps = dict.fromkeys(_stamps(entry.every, first, last))
    return [_remote(entry, dict(stamp)) for stamp in stamps]


def _product(name: str, entry: dict[str, Any]) -> Product:
    if not str(entry.get("licence") or "").strip():
        raise CatalogueError(f"{name} names no licence, expected one; add it to the catalogue")
    if entry.get("access") not in ACCESS:
        raise CatalogueError(
            f"{name} has access {entry.get('access')!r}, expected one of {', '.join(ACCESS)}"
        )
    try:
        return Product(name=name, **{**entry, "mirrors": tuple(entry["mirrors"])})
    except (KeyError, TypeError) as error:
        raise CatalogueError(f"{name} is no whole entry ({error}); compare the others") from error


def _stamps(every: str, first: int, last: int) -> Iterator[tuple[tuple[str, str], ...]]:
    day, end = date(first, 1, 1), date(last, 12, 31)
    while day <= end:
        fields = {"year": f"{day:%Y}", "month": f"{day:%m}", "day": f"{day:%d}"}
        yield tuple((key, fields[key]) for key in STAMPS[every])
        day += timedelta(days=1)


def _remote(entry: Product, fields: Mapping[str, str]) -> RemoteFile:
    addresses = tuple(mirror.replace(" ", "").format(**fields) for mirror in entry.mirrors)
    return RemoteFile(urlparse(addresses[0]).path.rpartition("/")[2], addresses)
