"""Predictions: typed text, the predictions screen over many documents, documents in bulk.

    python benchmarks/predicting.py typing WORKSPACE RUN
    python benchmarks/predicting.py scale [DOCUMENTS CATEGORIES]
    python benchmarks/predicting.py bulk WORKSPACE RUN INPUT [predict's options]

typing  milliseconds from a key to the result on the terminal (140 × 45), for a text of 20 words;
        memory of the app and of the process with the models
scale   a made-up corpus of 800,000 documents and 103 categories: reading a category's predictions,
        moving its threshold, showing a document, indexing and searching the texts
bulk    `predict` with and without --top-down: documents a second, and on how many documents the
        labels are the same
"""

from __future__ import annotations

import json
import re
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
from app import Terminal

from core.corpus.taxonomy import Edge, Taxonomy
from core.engine.artifacts.document_index import ensure_index, index_folder
from core.engine.artifacts.run_files import scores_path
from core.engine.artifacts.text_search import ensure_search_index, search_path
from core.engine.inspection.predictions import CategoryPredictions
from core.settings import TrainingSettings
from core.workspace import Workspace
from db.connection import Store
from db.corpora import add_categories, add_documents, begin_corpus, finish_corpus
from db.run_categories import NewRunCategory, run_categories
from db.runs import create_run, list_runs

TWENTY = (
    "Wheat prices rose after the frost while the central bank left its interest rates unchanged "
    "in the third fiscal quarter"
)
KEYS = 100
_PATIENCE = 10.0
_SCORE = re.compile(rb"\d\.\d{3}")


def typing(workspace: str, run: str) -> None:
    """From a key to the result."""
    names = [one.name for one in list_runs(Store(Workspace(Path(workspace)).database))]
    with tempfile.TemporaryDirectory() as home:
        terminal = Terminal(Path(workspace).absolute(), home=Path(home))
        try:
            terminal.wait_for("micro-F1")
            terminal.drain(1.5)
            terminal.send("\x1b[B" * names.index(run))
            terminal.drain(1.0)
            began = time.perf_counter()
            terminal.send("c")
            terminal.wait_for("Ready")
            loaded = time.perf_counter() - began
            terminal.send(TWENTY)
            terminal.drain(3.0)
            times = []
            for number in range(KEYS):
                # The last letter goes and comes back: every key changes the last word.
                terminal.send("\x7f" if number % 2 == 0 else TWENTY[-1])
                times.append(1000 * _until_scored(terminal))
                terminal.drain(0.3)
            app = psutil.Process(terminal.process.pid)
            module = "core.engine.prediction.inference_server"
            service = next(p for p in app.children() if module in p.cmdline())
            print(
                f"{run}: {len(TWENTY.split())} words, {KEYS} keys: median "
                f"{statistics.median(times):.0f} ms, 95th percentile "
                f"{statistics.quantiles(times, n=20)[-1]:.0f} ms, longest {max(times):.0f} ms; "
                f"models loaded once in {loaded:.1f} s; resident memory: app {_mib(app)} MiB, "
                f"models {_mib(service)} MiB"
            )
        finally:
            terminal.end()


def _until_scored(terminal: Terminal) -> float:
    began = time.perf_counter()
    seen = b""
    while not _SCORE.search(seen):
        late = time.perf_counter() - began > _PATIENCE
        if late or not select.select([terminal.master], [], [], _PATIENCE)[0]:
            raise SystemExit("no result was painted")
        seen = seen[-50:] + terminal.read()
    return time.perf_counter() - began


def _mib(process: psutil.Process) -> int:
    return int(process.memory_info().rss / 2**20)


