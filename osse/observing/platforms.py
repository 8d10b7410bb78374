"""Floats, shipping lines, cruises and moorings of 1981-2025: how many, where, how deep.

Numbers and nominal positions follow history; individual places are drawn from a seed. Every platform
stays in the grid's ocean: a profile ends at the instrument's reach or at the sea floor of its column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepda.geometry.grid import OUTSIDE, Grid
from deepda.geometry.sphere import EARTH_RADIUS, great_circle, places, unit_vectors
from deepda.geometry.windows import windows

FIRST_YEAR, LAST_YEAR = 1981, 2025  # history is drawn for these years, whatever part is asked for
DAY = 86_400  # s

# Operating floats: 3,000 in October 2007 (bodc.ac.uk), 4,000 in January 2020 and 3,600 in November
# 2023 (argo.ucsd.edu); the years between are rounded.
ARGO = {2000: 0, 2001: 300, 2002: 550, 2003: 900, 2004: 1300, 2005: 1700, 2006: 2300, 2007: 2700,
        2008: 3050, 2010: 3200, 2014: 3600, 2018: 3900, 2020: 4000, 2024: 3600, 2026: 3600}  # fmt: skip
ARGO_CYCLE = 10  # days
ARGO_LIFE = 150  # cycles, mean (celebrating200years.noaa.gov: "about 150 such cycles")
ARGO_STEP = 0.3  # degrees of latitude a cycle and direction: some 4 km a day at 1,000 m
ARGO_PARK, ARGO_DEEPEST = 1000.0, 2000.0  # m
ARGO_POLEWARD = 65.0  # degrees, no float is deployed beyond

# Crossings a line and year, cruises a year, and the share of probes that reach 750 m (the others 450 m).
# The order of the record, not the record: they give some 20,000 bathythermographs a year in the
# 1980s and 1990s and half of that in the 2010s, about the decline of the real network
# (Abraham et al. 2013, Rev. Geophys. 51; Goni et al. 2019, Front. Mar. Sci. 6).
CROSSINGS = {1981: 16, 1985: 20, 1998: 20, 2005: 12, 2012: 9, 2026: 8}
DEEP_SHARE = {1981: 0.1, 1990: 0.35, 2000: 0.7, 2010: 0.9, 2026: 0.95}
XBT_SHALLOW, XBT_DEEP, XBT_SPACING, XBT_SPEED = 450.0, 750.0, 150e3, 8.0  # m, m, m, m s-1
CRUISES = {1981: 50, 1990: 80, 1997: 80, 2005: 50, 2026: 50}
CTD_DEEPEST, CTD_SPACING, CTD_SPEED, CTD_LENGTH = 6000.0, 60e3, 3.0, 2.5e6  # m, m, m s-1, m

# Ends of repeated lines (lat, lon, lat, lon): names and routes after Goni et al. 2019, positions those
# of a harbour or of the open sea before it.
LINES = {
    "AX01": (60, -43, 58, 4), "AX02": (43, -66, 64, -22), "AX03": (50, -4, 40, -73),
    "AX07": (25, -80, 36, -6), "AX08": (-34, 18, 40, -73), "AX10": (40, -73, 18, -66),
    "AX11": (48, -6, -8, -34), "AX18": (-34, 18, -35, -56), "AX20": (48, -6, 6, -52),
    "AX22": (-55, -65, -64, -61), "AX25": (-34, 18, -69, 2), "PX02": (-6, 107, -12, 131),
    "PX05": (-37, 175, 35, 140), "PX06": (-37, 175, -18, 178), "PX08": (-37, 175, 9, -80),
    "PX10": (13, 145, 21, -158), "PX13": (-37, 175, 34, -119), "PX26": (37, -123, 35, 140),
    "PX30": (-27, 154, -18, 178), "PX34": (-34, 152, -41, 174), "PX37": (37, -123, 21, -158),
    "PX38": (21, -158, 60, -147), "PX40": (21, -158, 35, 140), "PX50": (-37, 175, -33, -72),
    "IX01": (-32, 115, -6, 105), "IX06": (-20, 57, 4, 97), "IX08": (-20, 57, 18, 72),
    "IX10": (6, 80, 12, 45), "IX12": (-32, 115, 12, 45), "IX15": (-32, 115, -20, 57),
    "IX21": (-29, 32, -20, 57), "IX28": (-43, 147, -66, 140),
}  # fmt: skip

# Nominal positions {lon: lats} and the years in which the array grew: TAO/TRITON (McPhaden et al. 1998,
# JGR 103), PIRATA (Bourles et al. 2008, BAMS 89), RAMA (McPhaden et al. 2009, BAMS 90).
_TAO_LATS = (8, 5, 2, 0, -2, -5, -8)
_TAO_LONS = (147, 156, 165, 180, -170, -155, -140, -125, -110, -95)
_TAO: dict[float, tuple[float, ...]] = {lon: _TAO_LATS for lon in _TAO_LONS} | {137: (8, 5, 2)}
_PIRATA: dict[float, tuple[float, ...]] = {
    -38: (20, 15, 12, 8, 4), -35: (0,), -34: (-19,), -32: (-14,), -30: (-8,), -23: (20.5, 12, 4, 0),
    -10: (2, 0, -6, -10), 0: (0,), 8: (-6,),
}  # fmt: skip
_RAMA: dict[float, tuple[float, ...]] = {
    55: (-8, -12, -16), 67: (1.5, 0, -1.5, -4, -8, -12, -16), 80.5: (4, 1.5, 0, -1.5, -4, -8, -12, -16),
    90: (15, 12, 8, 4, 1.5, 0, -1.5), 93: (-12,), 95: (-5, -8), 97: (-25,),
}  # fmt: skip
ARRAYS = {"tao": (_TAO, 1984, 1994), "pirata": (_PIRATA, 1997, 2008), "rama": (_RAMA, 2001, 2014)}
MOORING_DEEPEST = 500.0  # m
MOORING_RETURN = 0.85  # share of half years with data


@dataclass(frozen=True, eq=False)
class Profiles:
    """Profiles of one kind of platform, in order of time.

    Attributes:
        platform: type, as in the observation table.
        time: (profile) s since 1970.
        lat, lon: (profile) degrees.
        column: (profile) flat index of the grid column (lat, lon).
        levels: (profile) number of layers with a value, from the uppermost down; at least 1.
        name: (profile) index of the platform within `names`.
    """

    platform: str
    time: NDArray[np.int64]
    lat: NDArray[np.float32]
    lon: NDArray[np.float32]
    column: NDArray[np.int32]
    levels: NDArray[np.int16]
    name: NDArray[np.int32]
    names: list[str]

    def __getitem__(self, rows: slice | NDArray) -> Profiles:
        """Some of the profiles."""
        fields = ("time", "lat", "lon", "column", "levels", "name")
        return replace(self, **{name: getattr(self, name)[rows] for name in fields})

    def between(self, start: int, end: int) -> Profiles:
        """Those of the half-open [start, end), s since 1970."""
        first, last = np.searchsorted(self.time, [start, end])
        return self[int(first) : int(last)]


@dataclass(frozen=True, eq=False)
class Columns:
    """Water columns of a grid: how many layers of water lie below a place.

    Attributes:
        wet: (column) layers of water from the surface down to the first land.
    """

    grid: Grid
    wet: NDArray[np.int16]

    @classmethod
    def of(cls, grid: Grid) -> Columns:
        """The columns (lat, lon), flattened, of a grid."""
        return cls(grid, np.cumprod(grid.ocean, axis=0).sum(axis=0).ravel().astype(np.int16))

    def locate(self, lat: ArrayLike, lon: ArrayLike) -> tuple[NDArray[np.int32], NDArray[np.int16]]:
        """Column and its layers of water of places; zero layers on land and outside the grid."""
        lat = np.asarray(lat)
        _, row, x = self.grid.locate(lat, lon, self.grid.depth[0])
        column = np.where(row == OUTSIDE, 0, row * self.grid.lon.size + x).astype(np.int32)
        return column, np.where(row == OUTSIDE, 0, self.wet[column]).astype(np.int16)

    def layers(self, reach: ArrayLike) -> NDArray[np.int16]:
        """Number of layers whose centre lies within `reach` (m), at least the first."""
        return np.searchsorted(self.grid.depth, reach, side="right").clip(1).astype(np.int16)

    def profiles(
        self,
        platform: str,
        time: NDArray[np.int64],
        lat: NDArray[np.float64],
        lon: NDArray[np.float64],
        reach: ArrayLike,
        name: NDArray[np.integer],
        names: list[str],
    ) -> Profiles:
        """Profiles down to `reach` (m) or the sea floor, in order of time; none on land."""
        north, east = lat.astype(np.float32), (np.mod(lon + 180, 360) - 180).astype(np.float32)
        column, wet = self.locate(north, east)  # of the rounded places, so that tables agree
        levels = np.minimum(wet, self.layers(reach))
        order = np.argsort(time, kind="stable")
        everything = Profiles(platform, time, north, east, column, levels, name.astype(np.int32), names)
        return everything[order[levels[order] > 0]]

    def open_sea(self, fewest: int, poleward: float) -> NDArray[np.float64]:
        """(column) m2: cumulative area of the columns of at least `fewest` layers of water."""
        near = np.repeat(np.abs(self.grid.lat) <= poleward, self.grid.lon.size)
        area = self.grid.area.ravel()
        weight = area * near * (self.wet >= min(fewest, self.wet.max()))
        return np.cumsum(weight if weight.any() else area * (self.wet > 0))

    def draw(
        self, rng: np.random.Generator, count: int, open_sea: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Random places (lat, lon), even in area, in the columns of `open_sea`."""
        column = np.searchsorted(open_sea, rng.random(count) * open_sea[-1], side="right")
        row, x = np.divmod(column, self.grid.lon.size)
        inside = rng.uniform(0.01, 0.99, (2, count))  # of the cell, clear of its edges
        lat = self.grid.lat_edges[row] + np.diff(self.grid.lat_edges)[row] * inside[0]
        lon = self.grid.lon_edges[x] + np.diff(self.grid.lon_edges)[x] * inside[1]
        return lat, lon


