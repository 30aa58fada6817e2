"""Write taxonomies to text files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from core.corpus.taxonomy import Category, Taxonomy
from core.errors import HTransError
from core.files import replacing
from core.text.line_files import COMPRESSED


def write_text(path: Path, lines: Iterable[str]) -> None:
    """Write UTF-8 text to `path` atomically; raise `HTransError` if that fails."""
    if path.suffix.lower() in COMPRESSED[1:]:
        raise HTransError(
            f"{path}: a taxonomy is written uncompressed; leave {path.suffix} out of the name"
        )
    try:
        with replacing(path) as part, part.open("w", encoding="utf-8", newline="") as file:
            file.writelines(lines)
    except OSError as error:
        raise HTransError(f"{path}: cannot be written ({error.strerror})") from error


def check_categories(taxonomy: Taxonomy, path: Path) -> None:
    """Raise `HTransError` for an empty taxonomy or text that cannot be encoded."""
    if not len(taxonomy):
        raise HTransError(f"{path}: the taxonomy has no categories; there is nothing to write")
    for category in taxonomy:
        if not category.name:
            raise unwritable(category, path, "its name is empty", "give it a name")
        if "\0" in category.id + category.name or not _is_text(category.id + category.name):
            raise unwritable(category, path, "its id or name is no UTF-8 text", "rename it")


def unwritable(category: Category, path: Path, problem: str, remedy: str) -> HTransError:
    """An error about a category that cannot be written."""
    return HTransError(f"{path}: category {category.id!r} cannot be written: {problem}; {remedy}")


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
