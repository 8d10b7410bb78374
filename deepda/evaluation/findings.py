"""What the sections show: the outcome of the walk, and a few things all of them need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from deepda.evaluation.calendars import month_weights
from deepda.evaluation.product import Product
from deepda.evaluation.records import Comparison, Frame, Record
from deepda.feedback.departures import Departures
from deepda.figures.kinds import Kind
from deepda.figures.maps import Panel, map_panels
from deepda.figures.mesh import Limits, limits_of
from deepda.geometry.windows import MONTHS, windows
from deepda.reports.report import Picture
from deepda.verification.climate import FEWEST_YEARS


@dataclass(eq=False)
class Findings:
    """Everything the page is made of.

    Attributes:
        products: the analysis, baselines, then the reference if there is one.
        baselines: name to record and comparison of other products with the reference.
        departures: of observations from the analysis.
        facts: headline numbers, filled in by the sections.
    """

    frame: Frame
    products: list[Product]
    analysis: Record
    reference: Record | None = None
    comparison: Comparison | None = None
    baselines: dict[str, tuple[Record, Comparison]] = field(default_factory=dict)
    departures: Departures | None = None
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def records(self) -> dict[str, Record]:
        """Name to record; the reference first, so that the analysis is drawn over it."""
        both = [self.reference, self.analysis]
        return {record.name: record for record in both if record is not None}

    @property
    def years(self) -> int:
        return len(self.frame.axis.years)

    @property
    def span(self) -> str:
        """First and last year, for captions."""
        return f"{self.frame.axis.years[0]}–{self.frame.axis.years[-1]}"

    @property
    def trends(self) -> bool:
        """Whether there are years enough for trends."""
        return self.years >= FEWEST_YEARS

    @property
    def compared(self) -> bool:
        """Whether there is a reference to compare with."""
        return self.reference is not None

    def picture(self, name: str, level: int) -> str:
        """Name of a picture of the surface or of the one level below that is shown."""
        return f"{name}_{'surface' if level == 0 else 'below'}"

    def where(self, level: int) -> str:
        """Name of a level."""
        return "surface" if level == 0 else f"{self.frame.grid.depth[level]:.0f} m"

    def at(self, level: int) -> str:
        """Name of a level behind "at"."""
        return "the surface" if level == 0 else self.where(level)

    def on_sea(self, values: ArrayLike, level: int) -> NDArray[np.float64]:
        """(lat, lon) with land of a level missing."""
        return np.where(self.frame.grid.ocean[level], np.asarray(values, float), np.nan)

    def maps(
        self,
        name: str,
        level: int,
        fields: Mapping[str, ArrayLike],
        kind: str | Kind,
        caption: str,
        beside: Panel | None = None,
        limits: Limits | None = None,
    ) -> Picture:
        """Maps (lat, lon) of one kind at a level, in the same colours, and one of another kind beside.

        Args:
            fields: name of a product to its field.
            limits: of the colours; None takes them from the values of all fields.
        """
        limits = limits or limits_of(list(fields.values()), kind)
        panels = [
            Panel(field, kind, f"{product.capitalize()}, {self.where(level)}", limits)
            for product, field in fields.items()
        ]
        panels += [] if beside is None else [beside]
        figure = map_panels(panels, self.frame.grid, level=level)
        return Picture(name, figure, caption, wide=len(panels) > 1)

    def monthly(self, series: xr.DataArray) -> xr.DataArray:
        """(time, ...) months of windows (time, ...), in the units of the series; NaN is missing."""
        axis = self.frame.axis
        if axis.per_year == MONTHS:
            return series
        stamps = windows(axis.years[0], axis.years[-1], MONTHS).middle
        rest = series.transpose("time", ...)
        values = rest.values.reshape(self.years, axis.per_year, -1)
        made = np.empty((self.years, MONTHS, values.shape[2]))
        weights = month_weights(axis.per_year)
        for year, block in enumerate(values):  # a year at a time: series of levels are large
            there = np.isfinite(block)
            share = weights @ there
            total = weights @ np.where(there, block, 0.0)
            made[year] = np.where(share > 0, total / np.where(share > 0, share, 1.0), np.nan)
        kept = {name: at for name, at in rest.coords.items() if "time" not in at.dims}
        return xr.DataArray(
            made.reshape(-1, *rest.shape[1:]), {"time": stamps, **kept}, rest.dims, attrs=series.attrs
        )