def seconds(time: np.datetime64) -> int:
    """Seconds since 1970."""
    return int(time.astype("datetime64[s]").astype(np.int64))


def floats(columns: Columns, rng: np.random.Generator, scale: float) -> Profiles:
    """Argo: floats that drift as a random walk, profile every ten days, die and are replaced.

    A float that would drift out of the ocean deep enough to park stays where it is for the cycle.
    """
    first = seconds(np.datetime64("2000-01-01"))
    cycles = (_year_start(LAST_YEAR + 1) - first) // (ARGO_CYCLE * DAY) + 1
    wanted = np.round(scale * _history(ARGO, 2000 + np.arange(cycles) * ARGO_CYCLE / 365.25)).astype(int)
    slots = int(wanted.max())
    park = int(columns.layers(ARGO_PARK))
    deployed = columns.open_sea(park, ARGO_POLEWARD)
    lat, lon, name = np.zeros(slots), np.zeros(slots), np.full(slots, -1)
    joins = rng.permutation(slots)  # when a slot joins has nothing to do with its time
    track, born = [], 0
    for cycle in range(cycles):
        at_sea = joins < wanted[cycle]
        fresh = at_sea & ((name < 0) | (rng.random(slots) < 1 / ARGO_LIFE))
        steps, drifts = rng.normal(0.0, ARGO_STEP, (2, slots)), at_sea & ~fresh
        lat[drifts], lon[drifts] = _drifted(columns, lat[drifts], lon[drifts], steps[:, drifts], park)
        lat[fresh], lon[fresh] = columns.draw(rng, int(fresh.sum()), deployed)
        name[fresh] = np.arange(born, born := born + int(fresh.sum()))
        name[~at_sea] = -1
        track.append((lat[at_sea], lon[at_sea], name[at_sea], np.flatnonzero(at_sea), cycle))
    phase = np.sort(rng.integers(0, ARGO_CYCLE * DAY, slots))
    time = [first + cycle * ARGO_CYCLE * DAY + phase[slot] for *_, slot, cycle in track]
    names = [f"argo-{index:05d}" for index in range(born)]
    lats, lons, who = (np.concatenate([step[part] for step in track]) for part in range(3))
    return columns.profiles("argo", np.concatenate(time), lats, lons, ARGO_DEEPEST, who, names)


