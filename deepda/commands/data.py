"""`deepda data ...`: the catalogue of public data, and fetching from it."""

from __future__ import annotations

import re
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from deepda.base.errors import UsageError
from deepda.base.files import output_folder
from deepda.commands.console import Command

if TYPE_CHECKING:
    from deepda.catalogue.download import Fetched
    from deepda.catalogue.products import Product

MANIFEST = "downloads.csv"
YEARS = re.compile(r"(\d{4})(?:-(\d{4}))?")


def _list(arguments: Namespace) -> None:
    import textwrap

    from deepda.catalogue.products import products

    for kind in dict.fromkeys(entry.kind for entry in products().values()):
        print(f"{kind}:")
        for entry in (entry for entry in products().values() if entry.kind == kind):
            print(f"  {entry.name}  ({entry.period}; {entry.size}; {entry.access})")
            for line in (entry.what, f"licence: {entry.licence}"):
                print(textwrap.indent(textwrap.fill(line, 74, break_on_hyphens=False), "      "))


def _declare_get(parser: ArgumentParser) -> None:
    parser.add_argument("names", nargs="+", metavar="NAME", help="of `deepda data list`")
    parser.add_argument("--years", metavar="FIRST-LAST", help="both included, such as 1997-2000")
    parser.add_argument("--output", metavar="DIR", default="data", help="folder (%(default)s)")
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be fetched, and fetch nothing"
    )


def _get(arguments: Namespace) -> None:
    from deepda.catalogue.products import product

    entries = [product(name) for name in arguments.names]
    first, last = _years(arguments.years, entries)
    for entry in entries:
        print(f"{entry.name}: licence: {entry.licence}; cite {entry.citation}")
        if entry.recipe:
            print(f"  not fetched by DeepDA ({entry.access}): {entry.mirrors[0]}\n  {entry.recipe}")
        elif arguments.dry_run:
            _plan(entry, first, last)
        else:
            with output_folder(Path(arguments.output) / entry.name) as folder:
                _record(folder, entry, _fetch(entry, first, last, folder))


def _years(text: str | None, entries: list[Product]) -> tuple[int, int]:
    """(first, last) year, both included; refused where a product comes by years and none are given."""
    if text is None:
        dated = [e.name for e in entries if e.access == "zarr" or e.every in ("year", "month", "day")]
        if dated and any(not entry.recipe for entry in entries if entry.name in dated):
            raise UsageError(f"{dated[0]} comes by years, expected which ones; give --years FIRST-LAST")
        return 2000, 2000  # one pass over the months of a climatology
    match = YEARS.fullmatch(text)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if last < first:
        raise UsageError(f"--years is {text}, expected FIRST-LAST such as 1997-2000")
    return first, last


def _plan(entry: Product, first: int, last: int) -> None:
    from deepda.catalogue.download import remote_size
    from deepda.catalogue.products import files_of
    from deepda.catalogue.stores import bytes_of_years

    if entry.access == "zarr":
        whole = bytes_of_years(entry, first, last, _note)
        print(f"  {last - first + 1} years, {whole:,} bytes before compression, from {entry.mirrors[0]}")
        return
    remotes = files_of(entry, first, last)
    size = remote_size(remotes[0])
    each = "size not stated by the server" if size is None else f"{size:,} bytes the first"
    total = "" if size is None else f", about {size * len(remotes):,} bytes in all"
    print(f"  {len(remotes)} files, {each}{total}, the first is {remotes[0].addresses[0]}")


def _fetch(entry: Product, first: int, last: int, folder: Path) -> list[Fetched]:
    from deepda.base.progress import Progress
    from deepda.catalogue.download import fetch
    from deepda.catalogue.products import files_of
    from deepda.catalogue.stores import copy_years

    if entry.access == "zarr":
        return copy_years(entry, first, last, folder, _note)
    with Progress() as progress:
        remotes = progress.track(files_of(entry, first, last), f"Fetching {entry.name}")
        return [fetch(entry, remote, folder, progress.note) for remote in remotes]


def _record(folder: Path, entry: Product, fetched: list[Fetched]) -> None:
    """Add what was fetched to the manifest of its folder, licence and citation beside each file."""
    import pandas as pd

    from deepda.base.files import write_whole

    path = folder / MANIFEST
    rows = [
        {"file": one.path.name, "address": one.address, "bytes": one.size, "sha256": one.sha256,
         "licence": entry.licence, "citation": entry.citation}
        for one in fetched
    ]  # fmt: skip
    old = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=list(rows[0]))
    whole = pd.concat([old[~old["file"].isin({row["file"] for row in rows})], pd.DataFrame(rows)])
    write_whole(path, lambda partial: whole.sort_values("file").to_csv(partial, index=False))
    print(f"  {len(fetched)} files in {folder}; {path} has their origin, checksum and licence")


def _note(line: str) -> None:
    print(f"  {line}")


DATA_LIST = Command(
    "data list",
    "List public data that DeepDA can read, with licences",
    _list,
    details="example:\n  deepda data list",
)
DATA_GET = Command(
    "data get",
    "Fetch public data, resumed and checked",
    _get,
    _declare_get,
    """\
A file gets its name when it is whole; the same command goes on where it
stopped. downloads.csv in each folder has origin, checksum and licence.

examples:
  deepda data get ersst-monthly --years 1981-2020 --output data
  deepda data get en4-profiles --years 1997-2000 --dry-run""",
)
