from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from core.engine.runs.estimate import CategoryCost, corpus_size, estimate
from core.planning.costs import REFERENCE, CorpusSize, CostModel, EpochWork, epoch_work
from core.settings import TrainingSettings
from core.systems import system_named
from core.text.token_arrays import TokenArrays
from db.connection import Store
from db.trials import record_epoch
from tests.support.builders import an_epoch, claim_next, record_corpus, record_run, start_worker

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


def test_estimate_spans_from_earliest_to_no_early_stop(store: Store) -> None:
    two = [CategoryCost("a", None, 2.0), CategoryCost("b", None, 1.0)]
    expected = estimate(store, two, PAPER, 1, HTRANS)
    assert (expected.least, expected.most) == (3.0 * 7 * 4, 3.0 * 7 * 10)
    assert not expected.measured


def test_a_child_waits_for_its_parent_however_many_the_workers(store: Store) -> None:
    chain = [CategoryCost("a", None, 2.0), CategoryCost("b", "a", 1.0), CategoryCost("c", "b", 1.0)]
    assert estimate(store, chain, PAPER, 1, HTRANS).most == 4.0 * 7 * 10
    assert estimate(store, chain, PAPER, 7, HTRANS).most == 4.0 * 10
    assert estimate(store, chain, PAPER, 100, HTRANS).most == 4.0 * 10


def test_a_linear_model_is_estimated_by_its_folds(store: Store) -> None:
    three = [CategoryCost(key, None, 1.0) for key in "abc"]
    expected = estimate(store, three, PAPER, 2, system_named("linear"))
    assert expected.least == expected.most == 2 * (PAPER.folds + 1)


def test_a_race_is_estimated_by_what_it_lets_go_on(store: Store) -> None:
    racing = dataclasses.replace(PAPER, search="racing")
    expected = estimate(store, [CategoryCost("a", None, 1.0)], racing, 1, HTRANS)
    assert expected.most == 7 * 4 + 4 * 2 + 2 * 4
    assert expected.least == 7 * 4


def test_estimate_takes_the_pace_of_the_workspaces_own_epochs(store: Store) -> None:
    record_run(store, record_corpus(store), keys=["animals"])
    claim = claim_next(store, start_worker(store))
    record_epoch(store, claim, an_epoch(1), is_kept=True, seconds=3.0)
    cost = float(
        store.value("SELECT cost FROM run_categories WHERE id = ?", (claim.run_category_id,))
    )
    expected = estimate(store, [CategoryCost("a", None, 1.0)], PAPER, 1, HTRANS)
    assert expected.measured
    assert expected.most == pytest.approx(7 * 10 * an_epoch(1).seconds / cost)
