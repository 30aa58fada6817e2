"""Time against documents, words, batch size, embeddings, workers and categories; a cost model.

    python benchmarks/scale.py
    python benchmarks/scale.py plan [--preset fast] [--speedup N] [--price N] [--markdown] …
    python benchmarks/scale.py check

Without a mode it measures: every point is a process with one thread, and as many run at once as
workers would. The fitted numbers are those of `core.planning.costs.REFERENCE`.

plan    hours by categories, documents and GPUs, from the fitted numbers; measures nothing
check   a run of the engine with two workers against the simulation of its schedule
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import planning
import schedule_check

from core.bench.workload import random_workload
from core.engine.host.devices import cpu_cores
from core.engine.host.launch import running_supervisor
from core.engine.ingest.corpora import import_corpus
from core.engine.ingest.import_plan import ImportRequest
from core.engine.maintenance.bench import run_parallel
from core.engine.runs.engine_choice import EngineRequest
from core.engine.runs.starting import RunRequest, start_run
from core.planning.costs import CostModel, epoch_work
from core.settings import TrainingSettings
from core.workspace import Workspace
from db.connection import Store
from db.corpora import corpus_named, taxonomy_of


def points() -> Iterator[dict[str, Any]]:
    """What to measure."""
    for documents, words in itertools.product((500, 1500), (15, 40, 77)):
        yield {"documents": documents, "words": words}
    for batch_size in (16, 32, 64):
        yield {"documents": 500, "words": 77, "batch_size": batch_size}
    for vocabulary in (5_000, 20_000, 60_000):
        yield {
            "documents": 1500,
            "words": 77,
            "vocabulary": vocabulary,
            "trained_embeddings": True,
        }


def parts(point: dict[str, Any]) -> list[float]:
    """What the cost model multiplies its coefficients by, for one point."""
    workload = random_workload(point["documents"], point["words"], point.get("vocabulary", 20_000))
    examples = workload.examples
    lengths = examples.tokens.lengths(examples.rows, examples.max_words)
    trained = len(examples.words()) if point.get("trained_embeddings") else 0
    work = epoch_work(
        TrainingSettings(batch_size=point.get("batch_size", 128)),
        documents=len(examples),
        positives=examples.positives,
        words=float(lengths.mean()),
        dimensions=100,
        trained_rows=trained,
    )
    return [work.batches, work.trained_words, work.validated_words, trained * work.batches]


def seconds_of(point: dict[str, Any], workers: int) -> float:
    """Seconds of an epoch after the first, the mean of workers that run at the same time."""
    request = {**point, "kind": "engine", "epochs": 3}
    results = run_parallel([request] * workers)
    return float(np.mean([np.min(result["epochs"][1:]) for result in results]))


def fit(rows: list[list[float]], seconds: list[float]) -> CostModel:
    """Least squares of relative errors, validation taken to cost a third of training a word.

    Every point validates the same share of its words, so the two cannot be told apart by fitting.
    """
    table, times = np.asarray(rows), np.asarray(seconds)
    merged = np.stack((table[:, 0], table[:, 1] + table[:, 2] * _VALIDATION, table[:, 3]), axis=1)
    found, *_ = np.linalg.lstsq(merged / times[:, None], np.ones(len(times)), rcond=None)
    return CostModel(found[0], found[1], found[1] * _VALIDATION, found[2])


_VALIDATION = 0.33


def seconds_by_categories(folder: Path, categories: int) -> float:
    """Seconds of a run of the whole engine over small documents, one class weight, one epoch."""
    source = folder / f"corpus-{categories}.jsonl"
    with source.open("w") as file:
        for number in range(400):
            label = f"c{number % categories}"
            document = {
                "id": str(number),
                "text": f"word{number % 7} about {label} and more",
                "labels": [label],
                "split": "train" if number % 4 else "test",
            }
            file.write(json.dumps(document) + "\n")
    workspace = Workspace(folder / f"workspace-{categories}")
    settings = TrainingSettings(class_weights=(1.0,), epochs=1)
    store = run_to_its_end(workspace, ImportRequest("small", (str(source),)), settings)
    seconds = float(store.value("SELECT finished_at - started_at FROM runs"))
    store.close()
    return seconds


def run_to_its_end(
    workspace: Workspace,
    request: ImportRequest,
    settings: TrainingSettings,
    workers: int | None = None,
) -> Store:
    """Import, train and wait for the engine to end; return the database."""
    workspace.create()
    store = Store(workspace.database, create=True)
    import_corpus(store, workspace, request)
    engine = EngineRequest(device="cpu", workers=workers)
    start_run(store, workspace, RunRequest(request.name, settings, engine=engine))
    while (state := store.value("SELECT state FROM runs")) not in ("done", "failed"):
        time.sleep(0.1)
    if state == "failed":
        raise SystemExit("the run has failed")
    while running_supervisor(store) is not None:
        time.sleep(0.1)
    return store


def check() -> None:
    """Print a run's makespan as it was seen and as it is simulated."""
    settings = TrainingSettings(class_weights=(1.0, 3.0, 10.0), epochs=2)
    with tempfile.TemporaryDirectory() as name:
        source, edges = schedule_check.write_corpus(Path(name))
        workspace = Workspace(Path(name) / "workspace")
        request = ImportRequest("tree", (str(source),), taxonomy=edges)
        store = run_to_its_end(workspace, request, settings, _CHECK_WORKERS)
        found = schedule_check.seen(
            store, workspace, taxonomy_of(store, corpus_named(store, "tree").id), _CHECK_WORKERS
        )
        store.close()
    schedule_check.print_comparison(found)


_CHECK_WORKERS = 2


def measure() -> None:
    """Print the points, the model, how far it is off, and the scaling by workers."""
    workers = cpu_cores()
    rows, seconds = [], []
    for point in points():
        rows.append(parts(point))
        seconds.append(seconds_of(point, workers))
    model = fit(rows, seconds)
    print(f"{workers} workers at once, one thread each")
    for point, row, measured in zip(points(), rows, seconds, strict=True):
        predicted = (
            model.batch * row[0]
            + model.trained_word * row[1]
            + model.validated_word * row[2]
            + model.trained_row * row[3]
        )
        print(
            f"{measured:7.3f} s, model {predicted:7.3f} s ({predicted / measured - 1:+.0%}) {point}"
        )
    print(
        f"a batch {model.batch * 1e3:.2f} ms, a trained word {model.trained_word * 1e6:.2f} µs, "
        f"a row of trained embeddings {model.trained_row * 1e9:.2f} ns a batch"
    )
    point = {"documents": 1500, "words": 77}
    alone, together = seconds_of(point, 1), seconds_of(point, workers)
    print(f"one worker alone {alone:.3f} s an epoch, {workers} at once {together:.3f} s each")
    print(f"{workers} workers do {workers * alone / together:.2f} times the work of one")
    with tempfile.TemporaryDirectory() as name:
        for categories in (4, 16, 64):
            took = seconds_by_categories(Path(name), categories)
            print(f"{categories} categories: {took:.1f} s, {took / categories:.3f} s each")


def main() -> None:
    """Measure, plan or check."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    modes = parser.add_subparsers(dest="mode")
    planning.add_options(modes.add_parser("plan"))
    modes.add_parser("check")
    options = parser.parse_args()
    if options.mode == "plan":
        planning.print_plans(options)
    elif options.mode == "check":
        check()
    else:
        measure()


if __name__ == "__main__":
    main()
