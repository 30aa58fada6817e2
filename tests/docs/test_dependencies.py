"""Every dependency is used, and CONTRIBUTING says what for."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

NOT_IMPORTED = {
    "backports-zstd": "imported as backports.zstd, and only before Python 3.14",
    "spacy-lookups-data": "data that spaCy finds by itself",
}


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=!~;\[ ]", requirement)[0].lower() for requirement in requirements}


REQUIRED = _names(PROJECT["dependencies"])
EXTRAS = {extra: _names(wanted) for extra, wanted in PROJECT["optional-dependencies"].items()}
USED = sorted(REQUIRED | EXTRAS["cluster"] | EXTRAS["demo"] | EXTRAS["onnx"])


@cache
def _imported() -> set[str]:
    """Names of modules that the packages import, at the top or inside a function."""
    code = (
        path.read_text()
        for room in ("core", "db", "htrans_tui")
        for path in ROOT.glob(f"{room}/**/*.py")
    )
    return {
        name
        for text in code
        for name in re.findall(r"^\s*(?:from|import) ([A-Za-z_0-9]+)", text, re.MULTILINE)
    }


@cache
def _distributions() -> dict[str, list[str]]:
    """Distributions that are installed, by module; they are read from disk."""
    return {module: list(names) for module, names in packages_distributions().items()}


@pytest.mark.parametrize("name", [name for name in USED if name not in NOT_IMPORTED])
def test_what_is_required_is_imported(name: str) -> None:
    modules = {
        module
        for module, sources in _distributions().items()
        if name in (re.sub(r"[_.]", "-", source.lower()) for source in sources)
    }
    if not modules:
        pytest.skip(f"{name} is not installed")
    assert modules & _imported()


def test_contributing_names_every_dependency_and_no_other() -> None:
    section = (ROOT / "CONTRIBUTING.md").read_text().split("## Dependencies")[1].split("\n## ")[0]
    named = {
        name.strip()
        for line in re.findall(r"^- ([^:(]+?)(?: \(`[a-z]+`\))?: ", section, re.MULTILINE)
        for name in line.split(",")
    }
    assert named == REQUIRED.union(*EXTRAS.values())


def test_what_has_no_import_is_still_required() -> None:
    assert set(NOT_IMPORTED) <= REQUIRED
