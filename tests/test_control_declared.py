"""Declarations that a model's file makes and does not keep, or that contradict each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from deepda.base.cell_methods import is_climatology
from deepda.control.axes import ControlError
from deepda.control.binning import step_positions
from deepda.control.layers import find_layers, metres_down
from deepda.control.model_files import open_native
from deepda.control.temperature import find_temperature, kind_of, no_mean_temperature
from deepda.control.times import find_times
from tests.test_control import LAYERS, centres, cesm_file, cmip_file, days, regular_file
from tests.test_control_inputs import Change, changed, opened, plain, same, with_salinity

# Layers


def column(levels: list[float], bounds: np.ndarray | None = None, **attributes: str) -> xr.Dataset:
    """A vertical axis of these levels, with bounds or without."""
    attributes = {"units": "m", "positive": "down", **attributes}
    axis = xr.Dataset(coords={"lev": ("lev", np.array(levels, float), attributes)})
    if bounds is None:
        return axis
    axis["lev"].attrs["bounds"] = "lev_bnds"
    return axis.assign(lev_bnds=(("lev", "bnds"), bounds))


UPPERMOST = {
    "MPI-OM": [6, 17, 27, 37],
    "MITgcm": [25, 85, 170, 290],
    "of 50 m": [25, 75, 125],
    "LICOM": [12.5, 37.5, 62.5],
    "NEMO": [0.51, 1.56, 2.67],
    "NEMO without its first level": [1.56, 2.67, 3.86],
    "GISS": [6, 18, 31],
    "standard depths": [0, 10, 20, 30],
    "standard depths from 10 m on": [10, 20, 30, 50],
    "UVic": [17.5, 82.5, 177.5],
    "upside down": [75, 25, 5],
    "one": [15],
    "the surface": [0.5],
}


@pytest.mark.parametrize("grid", UPPERMOST)
def test_levels_of_models_begin_at_the_surface(grid: str) -> None:
    layers = find_layers(column(UPPERMOST[grid]), ["lev"], "a.nc")[1]
    assert layers.min() == 0


CUT = [[130, 200, 300, 450], [80, 130, 200], [45, 80, 130], [15, 25, 35], [200, 100], [80], [31], [0]]


@pytest.mark.parametrize("levels", CUT)
def test_levels_cut_out_of_the_deep_are_not_stretched_to_the_surface(levels: list[float]) -> None:
    with pytest.raises(
        ControlError, match=rf"a\.nc: .* first level at {min(levels)} m .* add the bounds"
    ):
        find_layers(column(levels), ["lev"], "a.nc")


@pytest.mark.parametrize("levels", CUT[:-1])
def test_levels_of_the_deep_with_bounds_keep_them(levels: list[float]) -> None:
    edges = np.abs(np.array(levels))[:, None] + np.array([-5.0, 5.0])
    edges = edges if len(levels) == 1 else np.sort(edges, axis=1)
    if len(levels) > 1:
        order = np.argsort(levels)
        between = np.convolve(np.sort(levels), [0.5, 0.5], "valid")
        side = np.concatenate([[min(levels) - 4], between, [max(levels) + 9]])
        edges[order] = np.stack([side[:-1], side[1:]], axis=1)
    layers = find_layers(column(levels, edges), ["lev"], "a.nc")[1]
    np.testing.assert_allclose(layers, edges)


def test_a_control_of_the_deep_alone_is_refused(tmp_path: Path) -> None:
    def change(d: xr.Dataset) -> xr.Dataset:
        d = d.isel(lev=slice(3, None)).drop_vars("lev_bnds")
        del d.lev.attrs["bounds"]
        return d

    with pytest.raises(ControlError, match=r"first level at 47\.5 m and no bounds"):
        opened(tmp_path, change, plain)


@pytest.mark.parametrize("up", [False, True])
def test_a_bound_above_the_surface_is_the_surface(up: bool) -> None:
    levels, bounds = [5.0, 20.0], np.array([[-2.0, 10.0], [10.0, 30.0]])
    axis = column(levels, bounds)
    if up:
        axis = column([-5.0, -20.0], -bounds, positive="up")
    np.testing.assert_array_equal(find_layers(axis, ["lev"], "a.nc")[1], [[0, 10], [10, 30]])


EDGES = np.array([0.0, 8, 30, 60])


@pytest.mark.parametrize("factor", [1.0, 100.0])
def test_declared_edges_are_the_bounds_of_layers(factor: float) -> None:
    units = {"units": "m" if factor == 1 else "cm"}
    axis = column([5, 20, 45], edges="z_i").assign_coords(z_i=("z_i", factor * EDGES, units))
    _, layers, said = find_layers(axis, ["lev"], "a.nc")
    np.testing.assert_allclose(layers, np.stack([EDGES[:-1], EDGES[1:]], axis=1))
    assert said == ""


def test_layers_that_are_taken_halfway_are_said(tmp_path: Path) -> None:
    def change(d: xr.Dataset) -> xr.Dataset:
        del d.lev.attrs["bounds"]
        return d.drop_vars("lev_bnds")

    (said,) = open_native(changed(tmp_path, change, plain)).assumptions
    assert "the depth lev has no bounds" in said and "round its levels" in said
    assert find_layers(column([5.0, 20.0]), ["lev"], "a.nc")[2] == said


@pytest.mark.parametrize(
    "standard",
    [
        "ocean_sigma_coordinate",
        "ocean_sigma_z_coordinate",
        "ocean_double_sigma_coordinate",
        "ocean_s_coordinate",
        "ocean_s_coordinate_g1",
        "ocean_s_coordinate_g2",
    ],
)
def test_levels_that_follow_the_sea_floor_are_refused_in_metres_too(standard: str) -> None:
    axis = column([5, 20], standard_name=standard, formula_terms="sigma: s eta: zos depth: deptho")
    with pytest.raises(ControlError, match="levels that follow the sea floor"):
        find_layers(axis, ["lev"], "a.nc")


@pytest.mark.parametrize("standard", ["height", "altitude", "height_above_mean_sea_level"])
def test_heights_above_the_sea_are_no_depths(standard: str) -> None:
    for levels, positive in (([5, 20], "down"), ([5, 20], "up"), ([-5, -20], "down")):
        with pytest.raises(ControlError, match="expected signs as the attributes say"):
            find_layers(column(levels, standard_name=standard, positive=positive), ["lev"], "a.nc")
    below = column([-5, -20], standard_name=standard, positive="up")
    assert find_layers(below, ["lev"], "a.nc")[1].min() == 0


# Bounds and coordinates that are declared


@pytest.mark.parametrize("axis", ["lev", "time", "lat", "lon"])
def test_bounds_that_are_declared_and_not_there_are_refused(tmp_path: Path, axis: str) -> None:
    def change(d: xr.Dataset) -> xr.Dataset:
        d[axis].attrs["bounds"] = "lost"
        return d

    with pytest.raises(
        ControlError, match=rf"changed_0\.nc.* {axis} declares the bounds lost, which are"
    ):
        opened(tmp_path, change, plain)


@pytest.mark.parametrize("lost", [["TLAT"], ["TLONG"], ["TLAT", "TLONG"]])
def test_positions_of_other_points_are_not_taken_for_declared_ones(
    tmp_path: Path, lost: list[str]
) -> None:
    with pytest.raises(ControlError, match=rf"declares the \w+ {lost[0]} .*, which is not there"):
        opened(tmp_path, lambda d: d.set_coords(["ULAT", "ULONG"]).drop_vars(lost), cesm_file)


def test_other_declared_coordinates_may_be_missing(tmp_path: Path) -> None:
    def change(d: xr.Dataset) -> xr.Dataset:
        d.thetao.attrs["coordinates"] = "z_t time_centered"
        return d

    same(opened(tmp_path, change, plain), opened(tmp_path, lambda d: d, plain))


def test_declared_positions_come_before_others(tmp_path: Path) -> None:
    def change(d: xr.Dataset) -> xr.Dataset:
        """geolat is known by name, and here that of the corners."""
        place = {"geolat": d.latitude + 2, "geolon": d.longitude + 3}
        units = {"geolat": "degrees_north", "geolon": "degrees_east"}
        return d.assign({key: place[key].drop_attrs().assign_attrs(units=units[key]) for key in place})

    same(opened(tmp_path, change, cmip_file), opened(tmp_path, lambda d: d, cmip_file))


# Times


@pytest.mark.parametrize("declared", [True, False])
def test_a_calendar_that_is_not_declared_is_said(tmp_path: Path, declared: bool) -> None:
    def change(d: xr.Dataset) -> xr.Dataset:
        if not declared:
            del d.time.attrs["calendar"]
        return d

    said = open_native(changed(tmp_path, change, plain)).assumptions
    assert ("no calendar is declared: the standard one is taken" in said) is not declared


def test_steps_that_are_taken_halfway_are_said(tmp_path: Path) -> None:
    time = days(10, 3, "noleap")["time"]
    del time.attrs["bounds"]
    (said,) = open_native(
        regular_file(tmp_path / "a.nc", np.zeros(10), {"time": time}, **KIND)
    ).assumptions
    assert "neither days nor months" in said and "0001-01-02" in said


KIND = {"standard_name": "sea_water_potential_temperature"}


def test_a_climatology_is_no_simulation(tmp_path: Path) -> None:
    def by_time(d: xr.Dataset) -> xr.Dataset:
        d.time.attrs["climatology"] = d.time.attrs.pop("bounds")
        return d

    def by_method(d: xr.Dataset) -> xr.Dataset:
        d.thetao.attrs["cell_methods"] = "area: mean time: mean within years time: mean over years"
        return d

    for change in (by_time, by_method):
        with pytest.raises(ControlError, match=r"changed_\d\.nc .* expected .* steps of single years"):
            opened(tmp_path, change, plain)


@pytest.mark.parametrize(
    ("methods", "found"),
    [
        ("time: mean within years time: mean over years", True),
        ("time: mean over years", True),
        ("time: mean within days time: mean over days", False),
        ("time: mean (over years of the run)", False),
        ("area: mean where sea time: mean", False),
    ],
)
def test_means_over_years_are_those_of_a_climatology(methods: str, found: bool) -> None:
    assert is_climatology(methods) is found


def test_an_own_file_without_steps_is_refused(tmp_path: Path) -> None:
    dataset = xr.load_dataset(plain(tmp_path / "a.nc"), decode_times=False).isel(time=slice(0, 0))
    with pytest.raises(ControlError, match=r"a\.nc has no step"):
        find_times(dataset, ["time"], "a.nc")


@pytest.mark.parametrize(("length", "advice"), [(10.0, True), (365.0, False)])
@pytest.mark.parametrize("per_year", [73, 12])
def test_longer_windows_are_advised_where_they_help(length: float, advice: bool, per_year: int) -> None:
    time = days(24, length if per_year == 73 else 365.0, "noleap")
    bounds = np.asarray(xr.coding.times.decode_cf_datetime(
        time["time_bnds"].values, time["time"].attrs["units"], "noleap", use_cftime=True
    ))  # fmt: skip
    with pytest.raises(ControlError, match="output of a higher frequency") as caught:
        step_positions(bounds[:, 0], bounds, per_year)
    assert ("per_year=12" in str(caught.value)) is (advice and per_year == 73)


# Temperature and salinity


def declared_as(standard: str | None, long_name: str) -> Change:
    def change(d: xr.Dataset) -> xr.Dataset:
        d.thetao.attrs.pop("standard_name")
        d.thetao.attrs.update(
            {"long_name": long_name, **({"standard_name": standard} if standard else {})}
        )
        return d

    return change


@pytest.mark.parametrize(
    ("standard", "long_name"),
    [
        ("sea_water_potential_temperature", "Conservative temperature"),
        ("sea_water_potential_temperature", "in-situ temperature"),
        ("sea_water_temperature", "Potential temperature"),
        ("sea_water_conservative_temperature", "Potential Temperature"),
    ],
)
@pytest.mark.parametrize("variable", [None, "thetao"])
def test_two_names_of_two_kinds_of_temperature_are_refused(
    tmp_path: Path, standard: str, long_name: str, variable: str | None
) -> None:
    with pytest.raises(ControlError, match=rf"standard_name {standard} against long_name '{long_name}'"):
        opened(tmp_path, declared_as(standard, long_name), plain, variable)


@pytest.mark.parametrize("standard", ["sea_water_potential_temperature", None])
@pytest.mark.parametrize(
    "long_name",
    [
        "Potential temperature bias",
        "potential temperature trend",
        "Error of potential temperature",
        "Difference of potential temperature",
        "potential temperature tendency",
        "Analysis increment of potential temperature",
    ],
)
def test_what_is_left_of_a_temperature_is_none(
    tmp_path: Path, standard: str | None, long_name: str
) -> None:
    with pytest.raises(ControlError, match=rf"'{long_name}', no temperature itself"):
        opened(tmp_path, declared_as(standard, long_name), plain)


@pytest.mark.parametrize("long_name", ["bias-corrected potential temperature", "Potential Temperature"])
def test_a_corrected_temperature_is_one(tmp_path: Path, long_name: str) -> None:
    change = declared_as("sea_water_potential_temperature", long_name)
    same(opened(tmp_path, change, plain), opened(tmp_path, lambda d: d, plain))


CONSERVATIVE = with_salinity("sea_water_conservative_temperature", "sea_water_salinity")


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"units": "degC"}, "salinity so in units degC, expected g/kg or PSS-78"),
        ({"units": "kg m-3"}, "in units kg m-3"),
        ({"cell_methods": "time: standard_deviation"}, "cell_methods 'time: standard_deviation'"),
    ],
)
def test_salinity_is_read_by_what_it_declares(
    tmp_path: Path, attributes: dict[str, str], reason: str
) -> None:
    def change(d: xr.Dataset) -> xr.Dataset:
        d = CONSERVATIVE(d)
        d.so.attrs.update(attributes)
        return d

    with pytest.raises(ControlError, match=reason):
        opened(tmp_path, change, plain)


@pytest.mark.parametrize("units", ["1", "0.001", "1e-3", "psu", "PSU", "g/kg", "g kg-1", None])
def test_salinity_has_many_spellings(tmp_path: Path, units: str | None) -> None:
    def change(d: xr.Dataset) -> xr.Dataset:
        d = CONSERVATIVE(d)
        d.so.attrs.pop("units")
        d.so.attrs.update({"units": units} if units else {})
        return d

    same(opened(tmp_path, change, plain), opened(tmp_path, lambda d: d, plain))


@pytest.mark.parametrize("later", [0.0, 1000.0, np.nan])
def test_salinity_is_held_against_the_sea_at_every_step(tmp_path: Path, later: float) -> None:
    """At the second of three steps alone."""

    def change(d: xr.Dataset) -> xr.Dataset:
        d = CONSERVATIVE(d)
        d.so.values[1] = np.where(np.isnan(d.so.values[1]), np.nan, later)
        return d

    path = changed(tmp_path, change, plain)
    with pytest.raises(ControlError, match=r"changed_0\.nc has \d+ values of water without salinity"):
        open_native(path).thetao.compute()


# Valid ranges


@pytest.mark.parametrize(
    "attributes",
    [
        {"valid_range": "-2,40"},
        {"valid_range": np.array([-2.0, 40.0, 50.0])},
        {"valid_range": np.float32(40.0)},
        {"valid_range": np.array([40.0, -2.0])},
        {"valid_min": "low"},
        {"valid_max": np.array([30.0, 40.0])},
        {"valid_max": np.float32(np.nan)},
    ],
)
def test_a_valid_range_that_is_none_is_refused(tmp_path: Path, attributes: dict[str, object]) -> None:
    def change(d: xr.Dataset) -> xr.Dataset:
        d.thetao.attrs.update(attributes)
        return d

    name = next(iter(attributes))
    with pytest.raises(
        ControlError, match=rf"changed_0\.nc: thetao has {name} .* correct the attribute"
    ):
        opened(tmp_path, change, plain)


def test_toys_declare_layers_that_begin_at_the_surface() -> None:
    assert find_layers(column(list(centres(LAYERS))), ["lev"], "a.nc")[1].min() == 0


def named_by_the_model(d: xr.Dataset) -> xr.Dataset:
    """As converters of MITgcm's diagnostics declare it: the name of the model for a standard name."""
    d = d.rename(thetao="THETA")
    d["THETA"].attrs |= {"standard_name": "THETA", "long_name": "Potential Temperature"}
    return d


def test_a_standard_name_that_is_the_models_own_name_counts_as_none(tmp_path: Path) -> None:
    with xr.open_dataset(changed(tmp_path, named_by_the_model, plain), decode_times=False) as file:
        found = find_temperature(file, None, "file")
    assert (found.name, found.kind, found.assumption) == ("THETA", "potential", "")
    same(opened(tmp_path, named_by_the_model, plain), opened(tmp_path, lambda d: d, plain))


def test_a_name_of_cf_stays_one_where_the_variable_has_it_too() -> None:
    standard = "sea_water_potential_temperature_at_sea_floor"
    words = {"standard_name": standard, "long_name": "potential temperature", "units": "degC"}
    field = xr.DataArray(np.zeros((2, 2)), name=standard, attrs=words)
    assert kind_of(field) == (None, True)
    assert "against" not in no_mean_temperature(field) and standard in no_mean_temperature(field)


def test_negative_levels_that_are_declared_positive_down_are_refused() -> None:
    words = {"standard_name": "depth", "units": "m", "positive": "down"}
    with pytest.raises(ControlError, match=r"Z runs from -5 to -300 m with positive=down, expected"):
        metres_down(np.array([-5.0, -50, -300]), words, "Z")
