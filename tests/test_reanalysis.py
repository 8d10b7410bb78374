"""The reanalysis: interrupted or not the same bytes, refusals, members, scores worked out by hand."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from compliance_checker.runner import CheckSuite
from conftest import undrawn, unreported
from numpy.typing import NDArray
from toys import MONTHS, ToyOcean, persistence, toy_space

from deepda.assimilation.baselines import Climatology as ClimatologyAnalyser
from deepda.assimilation.cycle import Analyser, Observations, StateEstimate
from deepda.assimilation.localisation import Reach
from deepda.assimilation.observed_ocean import PeriodError
from deepda.assimilation.state import StateSpace, scale_of
from deepda.base.errors import CheckpointError, UsageError
from deepda.base.progress import Progress
from deepda.climatology.seasonal import Climatology
from deepda.control.prepared import PreparedWriter
from deepda.geometry.grid import Grid
from deepda.geometry.windows import windows
from deepda.networks.build import ControlStatistics, build_generator
from deepda.output.netcdf import AnalysisWriter
from deepda.runs.checkpoint import save_checkpoint
from deepda.runs.finished import FinishedRun
from deepda.runs.shadows import MembersError
from deepda.settings.compose import dump, load_config
from deepda.settings.schema import Config, ConfigError
from osse.twin.historical_twin import HistoryError, twin_of_history
from reanalysis.baselines import FitBaselines, OpenBaselines
from reanalysis.judge import read_record, truth_is_known
from reanalysis.record import ANALYSIS, TRUTH, ClimateSeries, Record, heat_depth
from reanalysis.restart import ReanalysisError, last_finished, save_restart
from reanalysis.run import run
from reanalysis.scores import periods_of, scores_against_truth, trends_of
from reanalysis.years import VARIABLES, ahead

pytestmark = pytest.mark.slow
YEARS = range(1998, 2001)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run: a small network whose weights are far from their start."""
    folder = tmp_path_factory.mktemp("run")
    words = [
        "per_year=12",
        "generator.patterns=0",
        "generator.hidden=6",
        "generator.levels=1",
        "osse.spinup=1",
    ]
    config = load_config("osse", words)
    (folder / "config.yaml").write_text(dump(config))
    save_checkpoint(folder / "checkpoint", network(config, toy_space()), toy_space(), {})
    write_control(folder, toy_space())
    return folder


def write_control(folder: Path, space: StateSpace, years: int = 9) -> None:
    """The control simulation of a run: departures from its climatology that persist for some months."""
    rng = np.random.default_rng(8)
    departure = np.zeros(space.grid.shape)
    with PreparedWriter(folder / "control.nc", space.grid, (1, years), MONTHS, {}) as out:
        for step in range(years * MONTHS):
            departure = 0.9 * departure + 0.4 * space.scale * rng.standard_normal(space.grid.shape)
            out.write(step, (space.climatology.mean[step % MONTHS] + departure)[None].astype(np.float32))


def network(config: Config, space: StateSpace, seed: int = 5) -> torch.nn.Module:
    shape = space.grid.shape
    statistics = ControlStatistics(persistence(space.grid, 0.9, 0.2), torch.zeros(0, *shape))
    analyser = build_generator(config.generator, space, statistics, seed).analyser
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for parameter in analyser.parameters():
            parameter.data += 0.05 * torch.randn_like(parameter)
    return analyser.eval()


def reanalyse(
    trained: Path, output: Path, ocean: ToyOcean, *words: str, opened: OpenBaselines | None = None
) -> dict[str, Any]:
    settings = [
        f"reanalysis.start={YEARS[0]}",
        f"reanalysis.end={YEARS[-1]}",
        f"reanalysis.run='{trained}'",
        "device=cpu",
        *words,
    ]
    config = load_config("reanalysis", settings, run=trained)
    return run(config, output, open_ocean=ocean, open_baselines=opened)


def checksums(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*thetao_*.nc")
    }


