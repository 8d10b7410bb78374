"""The walk through the years gives what a direct computation gives; the page holds what it should."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
import xarray as xr
from lxml import html
from test_feedback import END, START, fed
from toys import harmonics, toy_grid

from deepda.base.progress import Progress
from deepda.climatology.seasonal import harmonic_basis
from deepda.evaluation import EvaluationError, calendars, evaluate, open_product, page
from deepda.evaluation.calendars import common_axis
from deepda.evaluation.charts import over_time
from deepda.evaluation.gather import gather
from deepda.evaluation.heat import PUBLISHED
from deepda.evaluation.records import Comparison, Frame, Record, correlation
from deepda.evaluation.section_heatwaves import around_share
from deepda.feedback import FeedbackWriter
from deepda.feedback.window import WITHHELD, state_of
from deepda.figures.kinds import KINDS
from deepda.geometry.grid import Grid
from deepda.geometry.windows import Windows, windows
from deepda.output.cf import SYNTHETIC, Attribute
from deepda.output.netcdf import AnalysisWriter
from deepda.verification import ocean_weights, rmse

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("blank_pictures")]
YEARS = (2000, 2002)


def ocean(kind: str = "toy") -> Grid:
    if kind == "toy":
        return toy_grid(np.random.default_rng(1), (4, 12, 24))
    depth = np.array([0.0, 20, 60, 120, 200, 320])
    mask = np.ones((5, 22, 36), bool)
    mask[:, 8:14, 0:4] = mask[:, :2] = False
    return Grid(np.linspace(-88, 88, 23), np.linspace(0, 360, 37), depth, mask)


def fields(grid: Grid, span: Windows, seed: int) -> np.ndarray:
    """(time, depth, lat, lon) degC with a season, an El Niño and noise."""
    rng = np.random.default_rng(seed)
    base = 28 - 0.06 * grid.depth[:, None, None] - 0.2 * np.abs(grid.lat)[None, :, None]
    angle = 2 * np.pi * (span.season + 0.5) / span.per_year
    season = -np.cos(angle)[:, None, None, None] * np.sign(grid.lat)[None, None, :, None] * 1.5
    slow = np.cumsum(np.random.default_rng(9).normal(0, 0.2, len(span)))
    warm = np.exp(-((grid.lat / 15) ** 2))[:, None] * np.cos(np.deg2rad(grid.lon - 220))[None]
    noise = rng.normal(0, 0.3, (len(span), *grid.shape))
    return (base + season + slow[:, None, None, None] * warm + noise).astype(np.float32)


def write(
    path: Path,
    grid: Grid,
    span: Windows,
    values: np.ndarray,
    stated: float | None = None,
    spinup: int = 0,
    about: Mapping[str, Attribute] = MappingProxyType({}),
) -> Path:
    variables = ("thetao",) if stated is None else ("thetao", "thetao_stddev")
    attributes = {**about, **({"spinup_windows": spinup} if spinup else {})}
    with AnalysisWriter(path, grid, span, variables=variables, attributes=attributes) as file:
        for step, field in enumerate(values):
            file.write(step, field, None if stated is None else np.full(grid.shape, stated))
    return path


def gathered(
    folder: Path, grid: Grid, kind: int = 73
) -> tuple[list[Record], Comparison, list[xr.DataArray], Frame]:
    span = windows(*YEARS, kind)
    truth = fields(grid, span, 1)
    paths = [
        write(folder / "a.nc", grid, span, truth + fields(grid, span, 2) - fields(grid, span, 3), 0.42),
        write(folder / "b.nc", grid, span, truth),
    ]
    products = [open_product([path], name) for path, name in zip(paths, "ab", strict=True)]
    frame = Frame.of(grid, common_axis(*(one.timeline for one in products)))
    rng = np.random.default_rng(0)
    records, comparisons = gather(products, frame, folder, Progress(), compare=True, rng=rng)
    raw = [xr.open_dataset(path)["thetao"].load() for path in paths]
    return records, comparisons[0], raw, frame


def seasonal(field: xr.DataArray, frame: Frame) -> np.ndarray:
    """(time, depth, lat, lon) degC, mean and harmonics of the year in each window."""
    return np.tensordot(harmonic_basis(frame.season, 73).T, harmonics(field, 73).values, 1)


@pytest.mark.parametrize("block_bytes", [100_000, 10**9])
def test_sums_over_blocks_are_what_all_windows_at_once_give(
    block_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calendars, "BLOCK_BYTES", block_bytes)
    grid = ocean()
    records, found, raw, frame = gathered(tmp_path, grid)
    analysis, truth = raw
    weights = ocean_weights(grid)
    np.testing.assert_allclose(
        found.rmse.values[grid.ocean],
        np.sqrt(((analysis - truth) ** 2).mean("time").values[grid.ocean]),
        rtol=1e-4,
    )
    np.testing.assert_allclose(
        found.by_time, rmse(analysis, truth, weights, ("time", "depth")), rtol=1e-4
    )
    anomalies = [one - seasonal(one, frame) for one in raw]
    for record, anomaly in zip(records, anomalies, strict=True):
        np.testing.assert_allclose(record.variance, (anomaly**2).mean("time"), rtol=1e-3)
        np.testing.assert_allclose(record.levels[0], anomaly[:, 0], atol=1e-4)
    expected = xr.corr(*anomalies, dim="time")
    np.testing.assert_allclose(correlation(found), expected, atol=1e-4)
    means = (truth.fillna(0) * weights).sum(("lat", "lon")) / weights.sum(("lat", "lon"))
    np.testing.assert_allclose(records[1].means.sel(region="global"), means, rtol=1e-5)


def test_the_annual_heat_is_that_of_the_annual_mean(tmp_path: Path) -> None:
    grid = ocean("flat")
    records, _, raw, frame = gathered(tmp_path, grid)
    anomaly = raw[1] - seasonal(raw[1], frame)
    year = anomaly.isel(time=slice(73, 146)).mean("time")
    found = records[1].annual.isel(time=1)
    np.testing.assert_allclose(found.sel(layer="surface"), year[0], atol=1e-4)
    thickness = xr.DataArray(np.array([20.0, 40, 60, 80, 100]), dims="depth")  # cut at 300 m
    expected = (year * thickness).sum("depth", skipna=False) * 1026.0 * 3991.867957
    np.testing.assert_allclose(found.sel(layer="0-300 m"), expected, rtol=1e-3, atol=1e5)


def test_the_stated_spread_is_judged_by_the_error_made(tmp_path: Path) -> None:
    _, found, _, _ = gathered(tmp_path, ocean())
    assert found.reliability is not None
    np.testing.assert_allclose(found.reliability.ratio, 0.42 / (0.3 * np.sqrt(2)), rtol=0.03)
    assert found.reliability.pit.std() < 0.01


def test_a_spread_is_not_judged_where_windows_were_averaged(tmp_path: Path) -> None:
    grid = ocean()
    fine, coarse = windows(*YEARS, 73), windows(*YEARS, 12)
    first = open_product([write(tmp_path / "a.nc", grid, fine, fields(grid, fine, 1), 0.4)], "a")
    second = open_product([write(tmp_path / "b.nc", grid, coarse, fields(grid, coarse, 1))], "b")
    frame = Frame.of(grid, common_axis(first.timeline, second.timeline))
    assert frame.axis.per_year == 12
    rng = np.random.default_rng(0)
    _, comparisons = gather([first, second], frame, tmp_path, Progress(), compare=True, rng=rng)
    assert comparisons[0].reliability is None


SPINUP = 5


def test_windows_that_the_files_call_spinup_count_in_no_comparison(tmp_path: Path) -> None:
    grid, span = ocean(), windows(*YEARS, 73)
    truth = fields(grid, span, 1)
    noise = fields(grid, span, 2) - fields(grid, span, 3)
    noise[:SPINUP] += 9
    raw = [
        write(tmp_path / "a.nc", grid, span, truth + noise, 0.42, SPINUP),
        write(tmp_path / "b.nc", grid, span, truth),
    ]
    products = [open_product([path], name) for path, name in zip(raw, "ab", strict=True)]
    frame = Frame.of(grid, common_axis(*(one.timeline for one in products)))
    rng = np.random.default_rng(0)
    records, comparisons = gather(products, frame, tmp_path, Progress(), compare=True, rng=rng)
    analysis, reference = (xr.open_dataset(path)["thetao"].load() for path in raw)
    anomalies = [one - seasonal(one, frame) for one in (analysis, reference)]
    late, error = slice(SPINUP, None), (analysis - reference)
    found = comparisons[0]
    np.testing.assert_allclose(found.square, (error[late] ** 2).mean("time"), rtol=1e-3)
    np.testing.assert_allclose(found.bias, error[late].mean("time"), atol=1e-4)
    covariance = (anomalies[0] * anomalies[1])[late].mean("time")
    power = (anomalies[0][late] ** 2).mean("time") * (anomalies[1][late] ** 2).mean("time")
    np.testing.assert_allclose(correlation(found), covariance / power**0.5, atol=1e-4)
    assert found.reliability is not None
    np.testing.assert_allclose(found.reliability.ratio, 0.42 / (0.3 * np.sqrt(2)), rtol=0.03)
    assert float(found.by_time[0, 0]) > 8  # shown, not counted
    np.testing.assert_allclose(records[0].variance, (anomalies[0] ** 2).mean("time"), rtol=1e-3)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A twin of three years, its truth and baselines, evaluated.

    Baselines: larger errors (oi), the anomaly itself (same), too small (small), with a bias (warm).
    """
    folder = tmp_path_factory.mktemp("twin")
    grid, span = ocean("flat"), windows(*YEARS, 12)
    truth = fields(grid, span, 1)
    noise = fields(grid, span, 2) - fields(grid, span, 3)
    write(folder / "analysis.nc", grid, span, truth + 0.3 * noise, 0.13)
    write(folder / "truth.nc", grid, span, truth)
    base, anomaly = _split(folder / "truth.nc", span)
    made = {
        "oi": truth + 0.6 * noise,
        "small": base + 0.3 * anomaly,
        "same": base + anomaly,
        "warm": base + anomaly + 1.0,
    }
    others = {name: [write(folder / f"{name}.nc", grid, span, field)] for name, field in made.items()}
    evaluate([folder], folder, [folder / "truth.nc"], baselines=others)
    return folder


