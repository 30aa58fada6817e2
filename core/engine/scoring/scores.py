"""Scores of a run's models on a split, kept on disk, and what each category makes of its own.

Scores are one memory-mapped float32 array for each category, split and trial whose model gave them,
as the model gives them: no threshold and no calibration changes what is on disk.
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
    """A category's documents of a split and their scores, from disk or computed and kept there.

    The split "validation" is the category's own, or that of the model which it shares; for a linear
    model it is all training documents, each scored without having trained. Raises
    `ScoringAbandonedError` if `stop` says so. A category without a model has score 0 everywhere.
    """
    examples = data.examples(category, "test") if split == "test" else _validation(data, category)
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


def save_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Keep an array, such as scores (documents,), on disk."""
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
    """From which score on a category accepts under `rule`.

    A threshold that somebody has set goes before that of the run's own rule. What validation says
    of a model's scores is computed once and recorded.
    """
    trial_id = category.kept_trial_id
    if trial_id is None:
        return CategoryRule()
    # Another way to decide than the run's own is asked for to see what it would do by itself.
    by_hand = set_threshold(store, trial_id, category.id) if rule == data.rule else None
    fit = None
    if rule.needs_validation:
        fit = platt_params(store, trial_id, category.id)
        if fit is None:
            examples, scores = scores_of(data, category, "validation", device, stop)
            fit = _fit(examples, scores)
            with store.write():
                record_platt_params(store, trial_id, category.id, fit)
    return rule_from(rule, fit, by_hand)


def _fit(examples: Examples, scores: Scores) -> PlattParams:
    threshold = best_threshold(examples.targets, scores, THRESHOLD).value
    calibration = platt(examples.targets, logit(scores))
    if calibration is None:
        return PlattParams(threshold, None, None)
    return PlattParams(threshold, calibration.slope, calibration.intercept)


def _validation(data: RunData, category: RunCategory) -> Examples:
    together = data.model_categories(category)
    validation = data.validation(together)
    if not data.system.shared_model:
        return validation
    output = [member.id for member in together].index(category.id)
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
    """Score the documents and keep the scores of every category that the model serves."""
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
    """Keep probabilities (documents, categories) of all that the category's model serves."""
    for place, one in enumerate(data.model_categories(category)):
        path = scores_path(data.folder, one.id, trial_id, split)
        save_array(path, np.ascontiguousarray(columns[:, place]))


def _load(path: Path, documents: int) -> Scores | None:
    try:
        scores: Scores = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        return None
    return scores if scores.shape == (documents,) else None
