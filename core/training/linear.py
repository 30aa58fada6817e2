"""Train the linear model of a category: cross-validation for its threshold, then all documents.

Each fold scores documents that did not train it. All folds together say where to put the threshold
(SCutFBR.1, see `core.metrics.thresholds`) and what probability a distance stands for
(`core.metrics.calibration`).
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
    """Trains one category; a fold is to it what an epoch is to a network, the last one fits all.

    `vectors` (documents, features) and `targets` (documents,) are those of the training documents.
    """

    def __init__(
        self,
        vectors: csr_array,
        targets: npt.NDArray[np.bool_],
        category_id: str,
        settings: TrainingSettings,
    ) -> None:
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
        """The fold at work, counted from 1; each is one step."""
        return self._fold, 0

    @property
    def out_of_fold(self) -> npt.NDArray[np.float32]:
        """Probabilities (documents,) under the models that did not train on the document."""
        assert self.model is not None
        return self.model.calibration.probabilities(self._distances).astype(np.float32)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint of the same category."""
        self._fold = checkpoint["fold"]
        self._distances = checkpoint["distances"].numpy().copy()

    def run(
        self,
        reporter: Reporter,
        save: Callable[[Checkpoint], None],
        until: int | None = None,  # noqa: ARG002  # there are no class weights to compare
    ) -> Outcome:
        """Score the folds that are left, then fit all documents; stops between two of them."""
        folds = self._folds()
        while self._fold <= len(folds):
            inside, outside = folds[self._fold - 1]
            self._score_fold(inside, outside, reporter)
            save({"fold": self._fold, "distances": torch.from_numpy(self._distances)})
            if reporter.should_stop():
                return Outcome.INTERRUPTED
        self._fit_all(reporter)
        return Outcome.FINISHED

    def _folds(self) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
        """Places that train and places that are scored, fold by fold.

        Positives are spread over the folds; fewer of them than folds are spread at random.
        """
        number = min(self._settings.folds, len(self._targets))
        rare = int(np.count_nonzero(self._targets))
        enough = number <= min(rare, len(self._targets) - rare)
        if number < 2:
            return []
        splitter = (StratifiedKFold if enough else KFold)(
            number, shuffle=True, random_state=self._seed % 2**32
        )
        return list(splitter.split(np.zeros(len(self._targets)), self._targets))

    def _score_fold(
        self,
        inside: npt.NDArray[np.int64],
        outside: npt.NDArray[np.int64],
        reporter: Reporter,
    ) -> None:
        started = time.perf_counter()
        model = self._fit(inside)
        self._distances[outside] = model.distances(self._vectors[outside])
        decided = self._distances[outside] >= 0.0
        rates = count(self._targets[outside], decided).rates
        training, validation = (
            squared_hinge(model.distances(self._vectors[some]), self._targets[some])
            for some in (inside, outside)
        )
        seconds = time.perf_counter() - started
        result = EpochResult(self._fold, training, validation, rates, seconds)
        self._report(reporter, result, len(inside))
        self._fold += 1

    def _fit_all(self, reporter: Reporter) -> None:
        started = time.perf_counter()
        every = np.arange(len(self._targets))
        fitted = self._fit(every)
        calibration = platt(self._targets, self._distances) or Calibration(1.0, 0.0)
        self.model = LinearModel(fitted.weights, fitted.bias, calibration)
        scores = self.out_of_fold
        usual = float(calibration.probabilities(np.zeros(1))[0])
        self.threshold = cautious_threshold(self._targets, scores, usual)
        rates = count(self._targets, scores >= np.float64(self.threshold.value)).rates
        result = EpochResult(
            self._fold,
            squared_hinge(fitted.distances(self._vectors), self._targets),
            squared_hinge(self._distances, self._targets),
            rates,
            time.perf_counter() - started,
        )
        self._report(reporter, result, len(every), is_kept=True)

    def _fit(self, places: npt.NDArray[np.int64]) -> LinearModel:
        return fit_svm(
            self._vectors[places], self._targets[places], self._settings.svm_c, self._seed
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
