"""Command line, terminal app and Python API of htrans-tui.

    from htrans_tui import HTransClassifier, load

    model = load("exported-folder")              # see `core.prediction.exported.Model`
    HTransClassifier().fit(texts, labels, taxonomy)  # see `core.engine.prediction.estimator`

Importing this package loads neither torch nor spaCy. Both names load them on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from core.engine.prediction.estimator import HTransClassifier
    from core.prediction.exported import Model

__all__ = ["HTransClassifier", "load"]


def load(folder: str | Path, device: str = "cpu") -> Model:
    """Load an exported model.

    Args:
        folder: The folder written by `htrans-tui export`.
        device: Name of a torch device, such as "cpu" or "cuda:0".

    Raises:
        core.errors.HTransError: If the folder holds no model, or if a file is missing or changed.
    """
    from core.prediction.exported import load_model

    return load_model(folder, device)


def __getattr__(name: str) -> Any:
    if name == "HTransClassifier":
        from core.engine.prediction.estimator import HTransClassifier

        return HTransClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
