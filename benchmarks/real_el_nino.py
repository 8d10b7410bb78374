"""Anomalies at 155 m in winters of El Niño: python benchmarks/real_el_nino.py runs/real PICTURE.png"""

from __future__ import annotations

import argparse
from pathlib import Path

from deepda import Grid, open_reanalysis
from deepda.figures import save
from deepda.figures.maps import Panel, map_panels

DEPTH = 155.0  # m
WINTERS = (1982, 1997, 2015)  # from December on
LIMIT = 6.5  # K


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("picture", type=Path)
    given = parser.parse_args()
    product = open_reanalysis(given.folder)
    layer = product.anomaly.sel(depth=DEPTH, method="nearest")
    panels = [
        Panel(
            layer.sel(time=slice(f"{year}-12", f"{year + 1}-02")).mean("time").to_numpy(),
            "anomaly",
            f"{year}/{(year + 1) % 100}, {DEPTH:.0f} m",
            (-LIMIT, LIMIT),
        )
        for year in WINTERS
    ]
    grid = Grid.from_dataset(product)
    level = int(abs(grid.depth - DEPTH).argmin())
    save(map_panels(panels, grid, level=level), given.picture)


if __name__ == "__main__":
    main()
