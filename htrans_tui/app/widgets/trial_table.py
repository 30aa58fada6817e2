"""Trials of the selected category: one class weight each, with its metrics."""

from __future__ import annotations

from typing import Any

from rich.text import Text
from textual.widgets import DataTable

from core.text.plain_text import printable
from htrans_tui.app.snapshot import Details, TrialCurves
from htrans_tui.formatting import STATE_SIGNS, rate, weight

_COLUMNS = ("weight", "state", "P", "R", "F1", "best epoch", "loss", "val loss", "reason")


class TrialTable(DataTable[Text]):
    """Table with one row per class weight; a star marks the selected one."""

    def on_mount(self) -> None:
        """Add the columns."""
        self.cursor_type = "row"
        for column in _COLUMNS:
            self.add_column(column, key=column)
        self._shown: Details | None = None

    def show(self, details: Details | None) -> None:
        """Update the rows if they changed."""
        if details == self._shown:
            return
        self._shown = details
        row = self.cursor_row
        self.clear()
        if details is None:
            return
        for curves in details.trials:
            is_selected = (
                details.category.state == "done"
                and curves.trial.class_weight == details.category.class_weight
            )
            self.add_row(*_cells(curves, is_selected))
        self.move_cursor(row=row)

    def records(self) -> tuple[list[str], list[list[Any]]]:
        """Return header and rows with unrounded values, for CSV."""
        names = (
            *("class_weight", "state", "precision", "recall", "f1", "kept_epoch"),
            *("training_loss", "validation_loss", "seconds", "reason"),
        )
        trials = () if self._shown is None else self._shown.trials
        return list(names), [[getattr(t.trial, name) for name in names] for t in trials]


def _cells(curves: TrialCurves, is_selected: bool) -> list[Text]:
    trial = curves.trial
    epoch = "" if trial.kept_epoch is None else str(trial.kept_epoch)
    if trial.state == "running" and trial.epoch is not None:
        epoch = f"{epoch or '–'} (now {trial.epoch})"
    values = [
        weight(trial.class_weight) + ("★" if is_selected else " "),
        f"{STATE_SIGNS[trial.state]} {trial.state}",
        rate(trial.precision),
        rate(trial.recall),
        rate(trial.f1),
        epoch,
        rate(trial.training_loss),
        rate(trial.validation_loss),
        printable(trial.reason or ""),
    ]
    return [Text(value) for value in values]
