"""`--control PATH... --grid NAME`: settings that follow from the files of a control simulation."""

from __future__ import annotations

import math
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from deepda.base.errors import UsageError
from deepda.commands.console import split_settings

if TYPE_CHECKING:
    from deepda.control.described import ControlFiles

NATIVE, BUILT_IN = "native", "embedded_4deg"
MOST_CELLS = 100_000  # of a model's own grid that is taken without being asked for; 48,600 by default


def declare_control(parser: ArgumentParser) -> None:
    """The flags that name the control simulation and the grid."""
    parser.add_argument("--control", nargs="+", metavar="PATH", help="output of your ocean model")
    parser.add_argument("--grid", metavar="NAME", help="to analyse on; native keeps the model's cells")


def chosen_control(arguments: Namespace) -> tuple[list[str], list[str]]:
    """`control_settings` of the flags; settings typed behind the paths join `arguments.overrides`."""
    paths, settings = split_settings(arguments.control or [])
    arguments.overrides += settings
    return control_settings(paths or None, arguments.grid)


def control_settings(paths: Sequence[str] | None, grid: str | None) -> tuple[list[str], list[str]]:
    """(overrides, lines that say what was chosen) for files of a model and the grid asked for.

    Args:
        paths: files, Zarr stores or patterns; None leaves the control simulation to the settings.
        grid: name of a grid, "native" for the cells of the files, None to choose.

    Raises:
        DeepDAError: files that cannot be used, or that have no regular grid to keep.
    """
    if paths is None:
        if grid == NATIVE:
            raise UsageError("--grid native found without --control; name the files, or another grid")
        return ([] if grid is None else [f"grid={grid}"]), []
    from deepda.control.binning import windows_a_year
    from deepda.control.described import describe_control
    from deepda.settings.compose import quoted
    from deepda.settings.files import matching_files

    files = describe_control(matching_files(paths))
    chosen, why = (grid, "as asked for") if grid is not None else _choose(files)
    overrides = [
        "control=files",
        f"control.paths=[{','.join(map(quoted, paths))}]",
        f"per_year={files.per_year}",
        *(_own_grid(files) if chosen == NATIVE else [f"grid={chosen}"]),
    ]
    return overrides, [
        f"control simulation: {files.described()}",
        *filter(None, [files.native.not_read()]),
        f"chosen: {windows_a_year(files.per_year)}, grid {chosen} ({why})",
    ]


def _choose(files: ControlFiles) -> tuple[str, str]:
    """The grid where none is asked for, and the reason."""
    if not files.regular:
        return BUILT_IN, "the files are curvilinear; --grid NAME takes another"
    edges = files.own_grid()
    cells = math.prod(len(values) - 1 for values in edges.values())
    if cells > MOST_CELLS:
        return BUILT_IN, f"the files have {cells} cells; --grid native keeps them"
    return NATIVE, f"the {cells} cells of the files; --grid NAME takes another"


def _own_grid(files: ControlFiles) -> list[str]:
    edges = files.own_grid()
    lists = [f"grid.{name}=[{','.join(f'{edge:.10g}' for edge in edges[name])}]" for name in edges]
    return [f"grid.name={NATIVE}", *lists]
