"""A workspace in which nothing moves: a run half done, with figures that never change."""

from __future__ import annotations

import atexit
import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from core.engine.ingest.corpora import import_corpus
from core.engine.ingest.import_plan import ImportRequest
from core.settings import TrainingSettings
from core.workspace import Workspace
from db.connection import Store
from db.events import add_event
from db.run_categories import NewRunCategory
from db.runs import create_run
from tests.support.small_corpus import TAXONOMY, write_corpus

WEIGHTS = (1.0, 5.0)
_POSITIVES = {
    "animals": 103,
    "cats": 61,
    "dogs": 57,
    "food": 98,
    "fruit": 55,
    "bread": 52,
    "unused": 0,
}


def still_life(folder: Path, taxonomy: str = TAXONOMY) -> Workspace:
    """A run named `still`: animals done, cats at work without a worker, the rest to come."""
    shutil.copytree(_painted(taxonomy), folder, dirs_exist_ok=True)
    return Workspace(folder / "workspace")


@cache
def _painted(taxonomy: str) -> Path:
    """A folder with the workspace of a taxonomy, to be copied: importing takes a while."""
    folder = TemporaryDirectory(prefix="still-life-")
    atexit.register(folder.cleanup)
    _paint(Path(folder.name), taxonomy)
    return Path(folder.name)


def _paint(folder: Path, taxonomy: str) -> None:
    workspace = Workspace(folder / "workspace")
    workspace.create()
    store = Store(workspace.database, create=True)
    corpus_path, taxonomy_path = write_corpus(folder)
    taxonomy_path.write_text(taxonomy)
    request = ImportRequest("small", (str(corpus_path),), taxonomy=taxonomy_path)
    corpus, _ = import_corpus(store, workspace, request)
    states = {"animals": "ready", "food": "ready", "unused": "empty"}
    run_id = create_run(
        store,
        name="still",
        corpus_id=corpus.id,
        corpus_name=corpus.name,
        vectors_id=None,
        system="htrans",
        settings=TrainingSettings(class_weights=WEIGHTS).to_json(),
        seed=0,
        coverage=0.0,
        categories=[
            NewRunCategory(key, positives, states.get(key, "waiting"))
            for key, positives in _POSITIVES.items()
        ],
        class_weights=WEIGHTS,
    )
    _finish(store, "animals")
    _begin(store, "cats")
    with store.write():
        store.execute("UPDATE runs SET created_at = 0, started_at = 0 WHERE id = ?", (run_id,))
        add_event(store, "crash", "class weight 5, crash 1: [bold]killed[/bold]", run_id, None)
    store.close()


def _rows(store: Store, key: str) -> tuple[int, list[int]]:
    category = store.value(
        "SELECT rc.id FROM run_categories rc JOIN categories c ON c.id = rc.category_id "
        "WHERE c.key = ?",
        (key,),
    )
    trials = store.rows("SELECT id FROM trials WHERE run_category_id = ? ORDER BY id", (category,))
    return int(category), [int(row["id"]) for row in trials]


def _epochs(store: Store, trial_id: int, number: int, best: float) -> None:
    for epoch in range(1, number + 1):
        store.execute(
            "INSERT INTO epochs (trial_id, epoch, training_loss, validation_loss, precision, "
            "recall, f1, seconds) VALUES (?, ?, ?, ?, ?, ?, ?, 2.5)",
            (trial_id, epoch, 0.6 / epoch, 0.5 / epoch + 0.05, best, best, best * epoch / number),
        )
        for batch in range(1, 11):
            store.execute(
                "INSERT INTO progress (trial_id, epoch, batch, batches, loss, "
                "documents_per_second, at) VALUES (?, ?, ?, 10, ?, 400, 0)",
                (trial_id, epoch, batch, 0.7 / (epoch + batch / 10)),
            )


def _finish(store: Store, key: str) -> None:
    category, trials = _rows(store, key)
    with store.write():
        store.execute("UPDATE run_categories SET state = 'running' WHERE id = ?", (category,))
        for trial, f1 in zip(trials, (0.91, 0.88), strict=True):
            store.execute("UPDATE trials SET state = 'running' WHERE id = ?", (trial,))
            store.execute(
                "UPDATE trials SET state = 'done', kept_epoch = 4, epoch = 4, seconds = 30, "
                "training_loss = 0.15, validation_loss = 0.18, precision = ?, recall = ?, f1 = ? "
                "WHERE id = ?",
                (f1, f1, f1, trial),
            )
            _epochs(store, trial, 4, f1)
        store.execute(
            "UPDATE run_categories SET state = 'done', kept_trial_id = ? WHERE id = ?",
            (trials[0], category),
        )


def _begin(store: Store, key: str) -> None:
    category, trials = _rows(store, key)
    with store.write():
        store.execute("UPDATE run_categories SET state = 'ready' WHERE id = ?", (category,))
        store.execute("UPDATE run_categories SET state = 'running' WHERE id = ?", (category,))
        for trial in trials:
            store.execute("UPDATE trials SET state = 'ready' WHERE id = ?", (trial,))
        store.execute("UPDATE trials SET state = 'running' WHERE id = ?", (trials[0],))
        store.execute(
            "UPDATE trials SET kept_epoch = 2, epoch = 3, seconds = 12, training_loss = 0.3, "
            "validation_loss = 0.3, precision = 0.8, recall = 0.7, f1 = 0.747 WHERE id = ?",
            (trials[0],),
        )
        _epochs(store, trials[0], 2, 0.747)
