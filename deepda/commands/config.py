"""The commands `deepda config ...`. They import a driver, osse, when one is called."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from deepda.commands.console import Command
from deepda.commands.own_control import chosen_control, declare_control

# Nothing else may be imported here at the top: `deepda --help` answers within a second.

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
    print("\n".join([*notes, "these settings can be used"]))


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
