"""The class weights of the selected category and what each came to."""

from __future__ import annotations

from typing import Any

from rich.text import Text
from textual.widgets import DataTable

from core.text.plain_text import printable
from htrans_tui.app.snapshot import Details, TrialCurves
from htrans_tui.formatting import STATE_SIGNS, rate, weight

_COLUMNS = ("w", "state", "P", "R", "F1", "best epoch", "loss", "val loss", "reason")


class TrialTable(DataTable[Text]):
    """One row for each class weight; the chosen one has a star."""

    def on_mount(self) -> None:
        """Make the columns."""
        self.cursor_type = "row"
        for column in _COLUMNS:
            self.add_column(column, key=column)
        self._shown: Details | None = None

    def show(self, details: Details | None) -> None:
        """Fill the rows again if they have changed."""
        if details == self._shown:
            return
        self._shown = details
        row = self.cursor_row
        self.clear()
        if details is None:
            return
        for curves in details.trials:
            chosen = (
                details.category.state == "done"
                and curves.trial.class_weight == details.category.class_weight
            )
            self.add_row(*_cells(curves, chosen))
        self.move_cursor(row=row)

    def records(self) -> tuple[list[str], list[list[Any]]]:
        """Header and rows of the table with all digits."""
        names = (
            *("class_weight", "state", "precision", "recall", "f1", "kept_epoch"),
            *("training_loss", "validation_loss", "seconds", "reason"),
        )
        trials = () if self._shown is None else self._shown.trials
        return list(names), [[getattr(t.trial, name) for name in names] for t in trials]


def _cells(curves: TrialCurves, chosen: bool) -> list[Text]:
    trial = curves.trial
    epoch = "" if trial.kept_epoch is None else str(trial.kept_epoch)
    if trial.state == "running" and trial.epoch is not None:
        epoch = f"{epoch or '–'} (at {trial.epoch})"
    values = [
        weight(trial.class_weight) + ("★" if chosen else " "),
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
