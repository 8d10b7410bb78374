"""The commands on this machine: `deepda bench` and `deepda info`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from deepda.base.files import output_folder
from deepda.commands.console import Command

# Nothing else may be imported here at the top: `deepda --help` answers within a second.


def _declare_bench(parser: ArgumentParser) -> None:
    parser.add_argument("--output", metavar="DIR", default="runs/bench", help="(%(default)s)")


def _bench(arguments: Namespace) -> None:
    with output_folder(Path(arguments.output)) as output:
        import deepda.commands.bench

        deepda.commands.bench.run(output)


def _info(arguments: Namespace) -> None:
    from deepda.base.info import describe_system

    for name, value in describe_system().items():
        print(f"{name:<20}{value}")


BENCH = Command(
    "bench",
    "Measure speed and memory on this machine",
    _bench,
    _declare_bench,
    """\
Times cycles of untrained weights on the default grid and on 360 x 180 x 38
cells, prints them, and writes bench.json. Six cycles of each take about a
minute of processor time and 3.2 GiB.

example:
  deepda bench --output runs/bench""",
)
INFO = Command("info", "Print versions, devices and threads", _info)
