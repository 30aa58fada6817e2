"""The command line: `htrans-tui COMMAND`, and without a command the app.

Importing this loads neither torch nor spaCy nor scikit-learn; commands that need them import the
functions of `core.engine` when they run. A command's module is loaded when it is called or listed.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from core.errors import HTransError
from core.text.plain_text import printable
from core.workspace import Workspace
from htrans_tui.cli.options import WorkspaceOption, begin_call, workspace_at
from htrans_tui.cli.output import say
from htrans_tui.cli.panels import PanelGroup

COMMANDS = {
    "demo": ("demo",),
    "corpora": ("import", "corpora"),
    "vectors": ("vectors",),
    "runs": ("train", "runs", "status"),
    "steering": ("pause", "resume", "cancel", "retrain", "restore", "delete"),
    "engine": ("engine",),
    "results": ("evaluate", "classify"),
    "predicting": ("predict", "export"),
    "comparing": ("compare", "report"),
    "reproducing": ("reproduce",),
    "upkeep": ("doctor", "backup", "settings"),
    "bench": ("bench",),
    "serve": ("serve",),
}
"""The commands of each module here, in the order in which help lists them."""
_INTERRUPTED = 128 + signal.SIGINT
COMPLETION = "_HTRANS_TUI_COMPLETE"
"""Set by a shell that asks how a line can go on."""


def command_line(arguments: Sequence[str]) -> typer.Typer:
    """The command line for these arguments: all commands, or those beside the one that is called.

    Typer looks into every command that there is, which takes longer than `status` itself.
    """
    app = typer.Typer(
        name="htrans-tui",
        cls=PanelGroup,
        help="Train, watch and steer hierarchical transfer learning for multi-label text "
        "classification. Without a command the app opens.",
        no_args_is_help=False,
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(open_app)
    for name in _modules(arguments):
        import_module(f"htrans_tui.cli.{name}").register(app)
    return app


def _modules(arguments: Sequence[str]) -> Sequence[str]:
    """The modules whose commands can be meant."""
    if not arguments and COMPLETION not in os.environ:
        return ()
    asked = [module for module, names in COMMANDS.items() if {*arguments[:1]} & {*names}]
    return asked or list(COMMANDS)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"htrans-tui {version('htrans-tui')}")
        raise typer.Exit


def open_app(
    context: typer.Context,
    workspace: WorkspaceOption = None,
    debug: Annotated[
        bool, typer.Option("--debug", help="Print tracebacks of errors to stderr.")
    ] = False,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Open the app without anything that steers a run.")
    ] = False,
    version: Annotated[  # noqa: ARG001
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Open the app, unless a command is given."""
    if debug:
        os.environ["HTRANS_DEBUG"] = "1"
    place = workspace_at(workspace)
    if context.invoked_subcommand is None:
        from htrans_tui.app.app import run_app

        run_app(place, read_only=read_only)


def main() -> None:
    """Run the command line; every error is one line on stderr and exit code 1."""
    options = begin_call()
    try:
        command_line(sys.argv[1:])()
    except HTransError as error:
        if _debugging():
            traceback.print_exc()
        _fail(str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        if _debugging():
            traceback.print_exc()
        _fail(_explain(error))
    except KeyboardInterrupt:
        _fail("interrupted")
    except SystemExit as end:
        # Typer ends so when it is interrupted, without a word.
        if end.code == _INTERRUPTED:
            _fail("interrupted")
        raise
    except Exception as error:
        if _debugging():
            raise
        note = _log_traceback(options.chosen_workspace())
        _fail(f"unexpected {type(error).__name__}: {error}; {note}")


def _debugging() -> bool:
    return os.environ.get("HTRANS_DEBUG") == "1"


def _explain(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{place}the disk is full; free some space and try again"
    return f"{place}{error.strerror or error}"


def _fail(message: str) -> None:
    say(f"error: {printable(message)}")
    sys.exit(1)


def _log_traceback(workspace: Workspace) -> str:
    """Write the traceback to the workspace's log; say where it is."""
    folder = workspace.logs
    path = folder / "command-line.log" if folder.is_dir() else Path("htrans-tui-error.log")
    try:
        with path.open("a", encoding="utf-8") as log:
            log.write(f"{datetime.now().isoformat()} {sys.argv}\n{traceback.format_exc()}\n")
    except OSError:
        return "run it again with --debug for the traceback"
    return f"the traceback is in {path}"
