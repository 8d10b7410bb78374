"""A cycle through some years that nothing is written of, to learn about errors from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from deepda.assimilation.cycle import Analyser, Nothing, Scorer, cycle, filtered, run_cycle
from deepda.assimilation.state import StateSpace
from deepda.base.progress import Progress
from deepda.feedback.checked import WindowOfRows
from deepda.runs.errors import Errors


class RowsOfWindow(NamedTuple):
    """The rows of the window [start, end) that may be used, with the errors assumed."""

    table: pd.DataFrame
    start: np.datetime64
    end: np.datetime64
    season: int


def spin_up(
    analyser: Analyser,
    errors: Errors,
    space: StateSpace,
    rows: Sequence[RowsOfWindow],
    window: type[WindowOfRows],
    scorer: Scorer,
    progress: Progress,
    title: str,
) -> None:
    """Cycle through the windows from climatology.

    Args:
        analyser: with the reach of `errors`.
        space: with the scale of `errors`.
        window: whether rows are checked against the background.
        scorer: gets each result, whose observations are `CheckedObservations`.
    """

    def prepared(part: RowsOfWindow) -> WindowOfRows:
        table = errors.sizes.rescaled(part.table, space.grid)
        return window(table, part.start, part.end, torch.tensor([part.season]), space, None)

    with torch.inference_mode():
        first = analyser.first_guess(1)
        device = first.mean.device
        stream = progress.track((prepared(part).to(device) for part in rows), title, len(rows))
        steps = cycle(analyser, first, stream)
        run_cycle(filtered(steps), Nothing(), scorer, space.limit.to(device))
    next(stream, None)  # there is none: the progress ends
