"""Everything that an imported corpus consists of."""

from __future__ import annotations

import hashlib

from core.workspace import Workspace
from db.connection import Store
from db.corpora import corpus_named


def everything(store: Store, workspace: Workspace, name: str) -> dict[str, object]:
    """All that a corpus is: its rows without their numbers, and the bytes of its files."""
    corpus = corpus_named(store, name)
    found: dict[str, object] = {
        "counts": (corpus.documents, corpus.train, corpus.test, corpus.categories, corpus.levels),
        "documents": [
            tuple(row)
            for row in store.rows(
                "SELECT number, key, split, text FROM documents WHERE corpus_id = ? "
                "ORDER BY number",
                (corpus.id,),
            )
        ],
        "labels": [
            tuple(row)
            for row in store.rows(
                "SELECT c.key, l.number, l.stated FROM document_categories l JOIN categories c "
                "ON c.id = l.category_id WHERE c.corpus_id = ? ORDER BY c.position, l.number",
                (corpus.id,),
            )
        ],
    }
    folder = workspace.corpus(corpus.id)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != "ends.npy":  # which has the numbers of rows
            found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found
