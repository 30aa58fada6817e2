"""The cost model of an epoch."""

from __future__ import annotations

import dataclasses

import numpy as np

from core.planning.costs import (
    REFERENCE,
    CorpusSize,
    CostModel,
    EpochWork,
    corpus_size,
    epoch_work,
)
from core.settings import TrainingSettings
from core.systems import system_named
from core.text.token_arrays import TokenArrays

PAPER = TrainingSettings()
HTRANS = system_named("htrans")
SIZE = CorpusSize(documents=1000, words=50.0, distinct=400)


def test_corpus_size_counts_what_is_read_of_the_chosen_documents() -> None:
    tokens = TokenArrays.of([[5, 6, 7, 8], [9], [5, 5, 2]])
    assert corpus_size(tokens, [0, 2], 3) == CorpusSize(2, 3.0, 4)
    assert corpus_size(tokens, [], 3) == CorpusSize(0, 0.0, 0)
    assert corpus_size(TokenArrays(np.zeros(0, np.int32), np.zeros(1, np.int64)), [], 3).words == 0


def test_cost_is_linear_in_its_parts() -> None:
    model = CostModel(batch=1.0, trained_word=0.5, validated_word=0.25, trained_row=0.125)
    work = EpochWork(batches=3, trained_words=100.0, validated_words=40.0, trained_rows=8)
    assert model.epoch(work) == 3 * 1.0 + 100 * 0.5 + 40 * 0.25 + 3 * 8 * 0.125
    larger = dataclasses.replace(work, scale=2.0)
    assert model.epoch(larger) == 3 * 1.0 + 2 * (100 * 0.5 + 40 * 0.25) + 3 * 8 * 0.125


def test_epoch_work_is_that_of_the_split_the_sample_and_the_size() -> None:
    work = epoch_work(
        PAPER, documents=1000, positives=10, words=50.0, dimensions=100, trained_rows=0
    )
    assert work == EpochWork(7, 850 * 50.0, 150 * 50.0, 0, 1.0)
    sampling = dataclasses.replace(PAPER, negatives=30)
    sampled = epoch_work(
        sampling, documents=1000, positives=10, words=50.0, dimensions=100, trained_rows=0
    )
    positives = round(10 * 0.85)
    assert sampled.trained_words == positives * 31 * 50.0
    assert sampled.batches == 7
    wide = dataclasses.replace(PAPER, hidden_units=192)
    assert (
        epoch_work(
            wide, documents=1000, positives=10, words=50.0, dimensions=100, trained_rows=0
        ).scale
        > 2
    )


def test_training_embeddings_costs_more() -> None:
    above = HTRANS.epoch_seconds(SIZE, PAPER, 100, 10, trains_embeddings=True)
    below = HTRANS.epoch_seconds(SIZE, PAPER, 100, 10, trains_embeddings=False)
    assert 0 < below < above
    assert REFERENCE.trained_word > REFERENCE.validated_word > 0
