"""Paths that are no files, broken files with the names of good ones, outputs within inputs."""

from __future__ import annotations

import os
import re
import socket
import stat
import subprocess
import sys
from pathlib import Path

import netCDF4
import numpy as np
import pytest
from test_ingest import csv, kept_rows, take
from test_readers_profiles import write_argo

from deepda.base.errors import UsageError
from deepda.base.lock import exclusive
from deepda.base.text import as_it_was, printable
from deepda.cli import COMMANDS, main
from deepda.commands.console import PATHS, Parser
from deepda.observations.ingest import ingest
from deepda.observations.manifest import IngestError, read_manifest
from deepda.observations.plan import KINDS
from deepda.observations.sources import find_sources
from deepda.settings.files import matching_files
from deepda.settings.schema import ConfigError

INDEX = "ar_index_global_prof.txt"


def other_bytes(path: Path) -> Path:
    """An Argo file of the same cast with another latitude."""
    write_argo(path)
    with netCDF4.Dataset(path, "a") as data:
        data["LATITUDE"][:] = 1.0
    return path


def make_odd(path: Path, kind: str) -> None:
    """Something at a path that is no file."""
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "link to nothing":
        path.symlink_to(path.parent / "nowhere")
    elif kind == "link to itself":
        path.symlink_to(path)
    elif kind == "link to a device":
        path.symlink_to("/dev/zero")
    else:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(path))


