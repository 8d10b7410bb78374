"""DeepDA: global ocean data assimilation with a network trained on nothing but a control simulation.

A control simulation gives a climatology, and anomalies in units of the local standard deviation.
Observations, drawn from a known truth (osse) or real and quality-controlled (reanalysis), become
superobservations: anomaly, error and count by cell and window. The generator joins them with the
background to an analysis, mean and spread, which is the next background: that is the cycle. What
comes out is NetCDF, and is judged by verification. In that order, from the ground up;
a room imports only rooms above it in this list:

    base            errors, files written whole, progress
    settings        types and checks of what can be set, the choices in configs/, one tree of values
    catalogue       public data by name: licence, addresses, whole files over HTTP
    geometry        grid, windows, meshes of models, regridding (xESMF where installed), interval means
    observations    files in, one table out, one row a value; synthetic observations of a known truth
    control         a model's output -> one prepared file on our grid and windows
    climatology     the seasonal cycle, the model's own or an observed one, and anomalies from it
    quality         named checks, layers of a profile, observation errors, withheld platforms
    assimilation    superobservations, state, the cycle, smoother, members, covariance, baselines
    networks        generators, discriminator, partial convolution: tensors only
    training        training in the cycle, sampling of background errors
    output          CF NetCDF files
    verification    scores against a truth or against withheld observations
    feedback        what became of each observation
    runs            a trained run on disk, or the shipped one, opened, and used in Python
    figures         maps and curves
    reports         the self-contained page
    evaluation      the climate of a product: cycle, indices, heat, trends, heatwaves
    explain         what an analysis depends on: saliency, importance of inputs, feature maps
    commands        one module a family of commands
    cli             the table of commands

The drivers stand on these: `osse` (ocean, observing, twin, known_answer, experiments, sweep) evaluates
where the truth is known, `reanalysis` cycles through the years with real observations or a twin of
history. They import this package, never each other; only `deepda.commands` imports them, when a
command is called. The public names below are loaded when first used, so that `import deepda` costs
nothing. It asks for threads that sleep while they wait, unless the environment says how they are to
wait; torch reads that when it is imported.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepda.assimilation.cycle import Analyser, Observations, StateEstimate
    from deepda.base.errors import DeepDAError
    from deepda.climatology.seasonal import Climatology
    from deepda.geometry.grid import Grid
    from deepda.output.reading import open_reanalysis
    from deepda.runs.run import Run, load_run
    from deepda.settings.compose import load_config, saved_config
    from deepda.settings.schema import Config

# Idle threads that spin starve each other on a shared machine: a cycle took 38 times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

_HOME = {
    "Analyser": "deepda.assimilation.cycle",
    "StateEstimate": "deepda.assimilation.cycle",
    "Climatology": "deepda.climatology.seasonal",
    "Config": "deepda.settings.schema",
    "DeepDAError": "deepda.base.errors",
    "Grid": "deepda.geometry.grid",
    "Observations": "deepda.assimilation.cycle",
    "Run": "deepda.runs.run",
    "load_config": "deepda.settings.compose",
    "load_run": "deepda.runs.run",
    "open_reanalysis": "deepda.output.reading",
    "saved_config": "deepda.settings.compose",
}

__all__ = [
    "Analyser",
    "Climatology",
    "Config",
    "DeepDAError",
    "Grid",
    "Observations",
    "Run",
    "StateEstimate",
    "load_config",
    "load_run",
    "open_reanalysis",
    "saved_config",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
