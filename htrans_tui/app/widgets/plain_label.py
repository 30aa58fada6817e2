"""A line of plain text that is drawn only when it says something else."""

from __future__ import annotations

from textual.widgets import Static


class PlainLabel(Static):
    """Text without markup, of a height that the text does not change."""

    def __init__(self, text: str = "", *, id: str) -> None:
        super().__init__(text, id=id, markup=False)
        self._said = text

    def say(self, text: str) -> None:
        """Show another text; saying the same again costs nothing."""
        if text != self._said:
            self._said = text
            self.update(text, layout=False)
