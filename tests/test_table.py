"""The observation table: what is refused and how it says so, and what survives a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepda.geometry.grid import OUTSIDE, Grid
from deepda.observations.marks import marked
from deepda.observations.table import (
    PLATFORMS,
    REQUIRED,
    TableError,
    cells,
    compact,
    in_window,
    read_table,
    require_table,
    write_table,
)


def some_table(rows: int = 40, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    start = np.datetime64("2008-02-27T00:00:00")
    return pd.DataFrame(
        {
            "time": start + rng.integers(0, 5 * 86_400, rows).astype("timedelta64[s]"),
            "lat": rng.uniform(-80, 80, rows).astype(np.float32),
            "lon": rng.uniform(-180, 360, rows).astype(np.float32),
            "depth": rng.uniform(0, 2000, rows).astype(np.float32),
            "temperature": rng.uniform(-1.8, 31, rows).astype(np.float32),
            "error": rng.uniform(0.01, 1, rows).astype(np.float32),
            "platform_type": pd.Categorical(rng.choice(PLATFORMS, rows), categories=list(PLATFORMS)),
            "platform_id": pd.Categorical([f"p{k % 5}" for k in range(rows)]),
        }
    )


def with_value(column: str, value: float) -> pd.DataFrame:
    table = some_table()
    table.loc[[7, 9], column] = value
    return table


def test_a_sound_table_passes_and_so_does_an_empty_one() -> None:
    require_table(some_table())
    require_table(some_table().iloc[:0])
    require_table(some_table()[list(REQUIRED)])


@pytest.mark.parametrize(
    ("column", "value", "advice"),
    [
        ("lat", 91.0, "swapped"),
        ("lat", np.nan, "swapped"),
        ("lon", np.nan, "without a position"),
        ("lon", 9999.0, "without a position"),
        ("depth", -10.0, "flip the sign"),
        ("depth", 50_000.0, "centimetres"),
        ("temperature", 290.0, "kelvin"),
        ("temperature", np.nan, "missing"),
        ("temperature", -99.0, "fill"),
        ("error", 0.0, "standard deviation"),
        ("error", -0.1, "standard deviation"),
        ("error", np.inf, "standard deviation"),
        ("time", np.datetime64("NaT"), "write times as"),
    ],
)
def test_a_refusal_counts_the_values_shows_the_first_and_says_what_to_do(
    column: str, value: float, advice: str
) -> None:
    with pytest.raises(TableError, match=rf"^2 of 40 observations have .*row 7; .*{advice}"):
        require_table(with_value(column, value))


def test_missing_columns_are_named() -> None:
    with pytest.raises(TableError, match=r"no column lat, error, expected .* \(it has time, lon"):
        require_table(some_table().drop(columns=["lat", "error"]))


def test_text_in_place_of_numbers_is_refused_not_parsed() -> None:
    table = some_table()
    table["depth"] = table["depth"].map("{:.0f} m".format)
    with pytest.raises(TableError, match=r"depth is str.*expected numbers in m"):
        require_table(table)
    with pytest.raises(TableError, match=r"depth holds text"):
        compact(table)


def test_times_as_text_or_with_a_zone_are_refused() -> None:
    table = some_table()
    for time in (table["time"].astype(str), table["time"].dt.tz_localize("UTC")):
        with pytest.raises(TableError, match="expected datetime64 in UTC"):
            require_table(table.assign(time=time))


def test_a_shared_error_as_large_as_the_error_is_refused() -> None:
    table = some_table()
    require_table(table.assign(shared_error=0.5 * table["error"]))
    with pytest.raises(TableError, match=r"40 of 40 .* shared_error not below error"):
        require_table(table.assign(shared_error=table["error"]))


def test_an_unknown_platform_type_is_refused() -> None:
    table = some_table().astype({"platform_type": str})
    table.loc[3, "platform_type"] = "submarine"
    with pytest.raises(TableError, match=r"1 of 40 .* submarine in row 3; use one of satellite, argo"):
        compact(table)


def test_a_platform_without_name_is_of_another_kind() -> None:
    table = compact(some_table()[list(REQUIRED)])
    assert set(table["platform_type"]) == {"other"}
    assert set(table["platform_id"]) == {""}


def test_compacting_leaves_the_argument_alone() -> None:
    table = some_table().astype({"lat": float, "platform_id": str})
    before = table.copy(deep=True)
    assert compact(table)["lat"].dtype == np.float32
    pd.testing.assert_frame_equal(table, before)


def test_parquet_gives_back_what_was_written(tmp_path: Path) -> None:
    table = some_table().assign(salinity=np.float32(35))
    pd.testing.assert_frame_equal(read_table(write_table(table, tmp_path / "obs.parquet")), table)


def test_times_as_text_are_refused() -> None:
    for text in ("now", "2008-01-31"):
        with pytest.raises(TableError, match="expected datetime64"):
            compact(some_table().assign(time=text))


@pytest.mark.parametrize("name", ["obs.csv", "obs.parquet"])
def test_a_corrupt_file_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x00\x01 neither")
    with pytest.raises(TableError, match=f"{name} cannot be read as Parquet"):
        read_table(tmp_path / name)


def test_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="there is no file"):
        read_table(tmp_path / "obs.parquet")


def test_a_refused_file_is_named(tmp_path: Path) -> None:
    with_value("temperature", 290.0).to_parquet(tmp_path / "warm.parquet", index=False)
    with pytest.raises(TableError, match=r"warm\.parquet: 2 of 40 .* 290"):
        read_table(tmp_path / "warm.parquet")


def test_a_failed_write_leaves_the_old_file_and_no_half_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_table(some_table(), tmp_path / "obs.parquet")
    before = path.read_bytes()

    def full_disk(self: pd.DataFrame, target: Path, index: bool) -> None:
        Path(target).write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", full_disk)
    with pytest.raises(OSError, match="no space"):
        write_table(some_table(seed=1), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_windows_are_half_open() -> None:
    start = np.datetime64("2008-01-01T00:00:00")
    table = pd.DataFrame({"time": start + np.arange(-1, 6).astype("timedelta64[D]")})
    inside = in_window(table, start, start + np.timedelta64(5, "D"))
    assert list(inside.index) == [1, 2, 3, 4, 5]


def test_each_row_finds_the_cell_that_holds_it(grid: Grid) -> None:
    table = some_table(300).assign(depth=np.linspace(0, grid.depth_edges[-1] + 20, 300))
    found = cells(table, grid)
    assert (found == OUTSIDE).any()
    for row, cell in enumerate(found):
        lat, lon, depth = (float(table[name].iloc[row]) for name in ("lat", "lon", "depth"))
        around = [lon + turn for turn in (-360, 0, 360)]
        holds = [
            (grid.depth_edges[k] <= depth < grid.depth_edges[k + 1])
            and (grid.lat_edges[j] <= lat < grid.lat_edges[j + 1])
            and any(grid.lon_edges[i] <= x < grid.lon_edges[i + 1] for x in around)
            for k, j, i in np.ndindex(grid.shape)
        ]
        assert np.flatnonzero(holds).tolist() == ([cell] if cell != OUTSIDE else [])


def test_longitude_conventions_meet_at_the_date_line(grid: Grid) -> None:
    table = some_table(200).assign(depth=float(grid.depth[0]))
    east = table.assign(lon=np.mod(table["lon"], 360.0))
    west = table.assign(lon=np.mod(table["lon"] + 180.0, 360.0) - 180.0)
    np.testing.assert_array_equal(cells(east, grid), cells(west, grid))
    edge = table.assign(lon=180.0)
    np.testing.assert_array_equal(cells(edge, grid), cells(edge.assign(lon=-180.0), grid))


def test_a_row_without_a_mark_of_a_simulated_ocean_gets_none_by_being_stored(tmp_path: Path) -> None:
    table = pd.concat([some_table(2).assign(synthetic=True), some_table(3)], ignore_index=True)
    kept = read_table(write_table(table, tmp_path / "t.parquet"))
    assert marked(kept["synthetic"]).tolist() == [True, True, False, False, False]
