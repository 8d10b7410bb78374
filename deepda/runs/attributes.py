"""Global attributes of an analysis made in Python: of which ocean it is, and what it was made from.

On the climatology of a control simulation everything but what the rows say is of a simulated ocean: such
an analysis is marked as one, whatever was assimilated into it.
"""

from __future__ import annotations

from collections.abc import Mapping

from deepda.base.files import checksum
from deepda.base.info import provenance, versions
from deepda.base.synthetic import ATTRIBUTE, VALUE
from deepda.base.text import counted
from deepda.output.cf import SYNTHETIC, Attribute
from deepda.runs.checkpoint import WEIGHTS
from deepda.runs.finished import FinishedRun
from deepda.runs.folder import flat_settings

PLACES = ("command", "output", "data.root")  # settings that change no number
OF_CONTROL = "of the control simulation of the trained run"


def of_run(run: FinishedRun, climatology: Mapping[str, Attribute]) -> dict[str, Attribute]:
    """What all analyses of a run are made from."""
    settings = flat_settings(run.config)
    return {
        "source": f"DeepDA {versions()['deepda']}, a network trained on a control simulation",
        "config": {key: value for key, value in settings.items() if key not in PLACES},
        "weights_sha256": checksum(run.checkpoint / WEIGHTS),
        "versions": versions(),
        **climatology,
    }


def of_analysis(
    real: bool, marked: bool, rows: Mapping[str, int], used_before: int
) -> dict[str, Attribute]:
    """Of which ocean an analysis is, which rows were used, when and by what it was made.

    Args:
        real: whether the climatology is an observed one.
        marked: whether rows are marked as those of a simulated ocean.
        rows: number of rows `used`, and by reason why not.
        used_before: rows used in the windows that it was gone on from.
    """
    return {
        **_ocean(real, marked, rows["used"], used_before),
        "observations": rows,
        **provenance(None, None),
    }


def _ocean(real: bool, marked: bool, used: int, before: int) -> dict[str, Attribute]:
    if real:
        return {"title": "DeepDA analysis of ocean potential temperature"}
    if marked:
        return {"title": "DeepDA analysis of a simulated ocean", **SYNTHETIC}
    climatology = "the climatology of a simulated ocean"
    if not used + before:
        return {
            "title": "DeepDA analysis of a simulated ocean",
            "summary": f"Potential temperature: {climatology}, with no observation assimilated into it",
            ATTRIBUTE: VALUE,
        }
    number = counted(used + before, "observation")
    were = "was" if used + before == 1 else "were"
    return {
        "title": f"DeepDA analysis of observations of the real ocean on {climatology}",
        "summary": f"Potential temperature: {climatology}, into which {number} of the real ocean {were} "
        f"assimilated, {used} in this window; away from them it is that of the simulated ocean",
        ATTRIBUTE: VALUE,
    }
