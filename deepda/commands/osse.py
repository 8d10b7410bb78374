"""The commands of the twin experiment: `deepda osse ...`.

It may import a driver, osse, when a command is called.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from deepda.base.files import output_folder
from deepda.commands.console import (
    Command,
    declare_device,
    declare_workers,
    flag_settings,
    require_workers,
    split_settings,
)
from deepda.commands.own_control import chosen_control, declare_control

# Nothing else may be imported here at the top: `deepda --help` answers within a second.


# osse run


def _declare_osse_run(parser: ArgumentParser) -> None:
    parser.add_argument("--output", metavar="DIR", help="folder of all results (runs/osse)")
    parser.add_argument("--seed", type=int, metavar="N", help="every random draw follows from it (1)")
    declare_control(parser)
    parser.add_argument("--run", metavar="DIR", help="score this trained run instead of training")
    parser.add_argument("--truth", nargs="+", metavar="PATH", help="with --run: files of another truth")


def _osse_run(arguments: Namespace) -> None:
    from deepda.base.errors import UsageError
    from deepda.settings.compose import load_config
    from deepda.settings.files import matching_files

    if (arguments.run is None) != (arguments.truth is None):
        raise UsageError(
            "--run DIR and --truth PATH... come together: which run, and which truth to score"
        )
    if arguments.run is not None and (arguments.control or arguments.grid):
        raise UsageError(
            "--run found beside --control or --grid, expected one: a trained run has its own control "
            "simulation and grid; leave them out"
        )
    truth, settings = split_settings(arguments.truth or [])
    arguments.overrides += settings
    chosen, notes = chosen_control(arguments)
    overrides = [*chosen, *flag_settings(arguments, output="output", seed="seed")]
    run = None if arguments.run is None else Path(arguments.run)
    if run is not None and arguments.output is None:
        overrides.insert(0, "output=runs/scored")
    config = load_config("osse", overrides, run)
    files = matching_files(truth)
    with output_folder(Path(config.output)) as output:
        if run is None:
            import osse.twin.run

            osse.twin.run.run(config, output, notes)
        else:
            import osse.twin.fraternal

            osse.twin.fraternal.score(run, files, output, config)


OSSE_RUN = Command(
    "osse run",
    "Train on a control simulation, evaluate on a twin ocean",
    _osse_run,
    _declare_osse_run,
    """\
Draws truth and observations from years that training never saw, compares with
climatology, persistence and optimal interpolation, and writes report.html,
scores.json, NetCDF files and the trained network. An interrupted run is
resumed by the same command.

--control takes raw or prepared files of an ocean model: windows and grid follow
from them, and they are prepared on the way. Regular grids of at most 100,000
cells (latitude x longitude x layer) are kept, others are averaged to
embedded_4deg; --grid chooses.

examples:
  deepda osse run
  deepda osse run --output runs/first training=quick
  deepda osse run --control 'thetao_*.nc' --output runs/mine
  deepda osse run --run runs/osse --truth 'other_model_*.nc'""",
    settings=("control", "generator", "grid", "observations", "osse", "training"),
)


# sweep


def _declare_sweep(parser: ArgumentParser) -> None:
    parser.add_argument("--trials", type=int, default=12, metavar="N", help="in all (12)")
    parser.add_argument("--minutes", type=float, metavar="M", help="of training a trial (1)")
    parser.add_argument("--on", choices=("known-answer", "osse"), default="known-answer",
                        help="what is trained and judged (known-answer)")  # fmt: skip
    parser.add_argument("--seed", type=int, default=11, metavar="N", help="of everything drawn (11)")
    parser.add_argument("--output", metavar="DIR", default="runs/sweep", help="(%(default)s)")
    declare_workers(parser, "the trials")


def _sweep(arguments: Namespace) -> int | None:
    from deepda.settings.requirements import require_at_least, require_seed
    from deepda.settings.schema import ConfigError

    require_workers(arguments)
    words, minutes = arguments.overrides, arguments.minutes
    timed = not any(word.startswith("training.updates=") for word in words)
    if minutes is not None and not timed:
        raise ConfigError("--minutes and training.updates both given, expected one; leave one out")
    minutes = (1.0 if minutes is None else minutes) if timed else None
    if minutes is not None and not 0 < minutes < float("inf"):
        raise ConfigError(f"--minutes is {minutes:g}, expected a number above 0; try --minutes 1")
    require_at_least("--trials", arguments.trials, 1)
    require_seed("--seed", arguments.seed)
    import osse.sweep.run

    return osse.sweep.run.sweep(
        arguments.on,
        words,
        arguments.trials,
        minutes,
        arguments.seed,
        Path(arguments.output),
        arguments.workers or 1,
        arguments.scheduler,
    )


SWEEP = Command(
    "sweep",
    "Search for better settings, judged on validation years",
    _sweep,
    _declare_sweep,
    """\
Settings with several values are searched over, the others hold for all trials:
  KEY=A,B,C   one of these
  KEY=A..B    from A to B: whole numbers where the setting is one, and on a
              logarithmic scale where B is ten times A or more
The first trial is the settings as they stand, where these are among them. Each
is validated five times and ended early where it is worse than the median. The
same command goes on with an interrupted sweep; --trials may grow. Several
workers are given as many trials at once, proposed from those before. Writes
sweep.csv, sweep.png, and a folder with learning.csv and config.yaml a trial.

