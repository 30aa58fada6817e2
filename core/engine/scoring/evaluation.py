"""Evaluation of a run's models on a split."""

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
    """Metrics of one category; `average_precision` is None without positives or a model."""

    id: str
    counts: Counts
    average_precision: float | None
    threshold: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Metrics of a run on a split; `hierarchical` is None on validation (see `evaluate`).

    `rule` is the name of the decision rule (`DecisionRule.name`), empty for the paper's rule.
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
    """Score the documents of a split under a category's model, and record its metrics.

    Args:
        store: The database.
        data: Data of the run.
        category: The category.
        split: "test" or "validation".
        device: Where to compute scores.
        stop: Polled between batches; True abandons the scoring.

    Raises:
        ScoringAbandonedError: `stop` returned True.
    """
    examples, scores = scores_of(data, category, split, device, stop)
    if category.kept_trial_id is not None:
        accepted = category_rule(store, data, category, data.rule, device, stop).accepts(scores)
        _record(store, category, split, count(examples.targets, accepted))


def evaluate_completed(
    store: Store,
    data: RunData,
    category: RunCategory,
    device: torch.device,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Evaluate a completed category and all categories that share its model.

    Raises:
        ScoringAbandonedError: `stop` returned True.
    """
    for member in data.model_categories(category):
        for split in data.system.splits_to_score(needs_validation=False):
            score_category(store, data, member, split, device, stop)
    if category.kept_trial_id is None:
        return
    needs_all = data.rule.consistent != "no" and run_with_id(store, data.run.id).state == "done"
    if not end_scoring(store, data.run.id, category.kept_trial_id, if_not_last=needs_all):
        # Hierarchy consistency needs the decisions of all categories, which are scored by now.
        evaluate(store, data, "test", device)
        end_scoring(store, data.run.id, category.kept_trial_id)


@dataclass(frozen=True, slots=True)
class Decisions:
    """Labels and decisions on the test documents, as matrices (documents, categories)."""

    ids: tuple[str, ...]
    truth: Matrix
    predicted: Matrix

    def only(self, ids: Sequence[str]) -> Decisions:
        """The columns of these categories, in this order."""
        columns = [self.ids.index(category) for category in ids]
        return Decisions(tuple(ids), self.truth[:, columns], self.predicted[:, columns])


def decisions(
    store: Store,
    data: RunData,
    device: torch.device,
    rule: DecisionRule | None = None,
    progress: Progress = lambda _done, _total: None,
) -> Decisions:
    """The decisions of all categories of a run on the test documents.

    Args:
        store: The database.
        data: Data of the run.
        device: Where to compute missing scores.
        rule: Decision rule; None for the rule of the run.
        progress: Called with the number of completed categories and their total.
    """
    return _decide(store, data, "test", device, data.rule if rule is None else rule, progress)[0]


def evaluate(
    store: Store,
    data: RunData,
    split: str,
    device: torch.device,
    rule: DecisionRule | None = None,
    progress: Progress = lambda _done, _total: None,
) -> Evaluation:
    """Evaluate a run on a split.

    On validation, each category has separate documents. So there are no label sets of documents, no
    hierarchical metrics and no hierarchy consistency.

    Args:
        store: The database.
        data: Data of the run.
        split: "test" or "validation".
        device: Where to compute missing scores.
        rule: Decision rule; None for the rule of the run.
        progress: Called with the number of completed categories and their total.
    """
    chosen = data.rule if rule is None else rule
    taxonomy = taxonomy_of(store, data.run.corpus_id)
    decided, categories = _decide(store, data, split, device, chosen, progress, ranked=True)
    counts = [category.counts for category in categories]
    ids = [category.id for category in categories]
    if chosen == data.rule:
        for category, counted in zip(run_categories(store, data.run.id), counts, strict=True):
            if category.kept_trial_id is not None:
                _record(store, category, split, counted)
    return Evaluation(
        split,
        len(data.rows("test" if split == "test" else "train")),
        summarise(counts, ids, taxonomy),
        hierarchical(decided.truth, decided.predicted, ids, taxonomy) if split == "test" else None,
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
    """Decisions of all categories (empty on validation), and the metrics of each category.

    Average precision is computed only if `ranked` is set.
    """
    categories = run_categories(store, data.run.id)
    ids = tuple(category.key for category in categories)
    all_examples: list[Examples] = []
    accepted: list[npt.NDArray[np.bool_]] = []
    precision: list[float | None] = []
    thresholds: list[float] = []
    for done, category in enumerate(categories):
        progress(done, len(categories))
        examples, scores = scores_of(data, category, split, device)
        own_rule = category_rule(store, data, category, rule, device)
        all_examples.append(examples)
        accepted.append(own_rule.accepts(scores))
        precision.append(_average_precision(examples, scores, category) if ranked else None)
        thresholds.append(own_rule.threshold)
    progress(len(categories), len(categories))
    empty = np.zeros((0, len(ids)), np.bool_)
    result = Decisions(ids, empty, empty)
    if split == "test":
        truth = np.stack([examples.targets for examples in all_examples], axis=1)
        taxonomy = taxonomy_of(store, data.run.corpus_id)
        predicted = consistent(np.stack(accepted, axis=1), ids, taxonomy, rule.consistent)
        result = Decisions(ids, truth, predicted)
        accepted = list(predicted.T)
    evaluations = [
        CategoryEvaluation(key, count(examples.targets, decided), average, threshold)
        for key, examples, decided, average, threshold in zip(
            ids, all_examples, accepted, precision, thresholds, strict=True
        )
    ]
    return result, evaluations


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
    # Imported here because it would take a third of the start time of workers.
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(examples.targets, scores))


def _rates(rates: PrecisionRecallF1) -> dict[str, float]:
    return {"precision": rates.precision, "recall": rates.recall, "f1": rates.f1}
