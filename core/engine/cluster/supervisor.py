"""The supervisor of a workspace whose trials run on a Ray cluster.

It keeps the forest and is the one that writes the database: it claims what is ready for each slot
of the cluster, submits it, records what tasks tell, and obeys requests. A trial whose task or
machine dies is ready again, and goes on from its last checkpoint wherever there is a slot.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable
from types import FrameType

import torch

from core.engine.artifacts.run_data import RunData
from core.engine.artifacts.run_files import checkpoints_of
from core.engine.artifacts.run_kernel import run_kernel
from core.engine.cluster.messages import (
    ScoringEnd,
    TrialEnd,
)
from core.engine.cluster.object_store_cache import ObjectStoreCache
from core.engine.cluster.ray_cluster import Cluster, RayCluster, StoreFullError, TaskLostError
from core.engine.cluster.recording import Recorder, as_array
from core.engine.cluster.slots import Slot, Task
from core.engine.cluster.tasks import ScoringOrder
from core.engine.cluster.throttled_events import ThrottledEvents
from core.engine.host.exit_reason import error_summary
from core.engine.host.identity import is_alive, own_identity
from core.engine.host.ray_requirement import NoClusterError
from core.engine.trials.outcomes import (
    clear_unused_tables,
    record_corruption,
    record_failure,
)
from core.engine.trials.scheduling import (
    crash,
    end_supervisor_if_idle,
    end_worker,
    has_work,
)
from core.engine.trials.trial_spec import assign
from core.errors import TrainingError
from core.workspace import Workspace
from db.connection import Store, StoreError
from db.run_categories import run_category
from db.runs import run_with_id
from db.scorings import claim_scoring, fail_scoring, has_pending_scoring, requeue_scoring
from db.trials import Claim, LostClaimError, claim_trial, holds, may_continue
from db.workers import (
    Engine,
    add_worker,
    present_workers,
    record_supervisor,
    remove_supervisor,
    set_worker_state,
    supervisor_heartbeat,
    worker_heartbeat,
)

_TICK = 0.1
_HEARTBEAT = 1.0
_COUNTING = 2.0
_GRACE = 0.4
"""Seconds that a task has to leave by itself before it is killed."""
_QUIET = 5.0
"""Seconds of silence after which a worker's heartbeat is not renewed any more."""
_PATIENCE = 45.0
"""Seconds in which tasks must have written their checkpoints when the engine stops."""
_RECONNECT = 5.0
_RUNS = 2
_CPU = torch.device("cpu")

_log = logging.getLogger("htrans.supervisor")


