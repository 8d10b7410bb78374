"""Feedback of a window and on disk: equivalents, states, the background check, every row kept."""

from __future__ import annotations

from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pytest
import torch
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_superobs import climatology_of, scattered

from deepda.assimilation.cycle import StateEstimate
from deepda.assimilation.state import StateSpace
from deepda.assimilation.superobs import superobs
from deepda.feedback import FeedbackWriter, feedback, read_feedback
from deepda.feedback.nemo import KINDS, surface_rows, write_fdbk
from deepda.feedback.store import FeedbackError
from deepda.feedback.window import (
    STATES,
    Fields,
    FieldsError,
    check_window,
    state_of,
    usable,
    with_rejected,
    withhold,
)
from deepda.geometry.grid import OUTSIDE, Grid
from deepda.geometry.windows import windows
from deepda.observations.fdbk import read_fdbk
from deepda.observations.qualities import QUALITY
from deepda.observations.reading import ReadOptions
from deepda.observations.table import PLATFORM_TYPE, PLATFORMS
from deepda.quality import CHECKS, Context, screen

START, END = np.datetime64("2008-03-01"), np.datetime64("2008-03-06")
READ = ReadOptions(keep=("good", "probably_good", "unknown"))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def fields_of(grid: Grid, rng: np.random.Generator) -> Fields:
    """Values that encode their cell; NaN on land."""
    background = np.where(grid.ocean, rng.uniform(0, 30, grid.shape), np.nan).astype(np.float32)
    step = rng.normal(0, 0.5, grid.shape).astype(np.float32)
    spread = np.where(grid.ocean, rng.uniform(0.2, 1, grid.shape), np.nan).astype(np.float32)
    return Fields(background, background + step, spread)


