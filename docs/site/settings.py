"""Makes docs/reference/settings.md from the files in configs/: python docs/site/settings.py"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from deepda.base.files import write_whole
from deepda.settings.meanings import meanings
from deepda.settings.presets import config_folder, config_groups

PAGE = Path(__file__).parents[1] / "reference" / "settings.md"
TITLES = {
    "data": "Where your data lie",
    "grid": "Analysis grid",
    "control": "Control simulation",
    "observations": "Observations",
    "generator": "Generator",
    "training": "Training",
    "osse": "Twin experiment",
    "reanalysis": "Reanalysis",
}
HEAD = """# Settings

Every value of DeepDA stands in `configs/`, with its meaning; this page is made from these files. A
choice is `GROUP=CHOICE`, such as `training=quick`; a single value is `KEY=VALUE`, such as
`training.learning_rate=2e-3`. `deepda config show` prints what holds with the choices given to it,
`deepda config check` says whether they can be used. Without a choice the first one of each group holds.
"""


def page() -> str:
    """The whole page."""
    top = config_folder() / "config.yaml"
    parts = [HEAD, "## Top level\n", _table(_values(top, ""), meanings(top), "")]
    groups = config_groups()
    chosen = {name: choice for entry in _load(top)["defaults"] if isinstance(entry, dict)
              for name, choice in entry.items()}  # fmt: skip
    for group, title in TITLES.items():
        parts.append(f"## {title}: {group}\n")
        for choice in sorted(groups[group], key=lambda name, first=chosen[group]: (name != first, name)):
            path = config_folder() / group / f"{choice}.yaml"
            parts += [f"### {group}={choice}\n", *_remarks(path)]
            parts.append(_table(_values(path, group), meanings(path), group))
    return "\n".join(parts)


def _load(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def _values(path: Path, group: str) -> dict[str, Any]:
    """Dotted setting to value; settings of a file for the whole program name their group themselves."""
    values = {name: value for name, value in _load(path).items() if name != "defaults"}
    if "@package _global_" not in path.read_text(encoding="utf-8"):
        return {f"{group}.{name}" if group else name: value for name, value in values.items()}
    flat: dict[str, Any] = {}
    for name, value in values.items():
        inner = value.items() if isinstance(value, dict) else [("", value)]
        flat |= {f"{name}.{key}".rstrip("."): one for key, one in inner}
    return flat


def _remarks(path: Path) -> list[str]:
    """The comment at the head of a file, and what it takes over from others."""
    lines = path.read_text(encoding="utf-8").splitlines()
    end = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    text = " ".join(line[2:] for line in lines[:end] if "@package" not in line)
    taken = [entry for entry in _load(path).get("defaults", []) if entry != "_self_"]
    names = [f"`{path.parent.name}={one}`" if isinstance(one, str) else
             "`" + ", ".join(f"{name.split('/')[-1]}={choice}" for name, choice in one.items()) + "`"
             for one in taken]  # fmt: skip
    rest = f"Everything else as {', '.join(names)}." if names else ""
    return [f"{' '.join(filter(None, (text, rest)))}\n"] if text or rest else []


def _table(values: dict[str, Any], known: dict[str, str], group: str) -> str:
    rows = ["| setting | value | meaning |", "|---|---|---|"]
    for name, value in values.items():
        meaning = known.get(name.split(".")[-1]) or _meaning_elsewhere(name, group)
        rows.append(f"| `{name}` | `{_short(value)}` | {meaning.replace('|', chr(92) + '|')} |")
    return "\n".join(rows) + "\n"


def _meaning_elsewhere(name: str, group: str) -> str:
    """Of a value that a file changes only: the comment stands where the value is explained."""
    owner, _, key = name.rpartition(".")
    files = [*(config_folder() / (owner or group)).glob("*.yaml"), config_folder() / "config.yaml"]
    return next((known[key] for file in sorted(files) if key in (known := meanings(file))), "")


def _short(value: Any) -> str:
    if isinstance(value, list) and len(value) > 6:
        return f"[{value[0]}, {value[1]}, …, {value[-1]}] ({len(value)} numbers)"
    if isinstance(value, str):
        return value
    return (
        yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=200)
        .removesuffix("...\n")
        .strip()
    )


if __name__ == "__main__":
    text = page()
    write_whole(PAGE, lambda hidden: hidden.write_text(text, encoding="utf-8"))
