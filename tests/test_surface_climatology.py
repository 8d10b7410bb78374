"""The climatology that an anomaly is added to: its months, place and years must be the anomaly's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netcdf_files import LAT, LON, SST, sst_file, write

from deepda.observations.formats import format_of, read_format
from deepda.observations.reading import ObservationError, ReadOptions, ReadResult
from deepda.observations.surface_climatology import read_surface_climatology

SINCE = {"units": "days since 2001-01-01"}
MIDDLES = np.array([15.0, 45, 74, 105, 135, 166, 196, 227, 258, 288, 319, 349])  # of months, in days
MARCH = np.datetime64("2012-03-10")


def normal(
    path: Path,
    days: np.ndarray = MIDDLES,
    words: dict[str, Any] | None = None,
    lat: np.ndarray = LAT,
    field: np.ndarray | None = None,
    sst: dict[str, Any] | None = None,
    **attributes: object,
) -> Path:
    """Twelve fields of the number of their step."""
    steps = np.arange(12.0)[:, None, None] + np.zeros((12, lat.size, LON.size))
    return write(
        path,
        {
            "time": (("time",), days, SINCE if words is None else words),
            "lat": (("lat",), lat, {"units": "degrees_north"}),
            "lon": (("lon",), LON, {"units": "degrees_east"}),
            "sst": (
                ("time", "lat", "lon"),
                steps if field is None else field,
                {"units": "degC"} | (sst or {}),
            ),
        },
        **attributes,
    )


def added(tmp_path: Path, climatology: Path, **words: str) -> ReadResult:
    """Anomalies of 10 March 2012 of 1 K, with a climatology."""
    path = sst_file(tmp_path / "a.nc", SST * 0 + 1, name="ssta", words=words)
    options = ReadOptions(climatology=read_surface_climatology(climatology))
    return read_format(path, format_of(path), options)


@pytest.mark.parametrize(
    ("days", "words", "step"),
    [(MIDDLES, None, 2), (MIDDLES + 181, None, 8), (np.arange(1.0, 13), {"units": "month"}, 2),
     (np.roll(np.arange(1.0, 13), -6), {"units": "month"}, 8), (np.arange(12.0), {}, 2),
     (np.arange(12.0) * 30.5 + 6, {"units": "days since 0000-01-01"}, 2)],
)  # fmt: skip
def test_months_of_a_climatology_go_by_their_times(
    days: np.ndarray, words: dict | None, step: int, tmp_path: Path
) -> None:
    table = added(tmp_path, normal(tmp_path / "n.nc", days, words)).table
    np.testing.assert_allclose(table["temperature"], step + 1, atol=1e-5)


def test_twelve_years_are_no_months(tmp_path: Path) -> None:
    years = np.arange(12.0) * 365.25 + 180
    with pytest.raises(ObservationError, match="expected each month of the year once"):
        read_surface_climatology(normal(tmp_path / "n.nc", years))


def test_beyond_the_climatology_there_is_none(tmp_path: Path) -> None:
    tropics = normal(tmp_path / "n.nc", lat=np.array([-5.0, 0.0, 5.0]))
    result = added(tmp_path, tropics)
    assert set(result.table["lat"]) == {0.0}
    assert result.reasons == {"no_climatology_here": (LAT.size - 1) * LON.size}


@pytest.mark.parametrize("said", ["1991-2020", "1981 to 2010", "1951-80"])
def test_the_climatology_of_other_years_is_refused(said: str, tmp_path: Path) -> None:
    other = normal(tmp_path / "n.nc", title=f"climatology {said}")
    with pytest.raises(ObservationError, match=r"departs from 1961-1990, .* expected the same years"):
        added(tmp_path, other, reference_period="1961-1990")


@pytest.mark.parametrize("said", ["climatology 1961-1990", "SST climatology", "normal 1961-90"])
def test_the_climatology_of_the_same_or_no_years_is_added(said: str, tmp_path: Path) -> None:
    assert added(tmp_path, normal(tmp_path / "n.nc", title=said), comment="w.r.t. 1961-1990").rows_in


def test_values_outside_the_valid_range_of_a_climatology_are_none(tmp_path: Path) -> None:
    field = np.full((12, *SST.shape), 20.0)
    field[:, 0] = -9999.0
    path = normal(tmp_path / "n.nc", field=field, sst={"valid_min": -5.0})
    assert np.isnan(read_surface_climatology(path)).sum() == 12 * LON.size
