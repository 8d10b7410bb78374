"""The command `deepda demo`. It imports a driver, osse, when it is called."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from deepda.base.files import output_folder
from deepda.commands.console import Command


def _declare(parser: ArgumentParser) -> None:
    parser.add_argument("--output", metavar="DIR", default="runs/demo-page", help="(%(default)s)")


def _demo(arguments: Namespace) -> None:
    with output_folder(Path(arguments.output)) as output:
        import osse.twin.demo

        page = osse.twin.demo.run(output)
    print(page)


DEMO = Command(
    "demo",
    "Show an analysis with the shipped weights, in a minute",
    _demo,
    _declare,
    """\
Observes four months of a simulated ocean, whose truth is known, and analyses
them with the weights that come with DeepDA: nothing is trained or downloaded.
The page shows maps, a section, members, error by depth, spread against error.

examples:
  deepda demo
  deepda demo --output runs/look""",
)
