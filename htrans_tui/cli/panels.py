"""Help in sections, as plain text: commands by purpose, options by help panel.

Typer supports help panels only together with rich error boxes. This program prints plain errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from typer.core import TyperCommand, TyperGroup

PANELS: Mapping[str, tuple[str, ...]] = {
    "Getting started": ("demo", "serve", "settings"),
    "Data": ("import", "corpora", "vectors"),
    "Training": (
        *("train", "runs", "status", "pause", "resume", "cancel", "retrain", "restore"),
        *("delete", "reproduce", "engine"),
    ),
    "Results": ("evaluate", "compare", "report"),
    "Models": ("classify", "predict", "export"),
    "Maintenance": ("doctor", "backup", "bench"),
}
"""Commands by section of the help."""
_OPTIONS = "Options"
_MAX_OPTION_WIDTH = 30


class PanelGroup(TyperGroup):
    """Command group that lists its commands under the headings of `PANELS`."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write one section per panel."""
        for panel, names in PANELS.items():
            commands = {name: self.commands[name] for name in names if name in self.commands}
            width = formatter.width - 6 - max(map(len, self.commands), default=0)
            rows = [(name, command.get_short_help_str(width)) for name, command in commands.items()]
            _write(formatter, panel, rows)


class PanelCommand(TyperCommand):
    """Command that lists its options under the headings of their help panels."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, the options without a panel, then each panel."""
        panels: dict[str, list[tuple[str, str]]] = {"Arguments": [], _OPTIONS: []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            if parameter.param_type_name == "argument":
                panel = "Arguments"
            else:
                panel = getattr(parameter, "rich_help_panel", None) or _OPTIONS
            panels.setdefault(panel, []).append(record)
        for panel, rows in panels.items():
            _write(formatter, panel, rows)


def _write(formatter: Any, title: str, rows: Iterable[tuple[str, str]]) -> None:
    if listed := list(rows):
        with formatter.section(title):
            formatter.write_dl(listed, _MAX_OPTION_WIDTH)
