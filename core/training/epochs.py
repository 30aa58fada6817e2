"""Training loop of one network: epochs, early stopping, best epoch, checkpoints.

Banerjee et al. 2019, sections 3 and 4: binary cross entropy whose positive term is multiplied by
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

Labels = npt.NDArray[np.bool_]
"""True labels or decisions: (documents,) or (documents, categories)."""


@dataclass(frozen=True, slots=True)
class TrialKey:
    """Key of a trial's random numbers, together with the run's seed."""

    category_id: str
    class_weight: float


@dataclass(frozen=True, slots=True)
class EpochResult:
    """Result of one epoch. Losses are means over documents and include the class weight."""

    epoch: int
    training_loss: float
    validation_loss: float
    validation: PrecisionRecallF1
    seconds: float


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """Progress since the previous report.

    `loss` is the mean over the `documents` documents trained in `seconds` seconds since then.
    `epoch` and `batch` count from 1.
    """

    epoch: int
    batch: int
    batches: int
    loss: float
    documents: int
    seconds: float


@dataclass(frozen=True, slots=True)
class BestEpoch:
    """Best epoch of a trial by validation F1; ties go to the lower validation loss."""

    epoch: int
    validation: PrecisionRecallF1
    validation_loss: float
    state: dict[str, Tensor]


class Outcome(enum.Enum):
    """Outcome of `Training.run`: finished, stopped by the reporter, or waiting at a rung."""

    FINISHED = enum.auto()
    INTERRUPTED = enum.auto()
    AT_RUNG = enum.auto()


class Reporter(Protocol):
    """Callbacks that receive progress and can stop the training."""

    def is_due(self) -> bool:
        """Return True if a progress report is due. Called after each batch.

        The loss is fetched from the device only for a report.
        """

    def progressed(self, progress: BatchProgress) -> None:
        """Report the batches since the previous call. Always called after an epoch's last batch."""

    def epoch_done(self, result: EpochResult, is_kept: bool) -> None:
        """Report a finished epoch; `is_kept` is True if it is the best so far."""

    def should_stop(self) -> bool:
        """Return True to stop the training after the current batch."""


Checkpoint = dict[str, Any]
"""Resume state: only tensors, numbers and strings, so that it loads with weights_only=True."""


class Training(Protocol):
    """Resumable training of one trial."""

    @property
    def position(self) -> tuple[int, int]:
        """Current epoch, counted from 1, and its number of finished batches."""

    def run(
        self, reporter: Reporter, save: Callable[[Checkpoint], None], until: int | None = None
    ) -> Outcome:
        """Train until the end, until the reporter stops it, or until `until` epochs are done."""

    def restore(self, checkpoint: Checkpoint) -> None:
        """Resume from a checkpoint of the same trial."""


@dataclass(frozen=True, slots=True)
class Objective:
    """Loss and validation metric of a training.

    `pos_weight` multiplies the positive term of the loss: a scalar () or one weight per category
    (categories,). `rates` computes precision, recall and F1 from true labels and decisions on the
    validation documents. Its F1 selects the best epoch and triggers early stopping.
    """

    pos_weight: Tensor
    rates: Callable[[Labels, Labels], PrecisionRecallF1] = decided


