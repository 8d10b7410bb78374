"""Variables that look like the temperature of the sea and hold something else.

A standard deviation, a maximum, a trend or the temperature of the air or of the instrument has the name
and the unit of a temperature; only its attributes say so (CF Conventions 1.11, section 7.3 and appendix
E; `statistic` and `var_desc` of NOAA). Anomalies are no such thing: with their climatology they become
temperatures.
"""

from __future__ import annotations

import re

from deepda.base.cell_methods import is_statistic
from deepda.observations.ncfile import NetcdfFile, plain_words

WORDS = re.compile(
    r"\bstandard (deviation|error)|\bst ?d ?devs?\b|\bstd\b(?! (depth|level))|\bvariance"
    r"|root mean square|\brms\b|skewness|percentile|^number of|\btrend|tendency"
    r"|\b(temperature|sst) gradient\b|gradient of|temperature difference"
    r"|\bland (surface )?(skin )?temp(erature)?\b|\blst\b"
    r"|\b(diurnal|daily|annual|seasonal|monthly) (\w+ ){0,3}range\b|\brange of|temperature range$"
    r"|\b(maximum|minimum|max|min) (\w+ ){0,3}(temperature|sst)\b"
    r"|\b(temperature|sst) (maximum|minimum|max|min)$|\b(daily|monthly|annual) (max|min)(imum)?\b"
    r"|\b(air|soil|brightness|dew ?point|wet ?bulb|cloud top) temp(erature)?\b"
    r"|temperature of (the )?(air|instrument|electronics|battery|housing|logger)\b"
    r"|\b(internal|housing|casing|board|battery|electronics?) temp(erature)?\b"
)
STATISTIC = re.compile(r"\b(max|min)(imum)?\b|\brange\b|number|count|\bsum\b|median|\bmode\b")
ELSEWHERE = re.compile(r"\b(land|ice|snow|canopy)\b")  # in a standard name


def other_quantity(file: NetcdfFile, name: str) -> str:
    """The attribute by which a variable holds no temperatures of the sea, quoted; "" where none does."""
    methods = file.attribute("cell_methods", name)
    if is_statistic(methods):
        return f"cell_methods {methods!r}"
    for attribute in ("standard_name", "long_name", "var_desc", "statistic"):
        text = file.attribute(attribute, name)
        words = plain_words(text)
        if (
            WORDS.search(words)
            or (attribute == "statistic" and STATISTIC.search(words))
            or (attribute == "standard_name" and ELSEWHERE.search(words))
        ):
            return f"{attribute} {text!r}"
    return f"name {name!r}" if WORDS.search(plain_words(name)) else ""


def refuse_other(file: NetcdfFile, name: str) -> None:
    """Refuse a variable that holds something else.

    Raises:
        ObservationError: it does.
    """
    if said := other_quantity(file, name):
        raise file.error(
            f"{name} holds no temperatures of sea water by its {said}, expected temperatures of the "
            "sea, at instants or as means over time",
            "leave the file out, or correct that attribute if they are temperatures",
        )
