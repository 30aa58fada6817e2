"""A run's models, loaded to classify text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch

from core.classifier import Classifier, LinearScorer, NetworkScorer, Scorer
from core.engine.run_data import RunData
from core.engine.scores import category_rule
from core.errors import ConflictError
from core.tokens import ALL_WORDS, tokenizer_for
from core.word_graph import content_words_for
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
    rules = {c.key: category_rule(store, data, c, data.rule, device) for c in trained}
    classifier = Classifier(
        taxonomy_of(store, run.corpus_id).with_ancestors(c.key for c in categories),
        list(_scorers(data, trained, device)),
        rules,
        _reader(store, data),
        data.rule.consistent,
    )
    return classifier, len(categories) - len(trained)


def _scorers(
    data: RunData, trained: Sequence[RunCategory], device: torch.device
) -> Iterator[Scorer]:
    trials = {c.key: c.kept_trial_id for c in trained if c.kept_trial_id is not None}
    if data.system.is_linear:
        models = {key: data.linear_model(trial_id) for key, trial_id in trials.items()}
        yield LinearScorer(models, data.vocabulary, data.tfidf)
        return
    as_graph = data.system.network == "dgcnn"
    for trial_id in dict.fromkeys(trials.values()):
        served = tuple(key for key, kept in trials.items() if kept == trial_id)
        network = data.network(trial_id)
        yield NetworkScorer(network, served, data.vocabulary, device, as_graph=as_graph)


def _reader(store: Store, data: RunData) -> Callable[[str], list[str]]:
    language = corpus_with_id(store, data.run.corpus_id).language
    words = data.settings.max_words or ALL_WORDS
    read = content_words_for if data.system.network == "dgcnn" else tokenizer_for
    tokenize = read(language)
    return lambda text: tokenize(text, words)
