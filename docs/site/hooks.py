"""What the site is made of besides the pages: help of the commands, modules, and a guard.

Pages write `<!-- commands -->` or `<!-- modules of PACKAGE -->` where the text shall stand. It is made
when the site is built, so it cannot go stale. The settings are a page of their own: settings.py.
"""

from __future__ import annotations

import io
import os
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError

COLUMNS = "80"
ROOT = Path(__file__).parents[2]
MODULES = re.compile(r"<!-- modules of ([\w.]+) -->")
LOADED = re.compile(  # what a browser fetches by itself; a link is followed only when clicked
    r"""<(?:script|img|iframe|source|video|audio|embed)\b[^>]*?\s(?:src|srcset)=["']?((?:https?:)?//[^"'\s>]+)"""
    r"""|<link\b(?=[^>]*\brel=["']?(?:stylesheet|preconnect|icon|preload|prefetch|dns-prefetch))"""
    r"""[^>]*?\shref=["']?((?:https?:)?//[^"'\s>]+)"""
    r"""|(?:@import\s+(?:url\()?|url\()\s*["']?((?:https?:)?//[^"')\s]+)""",
    re.IGNORECASE,
)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in what is made from the code."""
    if "<!-- commands -->" in markdown:
        markdown = markdown.replace("<!-- commands -->", command_reference())
    return MODULES.sub(lambda mark: module_reference(mark[1]), markdown)


def on_post_build(config: Any, **_: Any) -> None:
    """Refuse a site that would fetch something from elsewhere."""
    found = external_assets(Path(config["site_dir"]))
    if found:
        raise PluginError(f"the site fetches {', '.join(sorted(found))}; keep such files in docs/")


def external_assets(site: Path) -> set[str]:
    """Addresses outside the site that a browser would fetch by itself."""
    files = [file for kind in ("html", "css") for file in site.rglob(f"*.{kind}")]
    hits = (match for file in files for match in LOADED.findall(file.read_text(encoding="utf-8")))
    return {address for match in hits for address in match if address}


def module_reference(package: str) -> str:
    """A directive for a package and for each of its modules, in the order of their names."""
    folder = ROOT / package.replace(".", "/")
    names = sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))
    inner = sorted(path.parent.name for path in folder.glob("*/__init__.py"))
    parts = [
        f"::: {package}\n    options:\n      members: false",
        *(f"::: {package}.{n}" for n in names),
    ]
    return "\n\n".join([*parts, *(module_reference(f"{package}.{one}") for one in inner)])


def command_reference() -> str:
    """The help of every command, as a terminal of 80 columns shows it."""
    from deepda.cli import COMMANDS

    parts = ["```text\n" + _help() + "```\n"]
    for command in COMMANDS:
        text = _help(*command.words.split())
        parts.append(f"## deepda {command.words}\n\n```text\n{text}```\n")
    return "\n".join(parts)


def _help(*words: str) -> str:
    from deepda.cli import main

    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = COLUMNS
    held = io.StringIO()
    try:
        with redirect_stdout(held):
            main([*words, "--help"])
    except SystemExit:
        pass
    finally:
        os.environ.pop("COLUMNS")
        if before is not None:
            os.environ["COLUMNS"] = before
    return held.getvalue()
