"""Real files of the other formats and their traps: WOD, GTSPP, MITprof, moorings, surface products."""

from __future__ import annotations

from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr

from deepda.observations.formats import read_observations
from deepda.observations.reading import ObservationError, ReadOptions
from deepda.observations.t30 import grd_records, read_t30_climatology, t30_grid

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def real(data_root: Path) -> Path:
    return data_root / "real"


@pytest.fixture(scope="module")
def climatology(real: Path) -> xr.DataArray:
    return read_t30_climatology(real / "speedy_sst" / "sst_8190clim.t30.sea.grd")


# World Ocean Database


def test_wod_days_count_from_1770(real: Path) -> None:
    path = real / "wod18_iquod" / "WOD18_sample_1995" / "wod_007274386O.nc"
    table = read_observations(path).table
    assert (table["time"] == np.datetime64("1995-06-02T05:31:00")).all()
    with netCDF4.Dataset(path) as data:
        assert int(data["date"][()]) == 19950602
        assert abs(float(data["GMT_time"][()]) - (5 + 31 / 60)) < 1e-3


def test_wod_flag_zero_is_good_and_all_others_are_not(real: Path) -> None:
    path = real / "wod18_iquod" / "WOD18_sample_1995" / "wod_007274385O.nc"
    with netCDF4.Dataset(path) as data:
        flags, originator = data["Temperature_WODflag"][:], data["Temperature_origflag"][:]
    result = read_observations(path)
    assert result.reasons == {"temperature_flagged_bad": (flags > 0).sum()}
    assert (flags[result.table["source_index"]] == 0).all()
    changed = originator[result.table["source_index"]] == 5  # of GTSPP
    np.testing.assert_array_equal(result.table["qc"] == "probably_good", changed)


def test_wod_probes_are_distinguished(real: Path) -> None:
    kinds = {
        str(kind)
        for path in sorted((real / "wod18_iquod").rglob("*.nc"))
        for kind in read_observations(path).table["platform_type"].unique()
    }
    assert kinds == {"xbt", "mooring", "ctd"}


def test_ragged_casts_agree_with_a_loop_over_the_row_sizes(real: Path) -> None:
    path = real / "wodpy" / "ocldb1570984477.6279_OSD.nc"
    table = read_observations(path, ReadOptions(keep=("good", "unknown", "bad"))).table
    with netCDF4.Dataset(path) as data:
        data.set_auto_mask(False)
        sizes, depth, salt = data["z_row_size"][:], data["z"][:], data["Salinity"][:]
        salt_sizes, lats = data["Salinity_row_size"][:], data["lat"][:]
    at = salt_at = 0
    for cast, (size, salt_size) in enumerate(zip(sizes, salt_sizes, strict=True)):
        rows = table[table["profile"] == cast]
        np.testing.assert_array_equal(rows["depth"], depth[at : at + size])
        assert (rows["lat"] == lats[cast]).all()
        known = rows["salinity"].dropna()
        assert np.isin(known, salt[salt_at : salt_at + salt_size]).all()
        at, salt_at = at + size, salt_at + salt_size
    assert at == 666 and table["salinity"].min() > 0  # -1e10 is missing


# GTSPP, MITprof, moorings


def test_gtspp_opens_although_a_dimension_and_a_scalar_share_a_name(real: Path) -> None:
    path = real / "dart" / "1264095.nc"
    with pytest.raises(ValueError, match="no_prof"):
        xr.open_dataset(path)
    table = read_observations(path).table
    assert len(table) == 15 and set(table["platform_type"]) == {"xbt"}
    assert (table["time"] == np.datetime64("2000-01-31T02:00:00")).all()
    np.testing.assert_allclose(table["temperature"].iloc[[0, -1]], [23.7, 7.05], atol=2e-3)


def test_minus_9999_without_a_declared_fill_is_missing(real: Path) -> None:
    result = read_observations(real / "mitgcm" / "sample_prof.nc")
    table = result.table
    assert (
        result.rows_in == len(table) == 1575 - 92
        and table["temperature"].min() > -2
        and table["salinity"].min() > 30
    )


