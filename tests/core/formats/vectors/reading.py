"""How these tests read word vectors and write the files they are in."""

from __future__ import annotations

import gzip
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from core.formats.vectors import read_vectors

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PACKED: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".zst": zstd.compress,
}
"""What may follow a file's name, and how it is packed then."""


def pairs(
    source: Path | str, format_name: str | None = None, dimensions: int | None = None
) -> list[tuple[str, list[float]]]:
    """Words and rounded numbers; every vector is an array of its own, float32 and finite."""
    found = list(read_vectors(str(source), format_name, dimensions=dimensions))
    assert all(v.dtype == np.float32 and np.isfinite(v).all() for _, v in found)
    assert len({len(v) for _, v in found}) <= 1
    return [(word, [round(float(x), 4) for x in vector]) for word, vector in found]


def written(folder: Path, content: str | bytes, name: str) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@contextmanager
def little_memory(most: int = 24 * 2**20) -> Iterator[None]:
    """What runs inside takes no more bytes than this at any time."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < most, f"{peak / 2**20:.0f} MiB"
