"""An unfinished training on disk: its tensors, and what its optimisers hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from deepda.base.errors import CheckpointError


def read_state(path: Path, device: torch.device) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """State and tensors of an unfinished training.

    Raises:
        CheckpointError: damaged, empty, or with values that are no numbers.
    """
    try:
        with safe_open(path, "pt") as file:
            state = json.loads((file.metadata() or {})["state"])
        tensors = {name: value.to(device) for name, value in load_file(path).items()}
        wrong = [name for name, value in tensors.items() if value.isnan().any()]
        if missing := {"recipe", "done", "stale", "best_score", "places", "history"} - state.keys():
            raise KeyError(", ".join(sorted(missing)))
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{path} is damaged ({error}), expected an unfinished training; remove it to train anew"
        ) from error
    if wrong:
        raise CheckpointError(
            f"{path} holds values that are no numbers in {wrong[0]}, expected an unfinished training; "
            "remove it to train anew"
        )
    return state, tensors


def moments_of(prefix: str, optimiser: torch.optim.Adam) -> dict[str, Tensor]:
    """Moving averages of an optimiser, named PREFIX.PARAMETER.KIND."""
    states = optimiser.state_dict()["state"]
    return {f"{prefix}.{i}.{n}": torch.as_tensor(v) for i, s in states.items() for n, v in s.items()}


def restore_moments(prefix: str, optimiser: torch.optim.Adam, tensors: dict[str, Tensor]) -> None:
    """Give an optimiser the moving averages that `moments_of` named."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in under(prefix, tensors).items():
        index, key = name.split(".")
        state.setdefault(int(index), {})[key] = value.cpu() if key == "step" else value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with PREFIX and a dot, without it."""
    start = prefix + "."
    return {name.removeprefix(start): v for name, v in tensors.items() if name.startswith(start)}
