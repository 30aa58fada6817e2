"""What runs on the machines of a cluster: train a trial, score the documents under a model."""

from __future__ import annotations

import importlib.metadata
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import ray
import torch
from ray.exceptions import ObjectStoreFullError, OutOfDiskError

from core.corpus.examples import Documents
from core.engine.cluster.mailbox import Answer, News
from core.engine.cluster.messages import (
    CheckpointLost,
    CheckpointMade,
    Content,
    PackedProduct,
    Resumed,
    ScoringEnd,
    Started,
    TrialEnd,
)
from core.engine.cluster.reporter import ClusterReporter
from core.errors import HTransError, TrainingError
from core.models.matrix_product import use_kernel
from core.models.model_files import ModelInfo, TrainedModel, model_of_content
from core.settings import TrainingSettings
from core.systems import system_named
from core.systems.trial import Output, ScoringInputs, TrialInputs, TrialResult, TrialSpec
from core.training.checkpoints import checkpoint_content, checkpoint_of
from core.training.epochs import Checkpoint, Outcome
from core.training.scoring import ScoringAbandonedError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

VISIT_PATIENCE = 30.0
"""Seconds that a visit to the desk may take."""

_log = logging.getLogger("htrans.worker")


class OtherVersionError(HTransError):
    """The machine has another version of this program than the supervisor."""


@dataclass(frozen=True, slots=True)
class TaskContext:
    """How a task is called, where it reports, and the version of the program that sent it."""

    name: str
    desk: Any
    version: str


@dataclass(frozen=True, slots=True)
class PackedModel:
    """The content of a model file and what it says of itself."""

    content: Content
    info: ModelInfo


@dataclass(frozen=True, slots=True)
class ScoringOrder:
    """Which documents to score under a model: those of `splits`, "test" or "validation".

    `split_seed` and the settings say which documents validate. `kernel` is the run's matrix-product
    kernel.
    """

    label: str
    system: str
    settings: TrainingSettings
    split_seed: int
    outputs: tuple[Output, ...]
    splits: tuple[str, ...]
    kernel: str


def version() -> str:
    """The version of this program; every machine of a cluster must have the same."""
    return importlib.metadata.version("htrans-tui")


def train_trial(
    errand: TaskContext,
    assignment: TrialSpec,
    documents: Documents,
    embeddings: npt.NDArray[np.float32] | None,
    source: PackedModel | None,
    vectors: csr_array | None,
    resumed: Content | None,
) -> TrialEnd:
    """Train a trial to its end, or until the desk says otherwise.

    `embeddings` (words, dimensions) are those of `source`, or those that training from scratch
    starts with; `resumed` is the content of the checkpoint to go on from.
    """
    with _at_work(errand) as (reporter, device):
        materials = inputs_from(documents, embeddings, source, vectors)
        try:
            return train(assignment, materials, resumed, reporter, device, ray.put)
        except TrainingError as error:
            return TrialEnd("failed", reporter.untold(), reason=str(error))


def score_documents(
    errand: TaskContext,
    order: ScoringOrder,
    documents: Documents,
    model: PackedModel,
    embeddings: npt.NDArray[np.float32] | None,
    vectors: csr_array | None,
) -> ScoringEnd:
    """Score documents under a model; `vectors` are the test documents' for a linear one."""
    with _at_work(errand) as (reporter, device):
        stop = reporter.should_stop
        try:
            return score(order, documents, unpacked(model, embeddings), vectors, device, stop)
        except ScoringAbandonedError:
            return ScoringEnd({})


@contextmanager
def _at_work(errand: TaskContext) -> Iterator[tuple[ClusterReporter, torch.device]]:
    """One thread, a device, and a reporter that visits the desk meanwhile.

    Raises `OtherVersionError` on a machine with another version of this program.
    """
    if version() != errand.version:
        raise OtherVersionError(
            f"htrans-tui {version()} is installed on {_node()}, but the engine has "
            f"{errand.version}; install the same on all machines of the cluster"
        )
    torch.set_num_threads(1)
    gpus = ray.get_gpu_ids()

    def visit(news: tuple[News, ...]) -> Answer:
        answer: Answer = ray.get(errand.desk.tell.remote(errand.name, news), timeout=VISIT_PATIENCE)
        return answer

    reporter = ClusterReporter(visit)
    reporter.tell(Started(_node(), os.getpid(), f"cuda:{gpus[0]}" if gpus else "cpu"))
    with reporter:
        yield reporter, torch.device("cuda" if gpus else "cpu")
    if gpus:
        torch.cuda.empty_cache()


