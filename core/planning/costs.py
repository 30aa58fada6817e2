"""What an epoch costs: a model fitted by benchmarks/scale.py, for estimates and for the ETA.

The seconds are those of one worker on the machine of docs/performance.md. Elsewhere only their
ratios hold; what a machine really takes comes from the epochs that it has done.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.settings import TrainingSettings


@dataclass(frozen=True, slots=True)
class CostModel:
    """Seconds per batch, per word that trains or validates, and per row of embeddings and batch."""

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
"""Fitted on two cores of an AMD EPYC with AVX-512, both at work."""


@dataclass(frozen=True, slots=True)
class EpochWork:
    """One epoch in numbers. `scale` is the network's size against the paper's, in operations."""

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
    """The work of one epoch of a category.

    `documents` of the training split, `positives` among them, `words` of a document on average,
    `trained_rows` of the embeddings: 0 where they are frozen.
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
"""Seconds in which DGCNN trains on a document; a third of it validates one. A rough figure."""
FOLD_WORD = 0.03e-6
"""Seconds for each word of the training documents that a fold of a linear model takes. Rough."""


def _operations(units: int, dimensions: int) -> float:
    """Multiplications for one word: both GRUs and the attention's projection."""
    return 2 * 3 * units * (units + dimensions) + 4 * units * units
