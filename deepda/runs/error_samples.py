"""The samples of background errors beside a checkpoint: checkpoint/background_errors.safetensors.

codes   (n, K) int8, water cells in the order of the grid
scale   (n) float32

A file with the fields themselves, `errors` (K, n) float16, as version 0.1.0 wrote it, is read as well.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from deepda.assimilation.samples import Samples
from deepda.base.errors import CheckpointError
from deepda.base.files import write_whole
from deepda.geometry.grid import Grid
from deepda.runs.checkpoint import ERRORS_FILE, read_tensors


def save_error_samples(samples: Samples, grid: Grid, folder: Path) -> None:
    """Write the samples beside the weights."""
    tensors = {"codes": samples.codes, "scale": samples.scale}
    folder.mkdir(parents=True, exist_ok=True)
    about = {"grid": grid.checksum}
    write_whole(folder / ERRORS_FILE, lambda partial: save_file(tensors, partial, metadata=about))


def load_error_samples(folder: Path, grid: Grid) -> Samples | None:
    """The samples of a checkpoint; None if it was trained without.

    Raises:
        CheckpointError: broken, or of another grid.
    """
    path = folder / ERRORS_FILE
    if not path.exists():
        return None
    tensors, about = read_tensors(path)
    of = about.get("grid")
    if of != grid.checksum or set(tensors) not in ({"codes", "scale"}, {"errors"}):
        raise CheckpointError(
            f"{path} holds {sorted(tensors)} of grid {of}, expected codes and scale of grid "
            f"{grid.checksum}; restore the file that was written with the weights beside it, or "
            "train again"
        )
    if "errors" in tensors:
        fields = np.zeros((len(tensors["errors"]), grid.ocean.size), np.float16)
        fields[:, grid.ocean.ravel()] = tensors["errors"].numpy()
        return Samples.of(fields.reshape(-1, *grid.shape), grid)
    _require_samples(path, tensors["codes"], tensors["scale"], int(grid.ocean.sum()))
    return Samples(tensors["codes"], tensors["scale"])


def _require_samples(path: Path, codes: torch.Tensor, scale: torch.Tensor, cells: int) -> None:
    shapes, wrong = (tuple(codes.shape), tuple(scale.shape)), ~(scale >= 0) | scale.isinf()
    if codes.dtype != torch.int8 or shapes != ((cells, codes.shape[-1]), (cells,)) or wrong.any():
        raise CheckpointError(
            f"{path} holds codes {shapes[0]} of {codes.dtype} and a scale {shapes[1]} with "
            f"{int(wrong.sum())} values that are negative or not finite, expected {cells} cells, int8 "
            "and none; restore the file that was written with the weights beside it, or train again"
        )
