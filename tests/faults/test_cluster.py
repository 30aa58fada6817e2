"""Runs on two Ray nodes on this machine: whatever happens, the bits are those of one machine."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.workspace import Workspace
from db.connection import Store
from db.runs import list_runs
from db.scorings import has_unfinished_scoring
from db.workers import engine_of, present_workers
from tests.faults.engine_runs import Models, models, run_state, start
from tests.faults.mode import FULL
from tests.support.command_line import error_of, htrans, htrans_json
from tests.support.messages import tells
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.cluster, pytest.mark.timeout(600)]


@dataclass
class TwoNodes:
    """A head and another node, one core each, with what a test may do to them."""

    cluster: Any
    second: Any

    @property
    def options(self) -> tuple[str, ...]:
        return "--engine=ray", f"--address={self.cluster.address}"

    def replace_second(self) -> None:
        """Kill the second node with all that runs on it, and start another."""
        self.cluster.remove_node(self.second, allow_graceful=False)
        self.second = self.cluster.add_node(num_cpus=1)

    def kill_mailbox(self) -> bool:
        """SIGKILL for the actor; False while there is none."""
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if "TaskMailbox" in process.name() or "ray::TaskMailbox" in " ".join(
                    process.cmdline()
                ):
                    process.kill()
                    return True
        return False


@pytest.fixture(scope="module")
def nodes() -> Iterator[TwoNodes]:
    cluster_utils = pytest.importorskip("ray.cluster_utils", reason="needs the extra cluster")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    head = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 200 * 2**20}
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args=head)
    yield TwoNodes(cluster, cluster.add_node(num_cpus=1))
    cluster.shutdown()


@pytest.fixture
def kill_engine() -> Iterator[Callable[[Workspace], None]]:
    """Stop engines that a failed test leaves."""
    places: list[Workspace] = []
    yield places.append
    for place in places:
        htrans(place, "engine", "stop")


def _epochs(store: Store) -> int:
    return int(store.value("SELECT count(*) FROM epochs"))


def _claims_of_done(store: Store) -> dict[int, int]:
    return {
        row["id"]: row["claim"]
        for row in store.rows("SELECT id, claim FROM trials WHERE state = 'done'")
    }


def _training(store: Store) -> list[int]:
    """Pids of the processes on the nodes that train now."""
    return [
        worker.pid
        for worker in present_workers(store)
        if worker.state == "training" and worker.node and psutil.pid_exists(worker.pid)
    ]


def _killed_in_training(store: Store) -> bool:
    """Kill who trains, until one was: a trial may end in the moment before the signal comes."""
    crashed = bool(store.value("SELECT count(*) FROM events WHERE kind = 'crash'"))
    if not crashed and (training := _training(store)):
        with suppress(ProcessLookupError):
            os.kill(training[0], signal.SIGKILL)
        with suppress(AssertionError):
            until(lambda: not psutil.pid_exists(training[0]), 5)
    return crashed


def test_disturbed_in_every_way_a_run_has_the_bits_of_one_machine(
    nodes: TwoNodes, workspaces: Callable[[str], Workspace], undisturbed: Models
) -> None:
    place = workspaces("ray")
    store = start(place, "--categories=cats,dogs", *nodes.options)
    finished: dict[int, int] = {}

    def kill_the_supervisor() -> None:
        engine = engine_of(store)
        assert engine is not None
        assert engine.pid is not None
        os.kill(engine.pid, signal.SIGKILL)

    def more_epochs(number: int = 1) -> None:
        seen = _epochs(store)
        until(lambda: _epochs(store) >= seen + number or run_state(store) == "done")
        finished.update(_claims_of_done(store))

    def pause_and_resume() -> None:
        paused = htrans(place, "pause", "r")
        assert paused.returncode == 0, paused.stderr
        until(lambda: run_state(store) == "paused")
        assert htrans(place, "resume", "r").returncode == 0

    more_epochs()
    if FULL:
        assert nodes.kill_mailbox()
        more_epochs(2)
        pause_and_resume()
        more_epochs()
    until(lambda: _killed_in_training(store))
    more_epochs()
    nodes.replace_second()
    if FULL:
        more_epochs()
        kill_the_supervisor()
    until(lambda: run_state(store) == "done", 300)
    assert models(store) == undisturbed.part("animals", "cats", "dogs")
    claims = _claims_of_done(store)
    assert finished.items() <= claims.items(), "a finished trial was trained again"
    # The documents of the last category are scored after that.
    until(
        lambda: None not in [c["test_f1"] for c in htrans_json(place, "status", "r")["categories"]]
    )


def test_a_cancelled_trial_leaves_its_process_and_the_other_goes_on(
    nodes: TwoNodes, workspaces: Callable[[str], Workspace]
) -> None:
    place = workspaces("cancelled")
    long = ("--categories=animals,food", "--epochs=60", "--patience=60")
    store = start(place, *long, *nodes.options)

    def at_work(category: str) -> int:
        return int(
            store.value(
                "SELECT count(*) FROM workers w JOIN trials t ON t.id = w.trial_id "
                "JOIN run_categories rc ON rc.id = t.run_category_id "
                "JOIN categories c ON c.id = rc.category_id WHERE c.key = ?",
                (category,),
            )
        )

    until(lambda: _epochs(store) >= 1)
    until(lambda: len(_training(store)) == 2)
    assert at_work("animals") == 2
    cancelled = htrans(place, "cancel", "r", "animals")
    assert cancelled.returncode == 0, cancelled.stderr
    until(lambda: at_work("animals") == 0)
    seen = _epochs(store)
    until(lambda: _epochs(store) > seen)
    assert at_work("food") >= 1
    assert htrans(place, "cancel", "r").returncode == 0
    until(lambda: all(worker.state == "idle" for worker in present_workers(store)))
    assert run_state(store) == "cancelled"
    assert not store.value("SELECT count(*) FROM events WHERE kind = 'crash'")
    assert not store.value("SELECT sum(crashes) FROM trials")


RACING = (
    *("--epochs=4", "--hidden-units=8", "--dimensions=8", "--search=racing", "--negatives=2"),
    *("--class-weights=1,30", "--tune-thresholds", "--consistent=up"),
)
SYSTEMS = {
    "linear": (),
    "gru-att-multi": ("--epochs=2", "--hidden-units=8", "--dimensions=8"),
    **({"htrans": RACING} if FULL else {}),
}


@pytest.fixture(scope="module")
def on_both_engines(
    nodes: TwoNodes, once_imported: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workspace]:
    """A workspace with a run of each system on this machine, and one on the cluster."""
    place = Workspace(tmp_path_factory.mktemp("both") / "workspace")
    shutil.copytree(once_imported, place.root)
    store = Store(place.database)
    try:
        here = ("--engine=local", "--device=cpu", "--workers=1")
        for name, engine in (("here", here), ("there", nodes.options)):
            for system, options in SYSTEMS.items():
                arguments = ("train", "small", "--name", f"{system}-{name}", "--system", system)
                result = htrans(place, *arguments, "--categories=cats,dogs", *options, *engine)
                assert result.returncode == 0, result.stderr
            until(lambda: not store.value("SELECT count(*) FROM runs WHERE state != 'done'"), 300)
            until(
                lambda: not any(has_unfinished_scoring(store, run.id) for run in list_runs(store))
            )
            htrans(place, "engine", "stop")
        yield place
    finally:
        htrans(place, "engine", "stop")
        store.close()


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_comes_to_the_measures_of_one_machine(
    system: str, on_both_engines: Workspace
) -> None:
    here, there = (
        htrans_json(on_both_engines, "status", f"{system}-{name}")["categories"]
        for name in ("here", "there")
    )
    for category in (*here, *there):
        category["seconds"] = None
    assert here == there
    assert all(category["test_f1"] is not None for category in here)


def test_an_address_without_a_cluster_is_told_in_one_line(
    nodes: TwoNodes, workspaces: Callable[[str], Workspace]
) -> None:
    place = workspaces("nowhere")
    for address, facts in (
        ("127.0.0.1:9", ("127.0.0.1:9", "no Ray cluster")),
        ("head", ("head", "HOST:PORT")),
    ):
        error = error_of(place, "train", "small", "--engine=ray", f"--address={address}")
        assert tells(error, *facts)
