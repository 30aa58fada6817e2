"""How long a run will take: said before it starts, and while it goes on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.planning.costs import FOLD_WORD, GRAPH_DOCUMENT, REFERENCE, epoch_work
from core.settings import TrainingSettings
from core.systems import Network, System
from core.text.tokens import TokenArrays
from core.training.class_weight_search import rounds
from db.connection import Store


@dataclass(frozen=True, slots=True)
class CorpusSize:
    """What the training documents of a corpus amount to.

    `words` is the mean of a document, at most those that are read; `distinct` how many words occur.
    """

    documents: int
    words: float
    distinct: int


def corpus_size(tokens: TokenArrays, rows: list[int], max_words: int) -> CorpusSize:
    """Measure the documents `rows`."""
    places = np.asarray(rows, dtype=np.int64)
    lengths = tokens.lengths(places, max_words)
    seen = np.zeros(int(tokens.tokens.max(initial=0)) + 1, dtype=np.bool_)
    for row in places:
        start = tokens.offsets[row]
        seen[tokens.tokens[start : min(tokens.offsets[row + 1], start + max_words)]] = True
    return CorpusSize(len(rows), float(lengths.mean()) if len(rows) else 0.0, int(seen.sum()))


def epoch_cost(
    size: CorpusSize,
    settings: TrainingSettings,
    dimensions: int,
    positives: int,
    *,
    trains_embeddings: bool,
    network: Network = "gru-att",
) -> float:
    """Seconds on the reference machine of one epoch of one trial of a category."""
    if network == "linear":
        return FOLD_WORD * size.documents * size.words
    if network == "dgcnn":
        validating = settings.validation_fraction
        return GRAPH_DOCUMENT * size.documents * (1 - validating + validating / 3)
    return REFERENCE.epoch(
        epoch_work(
            settings,
            documents=size.documents,
            positives=positives,
            words=size.words,
            dimensions=dimensions,
            trained_rows=size.distinct if trains_embeddings else 0,
        )
    )


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds that a run takes if every trial stops as early as it may, and if none does.

    `measured` says that epochs in this workspace were the measure, not the reference machine.
    """

    least: float
    most: float
    measured: bool


def estimate(
    store: Store, costs: list[float], settings: TrainingSettings, workers: int, system: System
) -> Estimate:
    """Estimate a run from the epoch cost of each of its categories that have trials."""
    pace = _pace(store)
    # More workers than trials have nothing to do.
    at_work = max(min(workers, len(costs) * len(settings.class_weights)), 1)
    seconds = sum(costs) * (pace or 1.0) / at_work
    if system.is_linear:
        seconds *= settings.folds + 1
        return Estimate(seconds, seconds, pace is not None)
    weights = len(settings.class_weights)
    shortest = min(settings.patience + 1, settings.epochs)
    return Estimate(
        seconds * _epochs(weights, shortest, settings),
        seconds * _epochs(weights, settings.epochs, settings),
        pace is not None,
    )


def _epochs(weights: int, each: int, settings: TrainingSettings) -> int:
    """Epochs of a category's trials if each runs for `each` or until it drops out of the race."""
    parts = rounds(weights, each, racing=settings.search == "racing")
    return sum(trials * epochs for trials, epochs in parts)


def _pace(store: Store) -> float | None:
    """Seconds in this workspace for a second on the reference machine; None without an epoch."""
    row = store.row(
        "SELECT sum(e.seconds), sum(rc.cost) FROM epochs e JOIN trials t ON t.id = e.trial_id "
        "JOIN run_categories rc ON rc.id = t.run_category_id"
    )
    if row is None or not row[1]:
        return None
    return float(row[0]) / float(row[1])
