"""DeepDA: global ocean data assimilation with a network trained on nothing but a control simulation.

A control simulation gives a climatology, and anomalies in units of the local standard deviation.
Observations, drawn from a known truth (osse) or real and quality-controlled (reanalysis), become
superobservations: anomaly, error and count by cell and window. The generator joins them with the
background to an analysis, mean and spread, which is the next background: that is the cycle. What
comes out is NetCDF, and is judged by verification. In that order:

    grid            edges of the cells -> centres, area, volume, ocean mask; periodic longitude
    mesh            the cells of a model: regular, tripolar, displaced pole
    regrid          from a model's cells to ours: conservative, bilinear; xESMF where installed
    cf              names, units and calendars of other people's files
    control         a model's output -> one prepared file on our grid and windows
    windows         73 pentads or 12 months a year: where calendars meet
    climatology     the seasonal cycle, and anomalies from it
    observations    one table, one row a value, whatever the source
    quality         named checks, layers of a profile, observation errors
    synthetic       observe a known truth at given places and times, with errors
    withholding     platforms left out, to judge by
    superobs        table -> anomaly, error variance and count by cell and window
    partial_conv    the observation operator: a convolution that sees only observed cells
    networks        generators and the discriminator
    stretches       what training sees: pieces of the control run, each with its own network
    training        losses, back-propagation through the cycle, resume
    background_errors, local_covariance     errors of a trained generator, met and sampled
    cycle           Analyser, and the one loop of the whole system
    smoother        analyses that also learn from later windows
    baselines       climatology, persistence, tuned optimal interpolation: also Analysers
    state           xarray outside, tensors inside: the one place where units change
    checkpoint, run a trained run on disk, and in Python
    verification    scores against a truth or against withheld observations
    feedback        what became of each observation
    netcdf          CF files, written whole or not at all
    evaluation      the climate of a product: cycle, indices, heat, trends, heatwaves
    explain         what an analysis answers to: saliency, importance of inputs, feature maps
    figures, report maps and curves; the self-contained page
    settings, presets, config       what can be set: types, choices, one tree of values
    errors, progress, info, bench, console, cli     the command line

The drivers `osse` and `reanalysis` import this package, never each other; only `deepda.cli` imports
them. The public names below are loaded when first used, so that `import deepda` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepda.climatology import Climatology
    from deepda.config import Config, load_config, saved_config
    from deepda.cycle import Analyser, Belief, Observations
    from deepda.errors import DeepDAError
    from deepda.grid import Grid
    from deepda.run import Run, load_run

_HOME = {
    "Analyser": "deepda.cycle",
    "Belief": "deepda.cycle",
    "Climatology": "deepda.climatology",
    "Config": "deepda.config",
    "DeepDAError": "deepda.errors",
    "Grid": "deepda.grid",
    "Observations": "deepda.cycle",
    "Run": "deepda.run",
    "load_config": "deepda.config",
    "load_run": "deepda.run",
    "saved_config": "deepda.config",
}

__all__ = [
    "Analyser",
    "Belief",
    "Climatology",
    "Config",
    "DeepDAError",
    "Grid",
    "Observations",
    "Run",
    "load_config",
    "load_run",
    "saved_config",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
