"""Train one network: epochs, early stopping, the kept epoch, checkpoints.

Banerjee et al. 2019, sections 3 and 4: binary cross entropy with the positive term multiplied by
the class weight, Adam, at most 10 epochs, patience 3.
"""

from __future__ import annotations

import enum
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from core.corpus.examples import Examples
from core.errors import TrainingError
from core.metrics.precision_recall import PrecisionRecallF1, decided
from core.models.network import TextNetwork
from core.seeds import seed_for
from core.settings import TrainingSettings
from core.training.passes import pass_for
from core.training.sampling import Sampling
from core.training.scoring import logits_of

Decided = npt.NDArray[np.bool_]
"""Truth or decisions: (documents,), or (documents, categories)."""


@dataclass(frozen=True, slots=True)
class TrialKey:
    """What the random draws of a trial depend on."""

    category_id: str
    class_weight: float


@dataclass(frozen=True, slots=True)
class EpochResult:
    """What one epoch came to. Losses are means over documents, with the class weight in them."""

    epoch: int
    training_loss: float
    validation_loss: float
    validation: PrecisionRecallF1
    seconds: float


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """Where a training stands. `loss`, `documents` and `seconds` are of what is new since the last.

    `loss` is the mean over those documents.
    """

    epoch: int
    batch: int
    batches: int
    loss: float
    documents: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Kept:
    """The kept epoch of a trial: best validation F1, ties to the lower validation loss."""

    epoch: int
    validation: PrecisionRecallF1
    validation_loss: float
    state: dict[str, Tensor]


class Outcome(enum.Enum):
    """How a call of `Training.run` ended: for good, on request, or at the epoch asked for."""

    FINISHED = enum.auto()
    INTERRUPTED = enum.auto()
    RESTING = enum.auto()


class Reporter(Protocol):
    """Receives progress and says whether to go on. Where it writes is its own affair."""

    def is_due(self) -> bool:
        """Whether progress is wanted now. Asked after each batch; a loss is fetched only then."""

    def progressed(self, progress: BatchProgress) -> None:
        """Take note of the batches since the last time; the last of an epoch always comes here."""

    def epoch_done(self, result: EpochResult, is_kept: bool) -> None:
        """Take note of an epoch; `is_kept` says that it is the best so far."""

    def should_stop(self) -> bool:
        """Whether the training is to stop after the batch just done."""


Checkpoint = dict[str, Any]
"""Resume state: tensors, numbers and strings only, so that it loads with weights_only=True."""


