"""What is known of a sensor before its values are looked at."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.quality.casts import platforms

Rows = NDArray[np.bool_]
WORST_PRESSURE_ERROR = 20.0  # dbar
SUSPICIOUS = 3  # Argo flag: probably bad; 4: bad
TEMPERATURE_NEEDS = ("TEMP", "PRES")  # a depth that is wrong makes a temperature wrong


def grey_listed(table: pd.DataFrame, greylist: pd.DataFrame) -> Rows:
    """Floats whose temperature or pressure sensor was on the grey list at the time of the value.

    Argo quality control manual (doi 10.13155/33951), test 15. Delayed-mode values (`data_mode` "D",
    where the table says so) are past that list: the delayed-mode operator has judged the sensor.

    Args:
        table: of `by_cast`.
        greylist: (row) platform_id, parameter, start, end (NaT: still), quality, as
            `deepda.observations.argo.read_greylist` gives it; both days are included.
    """
    listed = greylist[
        greylist["parameter"].isin(TEMPERATURE_NEEDS) & (greylist["quality"] >= SUSPICIOUS)
    ]
    names = table["platform_id"].astype(str) if "platform_id" in table.columns else pd.Series(dtype=str)
    rows = np.flatnonzero((platforms(table) == "argo") & names.isin(listed["platform_id"]).to_numpy())
    bad = np.zeros(len(table), bool)
    if rows.size == 0:
        return bad
    asked = pd.DataFrame({"platform_id": names.iloc[rows].to_numpy(dtype=object), "row": rows,
                          "time": table["time"].to_numpy()[rows]})  # fmt: skip
    found = asked.merge(listed.astype({"platform_id": object}), on="platform_id")
    end = found["end"].fillna(pd.Timestamp.max.floor("D") - pd.Timedelta(days=1)) + pd.Timedelta(days=1)
    within = (found["start"].isna() | (found["time"] >= found["start"])) & (found["time"] < end)
    bad[found.loc[within, "row"].to_numpy()] = True
    if "data_mode" in table.columns:
        bad &= table["data_mode"].to_numpy(dtype=str) != "D"
    return bad


def pressure_error(table: pd.DataFrame) -> Rows:
    """`pressure_error` (dbar), where the table has it, above 20 dbar.

    Argo quality control manual (doi 10.13155/33951), section 3.3: pressures with an error above
    20 dbar (truncated negative drift, microleaks) cannot be used. The Argo reader applies it already
    to the files that say so.
    """
    if "pressure_error" not in table.columns:
        return np.zeros(len(table), bool)
    return table["pressure_error"].to_numpy(float) > WORST_PRESSURE_ERROR
