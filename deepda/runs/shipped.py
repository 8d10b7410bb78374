"""The trained run that comes with DeepDA: weights of the built-in ocean, unpacked once for each user.

deepda/shipped/weights.safetensors   packed, see `deepda.runs.packing`
deepda/shipped/model.json            checksum, versions that it serves, seed, command, scores
deepda/shipped/config.yaml           settings of the run

Unpacked it is the folder of an ordinary run, CACHE/shipped-CHECKSUM, where CACHE is DEEPDA_CACHE or
~/.cache/deepda. It has no control simulation; who needs it simulates it from the settings.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

from safetensors.torch import save_file

from deepda.base.errors import CheckpointError, UsageError
from deepda.base.files import checksum, require_writable, write_json, write_whole
from deepda.base.info import versions
from deepda.base.text import say_once
from deepda.runs.checkpoint import MODEL, load_model, load_space, read_tensors
from deepda.runs.finished import CHECKPOINT
from deepda.runs.packing import pack, unpack
from deepda.settings.compose import CONFIG_FILE, dump, saved_config
from deepda.settings.schema import Config, ConfigError

SHIPPED = "shipped"  # in place of the folder of a run
PACKED = "weights.safetensors"
SOURCE = Path(__file__).parents[1] / "shipped"
CACHE = "DEEPDA_CACHE"
KEPT = ("generator", "history", "seed")  # of model.json of the checkpoint


def folder_of(run: str) -> Path:
    """The folder of a trained run by its name: that of the shipped one for SHIPPED.

    Raises:
        CheckpointError, UsageError: the shipped one cannot be used, or be unpacked anywhere.
    """
    return shipped_run() if run == SHIPPED else Path(run)


def run_for(wanted: Config, named: bool) -> str:
    """The trained run that settings ask for: the one that was named, else one's own, else SHIPPED.

    One's own is there if the default folder has settings, even if it is not finished.

    Args:
        named: whether they name the run, or hold the default folder.

    Raises:
        ConfigError: nothing is named, there is none of one's own, and the shipped one has another grid.
        CheckpointError, UsageError: see `folder_of`.
    """
    own = wanted.reanalysis.run
    if named or (Path(own) / CONFIG_FILE).exists():
        return own
    shipped = saved_config(shipped_run())
    if (wanted.grid, wanted.per_year) != (shipped.grid, shipped.per_year):
        raise ConfigError(
            f"no trained run in {own}, and grid {wanted.grid.name} with {wanted.per_year} windows a "
            f"year asked for, expected {shipped.grid.name} with {shipped.per_year}, for which weights "
            "are shipped; train with `deepda osse run`, or name a run with --run DIR"
        )
    return SHIPPED


def weights_used(run: str) -> str:
    """Which weights are used, for the log."""
    if run == SHIPPED:
        return f"{shipped_weights()}; --run DIR takes a run of your own"
    return f"weights: trained run {run}"


def shipped_weights() -> str:
    """The shipped weights in a line for the log."""
    about = shipped_about()
    return f"weights: shipped with deepda {about['version']} (built-in ocean, seed {about['seed']})"


def shipped_about(source: Path = SOURCE) -> dict[str, Any]:
    """What model.json says of the shipped weights.

    Raises:
        CheckpointError: not there, changed, or of another version.
    """
    path = source / MODEL
    try:
        about: dict[str, Any] = json.loads(path.read_text())
        sha256, compatible = about["sha256"], about["compatible"]
        found = checksum(source / PACKED)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"the weights shipped in {source} cannot be read ({error}), expected {MODEL} and {PACKED}; "
            "install DeepDA again, or name a run with --run DIR"
        ) from error
    if found != sha256:
        raise CheckpointError(
            f"{source / PACKED} is not the file that {MODEL} records (its checksum differs), expected "
            "it as it was shipped; install DeepDA again, or name a run with --run DIR"
        )
    if series(installed := versions()["deepda"]) not in compatible:
        raise CheckpointError(
            f"the weights in {source} are for deepda {', '.join(compatible)}, this one is {installed}; "
            "install DeepDA again, or name a run with --run DIR"
        )
    return about


def shipped_run() -> Path:
    """The shipped run as an ordinary folder, unpacked where it is not yet, whole or not at all.

    Raises:
        CheckpointError: the shipped files are not there, changed, or of another version.
        UsageError: there is no folder to unpack it in.
    """
    name = f"{SHIPPED}-{shipped_about()['sha256'][:16]}"
    usual = _usual_cache() / name
    if _is_whole(usual):  # even if it cannot be written
        return usual
    folder = _writable_cache() / name
    if not _is_whole(folder):
        unpack_run(SOURCE, folder)
    return folder


def pack_run(run: Path, folder: Path, more: Mapping[str, Any]) -> None:
    """Write a finished run as packed weights, its settings and model.json.

    Args:
        folder: like deepda/shipped, made where missing.
        more: kept in model.json.

    Raises:
        CheckpointError: see `pack`.
    """
    config, checkpoint = saved_config(run), run / CHECKPOINT
    model = load_model(checkpoint, load_space(checkpoint).grid)
    packed = pack(checkpoint, config.generator)
    write_whole(folder / PACKED, lambda path: save_file(packed, path))
    installed = versions()["deepda"]
    about = {
        "version": installed,
        "compatible": [series(installed)],
        "sha256": checksum(folder / PACKED),
        **{name: model[name] for name in KEPT},
        **more,
    }
    write_json(folder / MODEL, about)
    write_whole(folder / CONFIG_FILE, lambda path: path.write_text(dump(config)))


def unpack_run(source: Path, folder: Path) -> None:
    """Make the folder of a run from packed weights; several processes may at once.

    Args:
        source: folder like deepda/shipped.
        folder: what is there and not whole is replaced.

    Raises:
        CheckpointError: the packed files cannot be used.
    """
    about = shipped_about(source)
    settings = saved_config(source).generator
    kept = {name: about[name] for name in KEPT}
    with TemporaryDirectory(dir=folder.parent, prefix=".unpacking-") as scratch:
        made = Path(scratch) / "run"
        (made / CHECKPOINT).mkdir(parents=True)
        unpack(read_tensors(source / PACKED)[0], settings, kept, made / CHECKPOINT)
        shutil.copyfile(source / CONFIG_FILE, made / CONFIG_FILE)
        try:
            made.rename(folder)
        except OSError:  # it is there
            if not _is_whole(folder):
                folder.rename(Path(scratch) / "broken")
                made.rename(folder)


def _usual_cache() -> Path:
    """Where runs are unpacked."""
    return Path(os.environ.get(CACHE) or "~/.cache/deepda").expanduser().absolute()


def _writable_cache() -> Path:
    """The same; a temporary folder where the home of the user cannot be written."""
    usual = _usual_cache()
    try:
        return require_writable(usual)
    except UsageError as error:
        if os.environ.get(CACHE):
            raise UsageError(
                f"{CACHE} is {usual}, which cannot be written, expected a folder for unpacked weights; "
                "name another one"
            ) from error
        other = Path(gettempdir()) / f"deepda-{os.getuid()}"
        say_once(
            f"{usual} cannot be written, weights are unpacked into {other}; {CACHE}=DIR names another "
            "folder"
        )
        return _own_folder(other)


def _own_folder(path: Path) -> Path:
    """A folder below a public one that nobody else can have filled."""
    path.mkdir(mode=0o700, exist_ok=True)
    if path.stat().st_uid != os.getuid():
        raise UsageError(
            f"{path} belongs to another user, expected a folder of your own for unpacked weights; "
            f"name one with {CACHE}=DIR"
        )
    return require_writable(path)


def _is_whole(folder: Path) -> bool:
    """Whether the folder holds a run whose files are the recorded ones."""
    try:
        load_model(folder / CHECKPOINT, load_space(folder / CHECKPOINT).grid)
        saved_config(folder)
    except (CheckpointError, ConfigError):
        return False
    return True


def series(version: str) -> str:
    """The part of a version within which packed weights stay readable: 0.1 of 0.1.0."""
    return ".".join(version.split(".")[:2])
