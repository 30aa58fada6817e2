"""One network with an output for every category: GRU-Att-Multi and DGCNN (paper, section 4)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from core.planning.costs import GRAPH_DOCUMENT, CorpusSize
from core.settings import TrainingSettings
from core.systems.base import (
    DGCNN_SETTINGS,
    LINEAR_SETTINGS,
    ONE_TRIAL,
    SEARCH_SETTINGS,
    TRANSFER_SETTINGS,
    WEIGHTED_SETTINGS,
    DocumentForm,
    System,
)

if TYPE_CHECKING:
    import torch

    from core.corpus.examples import Documents, Examples
    from core.corpus.taxonomy import Taxonomy
    from core.models.dgcnn import RelatedOutputs
    from core.models.network import TextNetwork
    from core.systems.trial import (
        Output,
        PreparedTrial,
        ScoreColumns,
        ScoringInputs,
        TrialInputs,
        TrialSpec,
    )
    from core.training.epochs import TrialKey

ALL_CATEGORIES = "all categories"
"""The category name in the seeds of a shared model."""


class SharedNetworkSystem(System):
    """One network serves all categories of a run."""

    network: ClassVar[str]
    """The name of the network in model files."""
    defaults: ClassVar[Mapping[str, Any]] = ONE_TRIAL
    shared_model = True
    origins = ("scratch", "current")
    searches_class_weights = False
    no_vectors_note = "no vectors: embeddings start at random and are trained"

    @abstractmethod
    def _new_network(
        self, embeddings: torch.Tensor, key: TrialKey, settings: TrainingSettings, outputs: int
    ) -> TextNetwork:
        """Build an untrained network."""

    def _freezes(self, spec: TrialSpec) -> bool:  # noqa: ARG002
        """Whether the embeddings are not trained."""
        return False

    def _regularise(self, network: TextNetwork, spec: TrialSpec) -> None:
        """Add the system's regulariser to the network."""

    def prepare(self, spec: TrialSpec, inputs: TrialInputs, device: torch.device) -> PreparedTrial:
        """Start from scratch or from the current model."""
        import torch

        from core.metrics.precision_recall import decided, support_weighted
        from core.models.model_files import ModelInfo
        from core.systems.networks import network_result
        from core.systems.trial import PreparedTrial
        from core.training.epochs import Objective, Trainer, TrialKey
        from core.training.initialisation import from_current, parameter_groups

        settings, source = spec.settings, inputs.source
        categories = tuple(output.category_id for output in spec.outputs)
        key = TrialKey(ALL_CATEGORIES, 1.0)
        frozen = self._freezes(spec)
        if source is not None:
            assert source.embeddings is not None
            network = from_current(source.state, source.info, source.embeddings, frozen=frozen)
        else:
            network = self._new_network(inputs.embeddings(), key, settings, len(categories))
            network.embeddings.weight.requires_grad_(not frozen)
        self._regularise(network, spec)
        weights = [output.class_weight for output in spec.outputs]
        weighted = any(weight is not None for weight in weights)
        objective = Objective(
            torch.tensor([1.0 if weight is None else weight for weight in weights]),
            support_weighted if weighted else decided,
        )
        training, validation = self.split(
            inputs.documents, spec.outputs, settings.validation_fraction, spec.split_seed
        )
        trainer = Trainer(
            network,
            parameter_groups(network, settings),
            training,
            validation,
            key,
            settings,
            device,
            objective,
        )
        table = source.info.embeddings if source is not None and frozen else None
        info = ModelInfo(
            self.network, categories, 1.0, table, settings.hidden_units, settings.dropout
        )
        return PreparedTrial(trainer, lambda: network_result(trainer, info))

    def split(
        self, documents: Documents, outputs: Sequence[Output], fraction: float, seed: int
    ) -> tuple[Examples, Examples]:
        """Split once for all categories."""
        from core.corpus.examples import shared_validation_split

        shared = documents.shared_examples([output.positives for output in outputs], "train")
        return shared_validation_split(shared, fraction, seed)

    def scores(
        self, inputs: ScoringInputs, device: torch.device, stop: Callable[[], bool]
    ) -> ScoreColumns:
        """Score with the network."""
        from core.systems.networks import network_scores

        return network_scores(inputs.model(), inputs.examples, device, stop)

    def splits_to_score(self, *, needs_validation: bool) -> tuple[str, ...]:
        """Always both: a category has no validation F1 before its documents are scored."""
        del needs_validation
        return ("test", "validation")


class GruAttMulti(SharedNetworkSystem):
    """GRU-Att with an output for each category."""

    name = "gru-att-multi"
    description = "one model with an output for each category, no class weights"
    network = "gru-att"
    unused = (
        TRANSFER_SETTINGS | SEARCH_SETTINGS | DGCNN_SETTINGS | LINEAR_SETTINGS | WEIGHTED_SETTINGS
    )

    def _new_network(
        self, embeddings: torch.Tensor, key: TrialKey, settings: TrainingSettings, outputs: int
    ) -> TextNetwork:
        from core.training.initialisation import from_scratch

        return from_scratch(embeddings, key, settings, outputs=outputs)


class GruAttMultiWeighted(GruAttMulti):
    """GRU-Att-Multi with the class weights of a finished run."""

    name = "gru-att-multi-weighted"
    description = "one model with an output for each category, class weights of a finished run"
    unused = GruAttMulti.unused - WEIGHTED_SETTINGS
    needs_class_weights = True


class DgcnnSystem(SharedNetworkSystem):
    """Deep graph-CNN over graphs of words, with recursive regularisation (Peng et al., 2018)."""

    name = "dgcnn"
    description = "one convolutional network over graphs of words, recursive regularisation"
    network = "dgcnn"
    document_form: ClassVar[DocumentForm] = "graphs"
    defaults: ClassVar[Mapping[str, Any]] = {**ONE_TRIAL, "batch_size": 32, "max_words": 0}
    unused = (
        TRANSFER_SETTINGS
        | SEARCH_SETTINGS
        | LINEAR_SETTINGS
        | WEIGHTED_SETTINGS
        | {"hidden_units", "dropout"}
    )

    def epoch_seconds(
        self,
        size: CorpusSize,
        settings: TrainingSettings,
        dimensions: int,
        positives: int,
        *,
        trains_embeddings: bool,
    ) -> float:
        """Proportional to the documents: graphs have a fixed number of nodes."""
        del dimensions, positives, trains_embeddings
        validating = settings.validation_fraction
        return GRAPH_DOCUMENT * size.documents * (1 - validating + validating / 3)

    def related_outputs(
        self,
        category_ids: Sequence[str],
        taxonomy: Callable[[], Taxonomy],
        settings: TrainingSettings,
    ) -> RelatedOutputs | None:
        """Pairs of parent and child."""
        from core.models.dgcnn import RelatedOutputs

        return RelatedOutputs.of(list(category_ids), taxonomy(), settings.regularised_pairs)

    def _freezes(self, spec: TrialSpec) -> bool:
        # Without vectors, a table that is not trained would stay noise.
        return spec.has_vectors

    def _new_network(
        self, embeddings: torch.Tensor, key: TrialKey, settings: TrainingSettings, outputs: int
    ) -> TextNetwork:
        from core.training.initialisation import new_dgcnn

        return new_dgcnn(embeddings, key, settings, outputs, frozen=False)

    def _regularise(self, network: TextNetwork, spec: TrialSpec) -> None:
        from core.models.dgcnn import Dgcnn

        assert isinstance(network, Dgcnn)
        assert spec.related is not None
        network.regularise(spec.related, spec.settings.recursive_regularisation)
