"""Ingest: every file has its row, no row is lost, and a killed run ends like one that was not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import psutil
import pytest
import xarray as xr
from test_readers_profiles import write_argo, write_en4, write_wod_ragged

from deepda.base.errors import DeepDAError
from deepda.base.workers import WorkersError, open_workers
from deepda.cli import main
from deepda.commands.observations import show
from deepda.observations import ingest as ingest_module
from deepda.observations import ingested_files, plan
from deepda.observations.coverage import CELL, Coverage, coverage_from_json
from deepda.observations.formats import read_observations
from deepda.observations.ingest import ingest
from deepda.observations.ingested import read_coverage, read_ingested, summary
from deepda.observations.manifest import Entry, IngestError, read_manifest
from deepda.observations.reading import ReadOptions
from deepda.observations.sources import find_sources
from deepda.observations.table import require_table


def csv(path: Path, count: int = 4, seed: int = 0, **columns: object) -> Path:
    """Observations of 1998 to 2001 all over the globe, with changes."""
    rng = np.random.default_rng(seed)
    days = pd.to_datetime("1998-01-01") + pd.to_timedelta(rng.integers(0, 1400, count), "D")
    fields = {
        "time": days.strftime("%Y-%m-%dT00:00:00"), "lat": rng.uniform(-90, 90, count),
        "lon": rng.uniform(-180, 360, count), "depth": rng.uniform(0, 1000, count),
        "temperature": rng.uniform(0, 30, count),
        "platform_type": rng.choice(["argo", "xbt", "ship"], count), "platform_id": f"p{seed}",
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(fields | columns).to_csv(path, index=False)
    return path


def sst(path: Path, steps: int = 5) -> Path:
    """A gridded product with an island, a field without values, and values that encode their place."""
    value = np.arange(steps * 12, dtype=float).reshape(steps, 3, 4) / 10
    value[:, 1, 1] = np.nan
    value[2] = np.nan
    coords = {"time": pd.date_range("2001-01-10", periods=steps, freq="20D"),
              "lat": [-10.0, 0, 10], "lon": [0.0, 90, 180, 270]}  # fmt: skip
    dims = ("time", "lat", "lon")
    xr.Dataset({"sst": (dims, value, {"units": "degC"})}, coords).to_netcdf(path)
    return path


def bad_input(folder: Path) -> Path:
    """One good file among all kinds of bad ones."""
    csv(folder / "good.csv")
    (folder / "zero.nc").touch()
    write_en4(folder / "whole.nc")
    (folder / "truncated.nc").write_bytes((folder / "whole.nc").read_bytes()[:700])
    (folder / "wrong_type.nc").write_text("I am a letter.")
    (folder / "notes.txt").write_text("something else")
    csv(folder / "nan_only.csv", seed=1, temperature=np.nan)
    csv(folder / "kelvin.csv", seed=2, temperature=288.0)
    csv(folder / "future.csv", seed=3, time="2190-01-01")
    csv(folder / "no_latitude.csv", seed=4).write_text("time,lon,depth,temperature\n2000-01-01,1,2,3\n")
    (folder / "same_again.csv").write_bytes((folder / "good.csv").read_bytes())
    (folder / "link.nc").symlink_to(folder / "nowhere.nc")
    os.mkfifo(folder / "pipe.nc")
    return folder


def take(*paths: Path, output: Path, **options: object) -> dict[str, Entry]:
    """Entries of an ingest in this process, by file name."""
    entries = ingest(paths, output, workers=1, **options)  # type: ignore[arg-type]
    return {Path(entry.file).name: entry for entry in entries}


def kept_rows(output: Path) -> pd.DataFrame:
    """All rows kept, as any reader of hive partitions sees them, in a fixed order."""
    table = pd.read_parquet(output / "observations")
    for name in table.select_dtypes("category"):
        table[name] = table[name].astype(str)
    return table.sort_values(["source", "source_index"]).reset_index(drop=True)


def contents(output: Path) -> dict[str, bytes]:
    """What is in the files of an ingested folder that a person looks at."""
    paths = [output / "manifest.csv", *output.rglob("*.parquet")]
    return {path.relative_to(output).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight files in batches of two, one of them refused."""
    monkeypatch.setattr(plan, "BATCH_FILES", 2)
    folder = tmp_path / "many"
    for number in range(7):
        csv(folder / f"{number}.csv", count=5, seed=number)
    (folder / "2b.csv").write_text("time,lon\n")
    return folder


