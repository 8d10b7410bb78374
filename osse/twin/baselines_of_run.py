"""The tuned baselines of a finished run, to be cycled through other observations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from deepda.assimilation.localisation import Reach
from deepda.base.errors import CheckpointError
from deepda.base.progress import Progress
from deepda.networks.device import choose_device
from deepda.runs.finished import CHECKPOINT
from deepda.runs.shadows import CONTROL
from deepda.settings.schema import BASELINES, Config
from osse.twin.baseline_files import file_of, load
from osse.twin.control_years import share_out
from osse.twin.forecast_interpolation import Interpolation
from osse.twin.optimal_interpolation import FILE, tuned_interpolation_of

OI = "oi"


def baselines_of_run(
    run: Path, config: Config, names: Sequence[str]
) -> partial[Iterator[tuple[str, Interpolation]]]:
    """What gives the baselines of these names, see `_fitted`.

    Args:
        run: folder of `deepda osse run`.
        config: whose `osse` shares out the years of the control simulation; its device is taken.

    Raises:
        CheckpointError: the run has not tuned one of them.
    """
    there = [name for name in BASELINES if _file(run, name).exists()]
    lacking = [name for name in names if name not in there]
    if lacking:
        left = [name for name in names if name in there]
        wanted = [name for name in BASELINES if name in {OI, *there, *lacking}]
        raise CheckpointError(
            f"{run} has tuned {', '.join(there) or 'no baseline'}, expected {', '.join(lacking)} too, "
            "which reanalysis.baselines names; give the command of that run again with "
            f"'osse.baselines=[{','.join(wanted)}]', which tunes what is missing, or write "
            f"'reanalysis.baselines=[{','.join(left)}]'"
        )
    return partial(_fitted, run, config, names)


def _file(run: Path, name: str) -> Path:
    checkpoint = run / CHECKPOINT
    return checkpoint / FILE if name == OI else file_of(checkpoint, name)


def _fitted(
    run: Path, config: Config, names: Sequence[str], cache: Path, reach: Reach | None, progress: Progress
) -> Iterator[tuple[str, Interpolation]]:
    """Name and method of each baseline, on the device.

    Args:
        cache: folder for the anomalies of the training years, removed again.
        reach: of the background errors, in place of what was tuned; None leaves that.

    Raises:
        CheckpointError: a file is broken.
    """
    grid = share_out(run / CONTROL, config).grid
    oi, device = tuned_interpolation_of(run, config, cache, progress), choose_device(config.device)
    for name in names:
        if name != OI:
            yield name, load(oi, grid, run / CHECKPOINT, name, reach).to(device)
        else:
            yield name, (oi if reach is None else oi.localised(grid, reach)).to(device)
