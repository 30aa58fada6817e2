"""One line for each worker: device, trial, epoch, throughput."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from core.engine.status import WorkerStatus
from core.plain_text import printable
from htrans_tui.format import weight
from htrans_tui.widgets.sparkline import bar

_MOST_LINES = 4


class WorkerLines(Static):
    """The workers of the workspace, and what else there is to say of the engine."""

    def show(self, workers: tuple[WorkerStatus, ...], epochs: int, alert: str | None) -> None:
        """Show the workers; `epochs` is the most a trial can have, `alert` the newest event."""
        lines = [_line(worker, epochs) for worker in workers[:_MOST_LINES]]
        if len(workers) > _MOST_LINES:
            lines.append(Text(f" … and {len(workers) - _MOST_LINES} more workers"))
        if not workers:
            lines.append(Text(" no worker runs"))
        if alert is not None:
            lines.append(Text(f" ! {printable(alert)}"))
        self.update(Text("\n", no_wrap=True, overflow="ellipsis").join(lines))


def _line(worker: WorkerStatus, epochs: int) -> Text:
    if worker.state == "silent":
        return Text(f" {worker.device} pid {worker.pid} silent for {worker.heartbeat_age:.0f} s")
    if worker.category is None or worker.class_weight is None:
        return Text(f" {worker.device} {worker.state}")
    parts = [f" {worker.device} {printable(worker.category)} w={weight(worker.class_weight)}"]
    if worker.epoch is not None and worker.batch is not None and worker.batches:
        parts.append(f"epoch {worker.epoch}/{epochs} {bar(worker.batch / worker.batches, 8)}")
    if worker.documents_per_second is not None:
        parts.append(f"{worker.documents_per_second:,.0f} docs/s")
    return Text("  ".join(parts))
