"""The names of a run's files.

c12-a1-w5.k000002.safetensors   model: category row 12, attempt 1, class weight 5, second claim
c12-a1-w5.k000002.resume        its checkpoint; .resume.previous is the checkpoint before that
c12-t31.test-scores.npy         scores of the test documents under the model of trial 31
c12-t31.validation-rows.npy     numbers of the documents that its validation scores belong to
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from db.trials import Claim

if TYPE_CHECKING:
    from core.training.checkpoints import TrialCheckpoints

MODEL = re.compile(r"c\d+-a\d+-w[^/]+\.k\d+\.safetensors")
CHECKPOINT = re.compile(r"c(\d+)-a(\d+)-w([^/]+)\.k(\d+)\.resume(\.previous)?")
"""Groups: category row, attempt, class weight, claim, ".previous" or None."""
SCORES = re.compile(r"c(\d+)-t(\d+)\.(test|validation)-(?:scores|rows)\.npy")
"""Groups: category row, trial, split."""


def trial_identity(run_id: int, trial_id: int) -> str:
    """The trial identity that a checkpoint contains."""
    return f"run {run_id} trial {trial_id}"


def model_path(folder: Path, claim: Claim) -> Path:
    """The model file of a claim. Each claim has a separate file."""
    return folder / f"{_stem(claim)}.k{claim.number:06d}.safetensors"


def checkpoints_of(folder: Path, claim: Claim) -> TrialCheckpoints:
    """The checkpoints of a claimed trial."""
    # Imported here because it needs torch; the names do not.
    from core.training.checkpoints import TrialCheckpoints

    return TrialCheckpoints(folder, _stem(claim), trial_identity(claim.run_id, claim.trial_id))


def scores_path(folder: Path, run_category_id: int, trial_id: int, split: str) -> Path:
    """The file of the scores of a split under a trial's model."""
    return folder / f"c{run_category_id}-t{trial_id}.{split}-scores.npy"


def rows_path(folder: Path, run_category_id: int, trial_id: int) -> Path:
    """The file of the document numbers that belong to validation scores."""
    return folder / f"c{run_category_id}-t{trial_id}.validation-rows.npy"


def _stem(claim: Claim) -> str:
    return f"c{claim.run_category_id}-a{claim.attempt}-w{claim.class_weight:g}"