def test_mitprof_flags_reject(real: Path) -> None:
    result = read_observations(real / "mitprof" / "argo_sample.nc")
    with netCDF4.Dataset(real / "mitprof" / "argo_sample.nc") as data:
        flagged = (data["prof_Tflag"][:].filled(0) > 0) & ~np.ma.getmaskarray(data["prof_T"][:])
    assert result.reasons == {"temperature_flagged_bad": flagged.sum()}


def test_moorings_keep_their_station(real: Path) -> None:
    result = read_observations(real / "ferret_bench" / "DSG_ERDDAP_Tao5daySst.nc")
    assert result.rows_in == 2376 and result.reasons == {"temperature_flagged_bad": 64}
    assert result.table["platform_id"].nunique() <= 70
    first = result.table.iloc[0]
    assert first["platform_id"] == "13010" and first["temperature"] == pytest.approx(28.592, abs=1e-3)
    assert (result.table.groupby("platform_id", observed=True)["lat"].nunique() == 1).all()


# Gridded surface temperature


def test_kelvin_and_celsius_products_agree_where_they_overlap(real: Path) -> None:
    warm = read_observations(real / "sst_xarray_tutorial" / "sst.mnmean.nc").table
    kelvin = read_observations(real / "iris_sample_data" / "ostia_monthly.nc").table
    month = np.datetime64("2010-01")
    means = [
        part[(part["time"].to_numpy().astype("datetime64[M]") == month) & (part["lat"].abs() < 5)][
            "temperature"
        ].mean()
        for part in (warm, kelvin)
    ]
    assert abs(means[0] - means[1]) < 0.3


def test_kelvin_without_units_is_known_by_its_values(real: Path) -> None:
    table = read_observations(real / "xmca" / "sst.nc").table
    assert table["temperature"].between(-1.8, 32).all()


def test_monthly_means_lie_in_the_middle_of_their_month(real: Path) -> None:
    stamps = read_observations(real / "sst_xarray_tutorial" / "sst.mnmean.nc").table["time"]
    assert stamps.min() == np.datetime64("2010-01-16T12:00") and stamps.nunique() == 128
    bounded = read_observations(real / "iris_sample_data" / "ostia_monthly.nc").table["time"]
    assert bounded.min() == np.datetime64("2006-04-16")


def test_latitude_either_way_round_puts_the_cold_at_the_poles(real: Path) -> None:
    for name in ("sst_xarray_tutorial/sst.mnmean.nc", "dart/sst.jan1.2004.nc"):
        table = read_observations(real / name).table
        assert table[table["lat"].abs() < 10]["temperature"].mean() > 25
        assert table[table["lat"].abs() > 60]["temperature"].mean() < 5


def test_ice_is_no_sea_surface_temperature(real: Path) -> None:
    result = read_observations(real / "dart" / "sst.jan1.2004.nc")
    assert result.reasons == {"sea_ice": 22525}
    assert result.rejects["lat"].abs().min() > 40 and (result.rejects["temperature"] < -1.78).all()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("geocat/sstdata_netcdf.nc", "is a climatology .says the title"),
        ("ferret_bench/coads_climatology.cdf", "expected"),
        ("speedy_sst/sea_surface_temperature.nc", "units '1' around 287"),
        (
            "mini_esgf/tos_Omon_BCC-CSM2-HR_hist-1950_r1i1p1f1_gn_198001.nc",
            "simulated ocean by its attribute mip_era",
        ),
        (
            "mini_esgf/tos_Omon_CNRM-CM6-1_ssp245_r1i1p1f2_gn_201501.nc",
            "simulated ocean by its attribute mip_era",
        ),
        ("geocat/tos_ocean_bipolar_grid.nc", "two-dimensional"),
        ("parcels_woa/woa18_decav_t01_04.nc", "is a climatology"),
        ("fesom2/woa18_netcdf_5deg.nc", "no known format"),
        ("mitgcm/lev_t.bin", "expected NetCDF, Parquet"),
        ("wodpy/classic.dat", "is a text, expected a table with a header"),
    ],
)
def test_what_is_no_dated_observation_is_refused(name: str, words: str, real: Path) -> None:
    with pytest.raises(ObservationError, match=words):
        read_observations(real / name)


