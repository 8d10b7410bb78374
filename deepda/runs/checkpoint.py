"""A trained run on disk: safetensors and JSON, nothing that is executed on loading.

checkpoint/weights.safetensors   parameters and buffers of the analyser
checkpoint/model.json            what kind it is, for which grid, and the checksum of its weights
checkpoint/background_errors.safetensors   see `error_samples`
checkpoint/space.safetensors     climatology and scale of the anomalies
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from deepda.assimilation.state import StateSpace
from deepda.base.errors import CheckpointError
from deepda.base.files import checksum, write_json, write_whole
from deepda.climatology.seasonal import Climatology
from deepda.geometry.grid import Grid, GridError

WEIGHTS, MODEL, SPACE = "weights.safetensors", "model.json", "space.safetensors"
ERRORS_FILE = "background_errors.safetensors"  # see `error_samples`
EDGES = ("lat_edges", "lon_edges", "depth_edges")  # of the grid, in the space
INTERPOLATION = "optimal_interpolation.safetensors"  # the tuned baseline beside the weights
RECORDED = {"weights": WEIGHTS, "space": SPACE, "samples": ERRORS_FILE}  # checksums in model.json


def save_checkpoint(
    folder: Path, analyser: nn.Module, space: StateSpace, about: Mapping[str, Any]
) -> None:
    """Write an analyser and the space that it works in.

    Args:
        folder: made if it is not there.
        about: how to build the analyser again (`build`), kept as JSON.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.detach().cpu().contiguous() for name, value in analyser.state_dict().items()}
    write_whole(folder / WEIGHTS, lambda path: save_file(weights, path))
    grid = space.grid
    fields = {
        **vars(space.climatology),
        "scale": space.scale,
        **{name: getattr(grid, name) for name in EDGES},
        "ocean": grid.ocean.astype(np.uint8),
    }
    tensors = {name: torch.from_numpy(np.ascontiguousarray(field)) for name, field in fields.items()}
    write_whole(folder / SPACE, lambda path: save_file(tensors, path))
    files = {name: folder / file for name, file in RECORDED.items()}
    sums = {name: checksum(file) if file.exists() else None for name, file in files.items()}
    write_json(folder / MODEL, {**about, "grid": grid.checksum, **sums}, indent=2)


def load_space(folder: Path) -> StateSpace:
    """Grid, climatology and scale of a checkpoint.

    Raises:
        CheckpointError: not there or broken.
    """
    fields = {name: value.numpy() for name, value in read_tensors(folder / SPACE)[0].items()}
    try:
        grid = Grid(**{name: fields[name] for name in EDGES}, ocean=fields["ocean"] > 0)
        _require_space(folder / SPACE, grid, fields)
        return StateSpace(grid, Climatology(fields["mean"], fields["stddev"]), fields["scale"])
    except KeyError as error:
        raise CheckpointError(
            f"{folder / SPACE} has no {error}, expected a checkpoint of this version; train again"
        ) from error
    except GridError as error:
        raise CheckpointError(
            f"{folder / SPACE} holds no grid ({error}); restore it or train again"
        ) from error


def _require_space(path: Path, grid: Grid, fields: Mapping[str, NDArray[np.generic]]) -> None:
    """Refuse fields that are not those of the grid, or a scale that nothing can be divided by."""
    for name in ("mean", "stddev", "scale"):
        if fields[name].shape[-3:] != grid.shape:
            raise CheckpointError(
                f"{path} holds {name} of shape {fields[name].shape}, expected {grid.shape} at its end; "
                "restore it or train again"
            )
    scale, mean = fields["scale"].astype(float), fields["mean"][..., grid.ocean].astype(float)
    bad = {"scale": int((~(scale > 0) | np.isinf(scale)).sum()), "mean": int((~np.isfinite(mean)).sum())}
    for name, number in bad.items():
        if number:
            raise CheckpointError(
                f"{path} holds {name} with {number} values that are zero, negative or not finite, "
                "expected what was trained with; restore it or train again"
            )


def load_model(folder: Path, grid: Grid) -> dict[str, Any]:
    """What `save_checkpoint` keeps of the analyser.

    Raises:
        CheckpointError: not there, broken, or made for another grid.
    """
    path = folder / MODEL
    try:
        model = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise _nothing_at(path) from error
    except ValueError as error:
        raise CheckpointError(f"{path} is not JSON ({error}); restore it or train again") from error
    if not isinstance(model, dict):
        raise CheckpointError(
            f"{path} holds a {type(model).__name__}, expected an object; restore it or train again"
        )
    _require_recorded(folder, model)
    if model.get("grid") != grid.checksum:
        raise CheckpointError(
            f"{folder} was trained on grid {model.get('grid')}, this one is {grid.checksum}; "
            "use the run's own grid, or train on this one"
        )
    return model


def _require_recorded(folder: Path, model: Mapping[str, Any]) -> None:
    """Refuse files that were not written together; what is not recorded is not checked."""
    for name, file in RECORDED.items():
        if model.get(name) is None:
            continue
        path = folder / file
        if not path.exists():
            raise CheckpointError(
                f"no {path}, expected the file that {MODEL} records; restore it, or train again with "
                "`deepda osse run`"
            )
        if checksum(path) != model[name]:
            raise CheckpointError(
                f"{path} is not the file that {MODEL} records (its checksum differs), expected it as it "
                "was written; restore it or train again"
            )


def load_weights(folder: Path, analyser: nn.Module) -> None:
    """Fill an analyser with the weights of a checkpoint.

    Raises:
        CheckpointError: not there, broken, or of another analyser.
    """
    weights, _ = read_tensors(folder / WEIGHTS)
    bad = [name for name, value in weights.items() if value.is_floating_point() and value.isnan().any()]
    if bad:
        raise CheckpointError(
            f"{folder / WEIGHTS} holds values of {bad[0]} that are not numbers; "
            "restore it or train again"
        )
    try:
        analyser.load_state_dict(weights)
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise CheckpointError(
            f"{folder / WEIGHTS} does not fit the analyser ({first}); "
            "use the generator settings that it was trained with"
        ) from error
    analyser.eval()


def read_tensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The tensors of a safetensors file, and what is said of them, both by name.

    Raises:
        CheckpointError: not there or broken.
    """
    try:
        with safe_open(path, "pt") as file:
            return load_file(path), file.metadata() or {}
    except FileNotFoundError as error:
        raise _nothing_at(path) from error
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is broken ({error}); restore it or train again") from error


def _nothing_at(path: Path) -> CheckpointError:
    return CheckpointError(
        f"no {path}, expected the checkpoint of a trained run; run `deepda osse run` first, or name "
        "another folder"
    )
