"""A worker on a cluster: results, lost tasks, pauses, a full store, silence.

The cluster of these tests trains in this process.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.engine.runs import starting as runs
from core.engine.runs import steering
from core.engine.runs.steering import cancel_in_run, pause_run, resume_run
from core.engine.trials import trial_work
from core.engine.trials.executor import TaskLostError
from core.engine.trials.scheduling import has_work
from core.workspace import Workspace
from db.connection import Store
from db.events import events_of
from db.runs import Run
from db.scorings import has_pending_scoring
from db.trials import Trial
from db.workers import add_worker, present_workers
from tests.support.builders import (
    category_states,
    category_trials,
    forget_measures,
    import_small_corpus,
    run_state,
    start_system,
    train_here,
)

pytest.importorskip("ray", reason="needs the extra cluster")

from core.engine.cluster.executor import RayExecutor
from core.engine.cluster.messages import CheckpointSkipped
from core.engine.cluster.shared_objects import SharedObjects
from core.engine.processes.worker import Worker
from tests.support.fake_cluster import FakeCluster, FakeTask

LEFT = "the machine 10.0.0.7 has left the cluster"


class StopWhenIdle(threading.Event):
    """Set as soon as there is no work; never waits. Each wait starts with `on_wait`."""

    def __init__(self, store: Store, on_wait: Callable[[float], None]) -> None:
        super().__init__()
        self._store = store
        self._on_wait = on_wait

    def wait(self, timeout: float | None = None) -> bool:
        self._on_wait(timeout or 0.0)
        if not has_work(self._store):
            self.set()
        return self.is_set()


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (runs, steering):
        monkeypatch.setattr(module, "ensure_supervisor", lambda store, workspace: None)


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


@pytest.fixture
def other(workspace: Workspace) -> Iterator[Store]:
    """A connection of another process, such as the command line."""
    with Store(workspace.database) as store:
        yield store


@pytest.fixture
def run(store: Store, workspace: Workspace, tmp_path: Path) -> Run:
    """A run of animals, cats and dogs."""
    import_small_corpus(store, workspace, tmp_path)
    started = start_system(store, workspace, "small", "htrans", epochs=2)
    cancel_in_run(store, started, "food", subtree=True)
    return started


def work(
    store: Store,
    workspace: Workspace,
    cluster: FakeCluster,
    on_wait: Callable[[float], None] = lambda seconds: None,
) -> None:
    """Let a worker run everything that is ready."""
    worker = add_worker(store, 1, 0.0, "ray", node="")
    executor = RayExecutor(cluster, SharedObjects(cluster.share), worker, 60.0)
    Worker(workspace, store, worker, executor, StopWhenIdle(store, on_wait)).run()


def messages(store: Store) -> list[str]:
    return [event.message for event in events_of(store, 1)]


def trials(store: Store, run: Run) -> list[Trial]:
    return [t for key in ("animals", "cats", "dogs") for t in category_trials(store, run, key)]


def crashes(store: Store) -> int:
    return int(store.value("SELECT sum(crashes) FROM trials"))


def number_of_metrics(store: Store) -> int:
    return int(store.value("SELECT count(*) FROM measures WHERE split = 'test'"))


def assert_same_models_as_here(store: Store, workspace: Workspace, run: Run) -> None:
    """Train the same run in this process and compare the hashes of the models."""
    again = start_system(store, workspace, "small", "htrans", epochs=2)
    cancel_in_run(store, again, "food", subtree=True)
    train_here(store, workspace, again)
    hashes = [trial.sha256 for trial in trials(store, run)]
    assert None not in hashes
    assert hashes == [trial.sha256 for trial in trials(store, again)]


def test_a_run_has_the_models_and_metrics_of_one_machine(
    store: Store, workspace: Workspace, run: Run, cluster: FakeCluster
) -> None:
    work(store, workspace, cluster)
    assert present_workers(store) == []
    states = category_states(store, run)
    assert {states[key] for key in ("animals", "cats", "dogs")} == {"done"}
    assert_same_models_as_here(store, workspace, run)
    rows = store.rows("SELECT tp, fp, fn FROM measures WHERE split = 'test' ORDER BY trial_id")
    measured = [tuple(row) for row in rows]
    assert len(measured) == 6
    assert measured[:3] == measured[3:]


@pytest.mark.slow
def test_a_lost_machine_is_no_crash_and_a_killed_process_is_one(
    store: Store, workspace: Workspace, run: Run, cluster: FakeCluster
) -> None:
    cluster.failures["train"] = [
        TaskLostError(LEFT, is_crash=False),
        TaskLostError("its process was killed", is_crash=True),
    ]
    work(store, workspace, cluster)
    assert category_states(store, run)["dogs"] == "done"
    assert crashes(store) == 1
    assert any(message.startswith(LEFT) for message in messages(store))
    assert any("crash 1: its process was killed" in message for message in messages(store))


@pytest.mark.slow
def test_a_task_that_never_started_is_no_crash(
    store: Store, workspace: Workspace, run: Run, cluster: FakeCluster
) -> None:
    def not_started(task: FakeTask) -> None:
        if cluster.failures["train"]:
            task.reported_at = None
            task.messages.clear()

    reason = "ModuleNotFoundError: No module named 'core'"
    cluster.failures["train"] = [TaskLostError(reason, is_crash=True) for _ in range(5)]
    cluster.on_poll = not_started
    work(store, workspace, cluster)
    assert category_states(store, run)["dogs"] == "done"
    assert crashes(store) == 0
    assert any(reason in message for message in messages(store))


@pytest.mark.slow
def test_a_full_object_store_delays_trials_and_is_reported_once(
    store: Store, workspace: Workspace, run: Run, cluster: FakeCluster
) -> None:
    full = TaskLostError("the object store is full: no room", is_crash=False)
    cluster.failures["share"] = [full] * 7
    work(store, workspace, cluster)
    assert category_states(store, run)["dogs"] == "done"
    assert len([message for message in messages(store) if "store is full" in message]) == 1
    assert crashes(store) == 0


@pytest.mark.slow
def test_a_skipped_checkpoint_is_reported(
    store: Store, workspace: Workspace, run: Run, cluster: FakeCluster
) -> None:
    cluster.on_poll = lambda task: task.messages.append(CheckpointSkipped("disk"))
    work(store, workspace, cluster)
    assert category_states(store, run)["dogs"] == "done"
    assert len([message for message in messages(store) if message.endswith(": disk")]) == 1


@pytest.mark.slow
def test_a_full_disk_pauses_the_run_which_then_resumes_to_the_same_models(
    store: Store,
    workspace: Workspace,
    run: Run,
    cluster: FakeCluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:

        def full(*_: Any) -> bool:
            patch.undo()
            raise OSError(errno.ENOSPC, "No space left on device", "model")

        patch.setattr(trial_work, "record_finished", full)
        work(store, workspace, cluster)
    assert run_state(store, run) == "paused"
    assert any("the disk is full (model)" in message for message in messages(store))
    resume_run(store, workspace, run)
    work(store, workspace, cluster)
    assert_same_models_as_here(store, workspace, run)


@pytest.mark.slow
def test_a_lost_scoring_is_tried_three_times(
    store: Store, workspace: Workspace, run: Run, cluster: FakeCluster
) -> None:
    cluster.failures["score"] = [TaskLostError(LEFT, is_crash=False) for _ in range(5)]
    work(store, workspace, cluster)
    assert category_states(store, run)["dogs"] == "done"
    scorings = [name for name in cluster.submitted if name.startswith("score")]
    assert len(scorings) == 3 + 3 + 1, "three tries of the first, three of the second, one"
    assert number_of_metrics(store) == 2
    assert [message for message in messages(store) if f"are not scored: {LEFT}" in message]


@pytest.mark.slow
def test_the_delay_between_attempts_of_a_lost_scoring_grows(
    store: Store, workspace: Workspace, run: Run, cluster: FakeCluster, other: Store
) -> None:
    delays: list[float] = []

    def on_wait(seconds: float) -> None:
        if any(worker.state == "scoring" for worker in present_workers(other)):
            assert not has_pending_scoring(other), "an idle worker would score at once"
            delays.append(seconds)

    cluster.failures["score"] = [TaskLostError(LEFT, is_crash=False) for _ in range(3)]
    work(store, workspace, cluster, on_wait)
    assert delays == [10.0, 50.0], "no attempt is left after the third"


@pytest.mark.slow
def test_a_cancelled_trial_is_stopped(
    store: Store, workspace: Workspace, run: Run, cluster: FakeCluster, other: Store
) -> None:
    def cancel_once(task: FakeTask) -> None:
        if not cluster.hanging and not cluster.cancelled:
            cluster.hanging.add(task.name)
            cancel_in_run(other, run, "animals", subtree=True)

    cluster.on_poll = cancel_once
    work(store, workspace, cluster)
    assert len(cluster.cancelled) == 1
    assert run_state(store, run) == "cancelled"
    assert crashes(store) == 0


@pytest.mark.slow
def test_a_paused_trial_writes_a_checkpoint_and_resumes_to_the_same_models(
    store: Store, workspace: Workspace, run: Run, cluster: FakeCluster, other: Store
) -> None:
    def pause_once(_: FakeTask) -> None:
        cluster.on_poll = lambda task: None
        pause_run(other, run)

    cluster.on_poll = pause_once
    work(store, workspace, cluster)
    assert run_state(store, run) == "paused"
    assert list(workspace.run(run.id).glob("*.resume"))
    resume_run(other, workspace, run)
    work(store, workspace, cluster)
    assert_same_models_as_here(store, workspace, run)


@pytest.mark.slow
def test_a_run_is_paused_while_its_task_waits_for_a_free_cpu(
    store: Store, workspace: Workspace, run: Run, cluster: FakeCluster, other: Store
) -> None:
    def pause_before_the_start(task: FakeTask) -> None:
        task.reported_at = None
        if not cluster.hanging and not cluster.cancelled:
            cluster.hanging.add(task.name)
            pause_run(other, run)

    cluster.on_poll = pause_before_the_start
    work(store, workspace, cluster)
    assert run_state(store, run) == "paused"
    assert len(cluster.cancelled) == 1
    assert crashes(store) == 0


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "expected"), [("train", 1), ("score", 0)])
def test_a_silent_task_is_killed_and_run_again(
    store: Store, workspace: Workspace, run: Run, cluster: FakeCluster, kind: str, expected: int
) -> None:
    def silence_once(task: FakeTask) -> None:
        if task.kind == kind and not cluster.cancelled and task.reported_at is not None:
            cluster.hanging.add(task.name)
            task.reported_at -= 100.0

    cluster.on_poll = silence_once
    work(store, workspace, cluster)
    assert len(cluster.cancelled) == 1
    assert category_states(store, run)["dogs"] == "done"
    assert number_of_metrics(store) == 3
    assert crashes(store) == expected


@pytest.mark.slow
def test_tasks_of_a_lost_mailbox_are_run_again(
    store: Store, workspace: Workspace, run: Run, cluster: FakeCluster
) -> None:
    def lose_once(task: FakeTask) -> None:
        cluster.on_poll = lambda task: None
        cluster.hanging.add(task.name)
        task.is_lost = True

    cluster.on_poll = lose_once
    work(store, workspace, cluster)
    assert len(cluster.cancelled) == 1
    assert crashes(store) == 0
    assert_same_models_as_here(store, workspace, run)


@pytest.mark.slow
def test_pending_scorings_of_an_earlier_engine_are_done(
    store: Store, workspace: Workspace, run: Run, cluster: FakeCluster
) -> None:
    work(store, workspace, cluster)
    query = "SELECT trial_id, tp, fp, fn FROM measures WHERE split = 'test' ORDER BY trial_id"
    before = [tuple(row) for row in store.rows(query)]
    forget_measures(store)
    work(store, workspace, cluster)
    assert len(before) == 3
    assert [tuple(row) for row in store.rows(query)] == before
