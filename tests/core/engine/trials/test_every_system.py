"""Every system through the engine: trained, interrupted, scored, classified."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from core.engine.artifacts.run_data import RunData
from core.engine.artifacts.run_files import scores_path
from core.engine.monitoring.status import status_of
from core.engine.prediction.classification import load_classifier
from core.engine.scoring.evaluation import decisions, evaluate
from core.engine.scoring.scores import category_rule, scores_of
from core.errors import HTransError
from core.metrics.decisions import DecisionRule
from core.systems import SYSTEMS
from core.workspace import Workspace
from db.connection import Store
from db.corpora import Corpus, corpus_named
from db.run_categories import run_categories
from db.runs import Run, run_named
from tests.support.builders import (
    category_of,
    category_trials,
    import_small_corpus,
    record_run,
    run_state,
    start_system,
    train_here,
)
from tests.support.made_once import made_once

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
TRAINED_ALONE = ["gru-att-basic", "gru-att-multi", "dgcnn", "linear"]


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> None:
    """No engine is started: trials are trained in this process."""
    monkeypatch.setattr("core.engine.runs.starting.ensure_supervisor", lambda store, place: None)


@pytest.fixture(scope="module")
def every_system(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the small corpus, whole, and a run of each system, to be copied."""

    def train(folder: Path) -> None:
        place = Workspace(folder / "workspace")
        place.create()
        store = Store(place.database, create=True)
        corpus = import_small_corpus(store, place, folder, number=240)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("core.engine.runs.starting.ensure_supervisor", lambda store, place: None)
            for system in ("gru-att", *TRAINED_ALONE):
                train_here(store, place, start_system(store, place, corpus.name, system))
        store.close()

    return made_once(tmp_path_factory, "every-system", train) / "workspace"


@pytest.fixture
def workspace(every_system: Path, tmp_path: Path) -> Workspace:
    """A copy of it for each test."""
    shutil.copytree(every_system, tmp_path / "workspace")
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def corpus(store: Store) -> Corpus:
    """The small corpus."""
    return corpus_named(store, "small")


def trained(store: Store, corpus: Corpus, system: str) -> Run:
    """The finished run of a system."""
    run = run_named(store, f"{corpus.name}-{system}")
    assert run.system == system
    assert run_state(store, run) == "done"
    return run


@pytest.mark.parametrize("system", TRAINED_ALONE)
def test_system_trains_scores_and_classifies(
    store: Store, workspace: Workspace, corpus: Corpus, system: str
) -> None:
    run = trained(store, corpus, system)
    status = status_of(store, run.id)
    assert {c.state for c in status.categories if c.key != "unused"} == {"done"}
    with_model = [c for c in status.categories if c.key != "unused"]
    assert all(c.test_f1 is not None and c.validation_f1 is not None for c in with_model)
    assert all(c.training_loss is not None and c.epoch is not None for c in with_model)
    assert status.run.test_micro_f1 is not None
    if system != "dgcnn":
        assert status.run.test_micro_f1 > 0.9
    data = RunData(store, workspace, run)
    evaluation = evaluate(store, data, "test", CPU)
    assert evaluation.summary.micro.f1 == pytest.approx(status.run.test_micro_f1)
    classifier, without = load_classifier(store, workspace, run, CPU)
    assert without == 1
    text = "kitten purr whiskers meow fur paw tail today"
    found = classifier.classify(text)
    assert found is not None
    assert set(found.scores) == {c.key for c in status.categories}
    assert all(0 <= score <= 1 for score in found.scores.values())
    if system != "dgcnn":
        assert {"animals", "cats"} <= set(found.labels)
        assert "bread" not in found.labels
    attends = system.startswith("gru-att")
    assert set(found.attention) == ({c.key for c in with_model} if attends else set())
    for weights in found.attention.values():
        assert len(weights) == len(found.tokens)
        assert sum(weights) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("system", TRAINED_ALONE)
def test_typed_text_gets_the_scores_of_the_same_document(
    store: Store, workspace: Workspace, corpus: Corpus, system: str
) -> None:
    run = trained(store, corpus, system)
    data = RunData(store, workspace, run)
    classifier, _ = load_classifier(store, workspace, run, CPU)
    number = int(data.rows("test")[0])
    text = store.value(
        "SELECT text FROM documents WHERE corpus_id = ? AND number = ?", (corpus.id, number)
    )
    found = classifier.classify(text)
    assert found is not None
    for category in run_categories(store, run.id):
        _, scores = scores_of(data, category, "test", CPU)
        assert found.scores[category.key] == pytest.approx(float(scores[0]), abs=1e-5)


