"""Starting a run: what is recorded, what is said, and what is refused beforehand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.engine.artifacts.token_store import token_folder
from core.engine.host.identity import own_identity
from core.engine.ingest.corpora import import_corpus
from core.engine.ingest.import_plan import ImportRequest
from core.engine.ingest.vectors import add_vectors_file
from core.engine.runs.engine_choice import EngineRequest
from core.engine.runs.starting import ENGINE_RUNNING, RunRequest, plan_run, start_run
from core.errors import ConflictError, HTransError, NotFoundError
from core.settings import TrainingSettings, settings_for
from core.systems import system_named
from core.text.token_arrays import TokenArrays
from core.text.vocabulary import Vocabulary
from core.workspace import Workspace
from db.connection import Store
from db.corpora import Corpus
from db.runs import list_runs
from db.workers import configure_engine, engine_of, record_supervisor
from tests.support.builders import (
    category_of,
    category_states,
    category_trials,
    contents,
    import_small_corpus,
    trial_states,
)

SMOKE = settings_for("smoke", {})
REQUEST = RunRequest("small", SMOKE)


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[Workspace]:
    """The workspaces for which an engine would have been started."""
    asked: list[Workspace] = []
    monkeypatch.setattr(
        "core.engine.runs.starting.ensure_supervisor", lambda store, place: asked.append(place)
    )
    return asked


@pytest.fixture
def corpus(store: Store, workspace: Workspace, tmp_path: Path) -> Corpus:
    """The small corpus, imported."""
    return import_small_corpus(store, workspace, tmp_path)


def add_tiny_vectors(store: Store, workspace: Workspace, folder: Path) -> None:
    path = folder / "tiny.txt"
    path.write_text("the 1 0\ntoday 0 1\nxylophone 1 1\n", encoding="utf-8")
    add_vectors_file(store, workspace, str(path), "tiny")


def test_run_is_recorded_as_asked_and_the_engine_woken(
    store: Store, workspace: Workspace, corpus: Corpus, started: list[Workspace]
) -> None:
    request = replace(REQUEST, name="mine", settings=replace(SMOKE, seed=7))
    run, _ = start_run(store, workspace, request)
    assert list_runs(store) == [run]
    assert (run.name, run.corpus, run.system, run.state) == ("mine", "small", "htrans", "running")
    assert run.seed == 7
    assert TrainingSettings.from_json(run.settings) == request.settings
    assert started == [workspace]


def test_run_without_a_name_is_called_after_corpus_and_system(
    store: Store, workspace: Workspace, corpus: Corpus
) -> None:
    assert start_run(store, workspace, REQUEST)[0].name == "small-htrans"
    assert start_run(store, workspace, REQUEST)[0].name == "small-htrans-2"


def test_children_wait_for_their_parents_where_parameters_are_transferred(
    store: Store, workspace: Workspace, corpus: Corpus
) -> None:
    run, _ = start_run(store, workspace, REQUEST)
    assert category_states(store, run) == {
        "animals": "ready",
        "cats": "waiting",
        "dogs": "waiting",
        "food": "ready",
        "fruit": "waiting",
        "bread": "waiting",
        "unused": "empty",
    }
    assert trial_states(store, run, "animals") == ["ready", "ready"]
    assert trial_states(store, run, "cats") == ["waiting", "waiting"]
    assert trial_states(store, run, "unused") == []


@pytest.mark.parametrize("system", ["gru-att", "gru-att-basic"])
def test_every_category_is_ready_where_each_starts_from_scratch(
    store: Store, workspace: Workspace, corpus: Corpus, system: str
) -> None:
    settings = system_named(system).settings("smoke", {})
    run, _ = start_run(store, workspace, replace(REQUEST, system=system, settings=settings))
    states = category_states(store, run)
    assert states.pop("unused") == "empty"
    assert set(states.values()) == {"ready"}
    assert set(trial_states(store, run, "cats")) == {"ready"}


@pytest.mark.parametrize("system", ["htrans", "gru-att"])
def test_systems_that_search_try_every_class_weight(
    store: Store, workspace: Workspace, corpus: Corpus, system: str
) -> None:
    settings = replace(SMOKE, class_weights=(10.0, 1.0, 2.5))
    run, _ = start_run(store, workspace, replace(REQUEST, system=system, settings=settings))
    for key in ("animals", "cats"):
        weights = [trial.class_weight for trial in category_trials(store, run, key)]
        assert weights == [1.0, 2.5, 10.0]


def test_basic_system_has_class_weight_one_only(
    store: Store, workspace: Workspace, corpus: Corpus
) -> None:
    settings = system_named("gru-att-basic").settings("smoke", {})
    request = replace(REQUEST, system="gru-att-basic", settings=settings)
    run, _ = start_run(store, workspace, request)
    for key in ("animals", "cats"):
        assert [trial.class_weight for trial in category_trials(store, run, key)] == [1.0]


def test_chosen_categories_bring_their_ancestors_along(
    store: Store, workspace: Workspace, corpus: Corpus
) -> None:
    run, _ = start_run(store, workspace, replace(REQUEST, categories=("dogs",)))
    assert category_states(store, run) == {"animals": "ready", "dogs": "waiting"}
    assert category_of(store, run, "dogs").parent_id == category_of(store, run, "animals").id


def test_positives_are_the_training_documents_with_labels_closed_upward(
    store: Store, workspace: Workspace, corpus: Corpus, tmp_path: Path
) -> None:
    run, _ = start_run(store, workspace, REQUEST)
    lines = (tmp_path / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    training = [record for record in map(json.loads, lines) if record["split"] == "train"]
    cats = sum(1 for record in training if "cats" in record["labels"])
    animals = sum(1 for record in training if {"cats", "dogs"} & set(record["labels"]))
    assert category_of(store, run, "cats").positives == cats > 0
    assert category_of(store, run, "animals").positives == animals > cats
    assert category_of(store, run, "unused").positives == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"corpus": "wines"}, NotFoundError, "'wines'.* small"),
        ({"system": "bert"}, HTransError, "no system 'bert'; known are gru-att-basic"),
        ({"categories": ("cats", "birds")}, NotFoundError, "no category 'birds'"),
        ({"vectors": "glove"}, NotFoundError, "no vectors 'glove'; add some with"),
        ({"engine": EngineRequest(device="tpu")}, HTransError, "--device tpu: unknown"),
        ({"engine": EngineRequest(workers=0)}, HTransError, "--workers must be at least 1"),
        ({"name": "taken"}, ConflictError, "'taken'"),
    ],
)
def test_what_is_unknown_is_refused_before_anything_is_recorded(
    store: Store,
    workspace: Workspace,
    corpus: Corpus,
    started: list[Workspace],
    change: dict[str, Any],
    error: type[HTransError],
    message: str,
) -> None:
    start_run(store, workspace, replace(REQUEST, name="taken"))
    started.clear()
    before = contents(store)
    with pytest.raises(error, match=message):
        start_run(store, workspace, replace(REQUEST, **change))
    assert contents(store) == before
    assert started == []


def test_vectors_are_noted_with_the_words_that_they_cover(
    store: Store, workspace: Workspace, corpus: Corpus, tmp_path: Path
) -> None:
    add_tiny_vectors(store, workspace, tmp_path)
    folder = workspace.corpus(corpus.id) / "tokens-100"
    words = len(Vocabulary.load(folder / "vocabulary.json")) - 2
    run, notes = start_run(store, workspace, replace(REQUEST, vectors="tiny"))
    assert run.vectors_id == 1
    assert run.coverage == pytest.approx(2 / words)
    share = f"{2 / words:.0%}"
    assert notes[0] == f"vectors tiny: 2 of the corpus's {words} words have a vector ({share})"


def test_run_without_vectors_says_so(store: Store, workspace: Workspace, corpus: Corpus) -> None:
    run, notes = start_run(store, workspace, REQUEST)
    assert (run.vectors_id, run.coverage) == (None, 0.0)
    assert notes[0] == "no vectors: embeddings start at random and are trained at the top level"


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "said"), [(1, "with 1 worker,"), (3, "with 3 workers,")])
def test_the_estimate_names_the_workers(
    store: Store, workspace: Workspace, corpus: Corpus, workers: int, said: str
) -> None:
    plan = plan_run(
        store, workspace, replace(REQUEST, engine=EngineRequest(device="cpu", workers=workers))
    )
    assert said in plan.notes[-1]


def test_engine_is_configured_for_the_run_that_wakes_it(
    store: Store, workspace: Workspace, corpus: Corpus
) -> None:
    request = replace(REQUEST, engine=EngineRequest(None, None, "cpu", 3, 4))
    start_run(store, workspace, request)
    engine = engine_of(store)
    assert engine is not None
    assert (engine.device, engine.workers, engine.workers_per_device) == ("cpu", 3, 4)


def test_engine_at_work_keeps_its_devices_and_the_user_hears_of_it(
    store: Store, workspace: Workspace, corpus: Corpus
) -> None:
    configure_engine(store, "cpu", 1, 2)
    record_supervisor(store, *own_identity())
    _, notes = start_run(store, workspace, replace(REQUEST, engine=EngineRequest(workers=3)))
    engine = engine_of(store)
    assert engine is not None
    assert engine.workers == 1
    assert notes[-1] == ENGINE_RUNNING


def test_run_with_nothing_to_train_is_done_at_once(
    store: Store, workspace: Workspace, tmp_path: Path
) -> None:
    source = tmp_path / "bare.jsonl"
    source.write_text(
        '{"text": "today", "labels": [], "split": "train"}\n'
        '{"text": "purr", "labels": ["cats"], "split": "test"}\n'
    )
    import_corpus(store, workspace, ImportRequest("bare", (str(source),)))
    run, _ = start_run(store, workspace, replace(REQUEST, corpus="bare"))
    assert category_states(store, run) == {"cats": "empty"}
    assert run.state == "done"
    assert run.finished_at is not None


@pytest.mark.slow
def test_corpus_is_tokenised_again_for_a_run_that_reads_more_words(
    store: Store, workspace: Workspace, corpus: Corpus
) -> None:
    folder = workspace.corpus(corpus.id)
    start_run(store, workspace, replace(REQUEST, settings=replace(SMOKE, max_words=60)))
    assert [child.name for child in folder.glob("tokens-*")] == ["tokens-100"]
    start_run(store, workspace, replace(REQUEST, settings=replace(SMOKE, max_words=150)))
    assert sorted(c.name for c in folder.glob("tokens-*")) == ["tokens-100", "tokens-150"]
    assert token_folder(workspace, corpus.id, 101) == folder / "tokens-150"
    assert token_folder(workspace, corpus.id, 60) == folder / "tokens-100"
    assert len(TokenArrays.open(folder / "tokens-150")) == corpus.documents
