"""What commands print: results to stdout, everything else to stderr."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from core.text.plain_text import printable

PLAIN_INTERVAL = 10.0
"""Seconds between two lines of progress where there is no terminal."""
_LEAST_WIDTH = 12


class Step(Protocol):
    """Takes note of how far long work has come."""

    def __call__(self, done: int, total: int | None = None) -> None:
        """Say that `done` of `total` units are done; `total` None if unknown."""


def say(message: str) -> None:
    """Print a line to stderr; what would steer a terminal is shown as signs."""
    print(printable(message), file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """Print a JSON value to stdout, one line."""
    print(json.dumps(value, ensure_ascii=False, allow_nan=False), flush=True)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], right: str = "") -> None:
    """Print aligned columns to stdout; `right` has an r for each column to align right.

    On a terminal that is too narrow, the widest column is cut.
    """
    from rich.cells import cell_len, set_cell_size

    cells = [list(header), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(cell_len(row[i]) for row in cells) for i in range(len(header))]
    if sys.stdout.isatty():
        _narrow(widths, shutil.get_terminal_size().columns)
    for row in cells:
        line = []
        for i, cell in enumerate(row):
            if cell_len(cell) > widths[i]:
                cell = f"{set_cell_size(cell, widths[i] - 1)}…"
            gap = " " * (widths[i] - cell_len(cell))
            line.append(gap + cell if right[i : i + 1] == "r" else cell + gap)
        print("  ".join(line).rstrip())


def _narrow(widths: list[int], room: int) -> None:
    """Take what is too much for `room` cells from the widest column, if it is wide enough."""
    over = sum(widths) + 2 * (len(widths) - 1) - room
    widest = widths.index(max(widths))
    if over > 0 and widths[widest] - over >= _LEAST_WIDTH:
        widths[widest] -= over


def _plain_steps(title: str, unit: str) -> Step:
    last = time.monotonic()

    def step(done: int, total: int | None = None) -> None:
        nonlocal last
        if time.monotonic() - last >= PLAIN_INTERVAL:
            last = time.monotonic()
            say(f"{title}: {done:,}{f' of {total:,}' if total else ''} {unit}")

    return step


@contextmanager
def progress(title: str, unit: str) -> Iterator[Step]:
    """Show how far long work is: a bar on a terminal, plain lines elsewhere."""
    if not sys.stderr.isatty():
        yield _plain_steps(title, unit)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed:,.0f} " + unit, markup=False),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task(title, total=None)

        def step(done: int, total: int | None = None) -> None:
            bar.update(task, completed=done, total=total)

        yield step
