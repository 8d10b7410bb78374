"""Members by conditional simulation: laws where the error is known, years of the control run, files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from deepda.assimilation.cycle import Observations, StateEstimate, Step, cycle
from deepda.assimilation.members import Members, batch_of
from deepda.assimilation.shadow_truth import ShadowTruth
from deepda.assimilation.state import StateSpace
from deepda.climatology.seasonal import Climatology
from deepda.control.prepared import PreparedWriter
from deepda.control.shares import Shares, shadow_years, shares_of, spread_order
from deepda.geometry.grid import Grid
from deepda.geometry.windows import Windows, windows
from deepda.runs.shadows import MembersError, open_shadow_truth
from deepda.settings.compose import dump, load_config
from deepda.verification.members import MemberStatistics, mean_weights

PER_YEAR, FIRST = 12, 1990
MEMORY, VARIANCE = 0.8, 0.5  # of the true process a window; of the observation error, climate 1
SHAPE = (2, 10, 12)
GRID = Grid(
    np.linspace(-60, 60, 11), np.linspace(0, 360, 13), np.array([0.0, 10, 30]), np.ones(SHAPE, bool)
)
SPACE = StateSpace(
    GRID,
    Climatology(np.zeros((PER_YEAR, *SHAPE), np.float32), np.ones(SHAPE, np.float32)),
    np.ones(SHAPE, np.float32),
)


@dataclass(frozen=True)
class Linear:
    """Forecast and analysis by numbers: every cell by itself.

    Attributes:
        memory: of the forecast.
        gain: where there is an observation.
    """

    memory: float
    gain: float
    batches: list[int]

    def first_guess(self, batch: int) -> StateEstimate:
        field = torch.zeros(batch, *SHAPE)
        return StateEstimate(field, field + 1, field[:, :0])

    def forecast(self, analysis: StateEstimate, season: Tensor) -> StateEstimate:
        return replace(analysis, mean=self.memory * analysis.mean)

    def analyse(self, background: StateEstimate, observations: Observations) -> StateEstimate:
        self.batches.append(len(background.mean))
        innovation = torch.where(observations.seen, observations.value - background.mean, 0.0)
        return replace(background, mean=background.mean + self.gain * innovation)


def optimal_gain() -> float:
    """Of the steady Kalman filter of a cell that is observed in every window."""
    analysed = 1.0
    for _ in range(200):
        background = MEMORY**2 * analysed + 1 - MEMORY**2
        analysed = background * VARIANCE / (background + VARIANCE)
    return analysed / VARIANCE


def error_variance(memory: float, gain: float) -> float:
    """Of the analysis of a cell that is observed in every window: the Lyapunov equation of (x, e)."""
    step = np.array([[MEMORY, 0.0], [(1 - gain) * (MEMORY - memory), (1 - gain) * memory]])
    push = np.array([1.0, 1 - gain]) * np.sqrt(1 - MEMORY**2)
    noise = np.outer(push, push) + np.diag([0.0, gain**2 * VARIANCE])
    covariance = np.linalg.solve(np.eye(4) - np.kron(step, step), noise.ravel()).reshape(2, 2)
    return float(covariance[1, 1])


def simulation(years: int, seed: int, memory: float = MEMORY) -> NDArray[np.float32]:
    """(time, L, Y, X) an independent stationary process of variance one in each cell."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((years * PER_YEAR, *SHAPE))
    field = np.zeros_like(noise)
    field[0] = noise[0]
    for step in range(1, len(noise)):
        field[step] = memory * field[step - 1] + np.sqrt(1 - memory**2) * noise[step]
    return field.astype(np.float32)


def shadow_truth(
    number: int, control: NDArray[np.float32] | None = None, test_years: int = 2
) -> ShadowTruth:
    """Of a control simulation of 40 years, the last of which are test years."""
    values = simulation(40, 7) if control is None else control
    years = len(values) // PER_YEAR
    thetao = xr.DataArray(values, dims=("time", "depth", "lat", "lon"))
    thetao = thetao.assign_coords(season=("time", np.arange(len(values)) % PER_YEAR))
    shares = Shares(
        range(0), range(years - 2 - test_years), range(years - 2 - test_years, years - test_years),
        range(years - test_years, years),
    )  # fmt: skip
    return ShadowTruth(thetao, SPACE, shadow_years(shares), number, FIRST)


