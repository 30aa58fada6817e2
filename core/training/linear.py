"""Training of a category's linear model: cross-validation, then a final fit to all documents.

The cross-validated scores determine the threshold (SCutFBR.1, see `core.metrics.thresholds`) and
the Platt calibration (`core.metrics.calibration`).
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_array
from sklearn.model_selection import KFold, StratifiedKFold

from core.metrics.calibration import Calibration, platt
from core.metrics.precision_recall import count
from core.metrics.thresholds import Threshold, cautious_threshold
from core.models.linear import LinearModel, fit_svm, squared_hinge
from core.seeds import seed_for
from core.settings import TrainingSettings
from core.training.epochs import BatchProgress, Checkpoint, EpochResult, Outcome, Reporter


class LinearTraining:
    """Resumable training of one category's linear model.

    Progress is reported per fold, as for the epochs of a network. The final fit counts as the last
    fold.
    """

    def __init__(
        self,
        vectors: csr_array,
        targets: npt.NDArray[np.bool_],
        category_id: str,
        settings: TrainingSettings,
    ) -> None:
        """Prepare a training.

        Args:
            vectors: TF-IDF vectors of the training documents (documents, features).
            targets: Labels (documents,).
            category_id: Id of the category. It determines the random folds.
            settings: Settings of the run.
        """
        self._vectors = vectors
        self._targets = targets
        self._settings = settings
        self._seed = seed_for(settings.seed, category_id, "folds")
        self._fold = 1
        self._distances = np.zeros(len(targets))
        self._seconds = 0.0
        self.model: LinearModel | None = None
        self.threshold: Threshold | None = None

    @property
    def position(self) -> tuple[int, int]:
        """Current fold, counted from 1, and 0: a fold is a single step."""
        return self._fold, 0

    @property
    def out_of_fold(self) -> npt.NDArray[np.float32]:
        """Out-of-fold probabilities (documents,), by the model not trained on the document."""
        assert self.model is not None
        return self.model.calibration.probabilities(self._distances).astype(np.float32)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Resume from a checkpoint of the same category."""
        self._fold = checkpoint["fold"]
        self._distances = checkpoint["distances"].numpy().copy()

    def run(
        self,
        reporter: Reporter,
        save: Callable[[Checkpoint], None],
        until: int | None = None,  # noqa: ARG002  # there are no class weights to compare
    ) -> Outcome:
        """Score the remaining folds, then fit all documents. Can stop between folds."""
        folds = self._folds()
        while self._fold <= len(folds):
            self._score_fold(*folds[self._fold - 1], reporter)
            save({"fold": self._fold, "distances": torch.from_numpy(self._distances)})
            if reporter.should_stop():
                return Outcome.INTERRUPTED
        self._fit_all(reporter)
        return Outcome.FINISHED

    def _folds(self) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
        """Indices of training and held-out documents per fold.

        Folds are stratified if there are enough positives and negatives, else random.
        """
        folds = min(self._settings.folds, len(self._targets))
        positives = int(np.count_nonzero(self._targets))
        can_stratify = folds <= min(positives, len(self._targets) - positives)
        if folds < 2:
            return []
        splitter = (StratifiedKFold if can_stratify else KFold)(
            folds, shuffle=True, random_state=self._seed % 2**32
        )
        return list(splitter.split(np.zeros(len(self._targets)), self._targets))

    def _score_fold(
        self,
        training: npt.NDArray[np.int64],
        held_out: npt.NDArray[np.int64],
        reporter: Reporter,
    ) -> None:
        started = time.perf_counter()
        model = self._fit(training)
        self._distances[held_out] = model.distances(self._vectors[held_out])
        decisions = self._distances[held_out] >= 0.0
        rates = count(self._targets[held_out], decisions).rates
        training_loss, validation_loss = (
            squared_hinge(model.distances(self._vectors[indices]), self._targets[indices])
            for indices in (training, held_out)
        )
        seconds = time.perf_counter() - started
        result = EpochResult(self._fold, training_loss, validation_loss, rates, seconds)
        self._report(reporter, result, len(training))
        self._fold += 1

    def _fit_all(self, reporter: Reporter) -> None:
        started = time.perf_counter()
        fitted = self._fit(np.arange(len(self._targets)))
        calibration = platt(self._targets, self._distances) or Calibration(1.0, 0.0)
        self.model = LinearModel(fitted.weights, fitted.bias, calibration)
        scores = self.out_of_fold
        default = float(calibration.probabilities(np.zeros(1))[0])
        self.threshold = cautious_threshold(self._targets, scores, default)
        rates = count(self._targets, scores >= np.float64(self.threshold.value)).rates
        result = EpochResult(
            self._fold,
            squared_hinge(fitted.distances(self._vectors), self._targets),
            squared_hinge(self._distances, self._targets),
            rates,
            time.perf_counter() - started,
        )
        self._report(reporter, result, len(self._targets), is_kept=True)

    def _fit(self, indices: npt.NDArray[np.int64]) -> LinearModel:
        return fit_svm(
            self._vectors[indices], self._targets[indices], self._settings.svm_c, self._seed
        )

    def _report(
        self,
        reporter: Reporter,
        result: EpochResult,
        documents: int,
        *,
        is_kept: bool = False,
    ) -> None:
        reporter.progressed(
            BatchProgress(
                result.epoch, 1, 1, result.training_loss, documents, max(result.seconds, 1e-9)
            )
        )
        reporter.epoch_done(result, is_kept)


def out_of_fold_scores(
    vectors: csr_array,
    targets: npt.NDArray[np.bool_],
    category_id: str,
    settings: TrainingSettings,
) -> npt.NDArray[np.float32]:
    """Score each document by a model that did not train on it.

    Args:
        vectors: TF-IDF vectors (documents, features).
        targets: whether each document is in the category (documents,).
        category_id: the category, which seeds the folds.
        settings: the run's settings.

    Returns:
        Probabilities (documents,), the same as those of the finished training.
    """
    training = LinearTraining(vectors, targets, category_id, settings)
    training.run(_SilentReporter(), lambda _: None)
    return training.out_of_fold


class _SilentReporter:
    """A reporter that records nothing."""

    def is_due(self) -> bool:
        return False

    def progressed(self, progress: BatchProgress) -> None:
        del progress

    def epoch_done(self, result: EpochResult, is_kept: bool) -> None:
        del result, is_kept

    def should_stop(self) -> bool:
        return False