def window_table(grid: Grid, rng: np.random.Generator, rows: int = 600) -> pd.DataFrame:
    """Rows of casts and single values of all platform types, anywhere, in no order."""
    table = scattered(grid, rng, rows)
    cast = np.sort(rng.integers(0, rows // 4, rows))
    first = np.searchsorted(cast, cast)
    kind = rng.choice(PLATFORMS, rows)[first]
    days = rng.integers(0, 5 * 86400, rows)[first].astype("timedelta64[s]")
    table = table.assign(
        time=START.astype("datetime64[s]") + days,
        lat=table["lat"].to_numpy()[first],
        lon=table["lon"].to_numpy()[first],
        platform_type=pd.Categorical(kind, dtype=PLATFORM_TYPE),
        platform_id=pd.Categorical([f"P{number % 40:05d}" for number in cast]),
        source=pd.Categorical(np.where(cast % 3, "one.nc", "two.nc")),
        source_index=np.arange(rows),
        profile=cast.astype(np.int32),
        salinity=np.where(cast % 2, 35.0, np.nan),
        qc=pd.Categorical(np.array(["good", "unknown", "probably_good"])[cast % 3], dtype=QUALITY),
    )
    floats = ["lat", "lon", "depth", "temperature", "error", "salinity"]
    table = table.astype(dict.fromkeys(floats, np.float32))
    return table.iloc[rng.permutation(rows)].reset_index(drop=True)


def fed(grid: Grid, rng: np.random.Generator) -> pd.DataFrame:
    """Feedback of a window with used, withheld and rejected rows."""
    table = window_table(grid, rng)
    reason = rng.choice(["", "", "", "spike", "on_land"], len(table))
    table = withhold(table.assign(reason=reason), 0.2, [])
    return feedback(table, grid, fields_of(grid, rng))


def test_equivalents_are_those_of_the_cell_that_a_row_lies_in(
    grid: Grid, rng: np.random.Generator
) -> None:
    table, fields = window_table(grid, rng), fields_of(grid, rng)
    out = feedback(table, grid, fields)
    for place, (_, row) in enumerate(out.iterrows()):  # brute force, longitude unwrapped by hand
        lon = row["lon"]
        while lon < grid.lon_edges[0]:
            lon += 360
        while lon >= grid.lon_edges[-1]:
            lon -= 360
        inside = [
            np.flatnonzero((edges[:-1] <= value) & (value < edges[1:]))
            for edges, value in (
                (grid.depth_edges, row["depth"]), (grid.lat_edges, row["lat"]), (grid.lon_edges, lon)
            )
        ]  # fmt: skip
        if all(found.size for found in inside):
            at = tuple(int(found[0]) for found in inside)
            expected = [fields.background[at], fields.analysis[at], fields.spread[at]]
            reason = "" if grid.ocean[at] else "on_land"
        else:
            expected, reason = [np.nan] * 3, "outside_grid"
        found = [row["background"], row["analysis"], row["spread"]]
        np.testing.assert_array_equal(np.array(found, np.float32), np.array(expected, np.float32))
        assert (row["reason"], row["used"]) == (reason, reason == ""), place


def test_used_rows_are_those_that_superobservations_were_made_of(
    grid: Grid, rng: np.random.Generator
) -> None:
    climatology = climatology_of(grid, rng)
    climatology.mean[:, :, ::3, ::4] = np.nan
    scale = np.ones(grid.shape, np.float32)
    space = StateSpace(grid, climatology, scale)
    zero = torch.zeros(1, *grid.shape)
    estimate = StateEstimate(zero, zero + 0.5, zero[:, :0])
    table = withhold(window_table(grid, rng), 0.2, [])
    table = table.assign(reason=rng.choice(["", "", "spike"], len(table)))
    out = feedback(table, grid, Fields.of(space, 3, estimate, estimate))
    found = superobs(usable(table), grid, 3, climatology)
    np.testing.assert_array_equal(out["used"][state_of(table) == 0], found.cell != OUTSIDE)
    assert out["used"].sum() == found.count.sum()
    assert {"no_background", "on_land", "outside_grid", "spike", ""} == set(out["reason"].unique())


def test_an_estimate_becomes_degrees_and_kelvin_of_the_unperturbed_member(
    grid: Grid, rng: np.random.Generator
) -> None:
    space = StateSpace(grid, climatology_of(grid, rng), np.full(grid.shape, 2.0, np.float32))
    mean = torch.from_numpy(rng.normal(size=(2, *grid.shape)).astype(np.float32))
    spread = torch.full((2, *grid.shape), 0.25)
    estimate = StateEstimate(mean, spread, mean[:, :0])
    fields = Fields.of(space, 4, estimate, StateEstimate(mean + 1, spread, mean[:, :0]))
    expected = space.climatology.mean[4] + 2 * mean[0].numpy()
    np.testing.assert_allclose(fields.background, np.where(grid.ocean, expected, np.nan), rtol=1e-6)
    np.testing.assert_allclose((fields.analysis - fields.background)[grid.ocean], 2.0, atol=1e-5)
    np.testing.assert_array_equal(fields.spread[grid.ocean], 0.5)


@pytest.mark.slow
@given(data=st.data())
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_row_comes_out_in_one_state_with_its_values(data: st.DataObject) -> None:
    from toys import toy_grid

    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    grid = toy_grid(rng)
    table = window_table(grid, rng, rows=60)
    numbers = st.floats(allow_nan=True, allow_infinity=True, width=32)
    for name in ("lat", "lon", "depth", "temperature"):  # what quality control rejects may be anything
        values = table[name].to_numpy(copy=True)
        values[0] = data.draw(numbers)
        table[name] = values
    table["reason"] = ["broken", *rng.choice(["", "spike"], 59)]
    out = feedback(withhold(table, data.draw(st.floats(0, 1)), []), grid, fields_of(grid, rng))
    pd.testing.assert_frame_equal(out[table.columns.drop("reason")], table.drop(columns="reason"))
    state = state_of(out)
    assert state[0] == STATES.index("rejected")
    np.testing.assert_array_equal(out["used"], state == 0)
    np.testing.assert_array_equal((out["reason"] == "") & out["withheld"], state == 1)
    given_reason = table["reason"] != ""
    assert (out["reason"][given_reason] == table["reason"][given_reason]).all()


def test_rejected_rows_join_the_kept_ones_with_their_reasons(
    grid: Grid, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = window_table(grid, rng)
    table.loc[:40, "temperature"] = 55.0
    only = tuple(check for check in CHECKS if check.reason == "global_range")
    monkeypatch.setattr("deepda.quality.screening.CHECKS", only)
    done = screen(Context(grid, END), table)
    joined = with_rejected(done.kept.drop(columns="salinity"), done.rejected)
    assert len(joined) == len(table) and (joined["reason"] == "global_range").sum() == 41
    assert joined["platform_type"].dtype == PLATFORM_TYPE
    assert joined["platform_id"].dtype == "category"
    ordered = joined.set_index("source_index").loc[table["source_index"]]
    np.testing.assert_array_equal(ordered["temperature"], table["temperature"])
    assert usable(joined)["temperature"].max() < 55


def cast_at(grid: Grid, cell: tuple[int, ...], departures: list[float], name: str) -> pd.DataFrame:
    """A cast in the column of a cell whose background is 10 degC everywhere."""
    level = np.arange(len(departures))
    return pd.DataFrame(
        {
            "time": START.astype("datetime64[s]"),
            "lat": grid.lat[cell[1]],
            "lon": grid.lon[cell[2]],
            "depth": grid.depth[level],
            "temperature": 10.0 + np.array(departures),
            "error": 0.3,
            "platform_type": pd.Categorical(["ctd"] * len(departures), dtype=PLATFORM_TYPE),
            "platform_id": name,
        }
    )


def test_a_gross_level_is_rejected_alone_and_a_gross_cast_as_a_whole(grid: Grid) -> None:
    column = np.argwhere(grid.ocean.all(0))[0]
    cell = (0, *map(int, column))
    table = pd.concat(
        [
            cast_at(grid, cell, [0.1, 9.0, -0.2, 0.0], "level"),
            cast_at(grid, cell, [9.0, 9.0, 9.0, 0.0], "profile"),
            cast_at(grid, cell, [0.3, -0.3, 0.5, 0.4], "good"),
        ],
        ignore_index=True,
    )
    background = np.where(grid.ocean, 10.0, np.nan)
    spread = np.where(grid.ocean, 0.3, np.nan)
    reason = check_window(table, grid, background, spread)["reason"].astype(str).tolist()
    assert reason == ["", "background_level", "", "", *["background_profile"] * 4, *[""] * 4]
    wide = check_window(table, grid, background, spread * 30)["reason"]
    assert (wide == "").all()  # an uncertain background rejects nothing


def test_within_ten_degrees_of_the_equator_the_check_bears_departures_half_as_large_again(
    grid: Grid,
) -> None:
    rows = np.abs(grid.lat[:, None]) + 90.0 * ~grid.ocean.all(0)
    near, far = rows < 10, (rows > 10) & (rows < 90)
    background, spread = (np.where(grid.ocean, value, np.nan) for value in (10.0, 1.0))
    for departure, rejected in ((3.0, (0, 0)), (4.0, (0, 1)), (7.0, (1, 1))):
        for place, expected in zip((near, far), rejected, strict=True):
            table = cast_at(grid, (0, *map(int, np.argwhere(place)[0])), [departure, 0.0, 0.0], "P")
            reason = check_window(table, grid, background, spread)["reason"].astype(str)
            assert (reason == "background_level").sum() == expected, departure


@pytest.mark.parametrize(
    ("row", "warmer_above", "verdict"),
    [(0, 10.0, ""), (0, 0.01, "background_level"), (1, 10.0, "background_level")],
)
def test_at_the_thermocline_of_the_equator_the_check_bears_what_el_nino_displaces(
    row: int, warmer_above: float, verdict: str
) -> None:
    """A departure of 4 K where 100 m of water have a gradient of 0.1 K m-1, or hardly any."""
    edges = np.array([0.0, 100.0, 200.0]), np.array([-4.0, 4.0, 60.0, 64.0])
    ocean = np.ones((2, 3, 9), bool)
    grid = Grid(edges[1], np.linspace(0, 360, 10), edges[0], ocean)
    background = np.full(grid.shape, 10.0)
    background[0] += warmer_above
    table = cast_at(grid, (0, 2 * row, 3), [warmer_above, 4.0], "P1")
    reason = check_window(table, grid, background, np.full(grid.shape, 0.3))["reason"]
    assert reason.astype(str).tolist() == ["", verdict]


def test_the_check_leaves_rejected_and_withheld_rows_and_places_without_background_alone(
    grid: Grid,
) -> None:
    column = np.argwhere(grid.ocean.all(0))[0]
    table = cast_at(grid, (0, *map(int, column)), [9.0, 9.0, 0.0, 0.1], "P1")
    background, spread = (np.where(grid.ocean, value, np.nan) for value in (10.0, 0.3))
    kept_back = check_window(table.assign(withheld=True), grid, background, spread)
    assert (kept_back["reason"] == "").all()
    known = table.assign(reason=["spike", "stuck_value", "", ""])
    assert check_window(known, grid, background, spread)["reason"].tolist() == [
        "spike", "stuck_value", "", "",
    ]  # fmt: skip
    nowhere = check_window(table.assign(lat=89.9), grid, background, spread)
    assert (nowhere["reason"] == "").all()


def test_a_field_of_another_shape_is_refused(grid: Grid, rng: np.random.Generator) -> None:
    fields = fields_of(grid, rng)
    with pytest.raises(FieldsError, match="give \\(depth, lat, lon\\)"):
        feedback(window_table(grid, rng), grid, Fields(fields.background[None], *[fields.spread] * 2))


def written(folder: Path, grid: Grid, rng: np.random.Generator) -> pd.DataFrame:
    """Three windows over the end of a month, the last one first, as a smoother gives them."""
    span, tables = windows(2008, 2008), []
    with FeedbackWriter(folder, others=("climatology",)) as out:
        for step in (13, 12, 11):
            start, end = span.start[step], span.end[step]
            shift = start - START.astype("datetime64[s]")
            table = fed(grid, rng).assign(climatology=np.float32(4.0))
            table = table.assign(time=table["time"] + shift)
            out.write(table, start, end)
            tables.append(table)
    return pd.concat(tables, ignore_index=True)


@pytest.mark.slow
def test_parquet_gives_back_every_row_by_year_and_month(
    grid: Grid, rng: np.random.Generator, tmp_path: Path
) -> None:
    table = written(tmp_path, grid, rng)
    assert sorted(path.parent.name for path in tmp_path.glob("feedback/year=2008/*/part.parquet")) == [
        "month=02", "month=03",
    ]  # fmt: skip
    whole = read_feedback(tmp_path)
    by = ["time", "source_index", "temperature"]
    names = [name for name in whole.columns if name in table.columns]
    assert set(table.columns) <= set(whole.columns)
    texts = dict.fromkeys(["platform_type", "platform_id", "source", "qc", "reason"], str)
    pd.testing.assert_frame_equal(
        whole[names].sort_values(by, ignore_index=True).astype(texts),
        table[names].sort_values(by, ignore_index=True).astype(texts),
    )
    march = pd.read_parquet(tmp_path / "feedback", filters=[("month", "=", 3)])
    assert (pd.DatetimeIndex(march["time"]).month == 3).all() and 0 < len(march) < len(table)
    held = read_feedback(tmp_path / "feedback", ["temperature"], pc.field("withheld"))
    assert len(held) == table["withheld"].sum()


def test_rows_without_a_time_stay_with_their_window(
    grid: Grid, rng: np.random.Generator, tmp_path: Path
) -> None:
    table = fed(grid, rng)
    time = table["time"].to_numpy(copy=True)
    time[:3] = np.array(["NaT", "1066-10-14", "2999-01-01"], "datetime64[s]")
    table["time"] = time
    with FeedbackWriter(tmp_path) as out:
        out.write(table, START, END)
    assert len(read_feedback(tmp_path)) == len(table)
    assert [path.parent.name for path in tmp_path.rglob("*.parquet")] == ["month=03"]


def test_files_are_whole_or_not_there(grid: Grid, rng: np.random.Generator, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="the power fails"), FeedbackWriter(tmp_path) as out:
        out.write(fed(grid, rng), START, END)
        raise RuntimeError("the power fails")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    with pytest.raises(FeedbackError, match="holds no feedback"):
        read_feedback(tmp_path)


def test_a_table_that_is_no_feedback_is_refused(
    grid: Grid, rng: np.random.Generator, tmp_path: Path
) -> None:
    with pytest.raises(FeedbackError, match="no column background"), FeedbackWriter(tmp_path) as out:
        out.write(window_table(grid, rng), START, END)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cells", [7, 4_000_000])
def test_our_reader_reads_back_every_level_of_a_nemo_file(
    kind: str, cells: int, grid: Grid, rng: np.random.Generator, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("deepda.feedback.nemo.CELLS", cells)  # many pieces, or one
    table = fed(grid, rng)
    table = table[surface_rows(table) == (kind == "surface")].reset_index(drop=True)
    result = read_fdbk(write_fdbk(table, tmp_path / "fdbk.nc", kind), READ)
    assert result.rows_in == len(table)
    rejected = state_of(table) == STATES.index("rejected")
    assert len(result.rejects) == rejected.sum()
    by = ["time", "platform_id", "lat", "depth", "temperature"]
    expected = table[~rejected].astype({"platform_id": str}).sort_values(by, ignore_index=True)
    found = result.table.astype({"platform_id": str}).sort_values(by, ignore_index=True)
    np.testing.assert_array_equal(found["time"], expected["time"])
    for name in ("lat", "lon", "depth", "temperature", "salinity"):
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
    np.testing.assert_array_equal(found["qc"].astype(str), expected["qc"].astype(str))
    if kind == "profile":
        np.testing.assert_array_equal(found["platform_type"], expected["platform_type"])


def test_levels_go_down_and_a_rejected_single_value_without_temperature_is_a_row(
    grid: Grid, rng: np.random.Generator, tmp_path: Path
) -> None:
    table = fed(grid, rng)
    with netCDF4.Dataset(write_fdbk(table[~surface_rows(table)], tmp_path / "many.nc")) as data:
        step = np.ma.diff(data["DEPTH"][:], axis=1)  # padding is masked
        assert step.count() > 100 and (step >= 0).all()
    single = table[~surface_rows(table)][:1].assign(temperature=np.float32(np.nan), reason="spike")
    assert read_fdbk(write_fdbk(single, tmp_path / "one.nc"), READ).rows_in == 1


def test_a_nemo_file_holds_equivalents_use_and_reason_of_each_level(
    grid: Grid, rng: np.random.Generator, tmp_path: Path
) -> None:
    table = fed(grid, rng)
    table = table[~surface_rows(table)]
    write_fdbk(table, tmp_path / "fdbk.nc")
    with xr.open_dataset(tmp_path / "fdbk.nc", mask_and_scale=False) as data:
        assert data["JULD"].dtype.kind == "M"
        names = data["POTM_LEVEL_QC_FLAGS"].attrs["flag_meanings"].split()
        there = data["DEPTH"].values < 99999.0
        level = data["POTM_LEVEL_QC_FLAGS"].values[there]
        columns = {
            "temperature": data["POTM_OBS"], "background": data["POTM_Hx"], "error": data["ERROR"],
            "analysis": data["POTM_Hxa"], "spread": data["POTM_SPREAD"],
        }  # fmt: skip
        found = pd.DataFrame({name: values.values[there] for name, values in columns.items()})
        found["reason"] = np.array(["", *names[1:]])[level[:, 0]]
        found["used"], found["withheld"] = (level[:, 1] & 1) > 0, (level[:, 1] & 2) > 0
        found["quality"] = data["POTM_LEVEL_QC"].values[there]
    found = found.replace(np.float32(99999.0), np.nan).sort_values("temperature", ignore_index=True)
    table = table.sort_values("temperature", ignore_index=True)
    for name in columns:
        np.testing.assert_array_equal(found[name], table[name], err_msg=name)
    for name in ("reason", "used", "withheld"):
        np.testing.assert_array_equal(found[name], table[name], err_msg=name)
    np.testing.assert_array_equal(found["quality"] == 4, table["reason"] != "")


def test_a_nemo_file_has_the_dimensions_and_variables_of_the_manual(
    grid: Grid, rng: np.random.Generator, tmp_path: Path
) -> None:
    table = fed(grid, rng).drop(columns="salinity")
    with netCDF4.Dataset(write_fdbk(table[~surface_rows(table)], tmp_path / "fdbk.nc")) as data:
        assert set(data.dimensions) == {
            "N_OBS", "N_LEVELS", "N_VARS", "N_QCF", "N_ENTRIES", "N_EXTRA", "STRINGNAM", "STRINGGRID",
            "STRINGWMO", "STRINGTYP", "STRINGJULD",
        }  # fmt: skip
        expected = {
            "VARIABLES": ("N_VARS", "STRINGNAM"), "ENTRIES": ("N_ENTRIES", "STRINGNAM"),
            "EXTRA": ("N_EXTRA", "STRINGNAM"), "STATION_IDENTIFIER": ("N_OBS", "STRINGWMO"),
            "STATION_TYPE": ("N_OBS", "STRINGTYP"), "JULD_REFERENCE": ("STRINGJULD",),
            "LONGITUDE": ("N_OBS",), "LATITUDE": ("N_OBS",), "JULD": ("N_OBS",),
            "DEPTH": ("N_OBS", "N_LEVELS"), "ORIGINAL_FILE_INDEX": ("N_OBS",),
            **{f"{name}_QC": ("N_OBS",) for name in ("JULD", "POSITION", "OBSERVATION", "POTM")},
            **{f"{name}_QC_FLAGS": ("N_OBS", "N_QCF") for name in ("JULD", "POSITION", "OBSERVATION")},
            "POTM_QC_FLAGS": ("N_OBS", "N_QCF"), "DEPTH_QC": ("N_OBS", "N_LEVELS"),
            "DEPTH_QC_FLAGS": ("N_OBS", "N_LEVELS", "N_QCF"), "POTM_LEVEL_QC": ("N_OBS", "N_LEVELS"),
            "POTM_LEVEL_QC_FLAGS": ("N_OBS", "N_LEVELS", "N_QCF"), "POTM_GRID": ("STRINGGRID",),
            **{f"POTM_{entry}": ("N_OBS", "N_LEVELS") for entry in ("OBS", "Hx", "Hxa", "SPREAD")},
            "ERROR": ("N_OBS", "N_LEVELS"),
        }  # fmt: skip
        assert {name: variable.dimensions for name, variable in data.variables.items()} == expected
        data.set_auto_mask(False)
        assert data["VARIABLES"][:].tobytes() == b"POTM    "
        assert data["ENTRIES"][:].tobytes() == b"Hx      Hxa     SPREAD  "


@pytest.mark.slow
def test_the_writer_puts_profiles_and_surface_into_their_own_files(
    grid: Grid, rng: np.random.Generator, tmp_path: Path
) -> None:
    table = written(tmp_path, grid, rng)
    files = sorted(path.name for path in (tmp_path / "fdbk").iterdir())
    assert files == [
        f"{kind}_fdbk_2008{month}.nc" for kind in ("profb", "sstfb") for month in ("02", "03")
    ]
    rows = [read_fdbk(tmp_path / "fdbk" / name, READ).rows_in for name in files]
    assert sum(rows) == len(table)


@pytest.mark.slow
def test_a_month_without_profiles_has_no_file_of_them(
    grid: Grid, rng: np.random.Generator, tmp_path: Path
) -> None:
    for table in (fed(grid, rng), fed(grid, rng).loc[lambda rows: surface_rows(rows)]):
        with FeedbackWriter(tmp_path) as out:
            out.write(table, START, END)
    assert [path.name for path in (tmp_path / "fdbk").iterdir()] == ["sstfb_fdbk_200803.nc"]