# What becomes of each file


def test_bad_input_is_listed_file_by_file_and_the_rest_is_read(tmp_path: Path) -> None:
    found = take(bad_input(tmp_path / "in"), output=tmp_path / "out")
    assert {name: entry.status for name, entry in found.items()} == {
        "good.csv": "kept", "zero.nc": "empty", "whole.nc": "kept", "truncated.nc": "quarantined",
        "wrong_type.nc": "unrecognised", "notes.txt": "unrecognised", "nan_only.csv": "rejected",
        "kelvin.csv": "rejected", "future.csv": "rejected", "no_latitude.csv": "quarantined",
        "same_again.csv": "duplicate", "link.nc": "quarantined", "pipe.nc": "quarantined",
    }  # fmt: skip
    assert found["kelvin.csv"].reasons == "temperature_looks_kelvin=4"
    assert found["nan_only.csv"].reasons == "temperature_missing=4"
    assert found["future.csv"].reasons == "time_in_future=4"
    assert "no column lat" in found["no_latitude.csv"].reasons
    assert "good.csv" in found["same_again.csv"].reasons
    assert read_manifest(tmp_path / "out") == sorted(found.values(), key=lambda entry: entry.file)


def test_rows_in_are_rows_kept_and_rejected_on_disk_too(tmp_path: Path) -> None:
    found = take(bad_input(tmp_path / "in"), output=tmp_path / "out").values()
    kept = pd.read_parquet(tmp_path / "out" / "observations")
    rejected = pd.read_parquet(tmp_path / "out" / "rejected")
    assert sum(entry.rows_kept for entry in found) == len(kept) == 8
    assert sum(entry.rows_rejected for entry in found) == len(rejected) == 12
    reasons = rejected["reason"].astype(str).value_counts().to_dict()
    assert reasons == dict.fromkeys(
        ["temperature_missing", "temperature_looks_kelvin", "time_in_future"], 4
    )


def test_an_entry_that_does_not_add_up_is_an_error() -> None:
    with pytest.raises(IngestError, match="rows were lost or made"):
        Entry("a.nc", rows_in=3, rows_kept=1, rows_rejected=1)


def test_parts_that_lost_rows_are_an_error(tmp_path: Path) -> None:
    take(csv(tmp_path / "a.csv"), output=tmp_path / "out")
    [batch] = ingested_files.read_journal(tmp_path / "out")
    path = tmp_path / "out" / batch.parts[0].path
    pd.read_parquet(path).iloc[1:].to_parquet(path)
    with pytest.raises(IngestError, match="counts 4 kept"):
        ingested_files.require_balanced([batch], tmp_path / "out")


def test_a_fault_of_a_reader_costs_its_file_and_not_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, *rest: object) -> Iterator[object]:
        if path.name == "a.csv":
            raise ZeroDivisionError("by zero")
        yield read_observations(path)

    monkeypatch.setattr(ingest_module, "read_parts", fail)
    found = take(csv(tmp_path / "a.csv"), csv(tmp_path / "b.csv", seed=1), output=tmp_path / "out")
    assert found["a.csv"].status == "quarantined" and "by zero" in found["a.csv"].reasons
    assert found["b.csv"].status == "kept"


# Where files are found


def test_each_file_comes_once_whatever_leads_to_it(tmp_path: Path) -> None:
    file = csv(tmp_path / "in" / "deep" / "a.csv")
    (tmp_path / "in" / "round").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "other").symlink_to(tmp_path / "elsewhere")
    csv(tmp_path / "elsewhere" / "b.csv")
    found = find_sources([tmp_path / "in", file, tmp_path / "in" / "deep"])
    assert [Path(source.file).relative_to(tmp_path).as_posix() for source in found] == [
        "in/deep/a.csv", "in/other/b.csv",
    ]  # fmt: skip


def test_the_output_is_never_its_own_input(tmp_path: Path) -> None:
    csv(tmp_path / "a.csv")
    take(tmp_path, output=tmp_path / "out")
    assert set(take(tmp_path, output=tmp_path / "out")) == {"a.csv"}


