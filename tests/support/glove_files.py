"""Word vectors in the GloVe text format."""

from __future__ import annotations

import zipfile
from pathlib import Path

GLOVE = "tide 1 2.5 -3\ngull 4e-1 5 6\n, 7 8 9\n"
SHORTER = "tide 1 2\ngull 3 4\n"


def zipped(
    folder: Path,
    members: dict[str, str | bytes],
    name: str = "glove.6B.zip",
    method: int = zipfile.ZIP_DEFLATED,
) -> Path:
    path = folder / name
    with zipfile.ZipFile(path, "w", method) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return path
