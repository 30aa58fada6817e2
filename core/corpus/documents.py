"""Documents, as readers yield them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from core.errors import InputError
from core.text.plain_text import storable

Split = Literal["train", "test", "unused"]


MOST_LABELS = 10_000
"""A document with more labels is refused."""
LONGEST_NAME = 1000
"""Characters of the id of a document or category; a longer one is refused."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a corpus.

    `labels` are the categories that the source states, not closed upward. `split` is None where
    the source does not say, "unused" where it says that the document belongs to neither part.
    `place` names file and line for error messages; `date` is None where the source states none.
    """

    id: str
    text: str
    labels: tuple[str, ...]
    split: Split | None
    place: str
    date: date | None = None


def document_of(
    place: str,
    key: str,
    text: str,
    labels: Iterable[str],
    split: Split | None = None,
    day: date | None = None,
) -> Document:
    """A document from what a source says, cleaned of what no database and no screen can take.

    NUL bytes and lone surrogates become replacement marks; labels are stripped of white space, and
    each counts once. Raises `InputError` for more than `MOST_LABELS` of them, an empty one, and
    names longer than `LONGEST_NAME`.
    """
    cleaned = dict.fromkeys(storable(label).strip() for label in labels)
    if len(cleaned) > MOST_LABELS:
        raise InputError(
            f"{len(cleaned):,} labels; more than {MOST_LABELS:,} are no document's: is it the "
            "right field?",
            source=place,
        )
    for label in cleaned:
        if not label:
            raise InputError("an empty label; remove it", source=place)
        if len(label) > LONGEST_NAME:
            raise InputError(
                f"a label of {len(label):,} characters, {label[:20]!r}…; is it the right field?",
                source=place,
            )
    if len(key) > LONGEST_NAME:
        raise InputError(f"an id of {len(key):,} characters; is it the right field?", source=place)
    return Document(storable(key), storable(text), tuple(cleaned), split, storable(place), day)


def held_out(document_id: str, fraction: float, seed: int = 0) -> bool:
    """Whether a document belongs to a held-out share of the corpus.

    Depends on nothing but (seed, id), so that a corpus that grows keeps its split.
    """
    digest = hashlib.sha256(f"{seed}\0{document_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < fraction * 2**64