def test_an_argo_tree_gives_each_cast_once_and_names_what_is_missing(tmp_path: Path) -> None:
    root = tmp_path / "gdac"
    profiles = root / "dac" / "aoml" / "1900000" / "profiles"
    profiles.mkdir(parents=True)
    for name in ("R1900000_001.nc", "D1900000_001.nc"):
        write_argo(profiles / name)
    with netCDF4.Dataset(profiles / "R1900000_001.nc", "a") as data:
        data["LATITUDE"][:] = 1.0  # other bytes
    (profiles.parent / "1900000_meta.nc").write_bytes(b"CDF\x01")
    lines = [
        f"aoml/1900000/profiles/D1900000_{cycle}.nc,2004,1,2,A,846,AO,2020" for cycle in ("001", "002")
    ]
    (root / "ar_index_global_prof.txt").write_text("\n".join(["file,date", *lines]))
    found = take(root, output=tmp_path / "out")
    assert {name: (entry.status, entry.reasons) for name, entry in found.items()} == {
        "D1900000_001.nc": ("kept", ""),
        "R1900000_001.nc": ("superseded", "delayed_mode_is_there"),
        "1900000_meta.nc": ("no_profiles", "no_profile_file"),
        "ar_index_global_prof.txt": ("no_profiles", "argo_index"),
        "D1900000_002.nc": ("missing", "in_the_index_without_a_file"),
    }


def test_floats_without_an_index_are_distinguished_but_no_stranger_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_argo(tmp_path / "in" / "D1900000_001.nc")
    write_argo(tmp_path / "in" / "R1900000_001.nc")
    write_wod_ragged(tmp_path / "in" / "1900000_ctd.nc")
    found = {Path(s.file).name: s.status for s in find_sources([tmp_path / "in"])}
    assert found == {"D1900000_001.nc": "", "R1900000_001.nc": "superseded", "1900000_ctd.nc": ""}


# Resuming


def test_a_finished_run_reads_nothing_again(
    many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(many, output=tmp_path / "out")
    before = (tmp_path / "out" / "manifest.csv").read_bytes()
    read = list[str]()
    whole = ingest_module._read
    monkeypatch.setattr(ingest_module, "_read", lambda *a: (read.append(Path(a[0]).name), whole(*a))[1])
    take(many, output=tmp_path / "out")
    assert read == ["2b.csv"]  # what was refused is tried again
    assert (tmp_path / "out" / "manifest.csv").read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("batch", [0, 1, 3])
@pytest.mark.parametrize("journal_written", [True, False])
def test_a_run_killed_half_way_and_repeated_gives_the_same(
    many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int, journal_written: bool
) -> None:
    take(many, output=tmp_path / "whole")
    count = Counter[str]()

    def kill(*arguments: object) -> None:
        count["batch"] += 1
        if count["batch"] <= batch or journal_written:
            ingested_files.write_journal(*arguments)  # type: ignore[arg-type]
        if count["batch"] > batch:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ingest_module, "write_journal", kill)
        take(many, output=tmp_path / "killed")
    rest = tmp_path / "killed" / "observations" / "year=1999" / "month=01" / "0123456789abcdef-0.parquet"
    rest.parent.mkdir(parents=True, exist_ok=True)
    rest.write_bytes(b"half")  # of a run with other files, whose batches had other names
    take(many, output=tmp_path / "killed")
    files = [contents(tmp_path / name) for name in ("whole", "killed")]
    assert files[0] == files[1] and len(files[0]) > 10


@pytest.mark.slow
def test_a_part_that_is_gone_is_written_again(many: Path, tmp_path: Path) -> None:
    take(many, output=tmp_path / "out")
    before = kept_rows(tmp_path / "out")
    next((tmp_path / "out" / "observations").rglob("*.parquet")).unlink()
    take(many / "0.csv", output=tmp_path / "out")  # even if its file is not named again
    pd.testing.assert_frame_equal(kept_rows(tmp_path / "out"), before)


@pytest.mark.slow
def test_a_file_that_changed_replaces_its_old_rows(many: Path, tmp_path: Path) -> None:
    take(many, output=tmp_path / "out")
    csv(many / "1.csv", count=3, seed=77)
    found = take(many, output=tmp_path / "out")
    take(many, output=tmp_path / "fresh")
    assert found["1.csv"].rows_in == 3
    pd.testing.assert_frame_equal(kept_rows(tmp_path / "out"), kept_rows(tmp_path / "fresh"))


