"""A category's predictions on a split, for the app. Does not import torch.

Scores are read from the arrays of `core.engine.scoring.scores`. The process of
`core.engine.prediction.inference_server` computes missing arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.engine.artifacts.document_index import DocumentIndex, open_index
from core.engine.artifacts.run_files import rows_path, scores_path
from core.engine.artifacts.text_search import search
from core.engine.scoring.decision_rules import current_rule
from core.errors import ConflictError
from core.files import append_lines
from core.metrics.decisions import CategoryRule, Scores
from core.metrics.precision_recall import Counts
from core.metrics.ranking import RankedPredictions
from core.text.plain_text import without_surrogates
from core.workspace import Workspace
from db.connection import Store
from db.corpora import document_labels, document_text
from db.metrics import record_metrics
from db.run_categories import RunCategory, run_categories
from db.runs import Run
from db.thresholds import SetThreshold, delete_threshold, record_threshold, set_threshold


class NotPreparedError(ConflictError):
    """Scores or index arrays are missing; the inference server computes them."""


@dataclass(frozen=True, slots=True)
class OtherScore:
    """The prediction of another category's model for a document.

    `probability` is None without a model or without a score of this document on disk.
    """

    key: str
    is_label: bool
    probability: float | None
    accepted: bool


class CategoryPredictions:
    """The documents of a split and their scores under a category's model."""

    def __init__(self, store: Store, workspace: Workspace, run: Run, category: RunCategory) -> None:
        """Prepare without documents; call `open_split` to read them."""
        self.run = run
        self.category = category
        self.split = "test"
        self.rows: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self.ranked = RankedPredictions(np.zeros(0, dtype=np.bool_), np.zeros(0, dtype=np.float32))
        self._workspace = workspace
        self._categories = run_categories(store, run.id)
        self._others: dict[int, tuple[Scores, CategoryRule] | None] = {}
        self._index: DocumentIndex | None = None

    def open_split(self, split: str) -> None:
        """Read the documents, targets and scores of the split "test" or "validation".

        Raises:
            NotPreparedError: The scores or index arrays are not on disk.
            ConflictError: The category has no model.
        """
        trial_id = self.category.kept_trial_id
        if trial_id is None:
            raise ConflictError(f"{self.category.key} has no model yet")
        self._index = open_index(self._workspace, self.run.corpus_id)
        scores = _array(self._path(self.category.id, trial_id, split))
        rows = None
        if self._index is not None:
            rows = self._index.test if split == "test" else self._validation_rows(trial_id)
        if self._index is None or scores is None or rows is None or len(rows) != len(scores):
            raise NotPreparedError(f"the {split} documents are not scored yet")
        targets = np.zeros(len(rows), dtype=np.bool_)
        positives = self._index.positives(self.category.category_id)
        # Both arrays are ascending, so a binary search finds their intersection.
        index = np.searchsorted(rows, positives)
        inside = index < len(rows)
        index, positives = index[inside], positives[inside]
        targets[index[rows[index] == positives]] = True
        self.split, self.rows = split, rows
        self.ranked = RankedPredictions(targets, scores)

    @property
    def trial_id(self) -> int:
        """The trial of the model that gave the scores."""
        assert self.category.kept_trial_id is not None
        return self.category.kept_trial_id

    def rule(self, store: Store) -> CategoryRule:
        """The current decision rule of the category."""
        return current_rule(store, self.run, self.category)

    def manual_threshold(self, store: Store) -> SetThreshold | None:
        """The manual threshold, or None."""
        return set_threshold(store, self.trial_id, self.category.id)

    def save_threshold(self, store: Store, threshold: float) -> None:
        """Set a manual threshold on the raw scores, and update the split's recorded metrics."""
        with store.write(durable=True):
            record_threshold(store, self.trial_id, self.category.id, threshold, self.split)
        self._record(store, self.ranked.counts(threshold))

    def reset_threshold(self, store: Store) -> None:
        """Delete the manual threshold, and update the split's recorded metrics."""
        with store.write(durable=True):
            delete_threshold(store, self.trial_id, self.category.id)
        self._record(store, self.ranked.counts(self.rule(store).min_score))

    def text(self, store: Store, index: int) -> tuple[str, str]:
        """Id and text of the document at an index of the split."""
        return document_text(store, self.run.corpus_id, int(self.rows[index]))

    def find(self, text: str) -> npt.NDArray[np.bool_]:
        """Whether each document of the split matches a search text, (documents,)."""
        numbers = search(self._workspace, self.run.corpus_id, text)
        return np.isin(self.rows, numbers, assume_unique=True)

    def others(self, store: Store, index: int) -> list[OtherScore]:
        """Predictions of the run's other categories for the document at an index of the split.

        On validation, each category has separate documents, so the list contains labels only.
        """
        number = int(self.rows[index])
        labels = document_labels(store, self.run.corpus_id, number)
        others = []
        for category in self._categories:
            if category.id == self.category.id:
                continue
            cached = self._scores_of(store, category) if self.split == "test" else None
            if cached is None:
                others.append(OtherScore(category.key, category.key in labels, None, False))
                continue
            scores, rule = cached
            score = scores[index : index + 1]
            probability = float(rule.probabilities(score)[0])
            accepted = bool(rule.accepts(score)[0])
            others.append(OtherScore(category.key, category.key in labels, probability, accepted))
        return others

    def note(self, store: Store, indices: Sequence[int], path: Path) -> int:
        """Append documents with doubtful labels to a JSON Lines file; return their number.

        The fields are `run`, `category`, `split`, `id`, `is_label`, `probability` and `text`.
        """
        rule = self.rule(store)
        probabilities = rule.probabilities(self.ranked.scores[np.asarray(indices, dtype=np.int64)])
        records = []
        for index, probability in zip(indices, probabilities.tolist(), strict=True):
            key, text = self.text(store, index)
            record = {
                "run": self.run.name,
                "category": self.category.key,
                "split": self.split,
                "id": key,
                "is_label": bool(self.ranked.targets[index]),
                "probability": probability,
                "text": without_surrogates(text),
            }
            records.append(record)
        append_lines(path, records)
        return len(records)

    def _scores_of(self, store: Store, category: RunCategory) -> tuple[Scores, CategoryRule] | None:
        if category.id not in self._others:
            scores = None
            if category.kept_trial_id is not None:
                scores = _array(self._path(category.id, category.kept_trial_id, "test"))
            if scores is not None and len(scores) == len(self.rows):
                self._others[category.id] = scores, current_rule(store, self.run, category)
            else:
                self._others[category.id] = None
        return self._others[category.id]

    def _record(self, store: Store, counts: Counts) -> None:
        record_metrics(
            store,
            self.trial_id,
            self.category.id,
            self.split,
            (counts.tp, counts.fp, counts.fn),
            counts.rates.f1,
        )

    def _validation_rows(self, trial_id: int) -> npt.NDArray[np.int64] | None:
        path = rows_path(self._workspace.run(self.run.id), self.category.id, trial_id)
        return _array(path)

    def _path(self, category_id: int, trial_id: int, split: str) -> Path:
        return scores_path(self._workspace.run(self.run.id), category_id, trial_id, split)


def _array(path: Path) -> npt.NDArray[Any] | None:
    try:
        array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return array if array.ndim == 1 else None
