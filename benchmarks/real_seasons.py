"""The seasonal cycle of a monthly reanalysis of real observations: the annual harmonic, beside others.

At the sea surface beside a product, at withheld moorings beside what they measured. Withheld floats
drift, so that theirs is the annual harmonic of the errors: what a method has of the cycle too much or
too little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from real_surface import MONTHS, Surface
from real_trends import areas, seen

from deepda.evaluation.seasonal import annual_amplitude, annual_phase, fit_weights, harmonic_basis
from deepda.verification import weighted_mean

FAINT = 0.5  # K, amplitude below which the time of the maximum is not compared
FEWEST_YEARS = 5  # months of each name that a mooring must have at a depth
FEWEST_VALUES, FEWEST_FLOATS = 20, 5  # values in each calendar month, and floats
LATITUDES = {"north of 20°N": (20, 90), "20°S-20°N": (-20, 20), "south of 20°S": (-90, -20)}
LAYERS = {"0-100 m": (0, 100), "100-300 m": (100, 300), "300-700 m": (300, 700)}
DAYS = 365.2425 / MONTHS  # of a month
Array = NDArray[np.float64]


def harmonic(values: Array, month: NDArray[np.intp]) -> xr.DataArray:
    """(term) mean, cosine and sine of the year of values in months 0..11, by least squares."""
    basis = harmonic_basis(month, MONTHS)[:3]
    return xr.DataArray(np.linalg.lstsq(basis.T, values, rcond=None)[0], dims="term")


def of_months(field: Array) -> xr.DataArray:
    """(term, lat, lon) of whole years of months (month, lat, lon)."""
    terms = np.tensordot(fit_weights(MONTHS, len(field) // MONTHS), field, 1)
    return xr.DataArray(terms, dims=("term", "lat", "lon"))


def later(one: xr.DataArray, other: xr.DataArray) -> xr.DataArray:
    """Days by which the maximum of one is later than that of the other, in [-183, 183)."""
    months = (annual_phase(one) - annual_phase(other) + MONTHS / 2) % MONTHS - MONTHS / 2
    return months * DAYS


def print_surface(surface: Surface) -> None:
    """By region: amplitude of the product, and how far climatology and analysis are from it."""
    product = of_months(surface.reference)
    size = annual_amplitude(product)
    compared = {"climatology": of_months(surface.normal), "analysis": of_months(surface.analysis)}
    print(
        f"\n| sea surface, {surface.years[0]}-{surface.years[-1]} | amplitude, product (K) | "
        + " | ".join(
            f"{name}: amplitude, RMS difference (bias, K) | maximum (days)" for name in compared
        )
        + " |\n|---|---:"
        + "|---:|---:" * len(compared)
        + "|"
    )
    for region, weights in areas(surface.grid):
        cells = [f"{_mean(size, weights):.2f}"]
        for terms in compared.values():
            error = annual_amplitude(terms) - size
            shift = later(terms, product).where((size >= FAINT) & (annual_amplitude(terms) >= FAINT))
            cells += [_cell(error, weights, 2), _cell(shift, weights, 0)]
        print("| " + " | ".join([region, *cells]) + " |")


def _mean(field: xr.DataArray, weights: xr.DataArray) -> float:
    return float(weighted_mean(*seen(field, weights), ()))


def _cell(field: xr.DataArray, weights: xr.DataArray, digits: int) -> str:
    """Root mean square (mean) over the cells that have a value."""
    if not np.isfinite(field.values[weights.values > 0]).any():
        return "–"
    rms = _mean(field**2, weights) ** 0.5
    return f"{rms:.{digits}f} ({_mean(field, weights):+.{digits}f})"


def print_moorings(months: pd.DataFrame, methods: Mapping[str, str]) -> None:
    """Amplitude and maximum at withheld moorings by depth, each method in the months observed.

    Args:
        months: (mooring, month, depth) means, see `real_tables.months_of_moorings`.
        methods: column to name.
    """
    names = {"temperature": "observed", **{key: methods[key] for key in methods if key in months}}
    print(
        "\n| mooring, depth | months | "
        + " | ".join(f"{name}: K, days later" if name != "observed" else "observed (K)"
                     for name in names.values())
        + " |\n|---|---:" + "|---:" * len(names) + "|"
    )  # fmt: skip
    for (mooring, depth), part in months.groupby(level=[0, 2]):
        month = part.index.get_level_values(1).month.to_numpy() - 1
        if np.bincount(month, minlength=MONTHS).min() < FEWEST_YEARS:
            continue
        found = {name: harmonic(part[name].to_numpy(), month) for name in names}
        observed = found.pop("temperature")
        cells = [f"{float(annual_amplitude(observed)):.2f}"]
        cells += [
            f"{float(annual_amplitude(one)):.2f}, {float(later(one, observed)):+.0f}"
            for one in found.values()
        ]
        print("| " + " | ".join([f"{mooring}, {depth:.0f} m", str(len(part)), *cells]) + " |")


def print_floats(table: pd.DataFrame, methods: Mapping[str, str]) -> None:
    """Amplitude of the annual harmonic of the errors at withheld floats, by latitude and depth.

    Args:
        table: withheld rows, see `real_tables.withheld`.
        methods: column to name.
    """
    names = [name for name in methods if name in table]
    rows = table[table["platform_type"].astype(str) == "argo"]
    print(
        "\n| floats, annual harmonic of the errors (K) | values | platforms | "
        + " | ".join(methods[name] for name in names)
        + " |\n|---"
        + "|---:" * (2 + len(names))
        + "|"
    )
    for place, (south, north) in LATITUDES.items():
        for layer, (top, bottom) in LAYERS.items():
            inside = rows["lat"].between(south, north, inclusive="left")
            part = rows[inside & rows["depth"].between(top, bottom, inclusive="left")]
            _print_float_line(f"{place}, {layer}", part, names)


def _print_float_line(title: str, part: pd.DataFrame, names: Sequence[str]) -> None:
    month, floats = part["time"].dt.month.to_numpy() - 1, part["platform_id"].astype(str).nunique()
    if np.bincount(month, minlength=MONTHS).min() < FEWEST_VALUES or floats < FEWEST_FLOATS:
        return
    truth = part["temperature"].to_numpy(float)
    sizes = (annual_amplitude(harmonic(part[name].to_numpy(float) - truth, month)) for name in names)
    cells = [f"{len(part):,}", str(floats)]
    print("| " + " | ".join([title, *cells, *(f"{float(size):.2f}" for size in sizes)]) + " |")
