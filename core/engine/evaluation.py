"""Scores of a run's models on a split, kept on disk, and the measures made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import average_precision_score

from core.engine.run_data import RunData
from core.engine.run_files import scores_path
from core.examples import Examples
from core.files import replacing
from core.metrics import Counts, Matrix, Rates, Summary, count, hierarchical, summarise
from core.passes import pass_for
from core.scoring import logits_of, probabilities
from core.training import THRESHOLD
from db.connection import Store
from db.corpora import taxonomy_of
from db.runs import RunCategory, record_measures, run_categories

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class CategoryEvaluation:
    """Measures of one category; `average_precision` is None without positives or model."""

    id: str
    counts: Counts
    average_precision: float | None
    threshold: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Measures of a run on a split; `hierarchical` is None on validation (see `evaluate`)."""

    split: str
    documents: int
    summary: Summary
    hierarchical: Rates | None
    categories: tuple[CategoryEvaluation, ...]

    def to_json(self) -> dict[str, Any]:
        """The object that `evaluate --json` prints."""
        m = self.summary
        return {
            "split": self.split,
            "documents": self.documents,
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
) -> tuple[Examples, Scores]:
    """A category's probabilities on a split, from disk or computed and kept there.

    The split "validation" is the category's own. Raises `ScoringAbandonedError` if `stop` says so.
    A category without a model has probability 0 everywhere.
    """
    examples = (
        data.examples(category, "test")
        if split == "test"
        else data.training_and_validation(category)[1]
    )
    if category.kept_trial_id is None:
        return examples, np.zeros(len(examples), dtype=np.float32)
    path = scores_path(data.folder, category.id, category.kept_trial_id, split)
    scores = _load_scores(path, len(examples))
    if scores is None:
        network = data.network(category)
        assert network is not None
        scores = probabilities(logits_of(pass_for(network.to(device), device), examples, stop))
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.save(file, scores)
    counts = count(examples.targets, scores >= THRESHOLD)
    record_measures(
        store,
        category.kept_trial_id,
        split,
        (counts.tp, counts.fp, counts.fn),
        counts.rates.f1,
    )
    return examples, scores


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
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Decisions:
    """The decisions of all categories of a run on the test documents."""
    categories = run_categories(store, data.run.id)
    truth: list[npt.NDArray[np.bool_]] = []
    predicted: list[npt.NDArray[np.bool_]] = []
    for done, category in enumerate(categories):
        progress(done, len(categories))
        examples, scores = score_category(store, data, category, "test", device)
        truth.append(examples.targets)
        predicted.append(scores >= THRESHOLD)
    progress(len(categories), len(categories))
    return Decisions(
        tuple(category.key for category in categories),
        np.stack(truth, axis=1),
        np.stack(predicted, axis=1),
    )


def evaluate(
    store: Store,
    data: RunData,
    split: str,
    device: torch.device,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Evaluation:
    """All measures of a run on the split "test" or "validation".

    On validation each category has documents of its own, so there are no sets of categories per
    document and no hierarchical measures.
    """
    categories = run_categories(store, data.run.id)
    taxonomy = taxonomy_of(store, data.run.corpus_id)
    evaluations: list[CategoryEvaluation] = []
    truth: list[npt.NDArray[np.bool_]] = []
    predicted: list[npt.NDArray[np.bool_]] = []
    for done, category in enumerate(categories):
        progress(done, len(categories))
        examples, scores = score_category(store, data, category, split, device)
        truth.append(examples.targets)
        predicted.append(scores >= THRESHOLD)
        evaluations.append(
            CategoryEvaluation(
                category.key,
                count(examples.targets, scores >= THRESHOLD),
                _average_precision(examples, scores, category),
                THRESHOLD,
            )
        )
    progress(len(categories), len(categories))
    ids = [category.key for category in categories]
    counts = [evaluation.counts for evaluation in evaluations]
    closed = None
    if split == "test":
        columns = np.stack(truth, axis=1), np.stack(predicted, axis=1)
        closed = hierarchical(*columns, ids, taxonomy)
    return Evaluation(
        split,
        len(data.rows("test" if split == "test" else "train")),
        summarise(counts, ids, taxonomy),
        closed,
        tuple(evaluations),
    )


def _average_precision(examples: Examples, scores: Scores, category: RunCategory) -> float | None:
    if not examples.positives or category.kept_trial_id is None:
        return None
    return float(average_precision_score(examples.targets, scores))


def _load_scores(path: Path, documents: int) -> Scores | None:
    try:
        scores: Scores = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        return None
    return scores if scores.shape == (documents,) else None


def _rates(rates: Rates) -> dict[str, float]:
    return {"precision": rates.precision, "recall": rates.recall, "f1": rates.f1}
