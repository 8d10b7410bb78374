"""The command `deepda explain`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from deepda.base.errors import UsageError
from deepda.base.files import output_folder
from deepda.commands.console import Command, declare_device

NAMES = ("nino34", "point", "heat")


def _declare(parser: ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="folder of a finished `deepda osse run`")
    parser.add_argument("--target", nargs="+", choices=NAMES, default=list(NAMES), metavar="NAME",
                        help="what is explained: nino34, point, heat (all)")  # fmt: skip
    parser.add_argument("--window", metavar="DATE", help="a day of the window (the last of the run)")
    parser.add_argument("--lat", type=float, default=0.0, help="of the point, degrees north (0)")
    parser.add_argument("--lon", type=float, default=-140.0, help="of the point, degrees east (-140)")
    parser.add_argument("--depth", type=float, default=150.0, help="of the point, m (150)")
    parser.add_argument("--windows", type=int, default=4, metavar="N",
                        help="windows of the leave-out test; 0 skips it (4)")  # fmt: skip
    parser.add_argument(
        "--output", metavar="DIR", default="runs/explain", help="folder of the page (%(default)s)"
    )
    declare_device(parser)


def _explain(arguments: Namespace) -> None:
    if arguments.windows < 0:
        raise UsageError(f"--windows is {arguments.windows}, expected 0 or more; try --windows 4")
    if Path(arguments.output).resolve() == Path(arguments.run).resolve():
        raise UsageError(
            f"--output is {arguments.output}, the run that is explained, expected another folder, for "
            f"nothing is written into a run; try --output {Path(arguments.output) / 'explain'}"
        )
    import deepda.explain

    place = deepda.explain.Place(arguments.lat, arguments.lon, arguments.depth)
    with output_folder(Path(arguments.output)) as output:
        page = deepda.explain.explain(
            arguments.run,
            output,
            arguments.target,
            window=arguments.window,
            place=place,
            number=arguments.windows,
            device=arguments.device,
        )
    print(page)


EXPLAIN = Command(
    "explain",
    "Show which observations an analysis depends on",
    _explain,
    _declare,
    """\
Saliency and integrated gradients of Niño 3.4, a point or the heat content to
observations and background; what each platform contributes; all combinations of
inputs left out; feature maps; the same with random weights. Writes
explain.html, explain.nc, PNG and CSV.

examples:
  deepda explain runs/osse
  deepda explain runs/osse --target point --lat 36 --lon -70 --depth 300
  deepda explain runs/osse --target nino34 --window 2002-11-20 --windows 0""",
)
