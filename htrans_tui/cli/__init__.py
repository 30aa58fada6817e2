"""Entry point of the command line: `htrans-tui COMMAND`. Without a command, the app opens.

Importing this package loads neither torch nor spaCy nor scikit-learn. Commands import
`core.engine` when they run. The module of a command is imported when it is called or listed.
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
    "maintenance": ("doctor", "backup", "settings"),
    "bench": ("bench",),
    "serve": ("serve",),
}
"""Commands by the module that defines them, in the order of the reference."""
_INTERRUPTED = 128 + signal.SIGINT
COMPLETION = "_HTRANS_TUI_COMPLETE"
"""Environment variable that a shell sets when it asks for completions."""


def command_line(arguments: Sequence[str]) -> typer.Typer:
    """Build the Typer app for a command line.

    Registers only the module of the called command, because inspecting all commands takes Typer
    longer than `status` takes to run. Registers all commands for help and completion.

    Args:
        arguments: The arguments after the program name.
    """
    app = typer.Typer(
        name="htrans-tui",
        cls=PanelGroup,
        help="Train and monitor hierarchical transfer learning for multi-label text "
        "classification. Opens the app if no command is given.",
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
    """Return the modules whose commands are needed for these arguments."""
    if not arguments and COMPLETION not in os.environ:
        return ()
    selected = [module for module, names in COMMANDS.items() if {*arguments[:1]} & {*names}]
    return selected or list(COMMANDS)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"htrans-tui {version('htrans-tui')}")
        raise typer.Exit


def open_app(
    context: typer.Context,
    workspace_path: WorkspaceOption = None,
    debug: Annotated[
        bool, typer.Option("--debug", help="Print tracebacks of errors to stderr.")
    ] = False,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Open the app without actions that change a run.")
    ] = False,
    version: Annotated[  # noqa: ARG001
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Open the app if no command is given."""
    if debug:
        os.environ["HTRANS_DEBUG"] = "1"
    workspace = workspace_at(workspace_path)
    if context.invoked_subcommand is None:
        from htrans_tui.app.app import run_app

        run_app(workspace, read_only=read_only)


def main() -> None:
    """Run the command line. Prints every error as one line to stderr and exits with code 1."""
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
        # Typer exits with this code on Ctrl-C and prints nothing.
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
    prefix = f"{error.filename}: " if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{prefix}the disk is full; free some space and try again"
    return f"{prefix}{error.strerror or error}"


def _fail(message: str) -> None:
    say(f"error: {printable(message)}")
    sys.exit(1)


def _log_traceback(workspace: Workspace) -> str:
    """Write the traceback to the workspace's logs and return a sentence that names the file."""
    folder = workspace.logs
    path = folder / "command-line.log" if folder.is_dir() else Path("htrans-tui-error.log")
    try:
        with path.open("a", encoding="utf-8") as log:
            log.write(f"{datetime.now().isoformat()} {sys.argv}\n{traceback.format_exc()}\n")
    except OSError:
        return "run it again with --debug for the traceback"
    return f"the traceback is in {path}"
