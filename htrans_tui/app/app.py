"""The app: screens that show the poller's snapshots. It never imports torch.

Training happens in the engine's processes, so runs continue when the app exits.
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
    """The Textual app. `htrans_tui.app.actions` lists its actions."""

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
        """Create the app.

        Args:
            workspace: The workspace to show.
            run_name: Run to open at the start, on top of the list of runs.
            read_only: Disable all actions that change a run.
            preferences: Preferences of the user, by default the defaults.

        Raises:
            HTransError: If the preferences name an unknown theme.
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
        self._has_warned_about_views = False
        self.poller = Poller(workspace, post_to(self), self.preferences.refresh)

    def on_mount(self) -> None:
        """Open the list of runs and the run named at the start; start the poller."""
        self.push_screen(RunsScreen(self))
        if self._first_run is not None:
            self._open_named(self._first_run)
        self.poller.start()

    def on_unmount(self) -> None:
        """Stop the poller."""
        self.poller.stop()

    def on_snapshot_taken(self, message: SnapshotTaken) -> None:
        """Pass the snapshot to the visible screens. Covered screens update when they resume."""
        self.snapshot = message.snapshot
        for screen in reversed(self.screen_stack):
            is_modal = screen.is_modal
            # A screen that is opening or closing has no widgets yet, or no longer.
            has_widgets = screen.is_mounted and bool(screen.query("#title"))
            if has_widgets and isinstance(screen, SnapshotScreen):
                screen.show(message.snapshot)
            if not is_modal:
                return

    # Other screens are imported when they open, so that the first one appears sooner.

    def open_run(self, run_id: int) -> None:
        """Open the monitor of a run."""
        from htrans_tui.app.screens.monitor import MonitorScreen

        self.poller.watch(run_id)
        self.push_screen(MonitorScreen(self, run_id))

    def open_classifier(self, runs: Sequence[Run]) -> None:
        """Classify typed text with the models of one run, or of several side by side."""
        from htrans_tui.app.screens.classify import ClassifyScreen

        self.push_screen(ClassifyScreen(self, runs))

    def open_predictions(self, run: Run, category: RunCategory) -> None:
        """Open the predictions of a category's model."""
        from htrans_tui.app.screens.predictions import PredictionsScreen

        self.push_screen(PredictionsScreen(self, run, category))

    def use_models(self, run: Run) -> InferenceClient:
        """Acquire the inference client of a run. Release it with `release_models`."""
        from htrans_tui.app.inference_client import InferenceClient

        client = self._models.get(run.id)
        if client is None:
            client = self._models[run.id] = InferenceClient(self.workspace, run.name)
        client.users += 1
        return client

    async def release_models(self, client: InferenceClient) -> None:
        """Release an inference client. Its process ends with the last user."""
        client.users -= 1
        if client.users == 0:
            self._models = {id: other for id, other in self._models.items() if other is not client}
            await client.end()

    def open_log(self) -> None:
        """Show the logs of the engine's processes."""
        from htrans_tui.app.screens.log import LogScreen

        self.push_screen(LogScreen(self))

    def open_comparison(self, names: Sequence[str]) -> None:
        """Compare runs; the first is the baseline."""
        from htrans_tui.app.screens.compare import CompareScreen

        self.push_screen(CompareScreen(self, names))

    def apply_preferences(self, preferences: Preferences) -> None:
        """Apply other preferences to the app and its open screens."""
        self._check_theme(preferences)
        self.preferences = preferences
        self.theme = preferences.theme
        self.poller.interval = preferences.refresh
        for screen in self.screen_stack:
            if isinstance(screen, SnapshotScreen):
                screen.apply_preferences(preferences)

    def load_view(self, run: Run) -> View:
        """Load the saved view of a run's monitor."""
        return self._views.load(self.workspace.database, run.id, run.created_at)

    def save_view(self, run: Run, view: View) -> None:
        """Save the view of a run's monitor. Reports only the first error.

        Does nothing in a browser, because all visitors share one user account.
        """
        if self.is_web:
            return
        try:
            self._views.save(self.workspace.database, run.id, run.created_at, view)
        except HTransError as error:
            if not self._has_warned_about_views:
                self._has_warned_about_views = True
                self.notify(printable(str(error)), severity="warning", markup=False)

    def save_table(
        self,
        proposal: Path,
        header: Sequence[str],
        rows: Callable[[], Iterable[Sequence[Any]]],
        *,
        in_thread: bool = False,
    ) -> None:
        """Ask for a file name and write a table as CSV. See `AppServices`."""
        self.ask_path(
            "Write the table to a CSV file:",
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
        """Ask for a file name and write the file. See `AppServices`.

        In a browser, the file is downloaded under the proposed name without a dialog.
        """
        from htrans_tui.app.downloads import downloaded
        from htrans_tui.app.screens.dialogs import TextDialog

        async def write_to(path: Path) -> str:
            return await asyncio.to_thread(write, path) if in_thread else write(path)

        async def write_and_notify(path: Path) -> None:
            try:
                summary = await write_to(path)
            except HTransError as error:
                self.notify(printable(str(error)), severity="error", markup=False)
            else:
                target = printable(str(path.absolute()))
                self.notify(f"{summary} written to {target}", title="Saved", markup=False)

        async def download() -> None:
            try:
                with downloaded(self, proposal.name) as path:
                    await write_to(path)
            except (HTransError, OSError) as error:
                self.notify(printable(str(error)), severity="error", markup=False)

        def answered(answer: str | None) -> None:
            if answer and answer.strip():
                path = Path(answer.strip()).expanduser()
                self.run_worker(write_and_notify(path), group="writing")

        if self.is_web:
            self.run_worker(download(), group="writing")
        else:
            self.push_screen(TextDialog(question, str(proposal)), answered)

    def toggle_pause(self, run: Run) -> None:
        """Pause the run if it is running, resume it otherwise."""

        def steer(store: Store) -> str:
            if run.state == "running":
                changed = pause_run(store, run)
            else:
                changed = resume_run(store, self.workspace, run)
            return f"{run.name}: {changed.state}"

        self.steer(steer)

    def steer(self, function: Callable[[Store], str]) -> None:
        """Run a steering function in a thread and show its summary or its error."""
        if self.read_only:
            self.notify("The app is read-only.", severity="warning")
            return

        def work() -> None:
            try:
                with open_store(self.workspace) as store:
                    message, severity = function(store), "information"
            except HTransError as error:
                message, severity = str(error), "error"
            self.call_from_thread(
                self.notify,
                printable(message),
                severity=severity,
                markup=False,
            )

        self.run_worker(work, thread=True, group="steering")

    async def action_quit(self) -> None:
        """Save the views of the open screens and exit."""
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
        """Open the settings."""
        from htrans_tui.app.screens.settings import SettingsScreen

        if not isinstance(self.screen, SettingsScreen):
            self.push_screen(SettingsScreen(self))

    def action_picture(self) -> None:
        """Write the screen to an SVG file."""
        picture = self.export_screenshot(title="htrans-tui")

        def write(path: Path) -> str:
            write_new(path, picture)
            return "screenshot"

        name = f"htrans-tui-{datetime.now():%Y%m%d-%H%M%S}.svg"
        self.ask_path("Write the screenshot to an SVG file:", Path(name), write)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Yield Textual's commands, then the actions of this screen."""
        yield from super().get_system_commands(screen)
        scope: Scope | None = getattr(screen, "SCOPE", None)
        for action in actions_in(scope) if scope is not None else ():
            if self.read_only and action.steers:
                continue
            method = getattr(screen, f"action_{action.name}", None)
            if method is not None:
                yield SystemCommand(action.label, action.description, method)

    def _check_theme(self, preferences: Preferences) -> None:
        if preferences.theme not in self.available_themes:
            known = ", ".join(self.available_themes)
            raise HTransError(
                f"{preferences.path}: unknown theme {preferences.theme!r}; use one of {known}"
            )

    def _open_named(self, name: str) -> None:
        with open_run(self.workspace, name) as (_, run):
            run_id = run.id
        self.open_run(run_id)


def run_app(workspace: Workspace, run_name: str | None = None, *, read_only: bool = False) -> None:
    """Run the app in this terminal until the user quits or the terminal hangs up."""
    end_with_terminal()
    HTransApp(workspace, run_name, read_only=read_only, preferences=read_preferences()).run()