def test_the_page_has_its_sections_and_needs_no_network(report: Path) -> None:
    document = html.document_fromstring((report / "report.html").read_text(encoding="utf-8"))
    titles = [title.text_content() for title in document.xpath("//h2")]
    for wanted in ("Agreement", "Climatology", "Variability", "Scales", "Modes", "Heat", "thermocline",
                   "heatwaves", "How sure", "compared"):  # fmt: skip
        assert any(wanted in title for title in titles), wanted
    links = [value for _, _, value, _ in document.iterlinks()]
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in links)
    assert all(len(caption.text_content()) > 20 for caption in document.xpath("//figcaption"))
    assert "too few for a trend" in document.text_content()
    (headline,) = document.xpath("//p[@class='headline']")
    assert re.fullmatch(
        r"The analysis is 0\.1\d\d K off the reference \(.*\), same is the reference itself\.",
        headline.text_content(),
    )


def test_the_years_of_a_series_are_on_its_axis_from_the_first_to_the_last() -> None:
    times = windows(*YEARS, 12).middle.astype("datetime64[ns]")
    line = xr.DataArray(np.arange(36.0), {"time": times}, ("time",))
    (axes,) = over_time({"analysis": line}, "error (K)").axes
    low, high = axes.get_xlim()
    assert {*YEARS} <= {tick for tick in axes.get_xticks() if low <= tick <= high}


