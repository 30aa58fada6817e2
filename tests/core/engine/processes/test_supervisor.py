"""The supervisor's judgement of its workers, without processes."""

from __future__ import annotations

import time

import pytest

from core.engine.processes.supervisor import LEASE, Supervisor
from core.workspace import Workspace
from db.connection import Store
from db.trials import Claim, holds
from db.workers import add_worker, present_workers
from tests.support.builders import claim_next, record_corpus, record_run, start_worker


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
    now += 6
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
