"""The functions that run on the machines of a cluster: train a trial, score documents."""

from __future__ import annotations

import importlib.metadata
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import ray
import torch
from ray.exceptions import ObjectStoreFullError, OutOfDiskError

from core.corpus.examples import Documents, Examples
from core.engine.cluster.messages import (
    CheckpointSkipped,
    CheckpointStored,
    Content,
    Positioned,
    Started,
)
from core.engine.cluster.reporter import TaskReporter
from core.errors import HTransError, TrainingError
from core.models.matrix_product import use_kernel
from core.models.model_files import ModelInfo, TrainedModel, model_of_content
from core.settings import TrainingSettings
from core.systems import system_named
from core.systems.trial import ScoringInputs, TrialInputs, TrialResult, TrialSpec
from core.training.checkpoints import checkpoint_content, checkpoint_of
from core.training.epochs import Checkpoint, Outcome
from core.training.scoring import ScoringAbandonedError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from core.systems.trial import ScoreColumns

REPORT_TIMEOUT = 30.0
"""Seconds after which a report to the mailbox has failed."""

PackedModel = tuple[bytes, ModelInfo]
"""The content of a model file and its metadata."""
Table = npt.NDArray[np.float32]
"""An embedding table (words, dimensions)."""


class OtherVersionError(HTransError):
    """A machine of the cluster has another version of this program than the engine."""


@dataclass(frozen=True, slots=True)
class TaskContext:
    """The name of a task, its mailbox, and the version of the program that submitted it."""

    name: str
    mailbox: Any
    version: str


@dataclass(frozen=True, slots=True)
class TrialEnd:
    """The end of a training.

    `checkpoint` is set after an interruption, `result` after the end, and `failure` is the reason
    why the trial can never succeed.
    """

    outcome: Outcome | None
    checkpoint: Content | None = None
    result: TrialResult | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class ScoringSpec:
    """The documents to score by split, and how. Their tokens come separately."""

    system: str
    kernel: str
    settings: TrainingSettings
    category_id: str
    examples: dict[str, Examples]


def version() -> str:
    """The version of this program; all machines of a cluster need the same."""
    return importlib.metadata.version("htrans-tui")


def train_trial(
    context: TaskContext,
    spec: TrialSpec,
    documents: Documents,
    embeddings: Table | None,
    source: PackedModel | None,
    vectors: csr_array | None,
    resumed: Content | None,
) -> TrialEnd:
    """Train a trial until it ends or must stop.

    Args:
        context: The task.
        spec: The trial.
        documents: The corpus.
        embeddings: The table of `source`, or the initial one of a training from scratch.
        source: The model to start from.
        vectors: TF-IDF vectors of the training documents, for systems that read them.
        resumed: The checkpoint to resume from.
    """
    inputs = TrialInputs(
        documents,
        None if source is None else unpacked(source, embeddings),
        lambda: _given(None if embeddings is None else _tensor(embeddings)),
        lambda: _given(vectors),
    )
    with _reporting(context) as (reporter, device):
        return train(spec, inputs, resumed, reporter, device, ray.put)


def score_documents(
    context: TaskContext,
    spec: ScoringSpec,
    documents: Documents,
    model: PackedModel,
    embeddings: Table | None,
    vectors: csr_array | None,
) -> dict[str, ScoreColumns]:
    """Score documents with a model.

    `vectors` are TF-IDF vectors of the test documents, for systems that read them.

    Returns:
        Probabilities (documents, outputs) by split, empty if the task had to stop.
    """
    with _reporting(context) as (reporter, device):
        loaded = unpacked(model, embeddings)
        return score(spec, documents, loaded, vectors, device, reporter.should_stop)


@contextmanager
def _reporting(context: TaskContext) -> Iterator[tuple[TaskReporter, torch.device]]:
    if version() != context.version:
        raise OtherVersionError(
            f"htrans-tui {version()} is installed on {_node()}, but the engine has "
            f"{context.version}; install the same on all machines of the cluster"
        )
    torch.set_num_threads(1)
    gpus = ray.get_gpu_ids()

    def report(messages: list[Any]) -> tuple[bool, float]:
        answer = context.mailbox.report.remote(context.name, messages)
        stopping, interval = ray.get(answer, timeout=REPORT_TIMEOUT)
        return stopping, interval

    reporter = TaskReporter(report)
    reporter.send(Started(_node(), os.getpid(), f"cuda:{gpus[0]}" if gpus else "cpu"))
    with reporter:
        yield reporter, torch.device("cuda" if gpus else "cpu")
    if gpus:
        torch.cuda.empty_cache()


def _node() -> str:
    return str(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]


def train(
    spec: TrialSpec,
    inputs: TrialInputs,
    resumed: Content | None,
    reporter: TaskReporter,
    device: torch.device,
    put: Callable[[Content], Any],
) -> TrialEnd:
    """Train a trial and report to the engine; `put` stores a checkpoint in the object store."""
    newest: Content | None = None

    def save(checkpoint: Checkpoint) -> None:
        nonlocal newest
        newest = np.frombuffer(checkpoint_content(checkpoint, spec.identity), dtype=np.uint8)
        if reporter.should_stop():
            return
        try:
            reporter.send(CheckpointStored([put(newest)]))
        except (ObjectStoreFullError, OutOfDiskError) as error:
            reporter.send(CheckpointSkipped(str(error).splitlines()[0]))

    use_kernel(spec.kernel)
    try:
        prepared = system_named(spec.system).prepare(spec, inputs, device)
        training = prepared.training
        if resumed is not None:
            training.restore(checkpoint_of(resumed.tobytes(), spec.label, spec.identity))
        reporter.send(Positioned(*training.position))
        reporter.start_clock()
        outcome = training.run(reporter, save, spec.until)
        if outcome is Outcome.FINISHED:
            return TrialEnd(outcome, result=prepared.result())
    except TrainingError as error:
        return TrialEnd(None, failure=str(error))
    return TrialEnd(outcome, checkpoint=newest)


def score(
    spec: ScoringSpec,
    documents: Documents,
    model: TrainedModel,
    vectors: csr_array | None,
    device: torch.device,
    stop: Callable[[], bool],
) -> dict[str, ScoreColumns]:
    """Score the documents of all splits; return nothing if `stop` returns True."""
    use_kernel(spec.kernel)
    system = system_named(spec.system)
    scores = {}
    for split, examples in spec.examples.items():
        inputs = ScoringInputs(
            lambda: model,
            split,
            replace(examples, tokens=documents.tokens),
            spec.category_id,
            spec.settings,
            lambda: _given(vectors),
        )
        try:
            scores[split] = system.scores(inputs, device, stop)
        except ScoringAbandonedError:
            return {}
    return scores


def unpacked(model: PackedModel, embeddings: Table | None) -> TrainedModel:
    """Build a model from the arguments of a task."""
    return model_of_content(*model, None if embeddings is None else _tensor(embeddings))


def _given(value: Any) -> Any:
    assert value is not None
    return value


def _tensor(array: Table) -> torch.Tensor:
    """A tensor in the memory of the array, which is the object store's and read-only."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*not writable.*")
        return torch.from_numpy(array)
