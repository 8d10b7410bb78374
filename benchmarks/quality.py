"""Hits and false refusals of quality control, check by check, against the flags of experts.

    python benchmarks/quality.py --data DIR --prepared FILE

Sets, from the test data (docs/data.md):
    argo      casts of delayed mode: values as the float sent them, against the flags of adjusted ones
    wod       World Ocean Database, against its own and the originators' flags
    quota     XBTs of 1971 in WOD's own format, against the flags of CSIRO's experts (read by wodpy)
    mooring   daily values at 0N 140W, 25-200 m, in 1997/98 and in quiet years: all are good

They are screened on the grid, with the climatology and the variability of the tutorial, each set as one
table. FILE is the monthly model run on that grid; it is made where it is not there yet. Rows refused as
`duplicate`, `on_land` (a sea that the grid does not have) or `xbt_start` (the first metres of any
probe) are not counted, for none of these is a verdict on a temperature.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import wodpy.wod
import yaml
from table_text import BUT_FIRST, as_table

from deepda.assimilation.state import scale_of
from deepda.climatology.files import read_months, read_surface
from deepda.climatology.observed import ObservedClimatology
from deepda.climatology.seasonal import Climatology
from deepda.control.prepare import prepare_control
from deepda.control.prepared import open_prepared
from deepda.geometry.regrid import grid_edges
from deepda.observations.argo_files import choose_files
from deepda.observations.calendars import days_since
from deepda.observations.flags import ARGO, GTSPP, qualities
from deepda.observations.formats import read_observations
from deepda.observations.ncfile import NetcdfFile
from deepda.observations.qualities import QUALITIES, worst
from deepda.observations.reading import ReadOptions, finish, rows_of
from deepda.quality import Context, screen
from deepda.quality.casts import cast_numbers
from deepda.settings.files import matching_files

MONTHLY = 12
EVERYTHING = ReadOptions(keep=QUALITIES)
GOOD, BAD = ("good", "probably_good"), ("suspect", "bad")
NO_VERDICT = ("duplicate", "on_land", "xbt_start")
PERIODS = {
    "mooring, 1997-05 to 1998-06": ("1997-05-01", "1998-07-01"),
    "mooring, 2001-01 to 2002-04": ("2001-01-01", "2002-05-01"),
}
THERMOCLINE = (25.0, 200.0)  # m
XBT = 2  # WOD's code of the probe


def context_of(data: Path, prepared: Path) -> Context:
    """Grid, climatology and variability of the tutorial."""
    real = data / "real"
    if not prepared.exists():
        edges = yaml.safe_load((Path(__file__).parents[1] / "configs" / "grid" / "gcm.yaml").read_text())
        prepare_control(sorted((data / "gcm").glob("thetao_*.nc")), grid_edges(edges), prepared, MONTHLY)
    grid, thetao = open_prepared(prepared)
    values = thetao.to_numpy()
    model = Climatology.fit(values, np.arange(len(values)) % MONTHLY, MONTHLY)
    months = read_months(matching_files([str(real / "mitgcm")]))
    surface = read_surface(real / "speedy_sst" / "sst_8190clim.t30.sea.grd")
    normal = ObservedClimatology.of(months, surface, grid, MONTHLY)
    stddev = np.where(grid.ocean, scale_of(model, grid), np.nan)
    return Context(grid, np.datetime64("now", "s"), Climatology(normal.mean, stddev))


def argo(real: Path) -> pd.DataFrame:
    """Delayed-mode casts with their unadjusted values; `qc` is the expert's."""
    files = choose_files(sorted((real / "argo").rglob("*.nc")))
    paths = [file.path for file in files if file.status == "use"]
    for folder in ("argo_argopy_tests", "argo_prof_other"):
        paths += sorted((real / folder).rglob("*.nc"))
    tables = [table for path in paths for table in _delayed(path)]
    return pd.concat(tables, ignore_index=True)


def _delayed(path: Path) -> Iterator[pd.DataFrame]:
    with NetcdfFile(path) as file:
        if any(name not in file for name in ("TEMP_ADJUSTED_QC", "PRES_ADJUSTED_QC", "DATA_MODE")):
            return
        raw = file.matrix("TEMP")
        shape, casts = raw.shape, raw.shape[0]
        mode = file.characters("DATA_MODE", (casts,))
        flags = [file.flags(f"{name}_ADJUSTED_QC", shape, ARGO) for name in ("TEMP", "PRES")]
        rows = rows_of(
            np.isfinite(raw) & (mode == "D")[:, None],
            time=days_since(file.numbers("JULD", (casts,)), "1950-01-01"),
            lat=file.numbers("LATITUDE", (casts,)),
            lon=file.numbers("LONGITUDE", (casts,)),
            pressure=file.numbers("PRES", shape),
            temperature=raw,
            salinity=file.numbers("PSAL", shape) if "PSAL" in file else np.full(shape, np.nan),
            platform_type="argo",
            platform_id=file.texts("PLATFORM_NUMBER", casts),
            quality_temperature=worst(*flags),
        )
    if len(rows):
        yield finish(rows, path, "argo", EVERYTHING).table


