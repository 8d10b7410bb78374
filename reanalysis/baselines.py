"""The same reanalysis by the tuned baselines of a trained run, each in a folder of its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from deepda.assimilation.cycle import Analyser, DivergenceError
from deepda.assimilation.localisation import Reach
from deepda.base.progress import Progress
from deepda.base.text import METHOD_NAMES
from deepda.output.roles import of_baseline
from deepda.runs.folder import RunFolder
from deepda.settings.schema import Config, IngestedObservations
from reanalysis.restart import digest, keep_identity, require_free, require_own
from reanalysis.years import Reanalysis

# Gives names and methods one after the other, so that one covariance is in memory. The folder may be
# used meanwhile, a reach replaces that of the tuning.
FitBaselines = Callable[[Path, Reach | None, Progress], Iterator[tuple[str, Analyser]]]
# Gives the baselines of these names as a run has tuned them; refuses what it has not, before it reads.
OpenBaselines = Callable[[Path, Config, Sequence[str]], FitBaselines]


def withholds(config: Config) -> bool:
    """Whether some observations are kept apart to judge by."""
    chosen = config.observations
    if not isinstance(chosen, IngestedObservations):
        return False
    return chosen.withheld > 0 or bool(chosen.withheld_platforms)


def cycled_baselines(config: Config) -> list[str]:
    """Names of the baselines that are cycled beside: none where nothing is there to judge by.

    A twin has its truth, real observations those that are withheld.
    """
    asked = config.reanalysis.baselines
    if isinstance(config.observations, IngestedObservations) and not withholds(config):
        return []
    return (["oi"] if withholds(config) else []) if asked is None else asked


def cycle_baselines(
    reanalysis: Reanalysis, fit: FitBaselines, identity: dict[str, Any], years: range, progress: Progress
) -> dict[str, str]:
    """Analyse the years by each baseline: the same observations and errors; no members, no smoother.

    Args:
        identity: of the reanalysis; the name is added.

    Returns:
        Reasons by name of those whose analyses left physical limits, which are left out.

    Raises:
        DeepDAError: a folder that holds something else, a file that cannot be written.
    """
    left_out = {}
    for name, analyser in fit(reanalysis.folder / "baselines", reanalysis.errors.reach, progress):
        progress.note(f"the same observations by {METHOD_NAMES[name]}")
        folder = RunFolder(reanalysis.folder / name, progress)
        folder.path.mkdir(exist_ok=True)
        require_free(folder)
        mine = require_own(folder, identity | {"method": name})
        keep_identity(folder, mine)
        other = replace(
            reanalysis,
            analyser=reanalysis.errors.lasting(analyser, reanalysis.space),
            members=None,
            folder=folder.path,
            restarts=folder.path,
            attributes=of_baseline(reanalysis.attributes, name),
            identity=digest(mine),
            lag=None,
        )
        try:
            other.run(years, progress)
        except DivergenceError as reason:
            progress.note(f"{METHOD_NAMES[name]} is left out: {reason}")
            left_out[name] = str(reason)
    return left_out
