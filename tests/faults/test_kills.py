"""SIGKILL anywhere, SIGSTOP past the lease, two supervisors: nothing is lost, bits are the same.

HTRANS_FAULTS=full kills 100 times; otherwise a few times, to keep the suite short.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import psutil
import pytest

from core.engine.host.identity import is_alive
from core.workspace import Workspace
from db.connection import Store
from db.trials import Claim, LostClaimError, record_progress
from db.workers import Worker, engine_of, present_workers
from tests.faults.engine_runs import Models, engine_processes, models, run_state, start
from tests.faults.mode import ENGINE_KILLS, FULL, PAUSES
from tests.support.builders import forget_measures
from tests.support.command_line import htrans, htrans_json
from tests.support.made_once import wait_until_ended
from tests.support.waiting import until

# What the product waits for is not what is tried here.
AN_IMPATIENT_SUPERVISOR = (
    "import sys\n"
    "from core.engine.processes import supervisor\n"
    "supervisor._LOCK_PATIENCE = 1.0\n"
    "sys.exit(supervisor.main(sys.argv[1]))\n"
)


def living(store: Store) -> list[tuple[str, int]]:
    """Kind and pid of the engine's processes that the database knows and that are alive."""
    processes = [
        ("worker", worker.pid)
        for worker in present_workers(store)
        if is_alive(worker.pid, worker.process_started)
    ]
    engine = engine_of(store)
    if engine is not None and engine.pid and is_alive(engine.pid, engine.process_started):
        processes.append(("supervisor", engine.pid))
    return processes