@pytest.mark.parametrize("system", TRAINED_ALONE)
def test_run_that_is_stopped_and_resumed_makes_the_same_model(
    store: Store, workspace: Workspace, corpus: Corpus, system: str
) -> None:
    whole = trained(store, corpus, system)
    stopped = start_system(store, workspace, corpus.name, system)
    for patience in (1, 2, 5, 3, 8):
        asked = iter(range(patience))
        train_here(store, workspace, stopped, lambda asked=asked: next(asked, None) is None)  # type: ignore[misc]
        if run_state(store, stopped) == "done":
            break
    else:
        assert run_state(store, stopped) == "running"
        train_here(store, workspace, stopped)
    claims = [
        row["claim"]
        for row in store.rows(
            "SELECT t.claim FROM trials t JOIN run_categories rc ON rc.id = t.run_category_id "
            "WHERE rc.run_id = ?",
            (stopped.id,),
        )
    ]
    assert max(claims) > 1, "no trial was interrupted"
    for key in ("animals", "cats"):
        hashes = [
            [trial.sha256 for trial in category_trials(store, run, key)] for run in (whole, stopped)
        ]
        assert hashes[0] == hashes[1]


def test_scores_are_computed_once_and_mapped_from_disk(
    store: Store, workspace: Workspace, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained(store, corpus, "gru-att-multi")
    data = RunData(store, workspace, run)
    cats = category_of(store, run, "cats")
    _, first = scores_of(data, cats, "test", CPU)
    assert isinstance(first, np.memmap)
    monkeypatch.setattr(RunData, "network", lambda self, trial: pytest.fail("computed again"))
    _, again = scores_of(data, cats, "test", CPU)
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("system", ["gru-att-multi", "linear"])
@pytest.mark.parametrize("split", ["test", "validation"])
def test_scores_that_were_lost_are_made_again_to_the_same_numbers(
    store: Store, workspace: Workspace, corpus: Corpus, system: str, split: str
) -> None:
    run = trained(store, corpus, system)
    data = RunData(store, workspace, run)
    cats = category_of(store, run, "cats")
    before = scores_of(data, cats, split, CPU)[1].copy()
    assert cats.kept_trial_id is not None
    scores_path(data.folder, cats.id, cats.kept_trial_id, split).unlink()
    np.testing.assert_array_equal(scores_of(data, cats, split, CPU)[1], before)


def test_class_weights_of_a_finished_run_are_taken_over(
    store: Store, workspace: Workspace, corpus: Corpus
) -> None:
    source = trained(store, corpus, "gru-att")
    run = start_system(
        store, workspace, corpus.name, "gru-att-multi-weighted", weights_from=source.name
    )
    chosen = {c.key: c.class_weight for c in status_of(store, source.id).categories}
    given = {c.key: c.class_weight for c in run_categories(store, run.id)}
    assert given == chosen
    assert set(given.values()) <= {None, 1.0, 3.0}
    train_here(store, workspace, run)
    assert run_state(store, run) == "done"


def test_class_weights_change_what_the_shared_model_learns(
    store: Store, workspace: Workspace, corpus: Corpus
) -> None:
    plain = trained(store, corpus, "gru-att-multi")
    source = record_run(store, corpus, weights=(50.0,), transfer=False, name="heavy")
    for category in run_categories(store, source.id):
        if category.state != "empty":
            trial = category_trials(store, source, category.key)[0].id
            with store.write():
                store.execute(
                    "UPDATE run_categories SET kept_trial_id = ? WHERE id = ?",
                    (trial, category.id),
                )
    with store.write():
        store.execute("UPDATE runs SET state = 'done' WHERE id = ?", (source.id,))
        store.execute(
            "UPDATE trials SET state = 'cancelled' WHERE run_category_id IN "
            "(SELECT id FROM run_categories WHERE run_id = ?)",
            (source.id,),
        )
    heavy = start_system(
        store, workspace, corpus.name, "gru-att-multi-weighted", weights_from="heavy", epochs=2
    )
    train_here(store, workspace, heavy)
    recall = [
        evaluate(store, RunData(store, workspace, run), "test", CPU).summary.micro.recall
        for run in (plain, heavy)
    ]
    assert recall[1] > 0.9, "positives that count 50 times are not missed"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "--weights-from RUN"),
        ({"weights_from": "nobody"}, "no run 'nobody'"),
        ({"weights_from": "unfinished"}, "is running; wait until it is done"),
    ],
)
def test_source_of_class_weights_must_be_a_finished_run(
    store: Store, workspace: Workspace, corpus: Corpus, change: dict[str, str], said: str
) -> None:
    record_run(store, corpus, name="unfinished")
    with pytest.raises(HTransError, match=said):
        start_system(store, workspace, corpus.name, "gru-att-multi-weighted", **change)


