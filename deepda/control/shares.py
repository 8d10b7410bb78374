"""Which years of a control simulation serve what, and through which of them shadow twins go.

Years are counted from 0, the first of the prepared file.
"""

from __future__ import annotations

from typing import NamedTuple

from deepda.settings.schema import ConfigError, OsseConfig


class Shares(NamedTuple):
    """Contiguous blocks of years, in the order of time; nothing leaks through autocorrelation.

    Attributes:
        unused: before all others, where fewer years train than there are.
    """

    unused: range
    train: range
    validation: range
    test: range


def shares_of(available: int, chosen: OsseConfig) -> Shares:
    """The blocks of a control simulation of so many years.

    Raises:
        ConfigError: it has fewer years than are wanted.
    """
    held_out = chosen.validation_years + chosen.test_years
    train = available - held_out if chosen.train_years is None else chosen.train_years
    if train < 1 or train + held_out > available:
        raise ConfigError(
            f"the control simulation has {available} years, expected at least "
            f"{max(train, 1) + held_out} (train, validation, test); lower osse.*_years"
        )
    first = available - held_out - train
    second = first + train
    third = second + chosen.validation_years
    return Shares(range(first), range(first, second), range(second, third), range(third, available))


def shadow_years(shares: Shares) -> list[int]:
    """The years that shadow twins go through, in order; after the last one comes the first again.

    Nothing is fitted on the validation years but calibrations, so they come first; then unused and
    training years. Test years are left out: they may be the truth. The very first year is left out
    because a step from the last year back to it needs the window before it.
    """
    end = shares.test.start
    return [*range(shares.validation.start, end), *range(1, shares.validation.start)]


def spread_order(number: int) -> list[int]:
    """A permutation of 0..number-1 whose first items are far apart, however many are taken.

    Bits reversed (van der Corput 1935), numbers beyond the last left out: 0, 4, 2, 6, 1, ... of 8.
    """
    bits = max(1, (number - 1).bit_length())
    reversed_bits = (int(f"{index:0{bits}b}"[::-1], 2) for index in range(2**bits))
    return [place for place in reversed_bits if place < number]
