"""What a new user meets: names that changed, checks before work, refusals that leave nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import torch

from deepda.base.files import output_folder
from deepda.base.text import say_once
from deepda.cli import main
from deepda.settings.compose import dump, load_config, saved_config
from deepda.settings.schema import ConfigError, HistoricalObservations


@cache
def untrained() -> str:
    """Settings of a run."""
    return dump(load_config("osse"))


@pytest.fixture(autouse=True)
def at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty folder to work in, with a file that is no NetCDF and a run that was never trained."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    Path("bad.nc").write_bytes(b"no ocean")
    Path("untrained").mkdir()
    Path("untrained/config.yaml").write_text(untrained())
    say_once.cache_clear()
    yield


REFUSED = [
    "reanalysis --run nowhere --output {new}",
    "reanalysis --run untrained --output {new}",
    "reanalysis --run untrained --output {new} device=cuda",
    "osse run --output {new} device=cuda",
    "osse run --output {new} observations=ingested",
    "osse run --output {new} control=files control.paths=[bad.nc]",
    "osse run --output {new} --control bad.nc",
    "osse run --output {new} control.warming=50",
    "osse run --output {new} grid.lon_edges=[0,100,200,360]",
    "osse deny --run untrained --output {new}",
    "osse blind-zone --run nowhere --output {new}",
    "control prepare bad.nc --output {new}/control.nc",
    "evaluate bad.nc --output {new}",
    "explain untrained --output {new}",
    "observations ingest bad.nc --strict --workers 1 --output {new}",
    "sweep generator.hidden=0,16 --on osse --output {new} control=files control.paths=[bad.nc]",
]


@pytest.mark.slow
@pytest.mark.parametrize("words", REFUSED)
def test_a_refused_command_leaves_no_folder(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.format(new="deep/new").split()) == 2, capsys.readouterr().err
    assert not Path("deep").exists()


def test_a_refused_command_leaves_a_folder_that_was_there(tmp_path: Path) -> None:
    Path("mine").mkdir()
    assert main(["osse", "run", "--output", "mine", "device=cuda"]) == 2
    assert Path("mine").is_dir()


@pytest.mark.parametrize(("error", "kept"), [(KeyboardInterrupt, True), (ValueError, False)])
def test_only_an_interruption_leaves_a_folder_without_results(error: type, kept: bool) -> None:
    with pytest.raises(error), output_folder(Path("new/run")) as folder:
        (folder / "log.txt").write_text("begun")
        raise error
    assert Path("new").exists() is kept


def test_a_failure_leaves_the_results_that_are_there() -> None:
    with pytest.raises(ValueError), output_folder(Path("new")) as folder:
        (folder / "control.nc").write_text("an hour of work")
        raise ValueError
    assert Path("new/control.nc").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("device=cuda", "device is cuda but torch sees no GPU"),
        ("observations=ingested", "expected synthetic ones"),
        ("control=files control.paths=[nothing_*.nc]", "nothing is called nothing_*.nc"),
        ("control=files control.paths=[bad.nc]", "bad.nc cannot be read"),
        ("grid.lon_edges=[0,100,200,360]", "degrees of longitude wide"),
        ("grid.lon_edges=[0,100,200,300]", "expected 360"),
        ("control.warming=50", "control.warming is 50, expected -10 to 10"),
        ("training.updates=7 output=trained", "training.updates=160 there, 7 asked for"),
    ],
)
def test_the_check_of_settings_refuses_what_the_run_refuses(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = Path("trained")
    (trained / "checkpoint").mkdir(parents=True)
    (trained / "config.yaml").write_text(untrained())
    for command in ("config check", "osse run"):
        assert main([*command.split(), *words.split()]) == 2
        assert said in capsys.readouterr().err


@pytest.mark.slow
def test_settings_that_the_run_can_use_pass_the_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", "training=quick"]) == 0
    assert "can be used" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("earlier", "present"),
    [("observations=historical", "observations=synthetic"), ("control=gcm", "control=files")],
)
def test_an_earlier_name_works_and_the_present_one_is_said(
    earlier: str, present: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert load_config("osse", [earlier]) == load_config("osse", [present])
    assert f"{earlier} is called {present} now" in capsys.readouterr().err
    load_config("osse", [present])
    assert capsys.readouterr().err == ""


def test_a_run_of_an_earlier_version_opens_with_the_present_names(tmp_path: Path) -> None:
    text = untrained().replace("kind: synthetic", "kind: historical")
    assert "kind: historical" in text
    (tmp_path / "config.yaml").write_text(text)
    assert isinstance(saved_config(tmp_path).observations, HistoricalObservations)
    assert load_config("reanalysis", run=tmp_path).observations.kind == "synthetic"


def test_an_unknown_kind_of_observations_is_still_refused() -> None:
    with pytest.raises(ConfigError, match="observations=history does not exist"):
        load_config("osse", ["observations=history"])
