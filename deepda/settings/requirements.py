"""What values of settings must be; a refusal names the setting, what was found and what is expected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepda.base.errors import DeepDAError

LARGEST_SEED = 2**53 - 1  # JSON, NetCDF and torch take it, also with what other draws add
DEVICES = ("auto", "cpu", "cuda")  # auto is a GPU where there is one


class ConfigError(DeepDAError, ValueError):
    """Settings that cannot be used; the message says what was found and what to do."""


def require_at_least(name: str, value: float, least: float) -> None:
    if not value >= least:
        raise ConfigError(
            f"{name} is {value:g}, expected at least {least:g}; write {name}={least:g} or more"
        )


def require_above_zero(name: str, value: float) -> None:
    if not 0 < value < float("inf"):
        raise ConfigError(f"{name} is {value:g}, expected a number above 0; give another {name}=")


def require_fraction(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ConfigError(
            f"{name} is {value:g}, expected a fraction from 0 to 1; divide per cent by 100"
        )


def require_dropout(rate: float) -> None:
    if not 0 <= rate < 1:
        raise ConfigError(
            f"generator.dropout is {rate:g}, expected a share of channels from 0 to below 1; "
            "0 switches it off"
        )


def require_one_of(name: str, value: Any, choices: Sequence[Any]) -> None:
    if value not in choices:
        raise ConfigError(
            f"{name} is {value}, expected {' or '.join(map(str, choices))}; choose one of them"
        )


def require_each_once(name: str, values: Sequence[str]) -> None:
    if len(set(values)) < len(values):
        raise ConfigError(
            f"{name} is {list(values)}, expected each name once; leave out those given twice"
        )


def require_seed(name: str, value: int) -> None:
    require_at_least(name, value, 0)
    if value > LARGEST_SEED:
        raise ConfigError(f"{name} is {value}, expected at most {LARGEST_SEED}; write a smaller {name}=")


def require_years(name: str, first: int, last: int, among: tuple[int, int]) -> None:
    if not among[0] <= first <= last <= among[1]:
        raise ConfigError(
            f"{name} are {first} to {last}, expected years among {among[0]} to {among[1]}; choose others"
        )


def require_edges(name: str, value: Any) -> None:
    numbers = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(numbers, list) or not all(type(n) in (int, float) for n in numbers):
        raise ConfigError(
            f"{name} is {value}, expected a list of numbers, or start, stop and step; "
            "look at configs/grid for examples"
        )


def require_order(first: str, start: int, last: str, end: int) -> None:
    if end < start:
        raise ConfigError(
            f"{first} is {start} but {last} is {end}, expected {last} not before the start; swap them"
        )


def require_period(years: Sequence[int]) -> None:
    if len(years) != 2 or years[1] - years[0] < 4:
        raise ConfigError(
            f"observations.period is {list(years)}, expected [first, last] year of five years or more; "
            "write observations.period=[1981,2010]"
        )
