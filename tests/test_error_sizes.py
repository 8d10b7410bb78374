"""Error sizes from departures: known ones are recovered, too few values change nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_real_reanalysis import archive, settings
from test_reanalysis import YEARS, reanalyse, trained
from toys import ToyOcean, toy_space

from deepda.assimilation.localisation import Reach
from deepda.feedback import read_feedback
from deepda.feedback.error_sizes import FEWEST, LIMITS, DepartureSums, ErrorSizes
from deepda.geometry.grid import Grid
from deepda.observations.table import PLATFORMS
from deepda.runs.errors import Errors
from deepda.settings.compose import load_config
from deepda.settings.schema import ConfigError
from reanalysis.error_sizes import NAME
from reanalysis.error_sizes_report import error_sizes_sections
from reanalysis.ingested_ocean import open_archive
from reanalysis.restart import ReanalysisError
from reanalysis.run import run

__all__ = ["archive", "trained"]  # fixtures
pytestmark = pytest.mark.slow
RING = Grid(
    np.array([-4.0, -2, 2, 4]), np.linspace(0, 360, 41), np.array([0.0, 10]), np.ones((1, 3, 40))
)


@dataclass
class Ring:
    """Windows of a linear ocean with known error covariances, analysed with assumed ones.

    Attributes:
        background, error: true standard deviations, K; the assumed ones are 1 and 0.5.
        kind: platform type of all observations.
    """

    background: float
    error: float
    kind: str = "argo"

    def __post_init__(self) -> None:
        apart = np.abs(np.arange(40)[:, None] - np.arange(40))
        across = np.exp(-0.5 * (np.minimum(apart, 40 - apart) / 3.0) ** 2)
        self.correlation = np.kron(np.eye(3), across) + 1e-9 * np.eye(120)
        self.root = np.linalg.cholesky(self.correlation)

    def rows(self, rng: np.random.Generator, sizes: ErrorSizes, share: float = 0.7) -> pd.DataFrame:
        """Feedback of one window, analysed with the assumed errors times `sizes`."""
        cell = np.flatnonzero(rng.random(120) < share)
        row, column = np.divmod(cell, 40)
        spread = sizes.on_grid(RING)[0].ravel()
        table = pd.DataFrame({"lat": RING.lat[row], "lon": RING.lon[column], "depth": 5.0, "error": 0.5})
        table = sizes.rescaled(table.assign(platform_type=self.kind), RING)
        innovation = (
            self.error * rng.normal(size=120) - self.background * self.root @ rng.normal(size=120)
        )[cell]
        matrix = spread[:, None] * self.correlation * spread
        inside = matrix[np.ix_(cell, cell)]
        gain = np.linalg.solve(inside + np.diag(table["error"].to_numpy(float) ** 2), innovation)
        return table.assign(
            temperature=innovation,
            background=0.0,
            analysis=inside @ gain,
            spread=spread[cell],
            used=True,
        )


def estimated(ring: Ring, windows: int, passes: int = 2) -> tuple[ErrorSizes, DepartureSums]:
    rng, sizes = np.random.default_rng(2), ErrorSizes.assumed(1)
    for _ in range(passes):
        sums = DepartureSums(RING)
        for _ in range(windows):
            sums.add(ring.rows(rng, sizes))
        sizes = sums.estimate(sizes)
    return sizes, sums


@pytest.mark.parametrize(("background", "error"), [(2.0, 0.5), (0.5, 1.0), (1.0, 1.5)])
def test_known_errors_are_recovered_from_wrong_ones(background: float, error: float) -> None:
    for passes, within in ((2, 0.4), (5, 0.1)):
        sizes, _ = estimated(Ring(background, error), windows=25, passes=passes)
        assert sizes.on_grid(RING) == pytest.approx(background, rel=within)
        assert sizes.observation["argo"][0, 4] == pytest.approx(error / 0.5, rel=within)
    assert (sizes.observation["xbt"] == 1).all()  # never seen


def test_expected_departures_are_those_found_once_the_sizes_are_estimated() -> None:
    ring = Ring(2.0, 1.0)
    _, before = estimated(ring, windows=40, passes=1)
    _, after = estimated(ring, windows=40, passes=2)
    assert before.expected_over_found() == pytest.approx([0.5], rel=0.05)
    assert after.expected_over_found() == pytest.approx([1.0], rel=0.05)


def test_too_few_values_keep_the_assumed_sizes_and_are_named() -> None:
    rng, sums = np.random.default_rng(0), DepartureSums(RING)
    sums.add(Ring(3.0, 3.0, "xbt").rows(rng, ErrorSizes.assumed(1), share=0.5))
    assert 0 < sums.values()["xbt"] < FEWEST and sums.too_few() == ["xbt"]
    sizes = sums.estimate(ErrorSizes.assumed(1))
    assert (sizes.background == 1).all() and (sizes.observation["xbt"] == 1).all()
    while sums.values()["xbt"] < FEWEST:
        sums.add(Ring(3.0, 3.0, "xbt").rows(rng, ErrorSizes.assumed(1)))
    assert sums.too_few() == [] and (sums.estimate(sizes).observation["xbt"] > 1.2).all()


def test_values_of_one_kind_in_one_cell_count_once_and_unused_ones_not_at_all() -> None:
    rows = Ring(2.0, 1.0).rows(np.random.default_rng(1), ErrorSizes.assumed(1))
    once, often = DepartureSums(RING), DepartureSums(RING)
    once.add(rows)
    unused = rows.assign(used=False, temperature=99.0)
    often.add(pd.concat([rows, rows, rows, unused]))
    np.testing.assert_allclose(once.sums, often.sums)


def test_sizes_stay_within_their_limits() -> None:
    sizes, _ = estimated(Ring(30.0, 30.0), windows=20)
    assert sizes.on_grid(RING).max() == pytest.approx(LIMITS[1])
    assert max(factor.max() for factor in sizes.observation.values()) == LIMITS[1]


def test_errors_are_rescaled_by_platform_depth_and_latitude_and_nothing_else() -> None:
    grid = replace(toy_space().grid)
    rng = np.random.default_rng(3)
    observation = {name: np.exp(rng.normal(size=(grid.depth.size, 9))) for name in PLATFORMS}
    sizes = ErrorSizes(np.ones((grid.depth.size, 9)), observation)
    table = pd.DataFrame(
        {"lat": [0.0, 0.0, 30.0, 0.0], "lon": 5.0, "depth": [*grid.depth[[0, 1, 0]], 9000.0],
         "error": 0.5, "shared_error": 0.3, "platform_type": ["argo", "xbt", "argo", "argo"]}
    )  # fmt: skip
    out = sizes.rescaled(table, grid)
    ratio = out["error"] / 0.5
    row = int(grid.locate([0.0], [5.0], [0.0])[1][0])
    middle = np.array([-75, -50, -30, -12.5, 0, 12.5, 30, 50, 75])
    assert ratio[0] == pytest.approx(
        np.exp(np.interp(grid.lat[row], middle, np.log(observation["argo"][0]))), rel=1e-5
    )
    assert len(set(ratio.round(4))) == 4 and ratio[3] == 1  # below the grid nothing is known
    np.testing.assert_allclose(out["shared_error"] / 0.3, ratio, rtol=1e-5)
    pd.testing.assert_frame_equal(out[["lat", "depth"]], table[["lat", "depth"]])


class Understated(ToyOcean):
    """A toy ocean whose stated errors are a share of those that it draws."""

    def __init__(self, share: float) -> None:
        super().__init__(toy_space(), values=300)
        self.share = share

    def table(self, start: np.datetime64, end: np.datetime64) -> pd.DataFrame:
        table = super().table(start, end)
        noise = np.random.default_rng(int(start.astype("datetime64[D]").astype(int))).normal(
            size=len(table)
        )
        return table.assign(
            temperature=table["temperature"] + 0.6 * noise, error=np.float32(0.6 * self.share)
        )


def test_a_twin_whose_stated_errors_are_half_the_true_ones_departs_as_expected_afterwards(
    trained: Path, tmp_path: Path
) -> None:
    one_year = f"reanalysis.start={YEARS[-1]}"
    reanalyse(trained, tmp_path, Understated(0.5), one_year, "reanalysis.error_sizes=estimated")
    made = json.loads((tmp_path / NAME).read_text())
    assert np.median(made["observation"]["argo"]) > 1.25  # this network's covariance is no ocean's
    before, after = (np.abs(np.log(part["expected_over_found"])).max() for part in made["passes"])
    assert after < min(0.1, before)
    assert made["years"] == [2000]
    assert made["passes"][0]["values"]["argo"] == 12 * 300  # however far from the background


def test_the_page_has_the_sizes_that_were_used(tmp_path: Path) -> None:
    assert error_sizes_sections(tmp_path) == []  # assumed ones have no section
    sizes, sums = estimated(Ring(2.0, 0.5), windows=10, passes=1)
    part = {"values": sums.values(), "expected_over_found": sums.expected_over_found()}
    held = {
        "reach": Reach(2000, 600)._asdict(),
        **sizes.as_json(),
        "years": [1999, 2000],
        "depth_m": [5.0],
        "passes": [part, part],
    }
    (tmp_path / NAME).write_text(json.dumps(held))
    (section,) = error_sizes_sections(tmp_path)
    (table,) = section.blocks
    row = table.rows["5 m"]
    assert row["background"] == pytest.approx(np.exp(np.log(sizes.background[0]).mean()))
    assert "argo" in row and "xbt" not in row and "1999–2000" in section.text
    assert "out: 2,000 km and 600 m" in section.text


@pytest.mark.usefixtures("no_report")
def test_a_run_goes_on_with_the_sizes_that_it_began_with(
    trained: Path, archive: Path, tmp_path: Path
) -> None:
    words = ["reanalysis.start=2000", "reanalysis.months=2", "observations.withheld=0.2"]
    wanted = settings(trained, archive, *words, "reanalysis.error_sizes=estimated")
    assumed = Errors.assumed(wanted.observations, toy_space())
    sizes = replace(assumed.sizes, background=2 * assumed.sizes.background)
    (tmp_path / NAME).write_text(json.dumps(replace(assumed, sizes=sizes).as_json()))
    run(wanted, tmp_path, open_archive)
    rows = read_feedback(tmp_path)
    run(settings(trained, archive, *words), tmp_path / "assumed", open_archive)
    before = read_feedback(tmp_path / "assumed")
    first = (rows["time"].dt.month == 1) & rows["spread"].notna()
    np.testing.assert_allclose(rows["spread"][first], 2 * before["spread"][first], rtol=1e-4)
    (tmp_path / NAME).unlink()
    with pytest.raises(ConfigError, match="sizes"):  # those estimated now are not those of the files
        run(wanted, tmp_path, open_archive)


def test_a_damaged_file_of_sizes_is_refused(trained: Path, archive: Path, tmp_path: Path) -> None:
    wanted = settings(trained, archive, "reanalysis.error_sizes=estimated")
    (tmp_path / NAME).write_text("{}")
    with pytest.raises(ReanalysisError, match="remove it"):
        run(wanted, tmp_path, open_archive)


def test_a_setting_of_sizes_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigError, match="error_sizes"):
        load_config("reanalysis", ["reanalysis.error_sizes=guessed"])
