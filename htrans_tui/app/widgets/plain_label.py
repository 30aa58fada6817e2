"""A label of plain text that redraws only if its text changes."""

from __future__ import annotations

from textual.widgets import Static


class PlainLabel(Static):
    """Text without markup. Its height does not depend on the text."""

    def __init__(self, text: str = "", *, id: str) -> None:
        super().__init__(text, id=id, markup=False)
        self._text = text

    def set_text(self, text: str) -> None:
        """Set the text. Does nothing if it is unchanged."""
        if text != self._text:
            self._text = text
            self.update(text, layout=False)
