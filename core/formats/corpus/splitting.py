"""Assign documents to the training and test split."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from core.corpus.documents import Document, Split, held_out
from core.errors import InputError
from core.formats.corpus.format import SPLITS

USUAL_FRACTION = 0.2
_NAME = re.compile(rf"({'|'.join(SPLITS)})(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Splitting:
    """The split that the user requests.

    Test documents are those of `test_from` and later, or a fraction `test_fraction` drawn by `seed`
    and id. Both override the splits in documents and file names. With `test_sources`, all other
    documents without a split are for training. Otherwise `USUAL_FRACTION` of the documents without
    a split is drawn.
    """

    test_from: date | None = None
    test_fraction: float | None = None
    seed: int = 0
    test_sources: bool = False

    def split(self, document: Document, named: Split | None) -> tuple[Split, bool]:
        """Assign a document; `named` is the split that its file name states.

        Returns:
            The split, and whether it was drawn because nothing states one.

        Raises:
            InputError: The split is by date and the document has none.
        """
        if document.split == "unused":
            return "unused", False
        if self.test_from is not None:
            if document.date is None:
                raise InputError(
                    "no date, but --test-from splits by date; name its field with --date-field",
                    source=document.location,
                )
            return ("test" if document.date >= self.test_from else "train"), False
        if self.test_fraction is not None:
            return self._drawn(document, self.test_fraction), False
        stated = document.split or named
        if stated is not None:
            return stated, False
        if self.test_sources:
            return "train", False
        return self._drawn(document, USUAL_FRACTION), True

    def _drawn(self, document: Document, fraction: float) -> Split:
        return "test" if held_out(document.id, fraction, self.seed) else "train"


def splits_by_name(files: Iterable[str]) -> dict[str, Split]:
    """Splits that file names state; empty unless they state both training and test."""
    found: dict[str, Split] = {}
    for file in files:
        if match := _NAME.match(Path(file).name):
            found[file] = SPLITS[match[1].lower()]
    return found if set(found.values()) == {"train", "test"} else {}
