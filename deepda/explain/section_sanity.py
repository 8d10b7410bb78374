"""The section of the page that asks whether the saliency depends on what was learnt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from deepda.base.progress import Progress
from deepda.explain.cases import ExplainedRun
from deepda.explain.pictures import bars, maps
from deepda.explain.sanity import (
    DRAWS,
    STRONGEST,
    Likeness,
    likeness,
    mean_likeness,
    randomised,
    saliency_of,
    untrained,
)
from deepda.explain.study import Study
from deepda.figures.kinds import attribution
from deepda.figures.maps import Panel
from deepda.figures.mesh import limits_of
from deepda.reports.report import Picture, Section
from deepda.reports.table import Table, Value
from deepda.settings.schema import GeneratorConfig

RANDOM = "all weights random"


@dataclass(frozen=True, eq=False)
class Sanity:
    """Likeness of saliencies before and after the weights lost their meaning; an example to look at."""

    likenesses: Mapping[str, Likeness]
    example: Tensor


def sanity_of(
    study: Study, finished: ExplainedRun, settings: GeneratorConfig, progress: Progress
) -> Sanity:
    """Randomise weights and compare."""
    own, response, seen = study.saliency.observations, study.response, study.case.seen
    analyser = response.analyser
    draws = [
        saliency_of(response, randomised(analyser, draw))
        for draw in progress.track(range(DRAWS), "Randomising the weights")
    ]
    fresh = saliency_of(response, untrained(analyser, settings, finished.space))
    found = {
        RANDOM: mean_likeness(likeness(own, other, seen) for other in draws),
        "before training": likeness(own, fresh, seen),
    }
    if study.linear is not None and analyser.correction_network() is not None:
        gain = study.linear.gain
        others = [
            saliency_of(response, randomised(analyser, draw, correction=True))
            for draw in progress.track(range(DRAWS), "Randomising the correction")
        ]
        found |= {
            "correction random": mean_likeness(likeness(own, other, seen) for other in others),
            "the gain alone": likeness(own, gain, seen),
            "the correction's part alone, random": mean_likeness(
                likeness(own - gain, other - gain, seen) for other in others
            ),
        }
    return Sanity(found, draws[0])


def sanity_section(study: Study, found: Sanity, finished: ExplainedRun) -> Section:
    """Whether random weights destroy the saliency, in numbers and to be looked at."""
    left = found.likenesses[RANDOM]
    return Section(
        "Does it depend on what was learnt?",
        [_example(study, found, finished), _ranks(found), _numbers(study, found)],
        "A saliency that random weights do not change would show the input and not the network "
        "(Adebayo et al. 2018, arXiv:1810.03292). With all weights random the rank correlation is "
        f"{left.sizes:.2f} of the sizes and {left.signed:.2f} with the sign, and {left.strongest:.2f} "
        f"among the {STRONGEST} cells that were strongest. What is left does not depend on the "
        "weights: which cells are observed, their errors and distances from the target, the carried "
        "variances, the patterns of the control simulation, and the form of the gain. To this extent "
        "the maps show the observing network, not what was learnt.",
    )


def _example(study: Study, found: Sanity, finished: ExplainedRun) -> Picture:
    grid, level = finished.space.grid, study.target.level
    own, other = (
        np.where(study.case.seen.numpy(), field.numpy().astype(float), np.nan)[level]
        for field in (study.saliency.observations, found.example)
    )
    kind = attribution(f"saliency ({study.target.unit} per K)")
    limits = limits_of([own, other], kind)
    panels = [
        Panel(own, kind, "As trained", limits),
        Panel(other, kind, "All weights shuffled", limits),
    ]
    return Picture(
        "sanity",
        maps(panels, grid, [level, level], study.target, columns=2),
        f"Saliency of {study.target.title} at {grid.depth[level]:.0f} m, as trained and with every "
        "weight tensor shuffled (one draw).",
        wide=True,
    )


def _ranks(found: Sanity) -> Picture:
    rows = {
        name: {"sizes": one.sizes, "with sign": one.signed, "sizes of the strongest": one.strongest}
        for name, one in found.likenesses.items()
    }
    return Picture(
        "sanity_ranks",
        bars(rows, "rank correlation with the trained network's saliency"),
        "1: the same order of cells; 0: unrelated. Means over the draws. The last row compares only "
        "what the correction adds to the saliency of the gain.",
    )


def _numbers(study: Study, found: Sanity) -> Table:
    rows: dict[str, dict[str, Value]] = {
        name: {
            "sizes": one.sizes,
            "with sign": one.signed,
            f"sizes of the {STRONGEST} strongest": one.strongest,
            f"of the {STRONGEST} strongest in common (%)": 100 * one.shared,
        }
        for name, one in found.likenesses.items()
    }
    return Table(
        "sanity_numbers",
        rows,
        f"Rank correlations over all {int(study.case.seen.sum())} observed cells, and how many of the "
        f"strongest stay; means over {DRAWS} draws where weights are random. Random: shuffled within "
        "each tensor. Before training: first guesses, with the forecast and the patterns that come from "
        "the control simulation.",
        corner="compared with as trained",
    )