@pytest.fixture(scope="module")
def finished(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted reanalysis."""
    folder = tmp_path_factory.mktemp("finished")
    reanalyse(trained, folder, ToyOcean(toy_space()))
    return folder


@pytest.mark.parametrize("members", [0, 2])
def test_a_killed_reanalysis_ends_with_the_same_bytes(
    trained: Path, finished: Path, tmp_path: Path, members: int
) -> None:
    word, whole = f"reanalysis.members={members}", finished
    if members:
        whole = tmp_path / "whole"
        reanalyse(trained, whole, ToyOcean(toy_space()), word)
    for breaks in ("1998-05", "2000-06"):  # in the first year, and in the third of the second attempt
        with pytest.raises(InterruptedError):
            reanalyse(trained, tmp_path / "cut", ToyOcean(toy_space(), breaks), word)
        assert not list((tmp_path / "cut").glob(".*"))  # no half-written file
    assert set(checksums(tmp_path / "cut")) == {"twin_thetao_1998.nc", "twin_thetao_1999.nc"}
    reanalyse(trained, tmp_path / "cut", ToyOcean(toy_space()), word)
    assert len(checksums(whole)) == 3
    assert checksums(tmp_path / "cut") == checksums(whole)


def test_finished_years_are_not_made_again_and_a_later_end_goes_on(
    trained: Path, finished: Path, tmp_path: Path
) -> None:
    reanalyse(trained, tmp_path / "out", ToyOcean(toy_space()), "reanalysis.end=1999")
    before = (tmp_path / "out" / "twin_thetao_1999.nc").stat().st_mtime_ns
    reanalyse(trained, tmp_path / "out", ToyOcean(toy_space()))
    assert (tmp_path / "out" / "twin_thetao_1999.nc").stat().st_mtime_ns == before
    assert checksums(tmp_path / "out") == checksums(finished)


def test_a_second_writer_is_refused_and_the_first_goes_on(
    trained: Path, finished: Path, tmp_path: Path
) -> None:
    first, refused = ToyOcean(toy_space()), []
    table = first.table

    def interrupted_by_another(start: np.datetime64, end: np.datetime64) -> pd.DataFrame:
        if start == np.datetime64("1999-06-01") and not refused:
            with pytest.raises(UsageError, match="is being written by process"):
                reanalyse(trained, tmp_path, ToyOcean(toy_space()))
            refused.append(start)
        return table(start, end)

    first.table = interrupted_by_another  # type: ignore[method-assign]
    reanalyse(trained, tmp_path, first)
    assert refused and checksums(tmp_path) == checksums(finished)


def test_half_files_of_a_killed_writer_are_gone_after_the_next_start(
    trained: Path, tmp_path: Path
) -> None:
    words = ["reanalysis.start=1998", "reanalysis.end=1998"]
    with pytest.raises(InterruptedError):
        reanalyse(trained, tmp_path, ToyOcean(toy_space(), "1998-05"), *words)
    hidden = [tmp_path / ".twin_thetao_1998.nc.part", tmp_path / "feedback" / ".part.parquet.unfinished"]
    hidden[1].parent.mkdir()
    for path in hidden:
        path.write_bytes(b"half")
    reanalyse(trained, tmp_path, ToyOcean(toy_space()), *words)
    assert not [path for path in hidden if path.exists()] and checksums(tmp_path)


@unreported()
def test_a_finished_reanalysis_repeated_has_nothing_to_do(trained: Path, tmp_path: Path) -> None:
    words = ["reanalysis.end=1998"]
    scores = reanalyse(trained, tmp_path, ToyOcean(toy_space(), known=True), *words)
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.nc")}
    again = reanalyse(trained, tmp_path, ToyOcean(toy_space(), "1998-01", known=True), *words)
    assert again["rmse"] == scores["rmse"]
    assert "finished, nothing to do" in (tmp_path / "log.txt").read_text()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.nc")} == stamps
    (tmp_path / "scores.json").unlink()
    again = reanalyse(trained, tmp_path, ToyOcean(toy_space(), known=True), *words)
    assert again["rmse"] == scores["rmse"]


def test_only_the_last_two_restarts_are_kept_and_a_broken_one_costs_a_year(
    trained: Path, finished: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with pytest.raises(InterruptedError):
        reanalyse(trained, out, ToyOcean(toy_space(), "2001-01"), "reanalysis.end=2001")
    restarts = sorted(path.name for path in out.glob("restart_*"))
    assert restarts == ["restart_1999.safetensors", "restart_2000.safetensors"]
    (out / restarts[-1]).write_bytes(b"broken")
    (out / "twin_thetao_2000.nc").unlink()
    reanalyse(trained, out, ToyOcean(toy_space()))
    assert "1998-1999 finished" in (out / "log.txt").read_text()
    assert checksums(out) == checksums(finished)


def test_a_missing_year_is_noticed(tmp_path: Path) -> None:
    estimate = StandStill(toy_space().grid).first_guess(1)
    for year in (1998, 1999):
        (tmp_path / f"twin_thetao_{year}.nc").touch()
        save_restart(tmp_path, year, estimate, "mine")
    found = last_finished(tmp_path, tmp_path, YEARS, "mine", synthetic=True)
    assert found is not None and found[0] == 1999
    torch.testing.assert_close(found[1].spread, estimate.spread, rtol=0, atol=0)
    assert last_finished(tmp_path, tmp_path, YEARS, "another", synthetic=True) is None
    (tmp_path / "twin_thetao_1998.nc").unlink()
    assert last_finished(tmp_path, tmp_path, YEARS, "mine", synthetic=True) is None


@pytest.mark.parametrize(
    ("word", "name", "message"),
    [
        ("seed=9", "toy", "seed=1 there, 9 asked for"),
        ("reanalysis.members=2", "toy", "reanalysis.members=0 there, 2 asked for"),
        ("seed=1", "others", "'source': 'toy'"),
    ],
)
def test_a_folder_of_other_settings_is_refused(
    trained: Path, finished: Path, word: str, name: str, message: str
) -> None:
    before = checksums(finished)
    with pytest.raises(ConfigError, match="choose another --output") as refusal:
        reanalyse(trained, finished, ToyOcean(toy_space(), name=name), word)
    assert message in str(refusal.value) and "\n" not in str(refusal.value)
    assert checksums(finished) == before


@undrawn()
def test_another_institution_refuses_nothing_and_the_files_keep_theirs(
    trained: Path, tmp_path: Path
) -> None:
    words = ["reanalysis.start=1998", "reanalysis.end=1998", "institution=A"]
    reanalyse(trained, tmp_path, ToyOcean(toy_space(), known=True), *words)
    log = tmp_path / "log.txt"
    reanalyse(trained, tmp_path, ToyOcean(toy_space(), known=True), *words)
    assert "nothing to do" in log.read_text() and "asked for" not in log.read_text()
    later = [*words[:1], "reanalysis.end=1999", "institution=B", "licence=CC0-1.0"]
    reanalyse(trained, tmp_path, ToyOcean(toy_space(), known=True), *later)
    for year in (1998, 1999):
        with xr.open_dataset(tmp_path / f"twin_thetao_{year}.nc") as file:
            assert file.attrs["institution"] == "A" and "license" not in file.attrs
    assert "institution=B asked for, the files keep A of the command" in log.read_text()
    assert "licence=CC0-1.0 asked for, the files keep null" in log.read_text()


@undrawn()
def test_a_file_has_the_command_that_wrote_it_after_those_it_goes_on_from(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = []
    for seconds, end in ((10, 1998), (20, 1999)):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(seconds))
        monkeypatch.setattr("sys.argv", ["deepda", "reanalysis", "--end", str(end)])
        words = ["reanalysis.start=1998", f"reanalysis.end={end}"]
        reanalyse(trained, tmp_path, ToyOcean(toy_space(), known=True), *words)
        with xr.open_dataset(tmp_path / f"twin_thetao_{end}.nc") as file:
            said.append([file.attrs[name] for name in ("date_created", "history", "id")])
    first, second = "1970-01-01T00:00:10Z", "1970-01-01T00:00:20Z"
    began = f"{first}: deepda reanalysis --end 1998"
    assert said[0][:2] == [first, began]
    assert said[1][:2] == [second, f"{began}\n{second}: deepda reanalysis --end 1999"]
    assert said[0][2] == said[1][2]


@undrawn()
def test_months_of_a_year_that_is_not_whole_are_said_to_be_in_no_number(
    trained: Path, tmp_path: Path
) -> None:
    words = ["reanalysis.start=1998", "reanalysis.end=1999", "reanalysis.months=3"]
    reanalyse(trained, tmp_path, ToyOcean(toy_space(), known=True), *words)
    said = "1999-01 to 1999-03 in no score and no figure: years count once they are whole"
    assert said in (tmp_path / "log.txt").read_text().splitlines()[-1]
    assert said in (tmp_path / "report.html").read_text()


def test_the_folder_of_a_reanalysis_is_no_trained_run_and_names_its_own(
    trained: Path, finished: Path
) -> None:
    with pytest.raises(CheckpointError, match=r"is the folder of a reanalysis, expected .* run") as one:
        FinishedRun(finished).space  # noqa: B018
    assert str(one.value).endswith(f"name the one that it was made with, {trained}")
    with pytest.raises(CheckpointError, match="is the folder of a reanalysis"):
        FinishedRun(finished).require("truth.nc")


def test_a_run_that_was_interrupted_is_gone_on_with_by_the_same_command(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(dump(load_config("osse", [])))
    with pytest.raises(CheckpointError, match="if it was interrupted, run the same command again"):
        FinishedRun(tmp_path).space  # noqa: B018


def test_a_folder_of_other_weights_is_refused(trained: Path, finished: Path, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text((trained / "config.yaml").read_text())
    config = load_config("reanalysis", [], run=trained)
    save_checkpoint(tmp_path / "checkpoint", network(config, toy_space(), seed=6), toy_space(), {})
    with pytest.raises(ConfigError, match="weights="):
        reanalyse(tmp_path, finished, ToyOcean(toy_space()))


def test_the_folder_of_the_run_itself_is_refused(trained: Path) -> None:
    with pytest.raises(ReanalysisError, match=r"config\.yaml of another run"):
        reanalyse(trained, trained, ToyOcean(toy_space()))


class Simulated(ToyOcean):
    """Observations of an ocean whose file is made when it is first opened."""

    def __call__(self, config: Config, space: StateSpace, output: Path, progress: Progress) -> ToyOcean:
        (output / "history.nc").touch()
        return super().__call__(config, space, output, progress)


def test_a_history_that_the_reanalysis_made_itself_does_not_refuse_it(
    trained: Path, tmp_path: Path
) -> None:
    (tmp_path / "own").mkdir()
    reanalyse(trained, tmp_path / "own", Simulated(toy_space()), f"reanalysis.end={YEARS[0]}")
    assert list((tmp_path / "own").glob("*thetao_*.nc"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "history.nc").touch()
    with pytest.raises(ReanalysisError, match=r"history\.nc of another run"):
        reanalyse(trained, tmp_path / "other", Simulated(toy_space()))


@pytest.mark.parametrize("word", ["reanalysis.start=1989", "reanalysis.end=2011"])
def test_years_that_nobody_observed_are_refused(trained: Path, tmp_path: Path, word: str) -> None:
    with pytest.raises(PeriodError, match="there are observations of 1990-2010"):
        reanalyse(trained, tmp_path, ToyOcean(toy_space()), word)
    assert [path.name for path in tmp_path.iterdir()] == ["log.txt"]  # it blocks nothing


def test_the_years_open_as_one(finished: Path) -> None:
    with xr.open_mfdataset(str(finished / "twin_thetao_*.nc")) as file:
        assert file["thetao"].dims == ("time", "depth", "lat", "lon")
        assert (
            file.sizes["time"] == len(YEARS) * MONTHS and file["time"].to_index().is_monotonic_increasing
        )
        assert set(VARIABLES) <= set(file.data_vars)
        share = file["thetao_observation_influence"].where(file["ocean"] > 0)
        assert 0 < float(share.mean()) < 1


def test_a_file_states_what_it_was_made_of(trained: Path, finished: Path) -> None:
    with netCDF4.Dataset(finished / "twin_thetao_1999.nc") as file:
        weights = (trained / "checkpoint" / "weights.safetensors").read_bytes()
        assert file.weights_sha256 == hashlib.sha256(weights).hexdigest()
        assert json.loads(file.config)["reanalysis.start"] == 1998
        assert json.loads(file.observations) == {"source": "toy"}
        assert "torch" in json.loads(file.versions)


def test_the_compliance_checker_finds_no_error(finished: Path) -> None:
    suite = CheckSuite()
    suite.load_all_available_checkers()
    dataset = suite.load_dataset(str(finished / "twin_thetao_1999.nc"))
    checked, errors = suite.run_all(dataset, ["cf:1.11"])["cf:1.11"]
    assert not errors
    assert [result.msgs for result in checked if result.value[0] < result.value[1]] == []


@undrawn()
def test_the_truth_is_followed_members_are_verified_and_the_report_is_written(
    trained: Path, tmp_path: Path
) -> None:
    ocean = ToyOcean(toy_space(), values=400, known=True)
    scores = reanalyse(trained, tmp_path, ocean, "reanalysis.members=2")
    assert scores["rmse"]["analysis"]["all"] < 0.4 * scores["rmse"]["climatology"]["all"]
    assert json.loads((tmp_path / "scores.json").read_text())["rmse"] == scores["rmse"]
    page = (tmp_path / "report.html").read_text()
    assert len(page) > 10_000
    assert "root mean square error, of 1998 and of 2000, in the same colours" in page
    assert (tmp_path / "figures" / "rmse_time_depth.png").exists()
    assert (tmp_path / "figures" / "nino34.png").exists()
    members = json.loads((tmp_path / "scores.json").read_text())["members"]
    assert members["number"] == 2 and members["spread_over_error"]["all"] > 0
    assert "Niño 3.4" in members["spread_over_error"]["of_means"]
    assert "shadow twin" in (tmp_path / "report.html").read_text()
    assert (tmp_path / "figures" / "members_level_1.png").exists()
    assert "members: 2, from 5 years of the control simulation" in (tmp_path / "log.txt").read_text()


class KnowsTheClimatology:
    """Gives a method that stays at climatology under the names asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, run: Path, config: Config, names: Sequence[str]) -> FitBaselines:
        self.asked += names
        return self._fitted

    def _fitted(
        self, cache: Path, reach: Reach | None, progress: Progress
    ) -> Iterator[tuple[str, Analyser]]:
        for name in self.asked:
            yield name, ClimatologyAnalyser(torch.from_numpy(toy_space().grid.ocean))


