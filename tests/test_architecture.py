"""The layout keeps its promises: who may import whom, what the map names, how long a module may be.

Rooms of `deepda` import only rooms above them in ROOMS. `osse` and `reanalysis` import `deepda`, never
each other; `deepda` imports neither, except the commands, and these only inside functions.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

import deepda

ROOT = Path(__file__).parents[1]
PACKAGES = ("deepda", "osse", "reanalysis")
FORBIDDEN = {
    "deepda": {"osse", "reanalysis"},
    "osse": {"reanalysis"},
    "reanalysis": {"osse"},
}
LAZY = "deepda.commands"  # may import the drivers when one is called
ROOMS = (
    *("base", "settings", "catalogue", "geometry", "observations", "control", "climatology", "quality"),
    *("assimilation", "networks", "training", "output", "verification", "feedback", "runs"),
    *("figures", "reports", "evaluation", "explain", "commands", "cli"),
)
BESIDE = {("control", "observations")}  # of one height: neither imports the other
DRIVER_ROOMS = {"osse": ("ocean", "observing", "twin", "known_answer", "experiments", "sweep")}
TENSORS_ONLY = "deepda.networks"
TABLES_AND_FILES = {"xarray", "pandas", "dask", "netCDF4", "omegaconf", "hydra"}
LONGEST = 320  # lines of a module


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
        lazily = module.startswith(LAZY) and not loading
        forbidden = top in FORBIDDEN[module.split(".")[0]] and not lazily
        if forbidden or upwards(module, name) or (_tensors(module) and top in TABLES_AND_FILES):
            found.append(f"{module} imports {name}")
    return found


def upwards(module: str, name: str) -> bool:
    """Whether a room imports one below it in the list, against the flow."""
    (package, *inside), (other, *there) = module.split("."), name.split(".")
    rooms = ROOMS if package == "deepda" else DRIVER_ROOMS.get(package, ())
    if package != other or not inside or not there or {inside[0], there[0]} - {*rooms}:
        return False
    return rooms.index(there[0]) > rooms.index(inside[0]) or (inside[0], there[0]) in BESIDE


def _tensors(module: str) -> bool:
    return module.startswith(TENSORS_ONLY)


@pytest.mark.slow
def test_nobody_imports_against_the_rule() -> None:
    assert [found for module, source in modules().items() for found in violations(module, source)] == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("deepda.geometry.grid", "import osse"),
        ("deepda.geometry.grid", "from osse.twin.run import run"),
        ("deepda.geometry.grid", "def f():\n    import reanalysis.run"),
        ("deepda.geometry.grid", "from importlib import import_module\nimport_module('osse.report')"),
        ("deepda.geometry.grid", "from ... import osse"),
        ("deepda.cli", "def f():\n    import osse.twin.run"),
        ("deepda.cli", "if True:\n    from reanalysis import run"),
        ("deepda.commands.osse", "import osse.twin.run"),
        ("osse.twin.run", "from reanalysis.run import run"),
        ("reanalysis.run", "class A:\n    import osse"),
        ("deepda.networks.generator", "import xarray as xr"),
        ("deepda.networks.partial_conv", "from pandas import DataFrame"),
        ("osse.ocean.simulate", "from osse.twin import run"),
        *[
            (f"deepda.{room}.module", f"def f():\n    from deepda.{later} import thing")
            for room, later in pairwise(ROOMS)
        ],
        ("deepda.control.prepare", "from deepda.observations.table import cells"),
    ],
)
def test_the_guard_bites(module: str, source: str) -> None:
    assert len(violations(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("deepda.commands.reanalysis", "def f():\n    import osse.twin.run"),
        ("deepda.commands.osse", "def f():\n    import osse.twin.run"),
        ("osse.twin.run", "from deepda.geometry.grid import Grid\nfrom . import report"),
        ("osse.twin.run", "from osse.ocean.simulate import simulate"),
        ("reanalysis.run", "import deepda"),
        ("deepda.geometry.grid", "import ossein"),
        ("deepda.control.prepare", "import xarray\nfrom deepda.geometry.grid import Grid"),
    ],
)
def test_the_guard_lets_pass_what_is_allowed(module: str, source: str) -> None:
    assert violations(module, source) == []


def test_the_guard_sees_all_modules() -> None:
    names = set(modules())
    assert {"deepda.geometry.grid", "deepda.cli", "deepda.networks.__init__", "osse.__init__"} <= names


def rooms_on_disk(package: str) -> set[str]:
    """Folders and modules that stand directly in a package."""
    inside = [path for path in (ROOT / package).iterdir() if path.stem not in ("__init__", "__main__")]
    return {path.stem for path in inside if path.suffix == ".py" or (path / "__init__.py").exists()}


def missing_from_the_map(rooms: set[str], text: str) -> set[str]:
    """Rooms whose name begins no line of the map."""
    return rooms - {line.split()[0] for line in text.splitlines() if line.startswith("    ")}


def test_the_map_names_every_room() -> None:
    assert missing_from_the_map(rooms_on_disk("deepda"), deepda.__doc__ or "") == set()


def test_the_map_names_a_room_that_is_new() -> None:
    assert missing_from_the_map({"base", "cellar"}, deepda.__doc__ or "") == {"cellar"}


def test_every_room_has_its_place_in_the_order_of_imports() -> None:
    assert rooms_on_disk("deepda") == set(ROOMS)
    assert rooms_on_disk("osse") == set(DRIVER_ROOMS["osse"])


def too_long(sources: dict[str, str]) -> dict[str, int]:
    """Modules longer than a person reads, with their lines."""
    return {name: n for name, source in sources.items() if (n := source.count("\n")) > LONGEST}


def test_no_module_is_longer_than_a_person_reads() -> None:
    assert too_long(modules()) == {}


def test_the_guard_of_length_bites() -> None:
    assert too_long({"short": "\n" * LONGEST, "long": "\n" * (LONGEST + 1)}) == {"long": LONGEST + 1}


NETWORK_CLASSES = {"Smoothable"}  # beside all names from deepda.networks


def asks_which_network(module: str, source: str) -> list[str]:
    """Where a module outside the networks asks which network it has, or sets an attribute of one."""
    if _tensors(module):
        return []
    tree = ast.parse(source)
    named = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(TENSORS_ONLY)
        for alias in node.names
    }
    return [
        f"{module}:{node.lineno}"
        for node in ast.walk(tree)
        if _asks(node, named | NETWORK_CLASSES) or _sets(node)
    ]


def _asks(node: ast.AST, classes: set[str]) -> bool:
    """isinstance(x, a network), or getattr and hasattr of an analyser."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return False
    if node.func.id in ("isinstance", "issubclass"):
        parts = [part for argument in node.args[1:] for part in ast.walk(argument)]
        return any(_last(part) in classes for part in parts)
    return node.func.id in ("getattr", "hasattr") and _is_analyser(node.args[0])


