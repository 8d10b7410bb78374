"""The cycle in inference mode: no graph inside, no trace outside."""

from __future__ import annotations

import torch

from deepda.assimilation.baselines import Climatology
from deepda.assimilation.cycle import Observations, cycle, inferred
from deepda.geometry.grid import Grid


def test_cycles_side_by_side_leave_inference_mode_to_themselves(grid: Grid) -> None:
    analyser = Climatology(torch.from_numpy(grid.ocean))
    blank = torch.zeros(1, *grid.shape)
    windows = [Observations(blank, blank, torch.tensor([0]), 12)] * 3
    first = analyser.first_guess(1)
    one, other = (inferred(cycle(analyser, first, windows)) for _ in range(2))
    for (_, analysis), _ in zip(one, other, strict=False):
        assert analysis.mean.is_inference()
        assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
    one.close()  # type: ignore[attr-defined]
    other.close()  # type: ignore[attr-defined]
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
    assert len(list(inferred(cycle(analyser, first, windows)))) == len(windows)
