"""A reanalysis of ingested observations: every row is accounted for, and continuing changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from conftest import unreported, unscored
from numpy.typing import NDArray
from test_reanalysis import checksums, trained
from toys import toy_space

from deepda.assimilation.cycle import Observations, StateEstimate, cycle
from deepda.assimilation.members import Members
from deepda.assimilation.observed_ocean import PeriodError
from deepda.assimilation.state import StateSpace
from deepda.base.errors import UsageError
from deepda.base.progress import Progress
from deepda.cli import main
from deepda.commands.period import continued, period_settings
from deepda.feedback import read_feedback
from deepda.feedback.checked import CheckedObservations, WindowOfRows
from deepda.geometry.windows import season_of, windows, windows_of_months
from deepda.observations.ingest import ingest
from deepda.observations.manifest import IngestError
from deepda.runs.shadows import open_shadow_truth
from deepda.settings.compose import load_config, saved_config
from deepda.settings.schema import Config, ConfigError
from reanalysis.baselines import withholds
from reanalysis.ingested_ocean import NO_LAYER, IngestedOcean, open_archive
from reanalysis.judge import read_record, values_used
from reanalysis.references import SURFACE, UPPER, compared_series
from reanalysis.run import run

__all__ = ["trained"]  # a fixture
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("blank_pictures", "empty_fdbk")]
FIRST, LAST = 1998, 2000
DEPTHS = np.array([1.0, 12, 25, 40, 60, 80, 100, 130, 160, 200])


def casts(seed: int, first: str, days: int, count: int) -> pd.DataFrame:
    """Floats and ships at places in and out of the toy ocean, some values wild, some alone or deep."""
    rng, space = np.random.default_rng(seed), toy_space()
    tables = []
    for number in range(count):
        lat, lon = rng.uniform(-80, 75), rng.uniform(-180, 180)
        time = np.datetime64(first) + rng.integers(0, days * 86400).astype("timedelta64[s]")
        month = int(time.astype("datetime64[M]").astype(int) % 12)
        depth = DEPTHS[: rng.integers(2, DEPTHS.size)] if number % 7 else np.array([4000.0])
        temperature = np.nanmean(space.climatology.mean[month]) + rng.normal(0, 1, depth.size)
        if number % 11 == 0:
            temperature[0] = 39.0
        tables.append(
            pd.DataFrame(
                {"time": time, "lat": lat, "lon": lon, "depth": depth, "temperature": temperature,
                 "error": 0.3, "platform_type": "argo" if number % 3 else "ship",
                 "platform_id": f"p{seed}{number % 20}"}
            )
        )  # fmt: skip
    return pd.concat(tables)


def write_climatology(path: Path, shift: float = 0.0) -> Path:
    """The mean seasonal cycle of the toy ocean, the same everywhere."""
    month = np.nanmean(toy_space().climatology.mean, axis=(1, 2, 3)) + shift
    lat, lon, depth = np.linspace(-85, 85, 18), np.arange(5.0, 360, 10), np.array([0.0, 100, 500])
    value = np.broadcast_to(month[:, None, None, None], (12, 3, 18, 36))
    about = {"standard_name": "sea_water_potential_temperature", "units": "degC"}
    fields = {"thetao": (("month", "depth", "lat", "lon"), value, about)}
    xr.Dataset(fields, {"lat": lat, "lon": lon, "depth": depth}).to_netcdf(path)
    return path


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `obs`, ingested, and `normal.nc`."""
    folder = tmp_path_factory.mktemp("archive")
    casts(1, "1998-01-01", 3 * 365, 400).to_csv(folder / "during.csv", index=False)
    casts(2, "1996-01-01", 365, 30).to_csv(folder / "before.csv", index=False)
    ingest([folder / "during.csv", folder / "before.csv"], folder / "obs", workers=1)
    write_climatology(folder / "normal.nc")
    return folder


