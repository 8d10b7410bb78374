"""The command `deepda control prepare`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from deepda.base.files import output_folder
from deepda.commands.console import Command, flag_settings, split_settings

# Nothing else may be imported here at the top: `deepda --help` answers within a second.


def _declare(parser: ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH", help="CF NetCDF files or Zarr stores")
    parser.add_argument("--grid", metavar="NAME", help="target grid (embedded_4deg)")
    parser.add_argument("--output", metavar="FILE", required=True, help="NetCDF file to write")
    parser.add_argument("--variable", metavar="NAME", help="temperature in the files (by standard_name)")


def _prepare(arguments: Namespace) -> None:
    from deepda.settings.compose import load_config
    from deepda.settings.files import matching_files

    paths, settings = split_settings(arguments.paths)
    arguments.overrides += settings
    config = load_config("control", flag_settings(arguments, grid="grid"))
    files = matching_files(paths)
    output = Path(arguments.output)
    from deepda.base.progress import Progress
    from deepda.control.prepare import prepare_control
    from deepda.geometry.regrid import grid_edges

    edges = grid_edges(vars(config.grid))
    with output_folder(output.parent), Progress(output.with_suffix(".log")) as progress:
        prepare_control(
            files,
            edges,
            output,
            per_year=config.per_year,
            progress=progress,
            variable=arguments.variable,
        )
        progress.note(f"{output} written")


PREPARE = Command(
    "control prepare",
    "Bring model output to the analysis grid and its windows",
    _prepare,
    _declare,
    """\
Reads potential temperature from any model (CMIP6, CESM, NEMO, MITgcm; regular
or curvilinear grid, any calendar) and writes one CF NetCDF file.

example:
  deepda control prepare 'thetao_*.nc' --grid embedded_4deg --output control.nc""",
    settings=("grid",),
)
