"""The form for a new run: what it comes to is said before it starts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Button, Input, Select, Static

from core.settings import PRESETS, SETTINGS, Setting, settings_used_in, shown
from core.systems import SYSTEMS, system_named
from core.text.plain_text import printable
from core.workspace import Workspace
from htrans_tui.app.subprocesses import run_python

PATIENCE = 0.6
"""Seconds without a change after which it is asked what the run comes to."""


def _placeholder(setting: Setting) -> str:
    in_preset = any(setting.name in changes for changes in PRESETS.values())
    usual = "as the preset has it" if in_preset else shown(setting.default)
    return setting.placeholder or usual


_SETTINGS = [SETTINGS[name] for name in settings_used_in("run form")]
_FIELDS = {
    "name": "corpus and system",
    "categories": "all; or ids, comma-separated",
    **{each.hyphenated: _placeholder(each) for each in _SETTINGS},
}
"""Options of `train` that are typed, and what is shown where nothing is."""


class NewRunDialog(ModalScreen[str | None]):
    """Asks for corpus, system and settings; answers with the name of the run that was started.

    `train --dry-run` in a process of its own says what it comes to, and `train` starts it, so the
    form refuses what the command refuses, in the same words.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss_with_none", "Leave")]

    def __init__(
        self, workspace: Workspace, corpora: Sequence[str], vectors: Sequence[str]
    ) -> None:
        super().__init__()
        self._workspace = workspace
        self._corpora = tuple(corpora)
        self._vectors = tuple(vectors)
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        """The fields, what they come to, and two buttons."""
        with Vertical(classes="dialog", id="new-run"):
            yield Static("New run", classes="question", markup=False)
            yield from self._choice("corpus", self._corpora, self._corpora[0])
            yield from self._choice("system", tuple(SYSTEMS), "htrans")
            yield from self._choice("vectors", ("none", *self._vectors), "none")
            yield from self._choice("preset", tuple(PRESETS), "paper")
            for name, usual in _FIELDS.items():
                with Horizontal(classes="row"):
                    yield Static(name.replace("-", " "), classes="label", markup=False)
                    yield Input(id=name, placeholder=usual)
            yield Static("", id="outlook", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Start", id="go", variant="primary", disabled=True)
                yield Button("Leave", id="leave")

    def _choice(self, name: str, values: Sequence[str], chosen: str) -> ComposeResult:
        with Horizontal(classes="row"):
            yield Static(name, classes="label", markup=False)
            options = [(Text(printable(value)), value) for value in values]
            yield Select(options, value=chosen, allow_blank=False, compact=True, id=name)

    def on_mount(self) -> None:
        """Ask at once what it comes to as it stands."""
        self.on_select_changed()

    def on_select_changed(self) -> None:
        """Ask again, and leave out what means nothing to the system."""
        without = system_named(str(self.query_one("#system", Select).value)).unused
        for name in _FIELDS:
            self.query_one(f"#{name}", Input).disabled = name.replace("-", "_") in without
        self._later()

    def on_input_changed(self) -> None:
        """Ask again."""
        self._later()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Start or leave."""
        if event.button.id == "leave":
            self.dismiss(None)
        else:
            self._say("Starting …", ready=False)
            self.run_worker(self._start(), group="train", exclusive=True)

    def action_dismiss_with_none(self) -> None:
        """Start nothing."""
        self.dismiss(None)

    def _later(self) -> None:
        """Ask when nothing has changed for a moment."""
        if self._timer is not None:
            self._timer.stop()
        self._say("…", ready=False)
        self._timer = self.set_timer(
            PATIENCE, lambda: self.run_worker(self._ask(), group="train", exclusive=True)
        )

    async def _ask(self) -> None:
        ended = await run_python("htrans_tui", "train", "--dry-run", "--json", *self._arguments())
        if ended.code:
            self._say(_error(ended.err), ready=False)
        else:
            self._say("\n".join(json.loads(ended.out)["notes"]), ready=True)

    async def _start(self) -> None:
        ended = await run_python("htrans_tui", "train", "--json", *self._arguments())
        if ended.code:
            self._say(_error(ended.err), ready=False)
        else:
            self.dismiss(str(json.loads(ended.out.splitlines()[0])["name"]))

    def _arguments(self) -> list[str]:
        chosen = {
            name: str(self.query_one(f"#{name}", Select).value)
            for name in ("corpus", "system", "vectors", "preset")
        }
        arguments = [f"--system={chosen['system']}", f"--preset={chosen['preset']}"]
        if chosen["vectors"] != "none" and system_named(chosen["system"]).reads_vectors:
            arguments.append(f"--vectors={chosen['vectors']}")
        for name in _FIELDS:
            field = self.query_one(f"#{name}", Input)
            if not field.disabled and field.value.strip():
                arguments.append(f"--{name}={field.value.strip()}")
        return [*arguments, f"--workspace={self._workspace.root}", "--", chosen["corpus"]]

    def _say(self, text: str, *, ready: bool) -> None:
        lines = [printable(line) for line in text.splitlines()]
        self.query_one("#outlook", Static).update("\n".join(lines))
        self.query_one("#go", Button).disabled = not ready


def _error(printed: str) -> str:
    lines = printed.strip().splitlines()
    return lines[-1].removeprefix("error: ") if lines else "it has ended without a word"
