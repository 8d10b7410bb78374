"""The tables of the real ocean: what their numbers mean, on values made by hand."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from deepda.evaluation.seasonal import annual_amplitude, annual_phase
from deepda.geometry.grid import Grid

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)


@pytest.fixture
def tables() -> ModuleType:
    import real_tables

    return real_tables


@pytest.fixture
def seasons() -> ModuleType:
    import real_seasons

    return real_seasons


@pytest.fixture
def trends() -> ModuleType:
    import real_trends

    return real_trends


@pytest.fixture
def surface() -> ModuleType:
    import real_surface

    return real_surface


def wave(month: np.ndarray, amplitude: float, warmest: float) -> np.ndarray:
    """Values of an annual harmonic whose maximum is so many months after 1 January."""
    return 15 + amplitude * np.cos(2 * np.pi * (month + 0.5 - warmest) / 12)


def test_amplitude_and_maximum_of_a_cycle_with_holes_are_those_it_was_made_with(
    seasons: ModuleType,
) -> None:
    month = np.delete(np.tile(np.arange(12), 3), [0, 4, 5, 17, 30])
    found = seasons.harmonic(wave(month, 1.4, 8.3), month)
    assert float(annual_amplitude(found)) == pytest.approx(1.4)
    assert float(annual_phase(found)) == pytest.approx(8.3)


def test_a_maximum_just_after_new_year_is_days_later_than_one_before_it(seasons: ModuleType) -> None:
    month = np.arange(12)
    january, december = (seasons.harmonic(wave(month, 1.0, at), month) for at in (0.25, 11.75))
    assert float(seasons.later(january, december)) == pytest.approx(365.2425 / 24, rel=1e-6)
    assert float(seasons.later(december, january)) == pytest.approx(-365.2425 / 24, rel=1e-6)


def test_the_harmonic_of_the_errors_of_floats_leaves_the_places_they_drift_through(
    seasons: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """Observed values jump by place; a method that lacks 0.8 K of the cycle has an error of 0.80."""
    rng = np.random.default_rng(0)
    month = np.tile(np.arange(12), 25)
    observed = wave(month, 3.0, 8.0) + rng.normal(0, 5, month.size)
    table = pd.DataFrame(
        {"time": pd.to_datetime([f"2005-{m + 1:02d}-15" for m in month]), "lat": 40.0, "depth": 50.0,
         "temperature": observed, "climatology": observed - wave(month, 1.0, 8.0),
         "analysis": observed - wave(month, 0.8, 8.0),
         "platform_type": "argo", "platform_id": [f"f{n % 6}" for n in range(month.size)]}
    )  # fmt: skip
    methods = {"climatology": "climatology", "analysis": "analysis"}
    seasons.print_floats(table, methods)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "| north of 20°N, 0-100 m | 300 | 6 | 1.00 | 0.80 | -0.20 (-0.20 to -0.20) |"
    few = table[table["platform_id"] < "f4"]
    seasons.print_floats(few, methods)
    assert "north" not in capsys.readouterr().out


def test_amplitudes_of_drawn_platforms_are_those_of_their_rows_put_together(
    seasons: ModuleType,
) -> None:
    rng = np.random.default_rng(3)
    month, group = rng.integers(0, 12, 200), rng.choice(["a", "b", "c", "d"], 200)
    values = rng.normal(0, 1, (200, 2)) + wave(month, 1.0, 4.0)[:, None]
    drawn = seasons.drawn_amplitudes(values, month, group)
    names = list(dict.fromkeys(group))
    counts = np.random.default_rng(0).multinomial(4, [0.25] * 4, seasons.DRAWS)
    for draw in (0, 7, 99):
        chosen = zip(names, counts[draw], strict=True)
        rows = np.concatenate([np.tile(np.flatnonzero(group == name), n) for name, n in chosen])
        found = annual_amplitude(seasons.harmonic(values[rows], month[rows]))
        assert drawn[draw] == pytest.approx(found.values)


def test_patterns_are_alike_by_area_and_without_their_means(trends: ModuleType) -> None:
    one = np.array([[0.0, 1.0], [2.0, np.nan]])
    weights = np.array([[1.0, 1.0], [2.0, 9.0]])
    correlation, difference = trends.alike(one, 3 * one + 1, weights)
    assert correlation == pytest.approx(1.0)
    assert difference == pytest.approx(np.sqrt((1 + 3**2 + 2 * 5**2) / 4))


def test_cells_without_a_value_count_in_no_mean(trends: ModuleType) -> None:
    years = np.array([f"{year}-07-02" for year in range(2000, 2010)], "datetime64[ns]")
    slope = np.array([[0.1, np.nan], [0.3, 0.2]])
    field = xr.DataArray(np.arange(10.0)[:, None, None] * slope, {"time": years}, ("time", "lat", "lon"))
    weights = xr.DataArray(np.array([[1.0, 5.0], [1.0, 0.0]]), dims=("lat", "lon"))
    assert float(trends.mean_trend(field, weights).slope) == pytest.approx(2.0, rel=1e-3)


def test_a_product_is_averaged_over_the_cells_and_a_missing_month_is_refused(
    surface: ModuleType, tmp_path: Path
) -> None:
    """Two degrees by two into four by four: of a field that is linear in latitude, the middle."""
    lat, lon = np.arange(-88.0, 89, 2), np.arange(0.0, 360, 2)
    time = pd.date_range("2004-01-01", periods=24, freq="MS")
    values = np.broadcast_to(lat[:, None] / 4, (24, lat.size, lon.size)).copy()
    values[5, lat == 10] = np.nan
    file = tmp_path / "sst.nc"
    xr.Dataset(
        {"sst": (("time", "lat", "lon"), values)}, {"time": time, "lat": lat, "lon": lon}
    ).to_netcdf(file)
    edges = np.arange(-12.0, 13, 4), np.arange(2.0, 363, 4)
    grid = Grid(*edges, np.array([0.0, 25.0]), np.ones((1, 6, 90), bool))
    found = surface._on_cells(file, grid, range(2004, 2006))
    assert found.shape == (24, 6, 90)
    np.testing.assert_allclose(found[0, :, 3], grid.lat / 4, atol=2e-3)
    assert np.isfinite(found[5, 4]).all()  # the other half of these cells has values
    with pytest.raises(SystemExit, match="24 months of 2004 to 2006, expected all 36"):
        surface._on_cells(file, grid, range(2004, 2007))


def test_the_gain_is_over_the_baseline_of_least_error_in_the_line(tables: ModuleType) -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(10, 3, 400)
    sizes = {"climatology": 2.0, "oi": 1.0, "multi_scale_oi": 0.8, "analysis": 0.6}
    noise = np.where(np.arange(400) % 2, 1.0, -1.0)
    table = pd.DataFrame({name: truth + size * noise for name, size in sizes.items()})
    table = table.assign(
        temperature=truth, error=0.3, spread=0.5, background=truth + 0.7, platform_id="p"
    )
    cells = tables.line(table)
    assert cells[2:6] == ["2.00 (+0.00)", "1.00 (+0.00)", "0.80 (+0.00)", "0.60 (+0.00)"]
    assert cells[6:8] == ["70 % (70 to 70)", "25 % (25 to 25)"]
    assert tables.line(table.drop(columns="multi_scale_oi"))[6] == "40 % (40 to 40)"
