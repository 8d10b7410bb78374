"""Sections on what the analysis says of itself, and on observations."""

from __future__ import annotations

from deepda.evaluation.charts import spread_against_error
from deepda.evaluation.findings import Findings
from deepda.feedback.departures import BAND_NAMES, KEPT_STATES, Departures, Sums
from deepda.figures import rank_bars, spread_skill_by_depth
from deepda.figures.maps import Panel
from deepda.figures.mesh import limits_of
from deepda.observations.table import PLATFORMS
from deepda.reports.report import Picture, Section
from deepda.reports.table import Table, Value

TITLES = {"used": "assimilated", "withheld": "withheld from the analysis"}


def reliability_section(found: Findings) -> Section | None:
    """Stated spread against error; None where no spread is stated or nothing to compare it with."""
    if found.comparison is None or found.comparison.reliability is None:
        return None
    judged = found.comparison.reliability
    blocks: list[Picture | Table] = [
        *(_spread_maps(found, level) for level in found.frame.levels),
        Picture(
            "spread_by_depth",
            spread_skill_by_depth({"analysis": judged.ratio}),
            "Stated spread over the difference from the reference, by depth; inside the band it "
            "is right to 10 %. Left of it the analysis is overconfident.",
        ),
        Picture(
            "spread_classes",
            spread_against_error(judged.classes),
            "The difference in classes of stated spread: on the diagonal the spread means what "
            "it says, and a long line says that it separates good places from bad.",
        ),
        Picture(
            "pit",
            rank_bars(judged.pit, label="quantile of the reference within the stated distribution"),
            "Where the reference falls in the stated distribution: flat is right, a hump is too "
            "cautious, high ends are overconfident, a slope is a bias.",
        ),
    ]
    if judged.ranks is not None:
        blocks.append(
            Picture(
                "ranks",
                rank_bars(judged.ranks, label="rank of the reference among the members"),
                "Rank of the reference among the members: flat is right; high ends mean that "
                "members are too alike.",
            )
        )
    return Section(
        "How sure is it?",
        blocks,
        "The reference is taken for the truth here; where it errs itself, the stated spread "
        "looks too small.",
    )


def _spread_maps(found: Findings, level: int) -> Picture:
    assert found.comparison is not None and found.comparison.reliability is not None
    spread = found.on_sea(found.comparison.reliability.spread_map[level], level)
    error = found.on_sea(found.comparison.rmse[level], level)
    limits = limits_of([spread, error], "stddev")
    beside = Panel(error, "rms difference", "Difference from the reference", limits)
    caption = (
        f"Stated standard deviation and root mean square difference at {found.at(level)}, same "
        "colours: they should look alike."
    )
    name = found.picture("spread", level)
    return found.maps(name, level, {"stated": spread}, "stddev", caption, beside, limits)


def observation_section(found: Findings) -> Section | None:
    """Departures of observations; None without feedback."""
    departures = found.departures
    if departures is None:
        return None
    blocks: list[Picture | Table] = []
    for state in KEPT_STATES:
        if departures.states[state]:
            blocks += [
                _departure_table(departures, state, "platform", PLATFORMS),
                _departure_table(departures, state, "depth", BAND_NAMES),
            ]
    if departures.states["withheld"]:
        withheld = departures.groups["withheld", "all", "all"]
        found.facts["At withheld observations"] = f"{withheld.rms_analysis:#.3g} K"
    total = sum(departures.states.values())
    return Section(
        "Against observations",
        blocks,
        f"{total:,} rows of feedback: {departures.states['used']:,} assimilated, "
        f"{departures.states['withheld']:,} withheld, {departures.states['rejected']:,} rejected. "
        "Only the withheld ones judge the analysis; they hold their own error too, so that no "
        "analysis reaches zero.",
    )


def _departure_table(departures: Departures, state: str, grouping: str, names: tuple[str, ...]) -> Table:
    rows = {
        name: _departure_row(departures.groups[state, grouping, name])
        for name in names
        if (state, grouping, name) in departures.groups
    }
    rows["all"] = _departure_row(departures.groups[state, "all", "all"])
    return Table(
        f"observations_{state}_by_{grouping}",
        rows,
        f"Observation less background (O−B) and less analysis (O−A) by {grouping}, "
        f"{TITLES[state]}, K. The last column compares the expected with the actual size of O−B: 1 "
        "is well calibrated.",
        corner=grouping,
    )


def _departure_row(sums: Sums) -> dict[str, Value]:
    return {
        "rows": sums.count,
        "mean O−B": sums.mean_background,
        "rms O−B": sums.rms_background,
        "mean O−A": sums.mean_analysis,
        "rms O−A": sums.rms_analysis,
        "expected / actual": sums.spread_to_rms,
    }
