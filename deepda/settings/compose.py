"""Settings from words: YAML holds the values, `deepda.settings.schema` their types and checks.

load_config("osse", ["training=quick", "seed=7"])      what a command shall do
saved_config(Path("runs/osse"))                        what a run has done
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from deepda.base.text import nearest, say_once
from deepda.settings.presets import config_folder, config_groups
from deepda.settings.schema import VARIANTS, Config, ConfigError, require_one_of

__all__ = ["Config", "ConfigError", "dump", "load_config", "quoted", "saved_config"]

CONFIG_FILE = "config.yaml"  # in the folder of a run
BOUND = ("grid", "per_year", "generator")  # a trained network works with these only
INHERITED = ("control", "observations", "training", "osse")  # from the run, unless an override says
RENAMED = {  # (setting, earlier value): value
    ("observations", "historical"): "synthetic",
    ("observations.kind", "historical"): "synthetic",
    ("control", "gcm"): "files",
}

A_LIST = "a list of texts"
TYPE_NAMES = {
    "<class 'int'>": "a whole number",
    "int | None": "a whole number or null",
    "<class 'float'>": "a number",
    "<class 'str'>": "text",
    "list[str]": A_LIST,
}


def load_config(command: str, overrides: Sequence[str] = (), run: Path | None = None) -> Config:
    """The settings of a command: the values in configs/, then `overrides` in hydra's grammar.

    Args:
        command: "osse" or "reanalysis"; it names the default output folder.
        overrides: "key=value" or "group=choice"; unknown keys are refused.
        run: folder of a trained run; its grid, windows a year and generator are taken over, and
            its control, observations, training and osse sections, unless an override chooses another;
            overrides of single settings change those of the run.

    Raises:
        ConfigError: with the nearest known key where one was mistyped.
    """
    settings = compose_settings([f"command={command}", *overrides])
    if run is not None:
        _take_over(settings, overrides, run)
    return _checked(settings)


def saved_config(run: Path, overrides: Sequence[str] = ()) -> Config:
    """The settings that a run was made with, from its folder, with `overrides` ("key=value").

    Raises:
        ConfigError: no settings there, or not those of this version.
    """
    settings = _saved_settings(run)
    if overrides:
        known = set(_keys(settings))
        for override in map(_parse, overrides):
            _require_setting(override.key_or_group, known)
            _change(settings, override)
    return _checked(settings)


def dump(config: Config) -> str:
    """All settings as YAML; `saved_config` reads them back."""
    return OmegaConf.to_yaml(OmegaConf.structured(config))


def quoted(value: object) -> str:
    """A value as hydra's grammar takes it literally, whatever characters it holds."""
    text = str(value)
    return "'" + re.sub(r"(\\*)('|$)", lambda m: m[1] * 2 + ("\\'" if m[2] else ""), text) + "'"


def compose_settings(overrides: Sequence[str]) -> DictConfig:
    """The values in configs/ with `overrides` applied and every interpolation resolved.

    Raises:
        ConfigError: an override that names no setting or no choice, or cannot be read.
    """
    groups = config_groups()
    parsed = [_parse(_present_name(text)) for text in overrides]
    choices = [override for override in parsed if override.key_or_group in groups]
    _require_choices(choices, groups)
    settings = _compose([str(override.input_line) for override in choices])
    known = {*_keys(settings), *groups}
    for override in parsed:
        _require_setting(override.key_or_group, known)
        if override not in choices:
            _change(settings, override)
    try:
        OmegaConf.resolve(settings)
    except OmegaConfBaseException as error:
        raise ConfigError(
            f"a setting refers to what is not there ({_first_line(error)}); write a plain value"
        ) from error
    return settings


def _present_name(text: str) -> str:
    """An override with the present name of a choice that was renamed, which stderr then says."""
    key, _, value = text.partition("=")
    if (key, value) not in RENAMED:
        return text
    present = f"{key}={RENAMED[key, value]}"
    say_once(f"{text} is called {present} now, and is taken for it")
    return present


