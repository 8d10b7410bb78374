"""What the correction's trunk looks at: activation maps of its encoder, level by level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepda.explain.attribution import Response
from deepda.explain.cases import Case, ExplainedRun

CHANNELS = 3  # shown of each level


@dataclass(frozen=True, eq=False)
class Level:
    """One level of the encoder.

    Attributes:
        name: for example "level 1, cells of 2 x 2".
        activity: (Y, X) root mean square over the channels.
        channels: number to (Y, X) of those that vary most, on the full grid.
        variance: number to share of the level's variance.
    """

    name: str
    activity: NDArray[np.float32]
    channels: dict[int, NDArray[np.float32]]
    variance: dict[int, float]


@torch.no_grad()
def feature_maps(response: Response) -> list[Level]:
    """The encoder's responses in one window, finest level first; none without a correction.

    As they leave each level's module: of the default trunk before the activation, of U-Net 3+ after.
    """
    outputs: list[Tensor] = []
    hooks = [
        module.register_forward_hook(lambda _, __, output: outputs.append(output.detach()))
        for module in response.analyser.encoder()
    ]
    try:
        response(response.observed, response.background)
    finally:
        for hook in hooks:
            hook.remove()
    ocean = response.analyser.ocean.amax(0).cpu().numpy() > 0
    return [_level(number, output[0], ocean) for number, output in enumerate(outputs)]


def _level(number: int, output: Tensor, ocean: NDArray[np.bool_]) -> Level:
    """Coarse cells are repeated, so that all levels can be drawn on one grid."""
    cells = -(-ocean.shape[1] // output.shape[-1])
    fine = output.float().repeat_interleave(cells, 1).repeat_interleave(cells, 2)
    maps = fine[:, : ocean.shape[0], : ocean.shape[1]].cpu().numpy()
    spread = maps[:, ocean].var(axis=1)
    most = np.argsort(-spread, kind="stable")[:CHANNELS]
    return Level(
        f"level {number}, " + ("every cell" if cells == 1 else f"{cells} × {cells} cells"),
        np.sqrt((maps**2).mean(axis=0)),
        {int(at): maps[at] for at in most},
        {int(at): float(spread[at] / max(spread.sum(), 1e-30)) for at in most},
    )


def known_fields(finished: ExplainedRun, case: Case) -> dict[str, NDArray[np.float32]]:
    """(Y, X) what a channel may resemble: what goes into the trunk, in the uppermost layer."""
    seen = case.observations.seen[0]
    innovation = torch.where(seen, case.observations.value[0] - case.background.mean[0], 0.0)
    lat = torch.from_numpy(finished.space.grid.lat).float()[:, None].expand(seen.shape[1:])
    fields = {
        "surface innovation": innovation[0],
        "innovation, mean of layers": innovation.mean(0),
        "observed layers": seen.float().mean(0),
        "background anomaly": case.background.mean[0, 0],
        "background spread": case.background.spread[0, 0],
        "variability": torch.from_numpy(finished.space.scale[0]),
        "depth of the sea": finished.analyser.ocean.sum(0),
        "latitude": lat,
        "distance from the equator": lat.abs(),
    }
    return {name: field.cpu().numpy() for name, field in fields.items()}


def resemblance(
    channel: NDArray[np.float32], fields: dict[str, NDArray[np.float32]], ocean: NDArray[np.bool_]
) -> tuple[str, float]:
    """The known field that a channel correlates with most, and the correlation over the water."""
    found = {name: _correlation(channel[ocean], field[ocean]) for name, field in fields.items()}
    best = max(found, key=lambda name: abs(found[name]))
    return best, found[best]


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    if one.std() < 1e-12 or other.std() < 1e-12:
        return 0.0
    return float(np.corrcoef(one.astype(float), other.astype(float))[0, 1])
