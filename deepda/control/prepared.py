"""The prepared control file: what the rest of the system reads, whatever model it came from.

CF NetCDF: thetao(time, depth, lat, lon) degC, NaN on land; calendar 365_day, whole years of 73
pentads or 12 months, stamps amid their window, `time_bnds`; the Grid's coordinates and `ocean`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import netCDF4
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.base.files import hidden_name, publish, refusing_writes
from deepda.base.synthetic import ATTRIBUTE, VALUE
from deepda.control.axes import ControlError
from deepda.control.opening import guarded, require_file_or_folder
from deepda.geometry.grid import Grid, GridError
from deepda.geometry.windows import MONTH_LENGTHS, MONTHS, PENTADS, season_of_noleap_day

FILL = np.float32(1e20)
PACKED_FILL = -32768
CHUNK_BYTES = 16_000_000  # of the file, and of one lazy read
THETAO = {
    "standard_name": "sea_water_potential_temperature",
    "long_name": "potential temperature",
    "units": "degC",
    "units_metadata": "temperature: on_scale",
    "cell_methods": "time: mean area: mean where sea",
    "cell_measures": "area: areacello",
}


@dataclass(frozen=True)
class Packing:
    """Storage in 16-bit integers: value = offset + quantum * number.

    Attributes:
        quantum: K.
        offset: degC.
    """

    quantum: float
    offset: float

    @property
    def reach(self) -> float:
        """K: values so far from the offset can be stored."""
        return (-PACKED_FILL - 1) * self.quantum

    def __call__(self, thetao: NDArray[np.float32]) -> NDArray[np.int16]:
        """The numbers of values in degC; NaN becomes PACKED_FILL."""
        steps = np.rint((thetao - np.float32(self.offset)) / np.float32(self.quantum))
        return np.where(np.isnan(steps), PACKED_FILL, steps).astype(np.int16)


class PreparedWriter:
    """A prepared control file in the making; complete under its name on leaving the context.

    Until then a hidden file stands beside it, which an error removes.

    Args:
        path: final name; its folder must exist.
        years: first and last year, both included.
        per_year: 73 or 12.
        packing: 16-bit integers; 32-bit floats if None.

    Raises:
        OutputError: the file cannot be written.
    """

    def __init__(
        self,
        path: str | Path,
        grid: Grid,
        years: tuple[int, int],
        per_year: int,
        attributes: Mapping[str, str | int | float],
        packing: Packing | None = None,
    ) -> None:
        self.path = Path(path)
        self.grid, self.years, self.per_year = grid, years, per_year
        self.attributes = {"Conventions": "CF-1.11", ATTRIBUTE: VALUE, **attributes}
        self.packing = packing
        self._partial = hidden_name(self.path)

    def __enter__(self) -> Self:
        with refusing_writes(self.path):
            self._partial.unlink(missing_ok=True)
            self._file = netCDF4.Dataset(self._partial, "w")
            self._write_header()
        return self

    def write(self, first: int, thetao: NDArray[np.float32]) -> None:
        """Put windows (time, depth, lat, lon), degC, NaN on land, from the window `first` on."""
        with refusing_writes(self.path):
            stored = self.packing(thetao) if self.packing else np.where(np.isnan(thetao), FILL, thetao)
            self._file["thetao"][first : first + len(thetao)] = stored

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        try:
            with refusing_writes(self.path):
                self._file.close()
                if kind is None:
                    publish(self._partial, self.path)
        finally:
            with suppress(OSError):
                self._partial.unlink(missing_ok=True)

    def _write_header(self) -> None:
        file, grid = self._file, self.grid
        file.setncatts(self.attributes)
        coords = grid.coords()
        for name, size in {**coords.sizes, "time": None}.items():
            file.createDimension(str(name), size)
        for name, variable in coords.variables.items():
            made = file.createVariable(
                str(name), variable.dtype, tuple(map(str, variable.dims)), zlib=variable.ndim == 3
            )
            made.setncatts(variable.attrs)
            made[:] = variable.values
        bounds = window_days(self.per_year, self.years[1] - self.years[0] + 1)
        time = file.createVariable("time", "f8", ("time",))
        time.setncatts(
            {
                "standard_name": "time",
                "axis": "T",
                "bounds": "time_bnds",
                "calendar": "365_day",
                "units": f"days since {self.years[0]:04d}-01-01",
            }
        )
        time[:] = bounds.mean(axis=1)
        file.createVariable("time_bnds", "f8", ("time", "bnds"))[:] = bounds
        self._declare_thetao()

    def _declare_thetao(self) -> None:
        at_once = int(np.clip(CHUNK_BYTES // (4 * self.grid.ocean.size), 1, self.per_year))
        made = self._file.createVariable(
            "thetao",
            "i2" if self.packing else "f4",
            ("time", "depth", "lat", "lon"),
            zlib=True,
            complevel=1,
            fill_value=PACKED_FILL if self.packing else FILL,
            chunksizes=(at_once, *self.grid.shape),
        )
        made.setncatts(THETAO)
        if self.packing:
            made.scale_factor = np.float32(self.packing.quantum)
            made.add_offset = np.float32(self.packing.offset)
        made.set_auto_maskandscale(False)


def window_days(per_year: int, years: int) -> NDArray[np.float64]:
    """(window, 2) beginning and end of the windows of so many 365_day years, days from the first."""
    lengths = np.array(MONTH_LENGTHS) if per_year == MONTHS else np.full(PENTADS, 5)
    edges = np.append(0.0, np.cumsum(np.tile(lengths, years)))
    return np.stack([edges[:-1], edges[1:]], axis=1)


def open_prepared(path: str | Path) -> tuple[Grid, xr.DataArray]:
    """A prepared control file, lazily.

    Returns:
        its Grid, and thetao(time, depth, lat, lon) degC, NaN on land, with coordinates `season`
        (time; 0..per_year-1) and `year` (time).

    Raises:
        ControlError: no such file, or one that was not prepared.
    """
    path = Path(path)
    if not path.exists():
        raise ControlError(
            f"{path} does not exist, expected a prepared control file; make it with "
            "`deepda control prepare`"
        )
    require_file_or_folder(path)
    try:
        dataset = xr.open_dataset(path, decode_times=xr.coders.CFDatetimeCoder(use_cftime=True))
        dataset = guarded(dataset, path)
        grid = Grid.from_dataset(dataset)
    except ControlError:
        raise
    except GridError as error:
        raise ControlError(f"{path}: {error}") from error
    except (OSError, ValueError, RuntimeError) as error:
        raise ControlError(
            f"{path} cannot be read ({str(error).splitlines()[0]}), expected a prepared "
            "control file; prepare it again"
        ) from error
    if "thetao" not in dataset or dataset["thetao"].dims != ("time", "depth", "lat", "lon"):
        raise _not_prepared(path, "no thetao(time, depth, lat, lon)")
    if dataset["time"].dt.calendar != "noleap":
        raise _not_prepared(path, f"calendar {dataset['time'].dt.calendar}")
    thetao = dataset["thetao"].chunk(time=max(1, CHUNK_BYTES // (4 * grid.ocean.size)))
    return grid, thetao.assign_coords(_seasons(dataset["time"], path))


def _seasons(time: xr.DataArray, path: Path) -> dict[str, tuple[str, NDArray[np.intp]]]:
    """The coordinates `season` and `year`; refuses anything but whole years of windows."""
    stamps = time.values
    year = np.array([stamp.year for stamp in stamps])
    day = np.array([stamp.dayofyr - 1 + stamp.hour / 24 + stamp.minute / 1440 for stamp in stamps])
    per_year = int(np.sum(year == year[0]))
    if per_year not in (PENTADS, MONTHS):
        raise _not_prepared(path, f"{per_year} steps in year {year[0]}")
    season = season_of_noleap_day(day, per_year)
    expected = np.arange(len(stamps))
    if len(stamps) % per_year or not np.array_equal((year - year[0]) * per_year + season, expected):
        raise _not_prepared(path, "steps missing or out of order")
    return {"season": ("time", season.astype(np.intp)), "year": ("time", year.astype(np.intp))}


def _not_prepared(path: Path, what: str) -> ControlError:
    return ControlError(
        f"{path} has {what}, expected thetao in whole 365_day years of 73 or 12 windows; "
        "run `deepda control prepare` on it"
    )
