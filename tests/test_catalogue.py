"""Public data: what the catalogue says, and files that arrive whole or not at all.

A server on the loopback address is slow, cuts connections, answers with errors or with a login page.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from deepda.base.files import checksum
from deepda.catalogue.download import DownloadError, fetch
from deepda.catalogue.products import (
    CatalogueError,
    Product,
    RemoteFile,
    files_of,
    product,
    products,
    read_products,
)
from deepda.catalogue.stores import copy_years
from deepda.cli import main
from deepda.commands import data as command

WHOLE = b"CDF\x01" + bytes(range(256)) * 4000
ENTRY = """
toy:
  {what: w, kind: profiles, period: p, size: s, licence: open, citation: c, access: files,
   mirrors: ["http://127.0.0.1/{year}.nc"], every: year}
"""


class Server(BaseHTTPRequestHandler):
    """Serves WHOLE under names that say what goes wrong."""

    asked: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        type(self).asked.append((self.path, wanted))
        first = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        body, status = WHOLE[first:], 206 if wanted else 200
        if self.path.startswith("/error"):
            self.send_error(503)
            return
        if self.path.startswith("/login"):
            body = b"<html>please log in</html>" * 100
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut = self.path.startswith("/always_cut") or (self.path.startswith("/cut") and not wanted)
        self.wfile.write(body[: len(body) // 2] if cut else body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[str]:
    """Address of a running Server."""
    Server.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_address[1]}"
        http.shutdown()


def entry(**changed: object) -> Product:
    return Product(
        **{
            **{"name": "toy", "what": "w", "kind": "k", "period": "p", "size": "s", "licence": "open"},
            **{"citation": "c", "access": "files", "mirrors": ()},
            **changed,
        }
    )


def get(address: str, folder: Path, *more: str, **changed: object) -> bytes:
    remote = RemoteFile("a.nc", (address, *more))
    return fetch(entry(**changed), remote, folder, lambda line: None).path.read_bytes()


def test_a_file_arrives_whole(server: str, tmp_path: Path) -> None:
    assert get(f"{server}/a.nc", tmp_path) == WHOLE
    assert [path.name for path in tmp_path.iterdir()] == ["a.nc"]


def test_a_cut_connection_is_resumed_where_it_was_cut(server: str, tmp_path: Path) -> None:
    assert get(f"{server}/cut.nc", tmp_path) == WHOLE
    first, second = (wanted for _, wanted in Server.asked)
    assert first is None and second is not None
    assert 0 < int(second.removeprefix("bytes=").rstrip("-")) <= len(WHOLE) // 2


@pytest.mark.parametrize("trouble", ["error", "login", "always_cut"])
def test_the_next_mirror_is_asked_when_one_fails(server: str, tmp_path: Path, trouble: str) -> None:
    assert get(f"{server}/{trouble}.nc", tmp_path, f"{server}/a.nc") == WHOLE


@pytest.mark.parametrize(
    ("path", "changed", "reason"),
    [
        ("error.nc", {}, "503"),
        ("login.nc", {}, "a web page was sent"),
        ("a.nc", {"floor": len(WHOLE) + 1}, "at least"),
        ("a.nc", {"checksum": "0" * 64}, "checksum"),
    ],
)
def test_what_is_no_whole_file_gets_no_name(
    server: str, tmp_path: Path, path: str, changed: dict[str, object], reason: str
) -> None:
    with pytest.raises(DownloadError, match=reason):
        get(f"{server}/{path}", tmp_path, **changed)
    assert list(tmp_path.iterdir()) == []


def test_no_server_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"a\.nc could not be fetched"):
        get("http://127.0.0.1:9/a.nc", tmp_path)


def test_a_file_that_is_there_is_not_fetched_again(server: str, tmp_path: Path) -> None:
    get(f"{server}/a.nc", tmp_path)
    get(f"{server}/a.nc", tmp_path)
    assert len(Server.asked) == 1


def test_a_broken_file_that_is_there_is_named_and_left_alone(server: str, tmp_path: Path) -> None:
    (tmp_path / "a.nc").write_bytes(b"nonsense")
    with pytest.raises(DownloadError, match="delete it"):
        get(f"{server}/a.nc", tmp_path)
    assert (tmp_path / "a.nc").read_bytes() == b"nonsense"


def test_the_list_of_the_catalogue_fits_a_terminal_and_leaves_words_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["data", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if line.endswith("-")] == []


def test_every_entry_of_the_catalogue_has_files_or_a_recipe() -> None:
    for one in products().values():
        addresses = [a for remote in files_of(one, 1999, 1999) for a in remote.addresses]
        assert one.licence and one.citation and addresses
        assert not any("{" in address or " " in address for address in addresses)
        assert one.access in ("files", "zarr") or one.recipe
        assert one.access != "zarr" or one.variable
        assert one.access != "files" or one.floor > 0


def test_files_follow_the_calendar() -> None:
    def names(name: str) -> list[str]:
        return [remote.name for remote in files_of(product(name), 2000, 2001)]

    assert len(names("oisst-daily")) == 366 + 365
    assert names("oisst-daily")[59] == "oisst-avhrr-v02r01.20000229.nc"
    assert len(names("ersst-monthly")) == 24
    assert len(names("woa18-temperature")) == 12
    assert len(names("argo-index")) == 1
    assert names("en4-profiles") == [f"EN.4.2.2.profiles.g10.{year}.zip" for year in (2000, 2001)]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("licence: open", "licence: ''", "names no licence"),
        ("access: files", "access: telepathy", "has access 'telepathy'"),
        ("every: year", "evry: year", "no whole entry"),
    ],
)
def test_a_faulty_entry_is_refused(old: str, new: str, reason: str) -> None:
    assert read_products(ENTRY)["toy"].every == "year"
    with pytest.raises(CatalogueError, match=reason):
        read_products(ENTRY.replace(old, new))


@pytest.mark.slow
def test_a_store_over_http_is_copied_year_by_year(tmp_path: Path) -> None:
    time = xr.date_range("0001-01-01", periods=24, freq="MS", calendar="noleap", use_cftime=True)
    field = np.arange(24.0 * 6).reshape(24, 2, 3).astype("f4")
    made = xr.Dataset({"thetao": (("time", "lat", "lon"), field)}, {"time": time})
    made.to_zarr(tmp_path / "web" / "OM4.zarr", consolidated=True)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "web"))
    handler.keywords["directory"] = str(tmp_path / "web")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{http.server_address[1]}/OM4.zarr"
        store = entry(access="zarr", mirrors=(address,), variable="thetao")
        done = copy_years(store, 1, 2, tmp_path / "out", lambda line: None)
        with pytest.raises(DownloadError, match="has no year 3, it has 1 to 2"):
            copy_years(store, 3, 3, tmp_path / "out", lambda line: None)
        with pytest.raises(DownloadError, match="no address of toy"):
            copy_years(entry(mirrors=(address,), variable="salt"), 1, 1, tmp_path, lambda line: None)
        http.shutdown()
    assert [one.path.name for one in done] == ["toy_0001.nc", "toy_0002.nc"]
    decode = xr.coders.CFDatetimeCoder(use_cftime=True)
    years = [xr.open_dataset(one.path, decode_times=decode) for one in done]
    xr.testing.assert_equal(xr.concat(years, "time").thetao, made.thetao)


def test_the_command_records_licence_and_checksum(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    toy = entry(mirrors=(f"{server}/a.nc",))
    monkeypatch.setattr("deepda.catalogue.products.products", lambda: {"toy": toy})
    assert main(["data", "get", "toy", "--output", str(tmp_path)]) == 0
    table = pd.read_csv(tmp_path / "toy" / command.MANIFEST)
    assert table.to_dict("records") == [
        {
            **{"file": "a.nc", "address": f"{server}/a.nc", "bytes": len(WHOLE)},
            **{"sha256": checksum(tmp_path / "toy" / "a.nc"), "licence": "open", "citation": "c"},
        }
    ]
    assert "licence: open" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["nope"], "no product is called nope"),
        (["ersst-monthly"], "comes by years"),
        (["ersst-monthly", "--years", "2000-1990"], "expected FIRST-LAST"),
    ],
)
def test_the_command_refuses_in_a_sentence(
    words: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "get", *words]) == 2
    assert reason in capsys.readouterr().err


def test_the_list_fits_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in products()) and max(map(len, out.splitlines())) <= 80
