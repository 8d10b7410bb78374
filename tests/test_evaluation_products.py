"""Products of all kinds are read as they stand, share windows, or are refused in a sentence."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import cftime
import numpy as np
import pytest
import xarray as xr

from deepda.base.errors import EvaluationError
from deepda.commands.console import exit_code, read_command_line
from deepda.commands.evaluate import EVALUATE
from deepda.evaluation.calendars import Timeline, common_axis
from deepda.evaluation.findings import Findings
from deepda.evaluation.page import evaluate
from deepda.evaluation.product import (
    Product,
    on_columns_of,
    open_product,
    require_same_cells,
    shared_mask,
)
from deepda.evaluation.section_climate import modes_section
from deepda.geometry.grid import Grid

LAT, LON = np.arange(-72.0, 73, 12), np.arange(6.0, 360, 12)
DEPTH = np.array([5.0, 15, 30, 60, 120])


def temperature(lat: np.ndarray, lon: np.ndarray, depth: np.ndarray, months: np.ndarray) -> np.ndarray:
    """(time, depth, lat, lon) degC: every coordinate of a cell follows from its value."""
    t, z, y, x = np.meshgrid(months, depth, lat, np.mod(lon, 360), indexing="ij")
    return 10 + 0.05 * y + 0.01 * x - 0.02 * z + 0.001 * t


def land(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    return (np.abs(lat[:, None]) < 25) & (np.abs(np.mod(lon, 360)[None] - 20) < 20)


def product(
    names: tuple[str, str, str, str, str] = ("thetao", "time", "depth", "latitude", "longitude"),
    lat: np.ndarray = LAT,
    lon: np.ndarray = LON,
    depth: np.ndarray = DEPTH,
    units: str = "degC",
    years: tuple[int, int] = (1990, 1992),
    calendar: str = "standard",
) -> xr.Dataset:
    """Monthly means with time bounds, as another centre would write them."""
    count = 12 * (years[1] - years[0] + 1)
    months = 12 * years[0] + np.arange(count)
    values = temperature(lat, lon, depth, months - 12 * 1990)
    values[..., land(lat, lon)] = np.nan
    values += 273.15 if units.lower().startswith("k") else 0.0
    name, time, z, y, x = names
    edges = cftime.date2num(
        [cftime.datetime(*divmod_month(m), 1, calendar=calendar) for m in (*months, months[-1] + 1)],
        "days since 1950-01-01",
        calendar,
    )
    return xr.Dataset(
        {
            name: ((time, z, y, x), values.astype(np.float32), {"units": units}),
            "time_bnds": ((time, "bnds"), np.stack([edges[:-1], edges[1:]], axis=1)),
        },
        {
            time: (time, 0.5 * (edges[1:] + edges[:-1]),
                   {"units": "days since 1950-01-01", "calendar": calendar, "bounds": "time_bnds"}),
            z: (z, depth, {"units": "m", "positive": "down", "axis": "Z"}),
            y: (y, lat, {"units": "degrees_north", "standard_name": "latitude"}),
            x: (x, lon, {"units": "degrees_east", "standard_name": "longitude"}),
        },
    )  # fmt: skip


def divmod_month(month: int) -> tuple[int, int]:
    return int(month // 12), int(month % 12) + 1


def write(dataset: xr.Dataset, path: Path) -> Path:
    dataset.to_netcdf(path)
    return path


def everything(found: Product) -> np.ndarray:
    axis = common_axis(found.timeline)
    return found.windows(found.weights(axis), slice(0, len(axis)))


CONVENTIONS: dict[str, Callable[[], xr.Dataset]] = {
    "GLORYS": lambda: product(lon=np.arange(-174.0, 180, 12)),
    "EN4": lambda: product(("temperature", "time", "depth", "lat", "lon"), units="kelvin"),
    "GODAS": lambda: product(("pottmp", "time", "level", "lat", "lon"), units="K"),
    "SODA": lambda: product(("temp", "time", "st_ocean", "latitude", "longitude"), units="deg C"),
    "rows from the north": lambda: product(lat=LAT[::-1]),
    "layers from the bottom": lambda: product(depth=DEPTH[::-1]),
    "a cyclic column": lambda: product(lon=np.append(LON, LON[0] + 360)),
}


@pytest.mark.slow
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_values_keep_their_place_in_every_convention(convention: str, tmp_path: Path) -> None:
    found = open_product([write(CONVENTIONS[convention](), tmp_path / "product.nc")], "reference")
    grid = found.grid
    expected = temperature(grid.lat, grid.lon, grid.depth, np.arange(36))
    np.testing.assert_allclose(everything(found), np.where(grid.ocean, expected, np.nan), atol=2e-4)
    np.testing.assert_array_equal(~grid.ocean[0], land(grid.lat, grid.lon))
    assert grid.shape == (5, 13, 30)


def test_pieces_in_any_order_are_one_product(tmp_path: Path) -> None:
    whole = product()
    late = write(whole.isel(time=slice(12, 36)), tmp_path / "a.nc")
    early = write(whole.isel(time=slice(0, 12)), tmp_path / "b.nc")
    np.testing.assert_array_equal(
        everything(open_product([late, early], "x")),
        everything(open_product([write(whole, tmp_path / "c.nc")], "x")),
    )


@pytest.mark.parametrize("remapped", [False, True])
def test_a_file_without_time_is_said_to_be_left_out(remapped: bool, tmp_path: Path) -> None:
    write(product(), tmp_path / "a.nc")
    write(no_time(), tmp_path / "areacello.nc")
    target = open_product([tmp_path / "a.nc"], "x").grid if remapped else None
    notes = open_product([tmp_path], "x", target=target).notes
    assert "areacello.nc left out: no field with time" in " ".join(notes)


def test_stamps_without_bounds_need_a_word(tmp_path: Path) -> None:
    bare = product().drop_vars("time_bnds")
    starts = [cftime.datetime(*divmod_month(12 * 1990 + m), 1) for m in range(36)]
    stamps = cftime.date2num(starts, "days since 1950-01-01", "standard")
    attributes = {"units": "days since 1950-01-01", "calendar": "standard"}
    path = write(bare.assign_coords(time=("time", stamps, attributes)), tmp_path / "x.nc")
    with pytest.raises(EvaluationError, match="--stamps"):
        common_axis(open_product([path], "x").timeline)
    first = open_product([path], "x", stamps="start")
    assert common_axis(first.timeline).years == range(1990, 1993)
    later = open_product([path], "x", stamps="end")
    assert common_axis(later.timeline).years == range(1990, 1992)  # December 1989 to November 1992


def two_halves(folder: Path, behind: int) -> list[Path]:
    """1990 and 1991 with bounds, 1992 and 1993 with stamps at midnight, so many months behind."""
    whole = product(years=(1990, 1993))
    late = whole.isel(time=slice(24, 48)).drop_vars("time_bnds")
    starts = [cftime.datetime(*divmod_month(12 * 1992 + m + behind), 1) for m in range(24)]
    numbers = cftime.date2num(starts, "days since 1950-01-01", "standard")
    attributes = {"units": "days since 1950-01-01", "calendar": "standard"}
    late = late.assign_coords(time=("time", numbers, attributes))
    early = write(whole.isel(time=slice(0, 24)), folder / "early.nc")
    return [early, write(late, folder / "late.nc")]


@pytest.mark.parametrize("remap", [False, True])
@pytest.mark.parametrize(("stamps", "behind"), [("start", 0), ("end", 1)])
def test_a_word_about_stamps_leaves_the_bounds_of_other_files_alone(
    tmp_path: Path, stamps: str, behind: int, remap: bool
) -> None:
    files = two_halves(tmp_path, behind)
    target = open_product(files[:1], "x").grid if remap else None
    found = open_product(files, "x", stamps=stamps, target=target)
    axis = common_axis(found.timeline)
    assert (axis.years, axis.per_year) == (range(1990, 1994), 12)
    place = everything(found)[:, 0, -1, -1]
    np.testing.assert_allclose(place - place[0], 0.001 * np.arange(48), atol=5e-5)


def test_ambiguous_stamps_beside_bounds_need_a_word_too(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"late\.nc, .* has no bounds .* --stamps start or end"):
        open_product(two_halves(tmp_path, 0), "x")


# Calendars


def pentads(first: int, last: int, calendar: str) -> Timeline:
    day = {"noleap": 365}.get(calendar, 365)
    start = cftime.datetime(first, 1, 1, calendar=calendar)
    edges = []
    for year in range(first, last + 1):
        begin = cftime.datetime(year, 1, 1, calendar=calendar)
        length = (cftime.datetime(year + 1, 1, 1, calendar=calendar) - begin).days
        days = np.arange(0, day, 5) + ((np.arange(73) > 11) & (length == 366))
        edges += [begin + np.timedelta64(int(d), "D").astype(object) for d in days]
    edges.append(cftime.datetime(last + 1, 1, 1, calendar=calendar))
    bounds = np.array([edges[:-1], edges[1:]]).T
    assert bounds[0, 0] == start
    middle = np.array([a + (b - a) / 2 for a, b in bounds])
    return Timeline(middle, bounds)


def test_pentads_of_one_calendar_stay_pentads() -> None:
    axis = common_axis(pentads(1999, 2004, "standard"), pentads(2000, 2005, "standard"))
    assert (axis.per_year, axis.years, len(axis)) == (73, range(2000, 2005), 5 * 73)
    assert len(axis.notes) == 1 and "2000–2004" in axis.notes[0]


def test_pentads_of_two_calendars_meet_by_year_and_window_where_both_have_all() -> None:
    standard, noleap = pentads(2000, 2004, "standard"), pentads(2000, 2004, "noleap")
    axis = common_axis(standard, noleap)
    assert axis.per_year == 73
    assert "noleap and standard" in axis.notes[0] and "by year and window" in axis.notes[0]
    for line in (standard, noleap):
        np.testing.assert_allclose(line.weights(axis).toarray(), np.eye(5 * 73), atol=1e-9)


def test_other_steps_of_two_calendars_become_months_and_that_is_said() -> None:
    edges = [cftime.datetime(2000, 1, 1, calendar="360_day")]
    edges += [edges[0] + datetime.timedelta(days=5 * step) for step in range(1, 5 * 72 + 1)]
    bounds = np.array([edges[:-1], edges[1:]]).T
    fives = Timeline(np.array([begin + (end - begin) / 2 for begin, end in bounds]), bounds)
    axis = common_axis(pentads(2000, 2004, "standard"), fives)
    assert axis.per_year == 12
    assert "360_day and standard" in axis.notes[0] and "months" in axis.notes[0]


def test_pentads_and_months_meet_in_months_whose_means_are_exact() -> None:
    fine = pentads(2001, 2002, "noleap")
    axis = common_axis(fine, Timeline(*monthly(2001, 2002, "noleap")))
    assert axis.per_year == 12 and "averaged to calendar months" in axis.notes[0]
    weights = fine.weights(axis)
    np.testing.assert_allclose(np.asarray(weights.sum(axis=1)).ravel(), 1)
    january = weights.toarray()[0]
    np.testing.assert_allclose(january[:7], np.array([5, 5, 5, 5, 5, 5, 1]) / 31)
    assert not january[7:].any()


def monthly(first: int, last: int, calendar: str) -> tuple[np.ndarray, np.ndarray]:
    months = np.arange(12 * first, 12 * (last + 1) + 1)
    edges = np.array([cftime.datetime(*divmod_month(m), 1, calendar=calendar) for m in months])
    bounds = np.stack([edges[:-1], edges[1:]], axis=1)
    return bounds[:, 0] + (bounds[:, 1] - bounds[:, 0]) / 2, bounds


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (pentads(2010, 2012, "standard"), "0 whole years in common"),
        (pentads(2004, 2006, "standard"), "1 whole years in common"),
    ],
)
def test_too_few_common_years_are_refused_with_both_sides(other: Timeline, sentence: str) -> None:
    with pytest.raises(EvaluationError, match=sentence) as caught:
        common_axis(pentads(2000, 2004, "standard"), other)
    assert "2000-01-03" in str(caught.value) and "expected at least 2" in str(caught.value)


def test_a_gap_among_the_years_is_refused() -> None:
    line = pentads(2000, 2004, "noleap")
    kept = np.array([date.year != 2002 for date in line.time])
    assert line.bounds is not None
    with pytest.raises(EvaluationError, match="year 2002 is missing"):
        common_axis(Timeline(line.time[kept], line.bounds[kept]))


# Folders


@pytest.mark.parametrize("other", ["control.nc", "history.nc"])
def test_the_folder_of_a_run_without_an_analysis_is_refused(other: str, tmp_path: Path) -> None:
    """Its control simulation, or the truth that observations are drawn from, is no analysis."""
    write(product(), tmp_path / other)
    assert open_product([tmp_path], "analysis").files == (tmp_path / other,)
    (tmp_path / "config.yaml").write_text("command: osse\n")
    sentence = r"neither analysis\.nc nor thetao_YYYY\.nc found.*config\.yaml.*same command again"
    with pytest.raises(EvaluationError, match=sentence):
        open_product([tmp_path], "analysis")


# Grids


def sea_surface(**cells: np.ndarray) -> xr.Dataset:
    """The uppermost level of `product` as a centre for sea surface temperature would write it."""
    flat = product(("sst", "time", "level", "lat", "lon"), **cells).isel(level=0, drop=True)
    flat["sst"].attrs["standard_name"] = "sea_surface_temperature"
    return flat


@pytest.mark.slow
@pytest.mark.usefixtures("blank_pictures")
def test_a_reference_of_the_sea_surface_is_compared_with_the_uppermost_layer(tmp_path: Path) -> None:
    warmer = product()
    warmer["thetao"] = warmer["thetao"] + xr.DataArray([0.5, 9, 9, 9, 9], dims="depth")
    analysis, surface = write(warmer, tmp_path / "a.nc"), write(sea_surface(), tmp_path / "sst.nc")
    page = evaluate([analysis], tmp_path / "out", [surface])
    text = re.sub(r"<[^>]+>", "", page.read_text())
    assert "The reference is of the sea surface alone" in text
    assert "the mean of 0 to 10 m" in text
    assert "1 layer down to 10 m" in text
    table = (page.parent / "figures" / "rmse_table.csv").read_text().splitlines()
    assert len(table) == 2  # one depth
    assert float(table[1].split(",")[1]) == pytest.approx(0.5, abs=1e-3)
    assert not (page.parent / "figures" / "rmse_by_basin.png").exists()


def test_a_sea_surface_with_a_level_of_its_own_and_on_other_cells_is_read(tmp_path: Path) -> None:
    layer = np.array([0.0, 10.0])
    with_level = write(sea_surface().expand_dims(lev=[0.0]), tmp_path / "level.nc")
    found = open_product([with_level], "reference", surface=layer)
    np.testing.assert_array_equal(found.grid.depth_edges, layer)
    expected = temperature(found.grid.lat, found.grid.lon, DEPTH[:1], np.arange(36))
    np.testing.assert_allclose(everything(found)[:, :, ~land(LAT, LON)], expected[:, :, ~land(LAT, LON)])
    finer = write(sea_surface(lat=np.arange(-75.0, 76, 6)), tmp_path / "finer.nc")
    with pytest.raises(EvaluationError, match=r"the reference has 26 x 30 cells .* 1 layer to 10 m"):
        require_same_cells(found.grid, open_product([finer], "x", surface=layer).grid, "reference")
    remapped = open_product([finer], "reference", surface=layer, target=found.grid)
    assert remapped.grid.shape == found.grid.shape


def test_one_level_below_the_surface_is_not_taken_for_the_surface(tmp_path: Path) -> None:
    analysis = write(product(), tmp_path / "analysis.nc")
    level = product().isel(depth=[3])
    level["depth_bnds"] = (("depth", "bnds"), [[45.0, 90.0]])
    level["depth"].attrs["bounds"] = "depth_bnds"
    with pytest.raises(EvaluationError, match=r"1 layer to 90 m, the analysis .* 5 layers"):
        evaluate([analysis], tmp_path / "out", [write(level, tmp_path / "level.nc")])


def test_a_sea_surface_is_no_analysis(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="has no depth coordinate"):
        evaluate([write(sea_surface(), tmp_path / "sst.nc")], tmp_path / "out")


def test_other_cells_are_refused_and_remapping_is_offered(tmp_path: Path) -> None:
    ours = open_product([write(product(), tmp_path / "a.nc")], "analysis")
    fine = product(lat=np.arange(-75.0, 76, 6), lon=np.arange(3.0, 360, 6))
    path = write(fine, tmp_path / "b.nc")
    with pytest.raises(EvaluationError, match=r"26 x 60 cells .* 13 x 30 cells .* --remap"):
        require_same_cells(ours.grid, open_product([path], "reference").grid, "reference")
    brought = open_product([path], "reference", target=ours.grid)
    require_same_cells(ours.grid, brought.grid, "reference")
    assert "remapped" in brought.notes[0]
    grid, _ = shared_mask([ours, brought])
    inner = grid.ocean & ~np.isin(np.arange(30), [0, 29])  # where longitude does not jump
    difference = everything(brought) - everything(ours)
    assert np.abs(difference[:, inner]).max() < 0.08  # a cell to the east would be 0.12 away


UNEVEN = np.concatenate([np.arange(0.0, 192, 8), np.arange(200.0, 361, 16)])  # edges of columns


def beginning_at(begin: float, edges: np.ndarray = UNEVEN) -> xr.Dataset:
    """`product` on columns with bounds, those of `edges`, whose centres begin behind `begin`."""
    centre = 0.5 * (edges[1:] + edges[:-1])
    place = (centre - begin) % 360 + begin
    order = np.argsort(place)
    half = 0.5 * np.diff(edges)[order, None] * np.array([-1.0, 1.0])
    made = product(lon=place[order])
    made["longitude"].attrs["bounds"], made["latitude"].attrs["bounds"] = "lon_bnds", "lat_bnds"
    return made.assign(
        lon_bnds=(("longitude", "bnds"), place[order][:, None] + half),
        lat_bnds=(("latitude", "bnds"), LAT[:, None] + np.array([-6.0, 6.0])),
    )


@pytest.mark.slow
@pytest.mark.usefixtures("blank_pictures")
@pytest.mark.parametrize("remap", [False, True])
def test_the_same_cells_in_the_other_convention_of_longitude_are_compared_in_place(
    tmp_path: Path, remap: bool
) -> None:
    """The difference is 0.5 K everywhere only if each column meets its own."""
    warmer = beginning_at(0)
    warmer["thetao"] = warmer["thetao"] + 0.5
    files = write(warmer, tmp_path / "a.nc"), write(beginning_at(-180), tmp_path / "b.nc")
    page = evaluate([files[0]], tmp_path / "out", [files[1]], baselines={"oi": [files[1]]}, remap=remap)
    assert "Nothing was remapped" in page.read_text()
    rows = (page.parent / "figures" / "rmse_table.csv").read_text().splitlines()[1:]
    assert rows and all(float(row.split(",")[1]) == pytest.approx(0.5, abs=1e-3) for row in rows)


@pytest.mark.parametrize("begin", [-360.0, -180.0, 92.0, 360.0])
def test_columns_are_turned_to_begin_where_the_analysis_begins(tmp_path: Path, begin: float) -> None:
    ours = open_product([write(beginning_at(0), tmp_path / "a.nc")], "analysis")
    theirs = open_product([write(beginning_at(begin), tmp_path / "b.nc")], "reference")
    turned = on_columns_of(ours.grid, theirs)
    require_same_cells(ours.grid, turned.grid, "reference")
    np.testing.assert_array_equal(turned.grid.ocean, ours.grid.ocean)
    np.testing.assert_allclose(everything(turned), everything(ours), atol=1e-5)


def test_columns_of_other_widths_are_not_turned(tmp_path: Path) -> None:
    ours = open_product([write(beginning_at(0), tmp_path / "a.nc")], "analysis")
    even = beginning_at(-180, np.linspace(0.0, 360.0, UNEVEN.size))
    theirs = open_product([write(even, tmp_path / "b.nc")], "reference")
    assert on_columns_of(ours.grid, theirs) is theirs
    with pytest.raises(EvaluationError, match="--remap"):
        require_same_cells(ours.grid, theirs.grid, "reference")


def test_cells_that_are_land_on_one_side_are_left_out_and_counted(tmp_path: Path) -> None:
    ours = open_product([write(product(), tmp_path / "a.nc")], "analysis")
    other = product()
    other["thetao"][:, :, 0, 0] = np.nan
    theirs = open_product([write(other, tmp_path / "b.nc")], "reference")
    grid, note = shared_mask([ours, theirs])
    assert note.startswith("5 of ") and not grid.ocean[:, 0, 0].any()
    assert grid.ocean.sum() == ours.grid.ocean.sum() - 5


# Refusals of the command


def command(*words: str) -> int:
    def act() -> int | None:
        arguments = read_command_line((EVALUATE,), ["evaluate", *words], "0", "")
        return arguments.command.act(arguments)

    return exit_code(act)


def no_temperature() -> xr.Dataset:
    return product(("salinity", "time", "depth", "latitude", "longitude"), units="psu")


def no_time() -> xr.Dataset:
    return product().isel(time=0).drop_vars(["time", "time_bnds"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (no_temperature, "holds no potential temperature"),
        (no_time, "has no time"),
        (lambda: product(years=(1990, 1990)), "1 whole years found"),
        (lambda: product(units="furlong"), "in units furlong"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(
    made: Callable[[], xr.Dataset], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(made(), tmp_path / "x.nc")
    assert command(str(path), "--output", str(tmp_path / "out")) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1 and sentence in said[0]
    assert not (tmp_path / "out/report.html").exists()


def test_a_reference_without_common_years_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = write(product(), tmp_path / "a.nc")
    theirs = write(product(years=(2001, 2003)), tmp_path / "b.nc")
    words = (str(ours), "--reference", str(theirs), "--output", str(tmp_path / "out"))
    assert command(*words) == 2
    assert "0 whole years in common" in capsys.readouterr().err


def test_a_missing_file_and_a_bad_baseline_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(str(tmp_path / "no.nc"), "--output", str(tmp_path)) == 2
    assert "no.nc" in capsys.readouterr().err
    assert command("x.nc", "--baseline", "oi", "--output", str(tmp_path)) == 2
    assert "NAME=FILE" in capsys.readouterr().err


def test_a_baseline_needs_a_reference(tmp_path: Path) -> None:
    path = write(product(), tmp_path / "a.nc")
    with pytest.raises(EvaluationError, match="--reference"):
        evaluate([path], tmp_path, baselines={"oi": [path]})


def test_a_product_that_never_changes_is_named_with_its_file() -> None:
    grid = Grid(
        np.arange(-90, 91, 10.0),
        np.arange(0, 361, 10.0),
        np.array([0.0, 10]),
        np.ones((1, 18, 36), bool),
    )
    still = xr.DataArray(
        np.zeros((24, 1, 18, 36)), dims=("time", "depth", "lat", "lon"), coords=grid.coords().coords
    )
    found = SimpleNamespace(
        frame=SimpleNamespace(grid=grid),
        products=[SimpleNamespace(name="reference", files=(Path("still.nc"),))],
        records={"reference": SimpleNamespace(levels=still)},
        monthly=lambda field: field.assign_coords(time=np.arange(24)),
    )
    with pytest.raises(EvaluationError, match=r"the reference \(still\.nc\): .* does not vary"):
        modes_section(cast(Findings, found))
