"""Test modules are independent: what several of them need is in tests/support."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
MODULES = sorted(TESTS.rglob("*.py"))


def imported_modules(code: str, package: tuple[str, ...]) -> set[str]:
    """Dotted names that a module of a package imports, at the top or inside a function."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            start = ".".join([*above, *filter(None, [node.module])])
            names |= {start, *(f"{start}.{alias.name}" for alias in node.names)}
    return names


def is_test_module(name: str) -> bool:
    """Whether a dotted name is a test module or a conftest, or something inside one."""
    first, *parts = name.split(".")
    return first == "tests" and any(p == "conftest" or p.startswith("test_") for p in parts)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(TESTS)))
def test_no_module_imports_from_a_test_module(path: Path) -> None:
    package = ("tests", *path.relative_to(TESTS).parts[:-1])
    imported = imported_modules(path.read_text(encoding="utf-8"), package)
    assert not {name for name in imported if is_test_module(name)}


@pytest.mark.parametrize(
    "line",
    [
        "import tests.docs.test_inline",
        "from tests.docs.test_inline import parts",
        "from tests.docs import test_inline",
        "from tests.docs.conftest import parts",
        "from ..docs.test_inline import parts",
        "from . import conftest",
        "def f():\n    from tests.docs.test_inline import parts",
    ],
)
def test_such_an_import_is_seen(line: str) -> None:
    assert any(map(is_test_module, imported_modules(line, ("tests", "core"))))
