"""The measures of a run's models on a split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from core.corpus.examples import Examples
from core.engine.artifacts.run_data import RunData
from core.engine.scoring.scores import category_rule, scores_of
from core.metrics.decisions import DecisionRule, Scores, consistent
from core.metrics.precision_recall import (
    Counts,
    Matrix,
    PrecisionRecallF1,
    Summary,
    count,
    hierarchical,
    summarise,
)
from core.progress import Progress
from db.connection import Store
from db.corpora import taxonomy_of
from db.metrics import record_metrics
from db.run_categories import RunCategory, run_categories
from db.runs import run_with_id
from db.scorings import end_scoring


@dataclass(frozen=True, slots=True)
class CategoryEvaluation:
    """Measures of one category; `average_precision` is None without positives or model."""

    id: str
    counts: Counts
    average_precision: float | None
    threshold: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Measures of a run on a split; `hierarchical` is None on validation (see `evaluate`).

    `rule` names the way to decide if it is not the paper's
    (`core.metrics.decisions.DecisionRule.name`).
    """

    split: str
    documents: int
    summary: Summary
    hierarchical: PrecisionRecallF1 | None
    categories: tuple[CategoryEvaluation, ...]
    rule: str = ""

    def to_json(self) -> dict[str, Any]:
        """The object that `evaluate --json` prints."""
        m = self.summary
        return {
            "split": self.split,
            "documents": self.documents,
            "rule": self.rule,
            "micro": _rates(m.micro),
            "macro": _rates(m.macro),
            "macro_present": _rates(m.macro_present),
            "hierarchical": None if self.hierarchical is None else _rates(self.hierarchical),
            "levels": {
                str(level): {"micro": _rates(r.micro), "macro": _rates(r.macro)}
                for level, r in m.levels.items()
            },
            "categories": [
                {
                    "id": c.id,
                    "support": c.counts.support,
                    "tp": c.counts.tp,
                    "fp": c.counts.fp,
                    "fn": c.counts.fn,
                    **_rates(c.counts.rates),
                    "average_precision": c.average_precision,
                    "threshold": c.threshold,
                }
                for c in self.categories
            ],
        }


