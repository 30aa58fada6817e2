"""What the supervisor of a cluster makes of tasks that end, are lost, are silent or not wanted.

The cluster here trains in this process, when it is asked which tasks have ended.
"""

from __future__ import annotations

import errno
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from core.engine.runs import starting as runs
from core.engine.runs import steering
from core.engine.runs.steering import cancel_in_run, pause_run, resume_run
from core.errors import TrainingError
from core.workspace import Workspace
from db.connection import Store
from db.events import events_of
from db.runs import Run
from db.trials import Trial, claim_trial
from db.workers import (
    add_worker,
    configure_engine,
    engine_of,
    present_workers,
    set_worker_state,
)
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

from core.engine.cluster import recording, supervisor, tasks
from core.engine.cluster.mailbox import Answer, Order, Visit
from core.engine.cluster.messages import CheckpointLost, Started, TrialEnd
from core.engine.cluster.ray_cluster import StoreFullError, TaskLostError
from core.engine.cluster.reporter import ClusterReporter
from core.engine.cluster.supervisor import ClusterSupervisor
from core.engine.host.ray_requirement import NoClusterError

CPU = torch.device("cpu")


class FakeCluster:
    """Trains a task when asked for the second time whether it has ended.

    `mishaps` befall the first ones instead; what is `hanging` never ends by itself.
    """

    def __init__(self, slots: int = 2) -> None:
        self.number = slots
        self.submitted: list[str] = []
        self.cancelled: list[str] = []
        self.mishaps: dict[str, list[Exception]] = {"train": [], "score": [], "share": []}
        self.before_end: Callable[[str], None] = lambda name: None
        self.hanging: set[str] = set()
        self.told: dict[str, Visit] = {}
        self.orders: dict[str, tuple[Order, int]] = {}
        self._asked: set[str] = set()
        self._work: dict[str, Callable[[], Any]] = {}

    def open_mailbox(self) -> None: ...

    def disconnect(self) -> None: ...

    def slots(self) -> int:
        return self.number

    def share(self, value: Any) -> Any:
        self._befall("share")
        return value

    def train(self, name: str, *arguments: Any) -> str:
        assignment, documents, embeddings, source, vectors, resumed = arguments
        materials = tasks.inputs_from(documents, embeddings, source, vectors)

        def work() -> Any:
            order = self.orders.get(name, ("go on", 0))[0]
            reporter = ClusterReporter(lambda news: Answer(order, 0, 1.0))
            reporter._poll_reports(Answer(order, 0, 1.0))
            reporter.tell(Started("10.0.0.7", 77, "cpu"))
            self._befall("train")
            try:
                return tasks.train(assignment, materials, resumed, reporter, CPU, lambda one: one)
            except TrainingError as error:
                return TrialEnd("failed", reporter.untold(), reason=str(error))

        return self._submit(name, work)

    def score(self, name: str, *arguments: Any) -> str:
        order, documents, model, embeddings, vectors = arguments

        def work() -> Any:
            self._befall("score")
            loaded = tasks.unpacked(model, embeddings)
            return tasks.score(order, documents, loaded, vectors, CPU, lambda: False)

        return self._submit(name, work)

    def ended(self, tasks: Sequence[str], seconds: float) -> list[str]:
        before = [name for name in tasks if name in self._asked]
        for name in tasks:
            self._asked.add(name)
            self.before_end(name)
        return [name for name in before if name not in self.hanging]

    def result(self, task: str) -> Any:
        if task in self.cancelled:
            raise TaskLostError("TaskCancelledError", is_crash=False)
        return self._work.pop(task)()

    def fetch(self, reference: Any) -> Any:
        return reference

    def cancel(self, task: str) -> None:
        self.cancelled.append(task)
        self.hanging.discard(task)

    def visit_desk(self, orders: dict[str, tuple[Order, int]]) -> dict[str, Visit]:
        self.orders = orders
        return self.told

    def _submit(self, name: str, work: Callable[[], Any]) -> str:
        self.submitted.append(name)
        self._work[name] = work
        return name

    def _befall(self, what: str) -> None:
        if self.mishaps[what]:
            raise self.mishaps[what].pop(0)


