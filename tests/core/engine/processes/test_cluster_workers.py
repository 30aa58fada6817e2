"""The process with the workers of a cluster: connection, number of slots, end."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.workspace import Workspace
from db.connection import Store
from db.events import events_of
from db.workers import configure_engine, engine_of, present_workers
from tests.support.builders import record_corpus, record_run

pytest.importorskip("ray", reason="needs the extra cluster")

from core.engine.host.ray_connection import NoClusterError
from core.engine.processes import cluster_workers
from core.engine.processes.cluster_workers import ClusterWorkers
from tests.support.fake_cluster import FakeCluster


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(cluster_workers, "_COUNT_INTERVAL", 0.01)
    monkeypatch.setattr(cluster_workers, "_CONNECT_INTERVAL", 0.01)
    before = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGINT)]
    yield
    for number, handler in before:
        signal.signal(number, handler)


def make(
    store: Store,
    workspace: Workspace,
    stop: threading.Event,
    connect: Callable[[], FakeCluster],
    workers: int | None = None,
) -> ClusterWorkers:
    configure_engine(store, "cpu", workers, 2, "ray", "head:6379")
    engine = engine_of(store)
    assert engine is not None
    return ClusterWorkers(workspace, store, engine, stop, lambda *_: connect())


class Script(threading.Event):
    """Runs a step at each wait of the main loop, and is set after the last one."""

    def __init__(self, *steps: Callable[[], None]) -> None:
        super().__init__()
        self._steps = list(steps)

    def wait(self, timeout: float | None = None) -> bool:
        del timeout
        if self._steps:
            self._steps.pop(0)()
        else:
            self.set()
        return self.is_set()


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true"
        time.sleep(0.01)


def idle(store: Store) -> int:
    return len([worker for worker in present_workers(store) if worker.state == "idle"])


def test_workers_follow_the_slots_of_the_cluster(store: Store, workspace: Workspace) -> None:
    cluster = FakeCluster(2)
    seen: list[int] = []

    def grow() -> None:
        _until(lambda: idle(store) == 2)
        seen.append(2)
        cluster.number = 3

    def shrink() -> None:
        _until(lambda: idle(store) == 3)
        seen.append(3)
        cluster.number = 1

    def check() -> None:
        _until(lambda: idle(store) == 1)
        seen.append(1)

    make(store, workspace, Script(grow, shrink, check), lambda: cluster).run()
    assert seen == [2, 3, 1]
    assert present_workers(store) == []


def test_the_option_workers_limits_them(store: Store, workspace: Workspace) -> None:
    def check() -> None:
        _until(lambda: idle(store) == 3)

    made = make(store, workspace, Script(check), lambda: FakeCluster(50), workers=3)
    made.run()
    assert store.value("SELECT count(*) FROM workers") == 3


def test_without_a_cluster_one_event_is_recorded_and_the_connection_retried(
    store: Store, workspace: Workspace
) -> None:
    record_run(store, record_corpus(store))
    tries: list[None] = []

    def connect() -> FakeCluster:
        tries.append(None)
        if len(tries) < 4:
            raise NoClusterError("no Ray cluster answers at head:6379")
        return FakeCluster(0)

    nothing = [lambda: None] * 4
    make(store, workspace, Script(*nothing), connect).run()
    assert len(tries) == 4
    (event,) = events_of(store, 1)
    assert event.message.startswith("no Ray cluster answers at head:6379")


def test_a_replaced_process_ends(store: Store, workspace: Workspace) -> None:
    def replace() -> None:
        _until(lambda: idle(store) == 2)
        with store.write():
            store.execute("UPDATE workers SET state = 'ended'")
        _until(lambda: not any(slot.thread.is_alive() for slot in made._slots))

    def check() -> None:
        assert script.is_set()

    script = Script(replace, check)
    made = make(store, workspace, script, lambda: FakeCluster(2))
    made.run()
    assert present_workers(store) == []


@pytest.mark.slow
def test_modules_that_look_for_ray_do_not_load_it(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "import core.engine.runs.engine_choice, core.engine.processes.supervisor, sys; "
        "sys.exit('ray' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
