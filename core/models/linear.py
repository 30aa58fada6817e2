"""One linear support vector machine of a category, over TF-IDF vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_array
from sklearn.svm import LinearSVC
from torch import Tensor

from core.metrics.calibration import Calibration

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LinearModel:
    """`weights` (features,) and `bias` of the hyperplane, and what makes probabilities of it.

    Without a calibration the distance's sigmoid stands in for a probability.
    """

    weights: Numbers
    bias: float
    calibration: Calibration = Calibration(1.0, 0.0)  # noqa: RUF009  # frozen

    def distances(self, vectors: csr_array) -> Numbers:
        """Signed distances (documents,) from the hyperplane, of vectors (documents, features)."""
        result: Numbers = vectors @ self.weights + self.bias
        return result

    def probabilities(self, vectors: csr_array) -> npt.NDArray[np.float32]:
        """Of vectors (documents, features), (documents,)."""
        return self.calibration.probabilities(self.distances(vectors)).astype(np.float32)

    def state(self) -> dict[str, Tensor]:
        """As tensors, for a file."""
        return {
            "weights": torch.from_numpy(self.weights),
            "bias": torch.tensor([self.bias], dtype=torch.float64),
            "calibration": torch.tensor(
                [self.calibration.slope, self.calibration.intercept], dtype=torch.float64
            ),
        }

    @classmethod
    def of(cls, state: dict[str, Tensor]) -> LinearModel:
        """What `state` made tensors of."""
        slope, intercept = state["calibration"].tolist()
        bias = float(state["bias"].item())
        return cls(state["weights"].numpy(), bias, Calibration(slope, intercept))


def fit_svm(vectors: csr_array, targets: npt.NDArray[np.bool_], c: float, seed: int) -> LinearModel:
    """Fit scikit-learn's LinearSVC to vectors (documents, features) and targets (documents,).

    With positives or negatives only there is nothing to separate: every document is as far on the
    one side.
    """
    if targets.all() or not targets.any():
        return LinearModel(np.zeros(vectors.shape[1]), 1.0 if targets.all() else -1.0)
    machine = LinearSVC(C=c, random_state=seed % 2**32)
    machine.fit(vectors, targets)
    return LinearModel(machine.coef_[0].astype(np.float64), float(machine.intercept_[0]))


def squared_hinge(distances: Numbers, targets: npt.NDArray[np.bool_]) -> float:
    """The loss that LinearSVC minimises, the mean over documents; 0 of none."""
    if not len(targets):
        return 0.0
    margins = np.where(targets, 1.0, -1.0) * distances
    return float(np.square(np.maximum(0.0, 1.0 - margins)).mean())
