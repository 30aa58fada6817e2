"""SQL is written in `db/` alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SQL = re.compile(
    r"\s*(SELECT|INSERT|REPLACE|UPDATE|DELETE|CREATE|ALTER|DROP|WITH|PRAGMA|ATTACH|DETACH"
    r"|BEGIN|COMMIT|ROLLBACK|VACUUM|ANALYZE|EXPLAIN)\s"
)


def statements(source: str) -> Iterator[int]:
    """Lines of the string constants that begin like a statement of SQL."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value):
            yield node.lineno


@pytest.mark.parametrize("package", ["core", "htrans_tui"])
def test_no_statement_stands_outside_db(package: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for line in statements(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_statements_are_recognised() -> None:
    source = '''x = f"""
        SELECT {y}"""
z = "PRAGMA user_version"
w = "Select a category"'''
    assert len(list(statements(source))) == 2
