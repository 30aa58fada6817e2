"""The executor that trains and scores on a Ray cluster. Only this side writes the database."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from core.engine.artifacts.run_data import RunData
from core.engine.artifacts.run_kernel import run_kernel
from core.engine.cluster.messages import (
    BatchesDone,
    CheckpointSkipped,
    CheckpointStored,
    Content,
    EpochDone,
    Positioned,
    Started,
)
from core.engine.cluster.ray_cluster import RayCluster, RayTask
from core.engine.cluster.shared_objects import SharedObjects
from core.engine.cluster.tasks import ScoringSpec, TrialEnd, score_documents, train_trial
from core.engine.scoring.evaluation import evaluate_completed
from core.engine.scoring.scores import examples_of, save_scores
from core.engine.trials.executor import ClaimedTrial, TaskLostError
from core.engine.trials.reporter import LocalReporter, record_batches, record_result
from core.errors import TrainingError
from core.systems.trial import TrialResult
from core.text.token_arrays import TokenArrays
from core.training.epochs import Outcome
from core.training.scoring import ScoringAbandonedError
from db.connection import Store
from db.events import add_event_once
from db.run_categories import RunCategory
from db.trials import rewind_progress
from db.workers import place_worker

_POLL = 0.1
_NO_TOKENS = TokenArrays(np.empty(0, np.uint32), np.zeros(1, np.int64))


class RayExecutor:
    """Trains and scores for one worker, a slot of the cluster. See `Executor`."""

    def __init__(
        self, cluster: RayCluster, shared: SharedObjects, worker_id: int, lease: float
    ) -> None:
        """Use a cluster.

        Args:
            cluster: The connection.
            shared: Objects of all runs in the cluster's object store.
            worker_id: Row id of the worker.
            lease: Seconds without a report after which a task is lost.
        """
        self._cluster = cluster
        self._shared = shared
        self._worker = worker_id
        self._lease = lease

    def train(
        self, trial: ClaimedTrial, stopping: Callable[[], bool]
    ) -> tuple[Outcome, TrialResult | None]:
        """See `Executor.train`."""
        reporter = LocalReporter(trial.store, trial.claim, stopping)
        inputs = self._shared.inputs(trial.data, trial.spec)
        content = trial.checkpoints.load_content(trial.record_corruption)
        resumed = None
        if content is not None:
            resumed = self._cluster.share(np.frombuffer(content, dtype=np.uint8))
        with self._cluster.run(trial.spec.label, train_trial, trial.spec, *inputs, resumed) as task:
            end: TrialEnd | None = self._result_of(
                task, reporter.should_stop, lambda message: self._record(trial, message)
            )
        if end is None:
            return Outcome.INTERRUPTED, None
        if end.outcome is None:
            raise TrainingError(end.failure)
        if end.checkpoint is not None:
            self._save_checkpoint(trial, end.checkpoint)
        return end.outcome, end.result

    def score(
        self, store: Store, data: RunData, category: RunCategory, stopping: Callable[[], bool]
    ) -> None:
        """See `Executor.score`."""
        trial_id = category.kept_trial_id
        assert trial_id is not None
        splits = data.system.splits_to_score(needs_validation=data.rule.needs_validation)
        spec = ScoringSpec(
            data.system.name,
            run_kernel(store, data.run.id),
            data.settings,
            category.key,
            # The corpus is sent once per machine, not with each task.
            {
                split: replace(examples_of(data, category, split), tokens=_NO_TOKENS)
                for split in splits
            },
        )
        documents, vectors = self._shared.documents(data), self._shared.test_vectors(data)
        model = self._shared.model(data, trial_id)
        name = f"scoring of {category.key}"
        with self._cluster.run(name, score_documents, spec, documents, *model, vectors) as task:
            scores = self._result_of(
                task, stopping, lambda message: self._record_start(store, message)
            )
        if not scores:
            raise ScoringAbandonedError
        for split, columns in scores.items():
            save_scores(data, category, trial_id, split, columns)
        evaluate_completed(store, data, category, torch.device("cpu"), stopping)

    def _result_of(
        self, task: RayTask, should_stop: Callable[[], bool], record: Callable[[Any], None]
    ) -> Any:
        """Record the messages of a task until it ends.

        Returns:
            Its result, or None if it must stop before it has started.
        """
        ended = False
        while not ended:
            ended = task.wait(_POLL)
            while task.messages:
                record(task.messages.popleft())
            if ended:
                break
            task.stopping = task.stopping or should_stop()
            if task.stopping and task.reported_at is None:
                return None  # It may wait for a free CPU and never learn that it must stop.
            self._check(task)
        try:
            return task.result()
        except TaskLostError as error:
            # The trial cannot have caused the loss of a task that never started.
            if task.reported_at is None:
                error.is_crash = False
            raise

    def _check(self, task: RayTask) -> None:
        if task.is_lost:
            raise TaskLostError("the mailbox of the cluster was lost", is_crash=False)
        if task.reported_at is not None:
            silence = time.monotonic() - task.reported_at
            if silence > self._lease:
                raise TaskLostError(f"silent for {silence:.0f} s", is_crash=True)

    def _record(self, trial: ClaimedTrial, message: Any) -> None:
        store, claim = trial.store, trial.claim
        match message:
            case Started():
                self._record_start(store, message)
            case Positioned(epoch, batch):
                rewind_progress(store, claim, epoch, batch)
            case BatchesDone(progress, seconds):
                record_batches(store, claim, progress, seconds)
            case EpochDone(result, is_kept, seconds):
                record_result(store, claim, result, seconds, is_kept=is_kept)
            case CheckpointStored([reference]):
                content = self._cluster.fetch(reference)
                if content is not None:
                    self._save_checkpoint(trial, content)
            case CheckpointSkipped(reason):
                warning = f"a checkpoint was not kept: {reason}"
                with store.write(durable=True):
                    add_event_once(store, "cluster", warning, claim.run_id, claim.run_category_id)

    def _record_start(self, store: Store, message: Any) -> None:
        if isinstance(message, Started):
            place = f"{message.node} {message.device}"
            place_worker(store, self._worker, message.pid, place, message.node)

    def _save_checkpoint(self, trial: ClaimedTrial, content: Content) -> None:
        trial.check()
        trial.checkpoints.save_content(content.data, trial.claim.number)
