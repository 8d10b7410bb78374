"""Files that settings and command lines name."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from deepda.settings.schema import ConfigError


def matching_files(patterns: Sequence[str]) -> list[Path]:
    """Files and folders with these names, in which * and ? stand for anything; sorted per pattern.

    Raises:
        ConfigError: nothing matches a pattern, or it is empty.
    """
    found: list[Path] = []
    for pattern in patterns:
        if not pattern:
            raise ConfigError(
                "the path is empty, expected files or a folder; name them, . for this folder"
            )
        matches = [pattern] if Path(pattern).exists() else sorted(glob.glob(pattern, recursive=True))
        if not matches:
            raise ConfigError(
                f"nothing is called {pattern}; check the path (relative ones start at {Path.cwd()})"
            )
        found.extend(Path(match) for match in matches)
    return found