def _sets(node: ast.AST) -> bool:
    """analyser.attribute = value."""
    targets = node.targets if isinstance(node, ast.Assign) else []
    attributes = [part for target in targets for part in ast.walk(target)]
    return any(isinstance(part, ast.Attribute) and _is_analyser(part.value) for part in attributes)


def _is_analyser(node: ast.AST) -> bool:
    return _last(node) in ("analyser", "generator", "network")


def _last(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


@pytest.mark.slow
def test_nobody_outside_the_networks_asks_which_network_it_has() -> None:
    assert [
        at for module, source in modules().items() for at in asks_which_network(module, source)
    ] == []


@pytest.mark.parametrize(
    "source",
    [
        "from deepda.networks.ham2024 import Ham2024Analyser as Ham\nisinstance(x, (int, Ham))",
        "isinstance(analyser, Smoothable)",
        "getattr(self.analyser, 'renew', None)",
        "hasattr(analyser, 'tolerance')",
        "run.analyser.tolerance = 1",
        "before, analyser.tolerance = analyser.tolerance, 1",
    ],
)
def test_the_guard_of_networks_bites(source: str) -> None:
    assert len(asks_which_network("deepda.explain.page", source)) == 1
    assert asks_which_network("deepda.networks.build", source) == []


@pytest.mark.parametrize(
    "source",
    [
        "isinstance(x, dict)",
        "getattr(grid, 'lat_edges')",
        "self.analyser = analyser",
        "analyser.renew()",
    ],
)
def test_the_guard_of_networks_lets_pass_what_is_allowed(source: str) -> None:
    assert asks_which_network("deepda.explain.page", source) == []
