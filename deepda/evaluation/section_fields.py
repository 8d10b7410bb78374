"""Sections on fields: mean and seasonal cycle, variability, agreement, scales."""

from __future__ import annotations

import numpy as np
import xarray as xr

from deepda.evaluation.charts import densities
from deepda.evaluation.findings import Findings
from deepda.evaluation.gather import sampled
from deepda.evaluation.seasonal import annual_amplitude, annual_phase
from deepda.figures import profile_curves, spectra
from deepda.figures.maps import Panel, map_panels
from deepda.figures.mesh import limits_of
from deepda.figures.sections import zonal_sections
from deepda.reports.report import Picture, Section
from deepda.reports.table import Table
from deepda.verification import weighted_mean

FAINT = 0.25  # K: of a smaller amplitude the phase is noise and not drawn
EXCESS = (-50.0, 50.0)  # %: beyond it the reference hardly varies
PDF_DEPTHS = (0.0, 150.0, 600.0)  # m


def climatology_section(found: Findings) -> Section:
    """Mean state and seasonal cycle."""
    blocks: list[Picture | Table] = [
        *(_mean_maps(found, level) for level in found.frame.levels),
        _zonal_bias(found) if found.comparison is not None else _zonal_mean(found),
        _amplitude_maps(found),
        _phase_maps(found),
    ]
    return Section(
        "Climatology and seasonal cycle",
        blocks,
        "Mean of all whole years, and the annual harmonic of the seasonal cycle: its amplitude "
        "is half the range between the warmest and the coldest time of the year.",
    )


def _mean_maps(found: Findings, level: int) -> Picture:
    means = {name: found.on_sea(one.cycle[0, level], level) for name, one in found.records.items()}
    limits = limits_of(list(means.values()), "temperature")
    panels = [
        Panel(mean, "temperature", f"{name.capitalize()}, {found.where(level)}", limits)
        for name, mean in means.items()
    ]
    caption = f"Mean temperature at {found.at(level)}, {found.span}."
    if found.comparison is not None:
        panels.append(Panel(found.comparison.bias[level], "bias", "Analysis − reference"))
        caption += " The third map is their difference, the bias."
    return Picture(
        found.picture("mean", level),
        map_panels(panels, found.frame.grid, level=level),
        caption,
        wide=found.compared,
    )


def _zonal(field: xr.DataArray, found: Findings) -> xr.DataArray:
    """(depth, lat) mean over the longitudes of the ocean, NaN where there is none."""
    volume = xr.DataArray(found.frame.grid.volume, field.coords, field.dims)
    return weighted_mean(field, volume, ("depth", "lat"))


def _zonal_mean(found: Findings) -> Picture:
    mean = _zonal(found.analysis.cycle.isel(term=0, drop=True), found)
    return Picture(
        "zonal_mean",
        zonal_sections({"Zonal mean": (mean.values, "temperature")}, found.frame.grid),
        f"Zonal mean of the temperature by latitude and depth, {found.span}.",
    )


def _zonal_bias(found: Findings) -> Picture:
    assert found.comparison is not None
    grid = found.frame.grid
    bias = _zonal(found.comparison.bias, found).values
    error = np.sqrt(_zonal(found.comparison.square, found).values)
    return Picture(
        "zonal_error",
        zonal_sections(
            {"Bias": (bias, "bias"), "Root mean square difference": (error, "rms difference")}, grid
        ),
        "Zonal mean by latitude and depth: mean difference (first) and root mean square difference "
        f"(second), down to {grid.depth_edges[-1]:.0f} m, {found.span}.",
        wide=True,
    )


def _amplitude_maps(found: Findings) -> Picture:
    fields = {
        name: found.on_sea(annual_amplitude(one.cycle)[0], 0) for name, one in found.records.items()
    }
    limits = limits_of(list(fields.values()), "amplitude")
    panels = [Panel(field, "amplitude", name.capitalize(), limits) for name, field in fields.items()]
    if found.compared:
        both = list(fields.values())
        panels.append(Panel(both[1] - both[0], "bias", "Analysis − reference"))
    return Picture(
        "seasonal_amplitude",
        map_panels(panels, found.frame.grid),
        f"Amplitude of the seasonal cycle at the surface, {found.span}.",
        wide=found.compared,
    )


