"""Survey of a corpus before its import: contents and problems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.corpus.documents import Document, Split
from core.corpus.duplicates import count_duplicates
from core.corpus.label_rules import LabelRules
from core.engine.ingest.import_plan import ImportPlan, ImportRequest
from core.engine.ingest.taxonomy_choice import ChosenTaxonomy, choose_taxonomy
from core.errors import HTransError
from core.progress import Count
from core.text.vectors import stored_words
from core.text.vocabulary import RESERVED, Vocabulary

MAX_PROBLEMS = 20
"""Maximum number of listed problems; further ones are counted."""


@dataclass(frozen=True, slots=True)
class CategorySurvey:
    """A category with its document counts, which include the categories below it."""

    id: str
    name: str
    parent: str | None
    level: int
    train: int
    test: int


@dataclass(slots=True)
class Survey:
    """Summary of the corpus that an import would create.

    Attributes:
        format: Format of the sources.
        taxonomy: Format of the taxonomy.
        records: Number of records.
        unused: Number of records that are in no split.
        train: Number of training documents.
        test: Number of test documents.
        drawn: Number of documents whose split is drawn, because the source has none.
        sources: Records and documents of each split, by file or archive.
        without_labels: Number of documents without a label of the taxonomy.
        without_text: Number of documents without text.
        duplicates: Number of documents with equal texts, within and across splits.
        levels: Number of levels of the taxonomy.
        labels: Number of explicit labels that are in the taxonomy.
        categories: The categories with their document counts.
        unknown_labels: Labels outside the taxonomy, with their number of documents.
        max_words: Words of each document that are tokenised.
        words: Size of the vocabulary of the first `max_words` words.
        tokens: Number of tokens.
        longer: Number of documents that are truncated to `max_words`.
        vectors: Coverage of words and tokens by each table of word vectors.
        notes: Sentences for the user.
        problem_count: Number of problems that would make the import fail.
        problems: The first `MAX_PROBLEMS` problems.
    """

    format: str
    taxonomy: str = ""
    records: int = 0
    unused: int = 0
    train: int = 0
    test: int = 0
    drawn: int = 0
    sources: dict[str, dict[str, int]] = field(default_factory=dict)
    without_labels: int = 0
    without_text: int = 0
    duplicates: dict[str, int] = field(default_factory=dict)
    levels: int = 0
    labels: int = 0
    categories: list[CategorySurvey] = field(default_factory=list)
    unknown_labels: dict[str, int] = field(default_factory=dict)
    max_words: int = 0
    words: int = 0
    tokens: int = 0
    longer: int = 0
    vectors: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problem_count: int = 0
    problems: list[str] = field(default_factory=list)


def survey_corpus(
    request: ImportRequest,
    vectors: Mapping[str, Path] | None = None,
    progress: Count = lambda _: None,
) -> Survey:
    """Survey a corpus without writing anything. Collects problems instead of stopping at the first.

    Args:
        request: The import.
        vectors: Folders of word vectors by name; their coverage is computed.
        progress: Called with the number of records read.

    Raises:
        HTransError: A source does not exist, or the taxonomy cannot be read.
    """
    plan = ImportPlan(request)
    chosen = choose_taxonomy(plan, progress, lenient=True)
    surveyor = _Surveyor(plan, chosen)
    surveyor.read(progress)
    return surveyor.survey(vectors or {})


class _Surveyor:
    def __init__(self, plan: ImportPlan, chosen: ChosenTaxonomy) -> None:
        self._plan = plan
        self._chosen = chosen
        self._rules: LabelRules = chosen.rules(drop_unknown=True)
        self._survey = Survey(
            plan.format.name,
            chosen.format,
            levels=chosen.taxonomy.levels,
            max_words=plan.request.max_words,
            notes=list(chosen.notes),
        )
        self._vocabulary = Vocabulary()
        self._counts = np.zeros(1024, dtype=np.int64)
        self._positives: dict[Split, Counter[str]] = {"train": Counter(), "test": Counter()}
        self._hashes: dict[Split, list[int]] = {"train": [], "test": []}
        self._ids: set[int] = set()

    def read(self, progress: Count) -> None:
        survey = self._survey
        try:
            for prepared in self._plan.read(lenient=True):
                survey.records += sum(prepared.records.values())
                for problem in prepared.problems:
                    self._problem(problem)
                for part, count in prepared.records.items():
                    self._source(part)["records"] += count
                splits = list(map(self._document, prepared.documents, prepared.parts))
                for split, part, text_hash in zip(
                    splits, prepared.parts, prepared.hashes, strict=True
                ):
                    self._source(part)[split] += 1
                    if split != "unused":
                        self._hashes[split].append(text_hash)
                self._words(*prepared.tokens_of([split != "unused" for split in splits]))
                progress(survey.records)
        except HTransError as error:
            self._problem(str(error))

    def _source(self, part: int) -> dict[str, int]:
        name = self._plan.parts[part].name
        zeros = {"records": 0, "train": 0, "test": 0, "unused": 0}
        return self._survey.sources.setdefault(name, zeros)

    def _words(self, words: list[str], tokens: npt.NDArray[np.int32], lengths: list[int]) -> None:
        ids = np.asarray([self._vocabulary.add(word) for word in words], dtype=np.int64)
        if len(self._counts) < len(self._vocabulary):
            more = 2 * len(self._vocabulary) - len(self._counts)
            self._counts = np.concatenate([self._counts, np.zeros(more, dtype=np.int64)])
        np.add.at(self._counts, ids[tokens], 1)
        self._survey.tokens += sum(lengths)
        self._survey.longer += sum(length == self._survey.max_words for length in lengths)

    def _document(self, document: Document, part: int) -> Split:
        survey = self._survey
        try:
            split, drawn = self._plan.split(document, part)
        except HTransError as error:
            self._problem(str(error))
            return "unused"
        if split == "unused":
            survey.unused += 1
            return split
        survey.drawn += drawn
        key = hash(document.id)
        if key in self._ids:
            self._problem(f"{document.location}: the document id {document.id!r} appears twice")
        self._ids.add(key)
        explicit = self._rules.categories(document)
        survey.labels += len(explicit)
        survey.without_labels += not explicit
        self._positives[split].update(self._chosen.taxonomy.ancestor_closure(explicit))
        if split == "train":
            survey.train += 1
        else:
            survey.test += 1
        return split

    def _problem(self, problem: str) -> None:
        self._survey.problem_count += 1
        if len(self._survey.problems) < MAX_PROBLEMS:
            self._survey.problems.append(problem)

    def survey(self, vectors: Mapping[str, Path]) -> Survey:
        survey = self._survey
        duplicates = count_duplicates(
            *(np.asarray(self._hashes[split], dtype=np.int64) for split in ("train", "test"))
        )
        survey.without_text = duplicates.without_text
        survey.duplicates = {
            "within_train": duplicates.within_train,
            "within_test": duplicates.within_test,
            "across": len(duplicates.across),
        }
        train, test = self._positives["train"], self._positives["test"]
        survey.categories = [
            CategorySurvey(c.id, c.name, c.parent, c.level, train[c.id], test[c.id])
            for c in self._chosen.taxonomy
        ]
        survey.unknown_labels = dict(self._rules.unknown.most_common())
        if survey.unknown_labels and self._plan.request.unknown_labels == "error":
            count = len(survey.unknown_labels)
            self._problem(
                f"{count:,} {'label is' if count == 1 else 'labels are'} not in the taxonomy; "
                f"add {'it' if count == 1 else 'them'} there, or use --unknown-labels drop or "
                "top-level"
            )
        survey.words = len(self._vocabulary) - RESERVED
        survey.vectors = [self._coverage(name, folder) for name, folder in vectors.items()]
        return survey

    def _coverage(self, name: str, folder: Path) -> dict[str, Any]:
        known = set(stored_words(folder))
        covered = np.asarray([word in known for word in self._vocabulary], dtype=bool)
        covered[:RESERVED] = False
        tokens = int(self._counts[: len(covered)][covered].sum())
        words = self._survey.words
        return {
            "name": name,
            "words": words,
            "covered": int(covered.sum()),
            "share": int(covered.sum()) / words if words else 0.0,
            "token_share": tokens / self._survey.tokens if self._survey.tokens else 0.0,
        }
