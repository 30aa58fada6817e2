"""Dialogs: choices, text input, and the options of a retraining."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, RadioSet, Static

from core.engine.runs.retraining import ORIGINS, RetrainPlan, RetrainRequest
from core.errors import HTransError
from core.settings import SETTINGS, TrainingSettings, settings_used_in, shown
from core.text.plain_text import printable
from htrans_tui.app.widgets.marks import CheckMark, RadioMark
from htrans_tui.formatting import duration

_SETTINGS = [SETTINGS[name] for name in settings_used_in("retrain form")]


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer of a dialog: its value and the label of its button."""

    value: str
    label: str


class ChoiceDialog(ModalScreen[str | None]):
    """A question with one button per answer. Digits select an answer, escape cancels."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss_with_none", "Cancel"),
        *(Binding(str(digit), f"choose({digit})", show=False) for digit in range(1, 6)),
    ]

    def __init__(self, question: str, choices: Sequence[Choice]) -> None:
        super().__init__()
        self._question = question
        self._choices = tuple(choices)

    def compose(self) -> ComposeResult:
        """Compose the question and the answers."""
        with Vertical(classes="dialog"):
            yield Static(printable(self._question), markup=False, classes="question")
            for number, choice in enumerate(self._choices, start=1):
                label = Content(printable(f"{number}  {choice.label}"))
                yield Button(label, id=f"choice-{number}")
            yield Static("Escape cancels.", classes="hint", markup=False)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Return the value of the pressed button."""
        self.action_choose(int((event.button.id or "choice-0").removeprefix("choice-")))

    def action_choose(self, number: int) -> None:
        """Return the value of an answer by its number."""
        if 1 <= number <= len(self._choices):
            self.dismiss(self._choices[number - 1].value)

    def action_dismiss_with_none(self) -> None:
        """Cancel the dialog."""
        self.dismiss(None)


class TextDialog(ModalScreen[str | None]):
    """A question that is answered by a line of text. Escape cancels."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss_with_none", "Cancel")]

    def __init__(self, question: str, proposal: str) -> None:
        super().__init__()
        self._question = question
        self._proposal = proposal

    def compose(self) -> ComposeResult:
        """Compose the question and the input."""
        with Vertical(classes="dialog"):
            yield Static(printable(self._question), markup=False, classes="question")
            yield Input(self._proposal)
            yield Static("Enter confirms, Escape cancels.", classes="hint", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Return the text."""
        self.dismiss(event.value)

    def action_dismiss_with_none(self) -> None:
        """Cancel the dialog."""
        self.dismiss(None)


class RetrainDialog(ModalScreen[RetrainRequest | None]):
    """Options of a retraining, with a preview of its categories and duration."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss_with_none", "Cancel")]

    def __init__(
        self,
        key: str,
        below: int,
        settings: TrainingSettings,
        preview: Callable[[RetrainRequest], RetrainPlan],
    ) -> None:
        """Create the dialog.

        Args:
            key: Taxonomy id of the category.
            below: Number of its descendants.
            settings: Settings of the run, shown as placeholders.
            preview: Plans a request; raises `HTransError` if it is impossible.
        """
        super().__init__()
        self._key = key
        self._below = below
        self._settings = settings
        self._preview = preview

    def compose(self) -> ComposeResult:
        """Compose the fields, the preview and two buttons."""
        with Vertical(classes="dialog"):
            yield Static(f"Retrain {printable(self._key)}", markup=False, classes="question")
            below = f"include {self._below} below" if self._below else "no categories below"
            yield CheckMark(below, id="subtree", disabled=not self._below)
            yield Static("initial weights", classes="field", markup=False)
            with RadioSet(id="origin"):
                yield RadioMark("default of the system", value=True)
                for origin in ORIGINS:
                    yield RadioMark(origin)
            for setting in _SETTINGS:
                yield Static(setting.name.replace("_", " "), classes="field", markup=False)
                yield Input(
                    placeholder=shown(getattr(self._settings, setting.name)),
                    id=setting.hyphenated,
                    type="integer" if setting.schema.get("type") == "integer" else "text",
                )
            yield Static("", id="estimate", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Retrain", id="go", variant="primary")
                yield Button("Cancel", id="leave")

    def on_mount(self) -> None:
        """Show the preview of the defaults."""
        self._update_preview()

    def on_checkbox_changed(self) -> None:
        """Update the preview."""
        self._update_preview()

    def on_radio_set_changed(self) -> None:
        """Update the preview."""
        self._update_preview()

    def on_input_changed(self) -> None:
        """Update the preview."""
        self._update_preview()

    def on_input_submitted(self) -> None:
        """Retrain."""
        self._go()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Retrain or cancel."""
        if event.button.id == "go":
            self._go()
        else:
            self.dismiss(None)

    def action_dismiss_with_none(self) -> None:
        """Cancel the dialog."""
        self.dismiss(None)

    def _go(self) -> None:
        if self._update_preview():
            self.dismiss(self._request())

    def _update_preview(self) -> bool:
        """Show the plan of the request or its error; return whether it is possible."""
        estimate = self.query_one("#estimate", Static)
        button = self.query_one("#go", Button)
        try:
            plan = self._preview(self._request())
        except HTransError as error:
            estimate.update(printable(str(error)))
            button.disabled = True
            return False
        text = f"{plan.categories} categor{'y' if plan.categories == 1 else 'ies'}, "
        text += f"{duration(plan.min_seconds)} to {duration(plan.max_seconds)}"
        if plan.stale:
            text += f"; {plan.stale} below become stale"
        estimate.update(text)
        button.disabled = False
        return True

    def _request(self) -> RetrainRequest:
        origin_index = self.query_one("#origin", RadioSet).pressed_index
        fields = {each: self.query_one(f"#{each.hyphenated}", Input) for each in _SETTINGS}
        typed = {setting: field.value.strip() for setting, field in fields.items()}
        return RetrainRequest(
            self._key,
            subtree=self.query_one("#subtree", CheckMark).value,
            origin=ORIGINS[origin_index - 1] if origin_index > 0 else None,
            changes={each.name: each.parse(text) for each, text in typed.items() if text},
        )