def _node() -> str:
    return str(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]


def train(
    assignment: TrialSpec,
    materials: TrialInputs,
    resumed: Content | None,
    reporter: ClusterReporter,
    device: torch.device,
    put: Callable[[Content], Any],
) -> TrialEnd:
    """Train, report, hand checkpoints over through `put`; raises `TrainingError`."""
    newest: list[Content] = []

    def save(checkpoint: Checkpoint) -> None:
        if reporter.order == "leave":
            return
        content = checkpoint_content(checkpoint, assignment.identity)
        newest[:] = [np.frombuffer(content, dtype=np.uint8)]
        if not reporter.should_stop():
            _hand_over(newest[0], reporter, put)

    use_kernel(assignment.kernel)
    prepared = system_named(assignment.system).prepare(assignment, materials, device)
    training = prepared.training
    if resumed is not None:
        training.restore(checkpoint_of(resumed.tobytes(), assignment.label, assignment.identity))
    reporter.tell(Resumed(*training.position))
    reporter.begins()
    outcome = training.run(reporter, save, assignment.until)
    if outcome is Outcome.FINISHED:
        product = _packed(prepared.result())
        return TrialEnd("finished", reporter.untold(), product=product)
    if reporter.order == "leave":
        return TrialEnd("left", reporter.untold())
    checkpoint = newest[0] if newest else None
    if outcome is Outcome.INTERRUPTED:
        return TrialEnd("interrupted", reporter.untold(), checkpoint)
    return TrialEnd("resting", reporter.untold(), checkpoint)


def _hand_over(content: Content, reporter: ClusterReporter, put: Callable[[Content], Any]) -> None:
    try:
        reporter.tell(CheckpointMade([put(content)]))
    except (ObjectStoreFullError, OutOfDiskError) as error:
        reporter.tell(CheckpointLost(str(error).splitlines()[0]))


def inputs_from(
    documents: Documents,
    embeddings: npt.NDArray[np.float32] | None,
    source: PackedModel | None,
    vectors: csr_array | None,
) -> TrialInputs:
    """The materials of a trial from the arguments of its task."""

    def from_scratch() -> torch.Tensor:
        assert embeddings is not None
        return _tensor(embeddings)

    def vectors_there() -> csr_array:
        assert vectors is not None
        return vectors

    model = None if source is None else unpacked(source, embeddings)
    return TrialInputs(documents, model, from_scratch, vectors_there)


def unpacked(model: PackedModel, embeddings: npt.NDArray[np.float32] | None) -> TrainedModel:
    """The model from the arguments of a task."""
    table = None if embeddings is None else _tensor(embeddings)
    return model_of_content(model.content.tobytes(), model.info, table)


def _packed(product: TrialResult) -> PackedProduct:
    return PackedProduct(
        np.frombuffer(product.model, dtype=np.uint8),
        product.embeddings,
        None if product.table is None else product.table.numpy(),
        product.validation,
    )


def score(
    order: ScoringOrder,
    documents: Documents,
    model: TrainedModel,
    vectors: csr_array | None,
    device: torch.device,
    stop: Callable[[], bool],
) -> ScoringEnd:
    """Score the documents of all splits; raises `ScoringAbandonedError` if `stop` says so."""
    use_kernel(order.kernel)
    system = system_named(order.system)

    def vectors_there() -> csr_array:
        assert vectors is not None
        return vectors

    scores = {}
    for split in order.splits:
        if split == "test":
            examples = documents.examples(order.outputs[0].positives, "test")
        else:
            fraction = order.settings.validation_fraction
            _, examples = system.split(documents, order.outputs, fraction, order.split_seed)
        inputs = ScoringInputs(
            lambda: model,
            split,
            examples,
            order.outputs[0].category_id,
            order.settings,
            vectors_there,
        )
        scores[split] = system.scores(inputs, device, stop)
    return ScoringEnd(scores)


def _tensor(array: npt.NDArray[np.float32]) -> torch.Tensor:
    """The array as a tensor on the same memory, which is the object store's: only to be read."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*not writable.*")
        return torch.from_numpy(array)
