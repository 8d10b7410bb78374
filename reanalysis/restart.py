"""What a folder of a reanalysis is of, and the state from which it goes on after an interruption.

reanalysis.json              settings, weights and observations: whose the folder is
restart_YYYY.safetensors     estimate at the end of a year; the last two are kept
blocks/1986/restart_...      the same of the block that begins in 1986, where there are blocks
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from deepda.assimilation.cycle import StateEstimate
from deepda.base.errors import CheckpointError, DeepDAError
from deepda.base.files import checksum, digest_of, write_json, write_whole
from deepda.runs.checkpoint import WEIGHTS, read_tensors
from deepda.runs.finished import CHECKPOINT, FinishedRun
from deepda.runs.folder import RunFolder, flat_settings, read_json
from deepda.settings.compose import CONFIG_FILE, present_values
from deepda.settings.schema import Config

IDENTITY = "reanalysis.json"
PROVENANCE = "provenance"  # attributes of the files: when, by which commands, who answers for them
STATED = {"institution": "institution", "licence": "license"}  # setting to attribute
KEPT = 2  # restart files: should the last one be lost, only a year is made anew
FIELDS = ("mean", "spread", "memory")
# Neither where results go nor how far they go changes a single number of what is written.
FREE = (
    *("command", "output", "data.root", "reanalysis.end", "reanalysis.months", "reanalysis.run"),
    *("reanalysis.references", "reanalysis.baselines", "osse.baselines", "osse.members"),
    *STATED,  # kept in PROVENANCE
    # What these hold is in ObservedOcean.about, which is part of the identity.
    *("observations.folder", "observations.greylist"),
    *("observations.climatology", "observations.annual_climatology", "observations.surface_climatology"),
)


class ReanalysisError(DeepDAError, ValueError):
    """A reanalysis that cannot be made, or cannot be made here."""


def identity_of(config: Config, trained: FinishedRun) -> dict[str, Any]:
    """Every setting (dotted key) that a number may depend on, and the checksum of the weights.

    Raises:
        CheckpointError: the run has no weights.
    """
    trained.require(f"{CHECKPOINT}/{WEIGHTS}")
    kept = {key: value for key, value in flat_settings(config).items() if key not in FREE}
    return kept | {"weights": checksum(trained.checkpoint / WEIGHTS)}


def require_free(folder: RunFolder) -> None:
    """Refuse a folder that something else than a reanalysis was made in, before anything is written.

    Raises:
        ReanalysisError: it holds such files.
    """
    years = sorted(file.name for file in folder.path.glob("thetao_????.nc"))
    others = (CONFIG_FILE, "history.nc", *years)
    other = next((name for name in others if (folder.path / name).exists()), None)
    if other is not None and read_json(folder.path / IDENTITY) is None:
        raise ReanalysisError(
            f"{folder.path} holds {other} of another run, expected an empty folder or an interrupted "
            "reanalysis; choose another --output"
        )


def require_own(folder: RunFolder, identity: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse a reanalysis of other settings; returns what identifies the folder, with `identity`.

    Nothing is written: `keep_identity` does, once the work begins.

    Raises:
        ConfigError: the folder holds a reanalysis of other settings.
    """
    found = read_json(folder.path / IDENTITY)
    held = None if found is None else present_values(found)
    wanted = json.loads(json.dumps(identity))  # as it would be read back
    folder.require_same(held or {}, {key: of for key, of in wanted.items() if key != PROVENANCE})
    return (held or {}) | wanted


def provenance_after(held: Mapping[str, str] | None, now: dict[str, str]) -> dict[str, str]:
    """Attributes of the files that a command writes, after those of the commands that it goes on from.

    Args:
        held: those; None where there are none.
        now: of this command alone, whose date counts; who answers for the files stays as it was.
    """
    if held is None or held["history"].endswith(now["history"]):
        return dict(held or now)
    date, history = now["date_created"], f"{held['history']}\n{now['history']}"
    return {**held, "date_created": date, "history": history}


def kept_provenance(identity: Mapping[str, Any], config: Config) -> str:
    """A sentence for each of STATED that the settings have otherwise than the files; else empty."""
    held = identity.get(PROVENANCE)
    if held is None:
        return ""
    return "; ".join(
        f"{name}={asked or 'null'} asked for, the files keep {kept or 'null'} of the command that began "
        "this reanalysis (another --output takes it)"
        for name, attribute in STATED.items()
        if (asked := getattr(config, name)) != (kept := held.get(attribute))
    )


def keep_identity(folder: RunFolder, identity: Mapping[str, Any]) -> None:
    """Make the folder that of a reanalysis."""
    write_json(folder.path / IDENTITY, identity, sort_keys=True)


def digest(identity: Mapping[str, Any]) -> str:
    """SHA-256 of an identity; when and by which commands it was made does not count."""
    kept = {key: value for key, value in identity.items() if key != PROVENANCE}
    return digest_of([json.dumps(kept, sort_keys=True)])


def year_file(folder: Path, year: int, synthetic: bool) -> Path:
    """The analyses of a year; those of a synthetic ocean never pass for the real one."""
    return folder / f"{'twin_' if synthetic else ''}thetao_{year:04d}.nc"


def save_restart(folder: Path, year: int, estimate: StateEstimate, identity: str) -> None:
    """Keep the estimate at the end of a year, and remove all but the last two."""
    fields = {name: getattr(estimate, name).cpu().contiguous() for name in FIELDS}
    about = {"identity": identity, "year": str(year)}
    path = folder / f"restart_{year:04d}.safetensors"
    write_whole(path, lambda part: save_file(fields, part, metadata=about))
    for old in _restarts(folder)[KEPT:]:
        old.unlink()


def last_finished(
    folder: Path, restarts: Path, years: range, identity: str, synthetic: bool
) -> tuple[int, StateEstimate] | None:
    """The last year of `years` after which the cycle can go on, and the estimate at its end.

    Only if the files of all years up to it are there. None: begin at the beginning.
    """
    for path in _restarts(restarts):
        found = _read(path, identity)
        if found is None or found[0] not in years:
            continue
        if all(year_file(folder, year, synthetic).exists() for year in range(years[0], found[0] + 1)):
            return found
    return None


def _read(path: Path, identity: str) -> tuple[int, StateEstimate] | None:
    """Year and estimate of a restart file; None where it is broken or of another reanalysis."""
    try:
        fields, about = read_tensors(path)
        if about.get("identity") != identity:
            return None
        return int(about["year"]), StateEstimate(*(fields[name] for name in FIELDS))
    except (CheckpointError, KeyError):
        return None


def _restarts(folder: Path) -> list[Path]:
    """Restart files, the latest year first."""
    return sorted(folder.glob("restart_????.safetensors"), reverse=True)
