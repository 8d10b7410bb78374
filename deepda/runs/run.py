"""A trained run in Python: load it, analyse a window of your own observations, go on to the next.

run = load_run()                                        # weights of the built-in ocean, as shipped
run = load_run("runs/osse")                             # or a run of your own
analysis = run.analyse(table, "2003-01-03")             # from climatology
analysis = run.analyse(table, "2003-01-08", analysis)   # from the analysis before
analysis.rows, analysis.table                           # what became of each row
analysis.dataset.to_netcdf("2003-01-08.nc")             # a file as those of a reanalysis
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from numbers import Number
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr
from numpy.typing import NDArray

from deepda.assimilation.cycle import Analyser, Nothing, Result, cycle, filtered, run_cycle
from deepda.assimilation.state import StateSpace
from deepda.assimilation.superobs import superobs
from deepda.base.synthetic import COLUMN, refusal_of_rows
from deepda.climatology.files import months_named
from deepda.climatology.observed import ObservedClimatology
from deepda.climatology.seasonal import Climatology
from deepda.feedback.checked import CheckedObservations, WindowOfRows
from deepda.geometry.windows import WindowError, Windows, season_of, windows, years_of
from deepda.networks.device import AUTO
from deepda.observations.marks import marked
from deepda.observations.plain import plain_table
from deepda.observations.table import TableError, require_table
from deepda.output.cf import Attribute
from deepda.output.dataset import dataset_of
from deepda.output.results import ARGUMENTS, field_of
from deepda.quality import Context, screen
from deepda.quality.errors import Representativeness, with_errors
from deepda.runs.analysis import Analysis, require_before
from deepda.runs.attributes import OF_CONTROL, of_analysis, of_run
from deepda.runs.errors import REPRESENTATIVENESS, Errors, representativeness
from deepda.runs.finished import FinishedRun
from deepda.runs.shipped import SHIPPED, folder_of

OUTSIDE_WINDOW, WITHOUT_TIME = "outside_window", "without_time"
DATE = re.compile(r"(?!0000)\d{4}(?!\d)")


@dataclass(frozen=True, eq=False)
class Run:
    """A trained analyser and the space it works in.

    Attributes:
        analyser: of the run, with the errors of the real ocean where its climatology is an observed one.
        usual: climatology and standard deviation by which quality control judges, degC and K.
        representativeness: of the real ocean; None leaves rows the error they have.
        made_from: attributes of each dataset: settings, weights, climatology.
    """

    analyser: Analyser
    space: StateSpace
    usual: Climatology
    representativeness: Representativeness | None
    made_from: Mapping[str, Attribute]

    def window(self, time: str | np.datetime64 | date) -> Windows:
        """The assimilation window that holds a time (UTC), as `Windows` of length one.

        Raises:
            WindowError: not a date, or not of the years 1 to 9999.
        """
        moment = _moment(time)
        year, per_year = int(years_of(moment)), self.space.climatology.per_year
        return windows(year, year, per_year).first(season_of(moment, per_year) + 1).last(1)

    def analyse(
        self,
        table: pd.DataFrame,
        time: str | np.datetime64 | date,
        before: Analysis | None = None,
        quality_control: bool = True,
    ) -> Analysis:
        """Analyse the observations of the window that holds `time`.

        Args:
            table: observation table (time, lat, lon, depth m, temperature degC potential, error K);
                rows of other windows and rows without time are left out. Times without zone are UTC.
            time: any moment of the window.
            before: what this returned for the window directly before; None starts from climatology.
            quality_control: reject rows as a reanalysis does, by the checks of `deepda.quality` and by
                the check against the background; without it every row on the grid is used.

        Raises:
            TableError: columns are missing or hold something else than they must, or values of the
                window are impossible; or rows of a simulated ocean (column `synthetic`) for a run of the
                real one.
            WindowError: `time` is not a date.
            BeforeError: `before` is of another window, of another grid, or no analysis.
            DivergenceError: the analysis left physical limits; names the rows furthest from the
                background.
        """
        span = self.window(time)
        require_before(before, span, self.space)
        rows = plain_table(table)
        simulated = self._marked(rows) or (before is not None and before.marked)
        reason = _reasons_of_time(rows["time"], span)
        inside = (reason == "").to_numpy()
        numbered = rows.assign(row=np.arange(len(rows)))[inside].reset_index(drop=True)
        window = self._window(numbered, span, quality_control)
        last = self.analyser.first_guess(1) if before is None else before.estimate
        kept = _Kept()
        with torch.inference_mode():
            results = filtered(cycle(self.analyser, last, [window.to(last.mean.device)]))
            estimate = run_cycle(results, kept, Nothing(), self.space.limit.to(last.mean.device))
        step = kept.result.step
        assert isinstance(step.observations, CheckedObservations)
        found = step.observations.feedback(step.background, kept.result.estimate)
        feedback = _join(table, reason, found, inside)
        counts = feedback.loc[~feedback["used"], "reason"].value_counts()
        numbers = {"used": int(feedback["used"].sum())} | {
            str(k): int(n) for k, n in counts.items() if n
        }
        used_before = 0 if before is None else before.observations
        real = self.representativeness is not None
        said = of_analysis(real, simulated, numbers, used_before)
        dataset = self._dataset(kept.result, span, {**self.made_from, **said})
        used = numbers["used"] + used_before
        return Analysis(dataset, estimate, feedback, numbers, span, self.space, used, simulated)

    def _window(
        self, rows: pd.DataFrame, span: Windows, quality_control: bool
    ) -> WindowOfRows | CheckedObservations:
        require_table(rows)
        start, end, season = next(iter(span))
        if self.representativeness is not None:
            rows = with_errors(rows, self.space.grid, self.representativeness)
        if quality_control:
            rows = _screened(rows, Context(self.space.grid, end, self.usual))
            when = torch.tensor([season])
            return WindowOfRows(rows, start, end, when, self.space, None)
        found = superobs(rows, self.space.grid, season, self.space.climatology)
        seen = self.space.observations(found, season)
        return CheckedObservations.of(seen, rows, start, end, self.space)

    def _marked(self, rows: pd.DataFrame) -> bool:
        """Whether rows are marked as those of a simulated ocean."""
        number = int(marked(rows[COLUMN]).sum()) if COLUMN in rows else 0
        if number and self.representativeness is not None:
            raise TableError(refusal_of_rows(number, len(rows), "the table"))
        return number > 0

    def _dataset(self, result: Result, span: Windows, attributes: Mapping[str, Attribute]) -> xr.Dataset:
        season, background = int(span.season[0]), result.step.background
        fields = {
            name: field_of(name, self.space, season, background, result.estimate) for name in ARGUMENTS
        }
        return dataset_of(self.space.grid, span, fields, attributes)


class _Kept:
    """Keeps the result of a single window."""

    result: Result

    def write(self, result: Result) -> None:
        self.result = result


def load_run(
    folder: str | Path = SHIPPED,
    device: str = AUTO,
    climatology: str | Path | Sequence[str | Path] | None = None,
) -> Run:
    """A trained run: one made by `deepda osse run`, or the one that comes with DeepDA.

    Args:
        folder: of the run; without it the shipped one, see docs/model-card.md.
        device: that it analyses on: auto (a GPU where there is one), cpu or cuda.
        climatology: a file, files or a folder of an observed monthly climatology: the observations are
            those of the real ocean. Anomalies are taken from it, so that the bias of the model stays
            out, and errors are those of `deepda reanalysis` of real observations (docs/feedback.md): of
            the `error` of a row the instrument's part is kept. None: the climatology and the errors of
            the model; an analysis is then one on a simulated ocean, and says so.

    Raises:
        ConfigError, CheckpointError: it is not there, broken, or of another version.
        ClimatologyError: files that are no monthly climatology. DeviceError: the device is not there.
    """
    run = FinishedRun(folder_of(str(folder)), device)
    if climatology:
        names = [climatology] if isinstance(climatology, str | Path) else climatology
        return _of_real_ocean(run, [str(name) for name in names])
    analyser, usual = run.analyser, _usual(run.space)
    return Run(analyser, run.space, usual, None, of_run(run, {"climatology": OF_CONTROL}))


def _of_real_ocean(run: FinishedRun, names: Sequence[str]) -> Run:
    """Anomalies from an observed climatology, errors as the real ocean departs from it."""
    grid, climatology = run.space.grid, run.space.climatology
    months = months_named(names)
    observed = ObservedClimatology.of(months, None, grid, climatology.per_year)
    space = replace(run.space, climatology=replace(climatology, mean=observed.mean))
    errors = Errors.of_real_ocean(REPRESENTATIVENESS, space)
    values = representativeness(REPRESENTATIVENESS, observed.mean, grid)
    named = {"climatology": f"observed: {', '.join(names)}", "climatology_sha256": months.sha256}
    cycled, made_from = errors.cycled(run.analyser, space), of_run(run, named)
    return Run(cycled, errors.space(space), _usual(space), values, made_from)


def _usual(space: StateSpace) -> Climatology:
    """What quality control holds for usual: as the control simulation varies."""
    return Climatology(space.climatology.mean, np.where(space.grid.ocean, space.scale, np.nan))


def _moment(time: object) -> np.datetime64:
    """A date of four digits of year, or a moment; the words and numbers that numpy takes are none."""
    try:
        if not isinstance(time, Number) and DATE.match(str(time)):
            return np.datetime64(str(time), "s")
    except ValueError:
        pass
    raise WindowError(f"{time!r} is no date, expected one such as 2003-01-03; write year, month, day")


def _reasons_of_time(time: pd.Series, span: Windows) -> pd.Series:
    """(row) "" in the window, else why not."""
    inside = ((time >= span.start[0]) & (time < span.end[0])).to_numpy()
    reason = np.where(inside, "", np.where(time.isna(), WITHOUT_TIME, OUTSIDE_WINDOW))
    return pd.Series(reason, dtype=object)


def _screened(rows: pd.DataFrame, context: Context) -> pd.DataFrame:
    """The rows with `reason`: "" where all checks are passed."""
    found = screen(context, rows)
    reason = pd.Series("", index=rows.index, dtype=object)
    reason[found.rejected.index] = found.rejected["reason"].astype(str)
    return rows.assign(reason=reason)


def _join(
    table: pd.DataFrame, reason: pd.Series, found: pd.DataFrame, inside: NDArray[np.bool_]
) -> pd.DataFrame:
    """The given rows with what became of those in the window, and why the others were left out."""
    out = table.assign(used=False)
    for name in ("background", "analysis", "spread"):
        values = np.full(len(table), np.nan, np.float32)
        values[inside] = found[name]
        out[name] = values
    used, why = np.zeros(len(table), bool), reason.to_numpy(copy=True)
    used[inside], why[inside] = found["used"], found["reason"].astype(str)
    return out.assign(used=used, reason=why)
