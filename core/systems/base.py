"""The protocol that every system implements.

A system is one way to train the categories of a run. The engine asks it for everything that differs
between systems; no other module knows a system by name. To add a system, write one module with a
subclass of `System` and add it to the list in `core.systems`.

Imports of torch stay inside methods: front ends read names and settings of systems and must not
load it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from core.errors import HTransError
from core.planning.costs import CorpusSize, training_seconds
from core.settings import TrainingSettings, option_of, settings_for, settings_in_group

if TYPE_CHECKING:
    import torch

    from core.corpus.examples import Documents, Examples
    from core.corpus.taxonomy import Taxonomy
    from core.models.dgcnn import RelatedOutputs
    from core.systems.trial import (
        Output,
        PreparedTrial,
        ScoreColumns,
        ScoringInputs,
        TrialInputs,
        TrialSpec,
    )

DocumentForm = Literal["tokens", "graphs", "tfidf"]

TRANSFER_SETTINGS = settings_in_group("transfer")
SEARCH_SETTINGS = settings_in_group("search")
DGCNN_SETTINGS = settings_in_group("dgcnn")
LINEAR_SETTINGS = settings_in_group("linear")
WEIGHTED_SETTINGS = settings_in_group("weights")

FROM_SCRATCH: Mapping[str, Any] = {"transfer": False, "freeze": False, "two_rates": False}
ONE_TRIAL: Mapping[str, Any] = {
    **FROM_SCRATCH,
    "class_weights": (1.0,),
    "search": "full",
    "negatives": 0,
}


class System(ABC):
    """How the categories of a run are trained and scored."""

    name: ClassVar[str]
    description: ClassVar[str]
    defaults: ClassVar[Mapping[str, Any]] = {}
    """Settings that differ from those of the paper's HTrans."""
    unused: ClassVar[frozenset[str]] = frozenset()
    """Names of settings that have no effect on the system."""

    document_form: ClassVar[DocumentForm] = "tokens"
    """The form in which the system reads documents."""
    shared_model: ClassVar[bool] = False
    """One model has an output for every category; otherwise each category has its own model."""
    reads_vectors: ClassVar[bool] = True
    """Embeddings can start from word vectors."""
    origins: ClassVar[tuple[str, ...]] = ("parent", "scratch", "current")
    """Allowed sources of the initial weights of a category."""
    searches_class_weights: ClassVar[bool] = True
    """Each category has a trial for each class weight."""
    needs_class_weights: ClassVar[bool] = False
    """Class weights come from a finished run, named by `weights_from`."""
    no_vectors_note: ClassVar[str] = (
        "no vectors: embeddings start at random and are trained at the top level"
    )

    def settings(self, preset: str, changes: Mapping[str, Any]) -> TrainingSettings:
        """Return the settings of a preset with the user's changes.

        Raises:
            HTransError: a change has no effect on this system, or a value is invalid.
        """
        settings = settings_for(preset, changes, self.defaults)
        default = settings_for(preset, {}, self.defaults)
        for name in changes:
            if name in self.unused and getattr(settings, name) != getattr(default, name):
                raise HTransError(
                    f"{option_of(name)} means nothing to the system {self.name}; leave it out"
                )
        return settings

    def epoch_limits(self, settings: TrainingSettings) -> tuple[int, int]:
        """Fewest and most epochs of a trial."""
        return min(settings.patience + 1, settings.epochs), settings.epochs

    def epoch_seconds(
        self,
        size: CorpusSize,
        settings: TrainingSettings,
        dimensions: int,
        positives: int,
        *,
        trains_embeddings: bool,
    ) -> float:
        """Seconds on the reference machine of one epoch of one trial of a category."""
        return training_seconds(
            size, settings, dimensions, positives, trains_embeddings=trains_embeddings
        )

    def splits_to_score(self, *, needs_validation: bool) -> tuple[str, ...]:
        """Splits whose scores are needed when a category is done.

        `needs_validation`: the decision rule reads scores of the validation documents.
        """
        return ("test", "validation") if needs_validation else ("test",)

    def related_outputs(
        self,
        category_ids: Sequence[str],
        taxonomy: Callable[[], Taxonomy],  # noqa: ARG002
        settings: TrainingSettings,  # noqa: ARG002
    ) -> RelatedOutputs | None:
        """Pairs of outputs that a regulariser ties together, None without one."""
        del category_ids
        return None

    @abstractmethod
    def prepare(self, spec: TrialSpec, inputs: TrialInputs, device: torch.device) -> PreparedTrial:
        """Build the training of a trial."""

    @abstractmethod
    def split(
        self, documents: Documents, outputs: Sequence[Output], fraction: float, seed: int
    ) -> tuple[Examples, Examples]:
        """Split the training documents into training and validation examples.

        Args:
            documents: the corpus.
            outputs: the categories of one model.
            fraction: share of the documents that validate.
            seed: the run's seed.

        Returns:
            Examples with targets (documents,), or (documents, outputs) for a shared model.
        """

    @abstractmethod
    def scores(
        self, inputs: ScoringInputs, device: torch.device, stop: Callable[[], bool]
    ) -> ScoreColumns:
        """Score documents with a trained model.

        Returns:
            Probabilities (documents, outputs).

        Raises:
            ScoringAbandonedError: `stop` returned true.
        """
