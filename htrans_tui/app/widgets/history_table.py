"""Attempts of the selected category; a star marks the active model."""

from __future__ import annotations

import json
from dataclasses import astuple, fields
from datetime import datetime
from typing import Any

from rich.text import Text
from textual.widgets import DataTable

from core.engine.monitoring.history import PastAttempt
from core.text.plain_text import printable
from htrans_tui.app.snapshot import Details
from htrans_tui.formatting import duration, rate, weight

_COLUMNS = ("attempt", "from", "weight", "F1", "test", "best epoch", "time", "started", "changes")


class HistoryTable(DataTable[Text]):
    """Table with one row per attempt, newest first."""

    def on_mount(self) -> None:
        """Add the columns."""
        self.cursor_type = "row"
        for column in _COLUMNS:
            self.add_column(column, key=column)
        self._shown: tuple[PastAttempt, ...] | None = None

    def show(self, details: Details | None) -> None:
        """Update the rows if they changed."""
        history = () if details is None else details.history
        if history == self._shown:
            return
        row = self.cursor_row
        self._shown = history
        self.clear()
        for attempt in history:
            self.add_row(*_cells(attempt), key=str(attempt.attempt))
        self.move_cursor(row=row)

    @property
    def cursor_attempt(self) -> PastAttempt | None:
        """The attempt under the cursor."""
        if not self._shown or not 0 <= self.cursor_row < len(self._shown):
            return None
        return self._shown[self.cursor_row]

    def records(self) -> tuple[list[str], list[list[Any]]]:
        """Return header and rows with unrounded values, for CSV."""
        names = [field.name for field in fields(PastAttempt)]
        return names, [list(astuple(attempt)) for attempt in self._shown or ()]


def _cells(attempt: PastAttempt) -> list[Text]:
    changes = json.loads(attempt.changes)
    started = datetime.fromtimestamp(attempt.created_at).strftime("%m-%d %H:%M")
    return [
        Text(f"{attempt.attempt}{'★' if attempt.current else ' '}"),
        Text(attempt.origin),
        Text(weight(attempt.class_weight)),
        Text(rate(attempt.validation_f1)),
        Text(rate(attempt.test_f1)),
        Text("" if attempt.epoch is None else str(attempt.epoch)),
        Text(duration(attempt.seconds)),
        Text(started),
        Text(printable(", ".join(f"{name} {value}" for name, value in changes.items()))),
    ]
