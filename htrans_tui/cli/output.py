"""Output of commands: results go to stdout, everything else to stderr."""

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
"""Seconds between two progress lines if stderr is not a terminal."""
_MIN_COLUMN_WIDTH = 12


class Step(Protocol):
    """Callback that reports the progress of a long operation."""

    def __call__(self, done: int, total: int | None = None) -> None:
        """Report `done` of `total` units; `total` is None if unknown."""


def say(message: str) -> None:
    """Print a line to stderr, with control characters replaced by visible ones."""
    print(printable(message), file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """Print a JSON value to stdout, on one line."""
    print(json.dumps(value, ensure_ascii=False, allow_nan=False), flush=True)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], right: str = "") -> None:
    """Print a table with aligned columns to stdout.

    On a terminal that is too narrow, the widest column is cut.

    Args:
        header: Titles of the columns.
        rows: Cells of each row.
        right: One letter per column: r aligns right, anything else left.
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


def _narrow(widths: list[int], available: int) -> None:
    """Shrink the widest column to fit `available` cells, if enough of it remains."""
    excess = sum(widths) + 2 * (len(widths) - 1) - available
    widest_column = widths.index(max(widths))
    if excess > 0 and widths[widest_column] - excess >= _MIN_COLUMN_WIDTH:
        widths[widest_column] -= excess


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
    """Show progress: a bar on a terminal, otherwise a line every `PLAIN_INTERVAL` seconds."""
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
