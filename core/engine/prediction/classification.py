"""Load the models of a run to classify texts."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from core.engine.artifacts.run_data import RunData
from core.engine.scoring.scores import category_rule
from core.errors import ConflictError
from core.prediction.classifier import Classifier
from core.prediction.exported import ExportedModel, Hierarchy
from core.prediction.scorers import Scorer
from core.text.text_reader import TextReader
from core.workspace import Workspace
from db.connection import Store
from db.corpora import corpus_with_id, taxonomy_of
from db.run_categories import RunCategory, run_categories
from db.runs import Run


def load_classifier(
    store: Store, workspace: Workspace, run: Run, device: torch.device
) -> tuple[Classifier, int]:
    """Load the classifier of a run.

    Returns:
        The classifier, and the number of categories without a model.

    Raises:
        ConflictError: No category has a model.
    """
    data = RunData(store, workspace, run)
    categories = run_categories(store, run.id)
    hierarchy = hierarchy_of(store, data, categories, device)
    return hierarchy.classifier(device), len(categories) - len(hierarchy.rules)


def hierarchy_of(
    store: Store, data: RunData, categories: Sequence[RunCategory], device: torch.device
) -> Hierarchy:
    """Models and decision rules of categories, and the taxonomy of them and their ancestors.

    Raises:
        ConflictError: No category has a model.
    """
    trained = [category for category in categories if category.kept_trial_id is not None]
    if not trained:
        name = data.run.name
        raise ConflictError(
            f"no category of run {name!r} has a model yet; see: htrans-tui status {name}"
        )
    trials = dict.fromkeys(c.kept_trial_id for c in trained if c.kept_trial_id is not None)
    loaded = [data.model_of(trial_id) for trial_id in trials]
    tfidf = None
    if data.system.document_form == "tfidf":
        tfidf = data.tfidf.features, data.tfidf.inverse_frequency
    tables = {m.info.embeddings: m.embeddings for m in loaded if m.embeddings is not None}
    return Hierarchy(
        data.run.system,
        corpus_with_id(store, data.run.corpus_id).language,
        data.settings.max_words,
        data.as_graph,
        data.rule.consistent,
        taxonomy_of(store, data.run.corpus_id).with_ancestors(c.key for c in categories),
        data.vocabulary,
        [ExportedModel(m.info, m.state) for m in loaded],
        {name: table for name, table in tables.items() if name is not None},
        {c.key: category_rule(store, data, c, data.rule, device) for c in trained},
        {},
        tfidf,
    )


def scorer_of(store: Store, data: RunData, category: RunCategory, device: torch.device) -> Scorer:
    """The scorer of a category that has a model."""
    return hierarchy_of(store, data, data.model_categories(category), device).scorer(device)


def reader_of(store: Store, data: RunData) -> TextReader:
    """The text reader of a run."""
    language = corpus_with_id(store, data.run.corpus_id).language
    return TextReader(language, data.settings.max_words, as_graph=data.as_graph)
