"""Sections on fields: mean and seasonal cycle, variability, agreement, scales."""

from __future__ import annotations

import numpy as np
import xarray as xr

from deepda.evaluation.charts import densities
from deepda.evaluation.findings import Findings
from deepda.evaluation.gather import sampled
from deepda.evaluation.seasonal import annual_amplitude, annual_phase
from deepda.figures import profile_curves, spectra
from deepda.figures.maps import Panel
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
    caption, bias = f"Mean temperature at {found.at(level)}, {found.span}.", None
    if found.comparison is not None:
        bias = Panel(found.comparison.bias[level], "bias", "Analysis − reference")
        caption += " The third map is their difference, the bias."
    return found.maps(found.picture("mean", level), level, means, "temperature", caption, bias)


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
    apart = None
    if found.compared:
        apart = Panel(fields["analysis"] - fields["reference"], "bias", "Analysis − reference")
    caption = f"Amplitude of the seasonal cycle at the surface, {found.span}."
    return found.maps("seasonal_amplitude", 0, fields, "amplitude", caption, apart)


def _phase_maps(found: Findings) -> Picture:
    phases = {}
    for name, one in found.records.items():
        known = annual_amplitude(one.cycle)[0] >= FAINT
        phases[name] = found.on_sea(annual_phase(one.cycle)[0].where(known), 0)
    lag = None
    if found.compared:
        later = (phases["analysis"] - phases["reference"] + 6) % 12 - 6
        lag = Panel(later, "lag", "Analysis − reference")
    caption = (
        f"When the surface is warmest, {found.span}; the colours go round the year. Left empty where "
        f"the amplitude is below {FAINT:g} K."
    )
    return found.maps("seasonal_phase", 0, phases, "phase", caption, lag, (0.0, 12.0))


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
    caption, excess = f"Standard deviation of anomalies at {found.at(level)}, {found.span}.", None
    if found.compared:
        true = fields["reference"]
        with np.errstate(invalid="ignore", divide="ignore"):
            percent = np.where(true > 0, 100 * (fields["analysis"] / true - 1), np.nan)
        excess = Panel(percent, "excess", "Analysis against reference", EXCESS)
        caption += " Blue in the last map is variability that the analysis lacks."
    return found.maps(found.picture("variability", level), level, fields, "variability", caption, excess)


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
    for level in found.frame.levels:
        usable = {
            name: line for name, line in lines.items() if np.isfinite(line.isel(depth=level)).any()
        }
        if usable:
            title = f"Along latitude circles, {found.where(level)}"
            blocks.append(
                Picture(
                    found.picture("spectrum", level),
                    spectra(usable, float(depth[level]), title=title),
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
        f"From {len(sampled(found.frame.axis))} windows spread over all years and seasons.",
    )
