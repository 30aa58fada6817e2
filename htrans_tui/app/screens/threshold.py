"""The threshold of the category whose predictions are shown: moved, typed, saved, taken back."""

from __future__ import annotations

from abc import abstractmethod

from core.engine.artifacts.workspace_store import Store
from core.engine.inspection.predictions import CategoryPredictions
from core.metrics.decisions import CategoryRule
from htrans_tui.app.screens.dialogs import TextDialog
from htrans_tui.app.screens.htrans_screen import HTransScreen
from htrans_tui.app.services import AppServices

_STEP = 0.01
"""How far a key moves the threshold, in probability."""


class ThresholdScreen(HTransScreen[None]):
    """A screen on which a threshold is tried: `_least` is the lowest score that is accepted."""

    def __init__(self, services: AppServices) -> None:
        super().__init__(services)
        self._predictions: CategoryPredictions | None = None
        self._store: Store
        self._rule = CategoryRule()
        self._least = self._rule.least
        self._saved = ""

    @abstractmethod
    def _draw(self) -> None:
        """Draw what the threshold makes of the documents."""

    def action_lower(self) -> None:
        """Accept from a lower probability on."""
        self._move_threshold(self._shown(self._least) - _STEP)

    def action_raise(self) -> None:
        """Accept from a higher probability on."""
        self._move_threshold(self._shown(self._least) + _STEP)

    def action_one_more(self) -> None:
        """Accept one document more."""
        if self._predictions is not None:
            self._try(self._predictions.ranked.next_score(self._least, up=False))

    def action_one_less(self) -> None:
        """Accept one document less."""
        if self._predictions is not None:
            self._try(self._predictions.ranked.next_score(self._least, up=True))

    def action_best(self) -> None:
        """Accept from where F1 is best on this split."""
        if self._predictions is not None:
            self._try(self._predictions.ranked.best)

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
                self.notify("a threshold is a number from 0 to 1", severity="warning")
                return
            self._move_threshold(value)

        proposal = f"{self._shown(self._least):.3f}"
        self.app.push_screen(TextDialog("Accept from which probability on?", proposal), answered)

    def action_save_threshold(self) -> None:
        """Let the threshold that is shown hold for the run."""
        found, least = self._predictions, self._least
        if found is None:
            return
        where = f"on {found.split} documents"
        if found.split == "test":
            where += ": measures on them are no fair test of this category any more"

        def save(store: Store) -> str:
            found.save_threshold(store, least)
            return f"{found.category.key} accepts from {self._shown(least):.3f} on, set {where}"

        self.services.steer(save)

    def action_forget_threshold(self) -> None:
        """Let the run's own way to decide hold again."""
        found = self._predictions
        if found is None:
            return

        def forget(store: Store) -> str:
            found.reset_threshold(store)
            return f"{found.category.key} decides as the run does"

        self._least = self._rule.least
        self.services.steer(forget)

    def _read_rule(self, *, keep: bool) -> None:
        """Read how the category decides; `keep` leaves a threshold that is being tried."""
        assert self._predictions is not None
        rule = self._predictions.rule(self._store)
        by_hand = self._predictions.manual_threshold(self._store)
        moved = self._least != self._rule.least
        said = f"set by hand on {by_hand.split}" if by_hand is not None else ""
        if keep and rule == self._rule and said == self._saved:
            return
        self._rule, self._saved = rule, said
        if not (keep and moved):
            self._least = rule.least
        if keep:
            self._draw()

    def _shown(self, least: float) -> float:
        return self._rule.probability_of(least)

    def _move_threshold(self, probability: float) -> None:
        self._try(self._rule.least_for(min(max(probability, 0.0), 1.0)))

    def _try(self, least: float) -> None:
        self._least = least
        self._draw()
