"""The names of a run's files.

c12-a1-w5.k000002.safetensors   model: category row 12, attempt 1, class weight 5, second claim
c12-a1-w5.k000002.resume        its checkpoint while it trains, and .resume.previous before it
c12-t31.test-scores.npy         probabilities of the test documents under the model of trial 31
"""

from __future__ import annotations

import re
from pathlib import Path

from core.checkpoints import TrialCheckpoints
from db.trials import Claim

MODEL = re.compile(r"c\d+-a\d+-w[^/]+\.k\d+\.safetensors")
CHECKPOINT = re.compile(r"c(\d+)-a(\d+)-w([^/]+)\.k(\d+)\.resume(\.previous)?")
"""Groups: category row, attempt, class weight, claim, whether it is the one before the newest."""
SCORES = re.compile(r"c(\d+)-t(\d+)\.(test|validation)-scores\.npy")
"""Groups: category row, trial, split."""


def trial_identity(run_id: int, trial_id: int) -> str:
    """What a checkpoint says that it is of."""
    return f"run {run_id} trial {trial_id}"


def model_path(folder: Path, claim: Claim) -> Path:
    """Where a claim's model goes; no other claim writes there."""
    return folder / f"{_stem(claim)}.k{claim.number:06d}.safetensors"


def checkpoints_of(folder: Path, claim: Claim) -> TrialCheckpoints:
    """The checkpoints of a claimed trial."""
    return TrialCheckpoints(folder, _stem(claim), trial_identity(claim.run_id, claim.trial_id))


def scores_path(folder: Path, run_category_id: int, trial_id: int, split: str) -> Path:
    """Where the probabilities of a split under a trial's model lie."""
    return folder / f"c{run_category_id}-t{trial_id}.{split}-scores.npy"


def _stem(claim: Claim) -> str:
    return f"c{claim.run_category_id}-a{claim.attempt}-w{claim.class_weight:g}"
