"""What the adversarial weight does to small scales and to the error: one line a run, and a figure.

    deepda osse run training=quick training.adversarial_weight=W --output runs/adversarial-W
    python benchmarks/adversarial.py runs/adversarial-* --figure docs/figures/adversarial.png

One run for each weight W. Runs must differ in nothing but the weight. Power is that of the analysis over
that of the truth at the shortest third of the zonal wavelengths (`spectral_ratio` in scores.json): 1
keeps all variance.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from deepda.figures import profile_curves, save


def weight_of(run: Path) -> float:
    """The adversarial weight that a run was trained with."""
    settings = yaml.safe_load((run / "config.yaml").read_text())
    return float(settings["training"]["adversarial_weight"])


def main() -> None:
    """Print a line a run, draw power by depth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--figure", type=Path, required=True)
    options = parser.parse_args()
    runs = sorted(options.runs, key=weight_of)
    found: dict[str, dict[str, Any]] = {
        f"weight {weight_of(run):g}": json.loads((run / "scores.json").read_text()) for run in runs
    }
    lines: dict[str, list[float]] = {}
    for name, scores in found.items():
        lines[name] = scores["spectral_ratio"]["analysis"]
        error, seconds = scores["rmse"]["analysis"]["all"], scores["wall_seconds"]["train"]
        power = np.mean(lines[name])
        print(f"{name:<12} error {error:.4f} K   power {power:.2f}   training {seconds:.0f} s")
    any_run = next(iter(found.values()))
    lines["optimal interpolation"] = any_run["spectral_ratio"]["oi"]
    figure = profile_curves(lines, any_run["depth_m"], "power of small scales over that of the truth")
    save(figure, options.figure)


if __name__ == "__main__":
    main()
