"""The documentation keeps in step: links lead somewhere, pages are found, commands and modules exist."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from deepda.base.errors import UsageError
from deepda.cli import COMMANDS
from deepda.commands.console import read_command_line
from deepda.settings.presets import config_groups

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md"))
TEXTS = [*PAGES, ROOT / "README.md"]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
DIRECTIVE = re.compile(r"^::: ([\w.]+)$", re.MULTILINE)
ABSOLUTE = ("http://", "https://", "mailto:")


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    """What the site adds to its pages."""
    return loaded(DOCS / "site" / "hooks.py")


def loaded(path: Path) -> ModuleType:
    """A module beside the pages, which is in no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def prose(page: Path) -> str:
    """The text without code, in which a bracket is no link."""
    return re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)


def navigation() -> list[str]:
    """The pages that a reader is led to."""

    def leaves(entry: Any) -> Iterator[str]:
        if isinstance(entry, str):
            yield entry
        else:
            for part in entry.values() if isinstance(entry, dict) else entry:
                yield from leaves(part)

    return list(leaves(yaml.safe_load((DOCS / "site" / "mkdocs.yml").read_text())["nav"]))


def commands_in(text: str) -> list[str]:
    """Command lines of code blocks, whole, without comments; not those that leave something out."""
    joined = re.sub(r"\s*\\\n\s*", " ", text)
    lines = re.findall(r"^(?: {4}|\$ )?(deepda [^\n]*)$", joined, re.MULTILINE)
    lines = [re.sub(r"\b[NM]\b", "1", re.split(r"\s+#", line)[0]) for line in lines]
    return [line for line in lines if not re.search(r"\.\.\.|COMMAND|`|\s\[", line)]


@pytest.mark.parametrize("page", TEXTS, ids=named)
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    targets = [link for link in LINK.findall(prose(page)) if not link.startswith((*ABSOLUTE, "#"))]
    assert [t for t in targets if not (page.parent / t.partition("#")[0]).exists()] == []


def test_every_page_is_in_the_navigation_once() -> None:
    assert sorted(navigation()) == [page.relative_to(DOCS).as_posix() for page in PAGES]


@pytest.mark.slow
def test_the_command_reference_holds_the_help_of_every_command(hooks: ModuleType) -> None:
    text = hooks.on_page_markdown((DOCS / "reference" / "commands.md").read_text())
    for command in COMMANDS:
        assert f"## deepda {command.words}\n" in text
        assert f"usage: deepda {command.words} " in text
    assert max(len(line) for line in hooks.command_reference().splitlines()) <= 80


def test_the_settings_reference_is_that_of_the_files_of_values() -> None:
    page = loaded(DOCS / "site" / "settings.py").page()
    written = (DOCS / "reference" / "settings.md").read_text()
    assert written == page, "configs/ changed; run python docs/site/settings.py"
    for group, choices in config_groups().items():
        assert all(f"### {group}={choice}\n" in page for choice in choices)


def test_every_setting_of_the_reference_has_a_value_and_a_meaning() -> None:
    rows = [
        line for line in (DOCS / "reference" / "settings.md").read_text().splitlines() if "| `" in line
    ]
    assert len(rows) > 60
    assert [row for row in rows if not re.fullmatch(r"\| `[\w.]+` \| `.+` \| \S.* \|", row)] == []


@pytest.mark.slow
@pytest.mark.parametrize("page", TEXTS, ids=named)
def test_every_command_line_in_the_text_can_be_typed(page: Path) -> None:
    for line in commands_in(page.read_text()):
        try:
            words = shlex.split(line)[1:]
            read_command_line(COMMANDS, words, "", "")
        except SystemExit:
            pass  # --help
        except (UsageError, ValueError) as error:
            pytest.fail(f"{line}: {error}")


def test_a_wrong_command_line_would_be_found() -> None:
    text = "try\n\n    deepda osse run \\\n        --ouput x  # there\n    deepda reanalysis ...\n"
    assert commands_in(text) == ["deepda osse run --ouput x"]
    with pytest.raises(UsageError, match="did you mean --output"):
        read_command_line(COMMANDS, shlex.split(commands_in(text)[0])[1:], "", "")


def test_every_public_module_is_in_the_reference(hooks: ModuleType) -> None:
    pages = "\n".join(hooks.on_page_markdown(page.read_text()) for page in PAGES)
    listed = DIRECTIVE.findall(pages)
    modules = [
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for package in ("deepda", "osse", "reanalysis")
        for file in (ROOT / package).rglob("*.py")
        if file.stem != "__main__"
    ]
    bare = {"osse", "deepda.cli"}  # a package of rooms; the table of the commands, which have a page
    assert sorted(listed) == sorted(set(modules) - bare)


def test_a_module_that_is_new_would_be_listed(hooks: ModuleType) -> None:
    made = hooks.on_page_markdown("x <!-- modules of deepda.base --> y")
    assert "::: deepda.base.errors\n" in made and made.startswith("x ::: deepda.base\n")


@pytest.mark.parametrize("page", TEXTS, ids=named)
def test_python_in_the_text_is_python(page: Path) -> None:
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        assert ast.parse(block).body


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ('<script src="https://cdn.org/a.js"></script>', "https://cdn.org/a.js"),
        ("<img alt='x' src=//cdn.org/a.png>", "//cdn.org/a.png"),
        ('<link rel="stylesheet" href="https://fonts.org/css">', "https://fonts.org/css"),
        ('<link href="https://fonts.org" rel="preconnect">', "https://fonts.org"),
        ("<style>@import 'https://fonts.org/css'</style>", "https://fonts.org/css"),
        ("<style>a{background:url(http://x.org/a.png)}</style>", "http://x.org/a.png"),
    ],
)
def test_a_site_that_fetches_from_elsewhere_is_refused(
    hooks: ModuleType, tmp_path: Path, text: str, address: str
) -> None:
    from mkdocs.exceptions import PluginError

    page = tmp_path / "page.html"
    page.write_text('<a href="https://doi.org/1">a link is only followed</a><img src="figures/a.png">')
    hooks.on_post_build({"site_dir": str(tmp_path)})
    page.write_text(text)
    with pytest.raises(PluginError, match=re.escape(address)):
        hooks.on_post_build({"site_dir": str(tmp_path)})
