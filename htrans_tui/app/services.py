"""Interface of the app to its screens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from core.engine.artifacts.workspace_store import Store
from core.engine.runs.lookup import Run, RunCategory
from core.workspace import Workspace
from htrans_tui.app.poller import Poller
from htrans_tui.app.preferences import Preferences
from htrans_tui.app.snapshot import Snapshot
from htrans_tui.app.view_state import View

if TYPE_CHECKING:
    from htrans_tui.app.inference_client import InferenceClient


class AppServices(Protocol):
    """The workspace, the newest snapshot, and operations that outlive a screen."""

    workspace: Workspace
    read_only: bool
    preferences: Preferences
    snapshot: Snapshot
    poller: Poller
    texts: list[str]
    """Texts that were classified since the app was opened, oldest first."""

    def open_run(self, run_id: int) -> None:
        """Open the monitor of a run."""

    def open_classifier(self, runs: Sequence[Run]) -> None:
        """Classify typed text with the models of one or several runs."""

    def open_predictions(self, run: Run, category: RunCategory) -> None:
        """Show the predictions of a category's model."""

    def open_log(self) -> None:
        """Show the logs of the engine's processes."""

    def open_comparison(self, names: Sequence[str]) -> None:
        """Compare runs; the first one is the baseline."""

    def use_models(self, run: Run) -> InferenceClient:
        """Acquire the inference client of a run. Release it with `release_models`."""

    async def release_models(self, client: InferenceClient) -> None:
        """Release an inference client. Its process ends with the last user."""

    def apply_preferences(self, preferences: Preferences) -> None:
        """Apply other preferences."""

    def load_view(self, run: Run) -> View:
        """Load the saved view of a run's monitor."""

    def save_view(self, run: Run, view: View) -> None:
        """Save the view of a run's monitor."""

    def save_table(
        self,
        proposal: Path,
        header: Sequence[str],
        rows: Callable[[], Iterable[Sequence[Any]]],
        *,
        in_thread: bool = False,
    ) -> None:
        """Ask for a file name and write a table as CSV.

        Args:
            proposal: The proposed file name.
            header: Titles of the columns.
            rows: Called for the rows of the table.
            in_thread: Write in a thread, for tables that take long.
        """

    def ask_path(
        self,
        question: str,
        proposal: Path,
        write: Callable[[Path], str],
        *,
        in_thread: bool = False,
    ) -> None:
        """Ask for a file name and write the file.

        Args:
            question: Text of the dialog.
            proposal: The proposed file name.
            write: Called with the path; returns a summary that is shown.
            in_thread: Call `write` in a thread.
        """

    def toggle_pause(self, run: Run) -> None:
        """Pause the run if it is running, resume it otherwise."""

    def steer(self, function: Callable[[Store], str]) -> None:
        """Run a steering function in a thread and show its summary or its error."""
