"""Bounds of asking: no label that is accepted on validation is lost."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from core.engine.artifacts.run_data import RunData
from core.engine.prediction import top_down
from core.engine.prediction.classification import load_classifier
from core.engine.prediction.top_down import MAX_BOUND, accepted_below, bounds_of
from core.engine.scoring.scores import scores_of
from core.workspace import Workspace
from db.connection import Store
from db.corpora import document_text
from db.run_categories import run_categories
from db.runs import Run, run_named
from db.thresholds import delete_threshold, record_threshold
from tests.support.builders import category_of, category_trials
from tests.support.trained import OTHER_SYSTEMS

CPU = torch.device("cpu")


@pytest.fixture
def store(own_copy: Workspace) -> Iterator[Store]:
    opened = Store(own_copy.database)
    yield opened
    opened.close()


@pytest.fixture
def run(store: Store) -> Run:
    return run_named(store, "small")


def learned(store: Store, workspace: Workspace, run: Run) -> dict[str, float]:
    return bounds_of(store, RunData(store, workspace, run), CPU)


def loses_nothing_on_validation(store: Store, workspace: Workspace, run: Run) -> int:
    """Check it; return how many pairs of document and category need not be asked."""
    data = RunData(store, workspace, run)
    bounds = bounds_of(store, data, CPU)
    classifier, _ = load_classifier(store, workspace, run, CPU)
    trained = [c for c in run_categories(store, run.id) if c.kept_trial_id is not None]
    rows = {c.key: scores_of(data, c, "validation", CPU)[0].rows for c in trained}
    numbers = np.unique(np.concatenate(list(rows.values())))
    texts = [document_text(store, run.corpus_id, int(number))[1] for number in numbers]
    plain, bounded = classifier.predict(texts), classifier.predict(texts, bounds)
    accepted = 0
    for category in trained:
        column = classifier.categories.index(category.key)
        own = np.isin(numbers, rows[category.key])
        np.testing.assert_array_equal(
            bounded.accepted[own, column], plain.accepted[own, column], category.key
        )
        accepted += int(plain.accepted[own, column].sum())
    assert accepted, "nothing is accepted, so this shows nothing"
    return plain.asked - bounded.asked


def test_no_label_accepted_on_validation_is_lost(
    store: Store, own_copy: Workspace, run: Run
) -> None:
    assert loses_nothing_on_validation(store, own_copy, run) > 0


@pytest.mark.slow
@pytest.mark.parametrize("system", OTHER_SYSTEMS)
def test_nor_by_another_system(systems: Workspace, system: str) -> None:
    opened = Store(systems.database)
    loses_nothing_on_validation(opened, systems, run_named(opened, system))
    opened.close()


def test_nor_one_of_a_category_that_accepts_everything(
    store: Store, own_copy: Workspace, run: Run
) -> None:
    cats = category_of(store, run, "cats")
    assert cats.kept_trial_id is not None
    with store.write():
        record_threshold(store, cats.kept_trial_id, cats.id, 0.0, "test")
    loses_nothing_on_validation(store, own_copy, run)


def test_each_category_below_a_trained_one_has_a_bound(
    store: Store, own_copy: Workspace, run: Run
) -> None:
    bounds = learned(store, own_copy, run)
    assert set(bounds) == {"cats", "dogs", "fruit", "bread"}
    assert all(0 < bound <= MAX_BOUND for bound in bounds.values())
    assert bounds["cats"] == bounds["dogs"], "the bound is on the parent's score"


@given(st.floats(0.0, 1.0, width=32))
@example(0.0)
@example(1e-9)
@example(1e-30)
@example(1.0)
def test_a_bound_is_never_above_the_lowest_score_that_it_must_let_pass(lowest: float) -> None:
    assert top_down.bound_below(lowest) <= lowest
    assert top_down.bound_below(lowest) <= MAX_BOUND


def test_bounds_are_kept_until_a_threshold_or_a_model_changes(
    store: Store, own_copy: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    times: list[dict[str, float]] = []
    real = top_down.compute_bounds

    def learn(*arguments: object) -> dict[str, float]:
        times.append(real(*arguments))  # type: ignore[arg-type]
        return times[-1]

    monkeypatch.setattr(top_down, "compute_bounds", learn)
    first = learned(store, own_copy, run)
    again = Store(own_copy.database)
    assert learned(again, own_copy, run) == first
    again.close()
    assert len(times) == 1

    cats = category_of(store, run, "cats")
    assert cats.kept_trial_id is not None
    with store.write():
        record_threshold(store, cats.kept_trial_id, cats.id, 0.001, "test")
    lower = learned(store, own_copy, run)
    assert len(times) == 2
    assert lower["cats"] < first["cats"], "more is accepted below, so more must be asked"
    assert lower["bread"] == first["bread"]
    with store.write():
        delete_threshold(store, cats.kept_trial_id, cats.id)
    assert learned(store, own_copy, run) == first
    assert len(times) == 3

    other = next(t.id for t in category_trials(store, run, "cats") if t.id != cats.kept_trial_id)
    with store.write():
        store.execute("UPDATE run_categories SET kept_trial_id = ? WHERE id = ?", (other, cats.id))
    changed = learned(store, own_copy, run)
    assert len(times) == 4
    assert changed["bread"] == first["bread"]


def test_progress_is_told(store: Store, own_copy: Workspace, run: Run) -> None:
    told: list[tuple[int, int]] = []
    data = RunData(store, own_copy, run)
    bounds_of(store, data, CPU, lambda done, total: told.append((done, total)))
    assert told == [(done, 8) for done in range(8)]  # six trained categories, two of them gates


def test_what_any_category_below_accepts_counts_for_every_gate_above_it() -> None:
    gates = {"b": "a", "c": "b", "d": "b", "e": "a"}
    accepted = {
        key: np.asarray(rows, dtype=np.int64)
        for key, rows in {"a": [9], "b": [1], "c": [4, 2], "d": [2], "e": [], "f": [7]}.items()
    }
    found = {gate: rows.tolist() for gate, rows in accepted_below(accepted, gates).items()}
    assert found == {"a": [1, 2, 4], "b": [2, 4]}
