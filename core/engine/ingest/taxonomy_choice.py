"""The taxonomy of an import: from a file, from the source, from the labels; without rare ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from core.corpus.documents import Document
from core.corpus.label_rules import LabelRules
from core.corpus.taxonomy import MAX_CATEGORIES, Edge, Taxonomy
from core.engine.ingest.import_plan import ImportPlan
from core.errors import HTransError
from core.formats.taxonomy import PATHS, paths, read_taxonomy
from core.progress import Count


@dataclass(frozen=True, slots=True)
class ChosenTaxonomy:
    """The taxonomy of a corpus, `whole` with the categories that are too rare too.

    `format` says where it is from, `notes` are sentences for the user.
    """

    taxonomy: Taxonomy
    whole: Taxonomy
    format: str
    notes: list[str] = field(default_factory=list)

    def rules(self, *, drop_unknown: bool) -> LabelRules:
        """The meaning of the labels."""
        return LabelRules(self.taxonomy, self.whole, drop_unknown=drop_unknown)


def choose_taxonomy(
    plan: ImportPlan, progress: Count = lambda _: None, *, lenient: bool = False
) -> ChosenTaxonomy:
    """Read the taxonomy, or make it of the labels, which takes a first look at all documents.

    Another look counts positives, where a least number of them is asked for. A `lenient` look
    passes over records that are not what they should be. Raises `HTransError` for a taxonomy that
    cannot be.
    """
    request = plan.request
    look = _Look(plan, progress, lenient)
    stated = _stated(plan)
    notes: list[str] = []
    if stated is None:
        labels = look.labels()
        taxonomy, name = paths.infer(labels), PATHS
        levels = f"{taxonomy.levels} level{'s' if taxonomy.levels != 1 else ''}"
        notes.append(
            f"no taxonomy file: the labels make their own, {len(taxonomy):,} categories on {levels}"
        )
    else:
        taxonomy, name = stated.taxonomy, stated.format
        notes += stated.notes
        if request.unknown_labels == "top-level":
            unknown = [label for label in look.labels() if label not in taxonomy]
            if unknown:
                notes.append(f"{len(unknown):,} unknown labels became top-level categories")
            known = [Edge(c.id, c.parent, c.name) for c in taxonomy]
            added = [Edge(label, None, label) for label in unknown]
            taxonomy = Taxonomy([*known, *added], taxonomy.source)
    if not len(taxonomy):
        raise HTransError(f"{request.sources[0]}: no document has a label, so there is no category")
    kept = taxonomy
    if request.min_positives:
        kept = look.without_rare(taxonomy)
        notes.append(
            f"{len(taxonomy) - len(kept):,} of {len(taxonomy):,} categories have fewer than "
            f"{request.min_positives} training documents and were left out"
        )
    return ChosenTaxonomy(kept, taxonomy, name, notes)


def _stated(plan: ImportPlan) -> ChosenTaxonomy | None:
    """The taxonomy of a file or of the source itself; None where the labels make it."""
    request = plan.request
    if request.taxonomy is not None:
        if request.taxonomy_format == PATHS:
            raise HTransError("--taxonomy-format paths takes no file; leave --taxonomy out")
        found = read_taxonomy(
            request.taxonomy,
            request.taxonomy_format,
            multiple_parents=request.multiple_parents,
            language=request.language,
        )
        notes = []
        if found.second_parents:
            category, parent = found.second_parents[0]
            notes.append(
                f"second parents were left out: {len(found.second_parents):,}, the first is "
                f"{parent!r} of {category!r}"
            )
        return ChosenTaxonomy(found.taxonomy, found.taxonomy, found.format, notes)
    if plan.format.taxonomy is not None and request.taxonomy_format is None:
        own = plan.format.taxonomy(request.sources[0])
        return ChosenTaxonomy(own, own, plan.format.name)
    if request.taxonomy_format not in (None, PATHS):
        raise HTransError(f"--taxonomy-format {request.taxonomy_format} needs --taxonomy FILE")
    return None


class _Look:
    """Looks at the labels of all documents, without their texts."""

    def __init__(self, plan: ImportPlan, progress: Count, lenient: bool) -> None:
        self._plan = plan
        self._progress = progress
        self._lenient = lenient

    def labels(self) -> list[str]:
        """All labels in the order in which they appear."""
        found: dict[str, None] = {}
        for document, _ in self._documents():
            found |= dict.fromkeys(document.labels)
            if len(found) > MAX_CATEGORIES:
                raise HTransError(
                    f"{document.place}: more than {MAX_CATEGORIES:,} different labels so far; is "
                    "it the right field?"
                )
        return list(found)

    def without_rare(self, taxonomy: Taxonomy) -> Taxonomy:
        """The taxonomy without categories that have too few training documents."""
        rules = LabelRules(taxonomy, taxonomy, drop_unknown=True)
        positives: Counter[str] = Counter()
        for document, part in self._documents():
            if self._plan.split(document, part)[0] == "train":
                positives.update(taxonomy.ancestor_closure(rules.categories(document)))
        least = self._plan.request.min_positives
        kept = taxonomy.without([c.id for c in taxonomy if positives[c.id] < least])
        if not len(kept):
            raise HTransError(
                f"--min-positives {least}: no category has so many training documents"
            )
        return kept

    def _documents(self) -> Iterator[tuple[Document, int]]:
        looked_at = 0
        for prepared in self._plan.read(texts=False, lenient=self._lenient):
            for document, part in zip(prepared.documents, prepared.parts, strict=True):
                if document.split != "unused":
                    yield document, part
            looked_at += sum(prepared.records.values())
            self._progress(looked_at)