class ClusterSupervisor:
    """Keeps the slots of a cluster at work for one workspace."""

    def __init__(
        self,
        workspace: Workspace,
        store: Store,
        engine: Engine,
        lease: float,
        connect: Callable[[str | None, str, int], Cluster] = RayCluster,
    ) -> None:
        self._workspace = workspace
        self._store = store
        self._engine = engine
        self._lease = lease
        self._connect = connect
        self._stopping = False
        self._slots: list[Slot] = []
        self._shelves: dict[int, ObjectStoreCache] = {}
        self._notices = ThrottledEvents(store)
        self._next_beat = 0.0
        self._next_count = 0.0
        self._version = -1
        self._submitted = 0
        self._cluster: Cluster
        self._recorder: Recorder

    def run(self) -> None:
        """Work until no run has work, or until SIGTERM or SIGINT."""
        record_supervisor(self._store, *own_identity())
        self._obey_signals()
        self._reap_orphans()
        if self._connected():
            self._obey_signals()  # Ray has put its own handlers there
            self._cluster.open_mailbox()
            self._recorder = Recorder(self._store, self._cluster, self._notices)
            while not self._stopping:
                self._tick()
                if any(slot.task for slot in self._slots) or has_work(self._store):
                    continue
                if end_supervisor_if_idle(self._store):
                    break
            self._end()
        if self._stopping:
            with self._store.write(durable=True):
                remove_supervisor(self._store)
        _log.info("ended: %s", "stopped" if self._stopping else "no work left")

    def _connected(self) -> bool:
        """Connect, however long it takes; False if there is no need any more."""
        engine, told = self._engine, False
        while not self._stopping:
            supervisor_heartbeat(self._store)
            try:
                self._cluster = self._connect(
                    engine.address, engine.device, engine.workers_per_device
                )
            except NoClusterError as error:
                if not told:
                    self._notices.tell("cluster", f"{error}; it is tried again until there is one")
                    told = True
            else:
                _log.info("connected to the cluster at %s", engine.address or "this machine")
                return True
            if not has_work(self._store) and end_supervisor_if_idle(self._store):
                return False
            time.sleep(_RECONNECT)
        return False

    def _tick(self) -> None:
        now = time.monotonic()
        if now >= self._next_beat:
            self._next_beat = now + _HEARTBEAT
            self._beat(now)
        if now >= self._next_count:
            self._next_count = now + _COUNTING
            self._count_slots()
        self._apply_requests()
        self._poll_reports()
        self._kill_overdue()
        for slot in self._slots:
            if slot.task is None and now >= slot.not_before and not self._fill(slot):
                break
        self._take_results()

    # What the database and the cluster are asked for.

    def _count_slots(self) -> None:
        number = self._cluster.slots()
        if self._engine.workers is not None:
            number = min(number, self._engine.workers)
        while len(self._slots) < number:
            worker = add_worker(self._store, os.getpid(), 0.0, "ray", node="")
            set_worker_state(self._store, worker, "idle")
            self._slots.append(Slot(worker))
        for slot in [s for s in self._slots if s.task is None][: len(self._slots) - number]:
            set_worker_state(self._store, slot.worker, "ended")
            self._slots.remove(slot)

    def _fill(self, slot: Slot) -> bool:
        """Submit the next task for a slot; False if there is none.

        What an earlier engine has left unscored comes first.
        """
        if has_pending_scoring(self._store):
            scoring = claim_scoring(self._store, slot.worker)
            if scoring is not None:
                self._score(slot, scoring)
                return True
        claim = claim_trial(self._store, slot.worker)
        if claim is not None:
            self._submit(slot, claim)
        return claim is not None

    def _submit(self, slot: Slot, claim: Claim) -> None:
        try:
            shelf = self._shelf(claim.run_id)
            assignment = assign(self._store, shelf.data, claim)
            _log.info("%s: goes to the cluster", assignment.label)
            parts = shelf.parts(assignment)
            checkpoint = checkpoints_of(shelf.data.folder, claim).load_content(
                lambda error: record_corruption(self._store, claim, error)
            )
            resumed = None if checkpoint is None else self._cluster.share(as_array(checkpoint))
            task = Task(self._name(claim, "train"), claim, shelf)
            task.reference = self._cluster.train(task.name, assignment, *parts, resumed)
            slot.task = task
        except LostClaimError as error:
            _log.warning("%s", error)
        except TrainingError as error:
            self._after_trial(
                slot, claim, record_failure(self._store, shelf.data, claim, str(error))
            )
        except StoreFullError as error:
            self._put_off(slot, claim, f"the object store is full: {error}")
        except StoreError:
            raise
        except Exception as error:
            _log.exception("trial %d cannot be submitted", claim.trial_id)
            crash(self._store, claim.trial_id, slot.worker, error_summary(error))
            self._wait(slot)

    def _put_off(self, slot: Slot, claim: Claim, why: str) -> None:
        self._notices.tell("cluster", f"{why}; trials wait and are tried again", claim)
        self._recorder.give_back(claim)
        self._wait(slot, 5.0)

    def _wait(self, slot: Slot, seconds: float = 2.0) -> None:
        set_worker_state(self._store, slot.worker, "idle")
        slot.not_before = time.monotonic() + seconds

    def _shelf(self, run_id: int) -> ObjectStoreCache:
        if run_id not in self._shelves:
            in_use = {slot.task.claim.run_id for slot in self._slots if slot.task}
            for other in [r for r in self._shelves if r not in in_use][: -_RUNS + 1 or None]:
                del self._shelves[other]
            data = RunData(self._store, self._workspace, run_with_id(self._store, run_id))
            self._shelves[run_id] = ObjectStoreCache(data, self._cluster.share)
        return self._shelves[run_id]

    def _name(self, claim: Claim, kind: str) -> str:
        self._submitted += 1
        return f"{kind}-{claim.trial_id}.{claim.number}-{self._submitted}"

    # Orders.

    def _apply_requests(self) -> None:
        """Pass requests on to the tasks, if there may be any."""
        version = self._store.data_version()
        if version == self._version and not self._recorder.has_paused:
            return
        self._version, self._recorder.has_paused = version, False
        for slot in self._slots:
            task = slot.task
            if task is None or task.scores or task.order == "leave":
                continue
            if not holds(self._store, task.claim):
                task.give("leave")
            else:
                task.give("go on" if may_continue(self._store, task.claim) else "stop")

    def _kill_overdue(self) -> None:
        now = time.monotonic()
        for slot in self._slots:
            task = slot.task
            if (
                task is not None
                and task.order == "leave"
                and not task.killed
                and now - task.ordered > _GRACE
            ):
                task.killed = True
                self._cluster.cancel(task.reference)

    # News.

    def _poll_reports(self) -> None:
        tasks = {slot.task.name: slot for slot in self._slots if slot.task is not None}
        orders = {
            name: (slot.task.order, slot.task.recorded)
            for name, slot in tasks.items()
            if slot.task is not None
        }
        for name, visit in self._cluster.visit_desk(orders).items():
            slot = tasks.get(name)
            if slot is None or slot.task is None:
                continue
            slot.task.heard = time.monotonic() - visit.silent
            self._recorder.record(slot, slot.task, visit.news)

    # Results.

    def _take_results(self) -> None:
        at_work = {slot.task.reference: slot for slot in self._slots if slot.task}
        if not at_work:
            time.sleep(_TICK)
            return
        for reference in self._cluster.ended(list(at_work), _TICK):
            slot = at_work[reference]
            task = slot.task
            assert task is not None
            slot.task = None
            try:
                result = self._cluster.result(reference)
            except TaskLostError as error:
                self._lost(slot, task, error)
            else:
                self._take(slot, task, result)

    def _take(self, slot: Slot, task: Task, end: TrialEnd | ScoringEnd) -> None:
        if isinstance(end, TrialEnd):
            done = self._recorder.trained(slot, task, end)
            self._after_trial(slot, task.claim, done)
            return
        self._recorder.scored(task, end)
        set_worker_state(self._store, slot.worker, "idle")

    def _after_trial(self, slot: Slot, claim: Claim, category_done: bool) -> None:
        """Score the documents if the category is done with its trial, else free the slot."""
        if category_done:
            clear_unused_tables(self._store, self._shelf(claim.run_id).data, claim)
            if not self._stopping:
                scoring = claim_scoring(self._store, slot.worker, claim.run_category_id)
                if scoring is not None:
                    self._score(slot, scoring)
                    return
        set_worker_state(self._store, slot.worker, "idle")

    def _score(self, slot: Slot, claim: Claim) -> None:
        try:
            category = run_category(self._store, claim.run_category_id)
            shelf = self._shelf(claim.run_id)
            data = shelf.data
            order = ScoringOrder(
                category.key,
                data.system.name,
                data.settings,
                data.settings.seed,
                data.outputs_of(data.model_categories(category)),
                _splits(data),
                run_kernel(self._store, claim.run_id),
            )
            task = Task(self._name(claim, "score"), claim, shelf, scores=True)
            task.reference = self._cluster.score(
                task.name,
                order,
                shelf.documents,
                shelf.model(claim.trial_id),
                shelf.table_of(claim.trial_id),
                shelf.test_vectors,
            )
            slot.task = task
        except StoreError:
            raise
        except Exception as error:
            _log.exception("trial %d: the documents cannot be scored", claim.trial_id)
            self._fail_scoring(claim, error_summary(error))
            self._wait(slot, 5.0)

    def _fail_scoring(self, claim: Claim, reason: str) -> None:
        with self._store.write():
            fail_scoring(self._store, claim.trial_id, reason)

    def _lost(self, slot: Slot, task: Task, error: TaskLostError) -> None:
        """A task that ended without a result: its trial goes on elsewhere."""
        _log.warning("%s: lost: %s", task.name, error)
        if task.scores:
            if self._stopping:
                requeue_scoring(self._store, task.claim)
            else:
                self._fail_scoring(task.claim, str(error))
            set_worker_state(self._store, slot.worker, "idle")
            return
        if task.order == "leave":
            set_worker_state(self._store, slot.worker, "idle")
            return
        is_crash = error.is_crash and task.heard is not None
        if not is_crash:
            self._notices.tell(
                "cluster", f"{error}; the trial goes on from its checkpoint", task.claim
            )
        self._end_worker(slot, str(error), is_crash=is_crash)

    def _end_worker(self, slot: Slot, reason: str, *, is_crash: bool) -> None:
        """Take its trial from a slot, which goes on as another worker."""
        end_worker(self._store, slot.worker, reason, is_crash=is_crash)
        slot.worker = add_worker(self._store, os.getpid(), 0.0, "ray", node="")
        self._wait(slot)

    # Signs of life.

    def _beat(self, now: float) -> None:
        supervisor_heartbeat(self._store)
        living = []
        for slot in self._slots:
            task = slot.task
            silent = 0.0 if task is None or task.heard is None else now - task.heard
            if silent <= _QUIET:
                living.append(slot.worker)
            elif silent > self._lease and task is not None and task.order != "leave":
                _log.warning("%s is silent", task.name)
                task.give("leave")
                if not task.scores:
                    self._end_worker(slot, f"silent for {silent:.0f} s", is_crash=True)
        worker_heartbeat(self._store, *living)

    def _reap_orphans(self) -> None:
        """Enter the deaths of workers of an earlier engine; those of a cluster went with it."""
        for worker in present_workers(self._store):
            if worker.node is not None or not is_alive(worker.pid, worker.process_started):
                end_worker(self._store, worker.id, "its engine was killed", is_crash=False)

    # The end.

    def _end(self) -> None:
        self._apply_requests()
        for slot in self._slots:
            if slot.task is not None and slot.task.order != "leave":
                slot.task.give("leave" if slot.task.scores else "stop")
        deadline = time.monotonic() + _PATIENCE
        while any(slot.task for slot in self._slots) and time.monotonic() < deadline:
            self._poll_reports()
            self._kill_overdue()
            self._take_results()
        for slot in self._slots:
            end_worker(self._store, slot.worker, "the engine was stopped", is_crash=False)
        self._cluster.disconnect()

    def _obey_signals(self) -> None:
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self._stop)

    def _stop(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._stopping = True


def _splits(data: RunData) -> tuple[str, ...]:
    """The splits whose scores are needed to measure a category."""
    return data.system.splits_to_score(needs_validation=data.rule.needs_validation)
