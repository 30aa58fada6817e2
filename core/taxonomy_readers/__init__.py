"""One module per taxonomy format; this one finds the right one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from core.errors import HTransError
from core.taxonomy import Taxonomy
from core.taxonomy_readers import edges

FORMATS: dict[str, Callable[[Path], Taxonomy]] = {"edges": edges.read}
PATHS = "paths"
"""The taxonomy that labels make themselves by being paths; see `core.taxonomy_readers.paths`."""


def read_taxonomy(path: Path, format_name: str | None = None) -> Taxonomy:
    """The taxonomy in `path`; the format is `edges` unless named otherwise."""
    name = format_name or "edges"
    if name not in FORMATS:
        raise HTransError(
            f"there is no taxonomy format {name!r} for a file; known are "
            f"{', '.join(FORMATS)}, and {PATHS} without a file"
        )
    return FORMATS[name](path)
