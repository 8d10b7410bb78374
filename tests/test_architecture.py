"""The layout keeps its promises: who may import whom, and how long a module may be.

`osse` and `reanalysis` import `deepda`, never each other; `deepda` imports neither, except
the commands, and these only inside functions.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("deepda", "osse", "reanalysis")
FORBIDDEN = {
    "deepda": {"osse", "reanalysis"},
    "osse": {"reanalysis"},
    "reanalysis": {"osse"},
}
LAZY = ("deepda.cli", "deepda.osse_commands")  # may import the drivers when one is called
TENSORS_ONLY = ("deepda.networks", "deepda.partial_conv")
TABLES_AND_FILES = {"xarray", "pandas", "dask", "netCDF4", "omegaconf", "hydra"}
LONGEST = 400  # lines of a module


def modules() -> dict[str, str]:
    """Dotted name -> source of every module of the project."""
    files = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
    return {".".join(file.relative_to(ROOT).with_suffix("").parts): file.read_text() for file in files}


def imports(tree: ast.AST, module: str) -> Iterator[tuple[str, bool]]:
    """(imported name, whether on loading the module), import_module("...") included."""

    def walk(node: ast.AST, loading: bool) -> Iterator[tuple[str, bool]]:
        for name in _named(node, module):
            yield name, loading
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from walk(child, loading and not inside)

    return walk(tree, True)


def _named(node: ast.AST, module: str) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        parents = module.split(".")[: -node.level] if node.level else []
        return [
            ".".join([*parents, *([node.module] if node.module else []), a.name]) for a in node.names
        ]
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in ("import_module", "__import__"):
            return [str(node.args[0].value)]
    return []


def violations(module: str, source: str) -> list[str]:
    """What a module imports against the rules."""
    found = []
    for name, loading in imports(ast.parse(source), module):
        top = name.split(".")[0]
        lazily = module in LAZY and not loading
        if top in FORBIDDEN[module.split(".")[0]] and not lazily:
            found.append(f"{module} imports {name}")
        if module.startswith(TENSORS_ONLY) and top in TABLES_AND_FILES:
            found.append(f"{module} imports {name}")
    return found


def test_nobody_imports_against_the_rule() -> None:
    assert [found for module, source in modules().items() for found in violations(module, source)] == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("deepda.grid", "import osse"),
        ("deepda.grid", "from osse.experiment import run"),
        ("deepda.grid", "def f():\n    import reanalysis.run"),
        ("deepda.grid", "from importlib import import_module\nimport_module('osse.report')"),
        ("deepda.grid", "from .. import osse"),
        ("deepda.cli", "import osse.experiment"),
        ("deepda.cli", "if True:\n    from reanalysis import run"),
        ("osse.experiment", "from reanalysis.run import run"),
        ("reanalysis.run", "class A:\n    import osse"),
        ("deepda.networks.generator", "import xarray as xr"),
        ("deepda.partial_conv", "from pandas import DataFrame"),
    ],
)
def test_the_guard_bites(module: str, source: str) -> None:
    assert len(violations(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("deepda.cli", "def f():\n    import osse.experiment"),
        ("osse.experiment", "from deepda.grid import Grid\nfrom . import report"),
        ("reanalysis.run", "import deepda"),
        ("deepda.grid", "import ossein"),
        ("deepda.control", "import xarray"),
    ],
)
def test_the_guard_lets_pass_what_is_allowed(module: str, source: str) -> None:
    assert violations(module, source) == []


def test_the_guard_sees_all_modules() -> None:
    names = set(modules())
    assert {"deepda.grid", "deepda.cli", "deepda.networks.__init__", "osse.__init__"} <= names


def test_no_module_is_longer_than_a_person_reads() -> None:
    long = {name: n for name, source in modules().items() if (n := source.count("\n")) > LONGEST}
    assert long == {}
