"""The supervisor's judgement of its workers, without processes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from core.engine.host.identity import kill_stopped_workers
from core.engine.processes import supervisor as supervisor_module
from core.engine.processes.supervisor import LEASE, Supervisor
from core.engine.trials.scheduling import has_work
from core.workspace import Workspace
from db.connection import Store
from db.trials import Claim, holds
from db.workers import add_worker, configure_engine, present_workers, set_worker_state
from tests.support.builders import claim_next, record_corpus, record_run, start_worker

STOPPED_WRITER = """
import os, signal, sys
from pathlib import Path
from db.connection import Store
store = Store(Path(sys.argv[2]) / "htrans.db")
with store.write():
    os.kill(os.getpid(), signal.SIGSTOP)
"""
STOPPED = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"


@pytest.fixture
def stopped(workspace: Workspace) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Starts a process that looks like a worker and stops itself."""
    started: list[subprocess.Popen[bytes]] = []

    def start(code: str) -> subprocess.Popen[bytes]:
        module = "core.engine.processes.worker"
        process = subprocess.Popen([sys.executable, "-c", code, module, str(workspace.root)])
        started.append(process)
        deadline = time.monotonic() + 60
        while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
            assert time.monotonic() < deadline, "the process has not stopped"
            time.sleep(0.02)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def expire(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    """Let seconds pass without a heartbeat."""
    now = time.monotonic()
    monkeypatch.setattr("core.engine.processes.supervisor.time.monotonic", lambda: now)
    for _ in range(seconds + 1):
        supervisor._expire_leases()
        now += 1


@pytest.fixture
def supervisor(store: Store, workspace: Workspace) -> Supervisor:
    return Supervisor(workspace, store)


@pytest.fixture
def claim(store: Store) -> Claim:
    record_run(store, record_corpus(store))
    return claim_next(store, start_worker(store))


def set_heartbeat(store: Store, at: float) -> None:
    with store.write():
        store.execute("UPDATE workers SET heartbeat = ?", (at,))


@pytest.mark.parametrize("jump", [-1e9, 1e9])
def test_a_clock_that_jumps_takes_no_trial_away(
    store: Store, supervisor: Supervisor, claim: Claim, jump: float
) -> None:
    supervisor._expire_leases()
    set_heartbeat(store, time.time() + jump)
    supervisor._expire_leases()
    assert holds(store, claim)


def test_a_worker_silent_for_longer_than_its_lease_loses_its_trial(
    store: Store, supervisor: Supervisor, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic()
    monkeypatch.setattr("core.engine.processes.supervisor.time.monotonic", lambda: now)
    supervisor._expire_leases()
    now += LEASE - 1
    supervisor._expire_leases()
    assert holds(store, claim)
    set_heartbeat(store, time.time() + 1)
    now += LEASE - 1
    supervisor._expire_leases()
    now += LEASE - 1
    supervisor._expire_leases()
    assert holds(store, claim)
    now += 2
    supervisor._expire_leases()
    assert not holds(store, claim)


def test_the_lease_can_be_set(
    store: Store, supervisor: Supervisor, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTRANS_LEASE", "5")
    now = time.monotonic()
    monkeypatch.setattr("core.engine.processes.supervisor.time.monotonic", lambda: now)
    supervisor._expire_leases()
    for _ in range(2):
        now += 3
        supervisor._expire_leases()
    assert not holds(store, claim)
    assert store.value("SELECT reason FROM trials WHERE id = ?", (claim.trial_id,)) == (
        "silent for 6 s"
    )


def test_workers_gone_with_a_killed_supervisor_do_not_count_as_crashes(
    store: Store, supervisor: Supervisor, claim: Claim
) -> None:
    supervisor._reap_orphans()
    assert not holds(store, claim)
    row = store.row("SELECT state, crashes FROM trials WHERE id = ?", (claim.trial_id,))
    assert row is not None
    assert tuple(row) == ("ready", 0)


def test_workers_of_a_cluster_end_without_a_crash_once_its_process_is_gone(
    store: Store, supervisor: Supervisor
) -> None:
    record_run(store, record_corpus(store))
    claim = claim_next(store, add_worker(store, 4242, 0.0, "10.0.0.7 cpu", node="10.0.0.7"))
    supervisor._reap_orphans()
    assert not holds(store, claim)
    assert present_workers(store) == []
    assert not store.value("SELECT sum(crashes) FROM trials")


def test_a_worker_stopped_in_a_transaction_does_not_end_the_engine(
    store: Store,
    workspace: Workspace,
    stopped: Callable[[str], subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configure_engine(store, "cpu", 1, 1)
    monkeypatch.setattr("db.connection.BUSY_TIMEOUT", 0.3)
    monkeypatch.setattr(Supervisor, "_start", lambda self, slot: None)
    process = stopped(STOPPED_WRITER)
    assert supervisor_module.main(str(workspace.root)) == 0
    assert process.wait(10) == -9


def test_a_stopped_worker_of_another_workspace_is_left_alone(
    workspace: Workspace, stopped: Callable[[str], subprocess.Popen[bytes]]
) -> None:
    process = stopped(STOPPED)
    assert not kill_stopped_workers(workspace.root.parent)
    assert process.poll() is None


@pytest.mark.parametrize("state", ["idle", "training", "scoring"])
def test_a_silent_worker_is_killed_whatever_it_does(
    store: Store,
    supervisor: Supervisor,
    stopped: Callable[[str], subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
    state: str,
) -> None:
    process = stopped(STOPPED)
    supervisor._slots = [supervisor_module._Slot(0, "cpu", process)]
    set_worker_state(store, add_worker(store, process.pid, 1.0, "cpu"), state)
    expire(supervisor, monkeypatch, 62)
    assert process.returncode == -9
    assert supervisor._slots[0].process is None
    assert not has_work(store)


def test_the_process_of_silent_cluster_workers_is_killed(
    store: Store,
    supervisor: Supervisor,
    stopped: Callable[[str], subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process = stopped(STOPPED)
    supervisor._slots = [supervisor_module._Slot(0, "ray", process)]
    for pid in (77, 78):
        add_worker(store, pid, 0.0, "10.0.0.7 cpu", node="10.0.0.7")
    expire(supervisor, monkeypatch, 62)
    assert process.returncode == -9
    assert present_workers(store) == []


def test_a_gap_in_the_time_of_the_supervisor_itself_takes_no_trial_away(
    store: Store, supervisor: Supervisor, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic()
    monkeypatch.setattr("core.engine.processes.supervisor.time.monotonic", lambda: now)
    supervisor._expire_leases()
    now += 10 * LEASE
    supervisor._expire_leases()
    assert holds(store, claim)
    now += LEASE - 1
    supervisor._expire_leases()
    assert holds(store, claim)
    now += 2
    supervisor._expire_leases()
    assert not holds(store, claim)


def test_a_worker_killed_by_a_stop_of_the_engine_has_not_crashed(
    store: Store,
    supervisor: Supervisor,
    stopped: Callable[[str], subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record_run(store, record_corpus(store))
    process = stopped(STOPPED)
    claim = claim_next(store, start_worker(store, process.pid))
    supervisor._slots = [supervisor_module._Slot(0, "cpu", process)]
    monkeypatch.setattr(supervisor_module, "_WORKER_PATIENCE", 0.1)
    supervisor._stop_workers()
    row = store.row("SELECT state, crashes FROM trials WHERE id = ?", (claim.trial_id,))
    assert row is not None
    assert tuple(row) == ("ready", 0)
