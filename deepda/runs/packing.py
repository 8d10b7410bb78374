"""A trained run in a few megabytes: what `deepda.runs.shipped` takes apart again.

Only water cells are kept. Parameters, the grid, the standard deviation and the samples of background
errors are exact; the rest is rounded by far less than what another training run would change:

    patterns of the control simulation    8 bits, a scale a pattern
    weights of the forecast               16 bits, a scale a neighbour
    seasonal cycle                        annual mean exact, its harmonics 16 bits, a scale a harmonic
    error variance of the forecast, stated error of optimal interpolation    half precision

Static fields of the network and the scale of the anomalies follow from the others and are made anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from deepda.assimilation.samples import Samples
from deepda.assimilation.state import StateSpace, scale_of
from deepda.base.errors import CheckpointError
from deepda.climatology.seasonal import HARMONICS, Climatology
from deepda.geometry.grid import Grid
from deepda.networks.build import build_generator
from deepda.networks.statics import ControlStatistics
from deepda.networks.transition import Transition
from deepda.runs.checkpoint import (
    EDGES,
    INTERPOLATION,
    WEIGHTS,
    load_model,
    load_space,
    read_tensors,
    save_checkpoint,
)
from deepda.runs.error_samples import load_error_samples, save_error_samples
from deepda.settings.schema import GeneratorConfig, InnovationGenerator

REACH = ("radius_km", "depth_scale_m")  # of optimal interpolation
REBUILT = ("ocean", "statics", "weight", "noise", "patterns")  # weights that are no parameters
STEPS = {torch.int8: 127, torch.int16: 32767}  # on either side of zero
TOLERANCE = 1e-3  # K, of the seasonal cycle


def pack(checkpoint: Path, settings: GeneratorConfig) -> dict[str, Tensor]:
    """The tensors of a checkpoint of the default generator, packed.

    Raises:
        CheckpointError: not there, broken, of another generator, without samples or tuned baseline, or
            of a seasonal cycle that its harmonics do not give back.
    """
    if not isinstance(settings, InnovationGenerator):
        raise CheckpointError(
            f"{checkpoint} holds a generator of the kind {settings.kind}, expected innovation; train "
            "with generator=innovation"
        )
    space, weights = load_space(checkpoint), read_tensors(checkpoint / WEIGHTS)[0]
    samples, grid = load_error_samples(checkpoint, space.grid), space.grid
    if samples is None:
        raise CheckpointError(
            f"{checkpoint} holds no samples of background errors, expected some; train with "
            "training.error_samples=128"
        )
    cells = torch.from_numpy(np.flatnonzero(grid.ocean))
    water = {name: weights[name].flatten(-3)[..., cells] for name in ("weight", "noise", "patterns")}
    parameters = {f"parameter.{k}": v for k, v in weights.items() if k not in REBUILT}
    return {
        **parameters,
        **_packed_space(checkpoint, space),
        **_coded("patterns", water["patterns"], torch.int8),
        **_coded("weight", water["weight"], torch.int16),
        "noise": water["noise"].half(),
        "samples": samples.codes,
        "samples_scale": samples.scale,
        **_packed_interpolation(checkpoint, cells),
    }


def unpack(
    packed: Mapping[str, Tensor], settings: GeneratorConfig, about: Mapping[str, Any], folder: Path
) -> None:
    """Write packed tensors as an ordinary checkpoint.

    Args:
        about: kept in the checkpoint, see `save_checkpoint`.

    Raises:
        CheckpointError: tensors are missing, or do not fit the generator.
    """
    try:
        space = _space_of(packed)
        ocean = torch.from_numpy(space.grid.ocean)
        transition = Transition(
            _on_grid(_decoded("weight", packed), ocean), _on_grid(packed["noise"].float(), ocean)
        )
        patterns = _on_grid(_decoded("patterns", packed), ocean)
        samples = Samples(packed["samples"], packed["samples_scale"])
        interpolation = {
            "error_stddev": _on_grid(packed["interpolation.error_stddev"].float(), ocean),
            "inflation": packed["interpolation.inflation"],
        }
        reach = packed["interpolation.reach"].tolist()
    except KeyError as error:
        raise CheckpointError(
            f"packed weights without {error} found, expected all that this version packs; install "
            "DeepDA again, or pack the run again"
        ) from error
    statistics = ControlStatistics(transition, patterns)
    analyser = build_generator(settings, space, statistics, seed=0).analyser
    start = "parameter."
    state = {name.removeprefix(start): v for name, v in packed.items() if name.startswith(start)}
    try:
        analyser.load_state_dict(analyser.state_dict() | state)
    except RuntimeError as error:
        raise CheckpointError(
            f"packed weights do not fit the generator ({str(error).splitlines()[-1].strip()}), expected "
            "those of its settings; install DeepDA again, or pack the run again"
        ) from error
    save_error_samples(samples, space.grid, folder)
    metadata = dict(zip(REACH, map(str, reach), strict=True))
    save_file(interpolation, folder / INTERPOLATION, metadata=metadata)
    save_checkpoint(folder, analyser, space, about)


def _packed_space(checkpoint: Path, space: StateSpace) -> dict[str, Tensor]:
    """Grid and climatology, which are refused if they are not given back as they were."""
    load_model(checkpoint, space.grid)
    grid, climatology = space.grid, space.climatology
    mean = climatology.mean[:, grid.ocean].astype(np.float64)
    spectrum = np.fft.rfft(mean, axis=0)[1 : HARMONICS + 1] / len(mean)
    waves = torch.from_numpy(np.concatenate([spectrum.real, spectrum.imag]))
    packed = {
        **{name: torch.from_numpy(getattr(grid, name)) for name in EDGES},
        "ocean": torch.from_numpy(grid.ocean.astype(np.uint8)),
        "windows": torch.tensor(len(mean)),
        "annual_mean": torch.from_numpy(mean.mean(0).astype(np.float32)),
        **_coded("harmonics", waves, torch.int16),
        "stddev": torch.from_numpy(climatology.stddev[grid.ocean]),
    }
    again = _space_of(packed)
    off = np.nanmax(np.abs(again.climatology.mean - climatology.mean))
    if not off < TOLERANCE or not np.array_equal(again.scale, space.scale):
        raise CheckpointError(
            f"{checkpoint} holds a climatology or scale that {HARMONICS} harmonics and the standard "
            f"deviation do not give back (off by {off:.2g} K), expected those of this version; "
            "train again"
        )
    return packed


def _space_of(packed: Mapping[str, Tensor]) -> StateSpace:
    fields = {name: value.numpy() for name, value in packed.items()}
    grid = Grid(**{name: fields[name] for name in EDGES}, ocean=fields["ocean"] > 0)
    real, imaginary = _decoded("harmonics", packed).numpy().reshape(2, HARMONICS, -1)
    windows = int(fields["windows"])
    turn = 2 * np.pi * np.arange(windows)[:, None] * np.arange(1, HARMONICS + 1) / windows
    water = fields["annual_mean"] + 2 * (np.cos(turn) @ real - np.sin(turn) @ imaginary)
    climatology = Climatology(_with_land(water, grid), _with_land(fields["stddev"], grid))
    return StateSpace(grid, climatology, scale_of(climatology, grid))


def _packed_interpolation(checkpoint: Path, cells: Tensor) -> dict[str, Tensor]:
    tensors, about = read_tensors(checkpoint / INTERPOLATION)
    reach = [float(about[name]) for name in REACH]
    return {
        "interpolation.error_stddev": tensors["error_stddev"].flatten()[cells].half(),
        "interpolation.inflation": tensors["inflation"],
        "interpolation.reach": torch.tensor(reach, dtype=torch.float64),
    }


def _coded(name: str, values: Tensor, kind: torch.dtype) -> dict[str, Tensor]:
    """Whole numbers (k, n) of a kind, and the scale (k, 1) that they are multiplied by."""
    scale = values.abs().amax(dim=1, keepdim=True) / STEPS[kind]
    codes = (values / torch.where(scale > 0, scale, 1)).round()
    return {name: codes.to(kind).contiguous(), f"{name}_scale": scale}


def _decoded(name: str, packed: Mapping[str, Tensor]) -> Tensor:
    scale = packed[f"{name}_scale"]
    return packed[name].to(scale) * scale


def _on_grid(water: Tensor, ocean: Tensor) -> Tensor:
    """(..., L, Y, X) of (..., n) values in water, zero on land."""
    field = torch.zeros(*water.shape[:-1], *ocean.shape)
    field[..., ocean] = water
    return field


def _with_land(water: NDArray[np.floating], grid: Grid) -> NDArray[np.float32]:
    """(..., L, Y, X) of (..., n) values in water, NaN on land."""
    field = np.full((*water.shape[:-1], *grid.shape), np.nan, np.float32)
    field[..., grid.ocean] = water
    return field
