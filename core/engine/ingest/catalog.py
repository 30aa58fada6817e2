"""List the corpora and word vectors of a workspace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.engine.artifacts.workspace_store import open_store
from core.errors import HTransError
from core.workspace import Workspace
from db.connection import Store
from db.corpora import Corpus, list_corpora, unfinished_corpora
from db.vectors import Vectors, list_vectors, vectors_named


@dataclass(frozen=True, slots=True)
class Catalog:
    """The contents of a workspace by name; `unfinished` are the names of interrupted imports."""

    corpora: tuple[Corpus, ...]
    unfinished: tuple[str, ...]
    vectors: tuple[Vectors, ...]


def read_catalog(store: Store) -> Catalog:
    """Read the corpora, unfinished imports and word vectors of a workspace."""
    with store.snapshot():
        return Catalog(
            tuple(list_corpora(store)),
            tuple(corpus.name for corpus in unfinished_corpora(store)),
            tuple(list_vectors(store)),
        )


def vector_folders(workspace: Workspace, names: Sequence[str] | None) -> dict[str, Path]:
    """Return the folders of word vectors by name.

    Args:
        workspace: The workspace, which need not exist.
        names: The vectors to look up; None for all.

    Raises:
        HTransError: There are no vectors of one of these names.
    """
    if not workspace.database.exists():
        if names:
            raise HTransError(f"there is no workspace {workspace.root}, so it has no vectors")
        return {}
    with open_store(workspace) as store:
        if names is None:
            vectors = list_vectors(store)
        else:
            vectors = [vectors_named(store, name) for name in names]
    return {record.name: workspace.vectors(record.id) for record in vectors}
