"""The embedded ocean: a control simulation for a machine that has none, made in a minute.

Temperature is a climate plus four kinds of anomaly, each linear and forced by noise:

- heat: weather fluxes into the mixed layer with feedback (Frankignoul and Hasselmann 1977), mixed
  deeper in winter than in summer (re-emergence: Deser et al. 2003), carried by mean currents, stirred
  by eddies, fading within months at the surface and years at 800 m;
- heave: two baroclinic modes of vertical displacement, forced by winds and eddies, travelling west
  as long Rossby waves (Chelton and Schlax 1996) and seen as displacement times stratification;
- El Niño, with its subsurface and its distant heat fluxes (`osse.ocean.el_nino`);
- on request a warming, smooth in space and fading with depth.

One step is a pentad. What it cannot do is listed in LIMITS and in docs/embedded-ocean.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from deepda.base.files import refusing_writes
from deepda.control.prepared import Packing, PreparedWriter
from deepda.geometry.grid import Grid
from deepda.geometry.windows import MONTH_LENGTHS, MONTHS, PENTADS
from deepda.output.netcdf import LIBRARY
from osse.ocean.dynamics import columns
from osse.ocean.el_nino import RechargeOscillator
from osse.ocean.forcing import WATER_MASS_DEPTHS, warming_pattern
from osse.ocean.geography import OceanError, ocean_mask
from osse.ocean.physics import DAYS, FREEZING_POINT, Physics, assemble

__all__ = ["LIMITS", "OceanError", "ocean_mask", "simulate", "write_control"]

Field = NDArray[np.float32]
Progress = Callable[[int, int], None]

LIMITS = (
    "Statistical, not dynamical: anomalies are linear and Gaussian but for El Nino; no salinity, no sea "
    "ice (temperature is floored at the freezing point), no Kelvin waves outside El Nino, no currents "
    "that change, eddies are noise of one cell; smooth idealised climate and sea floor."
)
REFERENCES = (
    "Jin 1997, doi:10.1175/1520-0469(1997)054<0811:AEORPF>2.0.CO;2; "
    "Frankignoul and Hasselmann 1977, doi:10.3402/tellusa.v29i4.11362"
)
SPIN_UP = 12  # years thrown away: three times the longest memory
PACKING = Packing(quantum=0.001, offset=20.0)


def simulate(
    grid: Grid,
    years: int,
    seed: int,
    *,
    per_year: int = PENTADS,
    warming: float = 0.0,
    first_year: int = 1,
    progress: Progress | None = None,
) -> Iterator[Field]:
    """Yield model years of temperature, (per_year, depth, lat, lon) degC, NaN on land.

    Args:
        grid: its ocean mask is used as it is; `ocean_mask` draws a real one.
        years: how many, after the spin-up.
        seed: the same seed gives the same ocean bit by bit (on one machine), whatever the warming.
        per_year: 73 pentads, or 12 monthly means of them.
        warming: K a decade, mean over the sea surface, since the start of the first year.
        first_year: label of the first year, 1..9999; it changes no number.
        progress: called with (years done, years to do), the spin-up included.

    Raises:
        OceanError: years, labels or seed out of range, another per_year, a warming out of -10..10.
    """
    _require(years, seed, per_year, warming, first_year)
    return _years(grid, years, seed, per_year, warming, progress)


def write_control(
    path: str | Path,
    grid: Grid,
    years: int,
    seed: int,
    warming: float = 0.0,
    first_year: int = 1,
    per_year: int = PENTADS,
    progress: Progress | None = None,
) -> Path:
    """Simulate into a prepared control file: CF NetCDF, 365_day calendar, packed to 0.001 K.

    Arguments as in `simulate`. The file appears under `path` when it is complete; the same arguments
    give the same bytes. Writing overlaps computing; a year at a time is in memory.

    Raises:
        OceanError: see `simulate`; also temperatures that do not fit 16 bits.
        OutputError: the file cannot be written. Nothing is left under any name.
    """
    path = Path(path)
    model_years = simulate(
        grid, years, seed, per_year=per_year, warming=warming, first_year=first_year, progress=progress
    )
    with refusing_writes(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    labels = first_year, first_year + years - 1
    with PreparedWriter(
        path, grid, labels, per_year, _attributes(years, seed, warming), PACKING
    ) as file:
        _write_years(file, model_years)
    return path


def _years(
    grid: Grid, years: int, seed: int, per_year: int, warming: float, progress: Progress | None
) -> Iterator[Field]:
    physics, chosen = assemble(grid), columns(grid)
    state = _State(physics, np.random.default_rng(seed))
    land = ~grid.ocean.reshape(grid.shape[0], -1)[:, chosen]
    trend = (0.1 * warming * warming_pattern(grid)).reshape(grid.shape[0], -1)[:, chosen]
    for year in range(-SPIN_UP, years):
        temperature = state.year()
        if year >= 0:
            temperature += physics.climate
            np.maximum(temperature, np.float32(FREEZING_POINT), out=temperature)
            if warming:
                since = year + (np.arange(PENTADS) + 0.5) / PENTADS
                temperature += (since[:, None, None] * trend).astype(np.float32)
            temperature[:, land] = np.nan
            whole = np.full((per_year, grid.shape[0], grid.lat.size * grid.lon.size), np.nan, np.float32)
            whole[:, :, chosen] = _in_windows(temperature, per_year)
            yield whole.reshape(per_year, *grid.shape)
        if progress is not None:
            progress(year + SPIN_UP + 1, years + SPIN_UP)


class _State:
    """The anomalies at one time, and the noise that drives them. C columns, L layers, M modes."""

    def __init__(self, physics: Physics, rng: np.random.Generator) -> None:
        layers, count = physics.el_nino.shape[1:]
        self.physics, self.rng = physics, rng
        self.heat = np.zeros((layers, count), np.float32)
        self.heave = np.zeros((len(physics.heave), count), np.float32)
        self.oscillator = RechargeOscillator()

    def year(self) -> Field:
        """(73, L, C) K: step through a year."""
        p = self.physics
        weather = self._noise((PENTADS,), p.weather) * p.weather_amplitude
        wind = self._noise((PENTADS, len(p.heave)), p.wind) * p.wind_heave
        eddies = self.rng.standard_normal((PENTADS, *self.heave.shape), np.float32)
        water_mass = self._noise((PENTADS, len(WATER_MASS_DEPTHS)), p.water_mass) * p.liveliness
        anomaly = np.empty((PENTADS, *self.heat.shape), np.float32)
        for season, draw in enumerate(self.rng.standard_normal(PENTADS)):
            phase = np.array(self.oscillator.advance(season * DAYS, DAYS, draw), np.float32)
            source = np.einsum("ld,dc->lc", p.water_mass_amplitude, water_mass[season])
            source += p.stirring * eddies[season, 0]
            source[0] += weather[season] + phase[0] * p.distant_flux
            self._step(season, source, wind[season] + p.eddy_heave * eddies[season])
            anomaly[season] = self.heat + np.einsum("mlc,mc->lc", p.heave_heat, self.heave)
            anomaly[season] += phase[0] * p.el_nino[0] + phase[1] * p.el_nino[1]
        return anomaly

    def _step(self, season: int, heat_source: Field, heave_source: Field) -> None:
        p = self.physics
        carried = (p.heat @ self.heat.ravel()).reshape(self.heat.shape) + heat_source
        self.heat = np.einsum("abc,bc->ac", p.exchange[season * MONTHS // PENTADS], carried)
        moved = [propagate @ heave for propagate, heave in zip(p.heave, self.heave, strict=True)]
        self.heave = np.stack(moved) + heave_source

    def _noise(self, shape: tuple[int, ...], weights: sparse.csr_array) -> Field:
        """(*shape, C) smooth noise of unit variance.

        Sparse products, here and everywhere in the loop, run on one thread: threaded ones on small
        arrays cost ten times as much on a busy machine, and round differently with their number.
        """
        draws = self.rng.standard_normal((weights.shape[1], int(np.prod(shape))), np.float32)
        return np.ascontiguousarray((weights @ draws).T).reshape(*shape, -1)


def _in_windows(temperature: Field, per_year: int) -> Field:
    """(per_year, L, C): the pentads themselves, or monthly means weighted with the days they share."""
    if per_year == PENTADS:
        return temperature
    month = np.repeat(np.arange(MONTHS), MONTH_LENGTHS)
    days = np.zeros((MONTHS, PENTADS), np.float32)
    np.add.at(days, (month, np.arange(365) // 5), 1)
    return np.tensordot(days / days.sum(axis=1, keepdims=True), temperature, axes=1)


def _attributes(years: int, seed: int, warming: float) -> dict[str, str | int | float]:
    return {
        "Conventions": "CF-1.11",
        "title": "Embedded stochastic ocean of DeepDA: control simulation of potential temperature",
        "source": "DeepDA osse.ocean.simulate: climate plus stochastic linear anomalies",
        "references": REFERENCES,
        "comment": LIMITS,
        "seed": seed,
        "years": years,
        "spin_up_years": SPIN_UP,
        "warming_K_per_decade": float(warming),
    }


def _write_years(file: PreparedWriter, model_years: Iterator[Field]) -> None:
    """Compress and write in a thread, so that the next year is computed meanwhile."""

    def write(start: int, temperature: Field) -> None:
        with LIBRARY:
            file.write(start, temperature)

    pending: Future[None] | None = None
    start = 0
    with ThreadPoolExecutor(max_workers=1) as pool:
        for temperature in model_years:
            _require_storable(temperature)
            if pending is not None:
                pending.result()
            pending = pool.submit(write, start, temperature)
            start += len(temperature)
        if pending is not None:
            pending.result()


def _require_storable(temperature: Field) -> None:
    reach = float(np.nanmax(np.abs(temperature - np.float32(PACKING.offset))))
    if reach > PACKING.reach:
        raise OceanError(
            f"temperatures reach {PACKING.offset + reach:.0f} degC, at most "
            f"{PACKING.offset + PACKING.reach:.0f} can be stored; choose a smaller warming or "
            "fewer years"
        )


def _require(years: int, seed: int, per_year: int, warming: float, first_year: int) -> None:
    if years < 1:
        raise OceanError(f"{years} years found, expected at least 1")
    if seed < 0:
        raise OceanError(f"seed {seed} found, expected 0 or more")
    if per_year not in (PENTADS, MONTHS):
        raise OceanError(f"{per_year} windows a year found, expected {PENTADS} (pentads) or {MONTHS}")
    if not abs(warming) <= 10:
        raise OceanError(f"warming {warming} found, expected K per decade within -10..10")
    if not 1 <= first_year <= 10_000 - years:
        raise OceanError(f"first year {first_year} with {years} years found, expected years 1..9999")
