"""TF-IDF and one linear support vector machine per category."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from core.planning.costs import FOLD_WORD, CorpusSize
from core.settings import SETTINGS, TrainingSettings
from core.systems.base import LINEAR_SETTINGS, ONE_TRIAL, DocumentForm, System

if TYPE_CHECKING:
    import torch

    from core.corpus.examples import Documents, Examples
    from core.systems.trial import (
        Output,
        PreparedTrial,
        ScoreColumns,
        ScoringInputs,
        TrialInputs,
        TrialResult,
        TrialSpec,
    )


class LinearSystem(System):
    """The baseline to beat: threshold and calibration come from cross-validation."""

    name = "linear"
    description = "TF-IDF and one linear support vector machine for each category"
    document_form: ClassVar[DocumentForm] = "tfidf"
    reads_vectors = False
    origins = ("scratch",)
    searches_class_weights = False
    no_vectors_note = ""
    defaults: ClassVar[Mapping[str, Any]] = {
        **ONE_TRIAL,
        "max_words": 0,
        "tune_thresholds": True,
        "calibrate": True,
    }
    unused = frozenset(SETTINGS) - LINEAR_SETTINGS - {"max_words", "consistent", "seed"}

    def epoch_limits(self, settings: TrainingSettings) -> tuple[int, int]:
        """An epoch for each fold and one for all documents."""
        return settings.folds + 1, settings.folds + 1

    def epoch_seconds(
        self,
        size: CorpusSize,
        settings: TrainingSettings,
        dimensions: int,
        positives: int,
        *,
        trains_embeddings: bool,
    ) -> float:
        """Proportional to the words of all documents."""
        del settings, dimensions, positives, trains_embeddings
        return FOLD_WORD * size.documents * size.words

    def splits_to_score(self, *, needs_validation: bool) -> tuple[str, ...]:
        """Only test: the training itself scores the validation documents."""
        del needs_validation
        return ("test",)

    def prepare(self, spec: TrialSpec, inputs: TrialInputs, device: torch.device) -> PreparedTrial:
        """Train on the CPU, whatever the device."""
        del device
        from core.metrics.platt_params import PlattParams
        from core.models.model_files import ModelInfo, model_content
        from core.systems.trial import PreparedTrial, TrialResult
        from core.training.linear import LinearTraining

        (output,) = spec.outputs
        examples = inputs.documents.examples(output.positives, "train")
        training = LinearTraining(
            inputs.vectors(), examples.targets, output.category_id, spec.settings
        )

        def result() -> TrialResult:
            assert training.model is not None
            assert training.threshold is not None
            info = ModelInfo("linear", (output.category_id,), 1.0, None)
            params = PlattParams(training.threshold.value, None, None)
            content = model_content(training.model.state(), info)
            return TrialResult(content, validation=(params, training.out_of_fold))

        return PreparedTrial(training, result)

    def split(
        self, documents: Documents, outputs: Sequence[Output], fraction: float, seed: int
    ) -> tuple[Examples, Examples]:
        """All training documents validate: each is scored by a model that has not seen it."""
        del fraction, seed
        (output,) = outputs
        examples = documents.examples(output.positives, "train")
        return examples, examples

    def scores(
        self, inputs: ScoringInputs, device: torch.device, stop: Callable[[], bool]
    ) -> ScoreColumns:
        """Score with the model; validation documents by cross-validation."""
        del device, stop
        if inputs.split == "validation":
            from core.training.linear import out_of_fold_scores

            scores = out_of_fold_scores(
                inputs.vectors(), inputs.examples.targets, inputs.category_id, inputs.settings
            )
        else:
            from core.models.linear import LinearModel

            scores = LinearModel.of(inputs.model().state).probabilities(inputs.vectors())
        return scores[:, None]