def bathythermographs(columns: Columns, rng: np.random.Generator, scale: float) -> Profiles:
    """XBT: probes from merchant ships that cross the same lines time and again; a name a crossing."""
    ends = np.array(list(LINES.values()), dtype=float)
    years = np.arange(FIRST_YEAR, LAST_YEAR + 1)
    crossings = rng.poisson(scale * _history(CROSSINGS, years + 0.5), (len(LINES), years.size))
    which = np.indices(crossings.shape).reshape(2, -1)
    line, year = (np.repeat(index, crossings.ravel()) for index in which)
    when = _within_year(rng, years[year])
    back = rng.random(line.size) < 0.5
    begin = np.where(back[:, None], ends[line, 2:], ends[line, :2])
    end = np.where(back[:, None], ends[line, :2], ends[line, 2:])
    ports = unit_vectors(*begin.T), unit_vectors(*end.T)
    ship, time, lat, lon = _stations(*ports, when, XBT_SPACING, XBT_SPEED)
    deep = rng.random(line.size) < _history(DEEP_SHARE, years[year])
    reach = np.where(deep, XBT_DEEP, XBT_SHALLOW)[ship]
    labels = list(LINES)
    names = [f"{labels[at]}-{index:05d}" for index, at in enumerate(line)]
    return columns.profiles("xbt", time, lat, lon, reach, ship, names)


