"""The tables of `deepda observations feedback`: O-B and O-A of a product, within 80 columns."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from deepda.feedback.departures import BAND_NAMES, KEPT_STATES, Departures, Sums, departures
from deepda.observations.table import PLATFORMS
from deepda.verification.scores import REGIONS

HEAD = f"{'rows':>13}{'O-B mean':>10}{'rms':>8}{'O-A mean':>10}{'rms':>8}{'exp/rms':>9}"
TITLES = {
    "used": "used: assimilated",
    "withheld": "withheld: passed every check, kept from the analysis",
}


def show(folder: Path) -> None:
    """Print the tables of a product.

    Raises:
        FeedbackError: there is no feedback.
    """
    print("\n".join(lines(departures(folder))))


def lines(found: Departures) -> list[str]:
    """Lines within 80 columns: used and withheld rows by every grouping, reasons, the balance."""
    out = ["K; exp/rms: root mean square of spread and error, over rms of O-B: 1 is right"]
    for state in KEPT_STATES:
        if found.states[state]:
            out += ["", TITLES[state], *_state_lines(found, state)]
    if found.states["rejected"]:
        out += ["", *_reason_lines(found)]
    total = sum(found.states.values())
    parts = " + ".join(f"{name} {found.states[name]:,}" for name in ("used", "withheld", "rejected"))
    return [*out, "", f"rows {total:,} = {parts}"]


def _state_lines(found: Departures, state: str) -> list[str]:
    years = sorted(name for of, grouping, name in found.groups if (of, grouping) == (state, "year"))
    groupings: dict[str, Iterable[str]] = {
        "all": ("all",), "platform": PLATFORMS, "depth": BAND_NAMES, "region": REGIONS, "year": years,
    }  # fmt: skip
    out = []
    for grouping, names in groupings.items():
        out.append(f"{'':<22}{HEAD}" if grouping == "all" else f"by {grouping}")
        for name in names:
            sums = found.groups.get((state, grouping, name))
            if sums is not None:
                out.append(f"{name:<22.22}" + _cells(sums))
    return out


def _cells(sums: Sums) -> str:
    departure = f"{sums.mean_background:>10.3f}{sums.rms_background:>8.3f}"
    rest = f"{sums.mean_analysis:>10.3f}{sums.rms_analysis:>8.3f}"
    return f"{sums.count:>13,}{departure}{rest}{sums.spread_to_rms:>9.2f}"


def _reason_lines(found: Departures) -> list[str]:
    total = sum(found.states.values())
    out = [f"{'rejected because':<32}{'rows':>13}{'share':>9}{'O-B mean':>10}{'rms':>8}"]
    counts = {name: count for name, count in found.rows.items() if name and count}
    for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        sums = found.reasons.get(name, Sums())
        departure = f"{sums.mean_background:>10.2f}{sums.rms_background:>8.2f}" if sums.count else ""
        out.append(f"{name:<32.32}{count:>13,}{count / total:>9.2%}{departure}")
    return out