def observed(
    truth: NDArray[np.float32], span: Windows, members: Members, seed: int, share: float = 1.0
) -> Iterator[Observations]:
    """The windows of a truth; a share of the cells is observed, other ones in each window."""
    rng = np.random.default_rng(seed)
    for step, season in enumerate(span.season):
        seen = rng.random(SHAPE) < share
        value = truth[step] + np.sqrt(VARIANCE) * rng.standard_normal(SHAPE)
        precision = torch.from_numpy(seen / VARIANCE).float()
        found = Observations(
            torch.from_numpy(np.where(seen, value, 0))[None].float(),
            precision[None],
            torch.tensor([int(season)]),
            PER_YEAR,
        )
        yield members.observed(found, span.start[step])


def run(
    analyser: Linear, members: Members, years: int, seed: int, share: float = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(time, ...) truth, analysis, and (time, member, ...) members; two years of spin-up left out."""
    span = windows(FIRST, FIRST + years - 1, PER_YEAR)
    truth = simulation(years, 1000 + seed)
    steps: Iterator[Step] = cycle(
        analyser, analyser.first_guess(batch_of(members)), observed(truth, span, members, seed, share)
    )
    analysis, many = [], []
    for step, start in zip(steps, span.start, strict=True):
        analysis.append(step.analysis.mean[0].numpy())
        many.append(members.of(step.analysis, start).numpy())
    kept = slice(2 * PER_YEAR, None)
    return truth[kept].astype(float), np.array(analysis)[kept], np.array(many)[kept]


def spread_and_error(analyser: Linear, members: Members, share: float = 1.0) -> tuple[float, float]:
    """Variances: of members about the analysis, of the analysis about the truth."""
    truth, analysis, many = run(analyser, members, 14, 0, share)
    spread, error = np.square(many - analysis[:, None]), np.square(analysis - truth)
    return float(spread.mean()), float(error.mean())


@pytest.mark.slow
@pytest.mark.parametrize("memory", [MEMORY, 0.5])
@pytest.mark.parametrize("of_optimal", [1.0, 0.6, 1.3])
def test_spread_is_the_exact_error_for_any_gain_and_forecast(memory: float, of_optimal: float) -> None:
    gain = of_optimal * optimal_gain()
    spread, error = spread_and_error(Linear(memory, gain, []), Members(shadow_truth(4), 3))
    assert np.sqrt(spread / error_variance(memory, gain)) == pytest.approx(1.0, abs=0.03)
    assert np.sqrt(spread / error) == pytest.approx(1.0, abs=0.04)


def test_a_control_run_that_varies_less_than_the_ocean_gives_too_little_spread() -> None:
    """The limit of the method: members vary only as the control run does."""
    control = 0.8 * simulation(40, 7)
    gain = 0.5 * optimal_gain()
    spread, error = spread_and_error(Linear(MEMORY, gain, []), Members(shadow_truth(4, control), 3))
    assert 0.8 < np.sqrt(spread / error) < 0.97


def test_spread_is_that_of_the_error_where_only_some_cells_are_observed() -> None:
    gain = optimal_gain()
    spread, error = spread_and_error(Linear(MEMORY, gain, []), Members(shadow_truth(4), 3), 0.3)
    assert np.sqrt(spread / error) == pytest.approx(1.0, abs=0.04)
    assert spread > 1.2 * error_variance(MEMORY, gain)  # more error than with all cells observed


def test_means_over_windows_have_the_spread_of_their_error() -> None:
    """Errors of neighbouring windows do not cancel: independent ones would have less than 0.6 of it."""
    gain = 0.4 * optimal_gain()
    truth, analysis, many = run(Linear(MEMORY, gain, []), Members(shadow_truth(4), 3), 14, 0)
    yearly = [a.reshape(-1, PER_YEAR, *a.shape[1:]).mean(1) for a in (truth, analysis, many)]
    spread = np.square(yearly[2] - yearly[1][:, None]).mean()
    error = np.square(yearly[1] - yearly[0]).mean()
    assert np.sqrt(spread / error) == pytest.approx(1.0, abs=0.05)
    assert error > 2.5 * np.square(analysis - truth).mean() / PER_YEAR


def test_members_have_the_variance_of_the_truth_which_the_analysis_has_not() -> None:
    truth, analysis, many = run(Linear(MEMORY, optimal_gain(), []), Members(shadow_truth(4), 3), 12, 0)
    assert analysis.var() < 0.85 * truth.var()
    assert many.var() / truth.var() == pytest.approx(1.0, abs=0.05)


def test_a_member_errs_as_one_of_independent_draws() -> None:
    """Mean square error of a member over that of the mean of N: 2 N / (N + 1) (rcGAN's gate)."""
    number = 5
    truth, _, many = run(Linear(MEMORY, optimal_gain(), []), Members(shadow_truth(number), 3), 12, 0)
    one = np.square(many - truth[:, None]).mean()
    mean = np.square(many.mean(1) - truth).mean()
    assert one / mean == pytest.approx(2 * number / (number + 1), rel=0.03)


def test_members_are_independent_of_one_another() -> None:
    _, analysis, many = run(Linear(MEMORY, optimal_gain(), []), Members(shadow_truth(4), 3), 12, 0)
    departure = (many - analysis[:, None]).transpose(1, 0, 2, 3, 4).reshape(4, -1)
    alike = np.corrcoef(departure)[np.triu_indices(4, 1)]
    assert abs(alike).max() < 0.06


def test_a_member_depends_on_its_number_the_seed_and_the_date_alone() -> None:
    made = {
        (number, seed): run(Linear(MEMORY, 0.3, []), Members(shadow_truth(number), seed), 4, 0)
        for number, seed in ((2, 1), (5, 1), (2, 2))
    }
    few, many, other = (made[key] for key in ((2, 1), (5, 1), (2, 2)))
    assert np.array_equal(few[2], many[2][:, :2]) and np.array_equal(few[1], many[1])
    assert np.array_equal(few[1], other[1])  # the analysis has nothing to do with the seed of members
    assert abs(few[2] - other[2]).min(axis=(0, 2, 3, 4)).max() < abs(few[2] - other[2]).max()
    assert abs(few[2] - other[2]).max() > 0.1


def test_members_cost_one_row_each_of_the_same_batch() -> None:
    analyser = Linear(MEMORY, 0.3, [])
    run(analyser, Members(shadow_truth(3), 0), 3, 0)
    assert analyser.batches == [4] * 3 * PER_YEAR
    assert batch_of(None) == 1


# Through the end of the control simulation


def test_an_error_goes_on_undisturbed_where_the_control_run_begins_again() -> None:
    """Without noise and observations an error decays as the forecast has it, the step included."""
    memory, years = 0.97, 6
    start = np.random.default_rng(2).standard_normal(SHAPE)
    decay = memory ** np.arange(years * PER_YEAR)
    control = (start * decay[:, None, None, None]).astype(np.float32)
    members = Members(shadow_truth(1, control, test_years=1), 0)
    first = members.truth.window(1, windows(FIRST, FIRST, PER_YEAR).start[0]).numpy()
    span = windows(FIRST, FIRST + 9, PER_YEAR)
    steps = [
        span.start[step] for step in range(len(span)) if members.shift(span.start[step]) is not None
    ]
    assert len(steps) == 2  # the years 3, 4, then 1 to 4 again, then 1 to 4
    analyser = Linear(memory, 0.0, [])
    blank = observed(np.zeros((len(span), *SHAPE), np.float32), span, members, 0, share=0.0)
    for number, (step, when) in enumerate(
        zip(cycle(analyser, analyser.first_guess(2), blank), span.start, strict=True)
    ):
        departure = members.of(step.analysis, when)[0] - step.analysis.mean[0]
        np.testing.assert_allclose(departure, first * memory**number, atol=2e-6)


def test_members_have_no_jump_where_the_control_run_begins_again() -> None:
    memory = 0.98
    control = simulation(6, 3, memory)
    truth = shadow_truth(2, control, test_years=1)
    span = windows(FIRST, FIRST + 19, PER_YEAR)
    members, analyser = Members(truth, 0), Linear(memory, 0.05, [])
    path, broken = [], []
    seen = observed(simulation(20, 4, memory), span, members, 0, share=0.3)
    for step, when in zip(cycle(analyser, analyser.first_guess(3), seen), span.start, strict=True):
        path.append((members.of(step.analysis, when) - step.analysis.mean[:1]).numpy())
        broken.append([truth.step(member, when) is not None for member in (1, 2)])
    change = np.sqrt(np.square(np.diff(path, axis=0)).mean((2, 3, 4)))
    at = np.array(broken)[1:]
    assert at.sum() >= 8
    assert change[at].mean() < 1.1 * change[~at].mean()
    jumps = [truth.step(1, when) for when, row in zip(span.start, broken, strict=True) if row[0]]
    assert all(float(jump.square().mean().sqrt()) > 3 * change[~at].mean() for jump in jumps)


def test_shadows_go_through_consecutive_years_never_through_test_years_nor_the_first() -> None:
    truth = shadow_truth(6)
    start = [np.datetime64(f"{FIRST + late}-03-01", "s") for late in range(80)]
    played = np.array([[truth.year(member, when) for when in start] for member in range(1, 7)])
    assert set(played.ravel()) == set(range(1, 38))
    steps = np.diff(played, axis=1)
    assert set(steps.ravel()) == {1, -36} and ((steps == -36).sum(1) <= 3).all()
    assert all(len(set(column)) == 6 for column in played.T)  # never two members in one year at once
    assert list(played[0, :3]) == [36, 37, 1]  # the validation years come first


def test_windows_are_those_of_the_same_season() -> None:
    control = np.arange(40 * PER_YEAR, dtype=np.float32)[:, None, None, None] + np.zeros(
        SHAPE, np.float32
    )
    truth = shadow_truth(2, control)
    for member, month, index in ((1, "01", 36 * PER_YEAR), (1, "12", 36 * PER_YEAR + 11)):
        field = truth.window(member, np.datetime64(f"{FIRST}-{month}-01", "s"))
        assert float(field.min()) == float(field.max()) == index


@pytest.mark.parametrize("number", [1, 2, 5, 8, 36, 100])
def test_the_order_of_beginnings_is_a_permutation_that_spreads(number: int) -> None:
    order = spread_order(number)
    assert sorted(order) == list(range(number))
    for taken in (2, 4, 8):
        begins = sorted(order[:taken])
        if number >= 4 * taken:
            assert min(np.diff(begins)) >= number // taken // 2


def test_the_summary_says_how_independent_members_are() -> None:
    members = Members(shadow_truth(4), 0)
    assert members.truth.apart == 5  # beginnings 0, 32, 16, 8 of 37
    assert "hold 12 independent stretches of 3 years; no two members share a year" in members.summary(3)
    assert "hold 1 independent stretch of 30 years; members share years, 5 or" in members.summary(30)
    assert "independent stretches of 1 year; no two" in members.summary(1)
    assert members.about()["starts_in_year_of_control_run"][0] == 36
    assert Members(shadow_truth(1), 0).truth.apart == 37


def test_years_that_nobody_uses_come_before_those_that_train() -> None:
    words = ["osse.train_years=4", "osse.validation_years=2", "osse.test_years=1", "osse.spinup=1"]
    config = load_config("osse", words)
    shares = shares_of(10, config.osse)
    assert shares == (range(3), range(3, 7), range(7, 9), range(9, 10))
    assert shadow_years(shares) == [7, 8, 1, 2, 3, 4, 5, 6]


# Refusals


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a run, with settings and a control simulation of nine years, the last three for the test."""
    (tmp_path / "config.yaml").write_text(dump(load_config("osse", ["per_year=12", "osse.spinup=1"])))
    with PreparedWriter(tmp_path / "control.nc", GRID, (1, 9), PER_YEAR, {}) as out:
        out.write(0, simulation(9, 1))
    return tmp_path


@pytest.mark.slow
def test_the_control_simulation_of_a_run_gives_as_many_members_as_it_has_years(folder: Path) -> None:
    truth = open_shadow_truth(folder, SPACE, 5, FIRST)
    assert truth.years == [3, 4, 5, 1, 2]
    np.testing.assert_allclose(
        truth.window(1, np.datetime64(f"{FIRST}-02-01", "s")),
        simulation(9, 1)[3 * PER_YEAR + 1],
        atol=1e-6,
    )
    with pytest.raises(MembersError, match="6 members asked for, expected at most 5") as refusal:
        open_shadow_truth(folder, SPACE, 6, FIRST)
    assert "\n" not in str(refusal.value)


def test_a_run_without_its_control_simulation_is_refused(folder: Path) -> None:
    (folder / "control.nc").unlink()
    with pytest.raises(MembersError, match=r"no .*control\.nc, expected .*; put the file back"):
        open_shadow_truth(folder, SPACE, 1, FIRST)


def test_a_control_simulation_of_another_grid_is_refused(folder: Path) -> None:
    other = replace(SPACE, grid=replace(GRID, depth_edges=np.array([0.0, 10, 40])))
    with pytest.raises(MembersError, match="another grid"):
        open_shadow_truth(folder, other, 1, FIRST)


# Verification


def statistics(
    rng: np.random.Generator, number: int, scale: float = 1.0, windows_: int = 60
) -> MemberStatistics:
    """Of members whose departures from the analysis are `scale` times the error of the analysis."""
    found = MemberStatistics(GRID, spinup=10)
    for step in range(windows_):
        analysis = rng.standard_normal(SHAPE)
        truth = analysis + rng.standard_normal(SHAPE)
        members = analysis + scale * rng.standard_normal((number, *SHAPE))
        spoilt = 100.0 if step < 10 else 0.0  # spin-up must not count
        when = np.datetime64("2000-01-01", "s") + np.timedelta64(5 * step, "D")
        found.add(when, analysis, members, truth + spoilt)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1.0, 0.4])
def test_spread_over_error_is_the_ratio_of_what_was_drawn(scale: float) -> None:
    scores = statistics(np.random.default_rng(1), 5, scale).scores()
    ratios = scores["spread_over_error"]
    assert ratios["all"] == pytest.approx(scale, rel=0.03)
    np.testing.assert_allclose(ratios["by_depth"], scale, rtol=0.05)
    ratio = ratios["of_means"]["global, surface"]["ratio"]
    assert ratio == pytest.approx(scale, rel=0.35)  # 50 windows of one number


@pytest.mark.slow
def test_members_as_likely_as_the_truth_have_flat_ranks_and_the_expected_ratio() -> None:
    right = statistics(np.random.default_rng(2), 4).scores()
    ranks = np.sum(right["ranks_by_depth"], axis=0)
    assert ranks.sum() == 9 * np.prod(SHAPE)  # every sixth window after spin-up
    np.testing.assert_allclose(ranks / ranks.mean(), 1.0, atol=0.12)
    assert right["member_over_mean"]["expected"] == 1.6
    np.testing.assert_allclose(right["member_over_mean"]["by_depth"], 1.6, rtol=0.05)
    narrow = statistics(np.random.default_rng(2), 4, 0.3).scores()
    outside = np.sum(narrow["ranks_by_depth"], axis=0)[[0, -1]]
    assert outside.min() > 1.5 * ranks.mean()
    assert narrow["fair_crps_K"]["by_depth"][0] > 1.05 * right["fair_crps_K"]["by_depth"][0]


def test_means_are_weighted_by_water_and_depth() -> None:
    weights = mean_weights(GRID)
    np.testing.assert_allclose(weights.sum(("depth", "lat", "lon")), 1.0)
    field = np.zeros(SHAPE)
    field[0], field[1] = 1.0, 4.0
    found = MemberStatistics(GRID, 0)
    found.add(np.datetime64("2000-01-01", "s"), field, field[None], None)
    of = dict(zip(weights["series"].values, found.means.analysis[0], strict=True))
    assert [of["global, surface"], of["Niño 3.4"]] == pytest.approx([1.0, 1.0])
    assert of["global, 0-30 m"] == pytest.approx((10 * 1 + 20 * 4) / 30)
    assert found.means.truth.size == 0


def test_land_is_not_read() -> None:
    dry = np.ones(SHAPE, bool)
    dry[:, 2:4] = False
    found = MemberStatistics(replace(GRID, ocean=dry), 0)
    field = np.where(dry, 1.0, np.nan)
    found.add(np.datetime64("2000-01-01", "s"), field, np.stack([field + 0.5, field - 0.5]), field + 0.5)
    scores = found.scores()
    assert scores["spread_over_error"]["all"] == pytest.approx(1.0)
