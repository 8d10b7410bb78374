"""The commands of DeepDA.

With `deepda.commands` the only code that imports the drivers, each when its command is called.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from deepda.base.files import output_folder
from deepda.commands.config import CONFIG_CHECK, CONFIG_SHOW
from deepda.commands.console import Command, exit_code, flag_settings, read_command_line, split_settings
from deepda.commands.data import DATA_GET, DATA_LIST
from deepda.commands.demo import DEMO
from deepda.commands.evaluate import EVALUATE
from deepda.commands.explain import EXPLAIN
from deepda.commands.observations import FEEDBACK, FORMATS, INGEST, OBSERVATIONS_SHOW
from deepda.commands.osse import BLIND_ZONE, DENY, KNOWN_ANSWER, OSSE_RUN, SWEEP

if TYPE_CHECKING:
    from deepda.assimilation.observed_ocean import OpenOcean
    from deepda.settings.schema import Config

# Nothing else may be imported here at the top: `deepda --help` answers within a second.

DESCRIPTION = """\
Global ocean temperature analyses by a network that learnt from a control
simulation alone. `deepda demo` shows it in a minute; `deepda osse run` trains,
`deepda reanalysis` cycles through the years."""


def main(words: Sequence[str] | None = None) -> int:
    """Run one command line; the exit code is 0, 1 (bug, or files left out), 2 (refused) or 130."""
    words = sys.argv[1:] if words is None else words
    return exit_code(lambda: _run(words))


def _run(words: Sequence[str]) -> int | None:
    arguments = read_command_line(COMMANDS, words, _version(), DESCRIPTION)
    command: Command = arguments.command
    return command.act(arguments)


def _version() -> str:
    try:
        return version("deepda")
    except PackageNotFoundError:
        return "(not installed)"


# reanalysis


def _declare_reanalysis(parser: ArgumentParser) -> None:
    parser.add_argument("--start", metavar="YEAR[-MM]", help="first year (1981)")
    parser.add_argument("--end", metavar="YEAR[-MM]", help="last year or month, included (2020)")
    parser.add_argument("--continue", dest="product", metavar="DIR", help="add to this reanalysis")
    parser.add_argument("--run", metavar="DIR", help="the trained run, see below (runs/osse)")
    parser.add_argument("--output", metavar="DIR", help="folder of all results (runs/reanalysis)")
    parser.add_argument("--members", type=int, metavar="N", help="members beside the analysis (0)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes, see below (1)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of a dask cluster, such as tcp://a:8786")


def _reanalysis(arguments: Namespace) -> None:
    from deepda.base.errors import UsageError
    from deepda.commands.period import continued, period_settings
    from deepda.runs.shipped import SHIPPED, folder_of, run_for
    from deepda.settings.compose import load_config, quoted

    several = arguments.workers > 1 or arguments.scheduler is not None
    if arguments.workers < 1:
        raise UsageError(f"--workers is {arguments.workers}, expected 1 or more; try --workers 2")
    if several and arguments.product is None:  # --continue keeps the blocks of its product
        from reanalysis.blocks import BLOCK_YEARS

        arguments.overrides = [f"reanalysis.block_years={BLOCK_YEARS}", *arguments.overrides]
    arguments.overrides = [*period_settings(arguments.start, arguments.end), *arguments.overrides]
    overrides = flag_settings(
        arguments, run="reanalysis.run", output="output", members="reanalysis.members"
    )
    if arguments.product is None:
        wanted = load_config("reanalysis", overrides)
        named = any(text.startswith("reanalysis.run=") for text in overrides)
        run = run_for(wanted, named)
        overrides = [*overrides, f"reanalysis.run={quoted(run)}"]
        config = load_config("reanalysis", overrides, run=folder_of(run))
    else:
        config = continued(Path(arguments.product), overrides)
    with output_folder(Path(config.output)) as output:
        import reanalysis.run
        from osse.twin.baselines_of_run import baselines_of_run

        if config.reanalysis.run == SHIPPED and reanalysis.run.needs_control(config):
            from osse.twin.control_years import restore_control

            restore_control(folder_of(SHIPPED))
        reanalysis.run.run(
            config,
            output,
            _ocean_of(config),
            baselines_of_run,
            arguments.workers,
            arguments.scheduler,
        )


def _ocean_of(config: Config) -> OpenOcean:
    """Real observations, or the twin of history."""
    from deepda.settings.schema import IngestedObservations

    if isinstance(config.observations, IngestedObservations):
        from reanalysis.ingested_ocean import open_archive

        return open_archive
    from osse.twin.historical_twin import twin_of_history

    return twin_of_history


REANALYSIS = Command(
    "reanalysis",
    "Cycle through the years with a trained run, write NetCDF",
    _reanalysis,
    _declare_reanalysis,
    """\
Writes one file a year: thetao_YYYY.nc, or twin_thetao_YYYY.nc where the
observations are synthetic, as they are unless you bring your own. An
interrupted reanalysis is resumed by the same command.

Without --run it uses runs/osse, where there is such a run, else weights of the
built-in ocean that come with DeepDA (--run shipped), and says which.

--workers and --scheduler analyse blocks of five years side by side, each begun
a year early: another product than a single cycle. How many workers share them
changes nothing.

examples:
  deepda reanalysis --start 1981 --end 2020
  deepda reanalysis --start 2000 --end 2004 --run runs/first --members 5
  deepda reanalysis observations=ingested observations.folder=obs
  deepda reanalysis --start 2021-01 --end 2021-03 --continue runs/reanalysis""",
    settings=("control", "observations"),
)


# control prepare


def _declare_prepare(parser: ArgumentParser) -> None:
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
    _declare_prepare,
    """\
Reads potential temperature from any model (CMIP6, CESM, NEMO, MITgcm; regular
or curvilinear grid, any calendar) and writes one CF NetCDF file.

example:
  deepda control prepare 'thetao_*.nc' --grid embedded_4deg --output control.nc""",
    settings=("grid",),
)


# bench, info


def _declare_bench(parser: ArgumentParser) -> None:
    parser.add_argument("--output", metavar="DIR", default="runs/bench", help="(%(default)s)")


def _bench(arguments: Namespace) -> None:
    with output_folder(Path(arguments.output)) as output:
        import deepda.commands.bench

        deepda.commands.bench.run(output)


def _info(arguments: Namespace) -> None:
    from deepda.base.info import describe_system

    for name, value in describe_system().items():
        print(f"{name:<20}{value}")


BENCH = Command(
    "bench",
    "Measure speed and memory on this machine",
    _bench,
    _declare_bench,
    """\
Times cycles of untrained weights on the default grid and on 360 x 180 x 38
cells, prints them, and writes bench.json. Six cycles of each take about a
minute of processor time and 3.2 GiB.

example:
  deepda bench --output runs/bench""",
)
INFO = Command("info", "Print versions, devices and threads", _info)

COMMANDS = (
    DEMO,
    OSSE_RUN,
    KNOWN_ANSWER,
    DENY,
    BLIND_ZONE,
    SWEEP,
    REANALYSIS,
    DATA_LIST,
    DATA_GET,
    PREPARE,
    INGEST,
    OBSERVATIONS_SHOW,
    FORMATS,
    FEEDBACK,
    EVALUATE,
    EXPLAIN,
    CONFIG_SHOW,
    CONFIG_CHECK,
    BENCH,
    INFO,
)
