"""Files beside the analyses (climatology, truth, baselines, maps) say what they hold, as CF has it."""

from __future__ import annotations

from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr

from deepda.geometry.grid import Grid
from deepda.geometry.windows import windows
from deepda.output.cf import SYNTHETIC
from deepda.output.climatology import CLIMATOLOGY, write_climatology
from deepda.output.fields import write_fields
from deepda.output.netcdf import AnalysisWriter
from deepda.output.roles import of_baseline, of_truth

CELLS = ("lat", "lon", "depth", "lat_bnds", "lon_bnds", "depth_bnds", "areacello", "ocean")
ANALYSIS = {"title": "a toy", "checkpoint": "{}", "members": "3", **SYNTHETIC, "config": {"a": 1}}


def require_as_an_analysis(path: Path, grid: Grid, beside: Path) -> None:
    """Cells and what is said of them are those of an analysis."""
    with netCDF4.Dataset(path) as file, netCDF4.Dataset(beside) as analysis:
        for name in CELLS:
            assert "_FillValue" not in file[name].ncattrs()
            assert file[name].__dict__ == analysis[name].__dict__
            np.testing.assert_array_equal(file[name][:], analysis[name][:])
        assert file.Conventions == analysis.Conventions and file.grid_checksum == grid.checksum
        assert file.geospatial_bounds == analysis.geospatial_bounds


@pytest.fixture
def analysis(tmp_path: Path, grid: Grid) -> Path:
    span = windows(2001, 2001, 12).first(1)
    with AnalysisWriter(tmp_path / "a.nc", grid, span, variables=("thetao",)) as out:
        out.write(0, np.ones(grid.shape))
    return tmp_path / "a.nc"


def test_fields_stand_in_a_file_as_the_analyses_do(tmp_path: Path, grid: Grid, analysis: Path) -> None:
    values = np.where(grid.ocean, 1.0, np.nan)[None]
    fields = xr.Dataset({"rmse": (("method", "depth", "lat", "lon"), values, {"units": "K"})})
    fields = fields.assign_coords(method=["oi"], depth=grid.depth).assign_attrs(title="Errors")
    write_fields(tmp_path / "f.nc", grid, fields, ANALYSIS, windows(2001, 2002, 12))
    require_as_an_analysis(tmp_path / "f.nc", grid, analysis)
    with xr.open_dataset(tmp_path / "f.nc") as file:
        assert file.attrs["title"] == "Errors" and file.attrs["processing_level"] == "synthetic"
        assert file.attrs["time_coverage_start"] == "2001-01-01T00:00:00Z"
        assert file.attrs["time_coverage_end"] == "2003-01-01T00:00:00Z"
        assert file["rmse"].attrs["cell_measures"] == "area: areacello"
        np.testing.assert_array_equal(file["rmse"].values, values.astype(np.float32))


def test_a_climatology_names_its_years_where_they_are_known(
    tmp_path: Path, grid: Grid, analysis: Path
) -> None:
    mean = np.zeros((12, *grid.shape), np.float32)
    about = {**ANALYSIS, "observations": {"climatology_period": [1991, 2020]}}
    write_climatology(tmp_path / CLIMATOLOGY, grid, mean, about)
    require_as_an_analysis(tmp_path / CLIMATOLOGY, grid, analysis)
    with xr.open_dataset(tmp_path / CLIMATOLOGY) as file:
        thetao, time = file["thetao"], file["climatological_time"]
        assert thetao.attrs["role"] == file.attrs["role"] == "climatology"
        assert "time: mean within years time: mean over years" in thetao.attrs["cell_methods"]
        bounds = file[time.attrs["climatology"]].values.astype("datetime64[D]").astype(str)
        assert bounds[1].tolist() == ["1991-02-01", "2020-03-01"]
        assert str(time.values[1])[:7] == "2005-02" and "checkpoint" not in file.attrs


def test_a_climatology_of_unknown_years_says_so(tmp_path: Path, grid: Grid) -> None:
    write_climatology(tmp_path / CLIMATOLOGY, grid, np.zeros((12, *grid.shape), np.float32), ANALYSIS)
    with xr.open_dataset(tmp_path / CLIMATOLOGY) as file:
        assert "of which years is not known" in file["thetao"].attrs["comment"]
        assert "climatological_time" not in file.variables
        assert file["thetao"].attrs["cell_methods"] == "area: mean where sea depth: mean"


@pytest.mark.parametrize(
    ("attributes", "role", "title"),
    [
        (of_truth(ANALYSIS), "truth", "Twin experiment of DeepDA: the truth, a simulated ocean"),
        (of_baseline(ANALYSIS, "oi"), "baseline", "Optimal interpolation, a baseline of: a toy"),
        (of_baseline(ANALYSIS, "persistence"), "baseline", "Persistence, a baseline of: a toy"),
    ],
)
def test_what_is_no_analysis_names_what_it_is(
    attributes: dict, role: str, title: str, tmp_path: Path, grid: Grid
) -> None:
    span = windows(2001, 2001, 12).first(1)
    with AnalysisWriter(
        tmp_path / "a.nc", grid, span, variables=("thetao",), attributes=attributes
    ) as out:
        out.write(0, np.ones(grid.shape))
    with xr.open_dataset(tmp_path / "a.nc") as file:
        assert file["thetao"].attrs["role"] == file.attrs["role"] == role
        assert file.attrs["title"] == title and file.attrs["processing_level"] == "synthetic"
        assert not {"checkpoint", "members"} & set(file.attrs) and "config" in file.attrs
        if role == "truth":
            assert "from synthetic observations of it" not in file.attrs["summary"]