def test_what_was_there_stays_when_more_is_added(tmp_path: Path) -> None:
    one, other = csv(tmp_path / "a" / "a.csv"), csv(tmp_path / "b" / "b.csv", seed=1)
    (tmp_path / "b" / "a_again.csv").write_bytes(one.read_bytes())
    take(one, output=tmp_path / "out")
    found = take(other.parent, output=tmp_path / "out")
    status = {name: entry.status for name, entry in found.items()}
    assert status == {"a.csv": "kept", "b.csv": "kept", "a_again.csv": "duplicate"}
    assert len(kept_rows(tmp_path / "out")) == 8


def test_a_batch_whose_worker_died_is_reported_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def deadly(*_: object) -> Iterator[Callable]:
        yield lambda act, jobs: (
            (job, None if act is ingest_module.read_batch else act(job)) for job in jobs
        )

    with monkeypatch.context() as patch:
        patch.setattr(ingest_module, "open_workers", deadly)
        found = take(csv(tmp_path / "a.csv"), output=tmp_path / "out")
    assert found["a.csv"].status == "quarantined" and "its worker died" in found["a.csv"].reasons
    assert take(tmp_path / "a.csv", output=tmp_path / "out")["a.csv"].status == "kept"


# Rows


@pytest.mark.slow
def test_a_gridded_product_in_parts_is_the_same_as_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sst(tmp_path / "sst.nc")
    monkeypatch.setattr(ingest_module, "MOST_VALUES", 13)  # one time step of 12 cells
    found = take(path, output=tmp_path / "out")["sst.nc"]
    whole = read_observations(path).table
    assert found.rows_in == found.rows_kept == len(whole) == 4 * 11
    rows = kept_rows(tmp_path / "out")
    for name in ("time", "lat", "lon", "temperature", "profile", "source_index"):
        np.testing.assert_array_equal(rows[name], whole[name])


def test_a_product_that_breaks_half_way_leaves_no_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ingest_module.read_parts

    def breaks(path: Path, options: ReadOptions) -> Iterator[object]:
        for result in whole(path, options):
            yield result
            if result.next_step == 4:
                raise OSError("a chunk is damaged")

    monkeypatch.setattr(ingest_module, "MOST_VALUES", 12)
    monkeypatch.setattr(ingest_module, "read_parts", breaks)
    monkeypatch.setattr(ingested_files, "MOST_ROWS", 15)  # written before it breaks
    found = take(csv(tmp_path / "a.csv"), sst(tmp_path / "sst.nc"), output=tmp_path / "out")
    assert found["sst.nc"].status == "quarantined" and "a chunk is damaged" in found["sst.nc"].reasons
    assert set(kept_rows(tmp_path / "out")["source"]) == {str(tmp_path / "a.csv")}
    assert read_coverage(tmp_path / "out").rows("satellite") == 0


def test_partitions_hold_the_months_of_their_names(many: Path, tmp_path: Path) -> None:
    take(many, output=tmp_path / "out")
    rows = kept_rows(tmp_path / "out")
    assert (rows["year"].astype(int) == rows["time"].dt.year).all()
    assert (rows["month"].astype(int) == rows["time"].dt.month).all()
    assert rows["time"].dt.year.nunique() > 2


def test_a_window_is_half_open_and_fit_for_the_analysis(many: Path, tmp_path: Path) -> None:
    take(many, output=tmp_path / "out")
    rows = kept_rows(tmp_path / "out")
    start, end = np.datetime64("1999-02-10"), rows["time"].max().to_datetime64()
    table = read_ingested(tmp_path / "out", start, end)
    require_table(table)
    inside = rows[(rows["time"] >= start) & (rows["time"] < end)].sort_values(
        ["time", "source", "source_index"]
    )
    assert 0 < len(table) < len(rows)
    np.testing.assert_array_equal(table["temperature"], inside["temperature"])
    assert read_ingested(tmp_path / "out", start, start).empty


# Workers


@pytest.mark.slow
def test_a_cluster_by_address_gives_the_same_as_this_process(many: Path, tmp_path: Path) -> None:
    from distributed import LocalCluster

    take(many, output=tmp_path / "here")
    with LocalCluster(
        2, threads_per_worker=1, processes=False, protocol="tcp://", dashboard_address=None
    ) as cluster:
        ingest([many], tmp_path / "there", scheduler=cluster.scheduler_address)
    assert contents(tmp_path / "here") == contents(tmp_path / "there")


