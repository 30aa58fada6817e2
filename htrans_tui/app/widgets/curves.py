"""Curves of the selected category by class weight: losses and F1, with a readout by epoch."""

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
from htrans_tui.app.running_loss import downsample
from htrans_tui.app.snapshot import Details, TrialCurves
from htrans_tui.app.theme_colors import theme_colour
from htrans_tui.formatting import weight

_COLOURS = ("primary", "warning", "success", "accent", "error", "secondary", "foreground")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_EPSILON = 1e-6
"""Lower bound of losses on a log scale."""
_MAX_SMOOTHING = 6
_MARGIN = 0.04
"""Margin above and below the curves, as a share of their height."""
_REDRAW_INTERVAL_S = 2.5
"""Minimum seconds between two redraws of growing curves."""
_MAX_IN_ONE_LINE = 3
"""Maximum number of class weights in a title of one line; more take two lines."""
_MIN_PLOT_HEIGHT = 8
"""Minimum height of a plot in lines if several are stacked."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A value of each epoch that a plot shows."""

    id: str
    name: str
    of: Callable[[Epoch], float]
    is_loss: bool


METRICS = (
    Metric("training", "training loss", lambda epoch: epoch.training_loss, True),
    Metric("validation", "validation loss", lambda epoch: epoch.validation_loss, True),
    Metric("f1", "validation F1", lambda epoch: epoch.f1, False),
)


def smooth(values: Sequence[float], points: int) -> list[float]:
    """Return the exponential moving average over about `points` values."""
    smoothed: list[float] = []
    for value in values:
        before = smoothed[-1] if smoothed else value
        smoothed.append(before + (value - before) / points)
    return smoothed


class LogFormatter(NumericAxisFormatter):
    """Formatter of an axis with logarithms: prints the original numbers."""

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        """Return labels such as 0.01 for the tick -2."""
        return [f"{10**tick:.2g}" for tick in ticks]


class StyledCanvas(Canvas):
    """A canvas with styled empty lines, which Textual requires in themes without colour."""

    def render_line(self, y: int) -> Strip:
        """Render a line."""
        line = super().render_line(y)
        return line if line.cell_length else Strip.blank(0, self.rich_style)


