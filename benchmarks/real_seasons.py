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
from table_text import BUT_FIRST, as_table

from deepda.evaluation.seasonal import annual_amplitude, annual_phase, fit_weights, harmonic_basis
from deepda.verification import weighted_mean

FAINT = 0.5  # K, amplitude below which the time of the maximum is not compared
FEWEST_YEARS = 5  # months of each name that a mooring must have at a depth
FEWEST_VALUES, FEWEST_FLOATS = 20, 5  # values in each calendar month, and floats
LATITUDES = {"north of 20°N": (20, 90), "20°S-20°N": (-20, 20), "south of 20°S": (-90, -20)}
LAYERS = {"0-100 m": (0, 100), "100-300 m": (100, 300), "300-700 m": (300, 700)}
DRAWS = 1000
DAYS = 365.2425 / MONTHS  # of a month
Array = NDArray[np.float64]


def harmonic(values: Array, month: NDArray[np.intp]) -> xr.DataArray:
    """(term, ...) mean, cosine and sine of the year of values (row, ...) in months 0..11."""
    basis = harmonic_basis(month, MONTHS)[:3]
    terms = np.linalg.lstsq(basis.T, values, rcond=None)[0]
    return xr.DataArray(terms, dims=("term", "column")[: terms.ndim])


def drawn_amplitudes(values: Array, month: NDArray[np.intp], group: Sequence[object]) -> Array:
    """(draw, column) amplitude of the annual harmonic where groups of rows are drawn with replacement.

    Args:
        values: (row, column).
        month: (row) 0..11.
        group: (row) what is drawn whole: the platform or the year of a row.
    """
    basis = harmonic_basis(month, MONTHS)[:3].T
    codes, names = pd.factorize(pd.Series(group))
    normal, right = np.zeros((len(names), 3, 3)), np.zeros((len(names), 3, values.shape[1]))
    np.add.at(normal, codes, basis[:, :, None] * basis[:, None])
    np.add.at(right, codes, basis[:, :, None] * values[:, None])
    times = np.random.default_rng(0).multinomial(len(names), [1 / len(names)] * len(names), DRAWS)
    terms = np.linalg.solve(*(np.tensordot(times, sums, 1) for sums in (normal, right)))
    return np.hypot(terms[:, 1], terms[:, 2])


def interval(drawn: Array) -> str:
    """What holds 95 % of the draws."""
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"({low:.2f} to {high:.2f})"


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
    rows = [[f"sea surface, {surface.years[0]}-{surface.years[-1]}", "amplitude, product (K)"]]
    for name in compared:
        rows[0] += [f"{name}: amplitude, RMS difference (bias, K)", "maximum (days)"]
    for region, weights in areas(surface.grid):
        cells = [f"{_mean(size, weights):.2f}"]
        for terms in compared.values():
            error = annual_amplitude(terms) - size
            shift = later(terms, product).where((size >= FAINT) & (annual_amplitude(terms) >= FAINT))
            cells += [_cell(error, weights, 2), _cell(shift, weights, 0)]
        rows.append([region, *cells])
    print("\n" + as_table(rows, right=BUT_FIRST))


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

    The interval of the observed amplitude is that of draws of years.

    Args:
        months: (mooring, month, depth) means, see `real_tables.months_of_moorings`.
        methods: column to name.
    """
    names = [name for name in methods if name in months]
    shown = [f"{methods[name]}: K, days later" for name in names]
    rows = [["mooring, depth", "months", "observed (K, 95 %)", *shown]]
    for (mooring, depth), part in months.groupby(level=[0, 2]):
        when = part.index.get_level_values(1)
        month = when.month.to_numpy() - 1
        if np.bincount(month, minlength=MONTHS).min() < FEWEST_YEARS:
            continue
        observed, *found = (harmonic(part[name].to_numpy(), month) for name in ["temperature", *names])
        drawn = drawn_amplitudes(part[["temperature"]].to_numpy(), month, when.year.to_numpy())
        cells = [f"{float(annual_amplitude(observed)):.2f} {interval(drawn)}"]
        cells += [
            f"{float(annual_amplitude(one)):.2f}, {float(later(one, observed)):+.0f}" for one in found
        ]
        rows.append([f"{mooring}, {depth:.0f} m", str(len(part)), *cells])
    print("\n" + as_table(rows, right=BUT_FIRST))


def print_floats(table: pd.DataFrame, methods: Mapping[str, str]) -> None:
    """Amplitude of the annual harmonic of the errors at withheld floats, by latitude and depth.

    The last column compares the last method with climatology by draws of floats.

    Args:
        table: withheld rows, see `real_tables.withheld`.
        methods: column to name.
    """
    names = [name for name in methods if name in table]
    floats = table[table["platform_type"].astype(str) == "argo"]
    head = ["floats, annual harmonic of the errors (K)", "values", "platforms"]
    rows = [[*head, *(methods[name] for name in names), f"{methods[names[-1]]} less climatology (95 %)"]]
    for place, (south, north) in LATITUDES.items():
        for layer, (top, bottom) in LAYERS.items():
            inside = floats["lat"].between(south, north, inclusive="left")
            part = floats[inside & floats["depth"].between(top, bottom, inclusive="left")]
            if _enough(part):
                rows.append([f"{place}, {layer}", *_float_cells(part, names)])
    print("\n" + as_table(rows, right=BUT_FIRST))


def _enough(part: pd.DataFrame) -> bool:
    """Whether all months, and enough floats, have values."""
    by_month = np.bincount(part["time"].dt.month - 1, minlength=MONTHS)
    return by_month.min() >= FEWEST_VALUES and part["platform_id"].astype(str).nunique() >= FEWEST_FLOATS


def _float_cells(part: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Numbers of values and floats, amplitudes of the errors (K), the difference of two of them."""
    month, truth = part["time"].dt.month.to_numpy() - 1, part[["temperature"]].to_numpy(float)
    errors, platform = part[list(names)].to_numpy(float) - truth, part["platform_id"].astype(str)
    sizes = annual_amplitude(harmonic(errors, month)).values
    drawn = drawn_amplitudes(errors, month, platform.to_numpy())
    reference = names.index("climatology")
    less = f"{sizes[-1] - sizes[reference]:+.2f} {interval(drawn[:, -1] - drawn[:, reference])}"
    cells = [f"{len(part):,}", str(platform.nunique()), *(f"{size:.2f}" for size in sizes), less]
    return cells
