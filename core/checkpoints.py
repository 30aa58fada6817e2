"""Resume state on disk: whole or absent, and loaded without unpickling code."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch

from core.errors import CorruptFileError
from core.files import replacing
from core.training import Checkpoint

_FORMAT = "htrans-checkpoint-1"


def save_checkpoint(path: Path, checkpoint: Checkpoint, trial: str) -> None:
    """Write the resume state of `trial`, a text that identifies it."""
    with replacing(path) as temporary:
        torch.save({"format": _FORMAT, "trial": trial, "checkpoint": checkpoint}, temporary)


def load_checkpoint(path: Path, trial: str) -> Checkpoint | None:
    """The resume state of `trial`, or None if there is no file.

    Raises `CorruptFileError` for a file that is damaged or belongs to another trial.
    """
    if not path.exists():
        return None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, OSError, ValueError, KeyError) as error:
        raise CorruptFileError(f"{path}: not a readable checkpoint ({error})") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise CorruptFileError(f"{path}: not a checkpoint of this program")
    if content["trial"] != trial:
        raise CorruptFileError(f"{path}: belongs to {content['trial']}, not to {trial}")
    checkpoint: Checkpoint = content["checkpoint"]
    return checkpoint