def test_source_of_class_weights_must_have_chosen_some(
    store: Store, workspace: Workspace, corpus: Corpus
) -> None:
    linear = trained(store, corpus, "linear")
    with pytest.raises(HTransError, match=r"linear .* class weights"):
        start_system(
            store, workspace, corpus.name, "gru-att-multi-weighted", weights_from=linear.name
        )


def test_switches_decide_what_a_child_starts_from_and_what_it_trains(
    store: Store, workspace: Workspace, corpus: Corpus
) -> None:
    tables = {}
    for freeze in (True, False):
        run = start_system(
            store,
            workspace,
            corpus.name,
            "htrans",
            class_weights=(1.0,),
            freeze=freeze,
            two_rates=freeze,
            epochs=1,
        )
        train_here(store, workspace, run)
        data = RunData(store, workspace, run)
        kept = {c.key: c.kept_trial_id for c in run_categories(store, run.id)}
        assert category_trials(store, run, "cats")[0].source_trial_id == kept["animals"]
        tables[freeze] = {
            key: data.model_of(trial).info.embeddings for key, trial in kept.items() if trial
        }
    assert tables[True]["cats"] == tables[True]["animals"]
    assert len(set(tables[False].values())) == 6


def test_thresholds_come_from_validation_and_are_recorded(
    store: Store, workspace: Workspace, corpus: Corpus
) -> None:
    run = trained(store, corpus, "gru-att-basic")
    data = RunData(store, workspace, run)
    cats = category_of(store, run, "cats")
    tuned = DecisionRule(tune_thresholds=True)
    rule = category_rule(store, data, cats, tuned, CPU)
    examples, scores = scores_of(data, cats, "validation", CPU)
    hits = int((rule.accepts(scores) & examples.targets).sum())
    f1 = 2 * hits / (rule.accepts(scores).sum() + examples.positives)
    for other in np.unique(scores):
        accepted = scores >= other
        least = 2 * int((accepted & examples.targets).sum())
        assert f1 >= least / (accepted.sum() + examples.positives) - 1e-12
    recorded = store.value(
        "SELECT threshold FROM validation_fits WHERE run_category_id = ?", (cats.id,)
    )
    assert recorded == rule.min_score
    scores_path(data.folder, cats.id, cats.kept_trial_id or 0, "validation").unlink()
    assert category_rule(store, data, cats, tuned, CPU) == rule


def test_rule_of_the_run_is_what_its_measures_and_labels_follow(
    store: Store, workspace: Workspace, corpus: Corpus
) -> None:
    run = start_system(
        store,
        workspace,
        corpus.name,
        "gru-att-basic",
        tune_thresholds=True,
        consistent="down",
        epochs=2,
    )
    train_here(store, workspace, run)
    data = RunData(store, workspace, run)
    evaluation = evaluate(store, data, "test", CPU)
    assert evaluation.rule == "tuned+down"
    shown = {c.key: c.test_f1 for c in status_of(store, run.id).categories}
    assert all(shown[c.id] == pytest.approx(c.counts.rates.f1) for c in evaluation.categories[:6])
    found = decisions(store, data, CPU)
    plain = decisions(store, data, CPU, DecisionRule())
    column = {key: place for place, key in enumerate(found.ids)}
    for child, parent in (("cats", "animals"), ("bread", "food")):
        assert not (found.predicted[:, column[child]] & ~found.predicted[:, column[parent]]).any()
    assert found.predicted.shape == plain.predicted.shape
    evaluate(store, data, "test", CPU, DecisionRule())
    assert {c.key: c.test_f1 for c in status_of(store, run.id).categories} == shown


def test_systems_are_all_tried_here() -> None:
    assert {*TRAINED_ALONE, "gru-att", "htrans", "gru-att-multi-weighted"} == set(SYSTEMS)