def test_days_since_0_is_a_climatology(tmp_path: Path) -> None:
    path = tmp_path / "sst.nc"
    xr.Dataset(
        {"sst": (("time", "lat", "lon"), np.full((1, 2, 2), 20.0), {"units": "degC"})},
        coords={
            "time": ("time", [15.0], {"units": "days since 0-1-1"}),
            "lat": [0.0, 1.0],
            "lon": [0.0, 1.0],
        },
    ).to_netcdf(path, format="NETCDF3_CLASSIC")
    with pytest.raises(ObservationError, match="a climatology"):
        read_observations(path)


def test_anomalies_need_their_climatology(real: Path, climatology: xr.DataArray) -> None:
    path = real / "sinkr_kaplan" / "kaplan_ssta_eqpac_5deg.nc"
    with pytest.raises(ObservationError, match="pass the climatology"):
        read_observations(path)
    result = read_observations(path, ReadOptions(climatology=climatology))
    assert result.reasons == {"no_climatology_here": 1906}
    row = result.table.iloc[1234]
    with xr.open_dataset(path) as data:
        anomaly = data["ssta"].to_numpy().ravel()[row["source_index"]]
    base = climatology.sel(month=row["time"].month).sel(
        lat=row["lat"], lon=row["lon"] % 360, method="nearest"
    )
    assert row["temperature"] == pytest.approx(anomaly + float(base), abs=1e-4)


def test_t30_records_come_in_both_byte_orders(real: Path) -> None:
    long, short = (grd_records(real / "speedy_sst" / name)
                   for name in ("sst_anom_7990.t30.grd", "sst_anom_8190.t30.sea.grd"))  # fmt: skip
    assert long.shape == (145, 48, 96) and short.shape == (122, 48, 96)
    np.testing.assert_array_equal(long[23:], short)  # both end in January 1991


def test_t30_land_is_missing_in_the_first_23_months_too(real: Path) -> None:
    values = grd_records(real / "speedy_sst" / "sst_anom_7990.t30.grd")
    assert (np.isnan(values).sum(axis=(1, 2)) == 1187).all()


def test_t30_rows_run_from_north_on_the_gaussian_grid(real: Path, climatology: xr.DataArray) -> None:
    lat, lon = t30_grid()
    with xr.open_dataset(real / "speedy_sst" / "sea_surface_temperature.nc", decode_times=False) as data:
        np.testing.assert_allclose(np.sort(lat), np.sort(data["lat"]), atol=1e-3)
        np.testing.assert_allclose(lon, data["lon"], atol=1e-3)
    january = climatology.sel(month=1).mean("lon")
    assert january.sel(lat=60, method="nearest") < january.sel(lat=-30, method="nearest")
    assert (np.diff(lat) < 0).all()


def test_t30_temperatures_need_a_start(real: Path, climatology: xr.DataArray) -> None:
    path = real / "speedy_sst" / "sst_anom_7990.t30.grd"
    with pytest.raises(ObservationError, match="pass its first month"):
        read_observations(path, ReadOptions(climatology=climatology))
    result = read_observations(path, ReadOptions(climatology=climatology, start="1979-01"))
    assert result.table["time"].min() == np.datetime64("1979-01-16T12:00")
    assert result.table["time"].max() == np.datetime64("1991-01-16T12:00")
    nino = result.table[result.table["lat"].abs().lt(5) & result.table["lon"].between(190, 240)]
    by_year = nino.groupby(nino["time"].dt.year)["temperature"].mean()
    assert by_year.drop(1991).idxmax() in (1983, 1987)