def score_category(
    store: Store,
    data: RunData,
    category: RunCategory,
    split: str,
    device: torch.device,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Score a category's documents of a split, and record its measures for the tree to show.

    Raises `ScoringAbandonedError` if `stop` says so.
    """
    examples, scores = scores_of(data, category, split, device, stop)
    if category.kept_trial_id is not None:
        accepted = category_rule(store, data, category, data.rule, device, stop).accepts(scores)
        _record(store, category, split, count(examples.targets, accepted))


def measured_splits(data: RunData) -> tuple[str, ...]:
    """The splits on which a category is measured when it is done."""
    return data.system.splits_to_score(needs_validation=False)


def measure_done(
    store: Store,
    data: RunData,
    category: RunCategory,
    device: torch.device,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Measure a category that is done, with all that its model serves.

    Raises `ScoringAbandonedError` if `stop` says so.
    """
    for one in data.model_categories(category):
        for split in measured_splits(data):
            score_category(store, data, one, split, device, stop)
    if category.kept_trial_id is None:
        return
    waits = data.rule.consistent != "no" and run_with_id(store, data.run.id).state == "done"
    if not end_scoring(store, data.run.id, category.kept_trial_id, if_not_last=waits):
        # Only now is it known what the other categories say of each document.
        evaluate(store, data, "test", device)
        end_scoring(store, data.run.id, category.kept_trial_id)


@dataclass(frozen=True, slots=True)
class Decisions:
    """What a run says of the documents of the test split: matrices (documents, categories)."""

    ids: tuple[str, ...]
    truth: Matrix
    predicted: Matrix

    def only(self, ids: Sequence[str]) -> Decisions:
        """The same for some of the categories, in the order given."""
        places = [self.ids.index(category) for category in ids]
        return Decisions(tuple(ids), self.truth[:, places], self.predicted[:, places])


def decisions(
    store: Store,
    data: RunData,
    device: torch.device,
    rule: DecisionRule | None = None,
    progress: Progress = lambda _done, _total: None,
) -> Decisions:
    """The decisions of all categories of a run on the test documents, under `rule` or its own."""
    return _decide(store, data, "test", device, data.rule if rule is None else rule, progress)[0]


def evaluate(
    store: Store,
    data: RunData,
    split: str,
    device: torch.device,
    rule: DecisionRule | None = None,
    progress: Progress = lambda _done, _total: None,
) -> Evaluation:
    """All measures of a run on the split "test" or "validation", under `rule` or its own.

    On validation each category has documents of its own, so there are no sets of categories per
    document, no hierarchical measures, and no consistency.
    """
    chosen = data.rule if rule is None else rule
    taxonomy = taxonomy_of(store, data.run.corpus_id)
    found, categories = _decide(store, data, split, device, chosen, progress, ranked=True)
    counts = [category.counts for category in categories]
    ids = [category.id for category in categories]
    if chosen == data.rule:
        for category, its in zip(run_categories(store, data.run.id), counts, strict=True):
            if category.kept_trial_id is not None:
                _record(store, category, split, its)
    return Evaluation(
        split,
        len(data.rows("test" if split == "test" else "train")),
        summarise(counts, ids, taxonomy),
        hierarchical(found.truth, found.predicted, ids, taxonomy) if split == "test" else None,
        tuple(categories),
        chosen.name,
    )


def _decide(
    store: Store,
    data: RunData,
    split: str,
    device: torch.device,
    rule: DecisionRule,
    progress: Progress,
    *,
    ranked: bool = False,
) -> tuple[Decisions, list[CategoryEvaluation]]:
    """Decisions of all categories, empty on validation, and each category's own measures.

    The average precision, which needs an order of all documents, is only made if `ranked`.
    """
    categories = run_categories(store, data.run.id)
    ids = tuple(category.key for category in categories)
    every: list[Examples] = []
    accepted: list[npt.NDArray[np.bool_]] = []
    precision: list[float | None] = []
    thresholds: list[float] = []
    for done, category in enumerate(categories):
        progress(done, len(categories))
        examples, scores = scores_of(data, category, split, device)
        its = category_rule(store, data, category, rule, device)
        every.append(examples)
        accepted.append(its.accepts(scores))
        precision.append(_average_precision(examples, scores, category) if ranked else None)
        thresholds.append(its.threshold)
    progress(len(categories), len(categories))
    found = Decisions(ids, np.zeros((0, len(ids)), np.bool_), np.zeros((0, len(ids)), np.bool_))
    if split == "test":
        truth = np.stack([examples.targets for examples in every], axis=1)
        taxonomy = taxonomy_of(store, data.run.corpus_id)
        predicted = consistent(np.stack(accepted, axis=1), ids, taxonomy, rule.consistent)
        found = Decisions(ids, truth, predicted)
        accepted = list(predicted.T)
    measured = [
        CategoryEvaluation(key, count(examples.targets, decided), average, threshold)
        for key, examples, decided, average, threshold in zip(
            ids, every, accepted, precision, thresholds, strict=True
        )
    ]
    return found, measured


def _record(store: Store, category: RunCategory, split: str, counts: Counts) -> None:
    assert category.kept_trial_id is not None
    record_metrics(
        store,
        category.kept_trial_id,
        category.id,
        split,
        (counts.tp, counts.fp, counts.fn),
        counts.rates.f1,
    )


def _average_precision(examples: Examples, scores: Scores, category: RunCategory) -> float | None:
    if not examples.positives or category.kept_trial_id is None:
        return None
    # Loaded where it is used: workers score too, and it would be a third of their start.
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(examples.targets, scores))


def _rates(rates: PrecisionRecallF1) -> dict[str, float]:
    return {"precision": rates.precision, "recall": rates.recall, "f1": rates.f1}
