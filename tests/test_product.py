"""Files as their readers use them: maps and series, anomalies, weights, members, provenance."""

from __future__ import annotations

from math import ceil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from test_netcdf import place_in_value, write_year
from toys import toy_grid

import deepda
from deepda.base.info import provenance
from deepda.geometry.grid import Grid
from deepda.geometry.windows import windows
from deepda.output.chunks import SLAB_BYTES, TILE_BYTES, tile, windows_at_once
from deepda.output.climatology import CLIMATOLOGY, write_climatology
from deepda.output.netcdf import AnalysisWriter
from deepda.output.reading import ProductError, open_reanalysis

DEFAULT, PAPER = (12, 45, 90), (38, 180, 360)


@pytest.mark.parametrize("shape", [DEFAULT, PAPER, (3, 5, 7), (50, 720, 1440)])
@pytest.mark.parametrize("total", [1, 12, 73])
def test_chunks_are_small_and_their_windows_fit_into_the_cache(
    shape: tuple[int, int, int], total: int
) -> None:
    together = windows_at_once(total, int(np.prod(shape)))
    lat, lon = tile(together, *shape[1:])
    assert 1 <= together <= total and 1 <= lat <= shape[1] and 1 <= lon <= shape[2]
    assert 4 * together * lat * lon <= 1.2 * TILE_BYTES
    assert together == 1 or 4 * together * np.prod(shape) <= SLAB_BYTES


@pytest.mark.parametrize(("shape", "megabytes"), [(DEFAULT, 8), (PAPER, 200)])
def test_forty_years_at_a_point_and_a_map_both_read_little(
    shape: tuple[int, int, int], megabytes: float
) -> None:
    together = windows_at_once(73, int(np.prod(shape)))
    lat, lon = tile(together, *shape[1:])
    chunk = 4 * together * lat * lon / 1e6
    assert 40 * ceil(73 / together) * chunk < megabytes  # one level, all years
    assert ceil(shape[1] / lat) * ceil(shape[2] / lon) * chunk < 2  # one level, one window


