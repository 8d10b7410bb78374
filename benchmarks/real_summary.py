"""Lines of the real ocean for the summary of README, from the tables of docs/real-reanalysis.md."""

from __future__ import annotations

from collections.abc import Mapping

from deepda.base.text import METHOD_NAMES

ROWS = {  # first cell of a line in docs/real-reanalysis.md: what the summary calls it
    "all": "real ocean 1981-2020, at {platforms} platforms kept from the analysis",
    "floats": "the same, at the {platforms} floats among them",
}
LONG = {"the same with the best forecast": METHOD_NAMES["forecast_oi"]}  # columns named for short


def real_ocean(page: str) -> list[list[str]]:
    """Lines of the real ocean for the summary, from the table of withheld platforms on its page."""
    lines = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    head = next(cells for cells in lines if cells[:2] == ["values", "number"])
    after = lines[lines.index(head) :]
    rows = [dict(zip(head, next(c for c in after if c[0] == name), strict=True)) for name in ROWS]
    return [_withheld(title, row) for title, row in zip(ROWS.values(), rows, strict=True)]


def _withheld(title: str, row: Mapping[str, str]) -> list[str]:
    """The cells of one line; errors stand before their bias in round brackets."""
    error = {LONG.get(name, name): cell.partition(" (")[0] for name, cell in row.items()}
    baselines = [name for name in METHOD_NAMES.values() if name in error]
    least = min(error[name] for name in baselines)
    best = [name for name in baselines if error[name] == least]
    baseline = best[0] if len(best) == 1 else f"{len(best)} kinds of optimal interpolation"
    return [
        title.format(platforms=row["platforms"]),
        error["analysis"],
        f"{least}, {baseline}; climatology {error['climatology']}",
        f"{row['gain over the best baseline']}; over climatology {row['gain over climatology']}",
        row["stated/found"],
    ]
