"""Status lines: one per worker, one for the machine, and the first alert."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.widgets import Static

from core.engine.monitoring.alerts import Alert
from core.engine.monitoring.load import GpuLoad, Load
from core.engine.monitoring.status import WorkerStatus
from core.text.plain_text import printable
from htrans_tui.app.widgets.category_table import ALERT
from htrans_tui.app.widgets.sparkline import bar
from htrans_tui.formatting import shortened, size, weight

_MAX_WORKER_LINES = 4


class WorkerLines(Static):
    """The workers of the workspace, the load of the machine, and the first alert of the run."""

    def __init__(self) -> None:
        super().__init__(id="workers", markup=False)
        self._lines: list[str] = []

    def show(
        self,
        workers: Sequence[WorkerStatus],
        epochs: int,
        load: Load | None,
        alerts: Sequence[Alert],
    ) -> None:
        """Update the lines.

        Args:
            workers: The workers of the workspace.
            epochs: Maximum number of epochs of a trial.
            load: Load of the machine, if known.
            alerts: Alerts of the run.
        """
        lines = [_line(worker, epochs) for worker in workers[:_MAX_WORKER_LINES]]
        if len(workers) > _MAX_WORKER_LINES:
            lines.append(f" … and {len(workers) - _MAX_WORKER_LINES} more workers")
        machine = "" if load is None else machine_line(load)
        lines.append(" ".join([_total_speed(workers), machine]).rstrip())
        if alerts:
            more = f"  (1 of {len(alerts)} alerts)" if len(alerts) > 1 else ""
            lines.append(f" {ALERT} {printable(alerts[0].message)}{more}")
        if lines != self._lines:
            is_resized = len(lines) != len(self._lines)
            self._lines = lines
            self._fit(layout=is_resized)

    def on_resize(self) -> None:
        """Fit the lines to the new width."""
        self._fit(layout=False)

    def _fit(self, *, layout: bool) -> None:
        width = self.size.width
        fitted = (shortened(line, width) if width else line for line in self._lines)
        self.update(Text("\n".join(fitted)), layout=layout)


def machine_line(load: Load) -> str:
    """Format the load of the machine in one line: CPU, memory, free disk and GPUs."""
    parts = [
        f"cpu {load.cpu:.0%}",
        f"memory {load.memory_used / load.memory_total:.0%} of {size(load.memory_total)}",
        f"disk {size(load.disk_free)} free",
        *(_gpu(gpu) for gpu in load.gpus),
    ]
    return " · ".join(parts)


def _gpu(gpu: GpuLoad) -> str:
    return f"gpu{gpu.number} {gpu.busy:.0%}, {size(gpu.memory_used)} of {size(gpu.memory_total)}"


def _total_speed(workers: Sequence[WorkerStatus]) -> str:
    """Format the total training speed of all workers."""
    if not workers:
        return " no workers ·"
    speeds = [w.documents_per_second for w in workers if w.documents_per_second is not None]
    return f" total {sum(speeds):,.0f} docs/s ·" if len(speeds) > 1 else ""


def _line(worker: WorkerStatus, epochs: int) -> str:
    if worker.state == "silent":
        return f" {worker.device} pid {worker.pid} silent for {worker.heartbeat_age:.0f} s"
    if worker.category is None or worker.class_weight is None:
        return f" {worker.device} {worker.state}"
    parts = [f" {worker.device} {printable(worker.category)} weight={weight(worker.class_weight)}"]
    if worker.epoch is not None and worker.batch is not None and worker.batches:
        parts.append(f"epoch {worker.epoch}/{epochs} {bar(worker.batch / worker.batches, 8)}")
    if worker.documents_per_second is not None:
        parts.append(f"{worker.documents_per_second:,.0f} docs/s")
    return "  ".join(parts)
