"""The commands `deepda observations ...`: files in, and what has become of them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from deepda.commands.console import Command, declare_workers, require_workers

FALL_RATES = ("hanawa1995", "as_given")  # as `fall_rate.CORRECTIONS`
KINDS = ("potential", "conservative", "in_situ")  # of temperature, as `reading.KINDS`


def _declare_ingest(parser: ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH", help="files, folders, Argo GDAC trees")
    parser.add_argument("--output", metavar="DIR", required=True, help="folder to make or to add to")
    declare_workers(parser, "the files", "one a core")
    parser.add_argument("--strict", action="store_true", help="stop at the first file in trouble")
    parser.add_argument("--climatology", metavar="FILE", help="that SST anomalies in PATH depart from")
    parser.add_argument("--first-month", metavar="YYYY-MM", help="of files in PATH without dates")
    parser.add_argument(
        "--temperature", choices=KINDS, metavar="KIND", help=f"of tables: {', '.join(KINDS)}"
    )
    parser.add_argument(
        "--xbt-depths", choices=FALL_RATES, default=FALL_RATES[0], metavar="HOW",
        help=f"of fall rates that are the maker's: {', '.join(FALL_RATES)} (%(default)s)",
    )  # fmt: skip


def _ingest(arguments: Namespace) -> int:
    from deepda.settings.files import matching_files

    require_workers(arguments)
    paths = matching_files(arguments.paths)
    output = Path(arguments.output)
    from deepda.observations.ingest import ingest
    from deepda.observations.reading import ReadOptions
    from deepda.observations.surface_climatology import read_surface_climatology

    given = arguments.climatology
    options = ReadOptions(  # of all files of this call
        climatology=None if given is None else read_surface_climatology(Path(given)),
        start=arguments.first_month,
        temperature=arguments.temperature,
        fall_rate=arguments.xbt_depths,
    )
    ingest(
        paths,
        output,
        options=lambda _: options,
        workers=arguments.workers,
        scheduler=arguments.scheduler,
        strict=arguments.strict,
    )
    return 1 if show(output) else 0


def _declare_folder(parser: ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="folder that DeepDA wrote")


def _observations_show(arguments: Namespace) -> None:
    show(Path(arguments.folder))


def _formats(arguments: Namespace) -> None:
    from deepda.observations.accepted import accepted

    print("\n".join(accepted()))


def _feedback(arguments: Namespace) -> None:
    from deepda.feedback.tables import show

    show(Path(arguments.folder))


INGEST = Command(
    "observations ingest",
    "Read observation files into Parquet, with a manifest",
    _ingest,
    _declare_ingest,
    """\
Reads Argo, EN4, NEMO feedback, WOD, GTSPP, MITprof, SeaDataNet, WHP Exchange,
moorings, gridded SST, CSV, Parquet. manifest.csv says what became of each file
and why.
An interrupted run is resumed by the same command. The exit code is 1 if a file
could not be taken. Files that need their climatology, first month or kind of
temperature come in a call of their own, with the same --output. What a file
does not say is assumed as `deepda observations formats` lists, and stands in
the log and in the column `assumed` of manifest.csv.

examples:
  deepda observations ingest gdac/ en4/ floats.csv --output obs
  deepda observations ingest kaplan.nc --climatology sst_1951-80.nc --output obs
  deepda observations ingest 'en4/*.nc' --output obs --scheduler tcp://node:8786""",
)
OBSERVATIONS_SHOW = Command(
    "observations show",
    "Print and draw what an ingested folder holds",
    _observations_show,
    _declare_folder,
    """\
Rows by platform type, files by status, and coverage.png: maps and years.

example:
  deepda observations show obs""",
)
FORMATS = Command(
    "observations formats",
    "Print what can be read, and names of columns",
    _formats,
    details="""\
Formats, names of columns, units, kinds of temperature, quality flags.

example:
  deepda observations formats""",
)
FEEDBACK = Command(
    "observations feedback",
    "Print how far observations were from the analysis",
    _feedback,
    _declare_folder,
    """\
O-B and O-A by platform, depth, region and year, for used and for withheld
observations, and why the others were rejected.

example:
  deepda observations feedback runs/reanalysis""",
)


def show(folder: Path) -> int:
    """Print the summary of an ingested folder and draw its coverage into FIGURE.

    Returns:
        Files that were not taken.

    Raises:
        IngestError: no ingested folder.
    """
    from deepda.figures.coverage import coverage_figure
    from deepda.figures.style import save
    from deepda.observations.ingested import FIGURE, read_coverage, summary
    from deepda.observations.manifest import read_manifest

    entries, coverage = read_manifest(folder), read_coverage(folder)
    print("\n".join(summary(entries, coverage, folder)))
    if coverage.platforms:
        save(coverage_figure(coverage), folder / FIGURE)
        print(f"figure: {folder / FIGURE}")
    return sum(entry.trouble for entry in entries)
