"""Settings: what is accepted, what is refused, and that the refusal says what to do."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from deepda.settings.compose import dump, load_config, quoted, saved_config
from deepda.settings.files import matching_files
from deepda.settings.meanings import annotated
from deepda.settings.observations import DRAWN_YEARS
from deepda.settings.presets import config_folder, config_groups
from deepda.settings.schema import ConfigError, EmbeddedControl, FilesControl
from osse.observing.platforms import FIRST_YEAR, LAST_YEAR


def run_folder(tmp_path: Path, *overrides: str) -> Path:
    """The folder of a run made with these settings."""
    (tmp_path / "config.yaml").write_text(dump(load_config("osse", overrides)))
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("group", sorted(config_groups()))
def test_every_choice_of_every_group_is_accepted(group: str) -> None:
    short = [] if group == "osse" else ["osse=smoke"]  # for which every control is long enough
    choices = config_groups()[group]
    made = {dump(load_config("osse", [*short, f"{group}={choice}"])) for choice in choices}
    assert len(made) == len(choices)


def test_every_value_can_be_changed_and_the_change_arrives() -> None:
    assert load_config("osse", ["seed=7"]).seed == 7
    assert load_config("osse", ["training.updates=5"]).training.updates == 5
    assert load_config("osse", ["training=smoke", "training.updates=3"]).training.updates == 3


def test_a_change_does_not_reach_the_next_settings() -> None:
    assert load_config("osse", ["grid.name=mine", "seed=7"]).grid.name == "mine"
    again = load_config("osse")
    assert (again.grid.name, again.seed) == ("embedded_4deg", 1)


def test_the_seed_of_the_run_is_the_seed_of_its_parts_unless_they_have_their_own() -> None:
    config = load_config("osse", ["seed=7", "training.seed=8"])
    assert isinstance(config.control, EmbeddedControl)
    assert (config.control.seed, config.training.seed) == (7, 8)


def test_months_need_no_other_setting_than_per_year() -> None:
    config = load_config("osse", ["per_year=12"])
    assert (config.per_year, config.osse.spinup) == (12, 12)


def test_the_command_names_the_default_output() -> None:
    assert load_config("reanalysis").output == "runs/reanalysis"
    assert load_config("osse", ["output=elsewhere"]).output == "elsewhere"


def test_the_model_run_brings_its_grid_unless_another_is_named() -> None:
    config = load_config("osse", ["control=files"])
    assert isinstance(config.control, FilesControl) and config.grid.name == "gcm"
    assert load_config("osse", ["control=files", "grid=paper_1deg"]).grid.name == "paper_1deg"
    assert load_config("osse").grid.name == "embedded_4deg"


def test_smoke_brings_its_control_unless_another_is_named() -> None:
    small = load_config("osse", ["osse=smoke"])
    assert isinstance(small.control, EmbeddedControl) and small.control.years < 10
    assert small.training.updates < 10
    model = load_config("osse", ["osse=smoke", "control=files"])
    assert (model.control.kind, model.grid.name) == ("files", "gcm")


def test_the_only_path_comes_from_the_environment_or_the_override(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DEEPDA_DATA", "/somewhere")
    control = load_config("osse", ["control=files"]).control
    assert isinstance(control, FilesControl) and control.paths == ["/somewhere/gcm/thetao_*.nc"]
    control = load_config("osse", ["control=files", "data.root=/other"]).control
    assert isinstance(control, FilesControl) and control.paths == ["/other/gcm/thetao_*.nc"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("trainin.updates=3", "did you mean training.updates"),
        ("training.updats=3", "did you mean training.updates"),
        ("training=quik", "did you mean quick"),
        ("trainng=quick", "did you mean training"),
        ("seed=x", "seed is x, expected a whole number"),
        ("seed=3.5", "expected a whole number"),
        ("seed=null", "expected a whole number"),
        ("seed=-1", "expected at least 0"),
        ("training.updates=[1]", "expected a whole number"),
        ("training.learning_rate=nan", "expected a number above 0"),
        ("training.learning_rate=0", "expected a number above 0"),
        ("training.error_samples=1", "training.error_samples is 1, expected 0 (none) or at least 2"),
        ("training.error_samples=-5", "training.error_samples is -5, expected 0 (none) or at least 2"),
        ("device=gpu", "expected auto or cpu or cuda"),
        ("per_year=365", "expected 73 or 12"),
        ("control.years=5", "control.years=5"),
        ("control.kind=magic", "expected embedded or files"),
        ("osse.spinup=400", "osse.spinup is 400"),
        ("osse.test_years=0", "expected at least 1"),
        ("osse.baselines=[forecast_oi]", "expected oi among them"),
        ("osse.baselines=[oi,magic]", "expected oi or forecast_oi or multi_scale_oi or own_error_oi"),
        ("reanalysis.end=1980", "end is 1980"),
        ("reanalysis.members=-1", "expected at least 0"),
        ("osse.members=-1", "expected at least 0"),
        ("osse.baselines=[oi,oi]", "osse.baselines is ['oi', 'oi'], expected each name once"),
        ("reanalysis.baselines=[oi,oi]", "reanalysis.baselines is ['oi', 'oi'], expected each name"),
        ("osse.label_year=0", "0 to 2, expected years among 1981 to 2025"),
        ("osse.label_year=1980", "1980 to 1982, expected years among 1981 to 2025"),
        ("osse.label_year=2024", "2024 to 2026, expected years among 1981 to 2025"),
        ("observations.last_year=99999", "1981 to 99999, expected years among 1981 to 2025"),
        ("observations.first_year=1900", "1900 to 2020, expected years among 1981 to 2025"),
        ("seed=9007199254740992", "seed is 9007199254740992, expected at most 9007199254740991"),
        ("control.seed=99999999999999999999999", "control.seed is 99999999999999999999999, expected"),
        ("training.seed=99999999999999999999999", "training.seed is 99999999999999999999999, expected"),
        ("observations.last_year=1900", "swap them"),
        ("grid.lat_edges=3", "expected a list of numbers"),
        ("grid.lat_edges=[-90,north]", "expected a list of numbers"),
        ("grid.lon_edges={start: 0, end: 360}", "does not fit"),
        ("training={updates: 3}", "choose one of default, quick, smoke"),
        ("grid@elsewhere=gcm", "do not go together"),
        ("hydra.verbose=true", "no setting"),
        ("output=''", "output is empty"),
        ("seed=${nowhere}", "refers to what is not there"),
        ("+speed=1", "adds or removes"),
        ("~seed", "adds or removes"),
        ("seed=1,2", "run the command once for each"),
        ("seed", "expected KEY=VALUE"),
        ("", "expected KEY=VALUE"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_sentence(override: str, said: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        load_config("osse", [override])
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_two_choices_of_one_group_contradict_each_other() -> None:
    with pytest.raises(ConfigError, match=r"training=quick and training=smoke .*expected one choice"):
        load_config("osse", ["training=quick", "training=smoke"])
    assert load_config("osse", ["training=quick", "training=quick"]) == load_config(
        "osse", ["training=quick"]
    )


def test_years_of_random_observations_are_those_that_files_can_date() -> None:
    random = "observations=random"
    assert load_config("osse", [random, "osse.label_year=1678"]).osse.label_year == 1678
    for year in (0, 1677, 2260, 99999):
        with pytest.raises(ConfigError, match="expected years among 1678 to 2261"):
            load_config("osse", [random, f"osse.label_year={year}"])


def test_the_years_of_the_observing_system_are_those_that_it_is_drawn_for() -> None:
    assert DRAWN_YEARS == (FIRST_YEAR, LAST_YEAR)


def test_a_fraction_above_one_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"observations\.surface is 60, expected a fraction"):
        load_config("osse", ["observations=random", "observations.surface=60"])


def test_a_run_of_a_version_without_dropout_is_still_read(tmp_path: Path) -> None:
    run = run_folder(tmp_path)
    kept = [line for line in (run / "config.yaml").read_text().splitlines() if "dropout" not in line]
    (run / "config.yaml").write_text("\n".join(kept))
    assert saved_config(run) == load_config("osse", [])
    assert load_config("reanalysis", [], run).generator.dropout == 0.0  # type: ignore[attr-defined]


def test_a_run_of_a_version_that_met_no_errors_is_still_read_as_such(tmp_path: Path) -> None:
    run = run_folder(tmp_path)
    lines = (run / "config.yaml").read_text().splitlines()
    kept = [line for line in lines if "error_samples" not in line]
    assert len(kept) == len(lines) - 1
    (run / "config.yaml").write_text("\n".join(kept))
    assert saved_config(run).training.error_samples == 0
    assert load_config("osse").training.error_samples > 0


def test_no_background_errors_can_be_asked_for() -> None:
    assert load_config("osse", ["training.error_samples=0"]).training.error_samples == 0


@pytest.mark.parametrize("rate", ["1.0", "-0.1"])
@pytest.mark.parametrize("generator", ["innovation", "unet3plus"])
def test_a_dropout_that_leaves_nothing_is_refused(generator: str, rate: str) -> None:
    with pytest.raises(ConfigError, match=r"generator\.dropout is .*expected a share of channels"):
        load_config("osse", [f"generator={generator}", f"generator.dropout={rate}"])


def test_dropout_without_a_trunk_to_drop_from_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"generator\.hidden is 0, expected a correction trunk"):
        load_config("osse", ["generator.hidden=0", "generator.dropout=0.2"])


def test_a_setting_of_another_variant_is_refused() -> None:
    assert load_config("osse", ["generator=ham2024"]).generator.kind == "ham2024"
    with pytest.raises(ConfigError, match=r"no setting 'generator\.memory'"):
        load_config("osse", ["generator=ham2024", "generator.memory=3"])


@given(st.text(alphabet="ab ='\\\",[]{}()$:#~+-/.*?é%", min_size=1, max_size=12))
def test_any_text_survives_the_grammar_of_overrides(text: str) -> None:
    assert OverridesParser.create().parse_override(f"output={quoted(text)}").value() == text


def test_a_strange_path_arrives_as_it_was_typed() -> None:
    path = "it's a/strange=path, [really] \\"
    assert load_config("osse", [f"output={quoted(path)}"]).output == path


def test_settings_written_and_read_back_are_the_same(tmp_path: Path) -> None:
    for overrides in ([], ["control=files", "generator=ham2024", "observations=random", "seed=9"]):
        assert saved_config(run_folder(tmp_path, *overrides)) == load_config("osse", overrides)


def test_a_trained_run_brings_what_its_network_needs(tmp_path: Path) -> None:
    run = run_folder(tmp_path, "control=files", "generator=ham2024", "osse.test_years=3", "seed=9")
    config = load_config("reanalysis", ["reanalysis.members=4"], run)
    assert (config.grid.name, config.generator.kind, config.osse.test_years) == ("gcm", "ham2024", 3)
    assert (config.command, config.seed, config.reanalysis.members) == ("reanalysis", 1, 4)


def test_an_override_wins_over_the_run_where_the_network_allows_it(tmp_path: Path) -> None:
    run = run_folder(tmp_path, "osse.test_years=3")
    assert load_config("osse", ["osse.test_years=4"], run).osse.test_years == 4
    with pytest.raises(ConfigError, match=r"grid=gcm is not what the network .* was trained with"):
        load_config("reanalysis", ["grid=gcm"], run)
    load_config("reanalysis", ["grid=embedded_4deg"], run)


def test_one_setting_of_a_section_leaves_the_others_as_the_run_has_them(tmp_path: Path) -> None:
    run = run_folder(tmp_path, "per_year=12", "osse.test_years=2", "training.stretches=3")
    taken = load_config("osse", ["osse.baselines=[oi]", "training.updates=7"], run)
    assert (taken.osse.spinup, taken.osse.test_years, taken.osse.baselines) == (12, 2, ["oi"])
    assert (taken.training.stretches, taken.training.updates) == (3, 7)
    other = load_config("osse", ["training=smoke", "training.updates=7"], run)
    assert other.training.stretches == load_config("osse", ["training=smoke"]).training.stretches
    assert other.training.updates == 7


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="run `deepda osse run` first"):
        saved_config(tmp_path)


@pytest.mark.parametrize("text", ["a: [", "- 1\n- 2", "", "seed: 1", "\x00", "seed: ${x}"])
def test_broken_settings_of_a_run_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ConfigError):
        saved_config(tmp_path)


def test_a_setting_that_this_version_lost_is_named(tmp_path: Path) -> None:
    old = run_folder(tmp_path) / "config.yaml"
    old.write_text(old.read_text().replace("  hidden:", "  hiden:"))
    with pytest.raises(ConfigError, match=r"generator\.hiden is no setting of this version"):
        saved_config(tmp_path)


def test_one_name_where_a_list_is_wanted_is_answered_with_the_list() -> None:
    with pytest.raises(ConfigError, match=r"write observations\.climatology=\[woa\.nc\]"):
        load_config("reanalysis", ["observations=ingested", "observations.climatology=woa.nc"])


def test_names_of_files_may_hold_stars(tmp_path: Path) -> None:
    for name in ("b.nc", "a.nc", "c[1].nc"):
        (tmp_path / name).touch()
    assert [f.name for f in matching_files([f"{tmp_path}/?.nc"])] == ["a.nc", "b.nc"]
    assert matching_files([f"{tmp_path}/c[1].nc"]) == [tmp_path / "c[1].nc"]
    with pytest.raises(ConfigError, match="nothing is called"):
        matching_files([f"{tmp_path}/*.nc", f"{tmp_path}/d*.nc"])


def test_every_yaml_file_belongs_to_a_group() -> None:
    files = {file.relative_to(config_folder()) for file in config_folder().rglob("*.yaml")}
    known = {
        Path(group) / f"{choice}.yaml" for group, names in config_groups().items() for choice in names
    }
    assert files == known | {Path("config.yaml")}


def test_loading_settings_leaves_no_hydra_behind() -> None:
    from hydra.core.global_hydra import GlobalHydra

    with pytest.raises(ConfigError):
        load_config("osse", ["nothing=1"])
    load_config("osse")
    assert not GlobalHydra.instance().is_initialized()
    assert OmegaConf.create(dump(load_config("osse"))).seed == 1


def test_settings_with_their_meanings_fit_eighty_columns() -> None:
    shown = annotated(dump(load_config("osse"))).splitlines()
    assert max(map(len, shown)) <= 80
    above = next(line for line in shown if "most conjugate-gradient steps" in line)
    assert above.startswith("  # ")


@pytest.mark.slow
def test_every_setting_shown_has_its_meaning_and_reads_back_the_same() -> None:
    for choices in (
        [],
        ["control=files"],
        ["generator=unet3plus"],
        ["observations=random", "osse=smoke"],
    ):
        plain = dump(load_config("osse", choices))
        shown = annotated(plain)
        assert yaml.safe_load(shown) == yaml.safe_load(plain)
        lines = ["", *shown.splitlines()]
        explained = [
            line for above, line in pairwise(lines) if " # " in line or above.strip().startswith("#")
        ]
        names = [line for line in lines if re.match(r" *\w+: ?\S", line)]
        nested = {"start", "stop", "step"}  # of the edges of a grid
        bare = [name for name in names if name not in explained]
        assert {name.split(":")[0].strip() for name in bare} <= nested


def test_a_meaning_is_that_of_the_kind_that_is_chosen() -> None:
    shown = annotated(dump(load_config("osse", ["generator=unet3plus"])))
    assert "dropout: 0.2  # of channels after each block, in training\n" in shown
    assert "variational" not in shown