class Plot(PlotWidget, can_focus=False):
    """A plot without key bindings, so that the screen's keys apply."""

    class Pointed(Message):
        """Posted when the mouse points at an epoch."""

        def __init__(self, epoch: float) -> None:
            super().__init__()
            self.epoch = epoch

    def compose(self) -> ComposeResult:
        """Compose the canvases, with the ids that the base class expects."""
        with Grid():
            for name in ("margin-top", "margin-left", "plot", "margin-bottom"):
                yield StyledCanvas(1, 1, id=name)
        yield Legend(id="legend")

    def on_mount(self) -> None:
        """Remove the margins of unused labels."""
        self.margin_bottom = 2
        self.margin_left = 6
        self.margin_top = 0

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Post the epoch under the mouse."""
        canvas = self.query_one("#plot", Canvas)
        x, _ = self.get_coordinate_from_pixel(event.screen_x - canvas.region.x, 1)
        if canvas.region.contains(event.screen_x, event.screen_y) and math.isfinite(x):
            self.post_message(self.Pointed(x))


class Curves(Vertical):
    """Stacked plots, one per metric that fits, with one line per class weight.

    The title of a plot shows the values of all lines at the selected epoch, by default the last.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"curves--value"}

    def __init__(self) -> None:
        super().__init__()
        self._shown: Details | None = None
        self._log = False
        self._smoothing = 0
        self._metric: int | None = None
        self._epoch: int | None = None
        self._last_epoch = 0
        self._drawn_at = 0.0
        self._is_outdated = False

    def compose(self) -> ComposeResult:
        """Compose a title and a plot per metric."""
        for metric in METRICS:
            yield Static("", id=f"{metric.id}-title", markup=False, classes="plot-title")
            yield Plot(id=f"{metric.id}-plot")

    def show(self, details: Details | None) -> None:
        """Redraw the curves if they changed, at most once per interval for one category."""
        if details is self._shown and details is not None and not self._is_outdated:
            return
        previous, self._shown = self._shown, details
        is_other_category = (
            previous is None or details is None or previous.category.id != details.category.id
        )
        if is_other_category:
            self._epoch = None
        is_recent = time.monotonic() - self._drawn_at < _REDRAW_INTERVAL_S
        self._is_outdated = is_recent and not is_other_category
        if not self._is_outdated:
            self._draw()

    def next_metric(self) -> None:
        """Cycle all metrics that fit and each single one."""
        index = 0 if self._metric is None else self._metric + 1
        self._metric = index if index < len(METRICS) else None
        self._draw()

    def read_at(self, step: int) -> None:
        """Move the selected epoch by `step`."""
        if self._last_epoch:
            epoch = self._last_epoch if self._epoch is None else self._epoch
            self._select_epoch(epoch + step)

    def toggle_log_scale(self) -> None:
        """Toggle the log scale of losses."""
        self._log = not self._log
        self._draw()

    def smooth(self, step: int) -> None:
        """Double (1) or halve (-1) the number of points that the training loss is smoothed over."""
        self._smoothing = min(max(self._smoothing + step, 0), _MAX_SMOOTHING)
        self._draw()

    def on_resize(self) -> None:
        """Show as many plots as fit."""
        self._draw()

    def on_plot_pointed(self, message: Plot.Pointed) -> None:
        """Select the epoch under the mouse."""
        message.stop()
        self._select_epoch(round(message.epoch))

    def _select_epoch(self, epoch: int) -> None:
        epoch = min(max(epoch, 1), max(self._last_epoch, 1))
        if epoch != self._epoch:
            self._epoch = epoch
            self._draw()

    def _visible(self) -> list[Metric]:
        if self._metric is not None:
            return [METRICS[self._metric]]
        return list(METRICS[: max(self.size.height // _MIN_PLOT_HEIGHT, 1)])

    def _draw(self) -> None:
        details = self._shown
        self._drawn_at = time.monotonic()
        visible = self._visible()
        trials = (
            [] if details is None else [t for t in details.trials if t.epochs or t.running_loss]
        )
        self._last_epoch = max((t.epochs[-1].epoch for t in trials if t.epochs), default=0)
        for metric in METRICS:
            title = self.query_one(f"#{metric.id}-title", Static)
            plot = self.query_one(f"#{metric.id}-plot", Plot)
            # Without curves, the first title shows the reason.
            title.display = metric in visible
            plot.display = metric in visible and bool(trials)
            if metric not in visible:
                continue
            if details is None or not trials:
                reason = _why_empty(details) if metric is visible[0] else ""
                title.update(reason, layout=False)
                continue
            lines = 1 if len(trials) <= _MAX_IN_ONE_LINE else 2
            if title.styles.height is None or title.styles.height.value != lines:
                title.styles.height = lines
            title.update(self._title(metric, details, trials), layout=False)
            self._draw_plot(plot, metric, details, trials)

    def _title(self, metric: Metric, details: Details, trials: Sequence[TrialCurves]) -> Text:
        at = self._last_epoch if self._epoch is None else self._epoch
        options = ", log" if self._log and metric.is_loss else ""
        if metric.id == "training" and self._smoothing:
            options += f", smoothed over {2**self._smoothing} points"
        text = Text(f" {metric.name}{options}", overflow="ellipsis")
        text.append(f" at epoch {at}" if at else "")
        for number, curves in enumerate(trials):
            value = next((metric.of(e) for e in curves.epochs if e.epoch == at), None)
            star = "★" if _is_selected(details, curves) else ""
            read = "–" if value is None else f"{value:.3f}"
            label = f"  {_LETTERS[number % 26]} {weight(curves.trial.class_weight)}{star} {read}"
            text.append(label, self._colour(number))
        return text

    def _draw_plot(
        self, plot: Plot, metric: Metric, details: Details, trials: Sequence[TrialCurves]
    ) -> None:
        plot.clear()
        logarithmic = self._log and metric.is_loss
        plot.set_y_formatter(LogFormatter() if logarithmic else NumericAxisFormatter())
        lows: list[float] = []
        highs: list[float] = []
        # Draw the selected class weight last, on top of the others.
        for number, curves in sorted(
            enumerate(trials), key=lambda pair: _is_selected(details, pair[1])
        ):
            xs, ys = self._points(metric, curves)
            if not xs:
                continue
            if logarithmic:
                ys = [math.log10(max(y, _EPSILON)) for y in ys]
            lows.append(min(ys))
            highs.append(max(ys))
            colour = self._colour(number)
            if len(xs) > 1:
                plot.plot(list(xs), list(ys), line_style=colour, hires_mode=HiResMode.BRAILLE)
            letter = _LETTERS[number % 26]
            plot.scatter(list(xs[-1:]), list(ys[-1:]), marker=letter, marker_style=colour)
        if lows:
            # Keep the curves off the frame.
            margin = max(_MARGIN * (max(highs) - min(lows)), _EPSILON)
            plot.set_ylimits(min(lows) - margin, max(highs) + margin)
        if self._epoch is not None:
            plot.add_v_line(float(self._epoch), line_style=self._colour(6))

    def _points(
        self, metric: Metric, curves: TrialCurves
    ) -> tuple[Sequence[float], Sequence[float]]:
        if metric.id == "training" and len(curves.running_loss) > 1:
            points = downsample(curves.running_loss, 4 * max(self.size.width, 20))
            xs, ys = zip(*points, strict=True)
            return xs, smooth(ys, 2**self._smoothing)
        xs = tuple(float(epoch.epoch) for epoch in curves.epochs)
        return xs, [metric.of(epoch) for epoch in curves.epochs]

    def _colour(self, number: int) -> str:
        return theme_colour(self.app, _COLOURS[number % len(_COLOURS)])


def _is_selected(details: Details, curves: TrialCurves) -> bool:
    category = details.category
    return category.state == "done" and curves.trial.class_weight == category.class_weight


def _why_empty(details: Details | None) -> str:
    if details is None:
        return " no category selected"
    reasons = {
        "waiting": "the parent is not trained yet",
        "empty": "no positives among the training documents",
        "ready": "queued for a worker",
    }
    return f" {details.category.state}: {reasons.get(details.category.state, 'no epochs yet')}"