def kill_at_random(store: Store, kills: int) -> dict[str, int]:
    """Kill as many workers as supervisors while the run goes on, at most `kills` in all."""
    draw = random.Random(7)
    victims = ["worker", "supervisor"] * (kills // 2)
    draw.shuffle(victims)
    killed = {"worker": 0, "supervisor": 0}
    with store.write():
        # A trial is given up after three crashes of its own; here it is not at fault.
        store.execute(
            "CREATE TRIGGER forgive AFTER UPDATE OF crashes ON trials WHEN NEW.crashes > 0 "
            "BEGIN UPDATE trials SET crashes = 0 WHERE id = NEW.id; END"
        )
    while victims and run_state(store) == "running":
        time.sleep(draw.uniform(0.0, 2.5))
        wanted = victims[-1]
        # A worker takes seconds to begin, so that there may be none yet.
        until(
            lambda: wanted in dict(living(store)) or run_state(store) != "running"  # noqa: B023
        )
        processes = [process for process in living(store) if process[0] == wanted]
        if not processes:
            continue
        kind, pid = draw.choice(processes)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            killed[kind] += 1
            victims.pop()
    done = store.value("SELECT count(*) FROM trials WHERE state = ?", ("done",))
    print(f"killed {killed}, {done} trials done by then")
    return killed


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_anywhere_the_run_ends_by_itself_with_the_same_bits(
    workspaces: Callable[[str], Workspace], undisturbed: Models
) -> None:
    store = start(workspaces("killed"), *(() if FULL else ("--categories=cats,dogs",)))
    killed = kill_at_random(store, ENGINE_KILLS)
    until(lambda: run_state(store) == "done", 600)
    assert min(killed.values()) >= 1
    assert models(store) == undisturbed


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_race_that_is_killed_anywhere_drops_the_same_and_keeps_the_same_bits(
    workspaces: Callable[[str], Workspace],
) -> None:
    options = (
        *("--categories=cats", "--search=racing", "--negatives=2"),
        *(("--class-weights=1,3,10,30",) if FULL else ("--class-weights=1,30", "--batch-size=8")),
    )
    whole = start(workspaces("whole"), *options)
    until(lambda: run_state(whole) == "done", 300)
    expected = models(whole)
    assert None in expected.of.values(), "nothing dropped out, so this shows nothing"
    place = workspaces("killed")
    store = start(place, *options)
    killed = kill_at_random(store, max(ENGINE_KILLS // 2, 2))
    until(lambda: run_state(store) == "done", 500)
    assert sum(killed.values()) >= 1
    assert models(store) == expected
    # Whoever is killed between ending a trial and removing its checkpoint leaves it behind.
    until(lambda: not living(store))
    assert htrans(place, "doctor", "--fix").returncode == 0
    assert list(place.root.rglob("*.resume*")) == []


@pytest.mark.slow
def test_a_worker_whose_supervisor_dies_before_it_has_begun_ends(
    workspaces: Callable[[str], Workspace],
) -> None:
    place = workspaces("place")
    start_and_die = (
        "import os, subprocess, sys\n"
        "command = [sys.executable, '-m', 'core.engine.processes.worker', sys.argv[1], 'cpu']\n"
        "worker = subprocess.Popen([*command, str(os.getpid())], stdout=subprocess.DEVNULL,\n"
        "                          stderr=subprocess.DEVNULL)\n"
        "print(worker.pid)\n"
        "os._exit(0)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", start_and_die, str(place.root)],
        capture_output=True,
        text=True,
        check=True,
    )
    pid = int(result.stdout)
    until(lambda: not psutil.pid_exists(pid), 60)
    assert present_workers(Store(place.database)) == []


@pytest.mark.slow
def test_a_trial_that_always_crashes_is_given_up_after_three_times_with_the_reason(
    workspaces: Callable[[str], Workspace],
) -> None:
    store = start(
        workspaces("given-up"), "--categories=animals", "--class-weights=1", "--workers=1"
    )
    for crash in range(1, 4):
        until(lambda: any(worker.trial_id for worker in present_workers(store)))
        victim = next(worker for worker in present_workers(store) if worker.trial_id)
        os.kill(victim.pid, signal.SIGKILL)
        until(lambda crash=crash: store.value("SELECT crashes FROM trials") == crash)  # type: ignore[misc]
    until(lambda: run_state(store) == "failed")
    trial = store.row("SELECT state, reason FROM trials")
    assert trial is not None
    assert tuple(trial) == ("failed", "killed by SIGKILL")
    events = [row["message"] for row in store.rows("SELECT message FROM events ORDER BY id")]
    assert "crash 3: killed by SIGKILL; given up" in "\n".join(events)


@pytest.mark.slow
def test_paused_at_random_batches_and_resumed_the_run_has_the_same_bits(
    workspaces: Callable[[str], Workspace], undisturbed: Models
) -> None:
    paused_place = workspaces("paused")
    store = start(paused_place, "--categories=cats")
    draw = random.Random(3)
    pauses = 0
    while run_state(store) == "running" and pauses < PAUSES:
        rows = store.value("SELECT count(*) FROM progress")
        until(
            lambda rows=rows: (
                store.value("SELECT count(*) FROM progress") > rows  # type: ignore[misc]
                or run_state(store) == "done"
            )
        )
        time.sleep(draw.uniform(0, 0.7))
        if htrans(paused_place, "pause", "r").returncode == 0:
            until(lambda: run_state(store) == "paused")
            pauses += 1
            assert htrans(paused_place, "resume", "r").returncode == 0
    until(lambda: run_state(store) == "done", 120)
    print(f"paused {pauses} times")
    assert pauses >= 1
    assert models(store) == undisturbed.part("animals", "cats")


@pytest.mark.slow
def test_what_a_killed_engine_has_left_unscored_the_next_one_scores(own_copy: Workspace) -> None:
    before = htrans_json(own_copy, "status", "small")["categories"]
    store = Store(own_copy.database)
    forget_measures(store)
    for scores in own_copy.run(1).glob("*-scores.npy"):
        scores.unlink()
    assert htrans(own_copy, "engine", "start", "--workers=2").returncode == 0
    wait_until_ended(own_copy)
    assert htrans_json(own_copy, "status", "small")["categories"] == before


@pytest.mark.slow
def test_what_cannot_be_scored_is_given_up_and_told(own_copy: Workspace) -> None:
    store = Store(own_copy.database)
    forget_measures(store)
    (kept,) = store.rows(
        "SELECT t.model FROM trials t JOIN run_categories rc ON rc.kept_trial_id = t.id "
        "JOIN categories c ON c.id = rc.category_id WHERE c.key = 'cats'"
    )
    model = own_copy.root / kept["model"]
    model.write_bytes(model.read_bytes()[:50])
    for scores in own_copy.run(1).glob("*-scores.npy"):
        scores.unlink()
    assert htrans(own_copy, "engine", "start", "--workers=1").returncode == 0
    wait_until_ended(own_copy)
    status = htrans_json(own_copy, "status", "small")
    done = [c for c in status["categories"] if c["state"] == "done"]
    assert [c["id"] for c in done if c["test_f1"] is None] == ["cats"]
    (alert,) = [alert for alert in status["alerts"] if alert["kind"] == "unscored"]
    assert alert["message"].startswith("cats: ")


@pytest.mark.slow
def test_stopped_engine_writes_checkpoints_and_goes_on_with_the_same_bits(
    workspaces: Callable[[str], Workspace], undisturbed: Models
) -> None:
    place = workspaces("stopped")
    store = start(place, "--categories=animals")
    until(lambda: store.value("SELECT count(*) FROM progress") > 0)
    assert htrans(place, "engine", "stop").returncode == 0
    assert not engine_processes(place)
    assert run_state(store) == "running"
    assert store.value("SELECT count(*) FROM trials WHERE state = 'running'") == 0
    assert store.value("SELECT sum(crashes) FROM trials") == 0
    assert list(place.run(1).glob("*.resume"))
    assert htrans(place, "engine", "start").returncode == 0
    until(lambda: run_state(store) == "done", 120)
    assert models(store) == undisturbed.part("animals")


@pytest.mark.slow
def test_of_two_supervisors_started_at_once_one_stays(
    workspaces: Callable[[str], Workspace],
) -> None:
    place = workspaces("two")
    store = start(place)
    until(lambda: bool(present_workers(store)))
    second = subprocess.run(
        [sys.executable, "-c", AN_IMPATIENT_SUPERVISOR, str(place.root.absolute())],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert second.returncode == 0
    assert "another supervisor" in second.stderr
    module = "core.engine.processes.supervisor"
    supervisors = [p for p in engine_processes(place) if module in p.cmdline()]
    assert len(supervisors) == 1
    engine = engine_of(store)
    assert engine is not None
    assert engine.pid == supervisors[0].pid


@pytest.mark.slow
def test_late_writes_of_a_worker_frozen_past_its_lease_touch_nothing(
    workspaces: Callable[[str], Workspace],
    undisturbed: Models,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTRANS_LEASE", "3")
    store = start(workspaces("frozen"), "--categories=animals", "--class-weights=1")

    def at_work() -> list[Worker]:
        return [worker for worker in present_workers(store) if worker.trial_id]

    until(lambda: bool(at_work()) and store.value("SELECT count(*) FROM progress") > 0)
    frozen = at_work()[0]
    row = store.row("SELECT * FROM trials WHERE state = 'running'")
    assert row is not None
    old = Claim(row["id"], row["run_category_id"], 1, 1, 1.0, frozen.id, row["claim"])
    os.kill(frozen.pid, signal.SIGSTOP)
    until(lambda: any(worker.id != frozen.id for worker in at_work()))
    with pytest.raises(LostClaimError):
        record_progress(
            store, old, epoch=1, batch=1, batches=1, loss=0.0, documents_per_second=1.0, seconds=1
        )
    assert not psutil.pid_exists(frozen.pid)
    until(lambda: run_state(store) == "done", 120)
    assert store.value("SELECT claim FROM trials") > old.number
    assert models(store) == undisturbed.part("animals", weights=(1.0,))
    assert "silent for" in str(store.value("SELECT message FROM events ORDER BY id LIMIT 1"))


@pytest.mark.slow
def test_a_damaged_checkpoint_is_set_aside_and_the_run_ends_with_the_same_bits(
    workspaces: Callable[[str], Workspace], undisturbed: Models
) -> None:
    place = workspaces("damaged")
    store = start(place, "--categories=animals", "--class-weights=1", "--workers=1")
    until(lambda: store.value("SELECT count(*) FROM epochs") >= 1)
    htrans(place, "engine", "stop")
    newest = max(place.run(1).glob("*.resume"))
    newest.write_bytes(newest.read_bytes()[:-100])
    htrans(place, "engine", "start")
    until(lambda: run_state(store) == "done", 120)
    assert models(store) == undisturbed.part("animals", weights=(1.0,))
    message = store.value("SELECT message FROM events WHERE kind = 'corrupt'")
    assert newest.name in message
