"""From files to the page: `evaluate`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from deepda.base.errors import EvaluationError
from deepda.base.text import METHOD_NAMES, beside, counted
from deepda.evaluation.calendars import common_axis
from deepda.evaluation.findings import Findings
from deepda.evaluation.gather import gather
from deepda.evaluation.product import (
    Product,
    on_columns_of,
    open_product,
    require_same_cells,
    same_cells,
    shared_mask,
    upper_layer,
    uppermost,
)
from deepda.evaluation.records import Comparison, Frame, Record
from deepda.evaluation.section_agreement import agreement_section, overall
from deepda.evaluation.section_climate import modes_section, thermocline_section
from deepda.evaluation.section_fields import (
    climatology_section,
    scales_section,
    variability_section,
)
from deepda.evaluation.section_heat import heat_section
from deepda.evaluation.section_heatwaves import heatwave_section
from deepda.evaluation.section_uncertainty import observation_section, reliability_section
from deepda.evaluation.sources import says_synthetic
from deepda.feedback.departures import departures
from deepda.reports.about import TWIN, made_by
from deepda.reports.report import WRITING, Section, write_report
from deepda.reports.table import Table, Value
from deepda.runs.folder import run_folder

SEED = 1  # of ties of ranks
BY_DEPTH = (  # pictures of curves or sections by depth
    "rmse_by_basin",
    "correlation_by_basin",
    "rmse_of_baselines",
    "variability_by_depth",
    "spread_by_depth",
    "zonal_mean",
    "zonal_error",
)
SECTIONS: Sequence[Callable[[Findings], Section | None]] = (
    agreement_section,
    climatology_section,
    variability_section,
    scales_section,
    modes_section,
    heat_section,
    thermocline_section,
    heatwave_section,
    reliability_section,
    observation_section,
)


def evaluate(
    analysis: Sequence[str | Path],
    output: str | Path,
    reference: Sequence[str | Path] = (),
    *,
    baselines: Mapping[str, Sequence[str | Path]] | None = None,
    observations: Path | None = None,
    remap: bool = False,
    variable: str | None = None,
    stamps: str | None = None,
) -> Path:
    """Write `report.html` under `output`, and PNG and CSV files into its folder `figures`.

    Args:
        analysis, reference: files, folders or patterns; see `open_product`.
        baselines: name to files of other products that are held against the reference too.
        observations: a product's folder with feedback.
        remap: remap a reference on other cells to those of the analysis.
        variable, stamps: see `open_product`; they describe foreign files only.

    Raises:
        UsageError: another process writes to the output.
        EvaluationError: products that cannot be read or compared. FeedbackError: no feedback.
    """
    if baselines and not reference:
        raise EvaluationError(
            "baselines given without a reference to hold them against; add --reference"
        )
    with run_folder(Path(output)) as folder:
        others = [*(baselines or {}).items(), *([("reference", reference)] if reference else [])]
        departed = departures(observations) if observations is not None else None
        first = open_product(analysis, "analysis", variable=variable, stamps=stamps)
        compared = [_beside(paths, first, remap, variable, stamps) for paths in others]
        products, layered = _alike([first, *compared])
        axis = common_axis(*(product.timeline for product in products))
        grid, note = shared_mask(products)
        of_products = (line for one in products for line in one.notes)
        notes = [*axis.notes, *layered, *filter(None, [note]), *of_products]
        frame = Frame.of(grid, axis)
        rng = np.random.default_rng(SEED)
        with TemporaryDirectory(prefix=".levels-", dir=folder.path) as scratch:
            records, comparisons = gather(
                products, frame, Path(scratch), folder.progress, compare=bool(reference), rng=rng
            )
            found = _findings(frame, products, records, comparisons)
            found.departures = departed
            with folder.progress.stage(WRITING):
                return _write(found, notes, folder.path)


def _findings(
    frame: Frame, products: list[Product], records: list[Record], comparisons: list[Comparison]
) -> Findings:
    if not comparisons:
        return Findings(frame, products, records[0])
    beside = zip(records[1:-1], comparisons[1:], strict=True)
    return Findings(
        frame,
        products,
        records[0],
        records[-1],
        comparisons[0],
        {record.name: (record, comparison) for record, comparison in beside},
    )


def _write(found: Findings, notes: Sequence[str], output: Path) -> Path:
    sections = [one for make in SECTIONS if (one := make(found)) is not None]
    if found.frame.grid.shape[0] == 1:  # of one layer a curve by depth is a single point
        kept = [[block for block in one.blocks if block.name not in BY_DEPTH] for one in sections]
        sections = [replace(one, blocks=left) for one, left in zip(sections, kept, strict=True)]
    return write_report(
        output / "report.html",
        f"Evaluation of {_label(found.products[0])}, {found.span}",
        [*sections, _sources(found, notes)],
        about=made_by(),
        notice=_notice(found),
        headline=_headline(found),
        summary=_summary(found, notes),
        facts=found.facts,
        footer="Made by deepda evaluate. error = analysis − reference; in K unless stated.",
        beside=output / "figures",
    )


def _beside(
    named: tuple[str, Sequence[str | Path]],
    analysis: Product,
    remap: bool,
    variable: str | None,
    stamps: str | None,
) -> Product:
    """A product on the cells of the analysis, one of the sea surface on those of its uppermost layer."""
    name, paths = named
    layer = analysis.grid.depth_edges[:2]
    open_it = partial(open_product, paths, name, variable=variable, stamps=stamps, surface=layer)
    opened = open_it()
    of_surface = np.array_equal(opened.grid.depth_edges, layer)
    wanted = upper_layer(analysis.grid) if of_surface else analysis.grid
    opened = on_columns_of(wanted, opened)
    if remap and not same_cells(wanted, opened.grid):
        return open_it(target=wanted)
    require_same_cells(wanted, opened.grid, name)
    return opened


def _alike(products: list[Product]) -> tuple[list[Product], list[str]]:
    """The products, all in the uppermost layer if one has no other, and a note that says so."""
    flat = [product for product in products if product.grid.shape[0] == 1]
    if len(flat) in (0, len(products)):
        return products, []
    bottom = products[0].grid.depth_edges[1]
    note = (
        f"The {' and the '.join(one.name for one in flat)} is of the sea surface alone: everything is "
        f"compared in the uppermost layer of the analysis, the mean of 0 to {bottom:g} m."
    )
    return [uppermost(product) for product in products], [note]


def _label(product: Product) -> str:
    first = product.files[0].resolve()
    return first.parent.name + ("" if len(product.files) > 1 else f"/{first.name}")


def _notice(found: Findings) -> str:
    """That products are synthetic, as their files say."""
    names = [one.name for one in found.products if says_synthetic(one.files[0])]
    if len(names) == len(found.products):
        return TWIN
    return f"Not the real ocean: {' and '.join(names)}, synthetic by its files." if names else ""


def _headline(found: Findings) -> str:
    """The difference from the reference, and by how much that of the best baseline is larger."""
    if found.comparison is None:
        return ""
    own = overall(found.comparison.square, found)
    said = f"The analysis is {own:#.3g} K off the reference (root mean square over the whole ocean"
    if not found.baselines:
        return f"{said})."
    others = {name: overall(one.square, found) for name, (_, one) in found.baselines.items()}
    best = min(others, key=lambda name: others[name])
    if others[best] == 0:
        return f"{said}), {best} is the reference itself."
    part, name = 1 - own / others[best], METHOD_NAMES.get(best, best)
    return f"{said}), {beside(part)} that of {name} ({others[best]:#.3g} K)."


def _summary(found: Findings, notes: Sequence[str]) -> str:
    axis = found.frame.axis
    windows = "pentads" if axis.per_year == 73 else "months"
    against = f" against {_label(found.products[-1])}" if found.compared else ""
    return (
        f"{_label(found.products[0])}{against}: {found.years} whole years in {windows}, "
        f"{found.frame.grid.shape[1]} x {found.frame.grid.shape[2]} cells, "
        f"{counted(found.frame.grid.shape[0], 'layer')} down "
        f"to {found.frame.grid.depth_edges[-1]:.0f} m. " + " ".join(notes)
    )


def _sources(found: Findings, notes: Sequence[str]) -> Section:
    rows: dict[str, dict[str, Value]] = {
        product.name: {
            "files": len(product.files),
            "first file": product.files[0].name,
            "steps": product.timeline.time.size,
            "from": str(product.timeline.time[0])[:10],
            "to": str(product.timeline.time[-1])[:10],
            "calendar": product.timeline.calendar,
        }
        for product in found.products
    }
    return Section(
        "What was compared",
        [Table("products", rows, "The products as they were read.", corner="product")],
        " ".join(notes) or "Nothing was remapped or averaged in time.",
    )


__all__ = ["EvaluationError", "evaluate"]
