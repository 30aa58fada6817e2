"""Base of the predictions screen: moves, saves and removes the threshold of a category."""

from __future__ import annotations

from abc import abstractmethod

from core.engine.artifacts.workspace_store import Store
from core.engine.inspection.predictions import CategoryPredictions
from core.metrics.decisions import CategoryRule
from htrans_tui.app.screens.dialogs import TextDialog
from htrans_tui.app.screens.htrans_screen import HTransScreen
from htrans_tui.app.services import AppServices

_STEP = 0.01
"""Change of the threshold per key press, as a probability."""


class ThresholdScreen(HTransScreen[None]):
    """A screen with a movable threshold. `_min_score` is the minimum accepted raw model score."""

    def __init__(self, services: AppServices) -> None:
        super().__init__(services)
        self._predictions: CategoryPredictions | None = None
        self._store: Store
        self._rule = CategoryRule()
        self._min_score = self._rule.min_score
        self._saved_note = ""

    @abstractmethod
    def _draw(self) -> None:
        """Draw the decisions at the current threshold."""

    def action_lower(self) -> None:
        """Lower the threshold."""
        self._move_threshold(self._probability(self._min_score) - _STEP)

    def action_raise(self) -> None:
        """Raise the threshold."""
        self._move_threshold(self._probability(self._min_score) + _STEP)

    def action_one_more(self) -> None:
        """Lower the threshold by one document."""
        if self._predictions is not None:
            self._set_min_score(self._predictions.ranked.next_score(self._min_score, up=False))

    def action_one_less(self) -> None:
        """Raise the threshold by one document."""
        if self._predictions is not None:
            self._set_min_score(self._predictions.ranked.next_score(self._min_score, up=True))

    def action_best(self) -> None:
        """Use the threshold with the best F1 on this split."""
        if self._predictions is not None:
            self._set_min_score(self._predictions.ranked.best)

    def action_type_threshold(self) -> None:
        """Ask for a threshold."""

        def answered(answer: str | None) -> None:
            if answer is None:
                return
            try:
                value = float(answer.replace(",", "."))
            except ValueError:
                value = -1.0
            if not 0 <= value <= 1:
                self.notify("The threshold must be a number from 0 to 1.", severity="warning")
                return
            self._move_threshold(value)

        proposal = f"{self._probability(self._min_score):.3f}"
        self.app.push_screen(TextDialog("Threshold (probability from 0 to 1):", proposal), answered)

    def action_save_threshold(self) -> None:
        """Save the current threshold for the category of this run."""
        predictions, min_score = self._predictions, self._min_score
        if predictions is None:
            return
        warning = ""
        if predictions.split == "test":
            warning = "; the test metrics of this category are now optimistic"

        def save(store: Store) -> str:
            predictions.save_threshold(store, min_score)
            return (
                f"{predictions.category.key}: threshold {self._probability(min_score):.3f} saved, "
                f"set on {predictions.split} documents{warning}"
            )

        self.services.steer(save)

    def action_forget_threshold(self) -> None:
        """Remove the saved threshold: the run's decision rule applies again."""
        predictions = self._predictions
        if predictions is None:
            return

        def forget(store: Store) -> str:
            predictions.reset_threshold(store)
            return f"{predictions.category.key}: saved threshold removed"

        self._min_score = self._rule.min_score
        self.services.steer(forget)

    def _read_rule(self, *, keep: bool) -> None:
        """Read the decision rule of the category. `keep` keeps a threshold that is not saved."""
        assert self._predictions is not None
        rule = self._predictions.rule(self._store)
        by_hand = self._predictions.manual_threshold(self._store)
        is_modified = self._min_score != self._rule.min_score
        note = f"set by hand on {by_hand.split}" if by_hand is not None else ""
        if keep and rule == self._rule and note == self._saved_note:
            return
        self._rule, self._saved_note = rule, note
        if not (keep and is_modified):
            self._min_score = rule.min_score
        if keep:
            self._draw()

    def _probability(self, min_score: float) -> float:
        return self._rule.probability_of(min_score)

    def _move_threshold(self, probability: float) -> None:
        self._set_min_score(self._rule.least_for(min(max(probability, 0.0), 1.0)))

    def _set_min_score(self, min_score: float) -> None:
        self._min_score = min_score
        self._draw()
