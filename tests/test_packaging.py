"""What is installed is whole: every module and every setting, usable from anywhere."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from test_architecture import modules

ROOT = Path(__file__).parents[1]
SHIPPED = ("deepda", "osse", "reanalysis", "configs")
DATA = ("*.yaml", "*.html", "*.json", "*.safetensors", "*.png")  # files beside modules


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the sources, so that the checkout stays clean."""
    copy = tmp_path_factory.mktemp("source")
    for name in SHIPPED:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(copy / "dist")]
    done = subprocess.run([*build, str(copy)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next((copy / "dist").glob("*.whl"))


@pytest.mark.slow
def test_the_wheel_holds_every_module_and_every_setting(wheel: Path) -> None:
    modules = [file for name in SHIPPED[:3] for file in (ROOT / name).rglob("*.py")]
    yaml = [file for file in (ROOT / "configs").rglob("*.yaml")]
    expected = {file.relative_to(ROOT).as_posix() for file in modules}
    expected |= {"deepda/" + file.relative_to(ROOT).as_posix() for file in yaml}
    data = [file for kind in DATA for name in SHIPPED[:3] for file in (ROOT / name).rglob(kind)]
    expected |= {file.relative_to(ROOT).as_posix() for file in data}
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert expected - held == set(), "name new packages in pyproject.toml under [tool.setuptools]"
    assert held - expected == set() and len(yaml) > 10


def test_the_wheel_brings_the_licence_and_the_command(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    names = {Path(name).name: name for name in archive.namelist()}
    assert b"MIT License" in archive.read(names["LICENSE"])
    assert b"deepda = deepda.cli:main" in archive.read(names["entry_points.txt"])


@pytest.mark.slow
def test_the_unpacked_wheel_finds_its_own_settings_from_any_folder(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    ask = (
        "from deepda.settings.presets import config_folder; from deepda.cli import main\n"
        "print(config_folder()); main(['config', 'show', 'control=files'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", ask],
        cwd=elsewhere,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[0] == str(tmp_path / "site" / "deepda" / "configs"), done.stderr
    assert "name: gcm" in done.stdout


def test_constraints_pin_everything_that_is_asked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = project["dependencies"] + project["optional-dependencies"]["dev"]
    names = {_name(line) for line in asked} - {"setuptools"}
    pins = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line[:1] not in "#"]
    assert names <= {_name(pin) for pin in pins}
    assert "torch==2.13.0" in pins
    assert all("==" in pin and "+" not in pin and "@" not in pin for pin in pins)


IN_CONDA = {"torch": "pytorch", "matplotlib": "matplotlib-base"}  # what is called otherwise there
PARTS = {"dask": {"distributed"}, "fsspec": {"aiohttp"}}  # extras that are packages of their own there
CONDA_ONLY = {"python", "pip", "xesmf"}


def differences(asked: list[str], environment: str) -> set[str]:
    """Packages (with versions) in one of pyproject and environment.yml and not in the other."""
    listed = yaml.safe_load(environment)["dependencies"]
    plain = [line for line in listed if isinstance(line, str)]
    plain += [line for part in listed if isinstance(part, dict) for line in part["pip"]]
    held = {_plain(line) for line in plain if _name(line) not in CONDA_ONLY}
    wanted = {_plain(line) for line in asked}
    return held ^ {part for line in wanted for part in (line, *PARTS.get(_name(line), ()))}


def _plain(requirement: str) -> str:
    """Name as in conda, and version."""
    name = _name(requirement)
    version = requirement.partition(">=")[2]
    return IN_CONDA.get(name, name) + (f">={version}" if version else "")


def test_conda_and_pip_install_the_same_packages() -> None:
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert differences(asked, (ROOT / "environment.yml").read_text()) == set()


@pytest.mark.parametrize(
    ("asked", "held", "expected"),
    [
        (["optuna"], ["python>=3.11"], {"optuna"}),
        ([], ["optuna"], {"optuna"}),
        (["torch>=2.6"], ["pytorch>=2.5"], {"pytorch>=2.6", "pytorch>=2.5"}),
        (["torch>=2.6", "cf-xarray"], ["pytorch>=2.6", "cf_xarray"], set()),
        (["dask[array]"], ["dask", "distributed", {"pip": ["gsw"]}], {"gsw"}),
    ],
)
def test_a_package_that_only_one_installs_is_seen(
    asked: list[str], held: list[str], expected: set[str]
) -> None:
    assert differences(asked, yaml.safe_dump({"dependencies": held})) == expected


def imported_packages() -> set[str]:
    """Top names of everything that the modules import."""
    nodes = [node for source in modules().values() for node in ast.walk(ast.parse(source))]
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0].lower().replace("_", "-") for name in plain | named}


# No import has these names: engines of xarray, units of cf-xarray, http of fsspec, PIL, yaml.
UNSEEN = {"dask", "fsspec", "zarr", "pint", "pillow", "hydra-core", "pyyaml"}


@pytest.mark.slow
def test_every_package_that_is_asked_for_is_used() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    asked = project["dependencies"] + [line for name in extras if name != "dev" for line in extras[name]]
    assert {_name(line) for line in asked} - UNSEEN - imported_packages() == set()


def _name(requirement: str) -> str:
    for sign in "[><=":
        requirement = requirement.partition(sign)[0]
    return requirement.strip().lower().replace("_", "-")


def test_the_citation_names_the_version_and_licence_of_the_package() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
