"""Units are read as they are meant, and never taken for the usual ones."""

from __future__ import annotations

import numpy as np
import pytest

from deepda.base.units import UnitError, convert

SPELLINGS = {
    "degC": (
        "degC",
        "degC (ITS-90)",
        "ITS-90, deg C",
        "deg C.",
        "\N{DEGREE CELSIUS}",
        "deg C",
        "Celsius",
        "degrees Celsius",
        "degree_C",
        "\N{DEGREE SIGN}C",
        "DEGC",
    ),
    "degF": ("degF", "deg F", "Fahrenheit", "degrees_F", "\N{DEGREE SIGN}F", "F"),
    "K": ("K", "kelvin", "Kelvin", "degK", "deg_K"),
}


@pytest.mark.parametrize(("scale", "one"), [(s, one) for s, words in SPELLINGS.items() for one in words])
def test_every_spelling_of_a_temperature_scale_is_that_scale(scale: str, one: str) -> None:
    closed_form = {"degC": lambda t: t, "degF": lambda t: (t - 32) / 1.8, "K": lambda t: t - 273.15}
    values = np.array([[-2.0, 54.0], [280.0, 0.0]])
    np.testing.assert_allclose(convert(values, one, "degC"), closed_form[scale](values), atol=1e-10)


@pytest.mark.parametrize(
    ("units", "target", "factor"),
    [
        *[("dbar", "dbar", 1.0), ("decibars", "dbar", 1.0), ("bar", "dbar", 10.0), ("kPa", "dbar", 0.1)],
        *[("hPa", "dbar", 0.01), ("Pa", "dbar", 1e-4), ("psi", "dbar", 0.6894757293)],
        *[("cm", "m", 0.01), ("metres", "m", 1.0), ("ft", "m", 0.3048), ("km", "m", 1000.0)],
        *[("db", "dbar", 1.0), ("M", "m", 1.0), ("0.1 m", "m", 0.1), ("fathoms", "m", 1.8288)],
        *[("degN", "degrees", 1.0), ("deg E", "degrees", 1.0), ("\N{DEGREE SIGN}N", "degrees", 1.0)],
        *[("decimal degrees", "degrees", 1.0), ("1e-3", "1", 1e-3), ("0.01 degC", "degC", 0.01)],
        *[("radians", "degrees", 180 / np.pi), ("degrees_north", "degrees", 1.0), ("%", "1", 0.01)],
    ],
)
def test_other_quantities_are_scaled(units: str, target: str, factor: float) -> None:
    np.testing.assert_allclose(convert([3.0, 7.0], units, target), [3 * factor, 7 * factor], rtol=1e-5)


@pytest.mark.parametrize(
    ("units", "target"),
    [
        *[("m", "degC"), ("", "degC"), ("banana", "degC"), ("degrees", "degC"), ("1", "degC")],
        *[("delta_degC", "degC"), ("degrees_south", "degrees"), ("-1 m", "m"), ("IPTS-68", "degC")],
        *[("m", "dbar"), ("dbar", "m"), ("1", "degrees"), ("degrees", "1"), ("m", "degrees")],
    ],
)
def test_a_unit_of_something_else_is_refused(units: str, target: str) -> None:
    with pytest.raises(UnitError, match="expected one that converts to"):
        convert([1.0], units, target)


@pytest.mark.parametrize("units", ["fm", "fms", "fth", "ftm", "fath", "Fathoms", "FM"])
def test_every_spelling_of_fathoms_is_that(units: str) -> None:
    np.testing.assert_allclose(convert([3.0], units, "m"), [3 * 1.8288], rtol=1e-5)


@pytest.mark.parametrize(
    ("units", "target"),
    [
        *[(word, "m") for word in ("nm", "NM", "pm", "am", "um", "Gm", "Tm", "femtometer")],
        *[("fbar", "dbar"), ("nPa", "dbar"), ("GPa", "dbar"), ("nK", "degC")],
    ],
)
def test_a_size_that_nobody_means_of_the_ocean_is_refused(units: str, target: str) -> None:
    with pytest.raises(UnitError, match="expected one that converts to"):
        convert([1.0], units, target)
