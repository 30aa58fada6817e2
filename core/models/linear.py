"""Linear support vector machine of one category, over TF-IDF vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_array
from sklearn.svm import LinearSVC
from torch import Tensor

from core.metrics.calibration import Calibration

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LinearModel:
    """Hyperplane with `weights` (features,) and `bias`, and its Platt calibration.

    The default calibration is the plain sigmoid of the distance.
    """

    weights: FloatArray
    bias: float
    calibration: Calibration = Calibration(1.0, 0.0)  # noqa: RUF009  # frozen

    def distances(self, vectors: csr_array) -> FloatArray:
        """Signed distances (documents,) of vectors (documents, features) from the hyperplane."""
        result: FloatArray = vectors @ self.weights + self.bias
        return result

    def probabilities(self, vectors: csr_array) -> npt.NDArray[np.float32]:
        """Probabilities (documents,) of vectors (documents, features)."""
        return self.calibration.probabilities(self.distances(vectors)).astype(np.float32)

    def state(self) -> dict[str, Tensor]:
        """Serialise to tensors, for a model file."""
        return {
            "weights": torch.from_numpy(self.weights),
            "bias": torch.tensor([self.bias], dtype=torch.float64),
            "calibration": torch.tensor(
                [self.calibration.slope, self.calibration.intercept], dtype=torch.float64
            ),
        }

    @classmethod
    def of(cls, state: dict[str, Tensor]) -> LinearModel:
        """Rebuild a model from the output of `state`."""
        slope, intercept = state["calibration"].tolist()
        bias = float(state["bias"].item())
        return cls(state["weights"].numpy(), bias, Calibration(slope, intercept))


def fit_svm(vectors: csr_array, targets: npt.NDArray[np.bool_], c: float, seed: int) -> LinearModel:
    """Fit scikit-learn's LinearSVC.

    If all targets are equal, the model gives every document the same distance of 1 or -1.

    Args:
        vectors: TF-IDF vectors (documents, features).
        targets: Labels (documents,).
        c: Inverse regularisation strength.
        seed: Seed of the solver.
    """
    if targets.all() or not targets.any():
        return LinearModel(np.zeros(vectors.shape[1]), 1.0 if targets.all() else -1.0)
    machine = LinearSVC(C=c, random_state=seed % 2**32)
    machine.fit(vectors, targets)
    return LinearModel(machine.coef_[0].astype(np.float64), float(machine.intercept_[0]))


def squared_hinge(distances: FloatArray, targets: npt.NDArray[np.bool_]) -> float:
    """Mean squared hinge loss, which LinearSVC minimises; 0 without documents."""
    if not len(targets):
        return 0.0
    margins = np.where(targets, 1.0, -1.0) * distances
    return float(np.square(np.maximum(0.0, 1.0 - margins)).mean())
