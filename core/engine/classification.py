"""A run's models, loaded to classify texts."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from core.classifier import Classifier
from core.engine.run_data import RunData
from core.engine.scores import category_rule
from core.errors import ConflictError
from core.scorers import LinearScorer, NetworksScorer, Scorer, SharedNetworkScorer
from core.text_reader import TextReader
from core.workspace import Workspace
from db.connection import Store
from db.corpora import corpus_with_id, taxonomy_of
from db.runs import Run, RunCategory, run_categories


def load_classifier(
    store: Store, workspace: Workspace, run: Run, device: torch.device
) -> tuple[Classifier, int]:
    """The classifier of a run, and how many of its categories have no model (yet).

    Raises `ConflictError` if none has one.
    """
    data = RunData(store, workspace, run)
    categories = run_categories(store, run.id)
    trained = [category for category in categories if category.kept_trial_id is not None]
    if not trained:
        raise ConflictError(
            f"no category of run {run.name!r} is trained yet; see: htrans-tui status {run.name}"
        )
    classifier = Classifier(
        taxonomy_of(store, run.corpus_id).with_ancestors(c.key for c in categories),
        [scorer_of(data, trained, device)],
        {c.key: category_rule(store, data, c, data.rule, device) for c in trained},
        reader_of(store, data),
        data.vocabulary,
        data.rule.consistent,
    )
    return classifier, len(categories) - len(trained)


def scorer_of(data: RunData, trained: Sequence[RunCategory], device: torch.device) -> Scorer:
    """What scores texts for the given categories, which have a model."""
    trials = {c.key: c.kept_trial_id for c in trained if c.kept_trial_id is not None}
    if data.system.is_linear:
        models = {key: data.linear_model(trial_id) for key, trial_id in trials.items()}
        return LinearScorer(models, data.tfidf)
    if data.system.joint:
        lead = trained[0]
        assert lead.kept_trial_id is not None
        served = tuple(category.key for category in data.together(lead))
        return SharedNetworkScorer(data.network(lead.kept_trial_id), served, device)
    return NetworksScorer({key: data.network(trial) for key, trial in trials.items()}, device)


def reader_of(store: Store, data: RunData) -> TextReader:
    """How the run reads a text."""
    language = corpus_with_id(store, data.run.corpus_id).language
    as_graph = data.system.network == "dgcnn"
    return TextReader(language, data.settings.max_words, as_graph=as_graph)
