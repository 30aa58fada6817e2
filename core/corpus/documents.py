"""Documents as produced by the corpus readers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from core.errors import InputError
from core.text.plain_text import storable

Split = Literal["train", "test", "unused"]


MAX_LABELS = 10_000
"""Maximum number of labels per document."""
MAX_NAME = 1000
"""Maximum length of document and category ids in characters."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a corpus.

    `labels` are the assigned categories, not propagated to ancestors. `split` is None if the source
    states no split, and "unused" if the source excludes the document from both splits. `location`
    (file and line) is for error messages. `date` is None if the source states no date.
    """

    id: str
    text: str
    labels: tuple[str, ...]
    split: Split | None
    location: str
    date: date | None = None


def document_of(
    location: str,
    key: str,
    text: str,
    labels: Iterable[str],
    split: Split | None = None,
    day: date | None = None,
) -> Document:
    """Create a sanitised document.

    Replaces NUL characters and lone surrogates, strips labels and removes duplicate labels.

    Args:
        location: Location of the document for error messages.
        key: Document id.
        text: Text of the document.
        labels: Assigned categories.
        split: Split that the source states, if any.
        day: Date of the document, if any.

    Raises:
        InputError: If there are more than `MAX_LABELS` labels, a label is empty, or a label or
            the id is longer than `MAX_NAME`.
    """
    cleaned = dict.fromkeys(storable(label).strip() for label in labels)
    if len(cleaned) > MAX_LABELS:
        raise InputError(
            f"{len(cleaned):,} labels; more than {MAX_LABELS:,} are not allowed; check that it is "
            "the label field",
            source=location,
        )
    for label in cleaned:
        if not label:
            raise InputError("an empty label; remove it", source=location)
        if len(label) > MAX_NAME:
            raise InputError(
                f"a label of {len(label):,} characters, {label[:20]!r}…; check that it is the "
                "label field",
                source=location,
            )
    if len(key) > MAX_NAME:
        raise InputError(
            f"an id of {len(key):,} characters; check that it is the id field", source=location
        )
    return Document(storable(key), storable(text), tuple(cleaned), split, storable(location), day)


def held_out(document_id: str, fraction: float, seed: int = 0) -> bool:
    """Return True if a document belongs to the held-out fraction of the corpus.

    The result depends only on (seed, id). Existing documents keep their split if a corpus grows.
    """
    digest = hashlib.sha256(f"{seed}\0{document_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < fraction * 2**64
