"""Departures of a twin and its errors."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from osse.twin.scores import consistency


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("stated", [1.0, 2.0])
def test_departures_of_the_best_analysis_give_the_true_errors(seed: int, stated: float) -> None:
    rng = np.random.default_rng(seed)
    shape, dims = (400, 3, 6, 8), ("time", "depth", "lat", "lon")
    before, error = np.array([0.5, 1.0, 2.0])[:, None, None], rng.uniform(0.4, 0.8)
    truth = rng.standard_normal(shape)
    background = truth + before * rng.standard_normal(shape)
    observed = truth + error * rng.standard_normal(shape)
    gain = before**2 / (before**2 + error**2)
    spread = np.broadcast_to(np.sqrt(gain) * error, shape)
    values = {
        "background": background,
        "analysis": background + gain * (observed - background),
        "stddev": spread / stated,
    }
    observed[rng.random(shape) < 0.5] = np.nan
    observed[:, 2] = np.nan
    fields = {name: xr.DataArray(field, dims=dims) for name, field in values.items()}
    errors = np.where(np.isfinite(observed), error * stated, np.nan)
    found = consistency(fields, xr.DataArray(observed, dims=dims), errors)
    np.testing.assert_allclose(found["observation"][:2], 1 / stated, rtol=0.03)  # type: ignore[arg-type]
    np.testing.assert_allclose(found["analysis"][:2], stated, rtol=0.03)  # type: ignore[arg-type]
    assert found["observation"][2] is None and found["analysis"][2] is None