def test_tables_beside_the_page_hold_the_numbers(report: Path) -> None:
    with (report / "figures/rmse_table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert float(rows[0]["global"]) == pytest.approx(0.3 * 0.3 * np.sqrt(2), rel=0.03)
    with (report / "figures/heatwaves.csv").open() as file:
        scores = {row["level and basin"]: row for row in csv.DictReader(file)}
    success = [
        float(scores[name]["critical success index"])
        for name in ("surface, global", "optimal interpolation, surface")
    ]
    assert success[0] > success[1] > 0.05
    assert not list(report.glob(".levels-*"))


def test_anomalies_that_are_too_small_or_biased_fail_by_the_thresholds_of_the_truth(
    report: Path,
) -> None:
    own = _scores(report / "figures/heatwaves.csv")
    assert min(own[row]["critical success index"] for row in ("small, surface", "warm, surface")) > 0.9
    by_truth = _scores(report / "figures/heatwaves_by_reference.csv")
    assert by_truth["small, surface, global"]["probability of detection"] < 0.3
    assert by_truth["same, surface, global"]["critical success index"] > 0.9
    warm = by_truth["warm, surface, global"]
    assert warm["probability of detection"] > 0.99 and warm["false-alarm ratio"] > 0.5


def test_fields_that_have_nothing_in_common_score_what_the_page_calls_chance(tmp_path: Path) -> None:
    """Of two years the larger of two values is always above its own percentile: one window in two."""
    grid, span = ocean("flat"), windows(2000, 2001, 12)
    for name, seed in (("analysis", 1), ("truth", 2)):
        noise = np.random.default_rng(seed).normal(0, 5.0, (len(span), *grid.shape))
        write(tmp_path / f"{name}.nc", grid, span, noise.astype("f4"))
    said = evaluate([tmp_path], tmp_path / "out", [tmp_path / "truth.nc"]).read_text("utf-8")
    found = _scores(tmp_path / "out/figures/heatwaves.csv")["surface, global"]
    assert found["detection by chance"] == pytest.approx(0.5, abs=0.01)
    assert found["success index by chance"] == pytest.approx(1 / 3, abs=0.01)
    assert found["probability of detection"] == pytest.approx(0.5, abs=0.05)
    assert found["critical success index"] == pytest.approx(1 / 3, abs=0.04)
    assert "detection would be 0.50 and the success index 0.33" in said
    assert "50 % is the share over all of them" in said and "about 10 %" not in said


def test_the_page_says_which_windows_are_spinup_and_does_not_count_them(
    report: Path, tmp_path: Path
) -> None:
    """Of an analysis with a reference and no baselines, which is the usual call."""
    grid, span = ocean("flat"), windows(*YEARS, 12)
    truth = fields(grid, span, 1)
    off = truth + np.where(np.arange(len(span)) < SPINUP, 9.0, 0.1)[:, None, None, None].astype("f4")
    write(tmp_path / "analysis.nc", grid, span, off, 0.1, SPINUP)
    said = evaluate([tmp_path], tmp_path / "out", [report / "truth.nc"]).read_text("utf-8")
    assert f"first {SPINUP} windows are the spin-up" in said and "spin-up included" in said
    with (tmp_path / "out/figures/rmse_table.csv").open() as file:
        assert float(next(csv.DictReader(file))["global"]) == pytest.approx(0.1, rel=0.02)


def test_products_that_are_synthetic_by_their_files_are_called_so_on_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "SECTIONS", [])
    grid, span = ocean("flat"), windows(*YEARS, 12)
    truth = fields(grid, span, 1)
    twin = [write(tmp_path / f"{name}.nc", grid, span, truth, about=SYNTHETIC) for name in "ab"]
    real = write(tmp_path / "real.nc", grid, span, truth)
    both = evaluate(twin[:1], tmp_path / "twin", twin[1:]).read_text("utf-8")
    assert "Not the real ocean: a twin experiment" in both
    mixed = evaluate([real], tmp_path / "mixed", twin[:1]).read_text("utf-8")
    assert "Not the real ocean: reference, synthetic by its files." in mixed
    assert "Not the real ocean" not in evaluate([real], tmp_path / "alone").read_text("utf-8")