def test_a_scheduler_that_does_not_answer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepda.base.workers.PATIENCE", 0.5)
    with (
        pytest.raises(WorkersError, match="no dask scheduler answers"),
        open_workers(None, "tcp://127.0.0.1:9"),
    ):
        pass


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="an interrupt there goes another way")
@pytest.mark.parametrize("after", [0.0, 1.0], ids=["while they start", "while they work"])
def test_an_interrupt_of_all_processes_is_said_in_one_line(
    after: float, many: Path, tmp_path: Path
) -> None:
    words = [sys.executable, "-m", "deepda", "observations", "ingest", str(many), "--workers", "2"]
    with subprocess.Popen(
        [*words, "--output", str(tmp_path / "out")],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored behind a shell's &
    ) as run:  # fmt: skip
        wait_for_workers(run, 2)
        time.sleep(after)
        os.killpg(run.pid, signal.SIGINT)
        _, said = run.communicate(timeout=120)
    assert run.returncode == 130 or after  # the work may be done by then
    assert "Traceback" not in said and "KeyboardInterrupt" not in said
    if run.returncode == 130:
        assert said.splitlines()[-1] == "deepda: interrupted; run the same command again to resume"


def wait_for_workers(run: subprocess.Popen[str], count: int) -> None:
    """Return as soon as a process has so many children that were spawned to work."""
    for _ in range(2400):
        assert run.poll() is None, f"ended with {run.returncode} before it had {count} workers"
        children = psutil.Process(run.pid).children()
        if sum("spawn_main" in " ".join(words_of(child)) for child in children) >= count:
            return
        time.sleep(0.05)
    raise AssertionError(f"{run.pid} has no {count} workers")


