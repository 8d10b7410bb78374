"""An ingested folder of real observations as an `ObservedOcean`.

    rows of a window --quality control--> kept --layers, errors--> values --superobs--> the analysis
                            |                      |
                            +-- reason             +-- withheld by platform

Every ingested row of a window is in its table: as itself with a reason, or behind a value, whose column
`rows` says for how many rows it stands. The sum of `rows` is the number of rows ingested.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.assimilation.decay import LEFT_A_MONTH, WIDTH_KM
from deepda.assimilation.state import StateSpace
from deepda.base.files import checksum, digest_of
from deepda.base.progress import Progress
from deepda.base.text import period
from deepda.climatology.annual import about_annual_mean
from deepda.climatology.common_period import MeanDepartures, in_season, kept_correction
from deepda.climatology.displacement import EL_NINO, HEAVE, MEANDER, displacement_spread
from deepda.climatology.files import months_named, read_annual, read_surface
from deepda.climatology.observed import ObservedClimatology
from deepda.climatology.seasonal import Climatology
from deepda.feedback.window import usable, with_rejected, withhold
from deepda.geometry.grid import OUTSIDE, Grid
from deepda.geometry.windows import season_of, windows
from deepda.observations.argo import read_greylist
from deepda.observations.ingested import read_ingested
from deepda.observations.ingested_files import OBSERVATIONS
from deepda.observations.manifest import NAME as MANIFEST
from deepda.observations.manifest import IngestError
from deepda.observations.table import cells
from deepda.quality import Context, screen, to_layers
from deepda.quality.casts import cast_numbers
from deepda.quality.errors import Representativeness, with_errors
from deepda.runs.errors import FRONTS, representativeness
from deepda.settings.schema import Config, ConfigError, IngestedObservations

NO_LAYER = "no_layer"  # a cast that gives a value in no layer: too few levels, too far apart, too deep
# Gridded products interpolate: cells side by side come from the same measurements and err alike. Of
# the standard deviation of their error this share is common to the values of an analysed cell.
SHARED = 0.9
MOVED = "mean and annual harmonic, by all observations"
YEAR_FOLDER = re.compile(r"year=(\d+)")


class IngestedOcean:
    """The ocean that an ingested folder saw.

    Args:
        folder: of `deepda observations ingest`.
        normal: climatology of the observations.
        withheld: share of the platforms that the analysis must not see, and names of further ones.
        about: where observations and climatology come from.

    Raises:
        IngestError: no ingested folder, or an empty one.
    """

    synthetic = False
    fallible = True

    def __init__(
        self,
        folder: Path,
        context: Context,
        normal: ObservedClimatology,
        representativeness: Representativeness,
        withheld: tuple[float, Sequence[str]],
        about: Mapping[str, Any],
    ) -> None:
        assert context.climatology is not None
        self._folder, self._context, self._withheld = folder, context, withheld
        self._normal, self._representativeness = normal, representativeness
        self.years = years_of(folder)
        self.climatology: Climatology = context.climatology
        self.about = about
        self.edition = checksum(folder / MANIFEST)

    def moved_to(self, years: range, per_year: int, folder: Path, progress: Progress) -> Self:
        """The same, the climatology moved to the mean of a period (`deepda.climatology.common_period`).

        Withheld values have no part in it. Values depart from the climatology of their place as before:
        the correction is one of cells.

        Args:
            folder: that keeps the correction, so that it is worked out once.

        Raises:
            IngestError: the period has no year of observations.
        """
        if years[0] > self.years[-1] or years[-1] < self.years[0]:
            raise IngestError(
                f"the climatology is to be moved to the period {period(years, '-')}, observations of "
                f"{period(self.years, '-')} found, expected some of these years; give another "
                "observations.period, or null"
            )
        about = {**self.about, "climatology_period": [years[0], years[-1]], "climatology_moved": MOVED}
        terms = kept_correction(
            folder,
            digest_of([self.edition, json.dumps(about, sort_keys=True), str(self._withheld)]),
            lambda: self._lacking(years, per_year, progress),
        )
        mean = (self.climatology.mean + in_season(terms, per_year)).astype(np.float32)
        context = replace(self._context, climatology=replace(self.climatology, mean=mean))
        return type(self)(
            self._folder, context, self._normal, self._representativeness, self._withheld, about
        )

    def _lacking(self, years: range, per_year: int, progress: Progress) -> NDArray[np.float64]:
        """Terms of what the climatology lacks in the years, by the values that may be used."""
        grid = self._context.grid
        spread = displacement_spread(self._normal.mean, grid)
        departures = MeanDepartures(grid, spread, years, per_year)
        span = windows(max(years[0], self.years[0]), min(years[-1], self.years[-1]), per_year)
        title = f"Moving the climatology to {period(years, '-')}"
        stream = progress.track(span, title, len(span))
        for year, of_year in groupby(zip(stream, span.year, strict=True), itemgetter(1)):
            departures.add_year(int(year), [self._departures(*window) for window, _ in of_year])
        return departures.terms()

    def _departures(
        self, start: np.datetime64, end: np.datetime64, season: int
    ) -> tuple[int, NDArray[np.integer], NDArray[np.floating]]:
        """Season, (row) cell and (row) anomaly, K, of the values of a window that may be used."""
        rows = usable(self.table(start, end))
        cell = cells(rows, self._context.grid)
        normal = np.where(cell == OUTSIDE, np.nan, self.climatology.mean[season].ravel()[cell])
        return season, cell, rows["temperature"].to_numpy(float) - normal

    def table(self, start: np.datetime64, end: np.datetime64) -> pd.DataFrame:
        """All rows of the window [start, end): values in layers, and rejected rows with their reason.

        Columns beside those of the observation table: `reason` ("" is kept), `withheld`, `count`,
        `rows`, `shared_error`, and `shift` (K): what the climatology says is between a value's own place
        and time and its cell and window; it is in `temperature`.
        """
        rows = read_ingested(self._folder, start, end)
        found = screen(self._context, rows)
        grid = self._context.grid
        values, without = _values(found.kept, grid)
        values = self._placed(with_errors(values, grid, self._representativeness), start, end)
        rejected = pd.concat([found.rejected.astype({"reason": str}), without]).assign(rows=np.int32(1))
        table = with_rejected(values, rejected)
        _require_balanced(len(rows), table)
        gridded = (table["platform_type"] == "satellite").to_numpy()
        shared = np.where(gridded, SHARED * table["error"].to_numpy(np.float32), np.float32(0))
        return withhold(table.assign(shared_error=shared), *self._withheld)

    def _placed(self, values: pd.DataFrame, start: np.datetime64, end: np.datetime64) -> pd.DataFrame:
        """Values moved from their place and time to their cell and window, by the climatology."""
        lat, lon = (np.asarray(values[name], float) for name in ("lat", "lon"))
        level = self._context.grid.locate(lat, lon, values["depth"])[0]
        middle = start + (end - start) // 2
        season = season_of(middle, self._normal.per_year)
        shift = self._normal.shift(values["time"].to_numpy(), level, lat, lon, (middle, season))
        moved = (values["temperature"].to_numpy(float) + shift).astype(np.float32)
        return values.assign(temperature=moved, shift=shift.astype(np.float32))

    def truth(self, start: np.datetime64, end: np.datetime64) -> None:
        """None: the truth of the real ocean is unknown."""
        return None


def open_archive(config: Config, space: StateSpace, folder: Path, progress: Progress) -> IngestedOcean:
    """The ingested folder of the settings, on the grid of a trained run.

    Anomalies are taken from the observed climatology. What quality control holds for usual follows from
    the variability of the control run (`space.scale`), what a single place says of its cell from the
    displacements of the climatology.

    Raises:
        ConfigError: the settings name synthetic observations, or files that are not there.
        IngestError, ClimatologyError, ObservationError: a folder or files that cannot be used.
    """
    chosen = config.observations
    if not isinstance(chosen, IngestedObservations):
        raise ConfigError(
            f"observations of the kind {chosen.kind} found, expected ingested ones; write "
            "observations=ingested observations.folder=DIR"
        )
    months = months_named(chosen.climatology)
    if chosen.annual_climatology is not None:
        months = about_annual_mean(months, read_annual(Path(chosen.annual_climatology)))
    surface = (
        None if chosen.surface_climatology is None else read_surface(Path(chosen.surface_climatology))
    )
    normal = ObservedClimatology.of(months, surface, space.grid, config.per_year)
    climatology = Climatology(normal.mean, np.where(space.grid.ocean, space.scale, np.nan))
    greylist = None if chosen.greylist is None else Path(chosen.greylist)
    listed = None if greylist is None else read_greylist(greylist)
    # Dates to come were rejected at the ingest. Not the clock: the same whenever it is asked.
    now = np.datetime64(f"{years_of(Path(chosen.folder))[-1] + 1}-01-01", "s")
    ocean = IngestedOcean(
        Path(chosen.folder),
        Context(space.grid, now, climatology, listed),
        normal,
        representativeness(chosen.representativeness, normal.mean, space.grid),
        (chosen.withheld, chosen.withheld_platforms),
        {
            "source": "observations ingested from files",
            "errors": f"displacements of the climatology by {HEAVE:g} m and {MEANDER / 1e3:g} km, "
            f"for gridded products {FRONTS / 1e3:g} km",
            "check": f"bears a heave of the thermocline on the equator by {EL_NINO:g} m",
            "decay": f"{LEFT_A_MONTH:g} of anomalies below {WIDTH_KM:g} km are left after a month",
            "climatology_sha256": months.sha256,
            "surface_climatology_sha256": "" if surface is None else surface.sha256,
            "greylist_sha256": "" if greylist is None else checksum(greylist),
        },
    )
    progress.note(f"observations: {chosen.folder}, {period(ocean.years, '-')}")
    if chosen.period is None:
        return ocean
    first, last = chosen.period
    return ocean.moved_to(range(first, last + 1), config.per_year, folder, progress)


def years_of(folder: Path) -> range:
    """First to last year with observations of an ingested folder.

    Raises:
        IngestError: there is none.
    """
    names = (YEAR_FOLDER.fullmatch(path.name) for path in (folder / OBSERVATIONS).glob("year=*"))
    years = [int(name[1]) for name in names if name]
    if not years or not (folder / MANIFEST).exists():
        raise IngestError(
            f"{folder} holds no ingested observations, expected {OBSERVATIONS}/ and {MANIFEST}; run "
            "`deepda observations ingest`, and name its folder with observations.folder=DIR"
        )
    return range(min(years), max(years) + 1)


def _values(kept: pd.DataFrame, grid: Grid) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Values in layers, with the number of rows behind them, and rows of casts that give none."""
    cast = cast_numbers(kept)
    values = to_layers(kept.assign(behind=cast), grid)
    size = np.bincount(cast, minlength=1)
    number = values["behind"].to_numpy()
    given = np.bincount(number, minlength=size.size)
    order = values.groupby("behind").cumcount().to_numpy()
    share, rest = np.divmod(size[number], given[number])
    values = values.assign(rows=(share + (order < rest)).astype(np.int32)).drop(columns="behind")
    return values, kept[given[cast] == 0].assign(reason=NO_LAYER)


def _require_balanced(rows_in: int, table: pd.DataFrame) -> None:
    if rows_in != int(table["rows"].sum()):
        raise AssertionError(
            f"{rows_in} rows were ingested, {int(table['rows'].sum())} are accounted for: layers lost "
            "or made rows"
        )
