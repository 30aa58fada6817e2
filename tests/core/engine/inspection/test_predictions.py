"""A category's predictions against what evaluation says, and thresholds set by hand."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from core.engine.artifacts.document_index import index_folder
from core.engine.artifacts.run_data import RunData
from core.engine.artifacts.run_files import scores_path
from core.engine.artifacts.text_search import ensure_search_index
from core.engine.inspection.predictions import CategoryPredictions, NotPreparedError
from core.engine.monitoring.status import status_of
from core.engine.prediction.classification import load_classifier
from core.engine.prediction.inference_server import InferenceServer, Waiting
from core.engine.scoring.evaluation import evaluate
from core.engine.scoring.scores import scores_of
from core.errors import ConflictError, HTransError
from core.metrics.decisions import CategoryRule
from core.metrics.precision_recall import Counts
from core.workspace import Workspace
from db.connection import Store
from db.runs import Run, run_named
from db.thresholds import SetThreshold
from tests.support.builders import category_of, category_trials

CPU = torch.device("cpu")


@pytest.fixture
def store(own_copy: Workspace) -> Iterator[Store]:
    opened = Store(own_copy.database)
    yield opened
    opened.close()


@pytest.fixture
def run(store: Store) -> Run:
    return run_named(store, "small")


def prepare(store: Store, workspace: Workspace, key: str, split: str) -> None:
    answer = InferenceServer(store, workspace, "small").answer(
        {"id": 1, "prepare": key, "split": split}, Waiting()
    )
    assert answer == {"prepared": True}


def predictions(
    store: Store, workspace: Workspace, run: Run, key: str = "cats", split: str | None = "test"
) -> CategoryPredictions:
    found = CategoryPredictions(store, workspace, run, category_of(store, run, key))
    if split is not None:
        prepare(store, workspace, key, split)
        found.open_split(split)
    return found


def evaluated(store: Store, workspace: Workspace, run: Run, key: str, split: str) -> Counts:
    evaluation = evaluate(store, RunData(store, workspace, run), split, CPU)
    return next(c.counts for c in evaluation.categories if c.id == key)


def recorded(store: Store, run: Run, key: str, split: str) -> tuple[int, ...] | None:
    category = category_of(store, run, key)
    row = store.row(
        "SELECT tp, fp, fn FROM measures WHERE trial_id = ? AND run_category_id = ? AND split = ?",
        (category.kept_trial_id, category.id, split),
    )
    return None if row is None else tuple(row)


def as_tuple(counts: Counts) -> tuple[int, int, int]:
    return counts.tp, counts.fp, counts.fn


@pytest.mark.parametrize("split", ["test", "validation"])
@pytest.mark.parametrize("key", ["animals", "cats"])
def test_counts_are_those_of_evaluation(
    store: Store, own_copy: Workspace, run: Run, key: str, split: str
) -> None:
    wanted = evaluated(store, own_copy, run, key, split)
    found = predictions(store, own_copy, run, key, split)
    assert found.ranked.counts(found.rule(store).min_score) == wanted
    data = RunData(store, own_copy, run)
    examples, scores = scores_of(data, category_of(store, run, key), split, CPU)
    np.testing.assert_array_equal(found.rows, examples.rows)
    np.testing.assert_array_equal(found.ranked.targets, examples.targets)
    np.testing.assert_array_equal(found.ranked.scores, scores)


@pytest.mark.parametrize("split", ["test", "validation"])
def test_before_they_are_prepared_there_are_no_predictions(
    store: Store, own_copy: Workspace, run: Run, split: str
) -> None:
    found = predictions(store, own_copy, run, split=None)
    shutil.rmtree(index_folder(own_copy, run.corpus_id), ignore_errors=True)
    with pytest.raises(NotPreparedError, match="not scored yet"):
        found.open_split(split)
    assert len(found.ranked) == 0
    prepare(store, own_copy, "cats", split)
    found.open_split(split)
    assert (found.split, len(found.ranked) > 0) == (split, True)


@pytest.mark.slow
def test_what_was_lost_must_be_prepared_again(store: Store, own_copy: Workspace, run: Run) -> None:
    found = predictions(store, own_copy, run)
    path = scores_path(own_copy.run(run.id), found.category.id, found.trial_id, "test")
    for lost in (path, index_folder(own_copy, run.corpus_id) / "ends.npy"):
        lost.unlink()
        with pytest.raises(NotPreparedError):
            found.open_split("test")
        prepare(store, own_copy, "cats", "test")
        found.open_split("test")


def test_category_without_a_model_has_no_predictions(
    store: Store, own_copy: Workspace, run: Run
) -> None:
    found = predictions(store, own_copy, run, "unused", split=None)
    with pytest.raises(ConflictError, match="unused has no model yet"):
        found.open_split("test")


@pytest.mark.parametrize("split", ["test", "validation"])
def test_a_threshold_that_is_saved_holds_everywhere_until_it_is_forgotten(
    store: Store, own_copy: Workspace, run: Run, split: str
) -> None:
    before = {s: evaluated(store, own_copy, run, "cats", s) for s in ("test", "validation")}
    found = predictions(store, own_copy, run, split=split)
    assert found.manual_threshold(store) is None
    least = found.ranked.next_score(found.ranked.next_score(0.5, up=True), up=True)
    wanted = found.ranked.counts(least)
    assert wanted != before[split]

    found.save_threshold(store, least)
    assert found.manual_threshold(store) == SetThreshold(least, split)
    assert found.rule(store) == CategoryRule(least)
    assert recorded(store, run, "cats", split) == as_tuple(wanted)
    shown = next(c for c in status_of(store, run.id).categories if c.key == "cats")
    assert (shown.test_f1 == pytest.approx(wanted.rates.f1)) is (split == "test")
    # As another process finds it.
    again = Store(own_copy.database)
    assert evaluated(again, own_copy, run, "cats", split) == wanted
    classifier, _ = load_classifier(again, own_copy, run, CPU)
    assert classifier.rules["cats"] == CategoryRule(least)
    assert classifier.rules["dogs"] == CategoryRule()
    score = np.array([least, np.nextafter(np.float32(least), 0)], dtype=np.float32)
    assert classifier.rules["cats"].accepts(score).tolist() == [True, False]
    again.close()

    found.reset_threshold(store)
    assert found.manual_threshold(store) is None
    assert found.rule(store) == CategoryRule()
    assert recorded(store, run, "cats", split) == as_tuple(before[split])
    assert evaluated(store, own_copy, run, "cats", split) == before[split]


@pytest.mark.slow
def test_the_model_service_classifies_with_a_threshold_as_soon_as_it_is_saved(
    store: Store, own_copy: Workspace, run: Run
) -> None:
    request = {"id": 1, "text": "kitten purr whiskers meow fur paw tail"}
    other = Store(own_copy.database)
    service = InferenceServer(other, own_copy, "small")
    before = service.answer(request, Waiting())
    found = predictions(store, own_copy, run)
    found.save_threshold(store, 1.5)
    during = service.answer(request, Waiting())
    found.reset_threshold(store)
    after = service.answer(request, Waiting())
    other.close()
    assert before is not None
    assert during is not None
    assert "cats" in before["labels"]
    assert set(before["labels"]) - set(during["labels"]) == {"cats"}
    assert after == before


@pytest.mark.slow
def test_a_model_that_takes_the_place_of_another_does_not_get_its_threshold(
    store: Store, own_copy: Workspace, run: Run
) -> None:
    found = predictions(store, own_copy, run)
    found.save_threshold(store, 0.9)
    old = found.trial_id
    new = next(t.id for t in category_trials(store, run, "cats") if t.id != old)
    for kept, least in ((new, 0.5), (old, 0.9)):
        with store.write():
            store.execute(
                "UPDATE run_categories SET kept_trial_id = ? WHERE id = ?",
                (kept, found.category.id),
            )
        now = predictions(store, own_copy, run)
        assert now.trial_id == kept
        assert now.rule(store).min_score == least
        classifier, _ = load_classifier(store, own_copy, run, CPU)
        assert classifier.rules["cats"].min_score == least


def test_other_categories_say_of_a_document_what_their_models_say(
    store: Store, own_copy: Workspace, run: Run
) -> None:
    found = predictions(store, own_copy, run)
    data = RunData(store, own_copy, run)
    for place in (0, 7, len(found.ranked) - 1):
        others = found.others(store, place)
        assert [o.key for o in others] == ["animals", "dogs", "food", "fruit", "bread", "unused"]
        for other in others:
            category = category_of(store, run, other.key)
            examples, scores = scores_of(data, category, "test", CPU)
            assert other.is_label == examples.targets[place]
            if other.key == "unused":
                assert (other.probability, other.accepted) == (None, False)
            else:
                assert other.probability == pytest.approx(float(scores[place]))
                assert other.accepted == (scores[place] >= 0.5)


def test_on_validation_only_the_labels_of_others_are_known(
    store: Store, own_copy: Workspace, run: Run
) -> None:
    found = predictions(store, own_copy, run, split="validation")
    for place in (0, 3):
        others = found.others(store, place)
        assert {(other.probability, other.accepted) for other in others} == {(None, False)}
        number = int(found.rows[place])
        wanted = {
            row["key"]
            for row in store.rows(
                "SELECT c.key FROM document_categories l JOIN categories c ON c.id = l.category_id "
                "WHERE l.number = ? AND c.corpus_id = ? AND c.key <> 'cats'",
                (number, run.corpus_id),
            )
        }
        assert {other.key for other in others if other.is_label} == wanted


def test_documents_are_found_by_their_words(store: Store, own_copy: Workspace, run: Run) -> None:
    found = predictions(store, own_copy, run)
    with pytest.raises(HTransError, match="cannot be searched"):
        found.find("kitten")
    ensure_search_index(own_copy, run.corpus_id)
    inside = found.find("kitt fur")
    assert inside.shape == found.rows.shape
    for place in range(len(found.rows)):
        words = found.text(store, place)[1].split()
        assert inside[place] == ("kitten" in words and "fur" in words)
    assert inside.any()


def test_notes_are_appended_as_lines(
    store: Store, own_copy: Workspace, run: Run, tmp_path: Path
) -> None:
    found = predictions(store, own_copy, run)
    path = tmp_path / "notes" / "wrong.jsonl"
    assert found.note(store, [3, 5], path) == 2
    assert found.note(store, [], path) == 0
    assert found.note(store, [3], path) == 1
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 3
    assert lines[0] == lines[2]
    for line, place in zip(lines, (3, 5, 3), strict=True):
        key, text = found.text(store, place)
        assert line == {
            "run": "small",
            "category": "cats",
            "split": "test",
            "id": key,
            "is_label": bool(found.ranked.targets[place]),
            "probability": pytest.approx(float(found.ranked.scores[place])),
            "text": text,
        }
    with pytest.raises(HTransError, match="cannot be written"):
        found.note(store, [1], tmp_path)