class Training(Protocol):
    """A training that can be interrupted and go on: what a worker needs to know of it."""

    @property
    def position(self) -> tuple[int, int]:
        """The epoch at work, counted from 1, and how many of its batches are done."""

    def run(
        self, reporter: Reporter, save: Callable[[Checkpoint], None], until: int | None = None
    ) -> Outcome:
        """Train until the end, until the reporter says stop, or until `until` epochs are done."""

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint of the same trial."""


@dataclass(frozen=True, slots=True)
class Objective:
    """What a training aims at.

    `pos_weight` multiplies the positive term of the loss: a number (), or one for each category
    (categories,). `rates` measures decisions on the validation documents; its F1 says which epoch
    is kept and when to stop.
    """

    pos_weight: Tensor
    rates: Callable[[Decided, Decided], PrecisionRecallF1] = decided


class Trainer:
    """Trains one network for one category and class weight, or for all categories at once.

    It can go on where it stopped.

    With the same settings and data, on the CPU, a training that was interrupted anywhere and went
    on from its checkpoint gives the same bits as one that was not.
    """

    def __init__(
        self,
        network: TextNetwork,
        parameter_groups: list[dict[str, Any]],
        training: Examples,
        validation: Examples,
        key: TrialKey,
        settings: TrainingSettings,
        device: torch.device,
        objective: Objective | None = None,
    ) -> None:
        """Without an `objective`, the class weight of `key` multiplies the positive term."""
        self.network = network.to(device)
        self._frozen = {
            name for name, parameter in network.named_parameters() if not parameter.requires_grad
        }
        self._pass = pass_for(network, device, training, settings.precision)
        self._optimizer = torch.optim.Adam(
            [
                {**group, "params": [self._trained(parameter) for parameter in group["params"]]}
                for group in parameter_groups
            ],
            fused=True,
        )
        self._training = training
        self._validation = validation
        self._key = key
        self._settings = settings
        self._device = device
        self._sampling = Sampling.of(training, settings)
        self._objective = objective or Objective(torch.tensor(key.class_weight))
        self._pos_weight = self._objective.pos_weight.to(device)
        self._unread: list[tuple[Tensor, int]] = []
        self._epoch = 1
        self._batch = 0
        self._loss_sum = 0.0
        self._epoch_seconds = 0.0
        self._without_progress = 0
        self.kept: Kept | None = None

    @property
    def batches(self) -> int:
        """Batches in an epoch."""
        return self._sampling.batches

    def run(
        self, reporter: Reporter, save: Callable[[Checkpoint], None], until: int | None = None
    ) -> Outcome:
        """Train until the end, until the reporter says stop, or until `until` epochs are done.

        `save` gets a checkpoint after each epoch and when interrupted. Raises `TrainingError` for a
        loss that is not finite.
        """
        while not self._ended():
            if until is not None and self._epoch > until:
                return Outcome.RESTING
            if self._batch == 0:
                torch.manual_seed(self._seed("dropout"))
            if not self._train_epoch(reporter):
                save(self.checkpoint())
                return Outcome.INTERRUPTED
            result, is_kept = self._finish_epoch()
            reporter.epoch_done(result, is_kept)
            save(self.checkpoint())
            rests = until is not None and self._epoch > until
            if not self._ended() and not rests and reporter.should_stop():
                return Outcome.INTERRUPTED
        return Outcome.FINISHED

    def checkpoint(self) -> Checkpoint:
        """Everything needed to go on from here."""
        kept = self.kept
        return {
            "epoch": self._epoch,
            "batch": self._batch,
            "loss_sum": self._loss_sum,
            "epoch_seconds": self._epoch_seconds,
            "without_progress": self._without_progress,
            "network": self._trained_state(),
            "optimizer": self._optimizer.state_dict(),
            "generator": torch.get_rng_state(),
            "device_generator": (
                torch.cuda.get_rng_state(self._device) if self._device.type == "cuda" else None
            ),
            "kept": None
            if kept is None
            else {
                "epoch": kept.epoch,
                "precision": kept.validation.precision,
                "recall": kept.validation.recall,
                "f1": kept.validation.f1,
                "validation_loss": kept.validation_loss,
                "state": kept.state,
            },
        }

    @property
    def position(self) -> tuple[int, int]:
        """The epoch at work, counted from 1, and how many of its batches are done."""
        return self._epoch, self._batch

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint of the same trial."""
        self.network.load_state_dict(checkpoint["network"], strict=False)
        self._pass.reload()
        self._optimizer.load_state_dict(checkpoint["optimizer"])
        self._epoch = checkpoint["epoch"]
        self._batch = checkpoint["batch"]
        self._loss_sum = checkpoint["loss_sum"]
        self._epoch_seconds = checkpoint["epoch_seconds"]
        self._without_progress = checkpoint["without_progress"]
        torch.set_rng_state(checkpoint["generator"])
        if checkpoint["device_generator"] is not None and self._device.type == "cuda":
            torch.cuda.set_rng_state(checkpoint["device_generator"], self._device)
        kept = checkpoint["kept"]
        if kept is not None:
            rates = PrecisionRecallF1(kept["precision"], kept["recall"], kept["f1"])
            self.kept = Kept(kept["epoch"], rates, kept["validation_loss"], kept["state"])

    def _ended(self) -> bool:
        return (
            self._epoch > self._settings.epochs or self._without_progress >= self._settings.patience
        )

    def _seed(self, purpose: str) -> int:
        key = self._key
        return seed_for(
            self._settings.seed, key.category_id, key.class_weight, self._epoch, purpose
        )

    def _train_epoch(self, reporter: Reporter) -> bool:
        """Train what is left of the epoch; False if interrupted."""
        key = self._key
        batches = self._sampling.epoch(
            self._settings.seed, key.category_id, key.class_weight, self._epoch
        )
        started = time.perf_counter()
        while self._batch < self.batches:
            self._step(batches[self._batch])
            self._batch += 1
            is_last = self._batch == self.batches
            if is_last or reporter.is_due():
                started = self._progress(reporter, started)
            if not is_last and reporter.should_stop():
                if self._unread:
                    self._progress(reporter, started)
                return False
        return True

    def _step(self, chosen: np.ndarray[Any, np.dtype[np.int64]]) -> None:
        logits, targets = self._pass.training(
            self._training, chosen, self._seed(f"dropout of batch {self._batch + 1}")
        )
        loss = nn.functional.binary_cross_entropy_with_logits(
            logits, targets, weight=self._importance(targets), pos_weight=self._pos_weight
        )
        penalty = self.network.penalty()
        self._optimizer.zero_grad(set_to_none=True)
        (loss if penalty is None else loss + penalty).backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self._unread.append((loss.detach(), len(chosen)))

    def _importance(self, targets: Tensor) -> Tensor | None:
        """Factor of each document's loss, shaped like the targets, None where all are 1."""
        on_negative, on_positive = self._sampling.factors
        if on_negative == on_positive:
            return None
        return on_negative + (on_positive - on_negative) * targets

    def _progress(self, reporter: Reporter, started: float) -> float:
        """Fetch the losses since the last time, at `started`, and report them; return the time."""
        values = torch.stack([loss for loss, _ in self._unread]).tolist()
        seconds = time.perf_counter() - started
        documents, weighted = 0, 0.0
        first = self._batch - len(values) + 1
        for batch, (value, (_, size)) in enumerate(zip(values, self._unread, strict=True), first):
            if not math.isfinite(value):
                raise TrainingError(
                    f"the loss of class weight {self._key.class_weight:g} became {value} in epoch "
                    f"{self._epoch}, batch {batch}; try a smaller --learning-rate"
                )
            self._loss_sum += value * size
            weighted += value * size
            documents += size
        self._unread.clear()
        self._epoch_seconds += seconds
        loss = weighted / documents
        reporter.progressed(
            BatchProgress(self._epoch, self._batch, self.batches, loss, documents, seconds)
        )
        return time.perf_counter()

    def _trained(self, parameter: Tensor) -> Tensor:
        """What the optimizer is to change in place of one of the network's parameters."""
        if parameter is self.network.embeddings.weight:
            return self._pass.embeddings()
        return parameter

    def _finish_epoch(self) -> tuple[EpochResult, bool]:
        """Validate, decide whether this epoch is kept, move to the next."""
        started = time.perf_counter()
        rates, validation_loss = self._validate()
        seconds = self._epoch_seconds + time.perf_counter() - started
        result = EpochResult(
            self._epoch, self._loss_sum / self._sampling.documents, validation_loss, rates, seconds
        )
        best = self.kept
        better = best is None or rates.f1 > best.validation.f1
        self._without_progress = 0 if better else self._without_progress + 1
        is_kept = better or (
            best is not None
            and rates.f1 == best.validation.f1
            and validation_loss < best.validation_loss
        )
        if is_kept:
            self.kept = Kept(self._epoch, rates, validation_loss, self._trained_state())
        self._epoch += 1
        self._batch, self._loss_sum, self._epoch_seconds = 0, 0.0, 0.0
        return result, is_kept

    def _validate(self) -> tuple[PrecisionRecallF1, float]:
        """Metrics at threshold 0.5 and mean weighted loss; zeros without validation documents."""
        if not len(self._validation):
            return PrecisionRecallF1(0.0, 0.0, 0.0), 0.0
        self._pass.settle()
        logits = logits_of(self._pass, self._validation)
        rates = self._objective.rates(self._validation.targets, logits >= 0.0)
        targets = torch.from_numpy(self._validation.targets.astype(np.float32))
        loss = nn.functional.binary_cross_entropy_with_logits(
            torch.from_numpy(logits), targets, pos_weight=self._objective.pos_weight
        )
        return rates, float(loss.item())

    def _trained_state(self) -> dict[str, Tensor]:
        """Copies on the CPU of all parameters that are trained."""
        self._pass.settle()
        return {
            name: value.detach().to("cpu", copy=True)
            for name, value in self.network.state_dict().items()
            if name not in self._frozen
        }
