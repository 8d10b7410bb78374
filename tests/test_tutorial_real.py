"""The tutorial of real observations: its own commands, on a year of a few of its files."""

from __future__ import annotations

import importlib
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import xarray as xr
from test_reanalysis import trained

from deepda.cli import main
from deepda.feedback import read_feedback

__all__ = ["trained"]  # a fixture
ROOT = Path(__file__).parents[1]
SST = "sst_ersstv5/ersst_v5_sst_198101-202012.nc"
WHOLE = ("mitgcm/lev_t.bin", "mitgcm/lev_sst.bin", "clim_ferret/levitus_climatology.cdf",
         "speedy_sst/sst_8190clim.t30.sea.grd",
         "argo/ar_greylist.txt", "series", "dart/1264095.nc", "wodpy/ocldb1570984477.6279_OSD.nc",
         "mitprof/wod05_CTD_1990s.nc", "mitprof/20060101_prof.nc", "mitprof/argo_sample.nc",
         "mitprof/ODVcompact_sample_MITprof.nc")  # fmt: skip
ONE_OF = ("argo_argopy_tests", "argo_prof_other", "meop_seals", "wod18_iquod/WOD18_sample_1995",
          "wod_ind199105", "cchdo_exchange", "azmp_nwatlantic")  # fmt: skip
# The toy network has no baseline to be judged beside, and no control simulation for members.
TOY = ["device=cpu", "observations.withheld=0", "reanalysis.members=0"]
PERIOD = {"1981": "1999", "2020": "1999"}
PERIOD["observations.period=[1991,2020]"] = "observations.period=[1996,2000]"
ADDED = {"reanalysis": TOY, "ingest": ["--workers", "1"]}


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script behind `make real`."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("real")


def test_the_page_has_the_steps_that_are_run_here(real: ModuleType) -> None:
    heads = [" ".join(words[:2]) for words in real.of_the_tutorial()]
    assert heads[:3] == ["osse run", *2 * ["observations ingest"]]
    assert heads[-2:] == ["reanalysis --start", "observations feedback"]


def ends_with(code: int) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    return lambda words, **_: subprocess.CompletedProcess(words, code)


def test_an_ingest_that_left_files_out_does_not_end_the_real_run(
    real: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(subprocess, "run", ends_with(1))
    real.run(["observations", "ingest", "x"], tmp_path)
    with pytest.raises(SystemExit, match=r"osse run.*ended with exit code 1"):
        real.run(["osse", "run"], tmp_path)
    monkeypatch.setattr(subprocess, "run", ends_with(2))
    with pytest.raises(SystemExit, match=r"observations ingest.*ended with exit code 2"):
        real.run(["observations", "ingest", "x"], tmp_path)


def few(data: Path, real: Path) -> None:
    """Links to some files of the data in their places; a year of the SST product, each fourth row."""
    for name in WHOLE:
        (real / name).parent.mkdir(parents=True, exist_ok=True)
        (real / name).symlink_to(data / name)
    for name in ONE_OF:
        smallest = min(
            (p for p in (data / name).iterdir() if p.is_file()), key=lambda p: p.stat().st_size
        )
        (real / name).mkdir(parents=True)
        (real / name / smallest.name).symlink_to(smallest)
    for name in ("tao_moorings/t0n140w_dy.cdf", "profiles_parquet/sd2.parquet"):
        (real / name).parent.mkdir(parents=True, exist_ok=True)
        (real / name).symlink_to(data / name)
    (real / SST).parent.mkdir(parents=True)
    with xr.open_dataset(data / SST, decode_times=False) as whole:
        year = {"time": slice(18 * 12, 19 * 12)}
        fourth = {"lat": slice(None, None, 4), "lon": slice(None, None, 4)}
        whole.isel(year | fourth).to_netcdf(real / SST)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.usefixtures("blank_pictures", "empty_fdbk")
def test_its_commands_make_a_reanalysis_that_is_judged(
    real: ModuleType, trained: Path, data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few(data_root / "real", tmp_path / "data" / "real")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "gcm-monthly").symlink_to(trained)  # in the place of the training
    for words in real.of_the_tutorial()[1:]:
        words = [PERIOD.get(word, word).replace("$REAL", "data/real") for word in words]
        assert main([*words, *ADDED.get(words[words[0] == "observations"], [])]) in (0, 1, None)
    rows = read_feedback(tmp_path / "runs" / "real", ["time", "used", "rows"])
    assert rows["used"].sum() > 1000
    assert set(rows["time"].dt.year) == {1999}
    for name in ("report.html", "scores.json", "thetao_1999.nc"):
        assert (tmp_path / "runs" / "real" / name).exists()
