"""What DeepDA made of a simulated ocean is refused where the real ocean is expected, in every form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from toys import toy_space

from deepda.base.progress import Progress
from deepda.base.synthetic import simulated_by
from deepda.climatology.files import read_months, read_surface
from deepda.climatology.seasonal import ClimatologyError
from deepda.control.prepared import PreparedWriter
from deepda.geometry.windows import windows
from deepda.observations.drawn_errors import INDEPENDENT
from deepda.observations.errors import ERRORS
from deepda.observations.formats import read_observations
from deepda.observations.reading import ObservationError
from deepda.output.cf import SYNTHETIC
from osse.observing.observing_system import RandomNetwork
from osse.twin.twin import Twin, write_observations, write_truth

FORMS: dict[str, Callable[[pd.DataFrame, Path], object]] = {
    "twin.csv": lambda table, path: table.to_csv(path, index=False),
    "twin.parquet": lambda table, path: table.to_parquet(path),
    "twin.nc": lambda table, path: xr.Dataset.from_dataframe(table.rename_axis("obs")).to_netcdf(path),
}

REAL_ROWS = {
    "time": ["2010-01-01", "2010-01-02"], "lat": [10.0, 11.0], "lon": [20.0, 21.0], "depth": [5.0, 6.0],
    "temperature": [12.0, 13.0],
}  # fmt: skip


@pytest.fixture(scope="module")
def twin() -> Twin:
    """A year of months on a toy ocean."""
    space, span = toy_space(), windows(2001, 2001, 12)
    truth = xr.DataArray(space.climatology.mean, dims=("time", "depth", "lat", "lon"))
    network = RandomNetwork(space.grid, 1, 0.3, 0.1)
    return Twin(space, truth, span, network, ERRORS, 1, INDEPENDENT)


@pytest.fixture(scope="module")
def observed(twin: Twin, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("twin") / "observations.parquet"
    assert write_observations(twin, path, Progress()) > 0
    return path


@pytest.fixture(scope="module")
def truth(twin: Twin, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("twin") / "truth.nc"
    write_truth(twin, path, SYNTHETIC)
    return path


def test_the_table_of_a_twin_is_refused_as_it_was_written(observed: Path) -> None:
    with pytest.raises(ObservationError, match=r"simulated ocean .*expected .*real one"):
        read_observations(observed)


@pytest.mark.parametrize("name", FORMS)
def test_the_table_of_a_twin_is_refused_in_another_form(
    name: str, observed: Path, tmp_path: Path
) -> None:
    table = pd.read_parquet(observed).assign(platform_type="argo", platform_id="1")
    FORMS[name](table, tmp_path / name)
    with pytest.raises(ObservationError, match="simulated ocean"):
        read_observations(tmp_path / name)


def test_a_table_with_some_rows_of_a_twin_is_refused(observed: Path, tmp_path: Path) -> None:
    table = pd.read_parquet(observed)
    own = table.drop(columns="synthetic").assign(temperature=table["temperature"] + 1)
    pd.concat([own, table.iloc[-3:]]).to_csv(tmp_path / "both.csv", index=False)
    with pytest.raises(ObservationError, match=r"3 of .* rows"):
        read_observations(tmp_path / "both.csv")


@pytest.mark.parametrize("name", FORMS)
def test_a_column_of_that_name_that_marks_no_row_is_no_reason_to_refuse(
    name: str, observed: Path, tmp_path: Path
) -> None:
    table = pd.read_parquet(observed).assign(platform_type="argo", platform_id="1", synthetic=False)
    FORMS[name](table, tmp_path / name)
    assert read_observations(tmp_path / name).rows_in == len(table)


@pytest.mark.parametrize("form", ["own.csv", "own.parquet"])
@pytest.mark.parametrize("word", ["1.0", "yes", "Yes", "T", "y", "TRUE", "on", "perhaps", "2"])
def test_a_mark_that_is_no_clear_no_refuses_the_table(word: str, form: str, tmp_path: Path) -> None:
    rows = {**REAL_ROWS, "synthetic": ["", word]}
    FORMS[form.replace("own", "twin")](pd.DataFrame(rows), tmp_path / form)
    with pytest.raises(ObservationError, match=r"1 of 2 rows .*simulated ocean"):
        read_observations(tmp_path / form)


@pytest.mark.parametrize("form", ["own.csv", "own.parquet"])
@pytest.mark.parametrize("word", ["", "False", "FALSE", "0", "0.0", "no", "No", "f", "N", "nan"])
def test_a_mark_that_is_a_clear_no_refuses_nothing(word: str, form: str, tmp_path: Path) -> None:
    rows = {**REAL_ROWS, "synthetic": ["false", word]}
    FORMS[form.replace("own", "twin")](pd.DataFrame(rows), tmp_path / form)
    assert read_observations(tmp_path / form).rows_in == 2


@pytest.mark.parametrize("mark", [1, 2, -1, 0.5])
def test_any_number_but_nought_marks_a_row_of_a_netcdf_file(
    mark: float, observed: Path, tmp_path: Path
) -> None:
    table = pd.read_parquet(observed).assign(platform_type="argo", platform_id="1", synthetic=0.0)
    table.loc[table.index[-1], "synthetic"] = mark
    FORMS["twin.nc"](table, tmp_path / "own.nc")
    with pytest.raises(ObservationError, match=r"1 of .* rows .*simulated ocean"):
        read_observations(tmp_path / "own.nc")


def test_the_surface_of_a_truth_is_no_satellite_product(truth: Path, tmp_path: Path) -> None:
    with xr.open_dataset(truth) as whole:
        whole[["thetao"]].isel(depth=0).to_netcdf(tmp_path / "sst.nc")
    with pytest.raises(ObservationError, match="simulated ocean"):
        read_observations(tmp_path / "sst.nc")


def test_a_truth_is_no_climatology_of_the_real_ocean(truth: Path, tmp_path: Path) -> None:
    with pytest.raises(ClimatologyError, match="simulated ocean"):
        read_months([truth])
    with xr.open_dataset(truth) as whole:
        surface = whole[["thetao"]].isel(depth=0, drop=True).rename(thetao="sst")
        surface.to_netcdf(tmp_path / "surface.nc")
    with pytest.raises(ObservationError, match="simulated ocean"):
        read_surface(tmp_path / "surface.nc")


def test_what_is_not_marked_is_read(truth: Path) -> None:
    with xr.open_dataset(truth) as whole:
        months = whole.load().assign_attrs(processing_level="4")
    months.to_netcdf(truth.with_name("real.nc"))
    assert np.isfinite(read_months([truth.with_name("real.nc")]).value).any()


@pytest.mark.parametrize("per_year", [12, 73])
def test_a_prepared_control_simulation_is_refused_as_a_climatology(
    per_year: int, tmp_path: Path
) -> None:
    grid = toy_space().grid
    with PreparedWriter(tmp_path / "control.nc", grid, (1, 1), per_year, {}) as writer:
        writer.write(0, np.full((per_year, *grid.shape), 10.0, np.float32))
    with xr.open_dataset(tmp_path / "control.nc", decode_times=False) as control:
        control.isel(time=slice(12)).load().to_netcdf(tmp_path / "months.nc")
    with pytest.raises(ClimatologyError, match="simulated ocean by its attribute processing_level"):
        read_months([tmp_path / "months.nc"])


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"mip_era": "CMIP6", "activity_id": "CMIP"}, "mip_era"),
        ({"project_id": "CMIP5"}, "project_id"),
        ({"mip_era": "CMIP6", "activity_id": "input4MIPs"}, ""),  # observed boundary conditions
        ({"activity_id": "obs4MIPs"}, ""),
        ({"processing_level": "L4"}, ""),
        ({}, ""),
    ],
)
def test_output_of_a_model_is_known_by_the_project_it_was_made_for(
    attributes: dict[str, str], said: str
) -> None:
    assert simulated_by(attributes) == said
