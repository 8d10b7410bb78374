"""Moored buoys of TAO/TRITON, PIRATA and RAMA: time series with EPIC codes as variable names.

Two layouts of the GTMBA project office (PMEL): CF contiguous ragged (rowSize) with T_25 or T_20, and
T_20(time, depth, lat, lon). Quality: 1 highest, 2 default (pre-deployment calibration), 3 adjusted,
4 lower, 5 sensor failed, 0 missing. T_25 is at the surface, T_20 at depth.
"""

from __future__ import annotations

from pathlib import Path

from deepda.observations.cf import sample_rows
from deepda.observations.cfroles import find_roles
from deepda.observations.ncfile import NetcdfFile
from deepda.observations.qualities import BAD, GOOD, PROBABLY_GOOD, SUSPECT, UNKNOWN
from deepda.observations.reading import ReadOptions, ReadResult, finish
from deepda.observations.samples import samples_of
from deepda.observations.temperatures import not_read

QUALITY = {0: BAD, 1: GOOD, 2: GOOD, 3: PROBABLY_GOOD, 4: SUSPECT, 5: BAD, -1: UNKNOWN}
TEMPERATURES = ("T_20", "T_25")
FLAGS = {"T_20": "QT_5020", "T_25": "QT_5025"}


def read_mooring(path: Path, options: ReadOptions) -> ReadResult:
    """Read a file of moored buoys, its variables by the names of their dimensions.

    Raises:
        ObservationError: neither T_20 nor T_25, no time, place or depth, or damaged.
    """
    with NetcdfFile(path) as file:
        name = next((name for name in TEMPERATURES if name in file), None)
        if name is None:
            raise file.error(f"it holds none of {', '.join(TEMPERATURES)}", "leave it out")
        flag = {"qc": FLAGS[name]} if FLAGS[name] in file else {}
        roles = find_roles(file, {"in_situ": name} | flag)
        if roles is None:
            raise file.error(f"{name} has no time, latitude and longitude", "leave it out")
        rows = sample_rows(file, roles, samples_of(file, name), options, QUALITY)
        others = [other for other in TEMPERATURES if other in file and other != name]
    rows = rows.assign(platform_type="mooring")
    return finish(rows, path, "mooring", options, assumed=(*roles.assumed, *not_read(name, others)))