def test_the_file_is_the_same_whatever_the_order_of_its_windows(
    tmp_path: Path, grid: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepda.output.chunks.SLAB_BYTES", 5 * 4 * grid.ocean.size)
    made = []
    for name, order in (("a.nc", range(12)), ("b.nc", reversed(range(12)))):
        with AnalysisWriter(
            tmp_path / name, grid, windows(2008, 2008, 12), variables=("thetao",)
        ) as out:
            for step in order:
                out.write(step, place_in_value(grid, step))
        made.append(xr.load_dataset(tmp_path / name))
    assert made[0]["thetao"].encoding["chunksizes"][0] == 4
    xr.testing.assert_identical(*made)


def product(folder: Path, grid: Grid, years: range, **options: object) -> np.ndarray:
    """Monthly years whose climatology is a field for each month; returns it."""
    for year in years:
        write_year(folder / f"thetao_{year}.nc", grid, year, **options)
    mean = np.stack([place_in_value(grid, 0) + month / 8 for month in range(12)])
    write_climatology(folder / CLIMATOLOGY, grid, mean, {"title": "a toy", "config": {"a": 1}})
    return mean


@pytest.mark.slow
def test_anomalies_and_weights_are_ready_in_leap_years_too(tmp_path: Path, grid: Grid) -> None:
    mean = product(tmp_path, grid, range(2007, 2009))
    with deepda.open_reanalysis(tmp_path) as opened:
        assert opened.sizes["time"] == 24
        for step in (0, 11, 14):
            expected = place_in_value(grid, step % 12) - mean[step % 12]
            np.testing.assert_array_equal(opened["anomaly"][step].values, expected)
        np.testing.assert_allclose(opened["volume"].values, grid.volume)
        assert opened["depth_bnds"].dims == ("depth", "bnds")
        np.testing.assert_array_equal(Grid.from_dataset(opened).ocean, grid.ocean)
        whole = opened["anomaly"][3].weighted(opened["volume"]).mean(("depth", "lat", "lon"))
        fields = np.nan_to_num(place_in_value(grid, 3) - mean[3])
        assert float(whole) == pytest.approx((fields * grid.volume).sum() / grid.volume.sum(), abs=1e-5)
        assert opened["anomaly"].attrs["units"] == "K" and opened["anomaly"].chunks is not None


def test_an_anomaly_is_one_subtraction_without_us(tmp_path: Path) -> None:
    grid = toy_grid(np.random.default_rng(2))
    mean = np.stack([place_in_value(grid, pentad) for pentad in range(73)])
    year = windows(2008, 2008)
    with AnalysisWriter(tmp_path / "thetao_2008.nc", grid, year, variables=("thetao",)) as out:
        for step in range(73):
            out.write(step, mean[step] + 1)
    write_climatology(tmp_path / CLIMATOLOGY, grid, mean, {"title": "a toy"})
    with (
        xr.open_dataset(tmp_path / "thetao_2008.nc") as file,
        xr.open_dataset(tmp_path / CLIMATOLOGY) as normal,
    ):
        anomaly = file["thetao"] - normal["thetao"].sel(window_of_year=file["window_of_year"])
        assert anomaly.dims == ("time", "depth", "lat", "lon")
        np.testing.assert_array_equal(anomaly.values[:, grid.ocean], 1.0)
        assert "six days, with 29 February" in file["window_of_year"].attrs["long_name"]


def test_members_have_their_anomalies(tmp_path: Path, grid: Grid) -> None:
    year = windows(2008, 2008, 12)
    with AnalysisWriter(tmp_path / "thetao_2008.nc", grid, year, members=3) as out:
        for step in range(12):
            field = place_in_value(grid, step)
            three = np.stack([field, field + 1, field + 2])
            out.write(step, field, field / 64, members=three)
    mean = np.stack([place_in_value(grid, step) for step in range(12)])
    write_climatology(tmp_path / CLIMATOLOGY, grid, mean, {"title": "a toy"})
    with open_reanalysis(tmp_path) as opened:
        assert opened["anomaly_members"].dims == ("realization", "time", "depth", "lat", "lon")
        values = opened["anomaly_members"].values[:, 5, grid.ocean]
        np.testing.assert_array_equal(values, np.arange(3.0)[:, None] + np.zeros(values.shape[1]))
        assert not opened["anomaly"].values[:, grid.ocean].any()


def test_what_is_no_whole_product_is_refused(tmp_path: Path, grid: Grid) -> None:
    with pytest.raises(ProductError, match=r"holds no thetao_YYYY\.nc"):
        open_reanalysis(tmp_path)
    product(tmp_path, grid, range(2007, 2008))
    other = toy_grid(np.random.default_rng(9), (3, 5, 9))
    write_year(tmp_path / "thetao_2008.nc", other, 2008)
    with pytest.raises(ProductError, match=r"thetao_2008.nc has another grid"):
        open_reanalysis(tmp_path)
    (tmp_path / CLIMATOLOGY).unlink()
    with pytest.raises(ProductError, match=r"no .*climatology.nc, expected"):
        open_reanalysis(tmp_path)


def test_the_attributes_of_a_product_are_those_of_the_whole(tmp_path: Path, grid: Grid) -> None:
    product(
        tmp_path, grid, range(2007, 2008), attributes={"spinup_windows": 12, **made_in("2026-01-01")}
    )
    later = {"date_created": "2026-02-01", "history": "2026-01-01: one\n2026-02-01: two"}
    write_year(tmp_path / "thetao_2008.nc", grid, 2008, attributes={**later, "observations": "others"})
    with open_reanalysis(tmp_path) as opened:
        said = opened.attrs
    assert said["time_coverage_start"] == "2007-01-01T00:00:00Z"
    assert said["time_coverage_end"] == "2009-01-01T00:00:00Z"
    assert said["time_coverage_duration"] == "P731D" and said["time_coverage_resolution"] == "P1M"
    assert said["history"].splitlines() == ["2026-01-01: one", "2026-02-01: two"]
    assert said["date_created"] == "2026-02-01" and said["spinup_windows"] == 12
    assert said["geospatial_lat_units"] == "degrees_north"


def made_in(date: str) -> dict[str, str]:
    return {"date_created": date, "history": f"{date}: one", "observations": "these"}


def test_plots_are_not_titled_by_the_figure_of_the_earth(tmp_path: Path, grid: Grid) -> None:
    with xr.open_dataset(write_year(tmp_path / "a.nc", grid)) as file:
        assert "crs" not in file["thetao"].coords and "crs" in file
        assert file["crs"].attrs["grid_mapping_name"] == "latitude_longitude"


def test_variables_of_one_standard_name_differ_in_their_role(tmp_path: Path, grid: Grid) -> None:
    with xr.open_dataset(write_year(tmp_path / "a.nc", grid)) as file:
        named = file.filter_by_attrs(standard_name="sea_water_potential_temperature")
        assert {v.attrs["role"] for v in named.data_vars.values()} == {"analysis", "background"}
        assert list(file.filter_by_attrs(role="analysis").data_vars) == ["thetao"]


def test_files_say_when_by_what_and_by_whom_they_were_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, grid: Grid
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    monkeypatch.setattr("sys.argv", ["/usr/bin/deepda", "reanalysis", "--output", "my runs"])
    made = provenance("An institute", "CC-BY-4.0")
    assert made["history"] == "2001-09-09T01:46:40Z: deepda reanalysis --output 'my runs'"
    with xr.open_dataset(write_year(tmp_path / "a.nc", grid, attributes=made)) as file:
        assert (file.attrs["institution"], file.attrs["license"]) == ("An institute", "CC-BY-4.0")
        assert "doi:10.1038/s42256-024-00867-x" in file.attrs["references"]
    monkeypatch.setattr("sys.argv", ["/usr/bin/pytest"])
    assert provenance(None, None).keys() == {"date_created", "history"}
    assert provenance(None, None)["history"].endswith("DeepDA from Python")


def test_the_settings_of_a_reanalysis_reach_its_attributes() -> None:
    config = deepda.load_config("reanalysis", ["institution='An institute'", "licence=CC0-1.0"])
    assert (config.institution, config.licence) == ("An institute", "CC0-1.0")
