"""Curves of every class weight of the selected category: both losses and F1, with read-out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Grid, Vertical
from textual.message import Message
from textual.strip import Strip
from textual.widgets import Static
from textual_hires_canvas import Canvas
from textual_plot import HiResMode, NumericAxisFormatter, PlotWidget
from textual_plot.plot_widget import Legend

from core.engine.monitoring.history import Epoch
from htrans_tui.app.running_loss import thinned
from htrans_tui.app.snapshot import Details, TrialCurves
from htrans_tui.app.theme_colors import theme_colour
from htrans_tui.formatting import weight

_COLOURS = ("primary", "warning", "success", "accent", "error", "secondary", "foreground")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SMALLEST = 1e-6
"""Losses below this are drawn as this on a log scale."""
_MOST_SMOOTHING = 6
_MARGIN = 0.04
"""Room above and below the curves, as a share of their height."""
_PACE = 2.5
"""Seconds between two drawings of curves that grow."""
_BESIDE = 3
"""So many class weights are read in one line; more take two."""
_ROOM = 8
"""Lines that a plot has at least where several are below each other."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What a plot shows of each trial, by epoch."""

    id: str
    name: str
    of: Callable[[Epoch], float]
    is_loss: bool


MEASURES = (
    Measure("training", "training loss", lambda epoch: epoch.training_loss, True),
    Measure("validation", "validation loss", lambda epoch: epoch.validation_loss, True),
    Measure("f1", "validation F1", lambda epoch: epoch.f1, False),
)


def smooth(values: Sequence[float], points: int) -> list[float]:
    """The exponential moving average of `values` that remembers about `points` of them."""
    smoothed: list[float] = []
    for value in values:
        before = smoothed[-1] if smoothed else value
        smoothed.append(before + (value - before) / points)
    return smoothed


class LogFormatter(NumericAxisFormatter):
    """Writes the numbers whose logarithms stand on an axis."""

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        """Labels such as 0.01 for the tick -2."""
        return [f"{10**tick:.2g}" for tick in ticks]


class StyledCanvas(Canvas):
    """A canvas whose empty lines have a style too: without colour, Textual asks each for it."""

    def render_line(self, y: int) -> Strip:
        """A line of the canvas."""
        line = super().render_line(y)
        return line if line.cell_length else Strip.blank(0, self.rich_style)


