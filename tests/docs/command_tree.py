"""The command line as Typer declares it, to look things up and to parse without doing anything."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from typing import Any

import typer

from htrans_tui.cli import command_line


def _every(root: Any) -> Iterator[tuple[str, Any]]:
    yield "", root
    for name, command in root.commands.items():
        yield name, command
        for below, subcommand in getattr(command, "commands", {}).items():
            yield f"{name} {below}", subcommand


def _root() -> Any:
    return typer.main.get_command(command_line(["--help"]))


def options_of(command: Any) -> set[str]:
    """The options that a command knows."""
    named = {option for p in command.params for option in (*p.opts, *p.secondary_opts)}
    return {*named, "--help"}


COMMANDS: dict[str, Any] = dict(_every(_root()))
"""All commands by name, "" for the program itself."""
_SILENT = _root()
for _, _command in _every(_SILENT):
    _command.callback = lambda **_: None


def parse(arguments: Sequence[str]) -> tuple[int, str]:
    """Parse a command line without doing what it says: exit code and what is printed."""
    said = io.StringIO()
    code: Any = 0
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            _SILENT.main(list(arguments), prog_name="htrans-tui")
        except SystemExit as end:
            code = end.code
    return int(code or 0), said.getvalue()
