"""Steering of a run and its categories from the monitor."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.widgets import TabbedContent

from core.engine.artifacts.workspace_store import Store, open_store
from core.engine.monitoring.status import CategoryStatus, RunStatus
from core.engine.runs.lookup import RunCategory
from core.engine.runs.retraining import RetrainPlan, RetrainRequest, plan_retrain, restore, retrain
from core.engine.runs.steering import (
    cancel_in_run,
    cancel_run,
    pause_category,
    resume_category,
)
from core.settings import TrainingSettings
from htrans_tui.app.screens.category_filter import descendants
from htrans_tui.app.screens.dialogs import Choice, ChoiceDialog, RetrainDialog
from htrans_tui.app.screens.htrans_screen import HTransScreen
from htrans_tui.app.services import AppServices
from htrans_tui.app.widgets.category_table import CategoryTable
from htrans_tui.app.widgets.history_table import HistoryTable


class CategorySteering(HTransScreen[None]):
    """A screen with the categories of a run: pause, cancel, retrain, restore."""

    def __init__(self, services: AppServices) -> None:
        super().__init__(services)
        self._run: RunStatus | None = None
        self._categories: Sequence[CategoryStatus] = ()

    @property
    def _table(self) -> CategoryTable:
        return self.query_one(CategoryTable)

    def _category(self) -> CategoryStatus | None:
        """The category under the cursor."""
        cursor = self._table.cursor_category_id
        return next((c for c in self._categories if c.id == cursor), None)

    def action_toggle_pause(self) -> None:
        """Pause or resume this run."""
        if self._run is not None:
            self.services.toggle_pause(self._run.run)

    def action_pause_part(self) -> None:
        """Pause or resume the category under the cursor, or its subtree."""
        category = self._category()
        if category is None or self._run is None:
            return
        run, workspace = self._run.run, self.services.workspace
        is_paused = category.state == "paused"

        def steer(subtree: bool) -> Callable[[Store], str]:
            def work(store: Store) -> str:
                if is_paused:
                    changed = resume_category(store, workspace, run, category.key, subtree=subtree)
                else:
                    changed = pause_category(store, run, category.key, subtree=subtree)
                return f"{'resumed' if is_paused else 'paused'} {_listed(changed)}"

            return work

        verb = "Resume" if is_paused else "Pause"
        self._ask_scope(f"{verb} {category.key}?", category, steer)

    def action_cancel(self) -> None:
        """Cancel the category under the cursor, its subtree, or the run."""
        category = self._category()
        if category is None or self._run is None:
            return
        run = self._run.run

        def steer(subtree: bool) -> Callable[[Store], str]:
            def work(store: Store) -> str:
                changed = cancel_in_run(store, run, category.key, subtree=subtree)
                return f"cancelled {_listed(changed)}"

            return work

        def cancel_all(store: Store) -> str:
            return f"{run.name}: {cancel_run(store, run).state}"

        self._ask_scope(f"Cancel {category.key}?", category, steer, cancel_all)

    def action_retrain(self) -> None:
        """Open the dialog to retrain the category under the cursor."""
        category = self._category()
        if category is None or self._run is None:
            return
        run, services = self._run.run, self.services
        settings = TrainingSettings.from_json(run.settings)

        def preview(request: RetrainRequest) -> RetrainPlan:
            with open_store(services.workspace, read_only=True) as store:
                return plan_retrain(store, run, request)

        def begin(request: RetrainRequest | None) -> None:
            if request is not None:
                services.steer(lambda store: work(store, request))

        def work(store: Store, request: RetrainRequest) -> str:
            retrained = retrain(store, services.workspace, run, request)
            return f"queued for retraining: {_listed(retrained)}"

        dialog = RetrainDialog(
            category.key, descendants(self._categories, category), settings, preview
        )
        self.app.push_screen(dialog, begin)

    def action_restore(self) -> None:
        """Restore the model of the attempt under the history's cursor."""
        category, attempt = self._category(), self.query_one(HistoryTable).cursor_attempt
        if category is None or self._run is None:
            return
        tabs = self.query_one("#tabs", TabbedContent)
        if tabs.active != "history":
            tabs.active = "history"
            self.query_one(HistoryTable).focus()
            return
        run = self._run.run
        attempt_no = None if attempt is None else attempt.attempt

        def work(store: Store) -> str:
            restored = restore(store, run, category.key, attempt_no)
            return f"{category.key} now uses the model of attempt {restored.attempt}"

        self.services.steer(work)

    def _ask_scope(
        self,
        question: str,
        category: CategoryStatus,
        steer: Callable[[bool], Callable[[Store], str]],
        steer_run: Callable[[Store], str] | None = None,
    ) -> None:
        """Ask for the scope of an operation and perform it.

        Args:
            question: Text of the dialog.
            category: The category under the cursor.
            steer: Returns the operation on the category, or on its subtree if passed True.
            steer_run: The operation on the run; None to offer categories only.
        """
        choices = [Choice("alone", f"{category.key} only")]
        if count := descendants(self._categories, category):
            choices.append(Choice("subtree", f"{category.key} and {count} below"))
        if steer_run is not None:
            choices.append(Choice("run", "the entire run"))

        def answer(value: str | None) -> None:
            if value == "run" and steer_run is not None:
                self.services.steer(steer_run)
            elif value is not None:
                self.services.steer(steer(value == "subtree"))

        self.app.push_screen(ChoiceDialog(question, choices), answer)


def _listed(categories: Sequence[RunCategory]) -> str:
    keys = ", ".join(category.key for category in categories[:3])
    return keys + (f" and {len(categories) - 3} more" if len(categories) > 3 else "")