class Plot(PlotWidget, can_focus=False):
    """A plot without keys of its own: those of the screen keep their meaning."""

    class Pointed(Message):
        """The mouse points at an epoch."""

        def __init__(self, epoch: float) -> None:
            super().__init__()
            self.epoch = epoch

    def compose(self) -> ComposeResult:
        """The canvases that a plot draws on, by the names that it knows them by."""
        with Grid():
            for name in ("margin-top", "margin-left", "plot", "margin-bottom"):
                yield StyledCanvas(1, 1, id=name)
        yield Legend(id="legend")

    def on_mount(self) -> None:
        """No margins for labels that are not there."""
        self.margin_bottom = 2
        self.margin_left = 6
        self.margin_top = 0

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Say which epoch the mouse points at."""
        canvas = self.query_one("#plot", Canvas)
        x, _ = self.get_coordinate_from_pixel(event.screen_x - canvas.region.x, 1)
        if canvas.region.contains(event.screen_x, event.screen_y) and math.isfinite(x):
            self.post_message(self.Pointed(x))


class Curves(Vertical):
    """A plot for each measure that has room, with a line for each class weight.

    The title of a plot says what the lines are at the epoch that is read, the last one unless
    another was chosen.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"curves--value"}

    def __init__(self) -> None:
        super().__init__()
        self._shown: Details | None = None
        self._log = False
        self._smoothing = 0
        self._measure: int | None = None
        self._epoch: int | None = None
        self._last_epoch = 0
        self._drawn_at = 0.0
        self._is_late = False

    def compose(self) -> ComposeResult:
        """Plots below each other, each under its title."""
        for measure in MEASURES:
            yield Static("", id=f"{measure.id}-title", markup=False, classes="plot-title")
            yield Plot(id=f"{measure.id}-plot")

    def show(self, details: Details | None) -> None:
        """Draw the curves again if they have changed; those of one category rarely."""
        if details is self._shown and details is not None and not self._is_late:
            return
        before, self._shown = self._shown, details
        another = before is None or details is None or before.category.id != details.category.id
        if another:
            self._epoch = None
        self._is_late = not another and time.monotonic() - self._drawn_at < _PACE
        if not self._is_late:
            self._draw()

    def next_measure(self) -> None:
        """Show all measures that have room, then one after the other."""
        after = 0 if self._measure is None else self._measure + 1
        self._measure = after if after < len(MEASURES) else None
        self._draw()

    def read_at(self, step: int) -> None:
        """Read the values some epochs further or before."""
        if self._last_epoch:
            at = self._last_epoch if self._epoch is None else self._epoch
            self._point(at + step)

    def toggle_log_scale(self) -> None:
        """Draw losses on a log scale, or no longer."""
        self._log = not self._log
        self._draw()

    def smooth(self, step: int) -> None:
        """Smooth the training loss over twice as many points, or half as many."""
        self._smoothing = min(max(self._smoothing + step, 0), _MOST_SMOOTHING)
        self._draw()

    def on_resize(self) -> None:
        """Show as many plots as have room."""
        self._draw()

    def on_plot_pointed(self, message: Plot.Pointed) -> None:
        """Read where the mouse points."""
        message.stop()
        self._point(round(message.epoch))

    def _point(self, epoch: int) -> None:
        epoch = min(max(epoch, 1), max(self._last_epoch, 1))
        if epoch != self._epoch:
            self._epoch = epoch
            self._draw()

    def _visible(self) -> list[Measure]:
        if self._measure is not None:
            return [MEASURES[self._measure]]
        return list(MEASURES[: max(self.size.height // _ROOM, 1)])

    def _draw(self) -> None:
        details = self._shown
        self._drawn_at = time.monotonic()
        visible = self._visible()
        trials = (
            [] if details is None else [t for t in details.trials if t.epochs or t.running_loss]
        )
        self._last_epoch = max((t.epochs[-1].epoch for t in trials if t.epochs), default=0)
        for measure in MEASURES:
            title = self.query_one(f"#{measure.id}-title", Static)
            plot = self.query_one(f"#{measure.id}-plot", Plot)
            # Without a curve, the first title says why.
            title.display = measure in visible
            plot.display = measure in visible and bool(trials)
            if measure not in visible:
                continue
            if details is None or not trials:
                said = _why_nothing(details) if measure is visible[0] else ""
                title.update(said, layout=False)
                continue
            lines = 1 if len(trials) <= _BESIDE else 2
            if title.styles.height is None or title.styles.height.value != lines:
                title.styles.height = lines
            title.update(self._title(measure, details, trials), layout=False)
            self._draw_plot(plot, measure, details, trials)

    def _title(self, measure: Measure, details: Details, trials: Sequence[TrialCurves]) -> Text:
        at = self._last_epoch if self._epoch is None else self._epoch
        how = ", log" if self._log and measure.is_loss else ""
        if measure.id == "training" and self._smoothing:
            how += f", smoothed over {2**self._smoothing} points"
        text = Text(f" {measure.name}{how}", overflow="ellipsis")
        text.append(f" at epoch {at}" if at else "")
        for number, curves in enumerate(trials):
            value = next((measure.of(e) for e in curves.epochs if e.epoch == at), None)
            star = "★" if _is_chosen(details, curves) else ""
            read = "–" if value is None else f"{value:.3f}"
            label = f"  {_LETTERS[number % 26]} {weight(curves.trial.class_weight)}{star} {read}"
            text.append(label, self._colour(number))
        return text

    def _draw_plot(
        self, plot: Plot, measure: Measure, details: Details, trials: Sequence[TrialCurves]
    ) -> None:
        plot.clear()
        logarithmic = self._log and measure.is_loss
        plot.set_y_formatter(LogFormatter() if logarithmic else NumericAxisFormatter())
        lows: list[float] = []
        highs: list[float] = []
        # The chosen one is drawn last, over the others.
        for number, curves in sorted(
            enumerate(trials), key=lambda pair: _is_chosen(details, pair[1])
        ):
            xs, ys = self._points(measure, curves)
            if not xs:
                continue
            if logarithmic:
                ys = [math.log10(max(y, _SMALLEST)) for y in ys]
            lows.append(min(ys))
            highs.append(max(ys))
            colour = self._colour(number)
            if len(xs) > 1:
                plot.plot(list(xs), list(ys), line_style=colour, hires_mode=HiResMode.BRAILLE)
            letter = _LETTERS[number % 26]
            plot.scatter(list(xs[-1:]), list(ys[-1:]), marker=letter, marker_style=colour)
        if lows:
            # So that nothing is drawn on the frame.
            room = max(_MARGIN * (max(highs) - min(lows)), _SMALLEST)
            plot.set_ylimits(min(lows) - room, max(highs) + room)
        if self._epoch is not None:
            plot.add_v_line(float(self._epoch), line_style=self._colour(6))

    def _points(
        self, measure: Measure, curves: TrialCurves
    ) -> tuple[Sequence[float], Sequence[float]]:
        if measure.id == "training" and len(curves.running_loss) > 1:
            points = thinned(curves.running_loss, 4 * max(self.size.width, 20))
            xs, ys = zip(*points, strict=True)
            return xs, smooth(ys, 2**self._smoothing)
        xs = tuple(float(epoch.epoch) for epoch in curves.epochs)
        return xs, [measure.of(epoch) for epoch in curves.epochs]

    def _colour(self, number: int) -> str:
        return theme_colour(self.app, _COLOURS[number % len(_COLOURS)])


def _is_chosen(details: Details, curves: TrialCurves) -> bool:
    category = details.category
    return category.state == "done" and curves.trial.class_weight == category.class_weight


def _why_nothing(details: Details | None) -> str:
    if details is None:
        return " no category is selected"
    reasons = {
        "waiting": "waits for its parent to be trained",
        "empty": "has no training document, so there is nothing to train",
        "ready": "is ready; no worker has taken it up yet",
    }
    return f" {details.category.state}: {reasons.get(details.category.state, 'no epoch yet')}"