def cruises(columns: Columns, rng: np.random.Generator, scale: float) -> Profiles:
    """CTD: full-depth stations from a random place in a random direction; a name a cruise."""
    years = np.arange(FIRST_YEAR, LAST_YEAR + 1)
    year = np.repeat(years, rng.poisson(scale * _history(CRUISES, years + 0.5)))
    lat, lon = columns.draw(rng, year.size, columns.open_sea(1, 90.0))
    begin = unit_vectors(lat, lon)
    heading = np.cross(begin, rng.standard_normal(begin.shape))
    heading /= np.linalg.norm(heading, axis=1, keepdims=True)
    end = np.cos(CTD_LENGTH / EARTH_RADIUS) * begin + np.sin(CTD_LENGTH / EARTH_RADIUS) * heading
    ship, time, lat, lon = _stations(begin, end, _within_year(rng, year), CTD_SPACING, CTD_SPEED)
    names = [f"cruise-{index:05d}" for index in range(year.size)]
    return columns.profiles("ctd", time, lat, lon, CTD_DEEPEST, ship, names)


def moorings(columns: Columns, rng: np.random.Generator, scale: float) -> Profiles:
    """TAO/TRITON, PIRATA and RAMA: fixed places, a mean profile a pentad, silent for some half years."""
    sites = [
        (label, lat, lon, rng.uniform(first, last))
        for label, (places, first, last) in ARRAYS.items()
        for lon, lats in places.items()
        for lat in lats
        if rng.random() < scale
    ]
    begins = np.array([_year_start(int(since)) for *_, since in sites], dtype=np.int64)
    time = windows(FIRST_YEAR, LAST_YEAR).middle.astype("datetime64[s]").astype(np.int64)
    half_year = (time - time[0]) // (DAY * 365 // 2)
    works = rng.random((len(sites), int(half_year[-1]) + 1)) < MOORING_RETURN
    site, when = np.nonzero(works[:, half_year] & (time >= begins[:, None]))
    lat, lon = (np.array([float(place[part]) for place in sites])[site] for part in (1, 2))
    names = [f"{label}{lat:+g}{lon:+g}" for label, lat, lon, _ in sites]
    return columns.profiles("mooring", time[when], lat, lon, MOORING_DEEPEST, site, names)


def _year_start(year: int) -> int:
    return seconds(np.datetime64(f"{year}-01-01"))


def _history(table: Mapping[int, float], year: NDArray) -> NDArray[np.float64]:
    return np.interp(year, list(table), list(table.values()))


def _within_year(rng: np.random.Generator, year: NDArray[np.integer]) -> NDArray[np.int64]:
    start = (year - 1970).astype("datetime64[Y]").astype("datetime64[s]").astype(np.int64)
    return start + rng.integers(0, 365 * DAY, year.size)


def _drifted(
    columns: Columns,
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    steps: NDArray[np.float64],
    fewest: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places (degrees) after `steps` north and east (2, float) degrees, in at least `fewest` layers."""
    new_lat, new_lon = lat + steps[0], lon + steps[1] / np.cos(np.deg2rad(lat)).clip(0.1)
    stays = columns.locate(new_lat, new_lon)[1] < min(fewest, columns.wet.max())
    return np.where(stays, lat, new_lat), np.where(stays, lon, new_lon)


def _stations(
    begin: NDArray[np.float64],
    end: NDArray[np.float64],
    when: NDArray[np.int64],
    spacing: float,
    speed: float,
) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Ship, time, lat and lon (degrees) of stations `spacing` m apart on great circles begin -> end."""
    angle = great_circle(begin, end) / EARTH_RADIUS
    number = (angle * EARTH_RADIUS / spacing).astype(np.intp) + 1
    ship = np.repeat(np.arange(angle.size), number)
    station = np.arange(ship.size) - np.repeat(np.cumsum(number) - number, number)
    along = station * spacing / EARTH_RADIUS  # radians
    ahead = end - np.cos(angle)[:, None] * begin
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    lat, lon = places(np.cos(along)[:, None] * begin[ship] + np.sin(along)[:, None] * ahead[ship])
    time = when[ship] + (along * EARTH_RADIUS / speed).astype(np.int64)
    return ship, time, lat, lon
