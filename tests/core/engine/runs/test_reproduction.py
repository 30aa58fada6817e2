"""The plan of a reproduction, and what is done when it is called again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.engine.runs.reproduction import (
    ORDER,
    Plan,
    check_plan,
    existing_run,
    planned_runs,
    start_ready,
)
from core.errors import ConflictError, HTransError, NotFoundError
from core.systems import SYSTEMS
from core.workspace import Workspace
from db.connection import Store
from db.corpora import Corpus
from db.runs import list_runs
from db.trials import claim_trial
from tests.support.builders import finish_with, import_small_corpus, start_worker
from tests.support.command_line import htrans, htrans_json

PLAN = Plan("small", "rep", "smoke")


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> None:
    """No engine is started."""
    monkeypatch.setattr("core.engine.runs.starting.ensure_supervisor", lambda store, place: None)


@pytest.fixture
def corpus(store: Store, workspace: Workspace, tmp_path: Path) -> Corpus:
    return import_small_corpus(store, workspace, tmp_path)


def test_every_system_is_planned_the_first_is_htrans() -> None:
    assert set(ORDER) == set(SYSTEMS)
    planned = planned_runs(PLAN)
    assert [one.request.system for one in planned] == list(ORDER)
    assert planned[0].name == "rep-htrans-s0"


def test_each_seed_has_every_system_and_its_own_source_of_class_weights() -> None:
    planned = planned_runs(replace(PLAN, seeds=(3, 4)))
    assert len(planned) == 2 * len(ORDER)
    assert [one.request.settings.seed for one in planned] == [3] * len(ORDER) + [4] * len(ORDER)
    weighted = [one for one in planned if one.after is not None]
    assert [one.after for one in weighted] == ["rep-gru-att-s3", "rep-gru-att-s4"]
    assert [one.request.settings.weights_from for one in weighted] == [
        "rep-gru-att-s3",
        "rep-gru-att-s4",
    ]


def test_ablation_adds_the_steps_between_gru_att_and_htrans() -> None:
    planned = planned_runs(replace(PLAN, systems=("gru-att", "htrans"), ablation=True))
    switches = {
        one.name: (s.transfer, s.two_rates, s.freeze)
        for one in planned
        for s in [one.request.settings]
    }
    assert switches == {
        "rep-htrans-s0": (True, True, True),
        "rep-gru-att-s0": (False, False, False),
        "rep-htrans-transfer-s0": (True, False, False),
        "rep-htrans-two-rates-s0": (True, True, False),
    }


def test_each_system_takes_the_changes_that_mean_something_to_it() -> None:
    changes = {"class_weights": (1.0, 9.0), "epochs": 3, "max_words": 7}
    planned = planned_runs(replace(PLAN, changes=changes, vectors="glove"))
    by_system = {one.request.system: one.request for one in planned}
    assert by_system["gru-att"].settings.class_weights == (1.0, 9.0)
    assert by_system["gru-att-basic"].settings.class_weights == (1.0,)
    assert by_system["gru-att-multi"].settings.max_words == 7
    assert by_system["dgcnn"].settings.max_words == 0
    assert by_system["dgcnn"].settings.epochs == 3
    assert by_system["linear"].vectors is None
    assert by_system["htrans"].vectors == "glove"


def test_weights_come_from_htrans_where_gru_att_is_left_out() -> None:
    planned = planned_runs(replace(PLAN, systems=("gru-att-multi-weighted", "htrans")))
    assert planned[1].after == "rep-htrans-s0"
    with pytest.raises(HTransError, match="class weights of gru-att or htrans"):
        planned_runs(replace(PLAN, systems=("gru-att-multi-weighted", "linear")))
    with pytest.raises(HTransError, match="no system 'bert'"):
        planned_runs(replace(PLAN, systems=("bert",)))


def test_unknown_corpus_is_refused_before_anything_starts(
    store: Store, workspace: Workspace
) -> None:
    with pytest.raises(NotFoundError, match="no corpus 'small'"):
        check_plan(store, planned_runs(PLAN))
    assert list_runs(store) == []


def test_what_waits_for_class_weights_starts_when_they_are_there_and_nothing_twice(
    store: Store, workspace: Workspace, corpus: Corpus
) -> None:
    planned = planned_runs(replace(PLAN, systems=("gru-att", "gru-att-multi-weighted")))
    first, _ = start_ready(store, workspace, planned)
    assert [run.name for run in first] == ["rep-gru-att-s0"]
    again, notes = start_ready(store, workspace, planned)
    assert again == first
    assert notes == []
    worker = start_worker(store)
    while (claim := claim_trial(store, worker)) is not None:
        finish_with(store, claim, 0.5)
    both, notes = start_ready(store, workspace, planned)
    assert [run.name for run in both] == ["rep-gru-att-s0", "rep-gru-att-multi-weighted-s0"]
    assert all(note.startswith("rep-gru-att-multi-weighted-s0: ") for note in notes)


def test_run_of_that_name_with_other_settings_is_refused(
    store: Store, workspace: Workspace, corpus: Corpus
) -> None:
    systems = ("gru-att-basic",)
    planned = planned_runs(replace(PLAN, systems=systems))
    start_ready(store, workspace, planned)
    assert existing_run(store, planned[0]) is not None
    other = planned_runs(replace(PLAN, systems=systems, changes={"epochs": 1}))
    with pytest.raises(ConflictError, match=r"'rep-gru-att-basic-s0'.*other settings"):
        check_plan(store, other)


@pytest.mark.slow
def test_reproduce_trains_compares_writes_and_goes_on(own_copy: Workspace, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    arguments = (
        "reproduce",
        "small",
        "--preset=smoke",
        "--epochs=1",
        "--class-weights=1,3",
        "--systems=htrans,gru-att,gru-att-multi-weighted,linear",
        "--device=cpu",
        "--workers=1",
        f"--output={page}",
    )
    result = htrans(own_copy, *arguments, timeout=280)
    assert result.returncode == 0, result.stderr
    for said in ("Table 1", "Table 2", "Ablation", "Figure 2", "Best macro-F1"):
        assert said in result.stdout
    assert page.read_text().startswith("<!doctype html>")
    before = htrans_json(own_copy, "runs")
    names = {run["name"] for run in before}
    assert {f"small-{s}-s0" for s in ("htrans", "gru-att", "gru-att-multi-weighted", "linear")} <= (
        names
    )
    again = htrans_json(own_copy, *arguments)
    assert htrans_json(own_copy, "runs") == before
    labels = [group["label"] for group in again["groups"]]
    assert labels[:4] == ["htrans", "gru-att", "gru-att-multi-weighted", "linear"]
    assert set(labels[4:]) == {f"htrans + {rule}" for rule in ("tuned", "calibrated", "up", "down")}
    refused = htrans(own_copy, *arguments[:-1], "--output=nowhere/page.html")
    assert refused.returncode == 1
    assert "no such folder" in refused.stderr