@pytest.fixture(autouse=True)
def without_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No pause between ticks or before another try, no engine of its own, signals as before."""
    for module in (runs, steering):
        monkeypatch.setattr(module, "ensure_supervisor", lambda store, workspace: None)
    monkeypatch.setattr(supervisor, "_TICK", 0.001)
    monkeypatch.setattr(ClusterSupervisor, "_wait", _without_waiting)
    before = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGINT)]
    yield
    for number, handler in before:
        signal.signal(number, handler)


def _without_waiting(self: ClusterSupervisor, place: Any, seconds: float = 2.0) -> None:
    del seconds
    set_worker_state(self._store, place.worker, "idle")


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


@pytest.fixture
def run(store: Store, workspace: Workspace, tmp_path: Path) -> Run:
    """Animals, cats and dogs are trained; the others stay out, to be quick."""
    import_small_corpus(store, workspace, tmp_path)
    started = start_system(store, workspace, "small", "htrans", epochs=2)
    cancel_in_run(store, started, "food", subtree=True)
    return started


def supervise(
    store: Store, workspace: Workspace, cluster: FakeCluster, lease: float = 60.0
) -> ClusterSupervisor:
    configure_engine(store, "cpu", None, 2, "ray", "head:6379")
    engine = engine_of(store)
    assert engine is not None
    made = ClusterSupervisor(workspace, store, engine, lease, lambda *_: cluster)
    made.run()
    return made


def messages(store: Store) -> list[str]:
    return [event.message for event in events_of(store, 1)]


def trained(store: Store, run: Run) -> list[Trial]:
    """The trials of animals, cats and dogs."""
    return [t for key in ("animals", "cats", "dogs") for t in category_trials(store, run, key)]


def hashes(store: Store, run: Run) -> list[str | None]:
    return [trial.sha256 for trial in trained(store, run)]


def assert_as_on_one_machine(store: Store, workspace: Workspace, run: Run) -> None:
    """Train the same in this process, as a local worker does, and compare the models."""
    again = start_system(store, workspace, "small", "htrans", epochs=2)
    cancel_in_run(store, again, "food", subtree=True)
    train_here(store, workspace, again)
    assert hashes(store, run) == hashes(store, again)


def test_a_run_comes_to_the_models_of_one_machine(
    store: Store, workspace: Workspace, run: Run, cluster: FakeCluster
) -> None:
    supervise(store, workspace, cluster)
    assert present_workers(store) == []
    engine = engine_of(store)
    assert engine is not None
    assert engine.pid is None
    states = category_states(store, run)
    assert {states[key] for key in ("animals", "cats", "dogs")} == {"done"}
    assert_as_on_one_machine(store, workspace, run)
    assert None not in hashes(store, run)
    measured = store.value("SELECT count(*) FROM measures WHERE split = 'test'")
    assert measured == 6, "three categories of two runs"


@pytest.mark.slow
def test_a_lost_machine_is_no_crash_and_a_killed_process_is_one(
    store: Store, workspace: Workspace, run: Run, cluster: FakeCluster
) -> None:
    def place_it(name: str) -> None:
        cluster.told[name] = Visit(((1, Started("10.0.0.7", 77, "cpu")),), 0.0)

    cluster.before_end = place_it
    cluster.mishaps["train"] = [
        TaskLostError("the machine 10.0.0.7 has left the cluster", is_crash=False),
        TaskLostError("its process was killed", is_crash=True),
    ]
    supervise(store, workspace, cluster)
    assert category_states(store, run)["dogs"] == "done"
    crashes = sum(trial.crashes for trial in trained(store, run))
    assert crashes == 1
    said = "\n".join(messages(store))
    assert (
        "the machine 10.0.0.7 has left the cluster; the trial goes on from its checkpoint" in said
    )
    assert "crash 1: its process was killed; it resumes from its checkpoint" in said


@pytest.mark.slow
def test_what_never_began_is_not_the_trials_fault(
    store: Store, workspace: Workspace, run: Run, cluster: FakeCluster
) -> None:
    cluster.mishaps["train"] = [
        TaskLostError("ModuleNotFoundError: No module named 'core'", is_crash=True)
    ] * 5
    supervise(store, workspace, cluster)
    assert category_states(store, run)["dogs"] == "done"
    assert not store.value("SELECT sum(crashes) FROM trials")
    assert any("No module named 'core'" in message for message in messages(store))


@pytest.mark.slow
def test_a_full_object_store_puts_trials_off_and_is_told_once(
    store: Store, workspace: Workspace, run: Run, cluster: FakeCluster
) -> None:
    cluster.mishaps["share"] = [StoreFullError("no room")] * 7
    supervise(store, workspace, cluster)
    assert category_states(store, run)["dogs"] == "done"
    told = [message for message in messages(store) if "the object store is full" in message]
    assert told == ["the object store is full: no room; trials wait and are tried again"]
    assert not store.value("SELECT sum(crashes) FROM trials")


@pytest.mark.slow
def test_a_checkpoint_without_room_is_told_and_the_trial_goes_on(
    store: Store, workspace: Workspace, run: Run, cluster: FakeCluster
) -> None:
    def lose(name: str) -> None:
        cluster.told[name] = Visit(((1, CheckpointLost("disk")),), 0.0)

    cluster.before_end = lose
    supervise(store, workspace, cluster)
    assert category_states(store, run)["dogs"] == "done"
    assert "a checkpoint was not kept: disk" in messages(store)


@pytest.mark.slow
def test_a_full_disk_pauses_the_run_and_it_goes_on_to_the_same_models(
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

        patch.setattr(recording, "record_finished", full)
        supervise(store, workspace, cluster)
    assert run_state(store, run) == "paused"
    assert any("the disk is full (model); run paused" in message for message in messages(store))
    resume_run(store, workspace, run)
    supervise(store, workspace, cluster)
    assert_as_on_one_machine(store, workspace, run)


@pytest.mark.slow
def test_scores_are_tried_three_times_and_then_left_for_later(
    store: Store, workspace: Workspace, run: Run, cluster: FakeCluster
) -> None:
    gone = TaskLostError("the machine 10.0.0.7 has left the cluster", is_crash=False)
    cluster.mishaps["score"] = [gone, gone, *[gone] * 3]
    cluster.number = 1
    supervise(store, workspace, cluster)
    assert category_states(store, run)["dogs"] == "done"
    scored = [name for name in cluster.submitted if name.startswith("score")]
    assert len(scored) == 3 + 3 + 1, "the first three times, then at the third try, then at once"
    assert store.value("SELECT count(*) FROM measures WHERE split = 'test'") == 2


@pytest.mark.slow
def test_a_cancelled_trial_is_told_to_leave_and_then_killed(
    store: Store,
    workspace: Workspace,
    run: Run,
    cluster: FakeCluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "_GRACE", 0.0)
    other = Store(workspace.database)

    def cancel_once(name: str) -> None:
        if not cluster.hanging and not cluster.cancelled:
            cluster.hanging.add(name)
            cancel_in_run(other, run, "animals", subtree=True)

    cluster.before_end = cancel_once
    supervise(store, workspace, cluster)
    other.close()
    assert len(cluster.cancelled) >= 1
    assert run_state(store, run) == "cancelled"
    assert not store.value("SELECT sum(crashes) FROM trials")


@pytest.mark.slow
def test_a_paused_trial_leaves_a_checkpoint_and_goes_on_to_the_same_models(
    store: Store, workspace: Workspace, run: Run, cluster: FakeCluster
) -> None:
    other = Store(workspace.database)

    def pause_once(name: str) -> None:
        if cluster.orders and not cluster.hanging:
            pause_run(other, run)
            cluster.before_end = lambda name: None

    cluster.before_end = pause_once
    cluster.told = {}
    supervise(store, workspace, cluster)
    assert run_state(store, run) == "paused"
    resume_run(other, workspace, run)
    other.close()
    supervise(store, workspace, cluster)
    assert_as_on_one_machine(store, workspace, run)


@pytest.mark.slow
def test_a_silent_task_loses_its_trial(
    store: Store, workspace: Workspace, run: Run, cluster: FakeCluster
) -> None:
    def fall_silent(name: str) -> None:
        if not cluster.hanging and not cluster.cancelled and cluster.orders:
            cluster.hanging.add(name)
            cluster.told = {name: Visit((), 100.0)}
        elif cluster.cancelled:
            cluster.told = {}

    cluster.before_end = fall_silent
    supervise(store, workspace, cluster, lease=60.0)
    assert category_states(store, run)["dogs"] == "done"
    assert any("silent for 10" in message for message in messages(store))
    assert store.value("SELECT sum(crashes) FROM trials") == 1


@pytest.mark.slow
def test_a_scoring_that_falls_silent_is_killed_and_done_again(
    store: Store, workspace: Workspace, run: Run, cluster: FakeCluster
) -> None:
    def fall_silent(name: str) -> None:
        if name.startswith("score") and not cluster.cancelled:
            cluster.hanging.add(name)
            cluster.told = {name: Visit((), 100.0)}
        elif cluster.cancelled:
            cluster.told = {}

    cluster.number = 1
    cluster.before_end = fall_silent
    supervise(store, workspace, cluster, lease=60.0)
    assert len(cluster.cancelled) == 1
    assert store.value("SELECT count(*) FROM measures WHERE split = 'test'") == 3
    assert not store.value("SELECT sum(crashes) FROM trials")


@pytest.mark.slow
def test_what_an_earlier_engine_left_unscored_is_scored(
    store: Store, workspace: Workspace, run: Run, cluster: FakeCluster
) -> None:
    supervise(store, workspace, cluster)
    measured = "SELECT trial_id, tp, fp, fn FROM measures WHERE split = 'test' ORDER BY trial_id"
    before = [tuple(row) for row in store.rows(measured)]
    forget_measures(store)
    supervise(store, workspace, cluster)
    assert len(before) == 3
    assert [tuple(row) for row in store.rows(measured)] == before


@pytest.mark.slow
def test_a_scoring_that_is_lost_three_times_is_given_up_with_the_reason(
    store: Store, workspace: Workspace, run: Run, cluster: FakeCluster
) -> None:
    cluster.mishaps["score"] = [TaskLostError("the node died", is_crash=True) for _ in range(3)]
    cluster.number = 1
    supervise(store, workspace, cluster)
    assert store.value("SELECT count(*) FROM measures WHERE split = 'test'") == 2
    assert [m for m in messages(store) if "are not scored: the node died" in m]
    assert category_states(store, run)["dogs"] == "done"


@pytest.mark.slow
def test_without_a_cluster_it_tells_once_and_tries_until_there_is_one(
    store: Store,
    workspace: Workspace,
    run: Run,
    cluster: FakeCluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "_RECONNECT", 0.001)
    tries = 0

    def connect(*_: Any) -> FakeCluster:
        nonlocal tries
        tries += 1
        if tries < 4:
            raise NoClusterError("no Ray cluster answers at head:6379")
        return cluster

    configure_engine(store, "cpu", None, 2, "ray", "head:6379")
    engine = engine_of(store)
    assert engine is not None
    ClusterSupervisor(workspace, store, engine, 60.0, connect).run()
    assert category_states(store, run)["dogs"] == "done"
    told = [message for message in messages(store) if "no Ray cluster answers" in message]
    assert told == ["no Ray cluster answers at head:6379; it is tried again until there is one"]


@pytest.mark.slow
def test_places_follow_the_cluster_and_workers_bound_them(
    store: Store, workspace: Workspace, run: Run, cluster: FakeCluster
) -> None:
    cluster.number = 50
    seen: list[int] = []
    cluster.before_end = lambda name: seen.append(len(present_workers(store)))
    configure_engine(store, "cpu", 3, 2, "ray", None)
    engine = engine_of(store)
    assert engine is not None
    ClusterSupervisor(workspace, store, engine, 60.0, lambda *_: cluster).run()
    assert set(seen) == {3}


def test_workers_of_an_engine_that_was_killed_are_buried_and_their_trials_go_on(
    store: Store, workspace: Workspace, run: Run, cluster: FakeCluster
) -> None:
    lost = add_worker(store, 4242, 0.0, "10.0.0.7 cpu", node="10.0.0.7")
    claim = claim_trial(store, lost)
    assert claim is not None
    supervise(store, workspace, cluster)
    assert category_states(store, run)["dogs"] == "done"
    assert not store.value("SELECT sum(crashes) FROM trials")


@pytest.mark.slow
def test_the_modules_that_ask_for_ray_do_not_load_it() -> None:
    import subprocess

    code = "import core.engine.runs.engine_choice, sys; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
