"""What people are told to look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from core.engine.monitoring.alerts import alerts_of, is_rising
from core.engine.monitoring.status import Status, status_of
from core.engine.trials.scheduling import fail
from db.connection import Store
from db.events import Event, events_of
from db.runs import Run
from tests.support.builders import claim_next, record_corpus, record_run, start_worker

GIB = 1 << 30
ROOMY = (50 * GIB, 100 * GIB)


@pytest.fixture
def run(store: Store) -> Run:
    return record_run(store, record_corpus(store), keys=["animals", "food"], weights=(1.0,))


def alerts(
    status: Status,
    losses: Mapping[int, tuple[float, ...]] | None = None,
    disk: tuple[int, int] = ROOMY,
    **animals: Any,
) -> list[tuple[str, str]]:
    """Kinds and messages, with the category `animals` changed."""
    first, *others = status.categories
    status = replace(status, categories=(replace(first, **animals), *others))
    return [(alert.kind, alert.message) for alert in alerts_of(status, losses or {}, (), disk)]


@pytest.fixture
def status(store: Store, run: Run) -> Status:
    return replace(status_of(store, run.id), test_documents=10)


def test_a_sound_run_has_no_alert(status: Status) -> None:
    assert alerts(status) == []
    done: dict[str, Any] = {
        "state": "done",
        "validation_f1": 0.5,
        "test_f1": 0.5,
        "test_accepted": 4,
    }
    assert alerts(status, {status.categories[0].id: (0.6, 0.4, 0.41)}, **done) == []


def test_f1_of_zero_is_an_alert(status: Status) -> None:
    said = alerts(status, state="done", validation_f1=0.0)
    assert said == [("F1 0", "animals: F1 is 0 on the validation documents")]
    said = alerts(status, state="done", validation_f1=0.5, test_f1=0.0, test_accepted=3)
    assert said == [("F1 0", "animals: F1 is 0 on the test documents")]
    assert alerts(status, state="running", validation_f1=0.0) == [], "it may yet become better"


@pytest.mark.parametrize(("accepted", "which"), [(0, "no"), (10, "every")])
def test_predictions_of_one_class_are_an_alert(status: Status, accepted: int, which: str) -> None:
    said = alerts(status, state="done", validation_f1=0.0, test_f1=0.0, test_accepted=accepted)
    assert said == [("one class", f"animals: {which} test document is accepted")]


def test_a_rising_loss_is_an_alert(status: Status) -> None:
    losses = {status.categories[0].id: (0.5, 0.2, 0.35)}
    said = alerts(status, losses, state="running")
    assert said == [("loss", "animals: the training loss is rising, 0.200 to 0.350")]
    assert alerts(status, losses, state="cancelled") == []


def test_noise_is_no_rise() -> None:
    assert not is_rising([])
    assert not is_rising([0.5])
    assert not is_rising([0.5, 0.4, 0.42])
    assert not is_rising([0.001, 0.002, 0.004]), "small losses vary"
    assert not is_rising([0.1, 0.9, 0.1])
    assert is_rising([0.1, 0.2])


def test_a_loss_that_is_not_finite_is_an_alert_with_its_reason(store: Store, run: Run) -> None:
    fail(store, claim_next(store, start_worker(store)), "the loss became nan in epoch 2")
    status = status_of(store, run.id)
    said = alerts_of(status, {}, events_of(store, run.id), ROOMY)
    assert [(alert.kind, alert.message) for alert in said] == [
        ("failed", "animals: class weight 1 failed: the loss became nan in epoch 2")
    ]
    assert said[0].run_category_id == status.categories[0].id


def test_one_class_weight_that_fails_is_an_alert_while_the_others_go_on(store: Store) -> None:
    run = record_run(store, record_corpus(store), keys=["animals"], weights=(1.0, 5.0))
    fail(store, claim_next(store, start_worker(store)), "the loss became nan in epoch 2")
    said = alerts_of(status_of(store, run.id), {}, events_of(store, run.id), ROOMY)
    assert [alert.kind for alert in said] == ["failed"]
    assert "became nan" in said[0].message


def test_a_crash_is_an_alert_until_its_category_is_done_or_begins_anew(status: Status) -> None:
    animals = status.categories[0]
    event = Event(1, 1, animals.id, "crash", "killed by signal 9", animals.begun_at + 1)
    for state, expected in (("running", 1), ("ready", 1), ("done", 0), ("cancelled", 0)):
        changed = replace(status, categories=(replace(animals, state=state),))
        assert len(alerts_of(changed, {}, [event], ROOMY)) == expected, state
    anew = replace(animals, state="running", begun_at=event.at + 1)
    assert alerts_of(replace(status, categories=(anew,)), {}, [event], ROOMY) == ()


def test_a_silent_worker_is_an_alert_with_its_age(store: Store, run: Run) -> None:
    claim_next(store, start_worker(store, pid=77))
    with store.write():
        store.execute("UPDATE workers SET heartbeat = 100, state = 'training'")
    said = alerts_of(status_of(store, run.id, now=160.0), {}, (), ROOMY)
    assert [(alert.kind, alert.message) for alert in said] == [
        ("silent", "worker 77 on cpu at animals has been silent for 60 s")
    ]


def test_a_disk_that_is_nearly_full_is_the_first_alert(status: Status) -> None:
    said = alerts(status, disk=(GIB // 2, 100 * GIB), state="done", validation_f1=0.0)
    assert said[0] == ("disk", "the disk has only 0.5 GiB free")
    assert len(said) == 2
