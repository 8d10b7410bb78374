"""The command `deepda control prepare`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deepda.base.files import output_folder
from deepda.commands.console import (
    Command,
    declare_workers,
    flag_settings,
    require_workers,
    split_settings,
)

if TYPE_CHECKING:
    from deepda.base.progress import Progress

# Nothing else may be imported here at the top: `deepda --help` answers within a second.


def _declare(parser: ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH", help="CF NetCDF files or Zarr stores")
    parser.add_argument("--grid", metavar="NAME", help="target grid (embedded_4deg)")
    parser.add_argument("--output", metavar="FILE", required=True, help="NetCDF file to write")
    parser.add_argument("--variable", metavar="NAME", help="temperature in the files (by standard_name)")
    declare_workers(parser, "blocks of windows")


def _prepare(arguments: Namespace) -> None:
    from deepda.settings.compose import load_config
    from deepda.settings.files import matching_files

    require_workers(arguments)
    paths, settings = split_settings(arguments.paths)
    arguments.overrides += settings
    overrides = flag_settings(arguments, grid="grid")
    config = load_config("control", overrides)
    given = any(word.startswith("per_year=") for word in overrides)
    files = matching_files(paths)
    output = Path(arguments.output)
    from deepda.base.workers import open_workers
    from deepda.control.prepare import prepare_control
    from deepda.geometry.regrid import grid_edges

    edges = grid_edges(vars(config.grid))
    workers = arguments.workers or 1
    with (
        output_folder(output.parent),
        _logged(output.with_suffix(".log")) as progress,
        open_workers(workers, arguments.scheduler) as work,
    ):
        prepare_control(
            files,
            edges,
            output,
            per_year=config.per_year if given else None,
            progress=progress,
            variable=arguments.variable,
            work=work,
        )
        progress.note(f"{output} written")


@contextmanager
def _logged(log: Path) -> Iterator[Progress]:
    """Progress with a log: one that is there is continued, a new one goes if the command is refused."""
    from deepda.base.progress import Progress

    new = not log.exists()
    try:
        with Progress(log) as progress:
            yield progress
    except Exception:
        if new:
            log.unlink(missing_ok=True)
        raise


PREPARE = Command(
    "control prepare",
    "Bring model output to the analysis grid and its windows",
    _prepare,
    _declare,
    """\
Reads potential temperature from any model (CMIP6, CESM, NEMO, MITgcm; regular
or curvilinear grid, any calendar) and writes one CF NetCDF file. How many
workers share the blocks changes no value.

example:
  deepda control prepare 'thetao_*.nc' --grid embedded_4deg --output control.nc""",
    settings=("grid",),
)
