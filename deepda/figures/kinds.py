"""How each quantity is coloured on maps and sections, the same in every figure of the project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cmocean
from matplotlib.colors import Colormap

from deepda.figures.style import LIGHT


@dataclass(frozen=True)
class Kind:
    """How one kind of field is coloured.

    Attributes:
        colours: perceptually uniform colour map.
        label: quantity and unit, at the colour bar.
        centred: around zero, both ends alike.
        from_zero: begins at zero.
        by_decades: colours begin at 1, 2, 5 of each decade, of both signs; for values over decades.
        floor: the colours reach at least this far, so that next to nothing does not look like much.
    """

    colours: Colormap
    label: str
    centred: bool = False
    from_zero: bool = False
    by_decades: bool = False
    floor: float = 0.0


NOTHING = 1e-3  # K


def signed(label: str) -> Kind:
    """A quantity around zero, in even steps."""
    return Kind(cmocean.cm.balance, label, centred=True, floor=NOTHING)


def sized(label: str) -> Kind:
    """An error or a size, from zero, where more is worse."""
    return Kind(cmocean.cm.amp, label, from_zero=True, floor=NOTHING)


def shares(label: str) -> Kind:
    """A share or a skill, from zero, where more is better."""
    return Kind(cmocean.cm.dense, label, from_zero=True)


def attribution(label: str) -> Kind:
    """A signed quantity over decades."""
    return Kind(cmocean.cm.balance, label, centred=True, by_decades=True)


KINDS: Mapping[str, Kind] = {
    "temperature": Kind(cmocean.cm.thermal, "potential temperature (°C)"),
    "anomaly": signed("anomaly (K)"),
    "error": signed("analysis − truth (K)"),
    "increment": signed("analysis − background (K)"),
    "difference": signed("difference (K)"),
    "bias": signed("analysis − reference (K)"),
    "rmse": sized("root mean square error (K)"),
    "rms difference": sized("root mean square difference (K)"),
    "growth": signed("growth of the error (K)"),
    "gain": signed("error over that of climatology, less 1 (%)"),
    "stddev": sized("standard deviation of the error (K)"),
    "influence": shares("influence of the observations (1)"),
    "coverage": shares("share of windows with an observation (%)"),
    "amplitude": sized("amplitude of the annual harmonic (K)"),
    "phase": Kind(cmocean.cm.phase, "warmest, months since 1 January"),
    "lag": signed("analysis later by (months)"),
    "variability": sized("standard deviation of anomalies (K)"),
    "excess": signed("variability, analysis over reference − 1 (%)"),
    "correlation": Kind(cmocean.cm.dense, "correlation of anomalies (1)"),
    "trend": signed("trend (K per decade)"),
    "flux": signed("trend of heat content (W m⁻²)"),
    "pattern": signed("K per standard deviation of the series"),
    "isotherm": Kind(cmocean.cm.balance_r, "anomaly of its depth (m)", centred=True),
    "isotherm error": Kind(cmocean.cm.balance_r, "analysis − reference (m)", centred=True),
    "heatwaves": sized("windows in a heatwave (%)"),
    "success": shares("critical success index (1)"),
}

COLOURS = (LIGHT.blue, LIGHT.orange, LIGHT.green, LIGHT.vermilion, LIGHT.purple, LIGHT.sky, LIGHT.grey)
MARKS = "osD^vPX*"
PLATFORMS: Mapping[str, tuple[str, str]] = {  # colour and mark
    "satellite": (LIGHT.grey, "o"),
    "argo": (LIGHT.blue, "s"),
    "xbt": (LIGHT.orange, "v"),
    "ctd": (LIGHT.green, "^"),
    "mooring": (LIGHT.vermilion, "D"),
    "ship": (LIGHT.purple, "x"),
    "drifter": (LIGHT.sky, "p"),
    "other": (LIGHT.ink, "*"),
}
