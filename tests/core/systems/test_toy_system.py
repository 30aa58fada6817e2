"""A system that is added in one file trains, scores, classifies and is exported like the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from core import systems
from core.corpus.examples import Documents, Examples
from core.engine.artifacts.run_data import RunData
from core.engine.monitoring.status import status_of
from core.engine.prediction.classification import load_classifier
from core.engine.prediction.export import export_run
from core.engine.prediction.top_down import bounds_of
from core.engine.runs.retraining import RetrainRequest, retrain
from core.errors import ConflictError
from core.metrics.calibration import Calibration
from core.metrics.precision_recall import PrecisionRecallF1
from core.models.linear import LinearModel
from core.models.model_files import ModelInfo, model_content
from core.prediction.exported import load_model
from core.systems.base import DocumentForm, System
from core.systems.trial import (
    Output,
    PreparedTrial,
    ScoreColumns,
    ScoringInputs,
    TrialInputs,
    TrialResult,
    TrialSpec,
)
from core.training.epochs import Checkpoint, EpochResult, Outcome, Reporter
from core.workspace import Workspace
from db.connection import Store
from tests.support.builders import import_small_corpus, run_state, start_system, train_here


class CentroidTraining:
    """The difference of the means of positives and negatives, in one step."""

    position = (1, 0)

    def __init__(self, inputs: TrialInputs, output: Output) -> None:
        self._inputs = inputs
        self._output = output
        self.model: LinearModel | None = None

    def restore(self, checkpoint: Checkpoint) -> None:
        raise AssertionError("there is nothing to resume")

    def run(
        self,
        reporter: Reporter,
        save: Callable[[Checkpoint], None],
        until: int | None = None,
    ) -> Outcome:
        vectors = self._inputs.vectors()
        targets = self._inputs.documents.examples(self._output.positives, "train").targets
        above, below = (
            np.asarray(vectors[np.flatnonzero(part)].mean(axis=0)).ravel()
            for part in (targets, ~targets)
        )
        weights = above - below
        bias = -float((above + below) @ weights) / 2
        self.model = LinearModel(weights, bias, Calibration(50.0, 0.0))
        result = EpochResult(1, 0.5, 0.5, PrecisionRecallF1(1.0, 1.0, 1.0), 0.1)
        reporter.epoch_done(result, True)
        return Outcome.FINISHED


class CentroidSystem(System):
    """Nearest centroid over TF-IDF."""

    name = "centroid"
    description = "nearest centroid"
    defaults: ClassVar = {"class_weights": (1.0,), "transfer": False, "search": "full"}
    document_form: ClassVar[DocumentForm] = "tfidf"
    reads_vectors = False
    origins = ("scratch",)
    searches_class_weights = False
    no_vectors_note = ""

    def prepare(self, spec: TrialSpec, inputs: TrialInputs, device: torch.device) -> PreparedTrial:
        (output,) = spec.outputs
        training = CentroidTraining(inputs, output)

        def result() -> TrialResult:
            assert training.model is not None
            info = ModelInfo("centroid", (output.category_id,), 1.0, None)
            return TrialResult(model_content(training.model.state(), info))

        return PreparedTrial(training, result)

    def split(
        self, documents: Documents, outputs: Sequence[Output], fraction: float, seed: int
    ) -> tuple[Examples, Examples]:
        (output,) = outputs
        examples = documents.examples(output.positives, "train")
        return examples, examples

    def scores(
        self, inputs: ScoringInputs, device: torch.device, stop: Callable[[], bool]
    ) -> ScoreColumns:
        model = LinearModel.of(inputs.model().state)
        return model.probabilities(inputs.vectors())[:, None]


def test_added_system_trains_scores_classifies_and_exports(
    store: Store, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(systems.SYSTEMS, "centroid", CentroidSystem())
    monkeypatch.setattr("core.engine.runs.starting.ensure_supervisor", lambda store, place: None)
    import_small_corpus(store, workspace, tmp_path, number=120)
    run = start_system(store, workspace, "small", "centroid")
    train_here(store, workspace, run)
    assert run_state(store, run) == "done"
    micro_f1 = status_of(store, run.id).run.test_micro_f1
    assert micro_f1 is not None
    assert micro_f1 > 0.8

    device = torch.device("cpu")
    text = "kitten purr whiskers meow fur paw tail today"
    classifier, _ = load_classifier(store, workspace, run, device)
    classification = classifier.classify(text)
    assert classification is not None
    assert "cats" in classification.labels
    bounds = bounds_of(store, RunData(store, workspace, run), device)
    assert all(0.0 <= bound <= 1.0 for bound in bounds.values())
    export_run(store, workspace, run, tmp_path / "exported", device)
    exported = load_model(tmp_path / "exported")
    assert exported.predict([text]) == [classification.labels]
    with pytest.raises(ConflictError, match="use --from scratch"):
        retrain(store, workspace, run, RetrainRequest("cats", origin="parent"))
