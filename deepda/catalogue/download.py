"""Files over HTTP: resumed, from several mirrors in turn, named only when they are whole.

A server that sends a page instead of data, half a file, or another file than before is the rule over
years of downloading, and a truncated NetCDF file may still open. So a file keeps a hidden name until its
length, its first bytes, the floor of its product and its checksum (where one is known) agree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests

from deepda.base.classic import NETCDF
from deepda.base.errors import DeepDAError
from deepda.base.files import checksum, hidden_name, publish
from deepda.catalogue.products import Product, RemoteFile

PATIENCE = (10.0, 60.0)  # s to connect, and between two blocks
BLOCK = 1 << 16  # bytes
TRIES = 3  # of each mirror
SIGNATURES = {".nc": NETCDF, ".zip": (b"PK\x03\x04",), ".gz": (b"\x1f\x8b",)}


class DownloadError(DeepDAError, OSError):
    """A file that no mirror gave whole; nothing is left under its name."""


@dataclass(frozen=True)
class Fetched:
    """A whole file: where it came from, its size in bytes and its SHA-256."""

    path: Path
    address: str
    size: int
    sha256: str


def fetch(entry: Product, remote: RemoteFile, folder: Path, note: Callable[[str], None]) -> Fetched:
    """One file of a product, whole, in `folder`; one that is there already is kept.

    Args:
        entry: floor and checksum that the file must meet.
        folder: made where missing.
        note: receives one line for each address that failed.

    Raises:
        DownloadError: every mirror failed; the message has the reason of each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path, part = folder / remote.name, hidden_name(folder / remote.name)
    if path.exists():
        if reason := _fault(path, entry, remote.name):
            raise DownloadError(f"{path} is not whole ({reason}); delete it and run the command again")
        return Fetched(path, remote.addresses[0], path.stat().st_size, checksum(path))
    reasons = []
    for address in (address for address in remote.addresses for _ in range(TRIES)):
        try:
            _receive(address, part)
            if reason := _fault(part, entry, remote.name):
                part.unlink()
                raise DownloadError(reason)
        except (requests.RequestException, DownloadError) as error:
            reasons.append(f"{address}: {error}")
            note(reasons[-1])
            continue
        publish(part, path)
        return Fetched(path, address, path.stat().st_size, checksum(path))
    part.unlink(missing_ok=True)
    raise DownloadError(
        f"{remote.name} could not be fetched ({'; '.join(dict.fromkeys(reasons))}); "
        "run the same command again, or fetch it by hand into the same folder"
    )


def remote_size(remote: RemoteFile) -> int | None:
    """Bytes of a file as the first mirror that answers states them; None where none does."""
    for address in remote.addresses:
        try:
            answer = requests.head(address, timeout=PATIENCE, allow_redirects=True)
        except requests.RequestException:
            continue
        if answer.ok and answer.headers.get("Content-Length", "").isdigit():
            return int(answer.headers["Content-Length"])
    return None


def _receive(address: str, part: Path) -> None:
    """Append what is missing of a file to `part`, and check that the server sent all it announced."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(address, headers=headers, stream=True, timeout=PATIENCE) as answer:
        if answer.status_code == requests.codes.requested_range_not_satisfiable:
            part.unlink()
            raise DownloadError("the part that is here does not fit the file there; begun again")
        answer.raise_for_status()
        resumed = answer.status_code == requests.codes.partial_content
        announced = answer.headers.get("Content-Length")
        with part.open("ab" if resumed else "wb") as file:
            for block in answer.iter_content(BLOCK):
                file.write(block)
        whole = int(announced) + (have if resumed else 0) if announced else None
    if whole is not None and part.stat().st_size != whole:
        raise DownloadError(f"{part.stat().st_size} of {whole} bytes arrived")


def _fault(path: Path, entry: Product, name: str) -> str | None:
    """Why this cannot be the file: too small, another format, another checksum."""
    with path.open("rb") as file:
        head = file.read(512)
    known = SIGNATURES.get(Path(name).suffix)
    if known and not head.startswith(known):
        page = head.lstrip()[:1] == b"<"
        return "a web page was sent instead of the file" if page else "the file has another format"
    if path.stat().st_size < entry.floor:
        return f"{path.stat().st_size} bytes, expected {entry.floor} at least"
    if entry.checksum and checksum(path) != entry.checksum:
        return "its checksum is not that of the catalogue"
    return None
