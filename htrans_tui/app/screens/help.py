"""Help: all keys, made from the registry of actions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from htrans_tui.app.actions import Scope, actions_in, key_sign, keys_of
from htrans_tui.app.widgets.category_table import ALERT, STALE
from htrans_tui.formatting import STATE_SIGNS

_SCOPES: tuple[tuple[Scope, str], ...] = (
    ("app", "Everywhere"),
    ("runs", "Runs"),
    ("monitor", "Monitor"),
    ("predictions", "Predictions"),
    ("compare", "Compare"),
    ("log", "Log"),
    ("classify", "Classify"),
)


class HelpScreen(ModalScreen[None]):
    """A list of keys over the screen that it was called from."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1", "app.pop_screen", "Close")
    ]

    def __init__(self, keymap: Mapping[str, str], scope: Scope) -> None:
        """`keymap` are the keys that somebody has changed, by action; `scope` comes first."""
        super().__init__()
        self._keymap = keymap
        self._scope = scope

    def compose(self) -> ComposeResult:
        """One table of keys for each scope, and the signs of the states."""
        with VerticalScroll(id="help"):
            yield Static(keys_table(self._keymap, self._scope), id="keys")

    def on_mount(self) -> None:
        """Let arrow keys scroll at once."""
        self.query_one("#help").focus()


def keys_table(keymap: Mapping[str, str], first: Scope) -> Table:
    """All actions by where they apply, `first` before the others, and signs of states and marks."""
    table = Table(box=None, show_header=False, padding=(0, 1))
    for scope, title in sorted(_SCOPES, key=lambda pair: pair[0] != first):
        table.add_row(Text(title, style="bold"), "")
        for action in actions_in(scope):
            keys = ", ".join(key_sign(key) for key in keys_of(action, keymap).split(","))
            table.add_row(Text(f"  {keys}"), Text(action.description))
    table.add_row(Text("Taxonomy", style="bold"), "")
    table.add_row(Text("  ← →"), Text("Fold or go up, unfold or go down"))
    table.add_row(Text("  click"), Text("On a title: order by the column; on ▾: fold"))
    table.add_row(Text(f"  {STALE}"), Text("Stale: the parent has been trained again since"))
    table.add_row(Text(f"  {ALERT}"), Text("There is an alert about it"))
    table.add_row(Text("States", style="bold"), "")
    for state, sign in STATE_SIGNS.items():
        table.add_row(Text(f"  {sign}"), Text(state))
    table.add_row("", Text("Escape closes this help; ctrl+p opens the command palette."))
    return table
