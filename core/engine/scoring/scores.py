"""Scores of a run's models on a split, cached on disk, and decision rules fitted to them.

Each category, split and trial has one memory-mapped float32 array of raw model scores. Thresholds
and calibration are not applied to it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from core.corpus.examples import Examples
from core.engine.artifacts.run_data import RunData
from core.engine.artifacts.run_files import scores_path
from core.engine.scoring.decision_rules import rule_from
from core.files import replacing
from core.metrics.calibration import logit, platt
from core.metrics.decisions import THRESHOLD, CategoryRule, DecisionRule, Scores
from core.metrics.platt_params import PlattParams
from core.metrics.thresholds import best_threshold
from core.systems.trial import ScoringInputs
from db.connection import Store
from db.metrics import platt_params, record_platt_params
from db.run_categories import RunCategory
from db.thresholds import set_threshold

Stop = Callable[[], bool]


def scores_of(
    data: RunData,
    category: RunCategory,
    split: str,
    device: torch.device,
    stop: Stop = lambda: False,
) -> tuple[Examples, Scores]:
    """The documents of a split and their scores under a category's model.

    Missing scores are computed and cached on disk. Without a model, all scores are 0.

    Args:
        data: Data of the run.
        category: The category.
        split: "test", or "validation" for the validation documents of the category's model. For a
            linear model these are all training documents, scored by cross-validation.
        device: Where to compute scores.
        stop: Polled between batches; True abandons the computation.

    Returns:
        The documents and their scores (documents,).

    Raises:
        ScoringAbandonedError: `stop` returned True.
    """
    examples = examples_of(data, category, split)
    trial_id = category.kept_trial_id
    if trial_id is None:
        return examples, np.zeros(len(examples), dtype=np.float32)
    path = scores_path(data.folder, category.id, trial_id, split)
    scores = _load(path, len(examples))
    if scores is None:
        _compute(data, category, trial_id, split, examples, device, stop)
        scores = _load(path, len(examples))
        assert scores is not None
    return examples, scores


def examples_of(data: RunData, category: RunCategory, split: str) -> Examples:
    """The documents of a category's split "test" or "validation", with targets (documents,)."""
    return data.examples(category, "test") if split == "test" else _validation(data, category)


def save_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write an array to disk. Atomic."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, array)


def category_rule(
    store: Store,
    data: RunData,
    category: RunCategory,
    rule: DecisionRule,
    device: torch.device,
    stop: Stop = lambda: False,
) -> CategoryRule:
    """The decision rule of a category under `rule`.

    A manual threshold takes precedence if `rule` is the rule of the run. The parameters that are
    fitted to validation documents are computed once and recorded.

    Raises:
        ScoringAbandonedError: `stop` returned True.
    """
    trial_id = category.kept_trial_id
    if trial_id is None:
        return CategoryRule()
    manual = set_threshold(store, trial_id, category.id) if rule == data.rule else None
    params = None
    if rule.needs_validation:
        params = platt_params(store, trial_id, category.id)
        if params is None:
            examples, scores = scores_of(data, category, "validation", device, stop)
            params = _fit(examples, scores)
            with store.write():
                record_platt_params(store, trial_id, category.id, params)
    return rule_from(rule, params, manual)


def _fit(examples: Examples, scores: Scores) -> PlattParams:
    threshold = best_threshold(examples.targets, scores, THRESHOLD).value
    calibration = platt(examples.targets, logit(scores))
    if calibration is None:
        return PlattParams(threshold, None, None)
    return PlattParams(threshold, calibration.slope, calibration.intercept)


def _validation(data: RunData, category: RunCategory) -> Examples:
    members = data.model_categories(category)
    validation = data.validation(members)
    if not data.system.shared_model:
        return validation
    output = [member.id for member in members].index(category.id)
    targets = validation.targets[:, output]
    return Examples(validation.tokens, validation.rows, targets, validation.max_words)


def _compute(
    data: RunData,
    category: RunCategory,
    trial_id: int,
    split: str,
    examples: Examples,
    device: torch.device,
    stop: Stop,
) -> None:
    """Score the documents and save the scores of every category of the model."""
    inputs = ScoringInputs(
        lambda: data.model_of(trial_id),
        split,
        examples,
        category.key,
        data.settings,
        lambda: data.test_vectors if split == "test" else data.training_vectors,
    )
    save_scores(data, category, trial_id, split, data.system.scores(inputs, device, stop))


def save_scores(
    data: RunData,
    category: RunCategory,
    trial_id: int,
    split: str,
    columns: npt.NDArray[np.float32],
) -> None:
    """Save the scores (documents, categories) of all categories of a category's model."""
    for index, member in enumerate(data.model_categories(category)):
        path = scores_path(data.folder, member.id, trial_id, split)
        save_array(path, np.ascontiguousarray(columns[:, index]))


def _load(path: Path, documents: int) -> Scores | None:
    try:
        scores: Scores = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        return None
    return scores if scores.shape == (documents,) else None
