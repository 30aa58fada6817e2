"""Tables shared by several commands."""

from __future__ import annotations

from core.engine.monitoring.status import CategoryStatus, RunStatus, Status
from htrans_tui.cli.output import print_table, say
from htrans_tui.formatting import STATE_SIGNS, duration, rate, weight


def print_tree(status: Status) -> None:
    """Print the taxonomy with the state, class weight and F1 of each category."""
    rows = []
    for category in status.categories:
        state = "silent" if category.silent_seconds is not None else category.state
        rows.append(
            [
                f"{'  ' * (category.level - 1)}{STATE_SIGNS[state]} {_label(category)}",
                f"{category.positives:,}",
                state + (" (stale)" if category.stale else ""),
                weight(category.class_weight),
                "" if category.epoch is None else str(category.epoch),
                rate(category.training_loss),
                rate(category.validation_f1),
                rate(category.test_f1),
            ]
        )
    header = ["category", "pos", "state", "weight", "epoch", "loss", "val F1", "test F1"]
    print_table(header, rows, "lrlrrrrr")


def _label(category: CategoryStatus) -> str:
    key, name = category.key, category.name
    text = key if key == name else f"{key} {name}"
    return text if len(text) <= 48 else text[:47] + "…"


def run_line(run: RunStatus) -> str:
    """Format a run in one line: name, system, state, ETA."""
    parts = [run.run.name, run.run.system, f"{run.run.state} {run.done}/{run.total}"]
    if run.eta_seconds is not None:
        parts.append(f"ETA {duration(run.eta_seconds)} ({run.eta_basis})")
    return " · ".join(parts)


def print_f1(run: RunStatus) -> None:
    """Print micro- and macro-F1 on the test documents, or how to compute them."""
    if run.test_micro_f1 is not None and run.test_macro_f1 is not None:
        print(f"test micro-F1 {run.test_micro_f1:.4f}  macro-F1 {run.test_macro_f1:.4f}")
    else:
        say(f"no test metrics yet; compute them with: htrans-tui evaluate {run.run.name}")
