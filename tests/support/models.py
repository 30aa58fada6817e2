"""Model files written directly, without a trial."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from core.files import write_bytes
from core.models.model_files import ModelInfo, model_content


def save_model(path: Path, state: dict[str, Tensor], info: ModelInfo) -> None:
    """Write all parameters but the embedding table."""
    write_bytes(path, model_content(state, info))
