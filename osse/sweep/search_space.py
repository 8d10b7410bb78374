"""What a sweep searches over: KEY=VALUE words in hydra's grammar of sweeps, as optuna's distributions.

KEY=A,B,C                             one of these; range(A,B) and choice(A,B) are hydra's long forms
KEY=interval(A,B), in short KEY=A..B  a number from A to B: whole where the setting is a whole number,
                                      and by factors where B is ten times A or more, or tag(log, ...)
KEY=VALUE                             fixed
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_type_hints

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.errors import HydraException
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from deepda.settings.compose import dump
from deepda.settings.schema import Config, ConfigError

SEARCHED = ("generator", "training")  # sections; all others change what is measured
NOT_SEARCHED = ("training.validate_every",)  # a sweep validates all trials at equal shares
SHORT = re.compile(r"([^=]+)=(.*)\.\.(.*)")
NUMBERS = re.compile(r"[-+.\deE]*\d\.\.[-+.\deE]*\d")
DECADE = 10.0

Compose = Callable[[Sequence[str]], Config]
Value = str | int | float
Space = Mapping[str, BaseDistribution]


def read_space(words: Sequence[str], compose: Compose) -> tuple[Space, list[str]]:
    """(what is searched over, fixed settings) of KEY=VALUE words.

    Args:
        compose: the configuration with some overrides, or an error.

    Raises:
        ConfigError: a word that cannot be understood or used, or nothing to search over.
    """
    parsed = [(word, _parsed(word)) for word in words]
    fixed = [word for word, override in parsed if not override.is_sweep_override()]
    searched = [(word, override) for word, override in parsed if override.is_sweep_override()]
    if not searched:
        raise ConfigError(
            "there is nothing to search over; write KEY=START..END or KEY=A,B, "
            "such as 'training.learning_rate=1e-3..1e-2'"
        )
    base = compose(fixed)
    space: dict[str, BaseDistribution] = {}
    for word, override in searched:
        key = override.key_or_group
        _require_comparable(word, key)
        _require_apart(key, list(space), [one.partition("=")[0] for one in fixed])
        values = _ends(override)
        compose([*fixed, setting(key, values[0])])  # there is such a setting, of such a type
        space[key] = _distribution(word, override, base)
        for value in values:
            compose([*fixed, setting(key, value)])
    return space, fixed


def standing(space: Space, fixed: Sequence[str], compose: Compose) -> dict[str, Value]:
    """The values that hold without a search; empty where one of them lies outside what is searched."""
    base = compose(fixed)
    found: dict[str, Value] = {}
    for key, distribution in space.items():
        same: list[Value]
        if isinstance(distribution, CategoricalDistribution):
            changed = {c: compose([*fixed, f"{key}={c}"]) for c in distribution.choices}
            same = [str(choice) for choice, config in changed.items() if dump(config) == dump(base)]
        else:
            same = [_held(base, key)] if distribution._contains(_held(base, key)) else []
        if not same:
            return {}
        found[key] = same[0]
    return found


def size(space: Space) -> float:
    """How many combinations of values there are."""
    return math.prod(_size(distribution) for distribution in space.values())


def setting(key: str, value: Value) -> str:
    """KEY=VALUE, to be typed or composed."""
    return f"{key}={value}"


def shown(value: Value) -> str:
    """A value in four figures."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def describe(key: str, distribution: BaseDistribution) -> str:
    """How a searched setting was understood."""
    match distribution:
        case CategoricalDistribution():
            return f"{key}: one of {', '.join(map(str, distribution.choices))}"
        case IntDistribution() | FloatDistribution():
            kind = "whole numbers " if isinstance(distribution, IntDistribution) else ""
            scale = ", logarithmic" if distribution.log else ""
            return f"{key}: {kind}{shown(distribution.low)} to {shown(distribution.high)}{scale}"
    raise TypeError(f"{distribution} found, expected choices or an interval")


def _parsed(word: str) -> Override:
    """A word as hydra reads it; A..B is short for interval(A,B)."""
    key, _, value = word.partition("=")
    interval = key.partition(".")[0] in SEARCHED or NUMBERS.fullmatch(value)
    short = SHORT.fullmatch(word) if interval else None
    text = word if short is None else "{}=interval({},{})".format(*short.groups())
    try:
        return OverridesParser.create().parse_override(text)
    except HydraException as error:
        raise ConfigError(
            f"{word} cannot be read, expected different values between commas or two numbers; "
            f"write {key}=A,B or {key}=START..END"
        ) from error


def _ends(override: Override) -> list[Value]:
    """All choices, or both ends of an interval."""
    value = override.value()
    if isinstance(value, IntervalSweep):
        return [_number(value.start), _number(value.end)]
    return list(override.sweep_string_iterator())


def _number(value: Any) -> Value:
    """Whole ends of an interval as whole numbers, so that settings of whole numbers take them."""
    return int(value) if float(value).is_integer() else float(value)


def _distribution(word: str, override: Override, base: Config) -> BaseDistribution:
    key, value = override.key_or_group, override.value()
    if not isinstance(value, IntervalSweep):
        choices = tuple(override.sweep_string_iterator())
        if len(set(choices)) < len(choices):
            raise ConfigError(f"{word} found, expected different values; leave the repeated ones out")
        return CategoricalDistribution(choices)
    low, high = (float(end) for end in _ends(override))
    if not low < high:
        raise ConfigError(f"{word} ends at or before its start; write {key}=SMALL..LARGE")
    by_factors = "log" in value.tags or 0 < low * DECADE <= high
    if not isinstance(_held(base, key), int):
        return FloatDistribution(low, high, log=by_factors)
    if not (low.is_integer() and high.is_integer()):
        raise ConfigError(f"{word} found, but {key} is a whole number; give whole ends")
    return IntDistribution(int(low), int(high), log=by_factors)


def _held(config: Config, key: str) -> float:
    """The value of a setting: an int where whole numbers belong, else a float."""
    section, _, name = key.partition(".")
    held = vars(config)[section]
    value = vars(held)[name]
    return float(value) if get_type_hints(type(held))[name] is float else value


def _size(distribution: BaseDistribution) -> float:
    match distribution:
        case CategoricalDistribution():
            return len(distribution.choices)
        case IntDistribution():
            return distribution.high - distribution.low + 1
    return math.inf


def _require_comparable(word: str, key: str) -> None:
    if key.partition(".")[0] not in SEARCHED or key in NOT_SEARCHED:
        raise ConfigError(
            f"{word} would change how trials are measured, so that their scores could not be compared; "
            "search over generator.* or training.*"
        )


def _require_apart(key: str, searched: Sequence[str], fixed: Sequence[str]) -> None:
    """Each setting once, and no group that is searched over together with settings of its own."""
    if key in (*searched, *fixed):
        raise ConfigError(f"{key} found twice, expected once; leave one of them out")
    pairs = [(key, other) for other in (*searched, *fixed)] + [(other, key) for other in searched]
    for group, part in pairs:
        if part.startswith(f"{group}."):
            raise ConfigError(
                f"{group} is searched over together with {group}.* settings, which not all of its "
                f"choices have; run a sweep for each {group}"
            )
