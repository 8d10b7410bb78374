"""The command `deepda evaluate`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from deepda.base.errors import UsageError
from deepda.base.files import output_folder
from deepda.commands.console import Command


def _declare(parser: ArgumentParser) -> None:
    parser.add_argument("analysis", nargs="+", metavar="ANALYSIS", help="files or folder of the product")
    parser.add_argument(
        "--reference", nargs="+", metavar="FILE", default=[], help="what it is held against"
    )
    parser.add_argument("--baseline", action="append", metavar="NAME=FILE", default=[],
                        help="another product held against the reference (again for more)")  # fmt: skip
    parser.add_argument("--observations", metavar="DIR", help="product folder with feedback")
    parser.add_argument("--output", metavar="DIR", required=True, help="folder of the report")
    parser.add_argument(
        "--remap", action="store_true", help="bring the reference to the analysis' cells"
    )
    parser.add_argument("--variable", metavar="NAME", help="potential temperature in foreign files")
    parser.add_argument("--stamps", choices=("start", "end"), help="where in its month a stamp stands")


def _evaluate(arguments: Namespace) -> None:
    import deepda.evaluation

    feedback = None if arguments.observations is None else Path(arguments.observations)
    with output_folder(Path(arguments.output)) as output:
        report = deepda.evaluation.evaluate(
            arguments.analysis,
            output,
            arguments.reference,
            baselines=_baselines(arguments.baseline),
            observations=feedback,
            remap=arguments.remap,
            variable=arguments.variable,
            stamps=arguments.stamps,
        )
    print(report)


def _baselines(words: Sequence[str]) -> dict[str, list[str]]:
    """Name to files of NAME=FILE."""
    found: dict[str, list[str]] = {}
    for word in words:
        name, equals, path = word.partition("=")
        if not (name and equals and path) or name in ("analysis", "reference"):
            raise UsageError(f"--baseline {word} found, expected NAME=FILE as in --baseline oi=oi.nc")
        found.setdefault(name, []).append(path)
    return found


EVALUATE = Command(
    "evaluate",
    "Report on a product: climate, skill, heatwaves",
    _evaluate,
    _declare,
    """\
Climatology, variability, spectra, modes of climate, heat content and trends,
marine heatwaves; with a reference also error, correlation and reliability;
with feedback also the fit to observations. Writes report.html, PNG and CSV.
Reads DeepDA's files and ORAS5, GLORYS, GODAS, SODA, EN4, CMIP. Nothing is
interpolated in time: products of two calendars are averaged to months.

examples:
  deepda evaluate runs/osse/analysis.nc --reference truth.nc --output report
  deepda evaluate runs/reanalysis --observations runs/reanalysis --output eval
  deepda evaluate runs/reanalysis --reference 'godas/*.nc' --remap --output eval""",
)
