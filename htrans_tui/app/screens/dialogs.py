"""Questions that are asked before a run is steered."""

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
from core.settings import settings_changes
from core.text.plain_text import printable
from htrans_tui.app.widgets.marks import CheckMark, RadioMark
from htrans_tui.formatting import duration


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer: what is returned, and what the button says."""

    value: str
    label: str


class ChoiceDialog(ModalScreen[str | None]):
    """A question with a button for each answer; digits choose, escape answers nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss_with_none", "Leave"),
        *(Binding(str(digit), f"choose({digit})", show=False) for digit in range(1, 6)),
    ]

    def __init__(self, question: str, choices: Sequence[Choice]) -> None:
        super().__init__()
        self._question = question
        self._choices = tuple(choices)

    def compose(self) -> ComposeResult:
        """The question, and the answers below each other."""
        with Vertical(classes="dialog"):
            yield Static(printable(self._question), markup=False, classes="question")
            for number, choice in enumerate(self._choices, start=1):
                label = Content(printable(f"{number}  {choice.label}"))
                yield Button(label, id=f"choice-{number}")
            yield Static("Escape leaves all as it is.", classes="hint", markup=False)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer with the button's choice."""
        self.action_choose(int((event.button.id or "choice-0").removeprefix("choice-")))

    def action_choose(self, number: int) -> None:
        """Answer with a choice by its number."""
        if 1 <= number <= len(self._choices):
            self.dismiss(self._choices[number - 1].value)

    def action_dismiss_with_none(self) -> None:
        """Answer nothing."""
        self.dismiss(None)


class TextDialog(ModalScreen[str | None]):
    """A question that is answered by a line of text; escape answers nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss_with_none", "Leave")]

    def __init__(self, question: str, proposal: str) -> None:
        super().__init__()
        self._question = question
        self._proposal = proposal

    def compose(self) -> ComposeResult:
        """The question and the line."""
        with Vertical(classes="dialog"):
            yield Static(printable(self._question), markup=False, classes="question")
            yield Input(self._proposal)
            yield Static("Enter goes on, escape leaves.", classes="hint", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Answer with the text."""
        self.dismiss(event.value)

    def action_dismiss_with_none(self) -> None:
        """Answer nothing."""
        self.dismiss(None)


class RetrainDialog(ModalScreen[RetrainRequest | None]):
    """What to retrain and how; says meanwhile how many categories and how long that means."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss_with_none", "Leave")]

    def __init__(
        self,
        key: str,
        below: int,
        class_weights: str,
        epochs: int,
        outlook: Callable[[RetrainRequest], RetrainPlan],
    ) -> None:
        """`below` counts the categories below; `outlook` raises `HTransError` for what cannot be.

        `class_weights` and `epochs` are the run's, shown where nothing else is typed.
        """
        super().__init__()
        self._key = key
        self._below = below
        self._class_weights = class_weights
        self._epochs = epochs
        self._outlook = outlook

    def compose(self) -> ComposeResult:
        """The fields, what they come to, and two buttons."""
        with Vertical(classes="dialog"):
            yield Static(f"Retrain {printable(self._key)}", markup=False, classes="question")
            below = f"with all {self._below} below it" if self._below else "nothing is below it"
            yield CheckMark(below, id="subtree", disabled=not self._below)
            yield Static("start from", classes="field", markup=False)
            with RadioSet(id="origin"):
                yield RadioMark("as the system does", value=True)
                for origin in ORIGINS:
                    yield RadioMark(origin)
            yield Static("class weights", classes="field", markup=False)
            yield Input(placeholder=self._class_weights, id="class-weights")
            yield Static("most epochs", classes="field", markup=False)
            yield Input(placeholder=str(self._epochs), id="epochs", type="integer")
            yield Static("", id="outlook", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Retrain", id="go", variant="primary")
                yield Button("Leave", id="leave")

    def on_mount(self) -> None:
        """Say what it comes to as it stands."""
        self._look()

    def on_checkbox_changed(self) -> None:
        """Another outlook."""
        self._look()

    def on_radio_set_changed(self) -> None:
        """Another outlook."""
        self._look()

    def on_input_changed(self) -> None:
        """Another outlook."""
        self._look()

    def on_input_submitted(self) -> None:
        """Enter in a field is the button."""
        self._go()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Go on or leave."""
        if event.button.id == "go":
            self._go()
        else:
            self.dismiss(None)

    def action_dismiss_with_none(self) -> None:
        """Leave all as it is."""
        self.dismiss(None)

    def _go(self) -> None:
        if self._look():
            self.dismiss(self._request())

    def _look(self) -> bool:
        """Whether it can be done; says so, or why not."""
        said = self.query_one("#outlook", Static)
        button = self.query_one("#go", Button)
        try:
            found = self._outlook(self._request())
        except HTransError as error:
            said.update(printable(str(error)))
            button.disabled = True
            return False
        text = f"{found.categories} categor{'y' if found.categories == 1 else 'ies'}, "
        text += f"{duration(found.min_seconds)} to {duration(found.max_seconds)}"
        if found.stale:
            text += f"; {found.stale} below it become stale"
        said.update(text)
        button.disabled = False
        return True

    def _request(self) -> RetrainRequest:
        chosen = self.query_one("#origin", RadioSet).pressed_index
        weights = self.query_one("#class-weights", Input).value.strip()
        epochs = self.query_one("#epochs", Input).value.strip()
        try:
            changes = settings_changes(
                class_weights=tuple(map(float, weights.split(","))) if weights else None,
                epochs=int(epochs) if epochs else None,
            )
        except ValueError as error:
            raise HTransError("give numbers such as 1,5,10") from error
        return RetrainRequest(
            self._key,
            subtree=self.query_one("#subtree", CheckMark).value,
            origin=ORIGINS[chosen - 1] if chosen > 0 else None,
            changes=changes,
        )