def settings(trained: Path, archive: Path, *words: str) -> Config:
    return load_config(
        "reanalysis",
        [
            f"reanalysis.start={FIRST}", f"reanalysis.end={LAST}", f"reanalysis.run='{trained}'",
            "device=cpu", "observations=ingested", f"observations.folder='{archive / 'obs'}'",
            f"observations.climatology=['{archive / 'normal.nc'}']", *words,
        ],
        run=trained,
    )  # fmt: skip


@unscored()
def reanalyse(trained: Path, archive: Path, output: Path, *words: str) -> dict[str, Any]:
    return run(settings(trained, archive, *words), output, open_ocean=open_archive)


@pytest.fixture(scope="module")
def finished(trained: Path, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted reanalysis, a fifth of the platforms withheld."""
    folder = tmp_path_factory.mktemp("real")
    reanalyse(trained, archive, folder, "observations.withheld=0.2")
    return folder


def test_every_ingested_row_is_used_or_withheld_or_rejected_or_out_of_the_period(
    archive: Path, finished: Path
) -> None:
    ingested = pd.read_parquet(archive / "obs" / "observations")
    inside = ingested["time"].dt.year.between(FIRST, LAST)
    rows = read_feedback(finished)
    assert rows["rows"].sum() == inside.sum() and (~inside).sum() > 50
    rejected = (rows["reason"] != "").to_numpy()
    assert (rows["used"].to_numpy().astype(int) + (rows["withheld"] & ~rejected) + rejected == 1).all()
    reasons = set(rows["reason"].unique())
    assert {"", "on_land", NO_LAYER, "climatology"} <= reasons
    assert not rows.loc[rows["temperature"] > 38, "used"].any()
    by_month = rows.groupby(rows["time"].dt.to_period("M"))["rows"].sum()
    expected = ingested[inside].groupby(ingested["time"][inside].dt.to_period("M")).size()
    assert by_month.to_dict() == expected.to_dict()


def test_platforms_are_withheld_by_name_and_a_finer_annual_mean_moves_every_anomaly(
    trained: Path, archive: Path, tmp_path: Path
) -> None:
    def table(*words: str) -> pd.DataFrame:
        config = settings(trained, archive, *words)
        ocean = open_archive(config, toy_space(), tmp_path, Progress())
        return ocean.table(np.datetime64("1998-01-01"), np.datetime64("1999-01-01"))

    plain, by_name = table(), table("observations.withheld_platforms=[P13]")
    assert not plain["withheld"].any()
    np.testing.assert_array_equal(by_name["withheld"], by_name["platform_id"] == "p13")
    assert by_name["withheld"].any() and withholds(
        settings(trained, archive, "observations.withheld_platforms=[p13]")
    )
    annual = archive / "annual.nc"
    with xr.open_dataset(archive / "normal.nc") as months:
        tilted = months.mean("month", keep_attrs=True) + months["lat"] / 10
        tilted["thetao"].attrs = months["thetao"].attrs
        tilted.transpose("depth", "lat", "lon").to_netcdf(annual)
    finer = table(f"observations.annual_climatology='{annual}'")
    same = plain["reason"].eq("") & finer["reason"].eq("")
    assert not np.allclose(plain["shift"][same], finer["shift"][same], atol=0.01)


def test_rejected_and_withheld_rows_change_nothing(
    trained: Path, archive: Path, finished: Path, tmp_path: Path
) -> None:
    rows = read_feedback(finished)
    table = rows[rows["used"]].rename(columns={"temperature": "moved"})
    assert len(table) > 100
    table = table.assign(temperature=table["moved"] - table["shift"])
    gap = (table["analysis"] - table["moved"]).abs().mean()
    assert gap < (table["background"] - table["moved"]).abs().mean()  # it learns from what it uses
    words = ["observations.withheld=1.0", f"reanalysis.end={FIRST}"]
    reanalyse(trained, archive, tmp_path / "none", *words)
    none = read_feedback(tmp_path / "none")
    assert not none["used"].any() and none["withheld"].all()
    assert np.allclose(none["analysis"], none["background"], atol=2e-3, equal_nan=True)


@unreported()
def test_a_product_that_is_continued_by_months_ends_with_the_same_bytes(
    trained: Path, archive: Path, finished: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut"
    reanalyse(trained, archive, cut, "observations.withheld=0.2", "reanalysis.end=1999")
    for end, months in (("2000-03", 3), ("2000-07", 7), ("2000", 12)):
        config = continued(cut, period_settings(None, end))
        run(config, cut, open_ocean=open_archive)
        with netCDF4.Dataset(cut / "thetao_2000.nc") as file:
            assert file["thetao"].shape[0] == months
            assert file.time_coverage_end.startswith(str(np.datetime64("2000-01") + months)[:7])
            part = file["thetao"][:]
        with netCDF4.Dataset(finished / "thetao_2000.nc") as file:
            assert np.ma.allequal(file["thetao"][:months], part)
    assert checksums(cut) == checksums(finished)
    columns = ["time", "temperature", "background", "analysis", "used"]
    pd.testing.assert_frame_equal(read_feedback(cut, columns), read_feedback(finished, columns))
    with xr.open_mfdataset(sorted(map(str, cut.glob("thetao_*.nc")))) as product:
        assert product.sizes["time"] == 36


def test_a_continuation_leaves_no_gap_and_takes_nothing_back(
    trained: Path, archive: Path, finished: Path
) -> None:
    for start, end, said in (
        ("2002-01", "2002-03", "write --start 2001, or leave it out"),
        ("1999", "2001", "write --start 2001"),
        (None, "1999-05", "choose a later end"),
        (None, None, "add --end YYYY-MM"),
    ):
        with pytest.raises(UsageError, match=said):
            continued(finished, period_settings(start, end))
    config = continued(finished, [*period_settings("2001-01", "2001-03"), "device=cpu"])
    assert (config.reanalysis.start, config.reanalysis.end, config.reanalysis.months) == (FIRST, 2001, 3)
    assert config.output == str(finished)
    with pytest.raises(PeriodError, match="there are observations of 1996-2000"):
        run(config, finished, open_ocean=open_archive)
    assert saved_config(finished).reanalysis.end == LAST  # a refusal leaves the product as it was
    with pytest.raises(UsageError, match="begin one without --continue"):
        continued(archive, period_settings(None, "2001"))


def test_more_observations_may_come_but_not_another_climatology(
    trained: Path, archive: Path, tmp_path: Path
) -> None:
    casts(1, "1998-01-01", 365, 60).to_csv(tmp_path / "one.csv", index=False)
    ingest([tmp_path / "one.csv"], tmp_path / "obs", workers=1)
    write_climatology(tmp_path / "normal.nc")
    out, words = tmp_path / "out", ["reanalysis.end=1998"]
    reanalyse(trained, tmp_path, out, *words)
    casts(3, "1999-01-01", 365, 60).to_csv(tmp_path / "two.csv", index=False)
    ingest([tmp_path / "two.csv"], tmp_path / "obs", workers=1)
    reanalyse(trained, tmp_path, out, "reanalysis.end=1999", "reanalysis.months=2")
    editions = []
    for year in (1998, 1999):
        with netCDF4.Dataset(out / f"thetao_{year}.nc") as file:
            editions.append(json.loads(file.observations)["edition"])
    assert len(set(editions)) == 2
    write_climatology(tmp_path / "normal.nc", shift=1.0)
    with pytest.raises(ConfigError, match="choose another --output"):
        reanalyse(trained, tmp_path, out, "reanalysis.end=1999")


def test_a_smoothed_reanalysis_of_rows_resumes_with_the_same_bytes(
    trained: Path, archive: Path, tmp_path: Path
) -> None:
    words = ["reanalysis.smoother=true", "reanalysis.lag=61", f"reanalysis.end={FIRST + 1}"]
    part = [*words, "reanalysis.months=3"]  # of the second year
    reanalyse(trained, archive, tmp_path / "whole", *part)
    reanalyse(trained, archive, tmp_path / "cut", *words, "reanalysis.end=1998")
    reanalyse(trained, archive, tmp_path / "cut", *part)
    assert checksums(tmp_path / "cut") == checksums(tmp_path / "whole")
    rows = [read_feedback(tmp_path / name, ["rows", "analysis"]) for name in ("cut", "whole")]
    pd.testing.assert_frame_equal(rows[0], rows[1])


class Plain:
    """An analyser that notes what it sees and leaves the background as it is."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape, self.seen = shape, []  # type: ignore[var-annotated]

    def first_guess(self, batch: int) -> StateEstimate:
        ones = torch.ones(batch, *self.shape)
        return StateEstimate(0 * ones, ones, ones[:, :0])

    def forecast(self, analysis: StateEstimate, season: torch.Tensor) -> StateEstimate:
        return analysis

    def analyse(self, background: StateEstimate, observations: Observations) -> StateEstimate:
        self.seen.append(observations)
        return background


def ships(space: StateSpace) -> tuple[pd.DataFrame, NDArray[np.intp]]:
    """Eight rows of one window, the last two withheld, the third and the last wild; and their cells."""
    z, y, x = np.argwhere(space.grid.ocean)[::40][:8].T
    table = pd.DataFrame(
        {"time": np.datetime64("1999-02-03", "s"), "lat": space.grid.lat[y], "lon": space.grid.lon[x],
         "depth": space.grid.depth[z], "temperature": space.climatology.mean[1, z, y, x], "error": 0.2,
         "platform_type": "ship", "platform_id": [f"s{n}" for n in range(8)], "reason": "",
         "withheld": [False] * 6 + [True] * 2}
    )  # fmt: skip
    table.loc[[2, 7], "temperature"] += 40 * space.scale.max()
    return table, np.stack([z, y, x])


def test_a_value_far_from_the_background_is_rejected_before_its_use() -> None:
    space = toy_space()
    table, (z, y, x) = ships(space)
    plain = Plain(space.grid.shape)
    ends = np.datetime64("1999-02-01", "s"), np.datetime64("1999-03-01", "s")
    window = WindowOfRows(table, *ends, torch.tensor([1]), space, None)
    [step] = cycle(plain, plain.first_guess(1), [window])
    used = step.observations
    assert isinstance(used, CheckedObservations) and used.start == ends[0]
    assert used.table["reason"].tolist() == ["", "", "background_level", "", "", "", "", ""]
    assert used is plain.seen[0] and int(used.seen.sum()) == 5
    assert not used.seen[0, z[2], y[2], x[2]] and not used.seen[0, z[6], y[6], x[6]]


def test_shadow_twins_are_observed_where_the_rows_passed_the_check_of_the_analysis(
    trained: Path,
) -> None:
    space, start = toy_space(), np.datetime64("1999-02-01", "s")
    table, _ = ships(space)
    members = Members(open_shadow_truth(trained, space, 2, 1998), seed=1)
    window = WindowOfRows(
        table, start, np.datetime64("1999-03-01", "s"), torch.tensor([1]), space, members
    )
    batch = Plain(space.grid.shape).first_guess(3)
    far = replace(batch, mean=torch.cat([batch.mean[:1], batch.mean[1:] + 100]))
    found, without = window.checked(far), replace(window, members=None).checked(far)
    assert int(found.seen[0].sum()) == 5
    assert torch.equal(found.precision, without.precision.expand(3, -1, -1, -1))
    assert torch.equal(found.value[0], without.value[0])
    truth = torch.stack([members.truth.window(member, start) for member in (1, 2)])
    errors = (found.value[1:] - truth)[found.seen[1:]] * found.precision[1:][found.seen[1:]].sqrt()
    assert 0.4 < float(errors.std()) < 1.8  # ten draws of one
    assert float(found.value[1:][~found.seen[1:]].abs().max()) == 0


def test_members_of_real_observations_are_written_and_pictured(
    trained: Path, archive: Path, tmp_path: Path
) -> None:
    words = ["reanalysis.members=2", f"reanalysis.end={FIRST}"]
    scores = run(settings(trained, archive, *words), tmp_path, open_archive)
    with xr.open_dataset(tmp_path / f"thetao_{FIRST}.nc") as file:
        assert file["thetao_members"].sizes["realization"] == 2
        assert file["thetao_stddev"].comment.startswith("stated by the network")
    assert "members" not in scores  # the truth is not known
    assert (tmp_path / "figures" / "members_level_1.png").exists()


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("soon", None, "--start is soon"),
        ("2001-05", None, "write --start 2001"),
        (None, "2001-13", "2021-03"),
    ],
)
def test_a_period_that_cannot_be_is_refused(start: str | None, end: str | None, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        period_settings(start, end)


def test_a_period_is_years_and_a_last_month() -> None:
    assert period_settings("1981", "2020") == [
        "reanalysis.start=1981", "reanalysis.end=2020", "reanalysis.months=12"]  # fmt: skip
    assert period_settings(None, "2021-03")[-1] == "reanalysis.months=3"
    assert [windows_of_months(2021, n, 12) for n in (1, 12)] == [1, 12]
    assert [windows_of_months(2000, n, 73) for n in (1, 2, 12)] == [6, 11, 73]  # 29 February: 12th
    span = windows(2000, 2000, 73)
    assert len(span.first(11)) == 11 and span.first(11).end[-1] <= np.datetime64("2000-03-01")
    assert [season_of(time, 73) for time in span.start] == list(range(73))


def test_what_is_no_ingested_folder_is_refused(trained: Path, archive: Path, tmp_path: Path) -> None:
    (tmp_path / "obs").mkdir()
    write_climatology(tmp_path / "normal.nc")
    with pytest.raises(IngestError, match="run `deepda observations ingest`"):
        reanalyse(trained, tmp_path, tmp_path / "out")
    with pytest.raises(ConfigError, match="representativeness"):
        settings(trained, archive, "observations.representativeness=0")
    historical = load_config("reanalysis", run=trained)
    with pytest.raises(ConfigError, match="write observations=ingested"):
        open_archive(historical, toy_space(), tmp_path, Progress())


def test_training_on_real_observations_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    words = ["osse=smoke", "control.years=4", "osse.train_years=2", "osse.test_years=1", "per_year=12",
             "osse.spinup=1", "observations=ingested", "--output", str(tmp_path)]  # fmt: skip
    assert main(["osse", "run", *words]) == 2
    assert "observations=ingested found, expected synthetic ones" in capsys.readouterr().err
    assert not (tmp_path / "control.nc").exists()


def test_the_same_window_gives_the_same_table(trained: Path, archive: Path) -> None:
    ocean = open_archive(settings(trained, archive), toy_space(), archive, Progress())
    assert isinstance(ocean, IngestedOcean) and ocean.years == range(1996, 2001) and ocean.fallible
    ends = np.datetime64("1999-04-01", "s"), np.datetime64("1999-05-01", "s")
    pd.testing.assert_frame_equal(ocean.table(*ends), ocean.table(*ends))
    assert ocean.table(ends[1], ends[1]).empty


def test_the_climate_is_that_of_the_files(trained: Path, archive: Path, finished: Path) -> None:
    space = toy_space()
    ocean = open_archive(settings(trained, archive), space, archive, Progress())
    observed = type(space)(space.grid, ocean.climatology, space.scale)
    found = read_record(observed, ocean, finished, range(FIRST, LAST + 1), Progress())
    lines = compared_series(found)
    with xr.open_mfdataset(sorted(map(str, finished.glob("thetao_*.nc")))) as product:
        top = product["thetao"].isel(depth=0) - np.tile(ocean.climatology.mean[:, 0], (3, 1, 1))
        area = (
            product["areacello"].isel(time=0)
            if "time" in product["areacello"].dims
            else product["areacello"]
        )
        expected = top.weighted(area.fillna(0)).mean(("lat", "lon")).values
    assert np.allclose(lines[SURFACE], expected, atol=1e-4)
    assert np.isfinite(lines[UPPER]).all() and (found.variance > 0).all()
    rows = read_feedback(finished)
    counts = rows[rows["used"]].groupby([rows["time"].dt.year, "platform_type"], observed=True).size()
    for platform, row in found.used.items():
        assert row.tolist() == [counts.get((year, platform), 0) for year in found.years]
    assert sum(map(sum, found.used.values())) == rows["used"].sum() > 0
    assert values_used(finished, range(1950, 1952)) == {}
