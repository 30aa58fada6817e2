"""The precision-recall curve of a category, with a mark where its threshold is."""

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
    """A title that says where F1 is best, and the curve; nothing is drawn while it is hidden."""

    def __init__(self) -> None:
        super().__init__(id="precision-recall")
        self._shown: tuple[RankedPredictions, PrecisionRecall, CategoryRule, float] | None = None

    def compose(self) -> ComposeResult:
        """The title above the curve."""
        yield PlainLabel("", id="curve-title")
        yield Plot(id="curve")

    def show(
        self, ranked: RankedPredictions, curve: PrecisionRecall, rule: CategoryRule, least: float
    ) -> None:
        """Show where accepting from the score `least` on lies on the curve of `ranked`."""
        self._shown = ranked, curve, rule, least
        if self.display:
            self._draw()

    def on_show(self) -> None:
        """Draw what changed while it was hidden."""
        self._draw()

    def _draw(self) -> None:
        if self._shown is None:
            return
        ranked, curve, rule, least = self._shown
        best = ranked.best
        self.query_one("#curve-title", PlainLabel).say(
            f" precision by recall · best F1 {ranked.counts(best).rates.f1:.3f} "
            f"from {rule.probability_of(best):.3f}"
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
        rates = ranked.counts(least).rates
        colour = theme_colour(self.app, "warning")
        plot.scatter([rates.recall], [rates.precision], marker="◆", marker_style=colour)
        plot.set_xlimits(-0.01, 1.02)
        plot.set_ylimits(-0.02, 1.05)
