"""How a command line is read, and how it ends: an exit code, and one sentence for every error.

0 done, 1 a bug (with traceback) or input of which a part was not taken (with a summary), 2 a refusal
(one sentence), 130 interrupted, 141 nobody reads the output on (`deepda ... | head`). The commands
themselves are in the other modules here.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from deepda.base.errors import DeepDAError, UsageError
from deepda.base.text import nearest, printable
from deepda.settings.presets import config_groups
from deepda.settings.requirements import DEVICES

PATHS = {  # what an argument shows itself as in the help, where it becomes a path
    "PATH": "files or folders", "DIR": "a folder", "FILE": "a file", "RUN": "the folder of a run",
    "ANALYSIS": "files or the folder of a product",
}  # fmt: skip
REFUSED, INTERRUPTED, CLOSED_PIPE = 2, 130, 141  # the last two: 128 + SIGINT, SIGPIPE


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        words: as typed after `deepda`, such as "osse run".
        summary: one line for the list of commands.
        act: does it; an exit code other than 0 may be returned.
        declare: adds its flags to a parser.
        details: shown in its help below the summary, as written.
        settings: groups of settings that matter to it, listed in its help. A command that has
            some takes KEY=VALUE, given to `act` as `arguments.overrides`.
    """

    words: str
    summary: str
    act: Callable[[argparse.Namespace], int | None]
    declare: Callable[[argparse.ArgumentParser], None] = lambda parser: None
    details: str = ""
    settings: tuple[str, ...] = ()


class Parser(argparse.ArgumentParser):
    """An argument parser that refuses in one sentence and can list settings."""

    def __init__(self, *, settings: tuple[str, ...] = (), **options: object) -> None:
        self.settings = settings
        super().__init__(
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **options,  # type: ignore[arg-type]
        )

    def error(self, message: str) -> NoReturn:
        """Called by argparse with what it could not understand."""
        raise UsageError(f"{message}; see `{self.prog} --help`")

    def format_help(self) -> str:
        """Help, with the groups of settings where the command takes any."""
        text = super().format_help()
        return text + _settings_help(self.settings) if self.settings else text

    def require_paths(self, arguments: argparse.Namespace) -> None:
        """Refuse (UsageError) empty paths, which would stand for the folder one is in."""
        for action in self._actions:
            given = getattr(arguments, action.dest, None)
            if action.metavar in PATHS and "" in (given if isinstance(given, list) else [given]):
                where = f"behind {action.option_strings[-1]}" if action.option_strings else "here"
                raise UsageError(
                    f"the path is empty, expected {PATHS[action.metavar]} {where}; name it, or . for "
                    "the folder you are in"
                )

    def flags(self) -> list[str]:
        """The flags that may be given."""
        return [flag for action in self._actions for flag in action.option_strings]


def read_command_line(
    commands: Sequence[Command], words: Sequence[str], version: str, description: str
) -> argparse.Namespace:
    """The arguments of the command that `words` name; `arguments.command` is the command.

    Without words the help is printed and the program ends.

    Raises:
        UsageError: unknown command, flag or value.
    """
    parser = _build(commands, version, description)
    if not words:
        parser.print_help()
        parser.exit()
    _require_command([command.words for command in commands], words)
    arguments, rest = parser.parse_known_args(list(words))
    if not hasattr(arguments, "command"):
        arguments.parser.error("a command is missing")
    flags = [word for word in rest if word.startswith("-")]
    if flags:
        near = nearest(flags[0], arguments.parser.flags())
        hint = f", did you mean {near}" if near else ""
        arguments.parser.error(f"there is no flag {flags[0]}{hint}")
    if rest and not arguments.command.settings:
        arguments.parser.error(f"{rest[0]!r} is one word too many")
    arguments.overrides = [*getattr(arguments, "overrides", []), *rest]
    arguments.parser.require_paths(arguments)
    return arguments


def _require_command(known: Sequence[str], words: Sequence[str]) -> None:
    """Refuse (UsageError) words that name neither a command nor a family of commands."""
    families = {name.rpartition(" ")[0] for name in known}
    named = [word for word in words[:2] if not word.startswith("-")]
    if not named or named[0] in known:
        return
    family = named[0] in families
    if family and (len(named) < 2 or " ".join(named) in known):
        return
    typed = " ".join(named) if family else named[0]
    choices = [name for name in known if not family or name.startswith(f"{named[0]} ")]
    near = nearest(" ".join(named), reversed(choices), *reversed(named))
    hint = f", did you mean {near}" if near else ""
    raise UsageError(f"there is no command {typed!r}{hint}; `deepda --help` lists all of them")


def declare_device(parser: argparse.ArgumentParser) -> None:
    """The flag of a command that takes no settings but opens a trained run."""
    parser.add_argument(
        "--device", choices=DEVICES, default=DEVICES[0], help="where it analyses (%(default)s)"
    )


