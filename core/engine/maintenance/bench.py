"""Measure the training on this machine: the plain way against the engine's, and where time goes."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import HTransError
from db.connection import Store
from db.events import add_event


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the result: documents per second of all processes, peak MiB of one."""

    name: str
    processes: int
    threads: int
    documents_per_second: float
    memory: float


@dataclass(frozen=True, slots=True)
class Report:
    """What `htrans-tui bench` prints: rows, the first of them the plain way, and phases in seconds.

    `phases` are those of `phase_documents` documents in one CPU worker; `database` is one row of
    progress with the question whether to stop.
    """

    rows: tuple[Row, ...]
    phases: dict[str, float]
    phase_documents: int

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return dataclasses.asdict(self)


def run_together(requests: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Measure all requests at the same time, each in a process of its own."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "core.bench.measure", json.dumps(request)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for request in requests
    ]
    results = []
    for process in processes:
        out, err = process.communicate()
        if process.returncode:
            last = err.strip().splitlines()[-1] if err.strip() else "no message"
            raise HTransError(f"a measurement failed: {last}")
        results.append(json.loads(out))
    return results


def bench(
    devices: Sequence[str],
    documents: int,
    words: int,
    precision: str = "float32",
    tell: Callable[[str], None] = lambda _: None,
) -> Report:
    """Measure one epoch over random documents. `devices`: the device of each worker."""
    request: dict[str, Any] = {"documents": documents, "words": words}
    first = devices[0]
    tell(f"the plain way on {first}")
    plain = run_together([{**request, "kind": "plain", "device": first}])
    rows = [_row("plain script", plain)]
    counts = sorted({1, len(devices)})
    for count in counts:
        tell(f"{count} workers of the engine")
        some = [{**request, "kind": "engine", "device": d} for d in devices[:count]]
        rows.append(_row("engine", run_together(some)))
        if precision == "mixed":
            mixed = run_together([{**r, "precision": "mixed"} for r in some])
            rows.append(_row("engine, mixed precision", mixed))
    tell("phases")
    (phases,) = run_together([{**request, "kind": "phases"}])
    return Report(
        tuple(rows),
        {**phases["phases"], "database": _database_row()},
        phases["documents"],
    )


def _row(name: str, results: Sequence[dict[str, Any]]) -> Row:
    return Row(
        name,
        len(results),
        results[0]["threads"],
        round(sum(r["documents"] / r["seconds"] for r in results), 1),
        round(max(r["memory"] for r in results), 1),
    )


def _database_row(repeats: int = 200) -> float:
    """Seconds of writing a row of progress and of asking whether to stop, in a new database."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Store(Path(folder) / "htrans.db", create=True) as store,
    ):
        started = time.perf_counter()
        for number in range(repeats):
            with store.write():
                add_event(store, "bench", f"row {number}", None, None)
            store.data_version()
        return (time.perf_counter() - started) / repeats
