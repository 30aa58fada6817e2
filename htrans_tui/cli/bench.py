"""Command: bench."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from core.engine.host.devices import DEFAULT_WORKERS_PER_DEVICE
from core.errors import HTransError
from htrans_tui.cli.options import DeviceOption, JsonOption, WorkersOption, WorkersPerDeviceOption
from htrans_tui.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from core.engine.maintenance.bench import Report


def register(app: typer.Typer) -> None:
    """Register the command of this module."""
    app.command()(bench)


def bench(
    documents: Annotated[
        int, typer.Option(min=100, help="Number of random documents to train on.")
    ] = 1500,
    words: Annotated[int, typer.Option(min=1, max=100, help="Mean document length in words.")] = 77,
    device: DeviceOption = "auto",
    workers: WorkersOption = None,
    workers_per_device: WorkersPerDeviceOption = DEFAULT_WORKERS_PER_DEVICE,
    precision: Annotated[
        str, typer.Option(help="float32; mixed also measures mixed precision and needs CUDA.")
    ] = "float32",
    json: JsonOption = False,
) -> None:
    """Benchmark training on this machine.

    Compares a plain PyTorch script with the engine, and profiles one worker.
    """
    from core.engine.host.devices import slots
    from core.engine.maintenance.bench import bench as measure

    devices = slots(device, workers, workers_per_device)
    if precision not in ("float32", "mixed"):
        raise HTransError(f"--precision {precision}: use float32 or mixed")
    if precision == "mixed" and "cpu" in devices:
        raise HTransError("--precision mixed needs a CUDA device; leave it out on the CPU")
    report = measure(devices, documents, words, precision, lambda name: say(f"measuring {name}"))
    if json:
        print_json(report.to_json())
    else:
        _print(report)


def _print(report: Report) -> None:
    plain = report.rows[0].documents_per_second
    print_table(
        ["measurement", "processes", "threads", "documents/s", "ratio", "peak MiB"],
        [
            [
                row.name,
                str(row.processes),
                str(row.threads),
                f"{row.documents_per_second:,.0f}",
                f"{row.documents_per_second / plain:.2f}",
                f"{row.memory:,.0f}",
            ]
            for row in report.rows
        ],
        "lrrrrr",
    )
    print()
    total = sum(seconds for name, seconds in report.phases.items() if name != "database")
    print_table(
        ["phase of one CPU worker", "seconds", "share"],
        [
            [name, f"{seconds:.4f}", f"{seconds / total:.1%}" if name != "database" else "per row"]
            for name, seconds in report.phases.items()
        ],
        "lrr",
    )
