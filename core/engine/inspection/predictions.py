"""A category's predictions on a split, as the app shows them. Nothing here needs torch.

Scores come from the arrays that evaluation keeps on disk (`core.engine.scoring.scores`); where
one is missing, `core.engine.prediction.inference_server` makes it, in a process of its own.
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
    """Scores or arrays are not on disk yet; the model service makes them."""


@dataclass(frozen=True, slots=True)
class OtherScore:
    """The prediction of another category's model for a document.

    `probability` is None where it is not known: no model, or no score of this document on disk.
    """

    key: str
    is_label: bool
    probability: float | None
    accepted: bool


class CategoryPredictions:
    """The documents of a split and the scores that one category's model gives them."""

    def __init__(self, store: Store, workspace: Workspace, run: Run, category: RunCategory) -> None:
        """Without documents, until `open_split`."""
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

        Raises `NotPreparedError` if they are not on disk, `ConflictError` without a model.
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
        # Both are ascending, so that a binary search finds those that are in both.
        place = np.searchsorted(rows, positives)
        inside = place < len(rows)
        place, positives = place[inside], positives[inside]
        targets[place[rows[place] == positives]] = True
        self.split, self.rows = split, rows
        self.ranked = RankedPredictions(targets, scores)

    @property
    def trial_id(self) -> int:
        """The trial whose model the scores are of."""
        assert self.category.kept_trial_id is not None
        return self.category.kept_trial_id

    def rule(self, store: Store) -> CategoryRule:
        """How the category decides now."""
        return current_rule(store, self.run, self.category)

    def by_hand(self, store: Store) -> SetThreshold | None:
        """The threshold that somebody has set, if any."""
        return set_threshold(store, self.trial_id, self.category.id)

    def save_threshold(self, store: Store, least: float) -> None:
        """Let the category accept from the score `least` on, in this run, from now on.

        What the tree shows of this split follows.
        """
        with store.write(durable=True):
            record_threshold(store, self.trial_id, self.category.id, least, self.split)
        self._record(store, self.ranked.counts(least))

    def forget_threshold(self, store: Store) -> None:
        """Let the run's own way to decide hold again."""
        with store.write(durable=True):
            delete_threshold(store, self.trial_id, self.category.id)
        self._record(store, self.ranked.counts(self.rule(store).least))

    def text(self, store: Store, place: int) -> tuple[str, str]:
        """Id and text of the document at a place of the split."""
        return document_text(store, self.run.corpus_id, int(self.rows[place]))

    def find(self, asked: str) -> npt.NDArray[np.bool_]:
        """Whether each document of the split has the words asked for, (documents,)."""
        numbers = search(self._workspace, self.run.corpus_id, asked)
        return np.isin(self.rows, numbers, assume_unique=True)

    def others(self, store: Store, place: int) -> list[OtherScore]:
        """What the run's other categories say of the document at a place of the split.

        On validation each category has documents of its own, so that only labels are known.
        """
        number = int(self.rows[place])
        labels = document_labels(store, self.run.corpus_id, number)
        found = []
        for category in self._categories:
            if category.id == self.category.id:
                continue
            known = self._scores_of(store, category) if self.split == "test" else None
            if known is None:
                found.append(OtherScore(category.key, category.key in labels, None, False))
                continue
            scores, rule = known
            score = scores[place : place + 1]
            probability = float(rule.probabilities(score)[0])
            accepted = bool(rule.accepts(score)[0])
            found.append(OtherScore(category.key, category.key in labels, probability, accepted))
        return found

    def note(self, store: Store, places: Sequence[int], path: Path) -> int:
        """Append documents whose labels look wrong to a JSON lines file; return how many.

        A line has `run`, `category`, `split`, `id`, `is_label`, `probability` and `text`.
        """
        rule = self.rule(store)
        probabilities = rule.probabilities(self.ranked.scores[np.asarray(places, dtype=np.int64)])
        records = []
        for place, probability in zip(places, probabilities.tolist(), strict=True):
            key, text = self.text(store, place)
            record = {
                "run": self.run.name,
                "category": self.category.key,
                "split": self.split,
                "id": key,
                "is_label": bool(self.ranked.targets[place]),
                "probability": probability,
                "text": without_surrogates(text),
            }
            records.append(record)
        append_lines(path, records)
        return len(records)

    def _scores_of(self, store: Store, category: RunCategory) -> tuple[Scores, CategoryRule] | None:
        if category.id not in self._others:
            found = None
            if category.kept_trial_id is not None:
                found = _array(self._path(category.id, category.kept_trial_id, "test"))
            whole = found is not None and len(found) == len(self.rows)
            self._others[category.id] = (
                (found, current_rule(store, self.run, category))
                if whole and found is not None
                else None
            )
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