def declare_workers(parser: argparse.ArgumentParser, shared: str, usual: str = "1") -> None:
    """The flags of a command whose work several processes can share."""
    parser.add_argument(
        "--workers", type=int, metavar="N", help=f"processes that share {shared} ({usual})"
    )
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of a dask cluster, such as tcp://a:8786")


def require_workers(arguments: argparse.Namespace) -> None:
    """Refuse flags of `declare_workers` that contradict themselves or each other."""
    workers = arguments.workers
    if workers is not None and workers < 1:
        raise UsageError(f"--workers is {workers}, expected 1 or more; try --workers 2")
    if workers is not None and arguments.scheduler is not None:
        raise UsageError("--workers and --scheduler given, expected one: a cluster has its own workers")


def split_settings(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """(paths, settings) of words behind a flag that takes several paths."""
    settings = [word for word in words if "=" in word and not Path(word).exists()]
    return [word for word in words if word not in settings], settings


def exit_code(act: Callable[[], int | None]) -> int:
    """Do it; refusals, full disks and interrupts become one sentence on stderr, a closed pipe none."""
    try:
        code = act() or 0
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # `deepda ... | head`: nobody reads on
        return _without_reader()
    except KeyboardInterrupt:
        return _say("interrupted; run the same command again to resume", INTERRUPTED)
    except DeepDAError as error:
        return _say(str(error), REFUSED)
    except OSError as error:
        if error.errno not in DISK_TROUBLE:
            raise
        where = error.filename if error.filename is not None else "a file of the output"
        return _say(f"{where} {DISK_TROUBLE[error.errno]}", REFUSED)


DISK_TROUBLE = {
    errno.ENOSPC: "cannot be written, the disk is full; free some space or choose another --output",
    errno.EDQUOT: "cannot be written, your quota is used up; free some space or choose another --output",
    errno.EROFS: "cannot be written, the disk is read-only; choose another place with --output",
    errno.EACCES: "may not be opened; change its permissions or choose another place",
    errno.EPERM: "may not be changed; change its permissions or choose another place",
}


def _say(sentence: str, code: int) -> int:
    print("deepda:", printable(" ".join(sentence.split())), file=sys.stderr)
    return code


def _without_reader() -> int:
    """Send the rest of the output, which Python writes at its end, nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
    return CLOSED_PIPE


def _build(commands: Sequence[Command], version: str, description: str) -> Parser:
    width = max(len(command.words) for command in commands)
    listing = "\n".join(f"  {command.words:<{width}} {command.summary}" for command in commands)
    top = Parser(
        prog="deepda",
        usage="deepda COMMAND [flags] [KEY=VALUE ...]",
        description=f"{description}\n\ncommands:\n{listing}",
        epilog="`deepda COMMAND --help` explains the flags and shows examples.",
    )
    top.add_argument("--version", action="version", version=f"deepda {version}")
    groups = {"": _subparsers(top, argparse.SUPPRESS)}
    for command in commands:
        _add(groups, command)
    return top


def _add(groups: dict[str, argparse._SubParsersAction[Parser]], command: Command) -> None:
    group, _, name = command.words.rpartition(" ")
    if group not in groups:
        groups[group] = _subparsers(groups[""].add_parser(group), None)
    parser = groups[group].add_parser(
        name,
        help=command.summary,
        description=f"{command.summary}.\n\n{command.details}".strip(),
        settings=command.settings,
    )
    command.declare(parser)
    if command.settings:
        parser.add_argument(
            "overrides", nargs="*", metavar="KEY=VALUE", default=[], help="settings, see below"
        )
    parser.set_defaults(command=command, parser=parser)


def _subparsers(parser: Parser, listed: str | None) -> argparse._SubParsersAction[Parser]:
    parser.set_defaults(parser=parser)
    return parser.add_subparsers(metavar="COMMAND", prog=parser.prog, parser_class=Parser, help=listed)


def _settings_help(groups: Sequence[str]) -> str:
    choices = config_groups()
    lines = [f"  {group}={'|'.join(choices[group])}\n" for group in groups]
    rest = "  and single values such as seed=7; `deepda config show` prints them all.\n"
    return "".join(["\nsettings:\n", *lines, rest])


def flag_settings(arguments: argparse.Namespace, **keys: str) -> list[str]:
    """Flags as overrides (flag name = dotted key), before those that were typed."""
    from deepda.settings.compose import quoted

    given = {key: getattr(arguments, flag) for flag, key in keys.items()}
    words = {k: v if isinstance(v, int) else quoted(v) for k, v in given.items() if v is not None}
    return [*(f"{key}={word}" for key, word in words.items()), *arguments.overrides]