ODD = ("pipe", "folder", "link to nothing", "link to itself", "link to a device", "socket")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["1900000_prof.nc", INDEX, "ar_greylist.txt", "a.csv", "x.parquet"])
@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_file_has_one_row_with_its_reason_under_any_name(
    kind: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "in"
    csv(folder / "good.csv")
    monkeypatch.chdir(folder)  # names of sockets are short
    make_odd(Path(name), kind)
    found = take(folder, output=tmp_path / "out")
    assert {n: entry.status for n, entry in found.items()} == {"good.csv": "kept", name: "quarantined"}
    assert "expected" in found[name].reasons


def test_every_kind_of_special_file_is_named() -> None:
    modes = (stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFDIR)
    assert all(any(is_it(mode) for is_it in KINDS.values()) for mode in modes)
    assert not any(is_it(stat.S_IFREG) for is_it in KINDS.values())


def test_a_folder_that_may_not_be_listed_has_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    csv(tmp_path / "in" / "good.csv")
    csv(tmp_path / "in" / "closed" / "a.csv")
    scandir = os.scandir

    def guarded(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    found = {Path(s.file).name: s for s in find_sources([tmp_path / "in"])}
    assert set(found) == {"good.csv", "closed"}
    assert found["closed"].status == "quarantined" and "permissions" in found["closed"].reason


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*ODD, "zero bytes", "a letter", "cut short"])
def test_what_cannot_be_read_supersedes_nothing(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write_argo(folder / "R1900000_001.nc")
    monkeypatch.chdir(folder)
    broken = Path("1900000_prof.nc")
    if kind in ODD:
        make_odd(broken, kind)
    else:
        whole = (folder / "R1900000_001.nc").read_bytes()
        broken.write_bytes({"zero bytes": b"", "a letter": b"Dear all", "cut short": whole[:-60]}[kind])
    for _ in range(2):  # the second run repeats the first
        found = take(folder, output=tmp_path / "out")
        assert found["R1900000_001.nc"].status == "kept"
        assert found["1900000_prof.nc"].status != "superseded" and found["1900000_prof.nc"].trouble
    broken.unlink() if kind != "folder" else broken.rmdir()
    other_bytes(folder / "1900000_prof.nc")
    found = take(folder, output=tmp_path / "out")
    assert found["R1900000_001.nc"].status == "superseded"
    assert set(kept_rows(tmp_path / "out")["lat"]) == {1.0}


def test_a_delayed_file_that_is_broken_leaves_the_real_time_one(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write_argo(folder / "R1900000_001.nc")
    whole = other_bytes(folder / "D1900000_001.nc").read_bytes()
    assert take(folder, output=tmp_path / "a")["R1900000_001.nc"].status == "superseded"
    (folder / "D1900000_001.nc").write_bytes(whole[:-50])
    assert take(folder, output=tmp_path / "b")["R1900000_001.nc"].status == "kept"


@pytest.mark.parametrize("output", ["in", "in/../in", "link", ".", "in/.."])
def test_an_output_that_is_or_holds_an_input_is_refused(
    output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    csv(tmp_path / "in" / "a.csv")
    (tmp_path / "link").symlink_to(tmp_path / "in")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="choose another --output"):
        ingest([Path("in")], Path(output), workers=1)
    assert sorted(p.name for p in (tmp_path / "in").iterdir()) == ["a.csv"]


@pytest.mark.parametrize("way", ["plain", "dots", "link to it", "link in it"])
def test_an_output_below_an_input_is_never_read(way: str, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    csv(folder / "a.csv")
    output = folder / "out"
    if way == "dots":
        output = folder / "nowhere" / ".." / "out"
        (folder / "nowhere").mkdir()
    if way == "link to it":
        (folder / "out").mkdir()
        output = tmp_path / "elsewhere"
        output.symlink_to(folder / "out")
    for _ in range(2):
        assert set(take(folder, output=output)) == {"a.csv"}
        if way == "link in it" and not (folder / "again").exists():
            (folder / "again").symlink_to(folder / "out")
            (folder / "one.csv").symlink_to(folder / "out" / "manifest.csv")


def test_an_ingest_without_any_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    with pytest.raises(IngestError, match="there is no file at or below"):
        ingest([tmp_path / "in"], tmp_path / "out", workers=1)
    assert not (tmp_path / "out").exists()


def test_a_second_writer_is_refused_and_touches_nothing(tmp_path: Path) -> None:
    output = tmp_path / "out"
    take(csv(tmp_path / "a.csv"), output=output)
    (output / ".half.part").touch()  # of the first one, in the middle of its work
    with exclusive(output):
        before = sorted((p, p.stat().st_mtime_ns) for p in output.rglob("*") if p.is_file())
        with pytest.raises(UsageError, match="is being written"):
            take(csv(tmp_path / "b.csv"), output=output)
        after = sorted((p, p.stat().st_mtime_ns) for p in output.rglob("*") if p.is_file())
    assert after == before
    take(tmp_path / "b.csv", output=output)


def test_half_files_of_a_killed_run_are_gone_after_the_next(tmp_path: Path) -> None:
    output = tmp_path / "out"
    take(csv(tmp_path / "a.csv"), output=output)
    month = next((output / "observations").rglob("month=*"))
    halves = [output / ".manifest.csv.part", output / "journal" / ".1.json.part",
              month / ".1-0.parquet.part", output / "rejected" / ".1-0.parquet.part"]  # fmt: skip
    for half in halves:
        half.parent.mkdir(exist_ok=True)
        half.touch()
    take(tmp_path / "a.csv", output=output)
    assert not any(half.exists() for half in halves)


NASTY = ("a\x1b[31mred.csv", "two\nlines.csv", "back\\x1bslash.csv", "\u202egnp.csv", "tab\t.csv",
         os.fsdecode(b"no\xff\xfetext.csv"))  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", NASTY)
def test_names_are_shown_escaped_and_are_still_the_same_file(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = csv(tmp_path / "in" / name)
    csv(tmp_path / "in" / f"bad_{name}").write_text("time,lon\n")
    words = ["observations", "ingest", str(tmp_path / "in"), "--workers", "1", "--output"]
    assert main([*words, str(tmp_path / "out")]) == 1
    shown = capsys.readouterr().out
    assert all(character.isprintable() for character in shown.replace("\n", ""))
    text = (tmp_path / "out" / "manifest.csv").read_text(encoding="utf-8")
    assert text.count("\n") == 3 and text.replace("\n", "").isprintable()
    assert {entry.file for entry in read_manifest(tmp_path / "out")} == {
        str(path), str(path.with_name(f"bad_{name}"))
    }  # fmt: skip
    assert main([*words, str(tmp_path / "out"), "--strict"]) == 2
    assert capsys.readouterr().err.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    "text", ["plain", "\x1b[0m", "\\x1b", "\\\\x1b\x1b", "é", "\udcff", "\U000e0001"]
)
def test_escaping_can_be_undone(text: str) -> None:
    assert printable(text).isprintable() and as_it_was(printable(text)) == text


@pytest.mark.slow
def test_a_closed_pipe_is_quiet(tmp_path: Path) -> None:
    take(csv(tmp_path / "a.csv"), output=tmp_path / "out")
    read, write = os.pipe()
    os.close(read)
    words = [sys.executable, "-m", "deepda", "observations", "show", str(tmp_path / "out")]
    ended = subprocess.run(words, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert ended.returncode == 141 and ended.stderr == b""


def test_help_into_a_closed_pipe_is_quiet() -> None:
    read, write = os.pipe()
    os.close(read)
    ended = subprocess.run([sys.executable, "-m", "deepda", "--help"], stdout=write,
                           stderr=subprocess.PIPE, check=False)  # fmt: skip
    os.close(write)
    assert ended.stderr == b"" and ended.returncode in (0, 141)


def test_rows_of_a_file_with_a_nasty_name_are_kept(tmp_path: Path) -> None:
    path = csv(tmp_path / NASTY[-1])
    take(path, output=tmp_path / "out")
    rows = kept_rows(tmp_path / "out")
    assert set(map(as_it_was, rows["source"])) == {str(path)}
    assert np.isfinite(rows["temperature"]).all()


EMPTY = [
    ["observations", "ingest", "", "--output", "oo"],
    ["observations", "ingest", "good.csv", "--output", ""],
    ["observations", "ingest", "good.csv", "", "--output", "oo"], ["observations", "show", ""],
    ["observations", "ingest", "good.csv", "--output=", "--workers", "1"],
    ["observations", "ingest", "good.csv", "--output", "oo", "--climatology", ""],
    ["observations", "feedback", ""], ["control", "prepare", "", "--output", "a.nc"],
    ["control", "prepare", "good.csv", "--output", ""], ["evaluate", "", "--output", "oo"],
    ["evaluate", "a.nc", "--output", ""], ["evaluate", "a.nc", "--output", "oo", "--reference", ""],
    ["evaluate", "a.nc", "--output", "oo", "--observations", ""], ["demo", "--output", ""],
    ["bench", "--output", ""], ["explain", ""], ["data", "get", "en4-profiles", "--output", ""],
    ["osse", "run", "--control", ""], ["osse", "run", "--run", "", "--truth", "good.csv"],
    ["osse", "run", "--run", "x", "--truth", ""], ["osse", "deny", "--run", ""],
    ["osse", "known-answer", "--output", ""], ["sweep", "--output", ""], ["reanalysis", "--run", ""],
    ["reanalysis", "--continue", ""], ["config", "check", "--control", ""],
]  # fmt: skip


@pytest.mark.parametrize("words", EMPTY, ids=lambda words: " ".join(word or "''" for word in words))
def test_an_empty_path_is_refused_and_is_never_the_folder_one_is_in(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    csv(tmp_path / "good.csv")
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("deepda: the path is empty, expected ") and err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["good.csv"]


def test_every_argument_of_a_command_that_names_a_place_is_known_as_a_path() -> None:
    for command in COMMANDS:
        parser = Parser()
        command.declare(parser)
        for action in parser._actions:
            said = f"{action.help} {action.metavar}".lower()
            if (
                action.type is None
                and action.metavar not in (None, "NAME=FILE")
                and re.search(r"folder|files?\b|run\b", said)
            ):
                assert action.metavar in PATHS or action.metavar in NO_PATHS, (command.words, action)


NO_PATHS = ("NAME", "YYYY-MM", "DATE", "N", "KEY=VALUE")


def test_a_pattern_of_settings_that_is_empty_matches_nothing() -> None:
    with pytest.raises(ConfigError, match="the path is empty, expected"):
        matching_files([""])
