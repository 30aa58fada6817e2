"""Benchmark training on this machine: the engine against a plain script, and time by phase."""

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
    """One measurement: documents per second of all processes, peak memory of one in MiB."""

    name: str
    processes: int
    threads: int
    documents_per_second: float
    memory: float


@dataclass(frozen=True, slots=True)
class Report:
    """Result of a benchmark; the first row is the plain script.

    `phases` are seconds by phase for `phase_documents` documents in one CPU worker. The phase
    `database` is one progress row and one check for a stop request.
    """

    rows: tuple[Row, ...]
    phases: dict[str, float]
    phase_documents: int

    def to_json(self) -> dict[str, Any]:
        """The object that `bench --json` prints."""
        return dataclasses.asdict(self)


def run_parallel(requests: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Measure all requests in parallel, each in a separate process."""
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
    report_step: Callable[[str], None] = lambda _: None,
) -> Report:
    """Measure one epoch over random documents.

    Args:
        devices: The device of each worker.
        documents: Number of documents.
        words: Words of each document.
        precision: "float32", or "mixed" to measure mixed precision too.
        report_step: Called with the name of each measurement before it starts.

    Raises:
        HTransError: A measurement failed.
    """
    request: dict[str, Any] = {"documents": documents, "words": words}
    first = devices[0]
    report_step(f"plain script on {first}")
    plain = run_parallel([{**request, "kind": "plain", "device": first}])
    rows = [_row("plain script", plain)]
    counts = sorted({1, len(devices)})
    for count in counts:
        report_step(f"engine with {count} worker{'s' * (count != 1)}")
        requests = [{**request, "kind": "engine", "device": d} for d in devices[:count]]
        rows.append(_row("engine", run_parallel(requests)))
        if precision == "mixed":
            mixed = run_parallel([{**r, "precision": "mixed"} for r in requests])
            rows.append(_row("engine, mixed precision", mixed))
    report_step("phases")
    (phases,) = run_parallel([{**request, "kind": "phases"}])
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
    """Seconds to write a progress row and to check for a stop request, in a new database."""
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