def test_files_that_are_all_spinup_are_not_compared(
    report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "SECTIONS", [])
    grid, span = ocean("flat"), windows(*YEARS, 12)
    write(tmp_path / "analysis.nc", grid, span, fields(grid, span, 1), spinup=len(span))
    with pytest.raises(EvaluationError, match=r"all 36 windows in common are spin-up.*more years"):
        evaluate([tmp_path], tmp_path / "out", [report / "truth.nc"])
    evaluate([tmp_path], tmp_path / "out")  # without a reference nothing is compared


def _split(truth: Path, span: Windows) -> tuple[np.ndarray, np.ndarray]:
    """Seasonal cycle and anomaly, (time, depth, lat, lon)."""
    values = xr.open_dataset(truth)["thetao"].load()
    cycle = np.tensordot(harmonic_basis(span.season, 12).T, harmonics(values, 12).values, 1)
    return cycle, values.values - cycle


def _scores(table: Path) -> dict[str, dict[str, float]]:
    with table.open() as file:
        rows = {row.pop("level and basin"): row for row in csv.DictReader(file)}
    return {name: {key: float(value) for key, value in row.items()} for name, row in rows.items()}


def test_the_colours_of_heatwaves_are_centred_on_their_share() -> None:
    kind, limits = around_share(50.0)
    assert limits == (0.0, 100.0) and kind.label == KINDS["heatwaves"].label
    assert around_share(10.0)[1] == (0.0, 20.0)


def test_published_ranges_are_those_of_the_source() -> None:
    assert [(one.first, one.bottom, one.low, one.high) for one in PUBLISHED] == [
        (1993, 300, 0.35, 0.45), (1993, 700, 0.57, 0.77),
        (2005, 300, 0.20, 0.28), (2005, 700, 0.31, 0.45),
    ]  # fmt: skip


def test_a_product_without_a_reference_is_described_and_judged_by_its_observations(
    report: Path, tmp_path: Path
) -> None:
    grid, rng = ocean("flat"), np.random.default_rng(4)
    with FeedbackWriter(tmp_path) as out:
        table = fed(grid, rng)
        out.write(table, START, END)
    page = evaluate([report / "truth.nc"], tmp_path / "out", observations=tmp_path).read_text("utf-8")
    assert "Agreement with the reference" not in page and "Modes of climate" in page
    assert not (tmp_path / "out/figures/rmse_table.csv").exists()
    with (tmp_path / "out/figures/observations_withheld_by_platform.csv").open() as file:
        rows = {row["platform"]: row for row in csv.DictReader(file)}
    kept = table[state_of(table) == WITHHELD]
    assert int(rows["all"]["rows"]) == len(kept)
    departure = (kept["temperature"] - kept["analysis"]).astype(float)
    assert float(rows["all"]["rms O−A"]) == pytest.approx(np.sqrt((departure**2).mean()), rel=1e-4)
