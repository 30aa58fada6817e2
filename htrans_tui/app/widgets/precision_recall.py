"""Precision-recall curve of a category with a mark at its threshold."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual_plot import HiResMode

from core.metrics.decisions import CategoryRule
from core.metrics.ranking import PrecisionRecall, RankedPredictions
from htrans_tui.app.theme_colors import theme_colour
from htrans_tui.app.widgets.curves import Plot
from htrans_tui.app.widgets.plain_label import PlainLabel


class PrecisionRecallPlot(Vertical):
    """The curve below a title with the best F1. Draws nothing while it is hidden."""

    def __init__(self) -> None:
        super().__init__(id="precision-recall")
        self._shown: tuple[RankedPredictions, PrecisionRecall, CategoryRule, float] | None = None

    def compose(self) -> ComposeResult:
        """Compose title and curve."""
        yield PlainLabel("", id="curve-title")
        yield Plot(id="curve")

    def show(
        self,
        ranked: RankedPredictions,
        curve: PrecisionRecall,
        rule: CategoryRule,
        min_score: float,
    ) -> None:
        """Show a curve and the point of the current threshold.

        Args:
            ranked: Documents of the category by score.
            curve: Points of the curve.
            rule: Decision rule of the category, which converts scores to probabilities.
            min_score: Minimum accepted raw model score.
        """
        self._shown = ranked, curve, rule, min_score
        if self.display:
            self._draw()

    def on_show(self) -> None:
        """Draw changes since the curve was hidden."""
        self._draw()

    def _draw(self) -> None:
        if self._shown is None:
            return
        ranked, curve, rule, min_score = self._shown
        best = ranked.best
        self.query_one("#curve-title", PlainLabel).set_text(
            f" precision-recall · best F1 {ranked.counts(best).rates.f1:.3f} "
            f"at threshold {rule.probability_of(best):.3f}"
        )
        plot = self.query_one("#curve", Plot)
        plot.clear()
        if len(curve.recall) > 1:
            plot.plot(
                curve.recall,
                curve.precision,
                line_style=theme_colour(self.app, "primary"),
                hires_mode=HiResMode.BRAILLE,
            )
        rates = ranked.counts(min_score).rates
        colour = theme_colour(self.app, "warning")
        plot.scatter([rates.recall], [rates.precision], marker="◆", marker_style=colour)
        plot.set_xlimits(-0.01, 1.02)
        plot.set_ylimits(-0.02, 1.05)
