"""Steering of the run and of its category under the cursor, from the monitor."""

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
from htrans_tui.app.screens.category_filter import below
from htrans_tui.app.screens.dialogs import Choice, ChoiceDialog, RetrainDialog
from htrans_tui.app.screens.htrans_screen import HTransScreen
from htrans_tui.app.services import AppServices
from htrans_tui.app.widgets.category_table import CategoryTable
from htrans_tui.app.widgets.history_table import HistoryTable

_HELD = ("paused",)


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
        chosen = self._table.chosen
        return next((c for c in self._categories if c.id == chosen), None)

    def action_toggle_pause(self) -> None:
        """Pause or resume this run."""
        if self._run is not None:
            self.services.toggle_pause(self._run.run)

    def action_pause_part(self) -> None:
        """Pause or resume the category under the cursor, or it and all below it."""
        category = self._category()
        if category is None or self._run is None:
            return
        run, workspace = self._run.run, self.services.workspace
        held = category.state in _HELD

        def steer(subtree: bool) -> Callable[[Store], str]:
            def work(store: Store) -> str:
                if held:
                    changed = resume_category(store, workspace, run, category.key, subtree=subtree)
                else:
                    changed = pause_category(store, run, category.key, subtree=subtree)
                return f"{'resumed' if held else 'paused'} {_some(changed)}"

            return work

        verb = "Resume" if held else "Pause"
        self._ask_part(f"{verb} {category.key}?", category, steer)

    def action_cancel(self) -> None:
        """Cancel the category under the cursor, it and all below it, or the run."""
        category = self._category()
        if category is None or self._run is None:
            return
        run = self._run.run

        def steer(subtree: bool) -> Callable[[Store], str]:
            def work(store: Store) -> str:
                changed = cancel_in_run(store, run, category.key, subtree=subtree)
                return f"cancelled {_some(changed)}"

            return work

        def whole(store: Store) -> str:
            return f"{run.name}: {cancel_run(store, run).state}"

        self._ask_part(f"Cancel {category.key}?", category, steer, whole)

    def action_retrain(self) -> None:
        """Ask how to retrain the category under the cursor, and do it."""
        category = self._category()
        if category is None or self._run is None:
            return
        run, services = self._run.run, self.services
        settings = TrainingSettings.from_json(run.settings)

        def look(request: RetrainRequest) -> RetrainPlan:
            with open_store(services.workspace, read_only=True) as store:
                return plan_retrain(store, run, request)

        def begin(request: RetrainRequest | None) -> None:
            if request is not None:
                services.steer(lambda store: work(store, request))

        def work(store: Store, request: RetrainRequest) -> str:
            retrained = retrain(store, services.workspace, run, request)
            return f"to be retrained: {_some(retrained)}"

        weights = ",".join(f"{weight:g}" for weight in settings.class_weights)
        dialog = RetrainDialog(
            category.key, below(self._categories, category), weights, settings.epochs, look
        )
        self.app.push_screen(dialog, begin)

    def action_restore(self) -> None:
        """Bring back the model of the attempt under the history's cursor."""
        category, attempt = self._category(), self.query_one(HistoryTable).chosen
        if category is None or self._run is None:
            return
        tabs = self.query_one("#tabs", TabbedContent)
        if tabs.active != "history":
            tabs.active = "history"
            self.query_one(HistoryTable).focus()
            return
        run = self._run.run
        number = None if attempt is None else attempt.attempt

        def work(store: Store) -> str:
            restored = restore(store, run, category.key, number)
            return f"{category.key} has the model of attempt {restored.attempt}"

        self.services.steer(work)

    def _ask_part(
        self,
        question: str,
        category: CategoryStatus,
        steer: Callable[[bool], Callable[[Store], str]],
        whole: Callable[[Store], str] | None = None,
    ) -> None:
        """Ask how much of the run is meant, and steer it."""
        choices = [Choice("alone", f"{category.key} alone")]
        if number := below(self._categories, category):
            choices.append(Choice("subtree", f"{category.key} and {number} below it"))
        if whole is not None:
            choices.append(Choice("run", "the whole run"))

        def answer(value: str | None) -> None:
            if value == "run" and whole is not None:
                self.services.steer(whole)
            elif value is not None:
                self.services.steer(steer(value == "subtree"))

        self.app.push_screen(ChoiceDialog(question, choices), answer)


def _some(categories: Sequence[RunCategory]) -> str:
    named = ", ".join(category.key for category in categories[:3])
    return named + (f" and {len(categories) - 3} more" if len(categories) > 3 else "")
