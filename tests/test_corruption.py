"""Damage ends in the same rows, fewer rows with reasons, or a refusal: cutting changes no value."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from mutations import OPTIONS, UNMARKED, WRITTEN, compare, cut, flipped, flips, header_bytes, verdict

from deepda.observations.formats import read_observations

TRIES = 12


@pytest.mark.parametrize("name", WRITTEN)
def test_no_value_changes_by_cutting_a_file(name: str, tmp_path: Path) -> None:
    file, write = WRITTEN[name]
    write(path := tmp_path / file)
    whole, content = read_observations(path, OPTIONS), path.read_bytes()
    rng = np.random.default_rng(sum(map(ord, name)))
    allowed = {"refused", "same rows", "fewer rows with reasons", *(["shorter"] * (name in UNMARKED))}
    for _ in range(TRIES):
        assert verdict(whole, path, cut(content, rng)) in allowed


@pytest.mark.slow
@pytest.mark.parametrize("name", WRITTEN)
def test_flipped_bits_neither_crash_nor_lose_rows(name: str, tmp_path: Path) -> None:
    file, write = WRITTEN[name]
    write(path := tmp_path / file)
    whole, content = read_observations(path, OPTIONS), path.read_bytes()
    rng = np.random.default_rng(1 + sum(map(ord, name)))
    for _ in range(TRIES):
        assert verdict(whole, path, flipped(content, flips(content, rng))) != "crashed"


@pytest.mark.parametrize("name", ["argo", "wod", "mitprof"])
def test_flipped_bits_in_numbers_of_a_classic_header_are_no_other_values(
    name: str, tmp_path: Path
) -> None:
    file, write = WRITTEN[name]
    write(path := tmp_path / file)
    whole, content = read_observations(path, OPTIONS), path.read_bytes()
    assert header_bytes(path), "expected a classic file, written by the test"
    rng = np.random.default_rng(7)
    for _ in range(TRIES):
        bit = (int(rng.integers(0, 8)), int(rng.integers(0, 8)))  # magic and number of records
        assert verdict(whole, path, flipped(content, [bit])) in ("refused", "same rows")


def test_the_comparison_distinguishes_the_verdicts(tmp_path: Path) -> None:
    file, write = WRITTEN["csv"]
    write(path := tmp_path / file)
    whole = read_observations(path, OPTIONS)
    table, rejects = whole.table, whole.rejects
    one = rejects.reindex(range(len(rejects) + 1))
    fewer = dataclasses.replace(whole, table=table[1:], rejects=one)
    shorter = dataclasses.replace(whole, table=table[1:], rows_in=whole.rows_in - 1)
    other = dataclasses.replace(whole, table=table.assign(depth=table["depth"] + 1))
    found = [compare(whole, result) for result in (whole, fewer, shorter, other)]
    assert found == ["same rows", "fewer rows with reasons", "shorter", "other values"]
