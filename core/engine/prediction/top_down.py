"""Bounds below which a category need not be asked, because its parent's score says enough.

A hierarchy of binary classifiers asks every category about every document. Most are far from being
accepted, and so are their parents. For each category with children the bound is the lowest score
that it gives to a validation document that some category below it accepts, less a margin: no label
that is accepted on validation is lost.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch

from core.corpus.examples import Examples
from core.engine.artifacts.run_data import RunData
from core.engine.scoring.scores import category_rule, scores_of
from core.metrics.calibration import logit, sigmoid
from core.progress import Progress
from core.systems.trial import ScoringInputs
from db.connection import Store
from db.corpora import taxonomy_of
from db.run_categories import RunCategory, run_categories
from db.thresholds import record_top_down_bounds, set_thresholds, top_down_bounds

MARGIN = 2.0
"""How far a bound lies below the lowest score seen, in logits."""
HIGHEST = 0.05
"""No bound is above this: few documents have been seen, and not all kinds of them."""


def bounds_of(
    store: Store,
    data: RunData,
    device: torch.device,
    progress: Progress = lambda _done, _total: None,
) -> dict[str, float]:
    """The bound of each category that has an ancestor with a model, on that one's scores.

    They are learned once and kept, until a model or a threshold of the run changes.
    """
    trained = {c.key: c for c in run_categories(store, data.run.id) if c.kept_trial_id is not None}
    models = _fingerprint(store, data, trained)
    known = top_down_bounds(store, data.run.id, models)
    if known is None:
        known = _learn(store, data, trained, device, progress)
        record_top_down_bounds(store, data.run.id, models, known)
    return known


def _learn(
    store: Store,
    data: RunData,
    trained: dict[str, RunCategory],
    device: torch.device,
    progress: Progress,
) -> dict[str, float]:
    gates = gates_of(store, data, trained)
    total = len(trained) + len(set(gates.values()))
    accepted = {}
    for done, (key, category) in enumerate(trained.items()):
        progress(done, total)
        examples, scores = scores_of(data, category, "validation", device)
        rule = category_rule(store, data, category, data.rule, device)
        accepted[key] = examples.rows[rule.accepts(scores)]
    lowest: dict[str, float] = {}
    below = accepted_below(accepted, gates)
    for done, (key, rows) in enumerate(below.items(), start=len(trained)):
        progress(done, total)
        found = _scores_on(data, trained[key], rows, device)
        lowest[key] = _bound(float(found.min())) if len(found) else HIGHEST
    return {key: lowest[gate] for key, gate in gates.items()}


def accepted_below(
    accepted: Mapping[str, npt.NDArray[np.int64]], gates: Mapping[str, str]
) -> dict[str, npt.NDArray[np.int64]]:
    """For each category that is a gate the documents that categories below it accept, ascending.

    Those at any depth count: what a gate keeps out, nobody further down is asked about.
    """
    below: dict[str, list[npt.NDArray[np.int64]]] = {gate: [] for gate in gates.values()}
    for key, rows in accepted.items():
        gate = gates.get(key)
        while gate is not None:
            below[gate].append(rows)
            gate = gates.get(gate)
    return {gate: np.unique(np.concatenate(rows)) for gate, rows in below.items()}


def _bound(lowest: float) -> float:
    return min(HIGHEST, lowest, float(sigmoid(logit(np.float64(lowest)) - MARGIN)))


def gates_of(store: Store, data: RunData, trained: dict[str, RunCategory]) -> dict[str, str]:
    """For each trained category its nearest ancestor that is trained, where there is one."""
    taxonomy = taxonomy_of(store, data.run.corpus_id)
    gates = {}
    for key in trained:
        ancestor = next((a for a in taxonomy.ancestors(key) if a in trained), None)
        if ancestor is not None:
            gates[key] = ancestor
    return gates


def _scores_on(
    data: RunData,
    category: RunCategory,
    rows: npt.NDArray[np.int64],
    device: torch.device,
) -> npt.NDArray[np.float32]:
    """The scores (rows,) of documents of the corpus under a category's model."""
    trial_id = category.kept_trial_id
    assert trial_id is not None
    inputs = ScoringInputs(
        lambda: data.model_of(trial_id),
        "test",
        Examples(data.tokens, rows, np.zeros(len(rows), dtype=np.bool_), data.max_words),
        category.key,
        data.settings,
        lambda: data.tfidf.vectors(data.tokens, rows),
    )
    columns = data.system.scores(inputs, device, lambda: False)
    keys = [member.key for member in data.model_categories(category)]
    return columns[:, keys.index(category.key)]


def _fingerprint(store: Store, data: RunData, trained: dict[str, RunCategory]) -> str:
    kept = {key: category.kept_trial_id for key, category in trained.items()}
    by_hand = {key: own.threshold for key, own in set_thresholds(store, data.run.id).items()}
    content = json.dumps([kept, by_hand, MARGIN, HIGHEST], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()
