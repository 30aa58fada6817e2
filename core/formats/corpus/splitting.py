"""Which documents are for training and which for test."""

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
    """What the user has said of the split.

    Documents of `test_from` and later are for test, or the share `test_fraction`, drawn from
    (`seed`, id): both count more than what documents and file names say. With `test_sources`, what
    is not from one of them is for training. Else `USUAL_FRACTION` of those that say nothing is
    drawn.
    """

    test_from: date | None = None
    test_fraction: float | None = None
    seed: int = 0
    test_sources: bool = False

    def split(self, document: Document, named: Split | None) -> tuple[Split, bool]:
        """The split of a document whose file's name says `named`.

        The second value says that nothing states one, so that it was drawn without being asked for.

        Raises `InputError` for a document without a date where dates decide.
        """
        if document.split == "unused":
            return "unused", False
        if self.test_from is not None:
            if document.date is None:
                raise InputError(
                    "no date, but --test-from splits by date; name its field with --date-field",
                    source=document.place,
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
    """The split that the name of each file says; none unless some say training and others test."""
    found: dict[str, Split] = {}
    for file in files:
        if match := _NAME.match(Path(file).name):
            found[file] = SPLITS[match[1].lower()]
    return found if set(found.values()) == {"train", "test"} else {}
