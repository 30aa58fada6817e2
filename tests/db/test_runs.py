"""Runs and the categories that they train."""

from __future__ import annotations

import pytest

from core.errors import ConflictError, NotFoundError
from db.connection import Store
from db.metrics import record_metrics
from db.run_categories import run_categories, run_category
from db.runs import free_run_name, list_runs, run_named, run_with_id
from tests.support.builders import (
    category_of,
    category_states,
    category_trials,
    contents,
    keep_first_trial,
    record_corpus,
    record_run,
    trial_states,
)


def test_run_gets_its_name_from_corpus_and_system(store: Store) -> None:
    corpus = record_corpus(store)
    assert record_run(store, corpus).name == "pets-htrans"
    assert record_run(store, corpus).name == "pets-htrans-2"
    assert record_run(store, corpus).name == "pets-htrans-3"
    assert record_run(store, corpus, transfer=False).name == "pets-gru-att"


def test_free_name_fills_the_first_gap(store: Store) -> None:
    corpus = record_corpus(store)
    record_run(store, corpus, name="mine")
    record_run(store, corpus, name="mine-3")
    assert free_run_name(store, "mine") == "mine-2"
    assert free_run_name(store, "yours") == "yours"


def test_name_in_use_is_refused_and_nothing_is_recorded(store: Store) -> None:
    corpus = record_corpus(store)
    record_run(store, corpus, name="mine")
    before = contents(store)
    with pytest.raises(ConflictError, match=r"'mine'.*--name"):
        record_run(store, corpus, name="mine")
    assert contents(store) == before


def test_new_run_is_running_and_has_not_started(store: Store) -> None:
    corpus = record_corpus(store)
    run = record_run(store, corpus)
    assert run_with_id(store, run.id) == run
    assert (run.state, run.corpus, run.corpus_id) == ("running", "pets", corpus.id)
    assert run.created_at > 0
    assert run.started_at is None
    assert run.finished_at is None


def test_each_category_has_a_trial_for_each_class_weight_and_an_empty_one_none(
    store: Store,
) -> None:
    run = record_run(store, record_corpus(store), weights=(5.0, 1.0, 2.5))
    assert [trial.class_weight for trial in category_trials(store, run, "cats")] == [1.0, 2.5, 5.0]
    assert trial_states(store, run, "animals") == ["ready"] * 3
    assert trial_states(store, run, "cats") == ["waiting"] * 3
    assert category_of(store, run, "unused").state == "empty"
    assert trial_states(store, run, "unused") == []


def test_categories_come_in_training_order_and_know_their_parents(store: Store) -> None:
    run = record_run(store, record_corpus(store))
    categories = run_categories(store, run.id)
    assert [c.key for c in categories] == [
        "animals",
        "cats",
        "dogs",
        "food",
        "fruit",
        "bread",
        "unused",
    ]
    animals, cats = categories[0], categories[1]
    assert (animals.parent_key, animals.parent_id, animals.level) == (None, None, 1)
    assert (cats.parent_key, cats.parent_id, cats.level) == ("animals", animals.id, 2)
    assert (cats.positives, cats.attempt, cats.stale, cats.kept_trial_id) == (1, 1, False, None)
    assert run_category(store, cats.id) == cats


def test_categories_of_two_runs_do_not_mix(store: Store) -> None:
    corpus = record_corpus(store)
    first = record_run(store, corpus, keys=["animals"])
    second = record_run(store, corpus, keys=["animals", "cats"])
    assert category_states(store, first) == {"animals": "ready"}
    assert category_states(store, second) == {"animals": "ready", "cats": "waiting"}
    parent = category_of(store, second, "cats").parent_id
    assert parent == category_of(store, second, "animals").id


def test_without_a_name_the_newest_run_is_meant(store: Store) -> None:
    with pytest.raises(NotFoundError, match="htrans-tui train"):
        run_named(store, None)
    corpus = record_corpus(store)
    record_run(store, corpus, name="zebra")
    record_run(store, corpus, name="ant")
    assert run_named(store, None).name == "ant"
    assert run_named(store, "zebra").name == "zebra"
    assert [run.name for run in list_runs(store)] == ["ant", "zebra"]


def test_unknown_run_is_answered_with_the_newest(store: Store) -> None:
    with pytest.raises(NotFoundError, match="'mine'"):
        run_named(store, "mine")
    corpus = record_corpus(store)
    for number in range(6):
        record_run(store, corpus, name=f"r{number}")
    with pytest.raises(NotFoundError, match=r"'mine'.* r5, r4, r3, r2, r1$"):
        run_named(store, "mine")
    with pytest.raises(NotFoundError, match="99"):
        run_with_id(store, 99)
    with pytest.raises(NotFoundError, match="99"):
        run_category(store, 99)


def test_measures_of_a_split_replace_earlier_ones(store: Store) -> None:
    run = record_run(store, record_corpus(store))
    cats = category_of(store, run, "cats")
    trial = keep_first_trial(store, cats)
    record_metrics(store, trial, cats.id, "test", (1, 2, 3), 0.25)
    record_metrics(store, trial, cats.id, "validation", (9, 9, 9), 0.5)
    record_metrics(store, trial, cats.id, "test", (4, 5, 6), 0.75)
    rows = store.rows("SELECT split, tp, fp, fn, f1 FROM measures ORDER BY split")
    assert [tuple(row) for row in rows] == [
        ("test", 4, 5, 6, 0.75),
        ("validation", 9, 9, 9, 0.5),
    ]
