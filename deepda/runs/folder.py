"""The folder that a command writes: one writer, one set of settings, a log, scores at the end.

with run_folder(output) as folder:
    if folder.finished(settings): return folder.scores()
    folder.require_same(settings)           refuses what belongs to other settings, writes nothing
    folder.keep_settings(config)            the work begins
    ...
    folder.keep_scores(scores)              the work is done
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deepda.base.files import write_json, write_whole
from deepda.base.lock import exclusive
from deepda.base.progress import Progress
from deepda.settings.compose import CONFIG_FILE, dump
from deepda.settings.schema import Config, ConfigError

SCORES, LOG = "scores.json", "log.txt"
UNFINISHED = (".*.part", ".*.unfinished")  # names of files until they are whole
SHOWN = 3  # differences that a refusal names


@dataclass(frozen=True)
class RunFolder:
    """A folder that nobody else writes meanwhile.

    Attributes:
        progress: goes to the terminal and to its log.
    """

    path: Path
    progress: Progress

    def scores(self) -> dict[str, Any] | None:
        """The scores of finished work, None where it is not finished.

        Raises:
            ConfigError: they are there and cannot be read.
        """
        return read_json(self.path / SCORES)

    def nothing_to_do(self, there: Mapping[str, Any] | None, asked: Mapping[str, Any]) -> bool:
        """Whether the work is finished with the same settings; says so."""
        if self.scores() is None or there is None or differences(there, asked):
            return False
        self.progress.note(f"finished, nothing to do (to score again, remove {self.path / SCORES})")
        return True

    def require_same(self, there: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
        """Refuse to go on with work of other settings; its parts would not belong together.

        Args:
            there: settings by dotted key, of the work in the folder.
            asked: of this command; keys that only one side has do not count.

        Raises:
            ConfigError: settings differ; says which.
        """
        found = differences(there, asked)
        if found:
            more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
            raise ConfigError(
                f"{self.path} holds a run of other settings ({'; '.join(found[:SHOWN])}{more}), "
                "expected the same; choose another --output, or remove that folder"
            )

    def keep_settings(self, config: Config) -> None:
        """Write config.yaml: the work begins, and earlier scores no longer hold."""
        (self.path / SCORES).unlink(missing_ok=True)
        write_whole(self.path / CONFIG_FILE, lambda path: path.write_text(dump(config)))

    def keep_scores(self, scores: Mapping[str, Any]) -> None:
        """Write scores.json: the work is done."""
        write_json(self.path / SCORES, scores)


@contextmanager
def run_folder(path: Path) -> Iterator[RunFolder]:
    """Be the only writer of a folder, made where missing; half files of a killed writer are removed.

    Raises:
        UsageError: another writer is at work there, or it cannot be written.
    """
    with exclusive(path):
        if (path / LOG).exists():  # it is a run's
            for file in (file for pattern in UNFINISHED for file in path.rglob(pattern)):
                if file.is_file():
                    file.unlink(missing_ok=True)
        with Progress(log=path / LOG) as progress:
            yield RunFolder(path, progress)


def differences(there: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """What differs in the keys of both, as sentences: "osse.spinup=73 there, 12 asked for"."""
    return [
        f"{key}={there[key]} there, {asked[key]} asked for"
        for key in asked
        if key in there and there[key] != asked[key]
    ]


def flat_settings(config: Config) -> dict[str, Any]:
    """All settings by dotted key, as JSON would hold them."""
    flat: dict[str, Any] = json.loads(json.dumps(_flat(asdict(config))))
    return flat


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        flat |= _flat(value, f"{name}.") if isinstance(value, dict) else {name: value}
    return flat


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file, None where there is no file.

    Raises:
        ConfigError: it is not JSON, or no object.
    """
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path} cannot be read as JSON ({error}), expected what a run wrote; restore it, or choose "
            "another --output"
        ) from error
    if not isinstance(found, dict):
        raise ConfigError(
            f"{path} holds a {type(found).__name__}, expected the object that a run wrote; restore it, "
            "or choose another --output"
        )
    return found
