"""Attributions are what algebra says they are, sum to what they must, and answer to what was learnt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from torch import Tensor
from toys import even_grid, space_on

from deepda.assimilation.cycle import StateEstimate, cycle
from deepda.assimilation.state import StateSpace
from deepda.base.errors import CheckpointError
from deepda.explain.attribution import Response, lagged_saliency
from deepda.explain.cases import Case, ExplainedRun, cycle_to, open_finished, share_of_rows
from deepda.explain.features import feature_maps
from deepda.explain.sanity import likeness, randomised, saliency_of, untrained
from deepda.explain.study import (
    by_platform,
    distances,
    following,
    found_correlation,
    linear_part,
    reach,
    removed_by_platform,
    study,
)
from deepda.explain.targets import ExplainError, Place, Target, target
from deepda.geometry.grid import Grid
from deepda.geometry.windows import windows
from deepda.networks.build import ControlStatistics, build_generator
from deepda.networks.innovation import InnovationAnalyser
from deepda.networks.transition import NEIGHBOURS, Transition
from deepda.observations.table import write_table
from deepda.output.netcdf import AnalysisWriter
from deepda.runs.checkpoint import save_checkpoint
from deepda.settings.compose import dump, load_config
from deepda.verification import heat_content, nino34

SHAPE = (4, 10, 14)
PLATFORMS = ("satellite", "argo", "xbt", "mooring")
STEP = 4
INNOVATION = ["generator.hidden=4", "generator.levels=1", "generator.patterns=3"]
LINEAR = ["generator.hidden=0", "generator.patterns=3"]
UNET = ["generator=unet3plus", "generator.filters=4", "generator.depth=2"]


def deep_grid() -> Grid:
    """A toy ocean down to 900 m."""
    return replace(even_grid(4), depth_edges=np.array([0.0, 60, 180, 420, 900]))


def observations_of(space: StateSpace, truth: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Each window two to four values in each of some cells, each platform with an error of its own."""
    span = windows(2001, 2002, 12)
    wet, tables = np.argwhere(space.grid.ocean), []
    for step in range(len(span)):
        at = wet[rng.choice(len(wet), 40, replace=False)]
        at = np.repeat(at, rng.integers(2, 5, len(at)), axis=0)
        platform = np.where(at[:, 0] == 0, "satellite", rng.choice(PLATFORMS[1:], len(at)))
        error = np.array([0.2 + 0.2 * PLATFORMS.index(name) for name in platform])
        tables.append(
            pd.DataFrame(
                {
                    "time": span.middle[step],
                    "lat": space.grid.lat[at[:, 1]],
                    "lon": space.grid.lon[at[:, 2]],
                    "depth": space.grid.depth[at[:, 0]],
                    "temperature": truth[step][tuple(at.T)] + rng.normal(0, error),
                    "error": error,
                    "platform_type": platform,
                    "platform_id": "1",
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def write_run(folder: Path, settings: list[str]) -> Path:
    """What `deepda osse run` leaves behind, with weights that are random everywhere."""
    grid, rng = deep_grid(), np.random.default_rng(8)
    space = space_on(grid)
    config = load_config("osse", [*settings, "per_year=12", "osse.spinup=2", "osse.test_years=2"])
    weight = torch.zeros(len(NEIGHBOURS), *grid.shape)
    weight[0], weight[1] = 0.7 * torch.from_numpy(grid.ocean), 0.2 * torch.from_numpy(grid.ocean)
    torch.manual_seed(3)
    patterns = 0.3 * torch.randn(3, *grid.shape) if "generator.patterns=3" in settings else None
    noise = Transition(weight, torch.full(grid.shape, 0.02))
    statistics = ControlStatistics(noise, torch.zeros(0, *grid.shape) if patterns is None else patterns)
    made = build_generator(config.generator, space, statistics, 0).analyser
    size = 0.02 if settings is UNET else 0.1
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(size * torch.randn_like(parameter))
    save_checkpoint(folder / "checkpoint", made, space, {})
    (folder / "config.yaml").write_text(dump(config))
    span = windows(2001, 2002, 12)
    anomaly = rng.normal(0, 1, (len(span), *grid.shape)) * space.scale
    truth = (space.climatology.mean[span.season] + anomaly).astype(np.float32)
    with AnalysisWriter(folder / "truth.nc", grid, span, variables=("thetao",)) as out:
        for step, field in enumerate(truth):
            out.write(step, field)
    both = ("thetao", "thetao_background")
    with AnalysisWriter(folder / "analysis.nc", grid, span, variables=both) as out:
        for step, field in enumerate(truth):
            out.write(step, field, background=field + rng.normal(0, 1, grid.shape))
    write_table(observations_of(space, truth, rng), folder / "observations.parquet")
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[str]], ExplainedRun]:
    made: dict[tuple[str, ...], ExplainedRun] = {}

    def of(settings: list[str]) -> ExplainedRun:
        key = tuple(settings)
        if key not in made:
            made[key] = open_finished(write_run(tmp_path_factory.mktemp("run"), settings))
        return made[key]

    return of


def response_of(finished: ExplainedRun, name: str = "nino34", step: int = STEP) -> Response:
    case = cycle_to(finished, [step])[step]
    return of_case(finished, case, target(name, finished.space.grid, wet_place(finished.space.grid)))


def of_case(finished: ExplainedRun, case: Case, asked: Target) -> Response:
    return Response(finished.analyser.converged(), case, asked, torch.from_numpy(finished.space.scale))


def doubled(response: Response) -> Response:
    """In double precision, so that small differences can be taken."""
    case = response.case
    before, seen = case.background, case.observations
    estimate = StateEstimate(before.mean.double(), before.spread.double(), before.memory.double())
    values = replace(seen, value=seen.value.double(), precision=seen.precision.double())
    double = replace(case, background=estimate, observations=values)
    analyser = response.analyser.double().eval()
    if isinstance(analyser, InnovationAnalyser):
        analyser.iterations, analyser.tolerance = 1000, 1e-9
    return Response(analyser, double, response.target, response.scale.double())


def wet_place(grid: Grid) -> Place:
    level, row, column = np.argwhere(grid.ocean[2:3])[30] + [2, 0, 0]
    return Place(float(grid.lat[row]), float(grid.lon[column]), float(grid.depth[level]))


def dense(response: Response) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """B (K2), observed cells and R (K2) by brute force, over all cells."""
    analyser, case = response.analyser, response.case
    assert isinstance(analyser, InnovationAnalyser)
    size = response.scale.numel()
    units = torch.eye(size).reshape(-1, *response.scale.shape)
    with torch.no_grad():
        covariance = torch.cat(
            [analyser.covariance(case.background, unit[None]) for unit in units]
        ).reshape(size, size)
    scale = response.scale.numpy().ravel().astype(float)
    cells = np.flatnonzero(case.seen.numpy().ravel())
    precision = case.observations.precision[0].numpy().ravel()[cells]
    return covariance.numpy() * scale[:, None] * scale, cells, scale[cells] ** 2 / precision


# gradients


@pytest.mark.slow
def test_without_correction_saliency_is_the_row_of_the_kalman_gain(runs) -> None:
    response = response_of(runs(LINEAR))
    covariance, cells, noise = dense(response)
    weights = response.target.weights.ravel()
    inner = covariance[np.ix_(cells, cells)] + np.diag(noise)
    row = np.linalg.solve(inner, covariance[cells] @ weights)
    found = response.saliency()
    observations = found.observations.numpy().ravel()
    np.testing.assert_allclose(observations[cells], row, atol=2e-4, rtol=2e-3)
    assert np.abs(np.delete(observations, cells)).max() == 0
    rest = weights.copy()
    rest[cells] -= row
    np.testing.assert_allclose(found.background.numpy().ravel(), rest, atol=2e-4, rtol=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [LINEAR, INNOVATION, UNET], ids=["gain", "correction", "unet"])
def test_saliency_is_the_slope_of_the_analysis(runs, settings: list[str]) -> None:
    response = doubled(response_of(runs(settings), "point"))
    found = response.saliency()
    strongest = int(found.observations.abs().argmax())
    beside = int(torch.nonzero(response.case.seen.flatten())[7])
    for name, cell in (("observed", strongest), ("observed", beside), ("background", strongest)):
        step = torch.zeros_like(response.background).flatten()
        step[cell] = 1e-5
        step = step.reshape(response.background.shape)
        ends = [
            response(
                response.observed + sign * step * (name == "observed"),
                response.background + sign * step * (name == "background"),
            )
            for sign in (1, -1)
        ]
        slope = float((ends[0] - ends[1]).detach()) / 2e-5
        field = found.observations if name == "observed" else found.background
        assert slope == pytest.approx(float(field.flatten()[cell]), abs=1e-6, rel=1e-4), name


def test_unobserved_cells_and_land_have_no_saliency(runs) -> None:
    response = response_of(runs(INNOVATION))
    found = response.saliency()
    assert found.observations[~response.case.seen].abs().max() == 0
    assert found.background[response.analyser.ocean == 0].abs().max() == 0


# integrated gradients


@pytest.mark.slow
@pytest.mark.parametrize("settings", [LINEAR, INNOVATION, UNET], ids=["gain", "correction", "unet"])
def test_integrated_gradients_sum_to_what_the_innovations_did(runs, settings: list[str]) -> None:
    response = response_of(runs(settings))
    account = response.account(float(response.integrated().sum()), 0.0)
    moved = account.analysis - account.background
    assert abs(moved) > 1e-3
    # random weights of U-Net 3+ bend and jump: what the quadrature leaves over is shown as the rest
    allowed = 0.1 * abs(moved) if settings is UNET else 2e-4
    assert abs(account.rest) < allowed
    assert account.innovations + account.presence == pytest.approx(moved, abs=allowed)
    if settings is LINEAR:  # without a correction nothing but the values of observations counts
        assert account.presence == pytest.approx(0.0, abs=1e-6)
    else:
        assert abs(account.presence) > 1e-4


def test_contributions_of_observations_and_background_sum_to_the_anomaly(runs) -> None:
    response = response_of(runs(LINEAR))
    observations, background = response.shares()
    value = float(response(response.observed, response.background).detach())
    assert float(observations.sum() + background.sum()) == pytest.approx(value, abs=1e-4)
    found = response.saliency()
    torch.testing.assert_close(
        observations, found.observations * response.observed[0], atol=1e-5, rtol=1e-2
    )
    torch.testing.assert_close(
        background, found.background * response.background[0], atol=1e-5, rtol=1e-2
    )


# the gain


@pytest.mark.slow
def test_the_share_of_each_observation_sums_to_the_variance_that_they_remove(runs) -> None:
    response = response_of(runs(LINEAR), "point")
    covariance, cells, noise = dense(response)
    weights = response.target.weights.ravel()
    gain = np.linalg.solve(covariance[np.ix_(cells, cells)] + np.diag(noise), covariance[cells])
    before = weights @ covariance @ weights
    removed = weights @ covariance[:, cells] @ gain @ weights
    linear = linear_part(response.analyser, response.case, response.target, response.scale)
    assert linear is not None
    assert linear.variance == pytest.approx(before, rel=1e-3)
    assert float(linear.removed.sum()) == pytest.approx(removed / before, rel=5e-3)
    spread = np.sqrt(np.diag(covariance).clip(1e-12))
    known = (covariance @ weights / spread / before**0.5).reshape(SHAPE)
    wet = response.analyser.ocean.numpy() > 0
    np.testing.assert_allclose(linear.correlation.numpy()[wet], known[wet], atol=2e-3)


def test_the_gain_without_a_graph_is_the_gradient(runs) -> None:
    response = response_of(runs(LINEAR))
    linear = linear_part(response.analyser, response.case, response.target, response.scale)
    assert linear is not None
    torch.testing.assert_close(linear.gain, response.saliency().observations, atol=1e-4, rtol=1e-3)


def test_the_linear_analysis_is_that_of_the_gain(runs) -> None:
    response = response_of(runs(LINEAR))
    whole_analysis = response.analysis(response.observed, response.background)[0]
    form = response.analyser.covariance_form()
    assert form is not None
    linear = response.linear_analysis(form)
    torch.testing.assert_close(linear, whole_analysis.detach(), atol=1e-3, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [LINEAR, UNET], ids=["gain", "unet"])
def test_older_observations_have_the_influence_that_the_cycle_gives_them(
    runs, settings: list[str]
) -> None:
    finished = runs(settings)
    steps = [STEP - 2, STEP - 1, STEP]
    asked = target("nino34", finished.space.grid, Place())
    responses = [doubled(of_case(finished, case, asked)) for case in cycle_to(finished, steps).values()]
    analyser, scale = responses[0].analyser, responses[0].scale
    cases = _consistent(analyser, [response.case for response in responses])
    found = lagged_saliency(analyser, cases, asked, scale)
    assert len(found) == 3 and float(found[2].abs().max()) > 1e-4
    cell = int(found[2].abs().argmax())
    values = []
    for shift in (1e-5, -1e-5):
        moved = cases[0].observations.value.clone()
        moved.view(-1)[cell] += shift / float(scale.flatten()[cell])
        first = replace(cases[0], observations=replace(cases[0].observations, value=moved))
        last = _consistent(analyser, [first, *cases[1:]])[-1]
        with torch.no_grad():
            analysis = analyser.analyse(last.background, last.observations)
        values.append(float(asked.of(analysis.mean * scale)))
    slope = (values[0] - values[1]) / 2e-5
    assert slope == pytest.approx(float(found[2].flatten()[cell]), rel=1e-2)


def _consistent(analyser, cases: list[Case]) -> list[Case]:
    """The cases with the means that the first background and all observations lead to."""
    made = [cases[0]]
    with torch.no_grad():
        for case in cases[1:]:
            analysis = analyser.analyse(made[-1].background, made[-1].observations)
            mean = analyser.forecast(analysis, case.observations.season).mean
            made.append(replace(case, background=replace(case.background, mean=mean)))
    return made


# rows and platforms


def test_a_value_moves_the_target_by_its_weight_times_the_saliency_of_its_cell(runs) -> None:
    finished = runs(LINEAR)
    response = response_of(finished)
    found, share = response.saliency().observations.numpy().ravel(), share_of_rows(response.case)
    cell = response.case.found.cell
    row = int(np.argmax(np.where(share < 0.5, np.abs(found[cell]) * share, 0)))
    value = float(response(response.observed, response.background).detach())
    warmer = response.case.table.copy()
    warmer.iloc[row, warmer.columns.get_loc("temperature")] += 0.5
    tables = list(finished.tables)
    tables[STEP] = warmer
    other = ExplainedRun(finished.folder)
    vars(other)["tables"] = tables  # instead of those of the folder
    moved = response_of(other)
    change = float(moved(moved.observed, moved.background).detach()) - value
    assert change == pytest.approx(0.5 * share[row] * found[cell[row]], rel=2e-2, abs=1e-5)


def test_platforms_share_a_field_out_without_loss(runs) -> None:
    response = response_of(runs(LINEAR))
    field = response.saliency().observations
    layers = by_platform(response.case, field)
    assert set(layers) == set(PLATFORMS)
    np.testing.assert_allclose(sum(layers.values()), field.sum((1, 2)).numpy(), atol=1e-5)
    assert np.abs(layers["satellite"][1:]).max() == 0
    assert np.abs(layers["argo"][0]) == 0


def test_platforms_over_windows_are_those_of_the_study(runs) -> None:
    finished = runs(LINEAR)
    asked = target("nino34", finished.space.grid, Place())
    case = cycle_to(finished, [STEP])[STEP]
    linear = linear_part(
        finished.analyser.converged(), case, asked, torch.from_numpy(finished.space.scale)
    )
    assert linear is not None
    found = removed_by_platform(finished, case, asked)
    assert sum(found.values()) == pytest.approx(float(linear.removed.sum()), rel=1e-4)
    assert removed_by_platform(runs(UNET), case, asked) == {}


def test_distances_hold_the_shares_that_they_name() -> None:
    grid = deep_grid()
    asked = target("point", grid, wet_place(grid))
    removed = torch.zeros(SHAPE)
    far = grid.distance_to(asked.place.lat, asked.place.lon) / 1e3
    order = np.argsort(far, axis=None)
    for rank, part in ((3, 0.6), (20, 0.35), (40, 0.05)):
        removed[0].flatten()[order[rank]] = part
    removed[1, 0, 0] = -5.0
    found = distances(removed, asked, grid)
    assert found[0.5] == pytest.approx(far.ravel()[order[3]])
    assert found[0.9] == pytest.approx(far.ravel()[order[20]])


def test_reach_finds_the_length_of_an_exponential() -> None:
    grid = replace(deep_grid(), ocean=np.ones(SHAPE, bool))
    asked = target("point", grid, wet_place(grid))
    far = grid.distance_to(asked.place.lat, asked.place.lon) / 1e3
    down = np.abs(grid.depth - grid.depth[asked.level])[:, None, None]
    found = reach(np.exp(-far / 4000) * np.exp(-down / 300), asked, grid)
    for way in ("west", "east"):
        assert found[way] == pytest.approx(4000, rel=0.1), way
    assert found["up"] != found["up"] or found["up"] == pytest.approx(300, rel=0.25)


def test_influence_that_follows_the_thermocline_is_seen_to_follow_it() -> None:
    depth_edges = np.arange(0.0, 400, 20)
    grid = Grid(
        np.array([-10.0, -3, 3, 10]), np.linspace(0, 360, 37), depth_edges,
        np.ones((19, 3, 36), bool),
    )  # fmt: skip
    grid.ocean[:, :, :12] = grid.ocean[:, :, 30:] = False
    tilt = 200 - 5.0 * np.arange(36)
    celsius = 20 + (tilt[None, None] - grid.depth[:, None, None]) / 10 + np.zeros(grid.shape)
    bell = np.exp(-(((grid.depth[:, None, None] - tilt[None, None]) / 40) ** 2)) + np.zeros(grid.shape)
    asked = target("point", grid, Place(0.0, 205.0, 100.0))
    found = following(bell, asked, grid, celsius)
    assert len(found) == 18
    for _, strongest, isotherm in found:
        assert strongest == pytest.approx(isotherm, abs=3)


def test_the_correlation_that_is_found_is_that_of_the_errors(runs) -> None:
    finished = runs(INNOVATION)
    asked = target("point", finished.space.grid, wet_place(finished.space.grid))
    errors = np.stack(list(finished.background_errors(3)), axis=1)
    assert errors.shape == (21, *SHAPE)
    at = tuple(np.argwhere(asked.cells)[0])
    found = found_correlation(finished, asked, 3)
    assert found[at] == pytest.approx(1.0, abs=1e-5)
    for other in np.argwhere(finished.space.grid.ocean)[::57]:
        expected = np.corrcoef(errors[(slice(None), *at)], errors[(slice(None), *other)])[0, 1]
        assert found[tuple(other)] == pytest.approx(expected, abs=1e-5)
    assert np.abs(found[~finished.space.grid.ocean]).max() == 0


# targets


def test_targets_are_those_of_verification() -> None:
    grid = deep_grid()
    kelvin = np.random.default_rng(0).normal(0, 1, (1, *SHAPE)) * grid.ocean
    dims = ("time", "depth", "lat", "lon")
    field = xr.DataArray(
        kelvin, dims=dims, coords={"depth": grid.depth, "lat": grid.lat, "lon": grid.lon}
    )
    tensor = torch.from_numpy(kelvin)
    assert float(target("nino34", grid, Place()).of(tensor)) == pytest.approx(
        float(nino34(field, grid)[0])
    )
    content = heat_content(field.where(grid.ocean), grid, 700.0)
    total = float((content[0].fillna(0) * grid.area).sum()) / 1e21
    assert float(target("heat", grid, Place()).of(tensor)) == pytest.approx(total)
    place = wet_place(grid)
    at = tuple(int(i) for i in grid.locate(place.lat, place.lon, place.depth))
    assert float(target("point", grid, place).of(tensor)) == pytest.approx(kelvin[(0, *at)])


def test_heat_content_is_named_by_the_depth_that_the_water_reaches() -> None:
    grid = deep_grid()
    assert "0–700 m" in target("heat", grid, Place()).title
    shallow = grid.ocean & (grid.depth_edges[1:] < 600)[:, None, None]
    floor = grid.depth_edges[1:][shallow.any((1, 2))].max()
    assert floor < 600
    assert f"0–{floor:.0f} m" in target("heat", grid.with_ocean(shallow), Place()).title


def test_a_window_is_named_by_its_middle_as_in_the_report_of_the_run(runs) -> None:
    assert runs(LINEAR).stamp(2) == "2001-03-16"


def test_targets_without_water_are_refused() -> None:
    grid = deep_grid()
    level, row, column = np.argwhere(~grid.ocean)[0]
    with pytest.raises(ExplainError, match="no water"):
        target("point", grid, Place(grid.lat[row], grid.lon[column], grid.depth[level]))
    with pytest.raises(ExplainError, match="needs 700"):
        target("heat", even_grid(4), Place())


# a finished run


def test_windows_outside_the_test_years_are_refused(runs) -> None:
    finished = runs(LINEAR)
    assert finished.step(None) == 23
    assert finished.step("2001-03-15") == 2
    for wrong, said in (("2003-01-01", "outside the test years"), ("May", "expected a date")):
        with pytest.raises(ExplainError, match=said):
            finished.step(wrong)


def test_the_cycle_is_that_of_the_run(runs) -> None:
    """Its backgrounds are those of cycling all windows without a stop."""
    finished = runs(INNOVATION)
    cases = cycle_to(finished, range(4))
    observations = [cases[step].observations for step in range(4)]
    with torch.no_grad():
        steps = list(cycle(finished.analyser, finished.analyser.first_guess(1), observations))
    for number, step in enumerate(steps):
        assert torch.equal(cases[number].background.mean, step.background.mean)
        assert torch.equal(cases[number].background.memory, step.background.memory)


def test_an_unfinished_run_is_refused(tmp_path: Path) -> None:
    folder = write_run(tmp_path, LINEAR)
    (folder / "truth.nc").unlink()
    with pytest.raises(CheckpointError, match="expected the folder of a finished run"):
        open_finished(folder)


@pytest.mark.slow
def test_the_published_network_is_refused(tmp_path: Path) -> None:
    grid = deep_grid()
    config = load_config("osse", ["generator=ham2024", "per_year=12", "osse.spinup=2"])
    space = space_on(grid)
    made = build_generator(config.generator, space, ControlStatistics.none(space, 0), 0).analyser
    save_checkpoint(tmp_path / "checkpoint", made, space, {})
    (tmp_path / "config.yaml").write_text(dump(config))
    with pytest.raises(ExplainError, match="innovation or unet3plus"):
        open_finished(tmp_path)


# feature maps


@pytest.mark.parametrize(
    ("settings", "levels"), [(LINEAR, 0), (INNOVATION, 2), (UNET, 3)], ids=["gain", "correction", "unet"]
)
def test_feature_maps_come_level_by_level(runs, settings: list[str], levels: int) -> None:
    response = response_of(runs(settings))
    found = feature_maps(response)
    assert len(found) == levels == len(response.analyser.encoder())
    for number, level in enumerate(found):
        assert level.activity.shape == SHAPE[1:]
        assert ("every cell" in level.name) == (number == 0)
        for channel in level.channels.values():
            coarse = channel[: 2**number, : 2**number]
            assert np.ptp(coarse) == 0, "the cells of a coarse level are drawn whole"
    for module in response.analyser.encoder():
        assert not module._forward_hooks


# sanity


def test_likeness_is_one_with_itself_and_none_with_chance() -> None:
    torch.manual_seed(0)
    field, seen = torch.randn(4, 30, 40), torch.rand(4, 30, 40) < 0.5
    same, chance = likeness(field, -3 * field, seen), likeness(field, torch.randn(4, 30, 40), seen)
    assert same.sizes == pytest.approx(1.0) and same.shared == 1.0
    assert same.signed == pytest.approx(-1.0)
    assert abs(chance.sizes) < 0.1 and chance.shared < 0.2


def test_random_weights_of_the_correction_leave_nothing_of_its_saliency_but_of_the_gain(runs) -> None:
    finished = runs(INNOVATION)
    response = response_of(finished)
    linear = linear_part(response.analyser, response.case, response.target, response.scale)
    assert linear is not None
    own = response.saliency().observations
    other = saliency_of(response, randomised(response.analyser, 1, correction=True))
    seen = response.case.seen
    together = likeness(own, other, seen).signed
    part = likeness(own - linear.gain, other - linear.gain, seen).signed
    assert abs(part) < 0.3 < 0.8 < together
    assert torch.equal(own, response.saliency().observations), "the run's own weights are untouched"


def test_randomising_everything_changes_more_than_the_correction(runs) -> None:
    response = response_of(runs(INNOVATION))
    own, seen = response.saliency().observations, response.case.seen
    part = saliency_of(response, randomised(response.analyser, 1, correction=True))
    everything = saliency_of(response, randomised(response.analyser, 1))
    assert likeness(own, everything, seen).signed < likeness(own, part, seen).signed


def test_the_untrained_generator_has_no_correction_yet(runs) -> None:
    finished = runs(INNOVATION)
    response = response_of(finished)
    config = load_config("osse", INNOVATION)
    fresh = untrained(response.analyser, config.generator, finished.space)
    assert isinstance(fresh, InnovationAnalyser) and fresh.tolerance == response.analyser.tolerance
    found: Tensor = saliency_of(response, fresh)
    assert float(found.abs().max()) > 0
    assert float(fresh.correction.head.weight.abs().max()) == 0  # type: ignore[union-attr]


@pytest.mark.slow
def test_a_study_holds_together(runs) -> None:
    finished = runs(INNOVATION)
    steps = [STEP - 1, STEP]
    cases = cycle_to(finished, steps)
    found = study(
        finished, [cases[step] for step in steps], target("nino34", finished.space.grid, Place())
    )
    assert len(found.lagged) == 2 and found.linear is not None
    torch.testing.assert_close(found.lagged[0], found.linear.gain)
    assert abs(found.account.rest) < 2e-4
    kelvin = torch.from_numpy(finished.truth(STEP) - finished.space.climatology.mean[cases[STEP].season])
    expected = found.target.of(torch.nan_to_num(kelvin)[None])
    assert found.truth == pytest.approx(float(expected), abs=1e-4)
