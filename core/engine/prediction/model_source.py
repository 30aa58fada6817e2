"""The source of models: a run of a workspace, or the folder of an exported model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import HTransError
from core.workspace import Workspace
from db.connection import Store
from db.runs import run_named

if TYPE_CHECKING:
    import torch

    from core.prediction.classifier import Classifier


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A run by name or, if `workspace` is None, the path of an exported model."""

    workspace: Path | None
    name: str

    @classmethod
    def of(cls, workspace: Workspace, name: str) -> ModelSource:
        """The folder `name` if it contains an exported model, else the run with this name."""
        if (Path(name) / "model.json").is_file():
            return cls(None, str(Path(name).absolute()))
        return cls(workspace.root.absolute(), name)


@dataclass(frozen=True, slots=True)
class LoadedModels:
    """A classifier, its optional bounds, and the number of categories without a model.

    `identity` is a hash of models, thresholds and bounds.
    """

    classifier: Classifier
    bounds: Mapping[str, float] | None
    without: int
    identity: str


def load_models(source: ModelSource, device: torch.device, *, top_down: bool) -> LoadedModels:
    """Load a classifier.

    Args:
        source: Run or exported model.
        device: Where to load the models.
        top_down: Load the bounds of top-down prediction too. Missing bounds are computed.

    Raises:
        HTransError: The models cannot be loaded, or there are no bounds.
    """
    import hashlib
    import json

    bounds: Mapping[str, float] | None = None
    if source.workspace is None:
        from core.prediction.exported import load_model

        model = load_model(source.name, str(device))
        classifier = model.classifier
        bounds = model.bounds if top_down else None
        identity: object = [model.facts.get("models"), dict(model.thresholds)]
        without = len(classifier.categories) - len(classifier.rules)
    else:
        from core.engine.artifacts.run_data import RunData
        from core.engine.prediction.classification import load_classifier
        from core.engine.prediction.top_down import bounds_of
        from db.run_categories import run_categories

        workspace = Workspace(source.workspace)
        with Store(workspace.database) as store:
            run = run_named(store, source.name)
            classifier, without = load_classifier(store, workspace, run, device)
            if top_down:
                bounds = bounds_of(store, RunData(store, workspace, run), device)
            trials = {c.key: c.kept_trial_id for c in run_categories(store, run.id)}
            identity = [run.name, run.created_at, trials]
    if top_down and not bounds:
        raise HTransError(
            f"{source.name}: no category has an ancestor with a model; omit --top-down"
        )
    rules = {key: rule.min_score for key, rule in classifier.rules.items()}
    content = json.dumps([identity, rules, bounds and dict(bounds)], sort_keys=True)
    return LoadedModels(classifier, bounds, without, hashlib.sha256(content.encode()).hexdigest())
