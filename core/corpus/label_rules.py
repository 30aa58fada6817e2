"""Which categories of a taxonomy the labels of a document mean."""

from __future__ import annotations

from collections import Counter

from core.corpus.documents import Document
from core.corpus.taxonomy import Taxonomy
from core.errors import InputError

UNKNOWN_LABELS = ("error", "drop", "top-level")
_MOST_KINDS = 10_000


class LabelRules:
    """Labels to categories of `taxonomy`, which is `whole` without those that were too rare.

    A label of a category that was left out counts for the nearest one above it that is there. Of
    labels that are not even in `whole`, the first is an error, or they are counted in `unknown`.
    """

    def __init__(self, taxonomy: Taxonomy, whole: Taxonomy, *, drop_unknown: bool) -> None:
        self.taxonomy = taxonomy
        self.unknown: Counter[str] = Counter()
        self._whole = whole
        self._drop = drop_unknown

    def categories(self, document: Document) -> set[str]:
        """The categories that a document states, not closed upward.

        Raises `InputError` naming the document, the label and the remedy.
        """
        found: set[str] = set()
        for label in document.labels:
            if label in self.taxonomy:
                found.add(label)
            elif label in self._whole:
                above = (a for a in self._whole.ancestors(label) if a in self.taxonomy)
                found |= {next(above, "")} - {""}
            elif self._drop:
                if label in self.unknown or len(self.unknown) < _MOST_KINDS:
                    self.unknown[label] += 1
            else:
                raise InputError(
                    f"the label {label!r} is not in the taxonomy {self._whole.source}; add it "
                    "there, or use --unknown-labels drop or top-level",
                    source=document.place,
                )
        return found
