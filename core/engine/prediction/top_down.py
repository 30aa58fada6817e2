"""Bounds of top-down prediction: a category is scored only if its ancestor's score is high enough.

The bound of an ancestor is its lowest score on a validation document that a category below it
accepts, minus a margin. So no label that is accepted on the validation documents is lost. Most
documents have low scores at the upper levels, so most categories need not be scored.
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
"""Distance of a bound from the lowest observed score, in logits."""
MAX_BOUND = 0.05
"""Upper limit of a bound, because the validation documents are only a sample."""


def bounds_of(
    store: Store,
    data: RunData,
    device: torch.device,
    progress: Progress = lambda _done, _total: None,
) -> dict[str, float]:
    """The bound of each category on the score of its nearest ancestor with a model.

    Bounds are computed once and recorded, until a model or a threshold of the run changes.

    Args:
        store: The database.
        data: Data of the run.
        device: Where to compute missing scores.
        progress: Called with the number of completed categories and their total.

    Returns:
        Bounds by category key; categories without such an ancestor are absent.
    """
    trained = {c.key: c for c in run_categories(store, data.run.id) if c.kept_trial_id is not None}
    models = _fingerprint(store, data, trained)
    bounds = top_down_bounds(store, data.run.id, models)
    if bounds is None:
        bounds = compute_bounds(store, data, trained, device, progress)
        record_top_down_bounds(store, data.run.id, models, bounds)
    return bounds


def compute_bounds(
    store: Store,
    data: RunData,
    trained: dict[str, RunCategory],
    device: torch.device,
    progress: Progress,
) -> dict[str, float]:
    """Compute the bounds anew. See `bounds_of`."""
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
        scores = _scores_on(data, trained[key], rows, device)
        lowest[key] = bound_below(float(scores.min())) if len(scores) else MAX_BOUND
    return {key: lowest[gate] for key, gate in gates.items()}


def accepted_below(
    accepted: Mapping[str, npt.NDArray[np.int64]], gates: Mapping[str, str]
) -> dict[str, npt.NDArray[np.int64]]:
    """The documents that the descendants of each gate accept, ascending.

    Descendants at any depth count, because a document that a gate rejects is not passed on.
    """
    below: dict[str, list[npt.NDArray[np.int64]]] = {gate: [] for gate in gates.values()}
    for key, rows in accepted.items():
        gate = gates.get(key)
        while gate is not None:
            below[gate].append(rows)
            gate = gates.get(gate)
    return {gate: np.unique(np.concatenate(rows)) for gate, rows in below.items()}


def bound_below(lowest: float) -> float:
    """Return the bound for a gate whose lowest score to pass is `lowest`."""
    return min(MAX_BOUND, lowest, float(sigmoid(logit(np.float64(lowest)) - MARGIN)))


def gates_of(store: Store, data: RunData, trained: dict[str, RunCategory]) -> dict[str, str]:
    """The gate of each trained category: its nearest trained ancestor, if there is one."""
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
    """The scores (rows,) of documents under a category's model."""
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
    trials = {key: category.kept_trial_id for key, category in trained.items()}
    thresholds = {key: own.threshold for key, own in set_thresholds(store, data.run.id).items()}
    content = json.dumps([trials, thresholds, MARGIN, MAX_BOUND], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()
