"""What each setting means: the comments of the YAML files in configs/, where the values stand."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from pathlib import Path

import yaml

from deepda.settings.presets import config_folder, config_groups

COLUMNS = 80  # of a terminal
SETTING = re.compile(r"^( *)(\w+):(?:\s.*?)??(?:\s+# (.*))?$")


def meanings(path: Path) -> dict[str, str]:
    """Setting to comment of one YAML file; a setting without a comment is left out.

    Only the innermost name counts: files that begin with `@package _global_` name their group.
    """
    found = (SETTING.match(line) for line in path.read_text(encoding="utf-8").splitlines())
    return {match[2]: match[3] for match in found if match and match[3]}


def meanings_of(group: str, kind: str | None = None) -> dict[str, str]:
    """Comments of a group ("" is the top level); of the files of one kind where it has kinds."""
    if not group:
        return meanings(config_folder() / "config.yaml")
    made: dict[str, str] = {}
    for choice in config_groups()[group]:
        path = config_folder() / group / f"{choice}.yaml"
        if kind in (None, kind_of(path)):
            made |= meanings(path) | made  # the first file that has a comment gives it
    return made


def kind_of(path: Path) -> str | None:
    """The kind that a file of a group chooses, None if it names none."""
    values: Mapping[str, object] = yaml.safe_load(path.read_text(encoding="utf-8"))
    kind = {**values, **(values.get(path.parent.name) or {})}.get("kind")  # type: ignore[dict-item]
    return None if kind is None else str(kind)


def annotated(settings: str) -> str:
    """YAML of all settings with the meaning of each beside it; it reads back as the same settings."""
    values = yaml.safe_load(settings)
    known, lines = meanings_of(""), []
    for line in settings.splitlines():
        match = SETTING.match(line)
        if match and not match[1]:
            value = values[match[2]]
            group = match[2] if isinstance(value, dict) else ""
            known = meanings_of(group, value.get("kind") if group else None)
        meaning = known.get(match[2]) if match else None
        top = match is not None and not match[1] and isinstance(values[match[2]], dict)
        lines += [line] if not meaning or top else _with_meaning(line, meaning)
    return "\n".join(lines) + "\n"


def _with_meaning(line: str, meaning: str) -> list[str]:
    """The meaning behind the line, or above it where both are too long for a terminal."""
    if len(line) + len(meaning) + 4 <= COLUMNS:
        return [f"{line}  # {meaning}"]
    indent = line[: len(line) - len(line.lstrip())]
    room = COLUMNS - len(indent) - 2
    return [*(f"{indent}# {part}" for part in textwrap.wrap(meaning, room)), line]