def wod(real: Path) -> pd.DataFrame:
    """All WOD and IQuOD files; `qc` is the worse of WOD's flag and the originator's."""
    paths = sorted((real / "wod18_iquod").rglob("*.nc"))
    paths += [real / "wod_ind199105" / "ind199105_ctd.nc", *sorted((real / "wodpy").glob("*.nc"))]
    return pd.concat([read_observations(path, EVERYTHING).table for path in paths], ignore_index=True)


def quota(real: Path) -> pd.DataFrame:
    """The casts of QuOTA; `qc` is the originator's, 0 to 5."""
    path = real / "autoqc" / "quota_subset.dat"
    casts: list[pd.DataFrame] = []
    last = False
    with path.open() as file:
        while not last:
            cast = wodpy.wod.WodProfile(file)
            last = cast.is_last_profile_in_file(file)
            casts.append(_of_wodpy(cast, len(casts)))
    return finish(pd.concat(casts, ignore_index=True), path, "wod", EVERYTHING).table


def _of_wodpy(cast: wodpy.wod.WodProfile, number: int) -> pd.DataFrame:
    flags = np.ma.filled(cast.t_level_qc(originator=True), 0)
    return pd.DataFrame(
        {
            "time": np.datetime64(cast.datetime(), "s"),
            "lat": cast.latitude(),
            "lon": cast.longitude(),
            "depth": np.ma.filled(cast.z(), np.nan),
            "temperature": np.ma.filled(cast.t(), np.nan),
            "platform_type": "xbt" if cast.probe_type() == XBT else "other",
            "platform_id": f"cast {cast.uid()}",
            "profile": number,
            "source_index": np.arange(cast.n_levels()),
            "quality_temperature": qualities(np.asarray(flags), GTSPP),
        }
    )


def mooring(real: Path, start: str, end: str) -> pd.DataFrame:
    """The thermocline at 0N 140W in [start, end), values of the best flags; all are good."""
    table = read_observations(real / "tao_moorings" / "t0n140w_dy.cdf").table
    inside = (table["time"] >= start) & (table["time"] < end) & table["depth"].between(*THERMOCLINE)
    return table[inside].assign(qc="good").reset_index(drop=True)


def scores(context: Context, table: pd.DataFrame) -> pd.DataFrame:
    """(check) levels and casts that are bad and refused, good and refused; `any` of them; all there are.

    A cast is bad with one bad level, and clean without; it is refused with one level refused.
    """
    result = screen(context, table.drop(columns="qc"))
    reason = pd.Series("", index=table.index)
    reason[result.rejected.index] = result.rejected["reason"].astype(str)
    judged = ~reason.isin(NO_VERDICT).to_numpy()
    cast, good, bad = cast_numbers(table), table["qc"].isin(GOOD), table["qc"].isin(BAD)
    rows = pd.DataFrame({"cast": cast, "reason": reason, "good": good, "bad": bad})[judged]
    ill = rows.groupby("cast")["bad"].transform("any")
    clean = ~ill & rows.groupby("cast")["good"].transform("any")
    rows = rows.assign(ill=ill, clean=clean)
    refused = rows[rows["reason"] != ""]
    lines = {name: _counts(part) for name, part in refused.groupby("reason")}
    return pd.DataFrame(lines | {"any": _counts(refused), "of": _counts(rows)}).T


def _counts(rows: pd.DataFrame) -> dict[str, int]:
    return {
        "bad levels": int(rows["bad"].sum()),
        "good levels": int(rows["good"].sum()),
        "bad casts": rows.loc[rows["ill"], "cast"].nunique(),
        "clean casts": rows.loc[rows["clean"], "cast"].nunique(),
    }


def report(name: str, counts: pd.DataFrame) -> str:
    """A Markdown table of one set, and shares of all in its last line."""
    shares = 100 * counts.loc["any"] / counts.loc["of"].replace(0, np.nan)
    rows = [["refused by", *counts.columns]]
    for check, row in zip(counts.index, counts.to_numpy(), strict=True):
        rows.append([check, *(f"{number:,}" for number in row)])
    rows.append(["share", *("" if pd.isna(share) else f"{share:.2g} %" for share in shares)])
    return f"\n{name}\n\n{as_table(rows, right=BUT_FIRST)}"


def main() -> None:
    """Screen all sets and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--prepared", type=Path, required=True)
    options = parser.parse_args()
    context, real = context_of(options.data, options.prepared), options.data / "real"
    bare = replace(context, climatology=None)
    floats = argo(real)
    print(report("argo", scores(context, floats)))
    print(report("argo without salinity", scores(context, floats.assign(salinity=np.nan))))
    print(report("argo without climatology", scores(bare, floats)))
    print(report("wod", scores(context, wod(real))))
    print(report("quota", scores(context, quota(real))))
    for name, period in PERIODS.items():
        print(report(name, scores(context, mooring(real, *period))))


if __name__ == "__main__":
    main()
