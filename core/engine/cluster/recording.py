"""Record what tasks tell and what they end with: rows, checkpoints, models, scores."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import torch

from core.engine.artifacts.run_files import checkpoints_of
from core.engine.cluster.mailbox import News
from core.engine.cluster.messages import (
    CheckpointLost,
    CheckpointMade,
    Content,
    EpochFinished,
    PackedProduct,
    ProgressMade,
    Resumed,
    ScoringEnd,
    Started,
    TrialEnd,
)
from core.engine.cluster.ray_cluster import Cluster, TaskLostError
from core.engine.cluster.slots import Slot, Task
from core.engine.cluster.throttled_events import ThrottledEvents
from core.engine.host.disk import is_full
from core.engine.runs.steering import pause_for_space
from core.engine.scoring.evaluation import evaluate_completed
from core.engine.scoring.scores import save_scores
from core.engine.trials.outcomes import record_failure, record_finished, record_waiting
from core.engine.trials.reporter import record_batches, record_result
from core.engine.trials.scheduling import release
from core.systems.trial import TrialResult
from db.connection import Store
from db.run_categories import run_category
from db.scorings import requeue_scoring
from db.trials import Claim, LostClaimError, holds, rewind_progress
from db.workers import place_worker

_CPU = torch.device("cpu")

_log = logging.getLogger("htrans.supervisor")


class Recorder:
    """Writes for the tasks of a cluster, which know no database.

    `has_paused` is set when it has paused a run, which its tasks must hear of.
    """

    def __init__(self, store: Store, cluster: Cluster, notices: ThrottledEvents) -> None:
        self._store = store
        self._cluster = cluster
        self._notices = notices
        self.has_paused = False

    def record(self, slot: Slot, task: Task, news: tuple[News, ...]) -> None:
        """Write what a task tells; news that were told before are passed over.

        A task whose trial is not its own any more is told to leave.
        """
        for number, one in news:
            if number <= task.recorded or task.order == "leave":
                continue
            try:
                self._record_one(slot, task, one)
            except LostClaimError as error:
                _log.warning("%s", error)
                task.give("leave")
            except OSError as error:
                self._pause_for_space(task.claim, error)
            task.recorded = number

    def trained(self, slot: Slot, task: Task, end: TrialEnd) -> bool:
        """Write what a training has come to; whether its category is done with it."""
        self.record(slot, task, end.news)
        _log.info("%s: %s", task.name, end.how)
        if end.how == "left" or task.order == "leave":
            return False
        try:
            return self._ended(task, end)
        except LostClaimError as error:
            _log.warning("%s", error)
        except OSError as error:
            self._pause_for_space(task.claim, error)
            self.give_back(task.claim)
        return False

    def scored(self, task: Task, end: ScoringEnd) -> None:
        """Keep scores and measure the category, or leave that for later if there are none."""
        data = task.shelf.data
        category = run_category(self._store, task.claim.run_category_id)
        if not end.scores:
            requeue_scoring(self._store, task.claim)
            return
        try:
            for split, columns in end.scores.items():
                save_scores(data, category, task.claim.trial_id, split, columns)
            evaluate_completed(self._store, data, category, _CPU)
        except OSError as error:
            if not is_full(error):
                raise
            told = f"the disk is full: scores of {category.key} are not kept"
            self._notices.tell("disk", told, task.claim)

    def give_back(self, claim: Claim) -> None:
        """Let a trial be claimed again, unless it has been cancelled meanwhile."""
        try:
            release(self._store, claim)
        except LostClaimError as error:
            _log.warning("%s", error)

    def _record_one(self, slot: Slot, task: Task, news: Any) -> None:
        store, claim = self._store, task.claim
        match news:
            case Started(node, pid, device):
                place_worker(store, slot.worker, pid, f"{node} {device}", node)
            case Resumed(epoch, batch):
                rewind_progress(store, claim, epoch, batch)
            case ProgressMade(progress, seconds):
                record_batches(store, claim, progress, seconds)
            case EpochFinished(result, is_kept, seconds):
                record_result(store, claim, result, seconds, is_kept=is_kept)
            case CheckpointMade(reference):
                self._fetch_checkpoint(task, reference[0])
            case CheckpointLost(reason):
                self._notices.tell("cluster", f"a checkpoint was not kept: {reason}", claim)

    def _ended(self, task: Task, end: TrialEnd) -> bool:
        store, claim, data = self._store, task.claim, task.shelf.data
        if end.how == "finished":
            assert end.product is not None
            return record_finished(store, data, claim, _product(end.product))
        if end.how == "failed":
            return record_failure(store, data, claim, end.reason)
        if end.checkpoint is not None:
            self._save_checkpoint(task, end.checkpoint)
        if end.how == "resting":
            return record_waiting(store, data, claim)
        release(store, claim)
        return False

    def _fetch_checkpoint(self, task: Task, reference: Any) -> None:
        try:
            content = self._cluster.fetch(reference)
        except TaskLostError as error:
            _log.warning("%s: its checkpoint is gone: %s", task.name, error)
        else:
            self._save_checkpoint(task, content)

    def _save_checkpoint(self, task: Task, content: Content) -> None:
        if not holds(self._store, task.claim):
            raise LostClaimError(f"{task.name} was taken from its slot")
        checkpoints = checkpoints_of(task.shelf.data.folder, task.claim)
        checkpoints.save_content(content.data, task.claim.number)

    def _pause_for_space(self, claim: Claim, error: OSError) -> None:
        if not is_full(error):
            raise error
        _log.error("%s", pause_for_space(self._store, claim, error))
        self.has_paused = True


def as_array(content: bytes) -> Content:
    """Bytes as Ray moves them without a copy."""
    return np.frombuffer(content, dtype=np.uint8)


def _product(packed: PackedProduct) -> TrialResult:
    table = None if packed.table is None else torch.from_numpy(packed.table.copy())
    return TrialResult(packed.model.tobytes(), packed.embeddings, table, packed.validation)
