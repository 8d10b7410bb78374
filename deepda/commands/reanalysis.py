"""The command `deepda reanalysis`. It imports the drivers when it is called."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from deepda.base.files import output_folder
from deepda.commands.console import Command, declare_workers, flag_settings, require_workers

if TYPE_CHECKING:
    from deepda.assimilation.observed_ocean import OpenOcean
    from deepda.settings.schema import Config

# Nothing else may be imported here at the top: `deepda --help` answers within a second.


def _declare(parser: ArgumentParser) -> None:
    parser.add_argument("--start", metavar="YEAR[-MM]", help="first year (1981)")
    parser.add_argument("--end", metavar="YEAR[-MM]", help="last year or month, included (2020)")
    parser.add_argument("--continue", dest="product", metavar="DIR", help="add to this reanalysis")
    parser.add_argument("--run", metavar="DIR", help="trained run (runs/osse, else shipped weights)")
    parser.add_argument("--output", metavar="DIR", help="folder of all results (runs/reanalysis)")
    parser.add_argument("--members", type=int, metavar="N", help="members beside the analysis (0)")
    declare_workers(parser, "blocks of years")


def _act(arguments: Namespace) -> None:
    from deepda.commands.period import continued, period_settings
    from deepda.runs.shipped import SHIPPED, folder_of, run_for
    from deepda.settings.compose import load_config, quoted

    require_workers(arguments)
    workers = arguments.workers or 1
    several = workers > 1 or arguments.scheduler is not None
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
            config, output, _ocean_of(config), baselines_of_run, workers, arguments.scheduler
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
    _act,
    _declare,
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
