"""The commands of the twin experiment: `deepda osse ...`.

Like `deepda.cli` it may import a driver, osse, when a command is called.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from deepda.console import Command, flag_settings, require_writable, split_settings

# Nothing else may be imported here at the top: `deepda --help` answers within a second.


# osse run


def _declare_osse_run(parser: ArgumentParser) -> None:
    parser.add_argument("--output", metavar="DIR", help="folder of all results (runs/osse)")
    parser.add_argument("--seed", type=int, metavar="N", help="every random draw follows from it (1)")
    parser.add_argument("--run", metavar="DIR", help="score this trained run instead of training")
    parser.add_argument("--truth", nargs="+", metavar="PATH", help="with --run: files of another truth")


def _osse_run(arguments: Namespace) -> None:
    from deepda.config import load_config, matching_files
    from deepda.console import UsageError

    if (arguments.run is None) != (arguments.truth is None):
        raise UsageError(
            "--run DIR and --truth PATH... come together: which run, and which truth to score"
        )
    truth, settings = split_settings(arguments.truth or [])
    arguments.overrides += settings
    overrides = flag_settings(arguments, output="output", seed="seed")
    run = None if arguments.run is None else Path(arguments.run)
    if run is not None and arguments.output is None:
        overrides.insert(0, "output=runs/scored")
    config = load_config("osse", overrides, run)
    files = matching_files(truth)
    output = require_writable(Path(config.output))
    import osse.experiment

    if run is None:
        osse.experiment.run(config, output)
    else:
        osse.experiment.score(run, files, output, config)


OSSE_RUN = Command(
    "osse run",
    "Train on a control simulation, prove it on a twin ocean",
    _osse_run,
    _declare_osse_run,
    """\
Draws truth and observations from years that training never saw, compares with
climatology, persistence and optimal interpolation, and writes report.html,
scores.json, NetCDF files and the trained network. An interrupted run is
resumed by the same command.

examples:
  deepda osse run
  deepda osse run --output runs/first training=quick
  deepda osse run control=gcm data.root=/data
  deepda osse run --run runs/osse --truth 'other_model_*.nc'""",
    settings=("control", "generator", "grid", "observations", "osse", "training"),
)


# osse known-answer


def _declare_known_answer(parser: ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="geometry, masks and noise (1)")
    parser.add_argument("--minutes", type=float, default=10.0, metavar="M", help="of training (10)")
    parser.add_argument("--output", metavar="DIR", default="runs/known-answer", help="(%(default)s)")


def _known_answer(arguments: Namespace) -> None:
    from deepda.console import UsageError

    if not 0 < arguments.minutes < float("inf"):
        raise UsageError(
            f"--minutes is {arguments.minutes:g}, expected a number above 0; try --minutes 10"
        )
    if arguments.seed < 0:
        raise UsageError(f"--seed is {arguments.seed}, expected 0 or more; try --seed 1")
    output = require_writable(Path(arguments.output))
    import osse.known_answer

    osse.known_answer.run(arguments.seed, arguments.minutes, output)


KNOWN_ANSWER = Command(
    "osse known-answer",
    "Measure all methods against the exact Kalman filter",
    _known_answer,
    _declare_known_answer,
    """\
On a small linear ocean whose best possible analysis is known. Writes
scores.json and the fields to check it.

example:
  deepda osse known-answer --seed 3 --minutes 10 --output runs/known-3""",
)
