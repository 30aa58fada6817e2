"""Thresholds set by hand belong to a category under one model; bounds to the models of a run."""

from __future__ import annotations

import pytest

from db.connection import Store
from db.runs import Run
from db.thresholds import (
    SetThreshold,
    delete_threshold,
    record_threshold,
    record_top_down_bounds,
    set_threshold,
    set_thresholds,
    top_down_bounds,
)
from tests.support.builders import (
    category_of,
    category_trials,
    keep_first_trial,
    record_corpus,
    record_run,
)


@pytest.fixture
def run(store: Store) -> Run:
    return record_run(store, record_corpus(store))


def record(store: Store, trial: int, category: int, value: float, split: str = "test") -> None:
    with store.write():
        record_threshold(store, trial, category, value, split)


def test_a_threshold_is_kept_replaced_and_forgotten(store: Store, run: Run) -> None:
    cats = category_of(store, run, "cats")
    trial = keep_first_trial(store, cats)
    assert set_threshold(store, trial, cats.id) is None
    record(store, trial, cats.id, 0.25)
    assert set_threshold(store, trial, cats.id) == SetThreshold(0.25, "test")
    record(store, trial, cats.id, 0.75, "validation")
    assert set_threshold(store, trial, cats.id) == SetThreshold(0.75, "validation")
    assert set_thresholds(store, run.id) == {cats.id: SetThreshold(0.75, "validation")}
    with store.write():
        delete_threshold(store, trial, cats.id)
        delete_threshold(store, trial, cats.id)
    assert set_threshold(store, trial, cats.id) is None
    assert set_thresholds(store, run.id) == {}


def test_only_thresholds_of_current_models_of_the_run_hold(store: Store, run: Run) -> None:
    another = record_run(store, record_corpus(store, "another"))
    for one in (run, another):
        cats = category_of(store, one, "cats")
        keep_first_trial(store, cats)
        for number, trial in enumerate(category_trials(store, one, "cats")):
            record(store, trial.id, cats.id, 0.1 * (number + one.id))
    cats = category_of(store, run, "cats")
    found = set_thresholds(store, run.id)
    assert set(found) == {cats.id}
    assert found[cats.id].threshold == pytest.approx(0.1 * run.id)
    old, new = category_trials(store, run, "cats")
    with store.write():
        store.execute("UPDATE run_categories SET kept_trial_id = ? WHERE id = ?", (new.id, cats.id))
    assert set_thresholds(store, run.id)[cats.id].threshold == pytest.approx(0.1 * (1 + run.id))
    kept = set_threshold(store, old.id, cats.id)
    assert kept is not None, "it holds again if the old model is brought back"


def test_two_categories_of_one_model_have_thresholds_of_their_own(store: Store, run: Run) -> None:
    cats, dogs = (category_of(store, run, key) for key in ("cats", "dogs"))
    trial = keep_first_trial(store, cats)
    record(store, trial, cats.id, 0.25)
    assert set_threshold(store, trial, dogs.id) is None


def test_threshold_is_of_a_split_that_there_is(store: Store, run: Run) -> None:
    cats = category_of(store, run, "cats")
    trial = keep_first_trial(store, cats)
    with pytest.raises(Exception, match="CHECK"):
        record(store, trial, cats.id, 0.5, "train")


def test_bounds_hold_for_the_models_that_they_were_learned_with(store: Store, run: Run) -> None:
    assert top_down_bounds(store, run.id, "a") is None
    record_top_down_bounds(store, run.id, "a", {"cats": 0.05, "dö\tgs": 1e-9})
    assert top_down_bounds(store, run.id, "a") == {"cats": 0.05, "dö\tgs": 1e-9}
    assert top_down_bounds(store, run.id, "b") is None
    record_top_down_bounds(store, run.id, "b", {})
    assert top_down_bounds(store, run.id, "b") == {}
    assert top_down_bounds(store, run.id, "a") is None


def test_with_a_run_go_its_thresholds_and_bounds(store: Store, run: Run) -> None:
    cats = category_of(store, run, "cats")
    record(store, keep_first_trial(store, cats), cats.id, 0.25)
    record_top_down_bounds(store, run.id, "a", {"cats": 0.05})
    with store.write():
        store.execute("UPDATE run_categories SET kept_trial_id = NULL")
        store.execute("DELETE FROM runs WHERE id = ?", (run.id,))
    for table in ("set_thresholds", "top_down_bounds"):
        assert store.value(f"SELECT count(*) FROM {table}") == 0