@undrawn()
def test_a_baseline_of_a_twin_is_cycled_where_it_is_asked_for_and_judged_by_the_truth(
    trained: Path, tmp_path: Path
) -> None:
    opened, ocean = KnowsTheClimatology(), ToyOcean(toy_space(), values=400, known=True)
    reanalyse(trained, tmp_path, ocean, "reanalysis.end=1999", opened=opened)
    assert opened.asked == []
    asked = ("reanalysis.end=1999", "reanalysis.baselines=[forecast_oi]")
    scores = reanalyse(trained, tmp_path, ocean, *asked, opened=opened)
    rmse = scores["rmse"]
    assert rmse["forecast_oi"]["by_depth"] == pytest.approx(rmse["climatology"]["by_depth"], rel=1e-4)
    gain = 1 - rmse["analysis"]["all"] / rmse["forecast_oi"]["all"]
    assert scores["gain"]["gain"] == pytest.approx(gain, rel=1e-6) and gain > 0
    assert scores["gain"]["low"] < gain < scores["gain"]["high"]
    page = (tmp_path / "report.html").read_text()
    assert "optimal interpolation with the best forecast" in page
    assert '<th scope="col"><span>with the best forecast</span>' in page  # of the table by depth
    with xr.open_dataset(tmp_path / "forecast_oi" / "twin_thetao_1998.nc") as file:
        assert "not of the real" in file.title and file.title.startswith("Optimal interpolation")


