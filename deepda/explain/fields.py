"""Every field of every target in one file, for figures of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from deepda.base.info import provenance, versions
from deepda.explain.cases import ExplainedRun
from deepda.explain.study import Study
from deepda.geometry.grid import Grid
from deepda.output.cf import SYNTHETIC, Attribute
from deepda.output.fields import write_fields
from deepda.settings.compose import dump

DIMS = ("depth", "lat", "lon")
LAG = {"long_name": "windows before the one that is explained", "units": "1"}


def write_studies(path: Path, studies: Sequence[Study], finished: ExplainedRun) -> None:
    """Write the fields of all targets in one window of a run.

    Raises:
        OSError: the file cannot be written.
    """
    grid, step = finished.space.grid, studies[0].case.step
    made = xr.Dataset()
    for one in studies:
        made = made.assign(_fields_of(one, grid))
    lags = np.arange(max(len(one.lagged) for one in studies), dtype=np.int32)
    fields = made.assign_coords(lag=("lag", lags, LAG))
    span = finished.span.first(step + 1).last(1)
    config = finished.config
    attributes: Mapping[str, Attribute] = {
        **SYNTHETIC,
        **provenance(config.institution, config.licence),
        "title": "Attributions of an analysis of DeepDA in a twin experiment",
        "summary": "What an analysis of a simulated ocean depends on, by the trained network",
        "source": f"DeepDA {versions()['deepda']}",
        "run": str(finished.folder),
        "window": finished.stamp(step),
        "config": dump(config),
    }
    write_fields(path, grid, fields, attributes, span)


def _fields_of(one: Study, grid: Grid) -> dict[str, xr.Variable]:
    """Name to field of a target, NaN on land."""
    unit, target = one.target.unit, one.target
    place = {f"place_{name}": float(value) for name, value in vars(target.place).items()}
    fields: dict[str, tuple[Tensor, str, str]] = {
        "target": (torch.from_numpy(target.weights), f"{unit} K-1", "weights of"),
        "saliency_observations": (
            one.saliency.observations, f"{unit} K-1", "saliency to observations of"),
        "saliency_background": (
            one.saliency.background, f"{unit} K-1", "saliency to the background of"),
        "integrated_innovations": (one.integrated, unit, "contribution of innovations to"),
        "integrated_background": (one.from_background, unit, "contribution of the background to"),
        "correlation_found": (
            torch.from_numpy(one.found), "1", "correlation of true background errors with those of"),
        "saliency_lagged": (
            torch.stack(one.lagged), f"{unit} K-1", "saliency to observations of earlier windows of"),
    }  # fmt: skip
    if one.linear is not None:
        fields |= {
            "correlation": (
                one.linear.correlation, "1", "correlation of background errors with those of"),
            "variance_removed": (one.linear.removed, "1", "variance removed by each observation of"),
        }  # fmt: skip
    return {
        f"{target.name}_{name}": xr.Variable(
            ("lag", *DIMS) if name == "saliency_lagged" else DIMS,
            np.where(grid.ocean, tensor.numpy(), np.nan).astype(np.float32),
            {"units": units, "long_name": f"{words} {target.title}", **place},
        )
        for name, (tensor, units, words) in fields.items()
    }