def words_of(process: psutil.Process) -> list[str]:
    """Command line of a process, none if it ended."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


@pytest.mark.slow
def test_workers_are_not_interrupted_and_this_process_is() -> None:
    with open_workers(2) as work:
        blocked = [done for _, done in work(interrupts_blocked, [0, 1, 2, 3])]
    assert blocked == [True] * 4
    assert not interrupts_blocked(0)


def interrupts_blocked(_: int) -> bool:
    """Whether no thread of this process takes an interrupt."""
    masks = [
        int(line.split()[1], 16)
        for status in Path("/proc/self/task").glob("*/status")
        for line in status.read_text().splitlines()
        if line.startswith("SigBlk")
    ]
    return all(mask >> (signal.SIGINT - 1) & 1 for mask in masks)


# Coverage, summary, command


def test_coverage_agrees_with_a_loop_over_the_rows(many: Path, tmp_path: Path) -> None:
    take(many, output=tmp_path / "out")
    coverage, rows = read_coverage(tmp_path / "out"), kept_rows(tmp_path / "out")
    for kind, part in rows.groupby("platform_type"):
        counts = np.zeros((36, 72), int)
        for lat, lon in zip(part["lat"].astype(float), part["lon"].astype(float), strict=True):
            counts[int((lat + 90) // CELL), int(((lon + 180) % 360) // CELL)] += 1
        np.testing.assert_array_equal(coverage.map_of(str(kind)), counts)
        assert coverage.years[str(kind)] == Counter(part["time"].dt.year)
        assert coverage.files[str(kind)] == part["source"].nunique()
    again = coverage_from_json(coverage.as_json())  # type: ignore[arg-type]
    assert again.years == coverage.years and again.platforms == coverage.platforms


def test_poles_and_the_date_line_are_in_cells(tmp_path: Path) -> None:
    path = csv(tmp_path / "a.csv", lat=[90.0, -90.0, 0.0, 0.0], lon=[180.0, -180.0, 359.99, -0.01],
               platform_type="argo")  # fmt: skip
    take(path, output=tmp_path / "out")
    found = np.argwhere(read_coverage(tmp_path / "out").map_of("argo")).tolist()
    assert found == [[0, 0], [18, 35], [35, 0]]


def test_the_summary_fits_a_terminal(tmp_path: Path) -> None:
    years = {"satellite": Counter({1854: 10**11, 2024: 1})}
    coverage = Coverage({}, years, Counter(satellite=10**6), Counter(satellite=10**10))
    entries = [
        Entry("/very" * 30 + f"/{n}.nc", status="quarantined", reasons="word " * 60) for n in range(20)
    ]
    lines = summary(entries, coverage, Path("out"))
    assert max(map(len, lines)) <= 80
    assert "1854-2024" in lines[1] and "100,000,000,001" in lines[1]


@pytest.mark.parametrize(
    ("status", "helped"),
    [("rejected", True), ("quarantined", True), ("unrecognised", True), ("kept", False)],
)
def test_a_file_that_is_not_taken_is_followed_by_where_columns_are_listed(
    status: str, helped: bool
) -> None:
    lines = summary(
        [Entry("a.csv", status=status, reasons="depth_impossible=9")], Coverage(), Path("out")
    )
    assert any("`deepda observations formats`" in line for line in lines) is helped


@pytest.mark.slow
def test_exit_codes_say_what_happened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, words = tmp_path / "in", ["observations", "ingest"]
    csv(folder / "good.csv")
    assert main([*words, str(folder), "--output", str(tmp_path / "a"), "--workers", "1"]) == 0
    assert (tmp_path / "a" / "coverage.png").stat().st_size > 10_000
    (folder / "zero.nc").touch()
    assert main([*words, str(folder), "--output", str(tmp_path / "a"), "--workers", "1"]) == 1
    assert "zero_bytes" in capsys.readouterr().out
    strict = [*words, str(folder), "--output", str(tmp_path / "b"), "--workers", "1", "--strict"]
    assert main(strict) == 2
    assert "zero.nc is empty" in capsys.readouterr().err
    assert main(["observations", "show", str(tmp_path / "a")]) == 0
    assert "rows in 4 = kept 4 + rejected 0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [("ingest nowhere --output out", "nothing is called nowhere"),
     ("ingest . --output out --workers 0", "expected 1 or more"),
     ("ingest . --output out --workers 2 --scheduler tcp://a:1", "expected one"),
     ("ingest . --output out --first-month 2010-13", "is '2010-13', expected a year and a month"),
     ("ingest . --output out --first-month 2010-00", "is '2010-00', expected a year and a month"),
     ("ingest . --output out --first-month 201001", "is '201001', expected a year and a month"),
     ("ingest . --output out --first-month banana", "is 'banana', expected a year and a month"),
     ("ingest . --output out --first-month=", "is '', expected a year and a month"),
     ("show .", "holds no manifest.csv")],
)  # fmt: skip
def test_commands_that_cannot_be_are_refused(
    words: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    csv(tmp_path / "good.csv")
    assert main(["observations", *words.split()]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_without_any_observation_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "letter.txt").write_text("nothing to see")
    take(tmp_path / "letter.txt", output=tmp_path / "out")
    assert show(tmp_path / "out") == 1
    assert "1 unrecognised" in capsys.readouterr().out


def test_a_damaged_manifest_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("file,sha256\na,b\n")
    with pytest.raises(DeepDAError, match="damaged"):
        read_manifest(tmp_path)


@pytest.mark.data
@pytest.mark.slow
def test_the_whole_real_tree_is_in_the_manifest_and_balanced(data_root: Path, tmp_path: Path) -> None:
    """All real files below a megabyte; larger ones of the same formats take four times as long."""
    tree = [path for path in sorted((data_root / "real").resolve().rglob("*")) if path.is_file()]
    on_disk = {path for path in tree if path.stat().st_size < 1_000_000}
    entries = ingest(sorted(on_disk), tmp_path / "out", workers=1)
    assert {Path(entry.file) for entry in entries if entry.status != "missing"} == on_disk
    folders = [tmp_path / "out" / kind for kind in ("observations", "rejected")]
    stored = [sum(map(rows_in_file, folder.rglob("*.parquet"))) for folder in folders]
    assert stored == [sum(e.rows_kept for e in entries), sum(e.rows_rejected for e in entries)]
    assert sum(stored) == sum(entry.rows_in for entry in entries) > 600_000
    assert {e.status for e in entries} >= {"kept", "rejected", "quarantined", "missing", "superseded"}
    require_table(
        read_ingested(tmp_path / "out", np.datetime64("2010-01-01"), np.datetime64("2010-02-01"))
    )


def rows_in_file(path: Path) -> int:
    return len(pd.read_parquet(path, columns=["lat"]))
