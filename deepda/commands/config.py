"""The commands `deepda config ...`. They import a driver, osse, when one is called."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from deepda.commands.console import Command
from deepda.commands.own_control import chosen_control, declare_control

if TYPE_CHECKING:
    from deepda.settings.schema import Config

# Nothing else may be imported here at the top: `deepda --help` answers within a second.

ADVISED = 30  # years to train on
GROUPS = ("control", "generator", "grid", "observations", "osse", "training")


def _show(arguments: Namespace) -> None:
    from deepda.settings.compose import dump, load_config
    from deepda.settings.meanings import annotated

    print(annotated(dump(load_config("osse", arguments.overrides))), end="")


def _check(arguments: Namespace) -> None:
    from deepda.settings.compose import load_config

    chosen, notes = chosen_control(arguments)
    config = load_config("osse", [*chosen, *arguments.overrides])
    from deepda.base.progress import Progress
    from deepda.runs.folder import RunFolder
    from osse.twin.run import require_usable

    require_usable(config, RunFolder(Path(config.output), Progress()))
    print("\n".join([*notes, _years_shared(config), "these settings can be used"]))


def _years_shared(config: Config) -> str:
    """How many years of the control simulation serve what."""
    from deepda.control.described import years_of
    from deepda.control.shares import shares_of
    from deepda.settings.files import matching_files
    from deepda.settings.schema import EmbeddedControl, FilesControl

    control = config.control
    if isinstance(control, FilesControl):
        first, last = years_of(matching_files(control.paths), config.per_year)
        available = last - first + 1
    else:
        assert isinstance(control, EmbeddedControl)
        available = control.years
    shares = shares_of(available, config.osse)
    train, validate, test = map(len, (shares.train, shares.validation, shares.test))
    few = f"; {ADVISED} or more are advised for training" if train < ADVISED else ""
    return f"years: {train} train, {validate} validate, {test} test{few}"


CONFIG_SHOW = Command(
    "config show",
    "Print every setting with its value",
    _show,
    details="example:\n  deepda config show control=files training=quick seed=7",
    settings=GROUPS,
)
CONFIG_CHECK = Command(
    "config check",
    "Say whether `deepda osse run` can use settings",
    _check,
    declare_control,
    """\
Refuses what the run would refuse: values, files, device, output folder. With
--control it prints what the run would choose for the files of your model.

examples:
  deepda config check osse.test_years=10
  deepda config check --control 'thetao_*.nc' --grid embedded_8deg""",
    settings=GROUPS,
)
