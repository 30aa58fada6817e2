"""A line or more of plain text that is drawn only when it says something else."""

from __future__ import annotations

from textual.widgets import Static


class Said(Static):
    """Text without markup; saying the same again costs nothing."""

    def __init__(self, text: str = "", *, id: str) -> None:
        super().__init__(text, id=id, markup=False)
        self._said = text

    def say(self, text: str) -> None:
        """Show another text."""
        if text != self._said:
            self._said = text
            self.update(text)
