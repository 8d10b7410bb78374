"""The field's words: code, log messages, settings and pages speak as an oceanographer does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PRIVATE = {
    r"\bmeets? (?:its|their) (?:own )?(?:background )?errors": "samples a background-error covariance",
    r"\bmeeting (?:of )?(?:background )?errors": "sampling the background-error covariance",
    r"\b(?:met|meet) (?:its|their) errors": "sampled a background-error covariance",
    r"\bremember(?:s|ed|ing)?\b": "uses, keeps",
    r"\bforget(?:s|ting)?\b(?! et al)": "drops, clears",
    r"\bbeliefs?\b": "estimate",
    r"\blessons?\b": "statistics of the control run",
    r"\bpupils?\b": "network in training",
    r"\bopponents?\b": "baseline",
    r"\blistens?\b": "depends on, weighs",
    r"\bhears?\b": "depends on",
    r"\bdearer\b": "slower, costlier",
    r"\bclaim(?:s|ed)?\b": "declares, states",
    r"(?<!\.)\btells?\b|\btold\b": "states, distinguishes",
    r"\bknows\b": "depends on, holds",
    r"\bbeliev(?:e|es|ed)\b": "assume, rely on",
    r"\bhonest(?:ly|y)?\b": "calibrated",
    r"\bh(?:a|u)ng(?:s|ing)? together\b": "are correlated, agree",
    r"\bstarves\b": "damps",
    r"\bserved for nothing\b": "was used for no choice",
    r"\bprove(?:s|d)? (?:the|its) skill\b": "evaluate",
    r"\bprove it on\b": "evaluate on",
    r"\bcame[,;]? expected\b": "found ..., expected",
}
SPOKEN = (
    "tests",
    "deepda",
    "osse",
    "reanalysis",
    "configs",
    "docs",
    "README.md",
    "benchmarks",
    "Makefile",
)
SUFFIXES = {".py", ".md", ".yaml", ".html", ".jinja", ""}


def private_words(text: str) -> list[str]:
    """Expressions of the list, each with what a reader of the field says; names count as words."""
    text = text.replace("_", " ")
    return [
        f"{match.group(0)!r}, say: {public}"
        for pattern, public in PRIVATE.items()
        for match in re.finditer(pattern, text, re.IGNORECASE)
    ]


def spoken_files() -> list[Path]:
    """Everything that a user or a reader of the code meets; history may speak as it did."""
    found = [file for name in SPOKEN for file in [ROOT / name, *(ROOT / name).rglob("*")]]
    own = Path(__file__)  # has to name them
    return [file for file in found if file.is_file() and file.suffix in SUFFIXES and file != own]


@pytest.mark.slow
def test_no_private_word_is_left() -> None:
    assert {
        str(f.relative_to(ROOT)): w for f in spoken_files() if (w := private_words(f.read_text()))
    } == {}


@pytest.mark.parametrize(
    "sentence",
    ["it meets its own errors", "the opponent", "windows hang together", "12 came, expected 3"],
)
def test_the_list_bites(sentence: str) -> None:
    assert private_words(sentence)


def test_plain_sentences_pass() -> None:
    assert (
        private_words("The gain weighs innovations; 12 found, expected 3; the place of a platform") == []
    )
