"""Which files there are to read: a walk over files, folders and trees of the Argo GDAC.

Nothing is left out: each file below the given paths comes once, also those that are no observations,
what is no file but is called like one, folders that cannot be listed, and each cast of an Argo index
for which there is no file.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from deepda.base.errors import UsageError
from deepda.observations.argo_files import INDEX, Source, choose_files, is_of_argo, missing_files
from deepda.observations.versions import superseded_versions

LISTS = (INDEX, "ar_greylist.txt", "argo_bio-profile_index.txt", "argo_synthetic-profile_index.txt",
         "ar_index_global_meta.txt", "ar_index_global_tech.txt", "ar_index_global_traj.txt")  # fmt: skip
OTHER = ("meta", "tech", "Rtraj", "Dtraj", "BRtraj", "BDtraj")  # <float>_<word>.nc without profiles
FILES = (".nc", ".csv", ".csv.gz", ".parquet", ".grd", ".zip")  # what files of observations are called
A_FOLDER = "is a folder, expected a file; rename it or leave it out (files in it have rows of their own)"


def require_apart(paths: Iterable[Path], output: Path) -> None:
    """Refuse an output folder that is an input or holds one, whatever names or links lead there.

    Raises:
        UsageError: it is, or it does.
    """
    real = Path(os.path.realpath(output))
    for path in paths:
        if Path(os.path.realpath(path)).is_relative_to(real):
            raise UsageError(
                f"the input {path} lies in the output folder {output}, expected another place; "
                "choose another --output"
            )


def find_sources(
    paths: Iterable[Path], output: Path | None = None, refused: Collection[str] = ()
) -> list[Source]:
    """All files at and below paths, each once, in the order of their names.

    Of floats and seal tags, files whose casts are in another file are "superseded" (`choose_files`
    of `deepda.observations.argo`). Below an index of the Argo GDAC, casts without a file are sources
    with the status "missing"; elsewhere files that are only called like those of Argo are read. Of
    versions of a product and day only the best is read (`deepda.observations.versions`). Nothing in
    `output` is a source, which may lie below a path.

    Args:
        refused: files that could not be read and so supersede nothing.
    """
    tops = [Path(os.path.abspath(path)) for path in paths]
    real = None if output is None else Path(os.path.realpath(output))
    found = {source for top in tops for source in _walk(top, real)}
    files = sorted(Path(source.file) for source in found if not source.status)
    known = _known(files, refused)
    listed = {source.file for source in found}
    absent = {source for source in _absent(files) if source.file not in listed}
    troubles = {source for source in found if source.status}
    return sorted({_source(file, known) for file in files} | troubles | absent)


def has_files(paths: Iterable[Path], output: Path) -> bool:
    """Whether there is anything to read, or to refuse, at and below paths."""
    real = Path(os.path.realpath(output))
    return any(True for path in paths for _ in _walk(Path(os.path.abspath(path)), real))


def _walk(top: Path, output: Path | None) -> Iterator[Source]:
    """Files below a folder, through symbolic links but round no circle; or the file itself."""
    if not os.path.isdir(top):
        yield Source(str(top))
        return
    seen, closed = set[str](), list[OSError]()
    for folder, below, names in os.walk(top, followlinks=True, onerror=closed.append):
        real = os.path.realpath(folder)
        if real in seen or _inside(real, output):
            below.clear()
            continue
        seen.add(real)
        paths = (os.path.join(folder, name) for name in names)
        yield from (Source(path) for path in paths if not _leads_inside(path, output))
        if not (below or names) or not folder.lower().endswith(".parquet"):  # parts of one table
            yield from _called_like_a_file(folder)
    for error in closed:
        reason = f"the folder cannot be listed ({error.strerror}); change its permissions"
        yield Source(str(error.filename or top), "quarantined", reason)


def _called_like_a_file(folder: str) -> Iterator[Source]:
    name = os.path.basename(folder)
    if name in LISTS or name.lower().endswith(FILES):
        yield Source(folder, "quarantined", A_FOLDER)


def _inside(real: str, output: Path | None) -> bool:
    return output is not None and Path(real).is_relative_to(output)


def _leads_inside(path: str, output: Path | None) -> bool:
    """Whether a link leads into the output."""
    return output is not None and os.path.islink(path) and _inside(os.path.realpath(path), output)


def _known(files: Iterable[Path], refused: Collection[str]) -> Mapping[str, Source]:
    """What names say of the files, where they say enough; those below an index of Argo are Argo's."""
    able = [file for file in files if str(file) not in refused and _has_bytes(file)]
    roots = [file.parent for file in able if file.name == INDEX]
    worse = superseded_versions(able)

    def listed(file: Path) -> bool:
        return any(file.is_relative_to(root) for root in roots)

    of_argo = [file for file in able if listed(file) or is_of_argo(file)]
    chosen = [source for source in choose_files(of_argo)
              if _is_sure(source) or listed(Path(source.file))]  # fmt: skip
    chosen += [Source(str(path), "superseded", reason) for path, reason in worse.items()]
    return {source.file: source for source in chosen}


def _has_bytes(path: Path) -> bool:
    return os.path.isfile(path) and os.path.getsize(path) > 0


def _absent(files: list[Path]) -> Iterator[Source]:
    for index in (file for file in files if file.name == INDEX and os.path.isfile(file)):
        below = [file for file in files if file.is_relative_to(index.parent)]
        yield from missing_files(index, below)


def _source(path: Path, known: Mapping[str, Source]) -> Source:
    if path.name in LISTS:
        return Source(str(path), "no_profiles", "argo_index")
    return known.get(str(path), Source(str(path)))


def _is_sure(source: Source) -> bool:
    """Whether the name says enough; a name like 12345_ctd.nc may be anybody's."""
    if source.status == "no_profiles":
        kind = Path(source.file).stem.partition("_")[2]
        return kind in OTHER or source.reason == "b_file_without_temperature"
    return source.status == "superseded"
