"""Baselines that are cycled beside a reanalysis of real observations, to be judged at withheld rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import unreported
from test_real_reanalysis import FIRST, archive, finished, settings
from test_reanalysis import checksums, trained
from toys import persistence, toy_space

from deepda.assimilation.baselines import Climatology as ClimatologyAnalyser
from deepda.assimilation.baselines import OptimalInterpolation
from deepda.assimilation.cycle import Analyser, Observations, StateEstimate
from deepda.assimilation.localisation import Reach
from deepda.base.errors import CheckpointError
from deepda.base.progress import Progress
from deepda.runs.errors import REACH
from deepda.settings.compose import load_config
from deepda.settings.schema import Config, ConfigError
from osse.twin.baseline_files import save
from osse.twin.baselines_of_run import baselines_of_run
from osse.twin.carried_variance import CarriedVariance
from osse.twin.forecast_interpolation import ForecastInterpolation
from osse.twin.forecasts import LinearForecast
from osse.twin.optimal_interpolation import keep
from reanalysis.baselines import FitBaselines
from reanalysis.ingested_ocean import open_archive
from reanalysis.run import run

__all__ = ["archive", "finished", "trained"]  # fixtures
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("blank_pictures", "empty_fdbk")]
WITHHELD = "observations.withheld=0.2"


class Warmer(ClimatologyAnalyser):
    """A third of a standard deviation above climatology, whatever was observed."""

    def analyse(self, background: StateEstimate, observations: Observations) -> StateEstimate:
        return StateEstimate(0.3 * background.spread, background.spread, background.memory)


class RunsAway(ClimatologyAnalyser):
    """Leaves physical limits at once."""

    def analyse(self, background: StateEstimate, observations: Observations) -> StateEstimate:
        return StateEstimate(background.mean + 1e6, background.spread, background.memory)


class Opened:
    """Gives simple methods by the names asked for, and notes what it is asked."""

    def __init__(self, **methods: type[ClimatologyAnalyser]) -> None:
        self.methods, self.asked, self.reaches = methods, [], []  # type: ignore[var-annotated]

    def __call__(self, run: Path, config: Config, names: Sequence[str]) -> FitBaselines:
        self.asked.append((run, names))
        return partial(self._fitted, names)

    def _fitted(
        self, names: Sequence[str], cache: Path, reach: Reach | None, progress: Progress
    ) -> Iterator[tuple[str, Analyser]]:
        self.reaches.append(reach)
        for name in names:
            yield name, self.methods[name](torch.from_numpy(toy_space().grid.ocean))


def rmse_of(scores: dict[str, Any]) -> dict[str, float]:
    return {row["candidate"]: row["rmse"] for row in scores["withheld"] if row["grouping"] == "all"}


def test_every_baseline_asked_for_is_judged_at_the_same_withheld_rows(
    trained: Path, archive: Path, finished: Path, tmp_path: Path
) -> None:
    opened = Opened(oi=ClimatologyAnalyser, multi_scale_oi=Warmer)
    words = [WITHHELD, f"reanalysis.end={FIRST}"]
    both = "reanalysis.baselines=[oi,multi_scale_oi]"
    scores = run(settings(trained, archive, *words, both), tmp_path / "out", open_archive, opened)
    assert opened.asked == [(trained, ["oi", "multi_scale_oi"])] and opened.reaches == [REACH]
    rmse = rmse_of(scores)
    assert [*rmse] == ["climatology", "oi", "multi_scale_oi", "background", "analysis"]
    # One that never leaves climatology must be scored as climatology is.
    assert rmse["oi"] == pytest.approx(rmse["climatology"], rel=1e-6)
    assert rmse["multi_scale_oi"] != pytest.approx(rmse["climatology"], rel=1e-5)
    counts = {row["count"] for row in scores["withheld"] if row["grouping"] == "all"}
    assert len(counts) == 1 and counts.pop() > 20
    page = (tmp_path / "out" / "report.html").read_text()
    assert "multi-scale optimal interpolation" in page and "the best baseline" in page
    # and they do not disturb the analysis
    assert checksums(tmp_path / "out").items() <= checksums(finished).items()


@unreported()
def test_a_baseline_is_added_to_a_finished_reanalysis_and_the_rest_is_not_made_again(
    trained: Path, archive: Path, tmp_path: Path
) -> None:
    opened = Opened(oi=ClimatologyAnalyser, forecast_oi=Warmer)
    words, out = [WITHHELD, f"reanalysis.end={FIRST}"], tmp_path / "out"
    first = run(settings(trained, archive, *words), out, open_archive, opened)
    made = {path: path.stat().st_mtime_ns for path in out.rglob("thetao_*.nc")}
    assert {path.parent.name for path in made} == {"out", "oi"}
    tuned_since = "osse.baselines=[oi,forecast_oi,multi_scale_oi]"  # by `deepda osse run`
    more = settings(trained, archive, *words, tuned_since, "reanalysis.baselines=[oi,forecast_oi]")
    second = run(more, out, open_archive, opened)
    assert {path: path.stat().st_mtime_ns for path in made} == made
    assert rmse_of(first).items() <= rmse_of(second).items()
    assert [*rmse_of(second)][1:3] == ["oi", "forecast_oi"]
    run(more, out, open_archive, opened)
    assert "finished, nothing to do" in (out / "log.txt").read_text()


@unreported()
def test_no_baseline_is_opened_where_nothing_is_withheld_or_none_is_asked_for(
    trained: Path, archive: Path, tmp_path: Path
) -> None:
    opened, end = Opened(oi=ClimatologyAnalyser), f"reanalysis.end={FIRST}"
    run(settings(trained, archive, end), tmp_path / "all", open_archive, opened)
    none = settings(trained, archive, end, WITHHELD, "reanalysis.baselines=[]")
    scores = run(none, tmp_path / "none", open_archive, opened)
    assert opened.asked == [] and "oi" not in rmse_of(scores) and "analysis" in rmse_of(scores)


@unreported()
def test_a_baseline_that_runs_away_is_left_out_and_the_others_are_judged(
    trained: Path, archive: Path, tmp_path: Path
) -> None:
    opened = Opened(oi=RunsAway, forecast_oi=Warmer)
    words = [WITHHELD, f"reanalysis.end={FIRST}", "reanalysis.baselines=[oi,forecast_oi]"]
    scores = run(settings(trained, archive, *words), tmp_path / "out", open_archive, opened)
    assert {"climatology", "forecast_oi", "analysis"} <= rmse_of(scores).keys()
    assert "oi" not in rmse_of(scores)
    assert "optimal interpolation is left out: " in (tmp_path / "out" / "log.txt").read_text()


def tuned(run: Path) -> Path:
    """The run with optimal interpolation and the best forecast tuned."""
    space = toy_space()
    rng = np.random.default_rng(2)
    history = np.where(space.grid.ocean, rng.standard_normal((40, *space.grid.shape)), 0)
    oi = OptimalInterpolation.fit(history.astype(np.float32), space.grid, 3000.0, 800.0, 0.2)
    keep(oi, 3000.0, 800.0, run / "checkpoint")
    noise = torch.full(space.grid.shape, 0.36)
    model = LinearForecast("damped", persistence(space.grid, 0.8, 0.36).weight, 0 * noise, noise)
    law = CarriedVariance.on(space.grid)
    save(ForecastInterpolation(oi, model, law, False), run / "checkpoint", "forecast_oi", {})
    return run


@unreported()
def test_tuned_baselines_of_a_run_resume_with_the_same_bytes(
    trained: Path, archive: Path, tmp_path: Path
) -> None:
    words = [WITHHELD, f"reanalysis.end={FIRST + 1}", "reanalysis.baselines=[oi,forecast_oi]"]
    wanted = settings(tuned(trained), archive, *words)
    run(wanted, tmp_path / "whole", open_archive, baselines_of_run)
    shorter = settings(trained, archive, *words, f"reanalysis.end={FIRST}")
    run(shorter, tmp_path / "cut", open_archive, baselines_of_run)
    run(wanted, tmp_path / "cut", open_archive, baselines_of_run)
    for name in ("oi", "forecast_oi"):
        whole = checksums(tmp_path / "whole" / name)
        assert len(whole) == 2 and checksums(tmp_path / "cut" / name) == whole
    assert checksums(tmp_path / "whole" / "oi") != checksums(tmp_path / "whole" / "forecast_oi")
    assert not (tmp_path / "whole" / "baselines").exists()


def test_a_baseline_that_the_run_has_not_tuned_is_refused_before_anything_is_written(
    trained: Path, archive: Path, tmp_path: Path
) -> None:
    words = [WITHHELD, "reanalysis.baselines=[oi,own_error_oi]"]
    with pytest.raises(CheckpointError, match="own_error_oi too, which") as said:
        run(settings(tuned(trained), archive, *words), tmp_path / "out", open_archive, baselines_of_run)
    assert "'osse.baselines=[oi,forecast_oi,own_error_oi]'" in str(said.value)
    assert "'reanalysis.baselines=[oi]'" in str(said.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("names", "said"),
    [("[oi,kriging]", "reanalysis.baselines is kriging"), ("[oi,oi]", "expected each name once")],
)
def test_names_of_baselines_are_checked(names: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_config("reanalysis", [f"reanalysis.baselines={names}"])
