"""List of current alerts and past events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from core.engine.monitoring.alerts import Alert
from core.engine.monitoring.history import Event
from core.text.plain_text import printable
from htrans_tui.app.widgets.category_table import ALERT

MAX_SHOWN = 200


class AlertList(OptionList):
    """List with one line per alert and event. Enter or a click opens its category."""

    class Selected(Message):
        """Posted when the line of a category is selected; `category_id` is its row id."""

        def __init__(self, category_id: int) -> None:
            super().__init__()
            self.category_id = category_id

    def on_mount(self) -> None:
        """Initialise the empty list."""
        self._shown: tuple[tuple[Alert, ...], tuple[Event, ...]] | None = None
        self._categories: list[int | None] = []

    def show(self, alerts: tuple[Alert, ...], events: tuple[Event, ...]) -> None:
        """Update the lines if they changed."""
        if (alerts, events) == self._shown:
            return
        self._shown = alerts, events
        highlighted = self.highlighted
        lines: list[tuple[Text, int | None]] = [
            (Text(f"{ALERT} {printable(alert.message)}"), alert.run_category_id)
            for alert in alerts[:MAX_SHOWN]
        ]
        if len(alerts) > MAX_SHOWN:
            lines.append((Text(f"  and {len(alerts) - MAX_SHOWN} more alerts"), None))
        lines += [(_line(event), event.run_category_id) for event in events[:MAX_SHOWN]]
        if not lines:
            lines = [(Text("No alerts and no events."), None)]
        self._categories = [category for _, category in lines]
        self.set_options(Option(text) for text, _ in lines)
        if highlighted is not None:
            self.highlighted = min(highlighted, len(lines) - 1)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Post the category of the line, if it has one."""
        event.stop()
        category = self._categories[event.option_index]
        if category is not None:
            self.post_message(self.Selected(category))


def alert_ids(alerts: Sequence[Alert]) -> frozenset[int]:
    """Return the row ids of the categories with alerts."""
    return frozenset(alert.run_category_id for alert in alerts if alert.run_category_id is not None)


def _line(event: Event) -> Text:
    at = datetime.fromtimestamp(event.at).strftime("%m-%d %H:%M")
    return Text(f"  {at} {printable(event.message)}")
