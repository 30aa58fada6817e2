"""Help: all keys, made from the registry of actions."""

from __future__ import annotations

from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from htrans_tui.actions import Scope, actions_in
from htrans_tui.format import STATE_SIGNS

_SCOPES: tuple[tuple[Scope, str], ...] = (
    ("app", "Everywhere"),
    ("runs", "Runs"),
    ("monitor", "Monitor"),
    ("compare", "Compare"),
    ("log", "Log"),
    ("classify", "Classify"),
)
_KEY_NAMES = {"question_mark": "?", "slash": "/", "plus": "+", "minus": "-"}


class HelpScreen(ModalScreen[None]):
    """A list of keys over the screen that it was called from."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1", "app.pop_screen", "Close")
    ]

    def compose(self) -> ComposeResult:
        """One table of keys for each scope, and the signs of the states."""
        with VerticalScroll(id="help"):
            yield Static(keys_table(), id="keys")

    def on_mount(self) -> None:
        """Let arrow keys scroll at once."""
        self.query_one("#help").focus()


def keys_table() -> Table:
    """All actions by where they apply, and the signs of the states."""
    table = Table(box=None, show_header=False, padding=(0, 1))
    for scope, title in _SCOPES:
        table.add_row(Text(title, style="bold"), "")
        for action in actions_in(scope):
            key = _KEY_NAMES.get(action.key, action.key)
            table.add_row(Text(f"  {key}"), Text(action.description))
    table.add_row(Text("States", style="bold"), "")
    for state, sign in STATE_SIGNS.items():
        table.add_row(Text(f"  {sign}"), Text(state))
    table.add_row("", Text("Escape closes this help; ctrl+p opens the command palette."))
    return table
