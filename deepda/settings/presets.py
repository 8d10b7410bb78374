"""The YAML files that come with DeepDA: where they lie and what may be chosen. Imports nothing heavy."""

from __future__ import annotations

from pathlib import Path


def config_folder() -> Path:
    """The YAML files: beside this module where installed, beside the package in the repository."""
    installed = Path(__file__).parents[1] / "configs"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "configs"


def config_groups() -> dict[str, list[str]]:
    """Names of the groups of settings and their choices, both sorted."""
    folders = sorted(folder for folder in config_folder().iterdir() if folder.is_dir())
    groups = {folder.name: sorted(file.stem for file in folder.glob("*.yaml")) for folder in folders}
    return {group: choices for group, choices in groups.items() if choices}
