"""Files are written whole, lasting and readable by those whom the umask admits; checksums stream."""

from __future__ import annotations

import ast
import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from test_architecture import modules

from deepda.base import files
from deepda.base.errors import UsageError
from deepda.base.files import (
    BLOCK,
    checksum,
    digest_of,
    mapped_array,
    output_folder,
    write_json,
    write_whole,
)

OWNER = "deepda.base.files"
BY_HAND = {"mkstemp", "NamedTemporaryFile", "replace", "rename"}  # of os, tempfile or a path


@pytest.fixture(params=[0o022, 0o027, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def save_weights(path: Path) -> None:
    save_file({"weights": torch.zeros(3)}, path)


def save_text(path: Path) -> None:
    path.write_text("text")


@pytest.mark.parametrize("write", [save_weights, save_text])
def test_others_may_read_what_the_umask_lets_them_read(tmp_path: Path, umask: int, write) -> None:  # type: ignore[no-untyped-def]
    write_whole(tmp_path / "file", write)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~umask


def test_a_file_is_on_disk_before_it_has_its_name_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda number: done.append(os.readlink(f"/proc/self/fd/{number}")))
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda *names: (done.append("rename"), replace(*names)))
    write_whole(tmp_path / "file", save_text)
    assert done == [str(tmp_path / ".file.part"), "rename", str(tmp_path)]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    def fails(path: Path) -> None:
        path.write_text("half")
        raise RuntimeError("the disk is full")

    (tmp_path / "file").write_text("old")
    with pytest.raises(RuntimeError, match="the disk is full"):
        write_whole(tmp_path / "file", fails)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"


def test_an_error_of_the_file_system_through_safetensors_is_one_of_the_file_system(
    tmp_path: Path,
) -> None:
    def write(hidden: Path) -> None:
        save_file({"a": torch.zeros(2)}, hidden.parent / "no folder" / "file")

    with pytest.raises(FileNotFoundError, match=r"weights\.safetensors"):
        write_whole(tmp_path / "weights.safetensors", write)


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="space cannot be reserved there")
def test_a_mapped_array_has_its_room_before_it_is_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = mapped_array(tmp_path / "a.npy", (100, 1000))
    assert (tmp_path / "a.npy").stat().st_blocks * 512 >= array.nbytes
    assert not array.any() and np.array_equal(np.load(tmp_path / "a.npy"), array)

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"):
        mapped_array(tmp_path / "b.npy", (100, 1000))


def test_json_has_one_value_a_line_and_ends_with_a_newline(tmp_path: Path) -> None:
    write_json(tmp_path / "file", {"b": [1, 0.1], "a": "é"})
    assert (tmp_path / "file").read_bytes() == b'{\n "b": [\n  1,\n  0.1\n ],\n "a": "\\u00e9"\n}\n'
    write_json(tmp_path / "file", {"b": 1, "a": 2}, indent=2, sort_keys=True)
    assert (tmp_path / "file").read_text() == '{\n  "a": 2,\n  "b": 1\n}\n'
    with pytest.raises(TypeError):
        write_json(tmp_path / "file", {"path": tmp_path})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_folder_of_a_file_is_made(tmp_path: Path) -> None:
    write_whole(tmp_path / "new" / "folder" / "file", save_text)
    assert (tmp_path / "new" / "folder" / "file").read_text() == "text"


@pytest.mark.parametrize("name", ["~", "~/out", "~somebody/out"])
def test_a_home_that_no_shell_has_put_in_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = pytest.raises(UsageError, match=rf"{name} begins with ~, .* expected a folder")
    with refused, output_folder(Path(name)):
        pass
    assert not list(tmp_path.iterdir())
    with output_folder(Path(f"./{name}").absolute()) as made:
        assert made.exists()


def test_the_checksum_of_a_large_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    content = np.random.default_rng(0).bytes(2 * BLOCK + 7)
    (tmp_path / "file").write_bytes(content)
    assert checksum(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_the_checksum_of_a_large_file_never_holds_it_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(bytes(3 * BLOCK))
    pieces: list[int] = []
    made = files.digest_of
    monkeypatch.setattr(
        files, "digest_of", lambda parts: made(p for p in parts if pieces.append(len(p)) is None)
    )
    checksum(tmp_path / "file")
    assert max(pieces) == BLOCK and sum(pieces) == 3 * BLOCK


def test_the_checksum_of_a_folder_counts_names_and_bytes(tmp_path: Path) -> None:
    sums = []
    for name, content in (("a", "1"), ("b", "1"), ("a", "2")):
        folder = tmp_path / f"{name}{content}"
        (folder / "chunk").mkdir(parents=True)
        (folder / "chunk" / name).write_text(content)
        sums.append(checksum(folder))
    assert len(set(sums)) == 3


def test_arrays_of_the_same_values_have_one_digest_whatever_their_layout() -> None:
    values = np.arange(12.0).reshape(3, 4)
    assert digest_of([values]) == digest_of([np.asfortranarray(values)]) == digest_of([values.tobytes()])
    assert digest_of([values]) != digest_of([values.T])


def by_hand(module: str, source: str) -> list[str]:
    """Calls that rename files or make checksums outside the module that owns them."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "hashlib.sha256":
            found.append(f"{module}: {ast.unparse(node)}")
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        renames = node.func.attr in BY_HAND and len(node.args) == 1 and not node.keywords
        owner = ast.unparse(node.func.value)
        library = owner in ("os", "tempfile", "shutil") and node.func.attr in {*BY_HAND, "move"}
        if library or (renames and any(word in owner for word in ("part", "hidden", "path"))):
            found.append(f"{module}: {ast.unparse(node)}")
    return found


@pytest.mark.slow
def test_nobody_renames_files_or_makes_checksums_by_hand() -> None:
    others = {name: source for name, source in modules().items() if name != OWNER}
    assert [found for name, source in others.items() for found in by_hand(name, source)] == []


@pytest.mark.parametrize(
    "source",
    ["os.replace(a, b)", "part.replace(path)", "tempfile.mkstemp()", "hashlib.sha256(raw).hexdigest()"],
)
def test_the_guard_against_writing_by_hand_bites(source: str) -> None:
    assert len(by_hand("module", source)) == 1


def test_the_guard_against_writing_by_hand_lets_strings_be_replaced() -> None:
    assert by_hand("module", "text.replace('a', 'b')\nwhen.replace(year=1)\nfield.rename(names)") == []