class Trainer:
    """Resumable training of one network, for one category and class weight or all categories.

    On the CPU, a training that was interrupted and resumed from a checkpoint is bit-identical to an
    uninterrupted one with the same settings and data.
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
        """Prepare a training.

        Args:
            network: The network, with its initial parameters.
            parameter_groups: Parameter groups for Adam.
            training: Training examples.
            validation: Validation examples.
            key: Key of the random numbers.
            settings: Settings of the run.
            device: Device to train on.
            objective: Loss and metric. By default the class weight of `key` is the `pos_weight`.
        """
        self.network = network.to(device)
        self._frozen = {
            name for name, parameter in network.named_parameters() if not parameter.requires_grad
        }
        self._pass = pass_for(network, device, training, settings.precision)
        self._optimizer = torch.optim.Adam(
            [
                {**group, "params": [self._trainable(parameter) for parameter in group["params"]]}
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
        self._unreported: list[tuple[Tensor, int]] = []
        self._epoch = 1
        self._batch = 0
        self._loss_sum = 0.0
        self._epoch_seconds = 0.0
        self._epochs_without_progress = 0
        self.best_epoch: BestEpoch | None = None

    @property
    def batches(self) -> int:
        """Batches per epoch."""
        return self._sampling.batches

    def run(
        self, reporter: Reporter, save: Callable[[Checkpoint], None], until: int | None = None
    ) -> Outcome:
        """Train until the end, until the reporter stops it, or until `until` epochs are done.

        Args:
            reporter: Receives progress.
            save: Called with a checkpoint after each epoch and on interruption.
            until: Epoch after which to pause, None for no pause.

        Raises:
            TrainingError: If the loss is not finite.
        """
        while not self._ended():
            if until is not None and self._epoch > until:
                return Outcome.AT_RUNG
            if self._batch == 0:
                torch.manual_seed(self._seed("dropout"))
            if not self._train_epoch(reporter):
                save(self.checkpoint())
                return Outcome.INTERRUPTED
            result, is_kept = self._finish_epoch()
            reporter.epoch_done(result, is_kept)
            save(self.checkpoint())
            is_at_rung = until is not None and self._epoch > until
            if not self._ended() and not is_at_rung and reporter.should_stop():
                return Outcome.INTERRUPTED
        return Outcome.FINISHED

    def checkpoint(self) -> Checkpoint:
        """Complete state to resume the training."""
        best = self.best_epoch
        return {
            "epoch": self._epoch,
            "batch": self._batch,
            "loss_sum": self._loss_sum,
            "epoch_seconds": self._epoch_seconds,
            "without_progress": self._epochs_without_progress,
            "network": self._trained_state(),
            "optimizer": self._optimizer.state_dict(),
            "generator": torch.get_rng_state(),
            "device_generator": (
                torch.cuda.get_rng_state(self._device) if self._device.type == "cuda" else None
            ),
            "kept": None
            if best is None
            else {
                "epoch": best.epoch,
                "precision": best.validation.precision,
                "recall": best.validation.recall,
                "f1": best.validation.f1,
                "validation_loss": best.validation_loss,
                "state": best.state,
            },
        }

    @property
    def position(self) -> tuple[int, int]:
        """Current epoch, counted from 1, and its number of finished batches."""
        return self._epoch, self._batch

    def restore(self, checkpoint: Checkpoint) -> None:
        """Resume from a checkpoint of the same trial."""
        self.network.load_state_dict(checkpoint["network"], strict=False)
        self._pass.reload()
        self._optimizer.load_state_dict(checkpoint["optimizer"])
        self._epoch = checkpoint["epoch"]
        self._batch = checkpoint["batch"]
        self._loss_sum = checkpoint["loss_sum"]
        self._epoch_seconds = checkpoint["epoch_seconds"]
        self._epochs_without_progress = checkpoint["without_progress"]
        torch.set_rng_state(checkpoint["generator"])
        if checkpoint["device_generator"] is not None and self._device.type == "cuda":
            torch.cuda.set_rng_state(checkpoint["device_generator"], self._device)
        best = checkpoint["kept"]
        if best is not None:
            rates = PrecisionRecallF1(best["precision"], best["recall"], best["f1"])
            self.best_epoch = BestEpoch(
                best["epoch"], rates, best["validation_loss"], best["state"]
            )

    def _ended(self) -> bool:
        return (
            self._epoch > self._settings.epochs
            or self._epochs_without_progress >= self._settings.patience
        )

    def _seed(self, purpose: str) -> int:
        key = self._key
        return seed_for(
            self._settings.seed, key.category_id, key.class_weight, self._epoch, purpose
        )

    def _train_epoch(self, reporter: Reporter) -> bool:
        """Train the remaining batches of the epoch; return False if interrupted."""
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
                if self._unreported:
                    self._progress(reporter, started)
                return False
        return True

    def _step(self, indices: np.ndarray[Any, np.dtype[np.int64]]) -> None:
        logits, targets = self._pass.training(
            self._training, indices, self._seed(f"dropout of batch {self._batch + 1}")
        )
        loss = nn.functional.binary_cross_entropy_with_logits(
            logits, targets, weight=self._importance(targets), pos_weight=self._pos_weight
        )
        penalty = self.network.penalty()
        self._optimizer.zero_grad(set_to_none=True)
        (loss if penalty is None else loss + penalty).backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self._unreported.append((loss.detach(), len(indices)))

    def _importance(self, targets: Tensor) -> Tensor | None:
        """Importance weights of the losses, shaped like the targets; None if all are equal."""
        negative, positive = self._sampling.factors
        if negative == positive:
            return None
        return negative + (positive - negative) * targets

    def _progress(self, reporter: Reporter, started: float) -> float:
        """Fetch and report the losses since `started`; return the current time in seconds."""
        values = torch.stack([loss for loss, _ in self._unreported]).tolist()
        seconds = time.perf_counter() - started
        documents, weighted = 0, 0.0
        first = self._batch - len(values) + 1
        losses = zip(values, self._unreported, strict=True)
        for batch, (value, (_, size)) in enumerate(losses, first):
            if not math.isfinite(value):
                raise TrainingError(
                    f"the loss of class weight {self._key.class_weight:g} became {value} in epoch "
                    f"{self._epoch}, batch {batch}; try a smaller --learning-rate"
                )
            self._loss_sum += value * size
            weighted += value * size
            documents += size
        self._unreported.clear()
        self._epoch_seconds += seconds
        loss = weighted / documents
        reporter.progressed(
            BatchProgress(self._epoch, self._batch, self.batches, loss, documents, seconds)
        )
        return time.perf_counter()

    def _trainable(self, parameter: Tensor) -> Tensor:
        """Parameter that the optimizer updates for one of the network's parameters."""
        if parameter is self.network.embeddings.weight:
            return self._pass.embeddings()
        return parameter

    def _finish_epoch(self) -> tuple[EpochResult, bool]:
        """Validate, update the best epoch and advance to the next epoch."""
        started = time.perf_counter()
        rates, validation_loss = self._validate()
        seconds = self._epoch_seconds + time.perf_counter() - started
        result = EpochResult(
            self._epoch, self._loss_sum / self._sampling.documents, validation_loss, rates, seconds
        )
        best = self.best_epoch
        is_better = best is None or rates.f1 > best.validation.f1
        self._epochs_without_progress = 0 if is_better else self._epochs_without_progress + 1
        is_kept = is_better or (
            best is not None
            and rates.f1 == best.validation.f1
            and validation_loss < best.validation_loss
        )
        if is_kept:
            self.best_epoch = BestEpoch(self._epoch, rates, validation_loss, self._trained_state())
        self._epoch += 1
        self._batch, self._loss_sum, self._epoch_seconds = 0, 0.0, 0.0
        return result, is_kept

    def _validate(self) -> tuple[PrecisionRecallF1, float]:
        """Metrics at threshold 0.5 and mean weighted loss; zeros without validation examples."""
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
        """Copy all trained parameters to the CPU."""
        self._pass.settle()
        return {
            name: value.detach().to("cpu", copy=True)
            for name, value in self.network.state_dict().items()
            if name not in self._frozen
        }
