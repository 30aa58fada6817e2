"""The form for a new run, with an estimate of its duration."""

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

DEBOUNCE_S = 0.6
"""Seconds without a change after which the run is validated."""


def _placeholder(setting: Setting) -> str:
    in_preset = any(setting.name in changes for changes in PRESETS.values())
    default = "default of the preset" if in_preset else shown(setting.default)
    return setting.placeholder or default


_SETTINGS = [SETTINGS[name] for name in settings_used_in("run form")]
_FIELDS = {
    "name": "corpus and system",
    "categories": "all, or ids separated by commas",
    **{each.hyphenated: _placeholder(each) for each in _SETTINGS},
}
"""Text options of `train` and their placeholders."""


class NewRunDialog(ModalScreen[str | None]):
    """Asks for the options of a new run and starts it. The result is the name of the run.

    The form validates with `train --dry-run` in a subprocess and starts the run with `train`, so
    it shows the same messages as the command.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss_with_none", "Cancel")]

    def __init__(
        self, workspace: Workspace, corpora: Sequence[str], vectors: Sequence[str]
    ) -> None:
        super().__init__()
        self._workspace = workspace
        self._corpora = tuple(corpora)
        self._vectors = tuple(vectors)
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        """Compose the fields, the estimate and two buttons."""
        with Vertical(classes="dialog", id="new-run"):
            yield Static("New run", classes="question", markup=False)
            yield from self._choice("corpus", self._corpora, self._corpora[0])
            yield from self._choice("system", tuple(SYSTEMS), "htrans")
            yield from self._choice("vectors", ("none", *self._vectors), "none")
            yield from self._choice("preset", tuple(PRESETS), "paper")
            for name, placeholder in _FIELDS.items():
                with Horizontal(classes="row"):
                    yield Static(name.replace("-", " "), classes="label", markup=False)
                    yield Input(id=name, placeholder=placeholder)
            yield Static("", id="estimate", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Start", id="go", variant="primary", disabled=True)
                yield Button("Cancel", id="leave")

    def _choice(self, name: str, values: Sequence[str], value: str) -> ComposeResult:
        with Horizontal(classes="row"):
            yield Static(name, classes="label", markup=False)
            options = [(Text(printable(option)), option) for option in values]
            yield Select(options, value=value, allow_blank=False, compact=True, id=name)

    def on_mount(self) -> None:
        """Validate the defaults."""
        self.on_select_changed()

    def on_select_changed(self) -> None:
        """Validate, and disable the options that the system does not use."""
        unused = system_named(str(self.query_one("#system", Select).value)).unused
        for name in _FIELDS:
            self.query_one(f"#{name}", Input).disabled = name.replace("-", "_") in unused
        self._schedule_validation()

    def on_input_changed(self) -> None:
        """Validate."""
        self._schedule_validation()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Start the run or close the form."""
        if event.button.id == "leave":
            self.dismiss(None)
        else:
            self._show_estimate("Starting …", ready=False)
            self.run_worker(self._start(), group="train", exclusive=True)

    def action_dismiss_with_none(self) -> None:
        """Close the form."""
        self.dismiss(None)

    def _schedule_validation(self) -> None:
        """Validate after `DEBOUNCE_S` seconds without another change."""
        if self._timer is not None:
            self._timer.stop()
        self._show_estimate("…", ready=False)
        self._timer = self.set_timer(
            DEBOUNCE_S, lambda: self.run_worker(self._validate(), group="train", exclusive=True)
        )

    async def _validate(self) -> None:
        process = await run_python("htrans_tui", "train", "--dry-run", "--json", *self._arguments())
        if process.returncode:
            self._show_estimate(_error(process.stderr), ready=False)
        else:
            self._show_estimate("\n".join(json.loads(process.stdout)["notes"]), ready=True)

    async def _start(self) -> None:
        process = await run_python("htrans_tui", "train", "--json", *self._arguments())
        if process.returncode:
            self._show_estimate(_error(process.stderr), ready=False)
        else:
            self.dismiss(str(json.loads(process.stdout.splitlines()[0])["name"]))

    def _arguments(self) -> list[str]:
        values = {
            name: str(self.query_one(f"#{name}", Select).value)
            for name in ("corpus", "system", "vectors", "preset")
        }
        arguments = [f"--system={values['system']}", f"--preset={values['preset']}"]
        if values["vectors"] != "none" and system_named(values["system"]).reads_vectors:
            arguments.append(f"--vectors={values['vectors']}")
        for name in _FIELDS:
            field = self.query_one(f"#{name}", Input)
            if not field.disabled and field.value.strip():
                arguments.append(f"--{name}={field.value.strip()}")
        return [*arguments, f"--workspace={self._workspace.root}", "--", values["corpus"]]

    def _show_estimate(self, text: str, *, ready: bool) -> None:
        lines = [printable(line) for line in text.splitlines()]
        self.query_one("#estimate", Static).update("\n".join(lines))
        self.query_one("#go", Button).disabled = not ready


def _error(stderr: str) -> str:
    lines = stderr.strip().splitlines()
    return lines[-1].removeprefix("error: ") if lines else "the command failed without a message"
