"""Loss and F1 curves of the selected category."""

from __future__ import annotations

import math
from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static
from textual_plot import HiResMode, PlotWidget

from htrans_tui.format import weight
from htrans_tui.snapshot import Details, TrialCurves

_COLOURS = ("primary", "warning", "success", "accent", "error", "secondary", "foreground")


_SMALLEST = 1e-6
"""Losses below this are drawn as this on a log scale."""
_MOST_SMOOTHING = 6


def smooth(values: Sequence[float], points: int) -> list[float]:
    """The exponential moving average of `values` that remembers about `points` of them."""
    smoothed: list[float] = []
    for value in values:
        before = smoothed[-1] if smoothed else value
        smoothed.append(before + (value - before) / points)
    return smoothed


class Plot(PlotWidget, can_focus=False):
    """A plot without keys of its own: those of the screen keep their meaning."""


class Curves(Vertical):
    """Training and validation loss of one class weight, validation F1 of all of them."""

    def compose(self) -> ComposeResult:
        """Two plots, each under a title that says what its lines are."""
        yield Static("", id="loss-title", markup=False)
        yield Plot(id="loss-plot")
        yield Static("", id="f1-title", markup=False)
        yield Plot(id="f1-plot")

    def on_mount(self) -> None:
        """No margins for labels that are not there."""
        for plot in self.query(Plot):
            plot.margin_bottom = 2
            plot.margin_left = 6
            plot.margin_top = 0
        self._shown: Details | None = None
        self._log = False
        self._smoothing = 0

    def toggle_log_scale(self) -> None:
        """Draw losses on a log scale, or no longer."""
        self._log = not self._log
        self._again()

    def smooth(self, step: int) -> None:
        """Smooth the training loss over twice as many points, or half as many."""
        self._smoothing = min(max(self._smoothing + step, 0), _MOST_SMOOTHING)
        self._again()

    def _again(self) -> None:
        shown, self._shown = self._shown, None
        self.show(shown)

    def show(self, details: Details | None) -> None:
        """Draw the curves again if they have changed."""
        if details == self._shown:
            return
        self._shown = details
        loss_plot = self.query_one("#loss-plot", Plot)
        f1_plot = self.query_one("#f1-plot", Plot)
        loss_plot.clear()
        f1_plot.clear()
        if details is None or details.shown is None:
            self.query_one("#loss-title", Static).update(_why_nothing(details))
            self.query_one("#f1-title", Static).update("")
            return
        self._draw_losses(loss_plot, details.shown)
        self._draw_f1(f1_plot, details.trials)

    def _draw_losses(self, plot: Plot, curves: TrialCurves) -> None:
        class_weight = weight(curves.trial.class_weight)
        loss = "log₁₀ of loss" if self._log else "loss"
        smoothed = f", smoothed over {2**self._smoothing} points" if self._smoothing else ""
        self.query_one("#loss-title", Static).update(
            f" {loss}, class weight {class_weight}:  ─ training{smoothed}  ● validation"
            "   (by epoch)"
        )
        xs, ys = zip(*curves.running_loss, strict=True) if curves.running_loss else ((), ())
        if len(xs) < 2:
            xs = tuple(epoch.epoch for epoch in curves.epochs)
            ys = tuple(epoch.training_loss for epoch in curves.epochs)
        self._line(plot, xs, self._scaled(smooth(ys, 2**self._smoothing)), self._colour(0))
        xs = tuple(epoch.epoch for epoch in curves.epochs)
        ys = self._scaled([epoch.validation_loss for epoch in curves.epochs])
        self._line(plot, xs, ys, self._colour(1))
        if xs:
            plot.scatter(xs, ys, marker="●", marker_style=self._colour(1))

    def _scaled(self, losses: Sequence[float]) -> tuple[float, ...]:
        if not self._log:
            return tuple(losses)
        return tuple(math.log10(max(loss, _SMALLEST)) for loss in losses)

    def _draw_f1(self, plot: Plot, trials: Sequence[TrialCurves]) -> None:
        names = []
        for number, curves in enumerate(trials):
            if not curves.epochs:
                continue
            colour = self._colour(number)
            xs = tuple(epoch.epoch for epoch in curves.epochs)
            ys = tuple(epoch.f1 for epoch in curves.epochs)
            sign = weight(curves.trial.class_weight)
            names.append(sign)
            self._line(plot, xs, ys, colour)
            plot.scatter(xs[-1:], ys[-1:], marker=sign[0], marker_style=colour)
        title = f" validation F1, class weights {', '.join(names)}" if names else ""
        self.query_one("#f1-title", Static).update(title)

    def _line(self, plot: Plot, xs: Sequence[float], ys: Sequence[float], colour: str) -> None:
        if len(xs) > 1:
            plot.plot(list(xs), list(ys), line_style=colour, hires_mode=HiResMode.BRAILLE)

    def _colour(self, number: int) -> str:
        variables = self.app.theme_variables
        name = variables.get(_COLOURS[number % len(_COLOURS)], "")
        return name if name.startswith("#") else "default"


def _why_nothing(details: Details | None) -> str:
    if details is None:
        return " no category is selected"
    reasons = {
        "waiting": "waits for its parent to be trained",
        "empty": "has no training document, so there is nothing to train",
        "ready": "is ready; no worker has taken it up yet",
    }
    return f" {details.category.state}: {reasons.get(details.category.state, 'no epoch yet')}"
