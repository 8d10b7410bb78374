"""The command line: what reaches the drivers, what is refused, and how each command ends."""

from __future__ import annotations

import errno
import subprocess
import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import xarray as xr
import yaml
from test_control import days, regular_file

from deepda.base import info
from deepda.base.errors import DeepDAError
from deepda.cli import COMMANDS, main
from deepda.commands.console import exit_code
from deepda.settings.compose import dump, load_config


class Recorder(ModuleType):
    """A driver that notes how it was called."""

    calls: list[tuple[Any, ...]]


@pytest.fixture
def drivers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Recorder]:
    """Stand-ins for all that the commands import, and an empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("deepda.commands.observations.show", lambda folder: 0)
    made = {}
    for name, functions in {
        "osse.twin.run": ("run", "require_usable"),
        "osse.twin.fraternal": ("score",),
        "osse.twin.demo": ("run",),
        "osse.twin.historical_twin": ("twin_of_history",),
        "osse.known_answer.run": ("run",),
        "osse.known_answer.several": ("run_seeds",),
        "osse.experiments.data_denial": ("run",),
        "osse.experiments.blind_zone": ("run",),
        "osse.twin.baselines_of_run": ("baselines_of_run",),
        "osse.sweep.run": ("sweep",),
        "reanalysis.run": ("run",),
        "deepda.control.prepare": ("prepare_control",),
        "deepda.commands.bench": ("run",),
        "deepda.observations.ingest": ("ingest",),
        "deepda.feedback.tables": ("show",),
        "reanalysis.ingested_ocean": ("open_archive",),
        "deepda.evaluation": ("evaluate",),
        "deepda.explain": ("explain", "Place"),
    }.items():
        module = Recorder(name)
        module.calls = []
        for function in functions:
            setattr(module, function, lambda *a, _calls=module.calls, **k: _calls.append((*a, k)))
        monkeypatch.setitem(sys.modules, name, module)
        parent, _, child = name.rpartition(".")
        monkeypatch.setattr(import_module(parent), child, module, raising=False)
        made[name] = module
    return made


def trained_run(folder: Path, *overrides: str) -> Path:
    """A folder that looks like a trained run."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(dump(load_config("osse", overrides)))
    return folder


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line that a refused command says."""
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("deepda: ") and err.count("\n") == 1
    return err


def test_help_is_ready_before_anything_heavy_is_imported() -> None:
    check = (
        "import sys; from deepda.cli import main\n"
        "try: main(['osse', 'run', '--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'torch', 'xarray', 'numpy', 'pandas', 'hydra', 'rich'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "examples:" in done.stdout and "training=default|quick" in done.stdout


@pytest.mark.parametrize("words", ["", "osse", "control", "config", *(c.words for c in COMMANDS)])
def test_help_fits_eighty_columns(
    words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as end:
        main([*words.split(), "--help"])
    text = capsys.readouterr().out
    assert end.value.code == 0
    assert max(map(len, text.splitlines())) <= 80, text


@pytest.mark.slow
def test_every_example_in_the_help_is_understood(drivers: dict[str, Recorder], tmp_path: Path) -> None:
    for folder in ("runs/osse", "runs/first"):
        trained_run(tmp_path / folder)
    regular_file(tmp_path / "thetao_1.nc", np.zeros(7 * 73), days(7 * 73, 5, "noleap"))
    for name in ("other_model_1.nc", "floats.csv", "gdac", "en4/en4_1.nc"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "runs/reanalysis").mkdir()
    (tmp_path / "runs/reanalysis/config.yaml").write_text(dump(load_config("reanalysis")))
    year = xr.Dataset(coords={"time": [np.datetime64("2020-12-29", "ns")]})
    year.to_netcdf(tmp_path / "runs/reanalysis/thetao_2020.nc")
    for name in ("kaplan.nc", "sst_1951-80.nc"):
        fields = {"sst": (("time", "lat", "lon"), np.full((12, 2, 2), 9.0))}
        xr.Dataset(fields, {"lat": [0, 1], "lon": [0, 1]}).to_netcdf(tmp_path / name)
    examples = [
        line.split()[1:] for c in COMMANDS for line in c.details.splitlines() if "  deepda " in line
    ]
    assert len(examples) >= 8
    for words in examples:
        if words[:2] != ["data", "get"]:  # needs the network; tests/test_catalogue.py has a server
            assert main([word.strip("'") for word in words]) == 0, words


def test_flags_and_settings_reach_the_driver_in_any_order(drivers: dict[str, Recorder]) -> None:
    assert (
        main(["osse", "run", "training=quick", "--seed", "7", "--output", "a=b, c", "osse.test_years=6"])
        == 0
    )
    [(config, output, *_)] = drivers["osse.twin.run"].calls
    assert (config.seed, config.training.updates, config.osse.test_years) == (7, 80, 6)
    assert output == Path("a=b, c") and output.is_dir()


def test_what_is_typed_as_a_setting_wins_over_the_flag(drivers: dict[str, Recorder]) -> None:
    main(["osse", "run", "--seed", "7", "seed=8"])
    assert drivers["osse.twin.run"].calls[0][0].seed == 8


def test_a_trained_run_is_scored_on_another_truth(drivers: dict[str, Recorder], tmp_path: Path) -> None:
    run = trained_run(tmp_path / "trained", "generator=ham2024")
    for name in ("b.nc", "a.nc"):
        (tmp_path / name).touch()
    assert main(["osse", "run", "--run", str(run), "--truth", "b.nc", "a.nc", "device=cpu"]) == 0
    [(scored, truth, output, config, _)] = drivers["osse.twin.fraternal"].calls
    assert (scored, truth, output) == (run, [Path("b.nc"), Path("a.nc")], Path("runs/scored"))
    assert (config.generator.kind, config.device) == ("ham2024", "cpu")


def test_a_reanalysis_takes_years_members_and_the_grid_of_its_run(
    drivers: dict[str, Recorder], tmp_path: Path
) -> None:
    run = trained_run(tmp_path / "trained", "grid=gcm")
    words = ["--start", "1990", "--end", "1991", "--run", str(run), "--members", "3"]
    assert main(["reanalysis", *words]) == 0
    [(config, output, *_)] = drivers["reanalysis.run"].calls
    years = config.reanalysis
    assert (years.start, years.end, years.members, years.run) == (1990, 1991, 3, str(run))
    assert config.grid.name == "gcm" and output == Path("runs/reanalysis")


def test_a_control_is_prepared_on_the_named_grid(drivers: dict[str, Recorder]) -> None:
    for name in ("b.nc", "a.nc"):
        Path(name).touch()
    words = ["?.nc", "per_year=12", "--grid", "gcm", "--output", "made/control.nc"]
    assert main(["control", "prepare", *words]) == 0
    [(files, edges, output, options)] = drivers["deepda.control.prepare"].calls
    assert (files, output) == ([Path("a.nc"), Path("b.nc")], Path("made/control.nc"))
    assert (edges["lat_edges"][0], edges["lat_edges"].size, options["per_year"]) == (-80, 51, 12)
    assert "control.nc written" in Path("made/control.log").read_text()


def test_the_known_answer_takes_its_three_flags(drivers: dict[str, Recorder]) -> None:
    main(["osse", "known-answer", "--seed", "3", "--minutes", "0.5", "--output", "known"])
    assert drivers["osse.known_answer.run"].calls == [(3, 0.5, Path("known"), {})]
    main(["osse", "known-answer", "--seeds", "3", "5", "--minutes", "0.5", "--output", "known"])
    assert drivers["osse.known_answer.several"].calls == [([3, 5], 0.5, Path("known"), {})]


def test_settings_are_printed_and_checked_as_they_would_be_used(
    drivers: dict[str, Recorder], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "show", "seed=7"]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == yaml.safe_load(
        dump(load_config("osse", ["seed=7"]))
    )
    drivers["osse.twin.run"].calls.clear()
    assert main(["config", "check", "seed=7"]) == 0
    [(config, folder, _)] = drivers["osse.twin.run"].calls  # which refuses what the run refuses
    assert (config.seed, folder.path) == (7, Path("runs/osse"))


def test_the_machine_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    said = capsys.readouterr().out
    assert all(word in said for word in ("torch", "threads", "bf16", "GPU"))


@pytest.mark.parametrize(
    ("cpuinfo", "said"),
    [
        ("flags\t\t: sse avx512_bf16\n", "yes"),
        ("flags\t\t: sse avx512f\nbugs: bf16\n", "no"),
        ("Features\t: fp asimd bf16\n", "yes"),
    ],
)
def test_bf16_is_read_from_the_flags_of_the_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cpuinfo: str, said: str
) -> None:
    monkeypatch.setattr(info, "CPU_INFO", tmp_path / "cpuinfo")
    assert info.bf16_support() == "unknown"
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    assert info.bf16_support() == said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("reanalysis --start 2000 --end 1999", "reanalysis.start is 2000 but end is 1999"),
        ("reanalysis --start soon", "--start is soon, expected a year or a month"),
        ("reanalysis --run nowhere", "run `deepda osse run` first"),
        ("osse run --sed 3", "did you mean --seed"),
        ("osse run sed=3", "did you mean seed"),
        ("osse run quick", "expected KEY=VALUE"),
        ("osse run --run x", "come together"),
        ("osse run --output occupied/deeper", "cannot write to occupied/deeper"),
        ("osse known-answer --minutes 0", "expected a number above 0"),
        ("osse known-answer --seed -3", "expected at least 0"),
        ("osse known-answer --seeds 3 3", "expected several different ones"),
        ("control prepare missing.nc --output a.nc", "nothing is called missing.nc"),
        ("control prepare missing.nc", "--output"),
        ("config check device=abacus", "device is abacus"),
        ("explain runs/x --output runs/x", "the run that is explained, expected another folder"),
        ("explain runs/x/ --output runs/../runs/x", "the run that is explained, expected another"),
        ("osse run --output ~/out", "~/out begins with ~"),
        ("control prepare occupied --output ~/o.nc", "~ begins with ~"),
        ("info please", "one word too many"),
        ("osse", "a command is missing"),
        ("analyse", "no command 'analyse', did you mean reanalysis"),
        ("run", "no command 'run', did you mean osse run"),
        ("osse rum", "no command 'osse rum', did you mean osse run"),
        ("oss run", "no command 'oss', did you mean osse run"),
        ("observation ingest obs", "no command 'observation', did you mean observations ingest"),
        ("xyzzy", "no command 'xyzzy'; `deepda --help` lists all of them"),
        ("osse run --grid native", "--grid native found without --control"),
        ("osse run --run x --truth y --control z", "--run found beside --control"),
    ],
)
def test_bad_input_is_refused_in_one_line(
    drivers: dict[str, Recorder], capsys: pytest.CaptureFixture[str], words: str, said: str
) -> None:
    Path("occupied").write_text("a file where a folder is wanted")
    assert said in refusal(capsys, *words.split())
    assert not any(driver.calls for driver in drivers.values())


def test_without_words_the_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 0
    assert "osse run" in capsys.readouterr().out


def test_a_full_disk_is_reported_in_one_line(
    drivers: dict[str, Recorder], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "out/analysis.nc")

    monkeypatch.setattr(drivers["osse.twin.run"], "run", fill, raising=False)
    assert "out/analysis.nc cannot be written, the disk is full" in refusal(capsys, "osse", "run")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_really_full_device_is_reported_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def write() -> None:
        with open("/dev/full", "w") as file:
            file.write("x" * 100_000)

    assert exit_code(write) == 2
    assert "the disk is full" in capsys.readouterr().err


def test_known_errors_are_refusals_and_unknown_ones_keep_their_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class ColdError(DeepDAError, ValueError):
        pass

    def fail(error: BaseException) -> None:
        raise error

    assert exit_code(lambda: fail(ColdError("too cold;\nwarm it"))) == 2
    assert capsys.readouterr().err == "deepda: too cold; warm it\n"
    assert exit_code(lambda: fail(KeyboardInterrupt())) == 130
    assert "run the same command again to resume" in capsys.readouterr().err
    for bug in (ValueError("a bug"), FileNotFoundError(errno.ENOENT, "a bug")):
        with pytest.raises(type(bug)):
            exit_code(partial(fail, bug))


def test_a_command_may_return_its_own_exit_code() -> None:
    assert exit_code(lambda: 3) == 3
    assert exit_code(lambda: None) == 0
