"""One binary GRU-Att network per category (paper, sections 3.1 to 3.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from core.systems.base import (
    DGCNN_SETTINGS,
    FROM_SCRATCH,
    LINEAR_SETTINGS,
    WEIGHTED_SETTINGS,
    System,
)

if TYPE_CHECKING:
    import torch

    from core.corpus.examples import Documents, Examples
    from core.systems.trial import (
        Output,
        PreparedTrial,
        ScoreColumns,
        ScoringInputs,
        TrialInputs,
        TrialSpec,
    )


class GruAttSystem(System):
    """Each category has a GRU-Att network of its own, trained from scratch."""

    name = "gru-att"
    description = "class weight searched, each category from scratch"
    defaults: ClassVar[Mapping[str, Any]] = FROM_SCRATCH
    unused = DGCNN_SETTINGS | LINEAR_SETTINGS | WEIGHTED_SETTINGS

    def prepare(self, spec: TrialSpec, inputs: TrialInputs, device: torch.device) -> PreparedTrial:
        """Start from scratch, from the parent's model or from the category's current model."""
        from core.models.model_files import ModelInfo
        from core.models.network import TextNetwork
        from core.systems.networks import is_frozen, network_result
        from core.systems.trial import PreparedTrial
        from core.training.epochs import Trainer, TrialKey
        from core.training.initialisation import (
            from_current,
            from_parent,
            from_scratch,
            parameter_groups,
        )

        settings, source = spec.settings, inputs.source
        (output,) = spec.outputs
        key = TrialKey(output.category_id, spec.class_weight)
        frozen = settings.freeze and spec.below
        network: TextNetwork
        if source is None:
            network = from_scratch(inputs.embeddings(), key, settings, frozen=frozen)
        else:
            assert source.embeddings is not None
            if spec.origin == "parent":
                network = from_parent(source.state, source.embeddings, key, settings)
            else:
                network = from_current(source.state, source.info, source.embeddings, frozen=frozen)
        groups = parameter_groups(
            network,
            settings,
            transferred=source is not None and settings.transfer and spec.below,
        )
        training, validation = self.split(
            inputs.documents, spec.outputs, settings.validation_fraction, spec.split_seed
        )
        trainer = Trainer(network, groups, training, validation, key, settings, device)
        info = ModelInfo(
            "gru-att",
            (output.category_id,),
            spec.class_weight,
            source.info.embeddings if source is not None and is_frozen(network) else None,
            settings.hidden_units,
            settings.dropout,
        )
        return PreparedTrial(trainer, lambda: network_result(trainer, info))

    def split(
        self, documents: Documents, outputs: Sequence[Output], fraction: float, seed: int
    ) -> tuple[Examples, Examples]:
        """Split by category: each has a stratified split of its own."""
        from core.corpus.examples import validation_split

        (output,) = outputs
        examples = documents.examples(output.positives, "train")
        return validation_split(examples, fraction, seed, output.category_id)

    def scores(
        self, inputs: ScoringInputs, device: torch.device, stop: Callable[[], bool]
    ) -> ScoreColumns:
        """Score with the network."""
        from core.systems.networks import network_scores

        return network_scores(inputs.model(), inputs.examples, device, stop)


class GruAttBasic(GruAttSystem):
    """GRU-Att without the search of a class weight."""

    name = "gru-att-basic"
    description = "class weight 1, each category from scratch"
    defaults: ClassVar[Mapping[str, Any]] = {
        **FROM_SCRATCH,
        "class_weights": (1.0,),
        "search": "full",
    }
    unused = GruAttSystem.unused | {"class_weights", "search"}


class HTrans(GruAttSystem):
    """GRU-Att in which each child starts from its parent's parameters."""

    name = "htrans"
    description = "class weight searched, each child starts from its parent's parameters"
    defaults: ClassVar[Mapping[str, Any]] = {}
