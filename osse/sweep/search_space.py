"""What a sweep searches over, read from words such as 'training.learning_rate=1e-3..1e-2'.

KEY=A,B,C      one of these
KEY=A..B       a number from A to B: whole where the setting is a whole number, and on a
               logarithmic scale where B is ten times A or more
KEY=VALUE      fixed
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_type_hints

import numpy as np
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
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
RANGE = re.compile(rf"({NUMBER})\.\.({NUMBER})")
DECADE = 10.0

Compose = Callable[[Sequence[str]], Config]
Value = str | int | float


@dataclass(frozen=True)
class Dimension:
    """One setting that is searched over.

    Attributes:
        key: dotted name, or a group such as "generator".
        choices: as typed; empty for a range.
        low, high: ends of a range, both included.
        whole: whole numbers only.
    """

    key: str
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    whole: bool = False

    @property
    def logarithmic(self) -> bool:
        """Whether a range is searched by factors."""
        return not self.choices and 0 < self.low * DECADE <= self.high

    @property
    def size(self) -> float:
        """How many values there are."""
        if self.choices:
            return len(self.choices)
        return self.high - self.low + 1 if self.whole else math.inf

    def distribution(self) -> BaseDistribution:
        """As optuna knows it."""
        if self.choices:
            return CategoricalDistribution(self.choices)
        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.logarithmic)
        return FloatDistribution(self.low, self.high, log=self.logarithmic)

    def rounded(self, value: Value) -> Value:
        """A proposal in the figures that are shown, so that what is typed is what was tried."""
        if isinstance(value, float):
            return min(max(float(shown(value)), self.low), self.high)
        return value

    def drawn(self, rng: np.random.Generator) -> Value:
        """One of finitely many values."""
        if self.choices:
            return self.choices[int(rng.integers(len(self.choices)))]
        return int(rng.integers(int(self.low), int(self.high), endpoint=True))

    def setting(self, value: Value) -> str:
        """KEY=VALUE, to be typed or composed."""
        return f"{self.key}={shown(value)}"

    def describe(self) -> str:
        """How it was understood."""
        if self.choices:
            return f"{self.key}: one of {', '.join(self.choices)}"
        scale = ", logarithmic" if self.logarithmic else ""
        kind = "whole numbers " if self.whole else ""
        return f"{self.key}: {kind}{shown(self.low)} to {shown(self.high)}{scale}"


def shown(value: Value) -> str:
    """A value in four figures."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def read_space(words: Sequence[str], compose: Compose) -> tuple[list[Dimension], list[str]]:
    """(what is searched over, fixed settings) of KEY=VALUE words.

    Args:
        words: of the command line.
        compose: the configuration with some overrides, or an error.

    Raises:
        ConfigError: a word that cannot be understood or used, or nothing to search over.
    """
    fixed = [word for word in words if not _several(word)]
    base = compose(fixed)
    dimensions = []
    for word in filter(_several, words):
        _require_comparable(word)
        compose([*fixed, re.split(r",|\.\.", word)[0]])  # there is such a setting, of such a type
        dimensions.append(_dimension(word, base))
    if not dimensions:
        raise ConfigError(
            "there is nothing to search over; write KEY=START..END or KEY=A,B, "
            "such as 'training.learning_rate=1e-3..1e-2'"
        )
    keys = [dimension.key for dimension in dimensions]
    _require_apart(keys, [word.partition("=")[0] for word in fixed])
    for dimension in dimensions:
        for value in _corners(dimension):
            compose([*fixed, dimension.setting(value)])
    return dimensions, fixed


def standing(
    dimensions: Sequence[Dimension], fixed: Sequence[str], compose: Compose
) -> dict[str, Value]:
    """The values that hold without a search; empty where one of them lies outside what is searched."""
    base = compose(fixed)
    found: dict[str, Value] = {}
    for dimension in dimensions:
        value: Value | None = None
        if dimension.choices:
            value = _standing_choice(dimension, base, fixed, compose)
        elif dimension.low <= _held(base, dimension.key) <= dimension.high:
            value = _held(base, dimension.key)
        if value is None:
            return {}
        found[dimension.key] = value
    return found


def _standing_choice(
    dimension: Dimension, base: Config, fixed: Sequence[str], compose: Compose
) -> str | None:
    same = (c for c in dimension.choices if dump(compose([*fixed, dimension.setting(c)])) == dump(base))
    return next(same, None)


def _several(word: str) -> bool:
    """Whether a word gives more than one value."""
    key, _, value = word.partition("=")
    if RANGE.fullmatch(value) or (_searched(key) and ".." in value):
        return True
    return "," in value and value[:1] not in ("[", "{", "'", '"')


def _searched(key: str) -> bool:
    return key.partition(".")[0] in SEARCHED


def _require_comparable(word: str) -> None:
    key = word.partition("=")[0]
    if not _searched(key) or key in NOT_SEARCHED:
        raise ConfigError(
            f"{word} would change how trials are measured, so that their scores could not be compared; "
            "search over generator.* or training.*"
        )


def _dimension(word: str, base: Config) -> Dimension:
    key, _, value = word.partition("=")
    return _choice(key, value) if "," in value else _range(key, value, _held(base, key))


def _choice(key: str, value: str) -> Dimension:
    choices = tuple(item.strip() for item in value.split(","))
    if "" in choices or len(set(choices)) < len(choices) or any(".." in item for item in choices):
        raise ConfigError(
            f"{key}={value} came, expected different single values between commas; "
            f"write {key}=A,B or {key}=START..END"
        )
    return Dimension(key, choices)


def _range(key: str, value: str, held: float) -> Dimension:
    match = RANGE.fullmatch(value)
    if match is None:
        raise ConfigError(f"{key}={value} came, expected two numbers; write {key}=START..END")
    low, high = map(float, match.groups())
    if not low < high:
        raise ConfigError(f"{key}={value} ends at or before its start; write {key}=SMALL..LARGE")
    whole = isinstance(held, int)
    if whole and not (low.is_integer() and high.is_integer()):
        raise ConfigError(f"{key}={value} came, but {key} is a whole number; give whole ends")
    return Dimension(key, (), low, high, whole)


def _held(config: Config, key: str) -> float:
    """The value of a setting: an int where whole numbers belong, else a float."""
    section, _, name = key.partition(".")
    held = getattr(config, section)
    value = getattr(held, name)
    return float(value) if get_type_hints(type(held))[name] is float else value


def _corners(dimension: Dimension) -> tuple[Value, ...]:
    if dimension.choices:
        return dimension.choices
    ends = (dimension.low, dimension.high)
    return tuple(map(int, ends)) if dimension.whole else ends


def _require_apart(searched: Sequence[str], fixed: Sequence[str]) -> None:
    """Each setting once, and none together with the group that it belongs to."""
    for number, key in enumerate(searched):
        others = [*searched[:number], *searched[number + 1 :], *fixed]
        if key in others:
            raise ConfigError(f"{key} came twice, expected once; leave one of them out")
        if any(other.startswith(f"{key}.") for other in others):
            raise ConfigError(
                f"{key} is searched over together with {key}.* settings, which not all of its choices "
                f"have; run a sweep for each {key}"
            )
