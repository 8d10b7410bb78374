"""Time the embedded ocean, print its statistics, and draw the figures of docs/embedded-ocean.md.

    python benchmarks/embedded_control.py [--years 60] [--seed 1] [--figures docs/figures]

Everything is measured on the file that `write_control` wrote, as a user would find it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import xarray as xr
import yaml
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from deepda.base.info import peak_memory
from deepda.figures import Panel, map_panels, save
from deepda.figures.style import canvas
from deepda.geometry.grid import Grid
from deepda.geometry.regrid import grid_edges
from deepda.geometry.windows import PENTADS
from deepda.settings.presets import config_folder
from deepda.verification import nino34
from osse.ocean.simulate import ocean_mask, write_control

Field = NDArray[np.float32]
REGIONS = {  # south, north, west, east
    "Pacific cold tongue": (-6, 6, 200, 280),
    "Pacific warm pool": (-10, 10, 140, 170),
    "tropical Indian Ocean": (-15, 5, 55, 95),
    "tropical Atlantic": (-5, 15, 320, 350),
    "North Pacific": (30, 50, 150, 220),
    "North Atlantic": (30, 50, 300, 340),
    "South Pacific": (-40, -20, 200, 270),
    "Southern Ocean": (-60, -45, 0, 360),
}
LONGEST = 400  # pentads, of the autocorrelations


def embedded_grid() -> Grid:
    """The default grid with its real coastlines."""
    spec = yaml.safe_load((config_folder() / "grid" / "embedded_4deg.yaml").read_text())
    edges = grid_edges(spec)
    shape = tuple(
        edge.size - 1 for edge in (edges["depth_edges"], edges["lat_edges"], edges["lon_edges"])
    )
    everywhere = Grid(**edges, ocean=np.ones(shape, bool))
    return everywhere.with_ocean(ocean_mask(everywhere))


def anomalies(path: Path) -> tuple[xr.DataArray, Field]:
    """(time, depth, lat, lon) K from the mean of each season; (season, depth, lat, lon) degC."""
    with xr.open_dataset(path) as file:
        thetao = file["thetao"].load()
    values = thetao.values
    mean = values.reshape(-1, PENTADS, *values.shape[1:]).mean(axis=0)
    for start in range(0, len(values), PENTADS):
        values[start : start + PENTADS] -= mean
    return thetao, mean


def inside(grid: Grid, box: tuple[float, float, float, float]) -> NDArray[np.bool_]:
    """(lat, lon) ocean cells of the surface with their centre in south, north, west, east."""
    south, north, west, east = box
    rows, columns = (grid.lat > south) & (grid.lat < north), (grid.lon > west) & (grid.lon < east)
    return rows[:, None] & columns & grid.ocean[0]


def efolding_days(anomaly: Field) -> NDArray[np.float64]:
    """(cell) days after which the autocorrelation first falls below 1/e; anomaly is (time, cell)."""
    count = len(anomaly)
    spectrum = np.fft.rfft(anomaly - anomaly.mean(axis=0), 2 * count, axis=0)
    covariance = np.fft.irfft(np.abs(spectrum) ** 2, axis=0)[:LONGEST]
    correlation = covariance / covariance[0] * (count / (count - np.arange(LONGEST)))[:, None]
    return 5.0 * np.argmax(correlation < np.exp(-1), axis=0)


def print_statistics(grid: Grid, anomaly: Field, mean: Field, index: NDArray[np.float64]) -> None:
    """The tables of docs/embedded-ocean.md.

    Args:
        grid: of the fields.
        anomaly, mean: see `anomalies`.
        index: (time) K, Niño 3.4.
    """
    print("depth m | stddev K: area rms, 5 %, median, 95 % | e-folding days: 10 %, median, 90 %")
    for level, depth in enumerate(grid.depth):
        wet = grid.ocean[level]
        cells = anomaly[:, level][:, wet]
        stddev, days = cells.std(axis=0), efolding_days(cells)
        rms = np.sqrt(np.average(np.square(stddev), weights=grid.area[wet]))
        low, middle, high = np.percentile(stddev, (5, 50, 95))
        spread = " ".join(f"{day:5.0f}" for day in np.percentile(days, (10, 50, 90)))
        print(f"{depth:6.1f} | {rms:.2f} {low:.2f} {middle:.2f} {high:.2f} | {spread}")
    surface = anomaly[:, 0].std(axis=0)
    half = 0.5 * np.ptp(mean[:, 0], axis=0)
    warmest = 5 * np.argmax(mean[:, 0], axis=0) + 2.5
    print("region: SST anomaly stddev K, seasonal half-range K, warmest day (medians)")
    for name, box in REGIONS.items():
        part = inside(grid, box)
        values = [np.median(field[part]) for field in (surface, half, warmest)]
        print(f"{name:>22}: {values[0]:.2f} {values[1]:.2f} {values[2]:.0f}")
    power = np.abs(np.fft.rfft(index - index.mean())) ** 2
    per_year = np.fft.rfftfreq(index.size, 1 / PENTADS)
    share = power[(per_year >= 1 / 7) & (per_year <= 1 / 2)].sum() / power.sum()
    print(f"Nino3.4: stddev {index.std():.2f} K, {100 * share:.0f} % of the power at 2-7 years")
    years = anomaly.reshape(-1, PENTADS, *anomaly.shape[1:]).mean(axis=1)
    heat = np.average(years[:, grid.ocean], axis=1, weights=grid.volume[grid.ocean])
    slope = 10 * np.polyfit(np.arange(heat.size), heat, 1)[0]
    print(f"volume mean: trend {slope:+.4f} K per decade, stddev of years {heat.std():.3f} K")


def draw_maps(grid: Grid, anomaly: Field, index: NDArray[np.float64]) -> Figure:
    """Standard deviation and one pentad, at the surface and in the thermocline."""
    warmest, levels = anomaly[index.argmax()], (0, 5)
    panels = []
    for level in levels:
        where = f"{grid.depth[level]:.0f} m"
        spread = anomaly[:, level].std(axis=0)
        panels += [
            Panel(spread, "variability", f"Standard deviation, {where}", (0, 1.2)),
            Panel(warmest[level], "anomaly", f"One pentad of an El Niño, {where}", (-2.5, 2.5)),
        ]
    return map_panels(panels, grid, level=np.repeat(levels, 2).tolist(), columns=2)


def draw_dynamics(grid: Grid, anomaly: Field, index: NDArray[np.float64]) -> Figure:
    """El Niño in time and depth, Rossby waves in longitude and time, spread and memory by depth."""
    with canvas(6.2, 8.2) as figure:
        axes = figure.subplots(2, 2)
        years = np.arange(index.size) / PENTADS
        axes[0, 0].axhline(0, color="0.7", lw=0.8)
        axes[0, 0].plot(years, index, lw=0.7, color="tab:red")
        axes[0, 0].set(title="Niño 3.4", xlabel="model year", ylabel="K", xlim=(0, years[-1]))
        _draw_el_nino(axes[0, 1], grid, anomaly, index)
        _draw_rossby_waves(axes[1, 0], grid, anomaly)
        _draw_memory(axes[1, 1], grid, anomaly)
    return figure


def _draw_rossby_waves(axes: Axes, grid: Grid, anomaly: Field) -> None:
    row, level, steps = int(np.abs(grid.lat - 20).argmin()), 6, 8 * PENTADS
    pacific = (grid.lon > 125) & (grid.lon < 250)
    part, years = anomaly[:steps, level, row][:, pacific], np.arange(steps) / PENTADS
    drawn = axes.pcolormesh(grid.lon[pacific], years, part, cmap="RdBu_r", vmin=-1.2, vmax=1.2)
    axes.set(xlabel="longitude (°E)", ylabel="model year")
    axes.set_title(f"Rossby waves: {grid.lat[row]:.0f}°N, {grid.depth[level]:.0f} m")
    axes.figure.colorbar(drawn, ax=axes, label="K", extend="both")


def _draw_el_nino(axes: Axes, grid: Grid, anomaly: Field, index: NDArray[np.float64]) -> None:
    row = int(np.abs(grid.lat).argmin())
    pacific = (grid.lon > 130) & (grid.lon < 280)
    warm = anomaly[index > 1.5 * index.std(), :, row].mean(axis=0)[:, pacific]
    drawn = axes.contourf(
        grid.lon[pacific], grid.depth, warm, np.arange(-3.25, 3.3, 0.5), cmap="RdBu_r", extend="both"
    )
    axes.set(title="El Niño along the equator (composite)", ylim=(400, 0))
    axes.set(xlabel="longitude (°E)", ylabel="depth (m)")
    axes.figure.colorbar(drawn, ax=axes, label="K")


def _draw_memory(axes: Axes, grid: Grid, anomaly: Field) -> None:
    cells = [anomaly[:, level][:, grid.ocean[level]] for level in range(grid.depth.size)]
    days = [np.percentile(efolding_days(cell), (10, 50, 90)) for cell in cells]
    low, middle, high = np.array(days).T
    axes.fill_betweenx(
        grid.depth, low, high, color="tab:blue", alpha=0.2, lw=0, label="10-90 % of cells"
    )
    axes.plot(middle, grid.depth, "o-", ms=3, color="tab:blue", label="median")
    axes.set(title="E-folding time of the anomalies", xlabel="days", ylabel="depth (m)", xscale="log")
    axes.set_ylim(grid.depth[-1], 0)
    axes.legend(frameon=False)


def main() -> None:
    """Run the control, time it, measure it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--years", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--figures", type=Path)
    options = parser.parse_args()
    start = time.perf_counter()
    grid = embedded_grid()
    print(f"mask {time.perf_counter() - start:.1f} s")
    with tempfile.TemporaryDirectory() as folder:
        start, processor = time.perf_counter(), time.process_time()
        path = write_control(Path(folder) / "control.nc", grid, options.years, options.seed)
        wall, processor = time.perf_counter() - start, time.process_time() - processor
        peak = peak_memory()
        print(
            f"{options.years} years: {wall:.1f} s wall, {processor:.1f} s processor, peak {peak:.2f} GiB"
        )
        print(f"file {path.stat().st_size / 1e6:.0f} MB")
        anomaly, mean = anomalies(path)
    index = nino34(anomaly, grid).to_numpy()
    print_statistics(grid, anomaly.values, mean, index)
    if options.figures:
        for name, draw in (("maps", draw_maps), ("dynamics", draw_dynamics)):
            path = options.figures / f"embedded-ocean-{name}.png"
            save(draw(grid, anomaly.values, index), path)
            print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
