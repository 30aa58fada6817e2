"""Inputs and results of a system's training and scoring, without a database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from torch import Tensor

from core.corpus.examples import Documents, Examples, Rows
from core.metrics.decisions import Scores
from core.metrics.platt_params import PlattParams
from core.models.dgcnn import RelatedOutputs
from core.models.model_files import TrainedModel
from core.settings import TrainingSettings
from core.training.epochs import Training

if TYPE_CHECKING:
    from scipy.sparse import csr_array

ScoreColumns = npt.NDArray[np.float32]
"""Probabilities (documents, outputs)."""


@dataclass(frozen=True, slots=True)
class Output:
    """A category that a model decides.

    `class_weight` is given by another run, None without one. `positives` are document ids.
    """

    category_id: str
    class_weight: float | None
    positives: Rows


@dataclass(frozen=True, slots=True)
class TrialSpec:
    """The description of a trial, small enough to send to another machine.

    `identity` names the trial in its checkpoints, `label` in logs. `origin` is "scratch", "parent"
    or "current"; `source_trial_id` is the trial whose model it starts from. `below` is true for a
    category with a parent. `until` is the epoch of the next rung of successive halving, None to
    train to the end. `split_seed` is the run's seed: every attempt has the same validation split.
    `kernel` is the run's matrix-product kernel.
    """

    identity: str
    label: str
    system: str
    settings: TrainingSettings
    split_seed: int
    class_weight: float
    origin: str
    source_trial_id: int | None
    below: bool
    until: int | None
    outputs: tuple[Output, ...]
    has_vectors: bool
    related: RelatedOutputs | None
    kernel: str


@dataclass(frozen=True, slots=True)
class TrialInputs:
    """The large inputs of a trial.

    `source` is the model to start from, None from scratch. `embeddings` (words, dimensions) are
    read from scratch only. `vectors` (documents, features) are the TF-IDF vectors of the training
    documents.
    """

    documents: Documents
    source: TrainedModel | None
    embeddings: Callable[[], Tensor]
    vectors: Callable[[], csr_array]


@dataclass(frozen=True, slots=True)
class TrialResult:
    """The result of a finished training.

    `model` is the content of the model file. `embeddings` names its embedding table, None without
    one; `table` is that table if it is not stored yet. `validation` holds the threshold and the
    scores of the validation documents, for systems that compute them while training.
    """

    model: bytes
    embeddings: str | None = None
    table: Tensor | None = None
    validation: tuple[PlattParams, Scores] | None = None


@dataclass(frozen=True, slots=True)
class PreparedTrial:
    """A training that is ready to run. `result` is called after it has finished."""

    training: Training
    result: Callable[[], TrialResult]


@dataclass(frozen=True, slots=True)
class ScoringInputs:
    """The documents of one split and the model that scores them.

    `model` loads the model. `targets` of `examples` are read only where validation scores come from
    cross-validation. `vectors` (documents, features) are the TF-IDF vectors of these documents.
    """

    model: Callable[[], TrainedModel]
    split: str
    examples: Examples
    category_id: str
    settings: TrainingSettings
    vectors: Callable[[], csr_array]