def present_values(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by dotted key that an earlier version wrote, with the values that they have now."""
    return {
        key: RENAMED.get((key, value), value) if isinstance(value, str) else value
        for key, value in settings.items()
    }


def _saved_settings(run: Path) -> DictConfig:
    path = run / CONFIG_FILE
    try:
        settings = OmegaConf.load(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ConfigError(
            f"no {CONFIG_FILE} in {run}, expected the folder of a trained run; "
            "run `deepda osse run` first, or name another folder"
        ) from error
    except Exception as error:  # YAML has many ways to be broken
        raise ConfigError(f"{path} cannot be read as YAML ({_first_line(error)}); restore it") from error
    if not isinstance(settings, DictConfig):
        raise ConfigError(f"{path} holds no settings, expected those that a run wrote; restore it")
    for (key, earlier), present in RENAMED.items():
        if OmegaConf.select(settings, key) == earlier:
            OmegaConf.update(settings, key, present)
    return settings


def _take_over(settings: DictConfig, overrides: Sequence[str], run: Path) -> None:
    saved, groups = _saved_settings(run), config_groups()
    given = {re.split(r"[.=]", text)[0]: text for text in overrides}
    parsed = [_parse(_present_name(text)) for text in overrides]
    chosen = {override.key_or_group for override in parsed if override.key_or_group in groups}
    for name in BOUND:
        if name in given and settings.get(name) != saved.get(name):
            raise ConfigError(
                f"{given[name]} is not what the network in {run} was trained with; "
                "leave it out, or train another run with it"
            )
    for name in (*BOUND, *INHERITED):
        if name in saved and name not in chosen:
            settings[name] = saved[name]
    for override in parsed:
        if override.key_or_group.partition(".")[0] in INHERITED and override.key_or_group not in groups:
            _change(settings, override)


def _checked(settings: DictConfig) -> Config:
    kinds = {group: OmegaConf.select(settings, f"{group}.kind") for group in VARIANTS}
    for group, variants in VARIANTS.items():
        require_one_of(f"{group}.kind", kinds[group], tuple(variants))
    try:
        config = OmegaConf.to_object(OmegaConf.merge(_schema(**kinds), settings))
    except OmegaConfBaseException as error:
        raise ConfigError(_in_plain_words(error, settings)) from error
    assert isinstance(config, Config)
    return config


@cache
def _schema(**kinds: str) -> DictConfig:
    """Types of all settings, of the groups of these kinds; a merge copies it."""
    schema = OmegaConf.structured(Config)
    for group, kind in kinds.items():
        schema[group] = OmegaConf.structured(VARIANTS[group][kind])
    return schema


def _in_plain_words(error: OmegaConfBaseException, settings: DictConfig) -> str:
    key = error.full_key
    if not key:
        return f"a setting is of the wrong kind ({_first_line(error)}); compare `deepda config show`"
    if isinstance(error, MissingMandatoryValue):
        return f"{key} has no value, expected one; write {key}=VALUE"
    hints = get_type_hints(error.object_type) if isinstance(error.object_type, type) else {}
    if hints and str(error.key) not in hints:
        return f"{key} is no setting of this version, expected one of {', '.join(hints)}; remove it"
    expected = TYPE_NAMES.get(str(hints.get(str(error.key))), "another kind of value")
    value = OmegaConf.select(settings, key, throw_on_resolution_failure=False)
    wanted = f"[{value}]" if expected == A_LIST and isinstance(value, str) else "VALUE"
    return f"{key} is {value}, expected {expected}; write {key}={wanted}"


def _compose(choices: Sequence[str]) -> DictConfig:
    try:
        return deepcopy(_composed(config_folder().resolve(), tuple(choices)))
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(
            f"the choices {', '.join(choices)} do not go together ({_first_line(error)}); "
            "change one of them"
        ) from error


@cache
def _composed(folder: Path, choices: tuple[str, ...]) -> DictConfig:
    """What hydra makes of the choices; it takes 0.2 s, and a sweep or a notebook asks often."""
    with initialize_config_dir(str(folder), version_base="1.3"):
        return compose("config", list(choices))


def _change(settings: DictConfig, override: Override) -> None:
    value = override.value()
    try:
        OmegaConf.update(settings, override.key_or_group, value, merge=isinstance(value, dict))
    except OmegaConfBaseException as error:
        raise ConfigError(
            f"{override.input_line} does not fit ({_first_line(error)}); "
            f"`deepda config show` prints what {override.key_or_group} holds"
        ) from error


def _parse(text: str) -> Override:
    try:
        override = OverridesParser.create().parse_override(text)
    except HydraException as error:
        raise ConfigError(
            f"the setting {text!r} cannot be read, expected KEY=VALUE; "
            "quote a value with special signs twice: KEY='\"a, b\"'"
        ) from error
    if override.is_sweep_override():
        raise ConfigError(f"{text} gives several values, expected one; run the command once for each")
    if override.is_delete() or override.is_add() or override.is_force_add():
        raise ConfigError(
            f"{text} adds or removes a setting, expected KEY=VALUE; change one that is there"
        )
    return override


def _require_choices(choices: Sequence[Override], groups: Mapping[str, Sequence[str]]) -> None:
    """Refuse choices that are not there, and different ones of one group."""
    made: dict[str, str] = {}
    for override in choices:
        group, choice = override.key_or_group, f"{override.value()!s}"
        if choice not in groups[group]:
            raise ConfigError(
                f"{group}={choice} does not exist{_nearest(choice, groups[group])}; "
                f"choose one of {', '.join(groups[group])}"
            )
        if made.setdefault(group, choice) != choice:
            raise ConfigError(
                f"{group}={made[group]} and {group}={choice} given, expected one choice of {group}; "
                "leave one out, or change the flag that chooses it"
            )


def _require_setting(key: str, known: set[str]) -> None:
    if key not in known:
        raise ConfigError(
            f"there is no setting {key!r}{_nearest(key, known)}; `deepda config show` prints all of them"
        )


def _nearest(word: str, known: Iterable[str]) -> str:
    """ ", did you mean X?" where something known looks like it, by full name or by its last part."""
    near = nearest(word, sorted(known), word.rpartition(".")[2], separator=".")
    return f", did you mean {near}" if near else ""


def _keys(settings: DictConfig, prefix: str = "") -> Iterator[str]:
    """Dotted names of all settings and sections."""
    for key in settings:
        yield f"{prefix}{key!s}"
        if isinstance(section := settings._get_node(key), DictConfig):
            yield from _keys(section, f"{prefix}{key!s}.")


def _first_line(error: Exception) -> str:
    """What an error of another library says, without the details below it."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
