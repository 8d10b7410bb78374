"""References that were not assimilated, and the climate of a reanalysis beside them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from lxml import html
from scipy.signal import lfilter
from test_real_reanalysis import FIRST, LAST, archive, settings
from test_reanalysis import trained

from deepda.figures import counts_by_year
from reanalysis.ingested_ocean import open_archive
from reanalysis.record import most_influenced
from reanalysis.references import (
    NINO34,
    SURFACE,
    UPPER,
    SeriesError,
    annual_trend,
    compare,
    read_references,
)
from reanalysis.run import run

__all__ = ["archive", "trained"]  # fixtures
PSL = """ 1999 2000
 1999 {} -99.99 26.5
 2000 {} 27.0 27.5
  -99.99
  NINA34
 https://psl.noaa.gov/gcos_wgsp/Timeseries/Nino34/
"""


def write_references(folder: Path, years: range) -> Path:
    """Series that rise by 0.1 K a year."""
    folder.mkdir()
    rows = [
        f" {year} " + " ".join(f"{26 + 0.1 * (year - 1990):.2f}" for _ in range(12)) for year in years
    ]
    (folder / "nino34.long.data").write_text("\n".join(["1998 2000", *rows, " -99.99", " HadISST"]))
    lines = [f"{year},{month},{0.1 * (year - 1990):.3f},0.1" for year in years for month in range(1, 13)]
    text = "\n".join(["year,month,anomaly,total_uncertainty", *lines])
    (folder / "HadSST.4.0.1.0_monthly_GLOBE.csv").write_text(text)
    rows = [f"{year}.500  {0.1 * (year - 1990):.3f}   0.010" for year in years]
    (folder / "T-dC-w0-100m.dat.txt").write_text("\n".join(["    YEAR      WO    WOse", *rows]))
    return folder


def test_fillers_headings_and_footers_of_series_are_left_out(tmp_path: Path) -> None:
    text = PSL.format(" ".join(["26.0"] * 10), " ".join(["26.0"] * 10))
    (tmp_path / "nino34.long.data").write_text(text)
    found = read_references(tmp_path)
    assert list(found) == [NINO34]
    line = found[NINO34]
    assert line.size == 23 and float(line[-1]) == 27.5 and float(line.min()) == 26.0
    assert str(line["time"].values[10])[:7] == "1999-12"  # November is missing
    with pytest.raises(SeriesError, match="is no folder"):
        read_references(tmp_path / "nowhere")
    (tmp_path / "HadSST.4.0_monthly_GLOBE.csv").write_text("year,month\n1,2\n")
    with pytest.raises(SeriesError, match="cannot be read"):
        read_references(tmp_path)


@pytest.mark.data
def test_the_series_of_the_test_data_are_those_that_others_publish(data_root: Path) -> None:
    found = read_references(data_root / "real" / "series")
    assert set(found) >= {NINO34, SURFACE, UPPER}
    december = found[NINO34].sel(time="1997-12")
    usual = found[NINO34].sel(time=slice("1981", "2010"))
    usual = usual[usual["time"].dt.month == 12].mean()
    assert 2.0 < float(december.squeeze() - usual) < 2.6  # the El Niño of the century
    assert float(found[SURFACE].sel(time="1850-01").squeeze()) == pytest.approx(-0.35138)


@pytest.mark.parametrize("yearly", [False, True])
def test_comparison_is_free_of_base_and_season(yearly: bool) -> None:
    time = np.arange("1990-01", "2000-01", dtype="datetime64[M]")
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.1, time.size)
    rise = np.arange(time.size) / 120
    season = np.cos(np.arange(time.size) * np.pi / 6)
    line = xr.DataArray(rise + noise, {"time": time.astype("datetime64[ns]")}, ("time",))
    other = line + 26.5 + (0 if yearly else 3 * season)
    if yearly:
        other = other.resample(time="YS").mean()
    found = compare(line, other)
    assert found is not None
    assert found["correlation"] == pytest.approx(1, abs=1e-6 if yearly else 0.02)
    assert found["rmse_K"] < (1e-6 if yearly else 0.02)
    assert found["trend_reference"]["slope"] == pytest.approx(1.0, abs=0.12)
    assert compare(line, other.isel(time=slice(2))) is None


def test_the_interval_of_the_trend_of_an_oscillation_covers_and_is_not_far_too_wide() -> None:
    months = np.arange("1981-01", "2021-01", dtype="datetime64[M]").astype("datetime64[ns]")
    covered, widths = [], []
    for draw in range(100):
        found = annual_trend(xr.DataArray(four_year_oscillation(480, draw), {"time": months}, ("time",)))
        covered.append(abs(found["slope"]) <= found["half_width"])
        widths.append(found["half_width"])
    assert np.mean(covered) >= 0.95
    assert np.mean(widths) < 0.6  # standard deviations a decade; 1.8 of the months


def four_year_oscillation(size: int, seed: int) -> np.ndarray:
    """(size) months of an autoregressive process, damped by e in 18 months, of deviation 1."""
    damping = np.exp(-1 / 18)
    weights = [1.0, -2 * damping * np.cos(2 * np.pi / 48), damping**2]
    made = lfilter([1.0], weights, np.random.default_rng(seed).normal(size=2 * size))[size:]
    return made / made.std()


def test_a_trend_takes_the_years_that_are_whole() -> None:
    months = np.arange("1990-03", "1996-07", dtype="datetime64[M]").astype("datetime64[ns]")
    rising = xr.DataArray(np.arange(76) / 120, {"time": months}, ("time",))
    rising[:10] = rising[-6:] = 99.0  # 1990 and 1996 are parts
    assert annual_trend(rising)["slope"] == pytest.approx(1, rel=1e-3)
    assert annual_trend(rising[:30]) == {}


@pytest.mark.slow
@pytest.mark.usefixtures("blank_pictures", "empty_fdbk")
def test_the_report_of_real_observations_has_scores_pictures_and_every_row(
    trained: Path, archive: Path, tmp_path: Path
) -> None:
    folder = write_references(tmp_path / "series", range(1995, 2003))
    words = ["observations.withheld=0.2", f"reanalysis.references='{folder}'"]
    scores = run(settings(trained, archive, *words), tmp_path / "out", open_archive)
    assert json.loads((tmp_path / "out" / "scores.json").read_text())["rows"] == scores["rows"]
    rows = scores["rows"]
    reasons = [number for name, number in rows.items() if name.startswith("rejected: ")]
    assert reasons == sorted(reasons, reverse=True) and len(reasons) > 2  # the most frequent first
    rejected = sum(reasons)
    assert rejected == rows["rejected"] > 0 and rows["used"] > 0 and rows["withheld"] > 0
    ingested = pd.read_parquet(archive / "obs" / "observations")["time"].dt.year
    behind = scores["ingested_rows"]
    every = behind["used"] + behind["withheld"] + behind["rejected"]
    assert every == ingested.between(FIRST, LAST).sum() and behind["used"] > rows["used"]
    assert behind.keys() == rows.keys()
    assert scores["series"][SURFACE]["reference"] == "HadSST4"
    assert scores["series"][SURFACE]["trend_reference"]["slope"] == pytest.approx(1, abs=0.15)
    assert {row["candidate"] for row in scores["withheld"]} == {"climatology", "background", "analysis"}
    page = (tmp_path / "out" / "report.html").read_text()
    assert "of the analysis from withheld observations is" in page
    assert "HadISST" in page and "no_layer" in page and "withheld" in page
    assert {"nino34.png", "observations.png", "spread_by_year.png", "window_maps.png"} <= {
        path.name for path in (tmp_path / "out" / "figures").iterdir()
    }


@pytest.mark.slow
@pytest.mark.usefixtures("blank_pictures", "empty_fdbk")
def test_the_report_of_one_year_has_no_panel_without_a_curve_and_no_table_without_a_number(
    trained: Path, archive: Path, tmp_path: Path
) -> None:
    words = [f"reanalysis.end={FIRST}"]
    scores = run(settings(trained, archive, *words), tmp_path / "out", open_archive)
    used = f"{scores['ingested_rows']['used']:,} of "
    page = html.document_fromstring((tmp_path / "out" / "report.html").read_text("utf-8"))
    assert page.find(".//p[@class='headline']").text_content().startswith(used)
    by_platform = [int(cell.text) for cell in page.xpath("//table")[0].iter("td")]
    assert sum(by_platform) == scores["rows"]["used"]
    assert not any("over that of" in caption.text_content() for caption in page.iter("figcaption"))
    assert "same colours" not in page.text_content()
    for table in page.iter("table"):
        assert any(cell.text_content() != "–" for cell in table.iter("td"))


@pytest.mark.slow
def test_a_year_without_observations_has_no_mark() -> None:
    time = np.array(["2000-07-02", "2001-07-02", "2002-07-02"], "datetime64[ns]")
    count = xr.DataArray([10.0, 0.0, 100.0], {"time": time}, ("time",))
    [line] = counts_by_year({"argo": count}).axes[0].get_lines()
    assert np.isnan(line.get_ydata()).tolist() == [False, True, False]


def test_the_window_that_is_shown_is_no_spin_up_where_there_is_more_than_a_year() -> None:
    influence = np.full((36, 2), 0.1)
    influence[0], influence[20] = 0.9, 0.3
    assert most_influenced(influence, per_year=12) == 20
    assert most_influenced(influence[:12], per_year=12) == 0
