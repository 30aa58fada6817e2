"""Seconds for what happens often: a claim, a progress row, a snapshot of the app.

For runs of 100, 1,000 and 5,000 categories with 7 class weights each, and 20,000 progress rows.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from core.corpus.taxonomy import Edge, Taxonomy
from core.settings import TrainingSettings
from db.connection import Store
from db.corpora import add_categories, begin_corpus, finish_corpus
from db.run_categories import NewRunCategory
from db.runs import create_run
from db.trials import claim_trial, record_progress
from db.workers import add_worker
from htrans_tui.app.snapshot import SnapshotReader

PROGRESS_ROWS = 20_000
REPEATS = 20


def milliseconds(function: Callable[[], object], repeats: int = REPEATS) -> float:
    """Median milliseconds of a call."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


def filled(folder: Path, categories: int) -> tuple[Store, int]:
    """A store with one run of that many categories on two levels."""
    store = Store(folder / "htrans.db", create=True)
    tops = max(categories // 20, 1)
    edges = [Edge(f"t{i}", None, f"t{i}") for i in range(tops)]
    edges += [Edge(f"c{i}", f"t{i % tops}", f"c{i}") for i in range(categories - tops)]
    taxonomy = Taxonomy(edges)
    corpus = begin_corpus(store, "c", "en", "jsonl", "edges", 100, (1, 0.0))
    with store.write():
        add_categories(store, corpus, taxonomy)
    finish_corpus(store, corpus, 1, 1, 2)
    settings = TrainingSettings()
    new = [NewRunCategory(c.id, 10, "waiting" if c.parent else "ready") for c in taxonomy]
    run_id = create_run(
        store,
        name="r",
        corpus_id=corpus,
        corpus_name="c",
        vectors_id=None,
        system="htrans",
        settings=settings.to_json(),
        seed=0,
        coverage=0.0,
        categories=new,
        class_weights=settings.class_weights,
    )
    return store, run_id


def main() -> None:
    """Print one line for each size."""
    for categories in (100, 1_000, 5_000):
        with tempfile.TemporaryDirectory() as name:
            store, run_id = filled(Path(name), categories)
            worker = add_worker(store, 1, 0.0, "cpu")
            claim = claim_trial(store, worker)
            assert claim is not None

            def progress(store: Store = store, claim: object = claim) -> None:
                record_progress(
                    store,
                    claim,  # type: ignore[arg-type]
                    epoch=1,
                    batch=1,
                    batches=64,
                    loss=0.5,
                    documents_per_second=400.0,
                    seconds=0.3,
                )

            row = milliseconds(progress, 200)
            for _ in range(PROGRESS_ROWS - 200):
                progress()
            claiming = milliseconds(lambda store=store, worker=worker: claim_trial(store, worker))  # type: ignore[misc]
            snapshot = milliseconds(
                lambda store=store, run_id=run_id: SnapshotReader().read(store, run_id, 1)  # type: ignore[misc]
            )
            reader = SnapshotReader()
            reader.read(store, run_id, 1)

            def again(
                store: Store = store, run_id: int = run_id, reader: SnapshotReader = reader
            ) -> None:
                progress()
                reader.read(store, run_id, 1)

            following = milliseconds(again) - row
            print(
                f"{categories:5,} categories: claim {claiming:.2f} ms, progress row {row:.2f} ms, "
                f"first snapshot {snapshot:.1f} ms, one that follows {following:.1f} ms"
            )
            store.close()


if __name__ == "__main__":
    main()