def _phase_maps(found: Findings) -> Picture:
    panels = []
    for name, one in found.records.items():
        known = annual_amplitude(one.cycle)[0] >= FAINT
        phase = found.on_sea(annual_phase(one.cycle)[0].where(known), 0)
        panels.append(Panel(phase, "phase", name.capitalize(), (0.0, 12.0)))
    if found.compared:
        first, second = (np.asarray(panel.field) for panel in panels)
        panels.append(Panel((second - first + 6) % 12 - 6, "lag", "Analysis − reference"))
    return Picture(
        "seasonal_phase",
        map_panels(panels, found.frame.grid),
        f"When the surface is warmest, {found.span}; the colours go round the year. Left empty where "
        f"the amplitude is below {FAINT:g} K.",
        wide=found.compared,
    )


def variability_section(found: Findings) -> Section:
    """Size of the anomalies."""
    blocks: list[Picture | Table] = [_stddev_maps(found, level) for level in found.frame.levels]
    profiles = {name: profile_of(one.variance, found) for name, one in found.records.items()}
    blocks += [
        Picture(
            "variability_by_depth",
            profile_curves(profiles, found.frame.grid.depth, "standard deviation of anomalies (K)"),
            f"Size of the anomalies by depth, root mean square over the ocean, {found.span}.",
        ),
    ]
    return Section(
        "Variability",
        blocks,
        "Anomalies are departures from each product's own seasonal cycle (mean and four "
        "harmonics of the whole years evaluated); a trend within them is left in.",
    )


def _stddev_maps(found: Findings, level: int) -> Picture:
    fields = {name: found.on_sea(one.stddev[level], level) for name, one in found.records.items()}
    limits = limits_of(list(fields.values()), "variability")
    panels = [
        Panel(field, "variability", f"{name.capitalize()}, {found.where(level)}", limits)
        for name, field in fields.items()
    ]
    if found.compared:
        first, second = fields.values()
        with np.errstate(invalid="ignore", divide="ignore"):
            excess = np.where(first > 0, 100 * (second / first - 1), np.nan)
        panels.append(Panel(excess, "excess", "Analysis against reference", EXCESS))
    return Picture(
        found.picture("variability", level),
        map_panels(panels, found.frame.grid, level=level),
        f"Standard deviation of anomalies at {found.at(level)}, {found.span}."
        + (" Blue in the last map is variability that the analysis lacks." if found.compared else ""),
        wide=found.compared,
    )


def profile_of(square: xr.DataArray, found: Findings, region: str = "global") -> list[float | None]:
    """Root mean square by depth over a basin of squares (depth, lat, lon)."""
    weights = found.frame.basins.sel(region=region, drop=True)
    values = np.sqrt(weighted_mean(square, weights, ("depth",)).values)
    return [float(value) if np.isfinite(value) else None for value in values]


def scales_section(found: Findings) -> Section:
    """Spectra and densities."""
    depth = found.frame.grid.depth
    shown = sorted({float(depth[np.argmin(np.abs(depth - wanted))]) for wanted in PDF_DEPTHS})
    blocks: list[Picture | Table] = []
    lines = {name: one.spectrum for name, one in found.records.items() if one.spectrum is not None}
    for place, level in enumerate(found.frame.levels):
        usable = {
            name: line for name, line in lines.items() if np.isfinite(line.isel(depth=level)).any()
        }
        if usable:
            name = ("surface", "below")[place]
            blocks.append(
                Picture(
                    f"spectrum_{name}",
                    spectra(
                        usable,
                        float(depth[level]),
                        title=f"Along latitude circles, {found.where(level)}",
                    ),
                    f"Power of anomalies by wavelength along latitude circles, 60°S–60°N, at "
                    f"{found.at(level)}. At short wavelengths less power than the reference has is too "
                    "smooth, more is error on top of it.",
                )
            )
    blocks.append(
        Picture(
            "densities",
            densities({name: one.density for name, one in found.records.items()}, shown),
            "How often anomalies of each size occur, by depth. Narrower tails than those of the "
            "reference mean that extremes are lost.",
            wide=True,
        )
    )
    return Section(
        "Scales and distributions",
        blocks,
        f"From {len(_samples(found))} windows spread over all years and seasons.",
    )


def _samples(found: Findings) -> np.ndarray:
    return sampled(found.frame.axis)
