"""Which files there are to read: a walk over files, folders and trees of the Argo GDAC.

Nothing is left out: each file below the given paths comes once, also those that are no observations,
and so does each cast of an Argo index for which there is no file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from deepda.observations.argo import MULTI, SINGLE, ArgoFile, argo_files
from deepda.observations.versions import superseded_versions

INDEX = "ar_index_global_prof.txt"  # stands at the root of a GDAC tree
LISTS = (INDEX, "ar_greylist.txt", "argo_bio-profile_index.txt", "argo_synthetic-profile_index.txt",
         "ar_index_global_meta.txt", "ar_index_global_tech.txt", "ar_index_global_traj.txt")  # fmt: skip
OTHER = ("meta", "tech", "Rtraj", "Dtraj", "BRtraj", "BDtraj")  # <float>_<word>.nc without profiles


@dataclass(frozen=True, order=True)
class Source:
    """One file, or one that ought to be there.

    Attributes:
        file: its absolute path.
        status: "" if it is to be read, else as in the manifest.
        reason: why it is not read.
    """

    file: str
    status: str = ""
    reason: str = ""


def find_sources(paths: Iterable[Path], output: Path | None = None) -> list[Source]:
    """All files at and below paths, each once, in the order of their names.

    Below an index of the Argo GDAC the statuses of `deepda.observations.argo.argo_files` hold, and
    casts of the index without a file are sources with the status "missing". Elsewhere a file named
    like an Argo file is left out only if another one holds the same casts. Of several versions of a
    product and day only the best is read (`deepda.observations.versions`). Nothing in `output` is a
    source, which may lie below a path.
    """
    tops = [Path(os.path.abspath(path)) for path in paths]
    found = {file for top in tops for file in _walk(top)}
    files = sorted(file for file in found if output is None or not file.is_relative_to(output))
    known = dict[str, ArgoFile]()
    for folder in (top for top in tops if top.is_dir()):
        known |= _loose(folder, files)
    for index in (file for file in files if file.name == INDEX):
        known |= _tree(index.parent)
    worse = superseded_versions(files)
    known |= {str(path): ArgoFile(path, "superseded", reason) for path, reason in worse.items()}
    present = set(map(str, files))
    absent = [Source(name, file.status, file.reason) for name, file in known.items()
              if file.status == "missing" and name not in present]  # fmt: skip
    return sorted({_source(file, known) for file in files} | set(absent))


def _walk(top: Path) -> Iterator[Path]:
    """Files below a folder, through symbolic links but round no circle; or the file itself."""
    if not top.is_dir():
        yield top
        return
    seen = set[str]()
    for folder, below, names in os.walk(top, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            below.clear()
            continue
        seen.add(real)
        yield from (Path(folder, name) for name in names)


def _source(path: Path, known: Mapping[str, ArgoFile]) -> Source:
    if path.name in LISTS:
        return Source(str(path), "no_profiles", "argo_index")
    found = known.get(str(path))
    if found is None or found.status in ("use", "missing"):
        return Source(str(path))
    return Source(str(path), found.status, found.reason)


def _tree(root: Path) -> dict[str, ArgoFile]:
    if not any(_named_like_argo(path) for path in root.rglob("*.nc")):
        return {}
    return {str(file.path): file for file in argo_files(root)}


def _loose(folder: Path, files: Iterable[Path]) -> dict[str, ArgoFile]:
    """Files of floats that no index knows: only what another file or no file at all holds is told."""
    if not any(_named_like_argo(path) for path in files if path.is_relative_to(folder)):
        return {}
    return {str(file.path): file for file in argo_files(folder) if _is_sure(file)}


def _is_sure(file: ArgoFile) -> bool:
    """Whether the name says enough; a name like 12345_ctd.nc may be anybody's."""
    if file.status == "no_profiles":
        kind = file.path.stem.partition("_")[2]
        return kind in OTHER or file.reason == "b_file_without_temperature"
    return file.status == "superseded"


def _named_like_argo(path: Path) -> bool:
    return bool(SINGLE.match(path.name) or MULTI.match(path.name))