def test_without_observations_the_influence_is_zero(trained: Path, tmp_path: Path) -> None:
    reanalyse(trained, tmp_path, ToyOcean(toy_space(), values=0), "reanalysis.end=1998")
    with xr.open_dataset(tmp_path / "twin_thetao_1998.nc") as file:
        assert float(abs(file["thetao_observation_influence"]).max()) == 0
        error = file["thetao"].values - toy_space().climatology.mean
        assert np.nanmax(abs(error)) < 1e-3


@pytest.fixture(scope="module")
def ensemble(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a reanalysis of one year with three members."""
    folder = tmp_path_factory.mktemp("ensemble")
    reanalyse(trained, folder, ToyOcean(toy_space()), "reanalysis.members=3", "reanalysis.end=1998")
    return folder


def test_members_stand_beside_the_analysis_which_they_do_not_change(
    finished: Path, ensemble: Path
) -> None:
    with (
        xr.open_dataset(ensemble / "twin_thetao_1998.nc") as many,
        xr.open_dataset(finished / "twin_thetao_1998.nc") as one,
    ):
        assert many["thetao"].dims == one["thetao"].dims == ("time", "depth", "lat", "lon")
        assert float(abs(many["thetao"] - one["thetao"]).max()) < 2e-3  # batches round otherwise
        assert many["thetao_members"].dims == ("realization", *one["thetao"].dims)
        assert list(many["realization"].values) == [1, 2, 3]
        assert "none of them" in many["realization"].long_name
        apart = (many["thetao_members"] - many["thetao"]).std(("time", "depth", "lat", "lon"))
        assert (apart > 0.02).all()
        different = many["thetao_members"][0] - many["thetao_members"][1]
        assert float(abs(different).max()) > 0.02
        assert json.loads(many.attrs["members"])["number"] == 3
        assert "thetao_members" not in one and "members" not in one.attrs


def test_members_without_the_control_simulation_are_refused_before_anything_is_made(
    trained: Path, tmp_path: Path
) -> None:
    run_alone, output = tmp_path / "run", tmp_path / "out"
    shutil.copytree(trained, run_alone)
    (run_alone / "control.nc").unlink()
    output.mkdir()
    with pytest.raises(MembersError, match=r"no .*control\.nc.*; put the file back, .*or leave out"):
        reanalyse(run_alone, output, ToyOcean(toy_space()), "reanalysis.members=3")
    assert [path.name for path in output.iterdir()] == ["log.txt"]
    reanalyse(run_alone, output, ToyOcean(toy_space()), "reanalysis.end=1998")
    assert checksums(output)


class StandStill:
    """An analyser that changes nothing, half a standard deviation unsure."""

    def __init__(self, grid: Grid) -> None:
        self.ocean = torch.from_numpy(grid.ocean).float()

    def first_guess(self, batch: int) -> StateEstimate:
        field = torch.zeros(batch, *self.ocean.shape)
        return StateEstimate(field, field + 0.5 * self.ocean, field[:, :0])

    def forecast(self, analysis: StateEstimate, season: torch.Tensor) -> StateEstimate:
        return analysis

    def analyse(self, background: StateEstimate, observations: Observations) -> StateEstimate:
        return background


def test_the_next_item_is_made_while_this_one_is_used() -> None:
    started = [threading.Event() for _ in range(4)]

    def make(item: int) -> int:
        started[item].set()
        return item * item

    with ThreadPoolExecutor(1) as pool:
        for item, made in enumerate(ahead(pool, make, range(4))):
            assert made == item * item
            assert item == 3 or started[item + 1].wait(5)
            assert item > 1 or not started[item + 2].is_set()  # and no further ahead


def biased_files(folder: Path, space: StateSpace, ocean: ToyOcean, bias: NDArray[np.float64]) -> None:
    """Files of YEARS that are wrong by `bias` (depth) K and say 0.25 K of themselves."""
    for year in YEARS:
        span = windows(year, year, MONTHS)
        with AnalysisWriter(
            folder / f"twin_thetao_{year}.nc", space.grid, span, variables=VARIABLES
        ) as out:
            for step in range(MONTHS):
                field = ocean.field(span.start[step]) + bias[:, None, None]
                out.write(step, field, np.full(field.shape, 0.25), np.full(field.shape, 0.5))


def test_scores_are_those_worked_out_by_hand(tmp_path: Path) -> None:
    space = toy_space()
    ocean = ToyOcean(space, known=True)
    bias = np.array([0.5, -0.25, 0.125, 1.0])
    biased_files(tmp_path, space, ocean, bias)
    record = read_record(space, ocean, tmp_path, YEARS, Progress())
    scores = scores_against_truth(record)
    volume = space.grid.volume.sum((1, 2))
    analysis, climatology = scores["rmse"]["analysis"], scores["rmse"]["climatology"]
    np.testing.assert_allclose(analysis["by_depth"], abs(bias), atol=1e-3)
    np.testing.assert_allclose(analysis["all"], np.sqrt((bias**2 @ volume) / volume.sum()), atol=1e-3)
    np.testing.assert_allclose(climatology["by_year"], [0.8, 0.9, 1.0], atol=1e-3)
    np.testing.assert_allclose(climatology["all"], np.sqrt((0.9**2 + 1.0**2) / 2), atol=1e-3)
    np.testing.assert_allclose(scores["spread"]["by_depth"], 0.25, atol=1e-3)
    np.testing.assert_allclose(record.influence, 0.5, atol=1e-3)
    assert scores["spinup_windows"] == MONTHS and scores["nino34"]["rmse_K"] == pytest.approx(
        0.5, abs=1e-3
    )
    np.testing.assert_allclose(record.used["argo"], 150 * MONTHS)


def test_the_trend_of_the_analysis_is_that_of_the_truth(tmp_path: Path) -> None:
    space = toy_space()
    ocean = ToyOcean(space, known=True)
    biased_files(tmp_path, space, ocean, np.zeros(4))
    record = read_record(space, ocean, tmp_path, YEARS, Progress())
    found = scores_against_truth(record)["trend_per_decade"]
    # a step of 0.1 K a year in monthly values has a regression slope of 0.1 (1 - 1/n^2)^-1 (1 - 1/9)
    steps = np.repeat([0.8, 0.9, 1.0], MONTHS)
    days = (record.windows.middle - record.windows.middle[0]) / np.timedelta64(1, "D")
    slope = np.polyfit(days / 3652.425, steps, 1)[0]
    assert found["truth"]["sea_surface_K"]["slope"] == pytest.approx(slope, rel=1e-3)
    assert found["analysis"]["sea_surface_K"]["slope"] == pytest.approx(slope, abs=5e-3)
    depth = heat_depth(record.grid)
    assert depth == pytest.approx(min(700, space.grid.depth_edges[-1]))
    heat = slope * 1026 * 3991.867957 * space.grid.volume.sum() / 1e21
    assert found["truth"]["heat_content_ZJ"]["slope"] == pytest.approx(heat, rel=1e-3)


def test_trends_before_floats_and_with_them_leave_out_the_years_between_and_the_spin_up() -> None:
    assert {name: (part[0], part[-1]) for name, part in periods_of(range(1981, 2021)).items()} == {
        "1982-1999, before floats": (1982, 1999),
        "2005-2020, with many floats": (2005, 2020),
    }
    assert list(periods_of(range(1990, 2003))) == ["1991-1999, before floats"]
    assert periods_of(range(1998, 2008)) == {}


@pytest.mark.parametrize(("lag", "inside"), [(0.0, True), (-0.5, False)])
def test_trends_of_periods_and_layers_are_those_of_their_own_years(lag: float, inside: bool) -> None:
    space, years = toy_space(), range(1995, 2015)
    span, layers = windows(years[0], years[-1], MONTHS), space.grid.shape[0]
    decades = (span.middle - span.middle[0]) / np.timedelta64(1, "D") / 3652.425
    slope = np.arange(1.0, layers + 1)
    rng = np.random.default_rng(0)

    def part(factor: float) -> ClimateSeries:
        bent = decades + factor * np.clip(decades - 1, 0, None)  # another trend in the second decade
        noise = 0.01 * rng.standard_normal(len(span))
        layer = bent[:, None] * slope + noise[:, None]
        return ClimateSeries(layer, layer[:, 0], np.empty(0), np.empty(0))

    blank = np.zeros((len(span), layers))
    series = {TRUTH: part(0.0), ANALYSIS: part(lag)}
    record = Record(space.grid, span, years, series, {}, blank, blank, blank[:, 0])
    found = trends_of(record)
    np.testing.assert_allclose(found["by_depth"]["truth"], slope, rtol=0.01)
    late = found["by_period"]["2005-2014, with many floats"]
    assert late["truth"]["sea_surface_K"]["slope"] == pytest.approx(1, rel=0.02)
    assert late["analysis"]["sea_surface_K"]["slope"] == pytest.approx(1 + lag, rel=0.03)
    assert late["truth_inside"] is inside


def test_the_record_without_a_truth_has_the_same_climate_as_with_it(tmp_path: Path) -> None:
    space = toy_space()
    known, unknown = ToyOcean(space, known=True), ToyOcean(space)
    biased_files(tmp_path, space, known, np.array([0.5, -0.25, 0.125, 1.0]))
    assert truth_is_known(known, YEARS[0], MONTHS) and not truth_is_known(unknown, YEARS[0], MONTHS)
    both, alone = (read_record(space, o, tmp_path, YEARS, Progress()) for o in (known, unknown))
    assert list(both.series) == [TRUTH, ANALYSIS] and list(alone.series) == [ANALYSIS]
    for name in ("layer", "nino34", "surface", "upper"):
        with_truth, without = (getattr(one.series[ANALYSIS], name) for one in (both, alone))
        np.testing.assert_array_equal(with_truth, without)
    np.testing.assert_array_equal(both.variance, alone.variance)
    assert alone.square_error == {}


@pytest.fixture(scope="module")
def coarse() -> StateSpace:
    """A 12 degree ocean of three layers: the embedded ocean fits it in a second."""
    from osse.ocean.simulate import ocean_mask

    lat, lon, depth = np.arange(-90, 91, 12.0), np.arange(0, 361, 12.0), np.array([0, 20, 100, 400.0])
    whole = Grid(lat, lon, depth, np.ones((3, lat.size - 1, lon.size - 1), bool))
    grid = whole.with_ocean(ocean_mask(whole))
    mean = np.where(grid.ocean, np.float32(15), np.nan)[None].repeat(MONTHS, 0)
    climatology = Climatology(mean, np.where(grid.ocean, np.float32(1), np.nan))
    return StateSpace(grid, climatology, scale_of(climatology, grid))


WARMING = ["per_year=12", "osse.spinup=1", "reanalysis.warming=0.5"]


@pytest.fixture(scope="module")
def history(coarse: StateSpace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the twin of history."""
    folder = tmp_path_factory.mktemp("history")
    twin_of_history(load_config("reanalysis", WARMING), coarse, folder, Progress())
    return folder


def test_the_twin_of_history_repeats_itself_and_warms(coarse: StateSpace, history: Path) -> None:
    config = load_config("reanalysis", WARMING)
    twin = twin_of_history(config, coarse, history, Progress())
    early, late = windows(1981, 1981, 12), windows(2020, 2020, 12)
    first = twin.table(early.start[3], early.end[3])
    truth = np.mean([twin.truth(late.start[m], late.end[m]) for m in range(12)], axis=0)
    start = np.mean([twin.truth(early.start[m], early.end[m]) for m in range(12)], axis=0)
    stamp = (history / "history.nc").stat().st_mtime_ns
    again = twin_of_history(config, coarse, history, Progress())
    assert (history / "history.nc").stat().st_mtime_ns == stamp
    pd.testing.assert_frame_equal(again.table(early.start[3], early.end[3]), first)
    assert first["time"].between(early.start[3], early.end[3]).all()
    area = coarse.grid.area * coarse.grid.ocean[0]
    change = np.nansum((truth - start)[0] * area) / area.sum()
    assert change == pytest.approx(0.5 * 3.9, abs=0.5)
    assert twin.climatology is coarse.climatology
    with pytest.raises(HistoryError, match="1981-2025"):
        twin.table(early.start[3], early.end[4])
    with pytest.raises(HistoryError, match="1981-2025"):
        twin.truth(np.datetime64("2026-01-01", "s"), np.datetime64("2026-02-01", "s"))


def test_a_run_of_another_model_gets_the_climatology_of_what_is_observed(
    coarse: StateSpace, history: Path
) -> None:
    config = load_config("reanalysis", [*WARMING, "control=files", "data.root=x"])
    shifted = replace(
        coarse, climatology=Climatology(coarse.climatology.mean + 9, coarse.climatology.stddev)
    )
    twin = twin_of_history(config, shifted, history, Progress())
    span = windows(1981, 2010, 12)
    summer = [twin.truth(span.start[m], span.end[m]) for m in range(6, len(span), 12)]
    departure = np.mean(summer, axis=0) - twin.climatology.mean[6]
    assert np.nanmax(abs(departure)) < 0.4


def test_the_first_year_alone_is_called_spinup(finished: Path) -> None:
    said = []
    for path in sorted(finished.glob("twin_thetao_*.nc")):
        with xr.open_dataset(path) as file:
            said.append(file.attrs.get("spinup_windows", 0))
    assert said == [12, 0, 0]


def test_files_of_a_synthetic_ocean_say_so(finished: Path) -> None:
    with xr.open_dataset(finished / "twin_thetao_1999.nc") as file:
        assert "synthetic" in file.title and "simulated" in file.summary
        assert file.processing_level == "synthetic" and "synthetic observations" in file.source
    assert list(finished.glob("thetao_*.nc")) == []
    assert "not the real ocean" in (finished / "log.txt").read_text()
