"""The table of the commands of DeepDA; each is in `deepda.commands`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from deepda.commands.config import CONFIG_CHECK, CONFIG_SHOW
from deepda.commands.console import Command, exit_code, read_command_line
from deepda.commands.control import PREPARE
from deepda.commands.data import DATA_GET, DATA_LIST
from deepda.commands.demo import DEMO
from deepda.commands.evaluate import EVALUATE
from deepda.commands.explain import EXPLAIN
from deepda.commands.machine import BENCH, INFO
from deepda.commands.observations import FEEDBACK, FORMATS, INGEST, OBSERVATIONS_SHOW
from deepda.commands.osse import BLIND_ZONE, DENY, KNOWN_ANSWER, OSSE_RUN, SWEEP
from deepda.commands.reanalysis import REANALYSIS

# Nothing else may be imported here at the top: `deepda --help` answers within a second.

DESCRIPTION = """\
Global ocean temperature analyses by a network that learnt from a control
simulation alone. `deepda demo` shows it in a minute; `deepda osse run` trains,
`deepda reanalysis` cycles through the years."""


def main(words: Sequence[str] | None = None) -> int:
    """Run one command line; the exit code is 0, 1 (bug, or files left out), 2 (refused) or 130."""
    words = sys.argv[1:] if words is None else words
    return exit_code(lambda: _run(words))


def _run(words: Sequence[str]) -> int | None:
    arguments = read_command_line(COMMANDS, words, _version(), DESCRIPTION)
    command: Command = arguments.command
    return command.act(arguments)


def _version() -> str:
    try:
        return version("deepda")
    except PackageNotFoundError:
        return "(not installed)"


COMMANDS = (
    DEMO,
    OSSE_RUN,
    KNOWN_ANSWER,
    DENY,
    BLIND_ZONE,
    SWEEP,
    REANALYSIS,
    DATA_LIST,
    DATA_GET,
    PREPARE,
    INGEST,
    OBSERVATIONS_SHOW,
    FORMATS,
    FEEDBACK,
    EVALUATE,
    EXPLAIN,
    CONFIG_SHOW,
    CONFIG_CHECK,
    BENCH,
    INFO,
)
