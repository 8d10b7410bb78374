"""Assumed errors of backgrounds: as the control varies, or as the real ocean departs by displacement."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from toys import toy_space

from deepda.assimilation.localisation import Reach
from deepda.climatology.displacement import displacement_spread
from deepda.runs.errors import REACH, Errors
from deepda.settings.observations import IngestedObservations, ObservationsConfig
from deepda.settings.schema import ConfigError


def real(representativeness: float) -> ObservationsConfig:
    return IngestedObservations("ingested", "folder", ["file"], None, None, representativeness, 0.0)


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_real_backgrounds_err_by_displacement_but_for_what_is_representativeness(share: float) -> None:
    space = toy_space()
    made, wet = Errors.assumed(real(share), space), space.grid.ocean
    expected = displacement_spread(space.climatology.mean, space.grid)[wet]
    scale = made.space(space).scale
    np.testing.assert_allclose(scale[wet] ** 2, (1 - share) * expected**2, rtol=1e-5)
    assert (scale > 0).all() and made.reach == REACH


def test_synthetic_backgrounds_err_as_the_control_varies() -> None:
    space = toy_space()
    made = Errors.assumed(ObservationsConfig("random"), space)
    np.testing.assert_array_equal(made.space(space).scale, space.scale)
    assert made.reach is None


def test_sizes_multiply_what_is_assumed_and_survive_the_file() -> None:
    space = toy_space()
    assumed = Errors.assumed(real(0.5), space)
    sizes = replace(assumed.sizes, background=2 * assumed.sizes.background)
    made = replace(assumed, sizes=sizes, reach=Reach(2000.0, 600.0))
    read = assumed.updated(made.as_json())
    assert read.reach == Reach(2000.0, 600.0)
    np.testing.assert_allclose(made.space(space).scale, 2 * assumed.space(space).scale, rtol=1e-6)
    np.testing.assert_array_equal(read.space(space).scale, made.space(space).scale)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_a_share_that_leaves_nothing_to_background_or_place_is_refused(share: float) -> None:
    with pytest.raises(ConfigError, match="representativeness"):
        real(share)
