"""Map the labels of documents to categories of a taxonomy."""

from __future__ import annotations

from collections import Counter

from core.corpus.documents import Document
from core.corpus.taxonomy import Taxonomy
from core.errors import InputError

UNKNOWN_LABELS = ("error", "drop", "top-level")
_MAX_UNKNOWN_LABELS = 10_000


class LabelRules:
    """Rules that map labels to categories.

    The label of a pruned category maps to the nearest ancestor that was not pruned. Labels outside
    the taxonomy are an error, or dropped and counted in `unknown`.
    """

    def __init__(self, taxonomy: Taxonomy, complete: Taxonomy, *, drop_unknown: bool) -> None:
        """Create the rules.

        Args:
            taxonomy: The taxonomy of the corpus, without rare categories.
            complete: The taxonomy with all categories.
            drop_unknown: True to drop labels outside `complete` instead of raising an error.
        """
        self.taxonomy = taxonomy
        self.unknown: Counter[str] = Counter()
        self._complete = complete
        self._drop = drop_unknown

    def categories(self, document: Document) -> set[str]:
        """Assigned categories of a document, not propagated to ancestors.

        Raises:
            InputError: If a label is not in the taxonomy and unknown labels are not dropped.
        """
        categories: set[str] = set()
        for label in document.labels:
            if label in self.taxonomy:
                categories.add(label)
            elif label in self._complete:
                ancestors = (a for a in self._complete.ancestors(label) if a in self.taxonomy)
                categories |= {next(ancestors, "")} - {""}
            elif self._drop:
                if label in self.unknown or len(self.unknown) < _MAX_UNKNOWN_LABELS:
                    self.unknown[label] += 1
            else:
                raise InputError(
                    f"the label {label!r} is not in the taxonomy {self._complete.source}; add it "
                    "there, or use --unknown-labels drop or top-level",
                    source=document.location,
                )
        return categories