def scale(documents: int = 800_000, categories: int = 103) -> None:
    """Every step of the predictions screen on a large corpus."""
    with tempfile.TemporaryDirectory() as name:
        workspace = Workspace(Path(name))
        workspace.create()
        store = Store(workspace.database, create=True)
        _fill(store, workspace, documents, categories)
        run = list_runs(store)[0]
        every = run_categories(store, run.id)
        print(f"{documents:,} documents × {categories} categories, milliseconds:")
        corpus = run.corpus_id
        timed("arrays of documents and labels", lambda: ensure_index(store, workspace, corpus))
        found = CategoryPredictions(store, workspace, run, every[0])
        timed("a category's predictions", lambda: found.open_split("test"), 5)
        ranked = found.ranked
        timed("measures at a threshold", lambda: ranked.counts(0.4), 20)
        timed("the list of false positives", lambda: ranked.documents("fp", 0.4), 20)
        timed("the list of true positives", lambda: ranked.documents("tp", 0.4), 20)
        timed("the precision-recall curve", lambda: ranked.curve(300), 5)
        timed("other categories' scores, first document", lambda: found.others(store, 5))
        timed("other categories' scores, the next", lambda: found.others(store, 77_777), 20)
        timed("a document's text", lambda: found.text(store, 123_456), 20)
        timed("indexing the texts, once", lambda: ensure_search_index(workspace, run.corpus_id))
        timed("search: a rare word", lambda: found.find("w19999"), 5)
        timed("search: a frequent word", lambda: found.find("w5"), 5)
        size = search_path(workspace, run.corpus_id).stat().st_size / 2**20
        arrays = sum(p.stat().st_size for p in index_folder(workspace, run.corpus_id).iterdir())
        print(f"search index {size:.0f} MiB, arrays {arrays / 2**20:.0f} MiB")
        store.close()


def timed(what: str, work: Callable[[], object], times: int = 1) -> None:
    """Print the median of some repetitions."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - began))
    print(f"  {statistics.median(taken):10,.1f}  {what}")


def _fill(store: Store, workspace: Workspace, documents: int, categories: int) -> None:
    random = np.random.default_rng(0)
    edges = [Edge(f"c{i}", f"c{i // 4}" if i >= 4 else None, f"c{i}") for i in range(categories)]
    taxonomy = Taxonomy(edges)
    corpus = begin_corpus(store, "large", "en", "jsonl", "edges", 100, (0, 0.0))
    with store.write():
        rows = add_categories(store, corpus, taxonomy)
    member = {key: random.random() ** 3 / 2 for key in rows}
    for start in range(0, documents, 20_000):
        numbers = range(start, min(start + 20_000, documents))
        words = random.zipf(1.3, size=(len(numbers), 60)) % 20_000
        labels = [
            (rows[key], number, 1)
            for key, share in member.items()
            for number in np.array(numbers)[random.random(len(numbers)) < share].tolist()
        ]
        texts = [" ".join(f"w{word}" for word in line) for line in words]
        with store.write():
            add_documents(
                store,
                corpus,
                [(n, f"d{n}", "test", t) for n, t in zip(numbers, texts, strict=True)],
                labels,
            )
    finish_corpus(store, corpus, 0, documents, taxonomy.levels)
    run_id = create_run(
        store,
        name="large",
        corpus_id=corpus,
        corpus_name="large",
        vectors_id=None,
        system="htrans",
        settings=TrainingSettings(class_weights=(1.0,)).to_json(),
        seed=0,
        coverage=0.0,
        categories=[NewRunCategory(key, 1, "ready") for key in rows],
        class_weights=(1.0,),
    )
    with store.write():
        store.execute(
            "UPDATE run_categories SET kept_trial_id = "
            "(SELECT id FROM trials t WHERE t.run_category_id = run_categories.id)"
        )
    folder = workspace.run(run_id)
    folder.mkdir(parents=True)
    for category in run_categories(store, run_id):
        assert category.kept_trial_id is not None
        scores = random.beta(0.3, 0.8, size=documents).astype(np.float32)
        np.save(scores_path(folder, category.id, category.kept_trial_id, "test"), scores)


def bulk(workspace: str, run: str, source: str, *options: str) -> None:
    """Plain and from the top down, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        labels = []
        for name, more in (("plain", ()), ("top-down", ("--top-down",))):
            output = Path(folder) / f"{name}.jsonl"
            arguments = ("predict", run, source, "--output", str(output), "-w", workspace)
            said = subprocess.run(
                [sys.executable, "-m", "htrans_tui", *arguments, *options, *more],
                capture_output=True,
                text=True,
                check=True,
            ).stderr.strip()
            print(f"{name}: {said.splitlines()[-1]}")
            with output.open(encoding="utf-8") as lines:
                labels.append([set(json.loads(line)["labels"]) for line in lines])
        same = sum(one == other for one, other in zip(*labels, strict=True))
        print(f"the same labels on {same:,} of {len(labels[0]):,} documents")


if __name__ == "__main__":
    modes: dict[str, Callable[..., None]] = {"typing": typing, "scale": scale, "bulk": bulk}
    _, chosen, *given = sys.argv
    modes[chosen](*(int(value) if chosen == "scale" else value for value in given))
