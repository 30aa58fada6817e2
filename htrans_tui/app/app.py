"""The app: screens over the snapshots that the poller takes. It never imports torch.

Leaving it leaves every run going: training happens in the engine's processes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.screen import Screen

from core.engine.artifacts.workspace_store import Store, open_store
from core.engine.runs.lookup import Run, RunCategory, open_run
from core.engine.runs.steering import pause_run, resume_run
from core.errors import HTransError
from core.text.plain_text import printable
from core.workspace import Workspace
from htrans_tui.app.actions import Scope, actions_in, bindings_for
from htrans_tui.app.csv_files import write_csv, write_new
from htrans_tui.app.hangup import end_with_terminal
from htrans_tui.app.poller import Poller, SnapshotTaken, post_to
from htrans_tui.app.preferences import Preferences, read_preferences
from htrans_tui.app.screens.runs import RunsScreen
from htrans_tui.app.screens.snapshot_screen import SnapshotScreen
from htrans_tui.app.snapshot import Snapshot
from htrans_tui.app.view_state import View, ViewState

if TYPE_CHECKING:
    from htrans_tui.app.inference_client import InferenceClient


class HTransApp(App[None]):
    """Train, watch and steer; see `htrans_tui.app.actions` for what it can do."""

    TITLE = "htrans-tui"
    CSS_PATH = "htrans.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("app")]
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012  # declared so by textual
        (0, "-narrow"),
        (110, "-wide"),
    ]

    def __init__(
        self,
        workspace: Workspace,
        run_name: str | None = None,
        *,
        read_only: bool = False,
        preferences: Preferences | None = None,
    ) -> None:
        """Open the runs, or one of them; a `read_only` app changes none.

        Raises `HTransError` if the preferences name a theme that there is not.
        """
        super().__init__()
        self.workspace = workspace
        self.read_only = read_only
        self._views = ViewState()
        self.preferences = Preferences() if preferences is None else preferences
        self._check_theme(self.preferences)
        self.theme = self.preferences.theme
        self.set_keymap(dict(self.preferences.keys))
        self.snapshot = Snapshot()
        self._first_run = run_name
        self._models: dict[int, InferenceClient] = {}
        self.texts: list[str] = []
        """Texts that were classified since the app was opened, the oldest first."""
        self._has_forgotten = False
        self.poller = Poller(workspace, post_to(self), self.preferences.refresh)

    def on_mount(self) -> None:
        """Open the runs, and the run named at the start."""
        self.push_screen(RunsScreen(self))
        if self._first_run is not None:
            self._open_named(self._first_run)
        self.poller.start()

    def on_unmount(self) -> None:
        """End the poller with the app."""
        self.poller.stop()

    def on_snapshot_taken(self, message: SnapshotTaken) -> None:
        """Let the screens that are seen draw what has changed; others do when they are again."""
        self.snapshot = message.snapshot
        for screen in reversed(self.screen_stack):
            is_modal = screen.is_modal
            # One that is just coming or going has no widgets to draw in.
            is_there = screen.is_mounted and bool(screen.query("#title"))
            if is_there and isinstance(screen, SnapshotScreen):
                screen.show(message.snapshot)
            if not is_modal:
                return

    # Screens that are seldom first are imported when they open, so that the first is there at once.

    def open_run(self, run_id: int) -> None:
        """Watch a run."""
        from htrans_tui.app.screens.monitor import MonitorScreen

        self.poller.watch(run_id)
        self.push_screen(MonitorScreen(self, run_id))

    def open_classifier(self, runs: Sequence[Run]) -> None:
        """Classify typed text with the models of one run, or of several side by side."""
        from htrans_tui.app.screens.classify import ClassifyScreen

        self.push_screen(ClassifyScreen(self, runs))

    def open_predictions(self, run: Run, category: RunCategory) -> None:
        """Show what a category's model gets right and wrong."""
        from htrans_tui.app.screens.predictions import PredictionsScreen

        self.push_screen(PredictionsScreen(self, run, category))

    def use_models(self, run: Run) -> InferenceClient:
        """The process with the run's models; who uses it gives it back with `release_models`."""
        from htrans_tui.app.inference_client import InferenceClient

        process = self._models.get(run.id)
        if process is None:
            process = self._models[run.id] = InferenceClient(self.workspace, run.name)
        process.users += 1
        return process

    async def release_models(self, process: InferenceClient) -> None:
        """End a process that nobody uses any more."""
        process.users -= 1
        if process.users == 0:
            self._models = {key: kept for key, kept in self._models.items() if kept is not process}
            await process.end()

    def open_log(self) -> None:
        """Show the logs of the engine's processes."""
        from htrans_tui.app.screens.log import LogScreen

        self.push_screen(LogScreen(self))

    def open_comparison(self, names: Sequence[str]) -> None:
        """Compare runs; the first is the baseline."""
        from htrans_tui.app.screens.compare import CompareScreen

        self.push_screen(CompareScreen(self, names))

    def use(self, preferences: Preferences) -> None:
        """Let other preferences hold from now on."""
        self._check_theme(preferences)
        self.preferences = preferences
        self.theme = preferences.theme
        self.poller.interval = preferences.refresh
        for screen in self.screen_stack:
            if isinstance(screen, SnapshotScreen):
                screen.use(preferences)

    def recall(self, run: Run) -> View:
        """Return the view in which a run's monitor was left."""
        return self._views.view(self.workspace.database, run.id, run.created_at)

    def remember(self, run: Run, view: View) -> None:
        """Keep how a run's monitor is left; say so once if it cannot be kept.

        A browser's visitors are many: how one of them leaves a run is not how the others find it.
        """
        if self.is_web:
            return
        try:
            self._views.remember(self.workspace.database, run.id, run.created_at, view)
        except HTransError as error:
            if not self._has_forgotten:
                self._has_forgotten = True
                self.notify(printable(str(error)), severity="warning", markup=False)

    def save_table(
        self,
        proposal: Path,
        header: Sequence[str],
        rows: Callable[[], Iterable[Sequence[Any]]],
        *,
        in_thread: bool = False,
    ) -> None:
        """Ask for a file and write a table into it as CSV."""
        self.ask_path(
            "Write the table to (.csv)",
            proposal,
            lambda path: f"{write_csv(path, header, rows())} rows",
            in_thread=in_thread,
        )

    def ask_path(
        self,
        question: str,
        proposal: Path,
        write: Callable[[Path], str],
        *,
        in_thread: bool = False,
    ) -> None:
        """Ask for a file, let `write` write it, and say what it says, or the error.

        With `in_thread` the app goes on meanwhile. In a browser nothing is asked: it saves the
        file, and none is written here.
        """
        from htrans_tui.app.downloads import downloaded
        from htrans_tui.app.screens.dialogs import TextDialog

        async def write_to(path: Path) -> str:
            return await asyncio.to_thread(write, path) if in_thread else write(path)

        async def write_here(path: Path) -> None:
            try:
                said = await write_to(path)
            except HTransError as error:
                self.notify(printable(str(error)), severity="error", markup=False)
            else:
                where = printable(str(path.absolute()))
                self.notify(f"{said} in {where}", title="written", markup=False)

        async def send() -> None:
            try:
                with downloaded(self, proposal.name) as path:
                    await write_to(path)
            except (HTransError, OSError) as error:
                self.notify(printable(str(error)), severity="error", markup=False)

        def answered(answer: str | None) -> None:
            if answer and answer.strip():
                path = Path(answer.strip()).expanduser()
                self.run_worker(write_here(path), group="writing")

        if self.is_web:
            self.run_worker(send(), group="writing")
        else:
            self.push_screen(TextDialog(question, str(proposal)), answered)

    def toggle_pause(self, run: Run) -> None:
        """Pause a run that goes on, resume one that does not."""
        going_on = run.state == "running"

        def steer(store: Store) -> str:
            changed = pause_run(store, run) if going_on else resume_run(store, self.workspace, run)
            return f"{run.name}: {changed.state}"

        self.steer(steer)

    def steer(self, function: Callable[[Store], str]) -> None:
        """Run a steering function in a thread; show what it says, or the error."""
        if self.read_only:
            self.notify("this app is read-only", severity="warning")
            return

        def work() -> None:
            try:
                with open_store(self.workspace) as store:
                    said, severity = function(store), "information"
            except HTransError as error:
                said, severity = str(error), "error"
            self.call_from_thread(
                self.notify,
                printable(said),
                severity=severity,
                markup=False,
            )

        self.run_worker(work, thread=True, group="steering")

    async def action_quit(self) -> None:
        """Leave the app, after the screens have kept what they remember."""
        for screen in self.screen_stack:
            if isinstance(screen, SnapshotScreen) and screen.is_mounted:
                screen.leave()
        await super().action_quit()

    def action_help(self) -> None:
        """Show all keys."""
        from htrans_tui.app.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            scope: Scope = getattr(self.screen, "SCOPE", "app")
            self.push_screen(HelpScreen(self.preferences.keys, scope))

    def action_settings(self) -> None:
        """Show theme, columns and refresh rate, to be changed."""
        from htrans_tui.app.screens.settings import SettingsScreen

        if not isinstance(self.screen, SettingsScreen):
            self.push_screen(SettingsScreen(self))

    def action_picture(self) -> None:
        """Write what is on the screen to an SVG file."""
        picture = self.export_screenshot(title="htrans-tui")

        def write(path: Path) -> str:
            write_new(path, picture)
            return "picture"

        name = f"htrans-tui-{datetime.now():%Y%m%d-%H%M%S}.svg"
        self.ask_path("Write the picture to (.svg)", Path(name), write)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The command palette: Textual's own, then the registry's for this screen."""
        yield from super().get_system_commands(screen)
        scope: Scope | None = getattr(screen, "SCOPE", None)
        for action in actions_in(scope) if scope is not None else ():
            if self.read_only and action.steers:
                continue
            run = getattr(screen, f"action_{action.name}", None)
            if run is not None:
                yield SystemCommand(action.label, action.description, run)

    def _check_theme(self, preferences: Preferences) -> None:
        if preferences.theme not in self.available_themes:
            known = ", ".join(self.available_themes)
            raise HTransError(
                f"{preferences.path}: there is no theme {preferences.theme!r}; use one of {known}"
            )

    def _open_named(self, name: str) -> None:
        with open_run(self.workspace, name) as (_, run):
            run_id = run.id
        self.open_run(run_id)


def run_app(workspace: Workspace, run_name: str | None = None, *, read_only: bool = False) -> None:
    """Run the app in this terminal until the user leaves it, or the terminal is gone."""
    end_with_terminal()
    HTransApp(workspace, run_name, read_only=read_only, preferences=read_preferences()).run()
