"""Documents, as readers yield them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

Split = Literal["train", "test", "unused"]


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a corpus.

    `labels` are the categories that the source states, not closed upward. `split` is None where
    the source does not say, "unused" where it says that the document belongs to neither part.
    `place` names file and line for error messages.
    """

    id: str
    text: str
    labels: tuple[str, ...]
    split: Split | None
    place: str


def held_out(document_id: str, fraction: float, seed: int = 0) -> bool:
    """Whether a document belongs to a held-out share of the corpus.

    Depends on nothing but (seed, id), so that a corpus that grows keeps its split.
    """
    digest = hashlib.sha256(f"{seed}\0{document_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < fraction * 2**64