examples:
  deepda sweep training.learning_rate=5e-4..1e-2 training.backprop=1..3
  deepda sweep --on osse --minutes 5 generator.hidden=0,16,32 training=quick
  deepda sweep generator=innovation,ham2024 --trials 2 --minutes 3""",
    settings=("generator", "training"),
)


# osse known-answer


def _declare_known_answer(parser: ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="geometry, masks and noise (1)")
    parser.add_argument("--seeds", type=int, nargs="+", metavar="N", help="several; their mean as well")
    parser.add_argument("--minutes", type=float, default=10.0, metavar="M", help="of training (10)")
    parser.add_argument("--output", metavar="DIR", default="runs/known-answer", help="(%(default)s)")


def _known_answer(arguments: Namespace) -> None:
    from deepda.base.errors import UsageError
    from deepda.settings.requirements import require_seed

    if not 0 < arguments.minutes < float("inf"):
        raise UsageError(
            f"--minutes is {arguments.minutes:g}, expected a number above 0; try --minutes 10"
        )
    seeds = arguments.seeds or [arguments.seed]
    for seed in seeds:
        require_seed("--seed", seed)
    if arguments.seeds and (len(set(seeds)) < len(seeds) or len(seeds) < 2):
        raise UsageError(
            f"--seeds {' '.join(map(str, seeds))} found, expected several different ones; "
            "try --seeds 0 1 2"
        )
    with output_folder(Path(arguments.output)) as output:
        if arguments.seeds:
            import osse.known_answer.several

            osse.known_answer.several.run_seeds(seeds, arguments.minutes, output)
            return
        import osse.known_answer.run

        osse.known_answer.run.run(arguments.seed, arguments.minutes, output)


KNOWN_ANSWER = Command(
    "osse known-answer",
    "Measure all methods against the exact Kalman filter",
    _known_answer,
    _declare_known_answer,
    """\
On a small linear ocean whose best possible analysis is known. Beside the
exact filter stand localised ensemble Kalman filters of 50 and 100 members and
a static covariance, all with the true dynamics, and optimal interpolation as
usual, which learns from the control simulation as the network does. Writes
scores.json and the fields to check it; of several seeds summary.json with means
and intervals.

examples:
  deepda osse known-answer --seed 3 --minutes 10 --output runs/known-3
  deepda osse known-answer --seeds 0 1 2 --minutes 2""",
)


# osse deny


def _declare_experiment(parser: ArgumentParser, output: str) -> None:
    """What every experiment on a trained run asks for."""
    parser.add_argument(
        "--run", metavar="DIR", default="runs/osse", help="the trained run (%(default)s)"
    )
    parser.add_argument("--output", metavar="DIR", default=output, help="(%(default)s)")


def _declare_deny(parser: ArgumentParser) -> None:
    _declare_experiment(parser, "runs/denial")
    parser.add_argument("--without", metavar="A,B,...", help="what to leave out, one or more")
    declare_device(parser)
    declare_workers(parser, "the experiments")


def _deny(arguments: Namespace) -> None:
    require_workers(arguments)
    with output_folder(Path(arguments.output)) as output:
        import osse.experiments.data_denial

        osse.experiments.data_denial.run(
            Path(arguments.run),
            output,
            arguments.without,
            arguments.device,
            arguments.workers or 1,
            arguments.scheduler,
        )


DENY = Command(
    "osse deny",
    "Measure the impact of each observing system",
    _deny,
    _declare_deny,
    """\
Cycles a trained run again through its own test years, without training, with
kinds of platforms left out, and optimal interpolation with the same data.
Writes report.html, denial.json, denial.csv and maps in denial.nc.

--without takes platform types (satellite, argo, xbt, ctd, mooring, ship,
drifter, other), half-argo (half of the floats), ships (xbt, ctd, ship),
profiles (all but satellites) and everything; each is one experiment, + joins
those that go together. By default argo, half-argo, mooring, ships, satellite,
profiles, everything, as far as the run has them.

examples:
  deepda osse deny --run runs/osse
  deepda osse deny --run runs/osse --without argo,mooring,argo+mooring""",
)


# osse blind-zone


def _declare_blind_zone(parser: ArgumentParser) -> None:
    _declare_experiment(parser, "runs/blind-zone")
    parser.add_argument(
        "--below", type=float, metavar="DEPTH", help="m: keep profiles down to here (no profiles at all)"
    )
    declare_device(parser)


def _blind_zone(arguments: Namespace) -> None:
    with output_folder(Path(arguments.output)) as output:
        import osse.experiments.blind_zone

        osse.experiments.blind_zone.run(Path(arguments.run), output, arguments.below, arguments.device)


BLIND_ZONE = Command(
    "osse blind-zone",
    "How far down a trained run continues the surface",
    _blind_zone,
    _declare_blind_zone,
    """\
Cycles a trained run again through its own test years, without training, with
satellites only, or with profiles cut below a depth. Held against optimal
interpolation with the same data, regression on the last level seen, repeating
it downward, a marching average, and climatology. Writes report.html,
blind_zone.json, blind_zone.csv and maps in blind_zone.nc.

examples:
  deepda osse blind-zone --run runs/osse
  deepda osse blind-zone --run runs/osse --below 100 --output runs/blind-100""",
)
