"""The command line and the terminal app of htrans-tui, and what Python programs use of it.

    from htrans_tui import HTransClassifier, load

    model = load("exported-folder")              # see `core.prediction.exported.Model`
    HTransClassifier().fit(texts, labels, taxonomy)  # see `core.engine.prediction.estimator`

Importing this loads neither torch nor spaCy; both names load what they need when they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from core.engine.prediction.estimator import HTransClassifier
    from core.prediction.exported import Model

__all__ = ["HTransClassifier", "load"]


def load(folder: str | Path, device: str = "cpu") -> Model:
    """Load a model that `htrans-tui export` wrote, onto a device of torch.

    Raises `core.errors.HTransError` if the folder does not hold one, whole and unchanged.
    """
    from core.prediction.exported import load_model

    return load_model(folder, device)


def __getattr__(name: str) -> Any:
    if name == "HTransClassifier":
        from core.engine.prediction.estimator import HTransClassifier

        return HTransClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
