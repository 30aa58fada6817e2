"""Cost model of an epoch for estimates and the ETA, fitted by benchmarks/scale.py.

The seconds are those of one worker on the machine of docs/performance.md. On other machines only
the ratios are valid, and finished epochs calibrate the scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.settings import TrainingSettings

if TYPE_CHECKING:
    from core.text.token_arrays import TokenArrays


@dataclass(frozen=True, slots=True)
class CostModel:
    """Seconds per batch, per trained or validated word, and per embedding row and batch."""

    batch: float
    trained_word: float
    validated_word: float
    trained_row: float

    def epoch(self, work: EpochWork) -> float:
        """Seconds of one epoch."""
        return (
            self.batch * work.batches
            + work.scale * self.trained_word * work.trained_words
            + work.scale * self.validated_word * work.validated_words
            + self.trained_row * work.trained_rows * work.batches
        )


REFERENCE = CostModel(
    batch=14.2e-3, trained_word=8.4e-6, validated_word=2.8e-6, trained_row=0.51e-6
)
"""Fitted on two busy cores of an AMD EPYC with AVX-512."""


@dataclass(frozen=True, slots=True)
class EpochWork:
    """Size of one epoch. `scale` is the network's operations relative to the paper's network."""

    batches: int
    trained_words: float
    validated_words: float
    trained_rows: int
    scale: float = 1.0


def epoch_work(
    settings: TrainingSettings,
    *,
    documents: int,
    positives: int,
    words: float,
    dimensions: int,
    trained_rows: int,
) -> EpochWork:
    """Work of one epoch of a category.

    Args:
        settings: Settings of the run.
        documents: Documents of the training split.
        positives: Positives among them.
        words: Mean number of words per document.
        dimensions: Embedding dimensions.
        trained_rows: Trained rows of the embeddings, 0 if they are frozen.
    """
    validating = documents * settings.validation_fraction
    training = max(round(documents - validating), 1)
    drawn, batches = settings.epoch_size(
        training, round(positives * (1.0 - settings.validation_fraction))
    )
    return EpochWork(
        batches=batches,
        trained_words=drawn * words,
        validated_words=validating * words,
        trained_rows=trained_rows,
        scale=_operations(settings.hidden_units, dimensions) / _operations(96, 100),
    )


@dataclass(frozen=True, slots=True)
class CorpusSize:
    """Size of the training split of a corpus.

    `words` is the mean number of words read of a document, `distinct` the size of the vocabulary
    that occurs.
    """

    documents: int
    words: float
    distinct: int


def corpus_size(tokens: TokenArrays, rows: list[int], max_words: int) -> CorpusSize:
    """Measure the documents `rows`, of which the first `max_words` words are read."""
    import numpy as np

    lengths = tokens.lengths(np.asarray(rows, dtype=np.int64), max_words)
    occurs = np.zeros(int(tokens.tokens.max(initial=0)) + 1, dtype=np.bool_)
    for row in rows:
        start = tokens.offsets[row]
        occurs[tokens.tokens[start : min(tokens.offsets[row + 1], start + max_words)]] = True
    return CorpusSize(len(rows), float(lengths.mean()) if rows else 0.0, int(occurs.sum()))


def training_seconds(
    size: CorpusSize,
    settings: TrainingSettings,
    dimensions: int,
    positives: int,
    *,
    trains_embeddings: bool,
) -> float:
    """Seconds on the reference machine of one epoch of a GRU-Att."""
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


GRAPH_DOCUMENT = 8e-3
"""Seconds to train DGCNN on a document; validation takes a third. Rough estimate."""
FOLD_WORD = 0.03e-6
"""Seconds per fold and word of the training documents for a linear model. Rough estimate."""


def _operations(units: int, dimensions: int) -> float:
    """Multiplications per word: both GRUs and the attention projection."""
    return 2 * 3 * units * (units + dimensions) + 4 * units * units
