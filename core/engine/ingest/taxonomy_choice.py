"""The taxonomy of an import: from a file, the source or the labels, without rare categories."""

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
    """The taxonomy of a corpus; `complete` includes the omitted rare categories.

    `format` is the format of the taxonomy. `notes` are sentences for the user.
    """

    taxonomy: Taxonomy
    complete: Taxonomy
    format: str
    notes: list[str] = field(default_factory=list)

    def rules(self, *, drop_unknown: bool) -> LabelRules:
        """The rules that map labels to categories."""
        return LabelRules(self.taxonomy, self.complete, drop_unknown=drop_unknown)


def choose_taxonomy(
    plan: ImportPlan, progress: Count = lambda _: None, *, lenient: bool = False
) -> ChosenTaxonomy:
    """Read the taxonomy, or infer it from the labels, which needs a pass over all documents.

    Another pass counts positives if `min_positives` is set.

    Args:
        plan: The import.
        progress: Called with the number of records of a pass.
        lenient: Skip invalid records.

    Raises:
        HTransError: The taxonomy is invalid or empty.
    """
    request = plan.request
    scan = _LabelScan(plan, progress, lenient)
    given = _given_taxonomy(plan)
    notes: list[str] = []
    if given is None:
        labels = scan.labels()
        taxonomy, name = paths.infer(labels), PATHS
        levels = f"{taxonomy.levels} level{'s' if taxonomy.levels != 1 else ''}"
        notes.append(
            f"no taxonomy file: inferred {len(taxonomy):,} categories on {levels} from the labels"
        )
    else:
        taxonomy, name = given.taxonomy, given.format
        notes += given.notes
        if request.unknown_labels == "top-level":
            unknown = [label for label in scan.labels() if label not in taxonomy]
            if unknown:
                notes.append(f"{len(unknown):,} unknown labels became top-level categories")
            known = [Edge(c.id, c.parent, c.name) for c in taxonomy]
            added = [Edge(label, None, label) for label in unknown]
            taxonomy = Taxonomy([*known, *added], taxonomy.source)
    if not len(taxonomy):
        raise HTransError(
            f"{request.sources[0]}: no document has a label; check the label field or give "
            "--taxonomy FILE"
        )
    kept = taxonomy
    if request.min_positives:
        kept = scan.without_rare(taxonomy)
        notes.append(
            f"{len(taxonomy) - len(kept):,} of {len(taxonomy):,} categories have fewer than "
            f"{request.min_positives} training documents and were omitted"
        )
    return ChosenTaxonomy(kept, taxonomy, name, notes)


def _given_taxonomy(plan: ImportPlan) -> ChosenTaxonomy | None:
    """The taxonomy of a file or of the source; None if it must be inferred from the labels."""
    request = plan.request
    if request.taxonomy is not None:
        if request.taxonomy_format == PATHS:
            raise HTransError("--taxonomy-format paths uses no file; omit --taxonomy")
        file = read_taxonomy(
            request.taxonomy,
            request.taxonomy_format,
            multiple_parents=request.multiple_parents,
            language=request.language,
        )
        notes = []
        if file.second_parents:
            category, parent = file.second_parents[0]
            notes.append(
                f"{len(file.second_parents):,} second parents were ignored; the first is "
                f"{parent!r} of {category!r}"
            )
        return ChosenTaxonomy(file.taxonomy, file.taxonomy, file.format, notes)
    if plan.format.taxonomy is not None and request.taxonomy_format is None:
        taxonomy = plan.format.taxonomy(request.sources[0])
        return ChosenTaxonomy(taxonomy, taxonomy, plan.format.name)
    if request.taxonomy_format not in (None, PATHS):
        raise HTransError(f"--taxonomy-format {request.taxonomy_format} needs --taxonomy FILE")
    return None


class _LabelScan:
    """Passes over the labels of all documents, without texts."""

    def __init__(self, plan: ImportPlan, progress: Count, lenient: bool) -> None:
        self._plan = plan
        self._progress = progress
        self._lenient = lenient

    def labels(self) -> list[str]:
        """All labels in the order of their first occurrence."""
        labels: dict[str, None] = {}
        for document, _ in self._documents():
            labels |= dict.fromkeys(document.labels)
            if len(labels) > MAX_CATEGORIES:
                raise HTransError(
                    f"{document.location}: more than {MAX_CATEGORIES:,} different labels; "
                    "check the label field"
                )
        return list(labels)

    def without_rare(self, taxonomy: Taxonomy) -> Taxonomy:
        """The taxonomy without categories that have too few training documents."""
        rules = LabelRules(taxonomy, taxonomy, drop_unknown=True)
        positives: Counter[str] = Counter()
        for document, part in self._documents():
            if self._plan.split(document, part)[0] == "train":
                positives.update(taxonomy.ancestor_closure(rules.categories(document)))
        minimum = self._plan.request.min_positives
        kept = taxonomy.without([c.id for c in taxonomy if positives[c.id] < minimum])
        if not len(kept):
            raise HTransError(
                f"--min-positives {minimum}: no category has that many training documents"
            )
        return kept

    def _documents(self) -> Iterator[tuple[Document, int]]:
        scanned = 0
        for prepared in self._plan.read(texts=False, lenient=self._lenient):
            for document, part in zip(prepared.documents, prepared.parts, strict=True):
                if document.split != "unused":
                    yield document, part
            scanned += sum(prepared.records.values())
            self._progress(scanned)
