"""A run's models, loaded to classify text."""

from __future__ import annotations

import torch

from core.classifier import CategoryModel, Classifier
from core.engine.run_data import RunData
from core.errors import ConflictError
from core.tokens import tokenizer_for
from core.training import THRESHOLD
from core.workspace import Workspace
from db.connection import Store
from db.corpora import corpus_with_id
from db.runs import Run, run_categories


def load_classifier(
    store: Store, workspace: Workspace, run: Run, device: torch.device
) -> tuple[Classifier, int]:
    """The classifier of a run, and how many of its categories have no model (yet).

    Raises `ConflictError` if none has one.
    """
    data = RunData(store, workspace, run)
    models = [
        CategoryModel(category.key, data.network(category), THRESHOLD)
        for category in run_categories(store, run.id)
    ]
    without = sum(1 for model in models if model.network is None)
    if without == len(models):
        raise ConflictError(
            f"no category of run {run.name!r} is trained yet; see: htrans-tui status {run.name}"
        )
    language = corpus_with_id(store, run.corpus_id).language
    classifier = Classifier(
        models, data.vocabulary, tokenizer_for(language), data.settings.max_words, device
    )
    return classifier, without
