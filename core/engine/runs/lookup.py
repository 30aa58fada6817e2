"""Find runs and their categories by name, for the command line and the app."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from core.corpus.taxonomy import Taxonomy
from core.engine.artifacts.workspace_store import open_store
from core.workspace import Workspace
from db.connection import Store
from db.corpora import taxonomy_of
from db.run_categories import RunCategory, run_categories, run_category
from db.runs import Run, run_named
from db.states import ENDED

__all__ = ["Run", "RunCategory", "category_with_id", "has_ended", "open_run", "run_taxonomy"]


@contextmanager
def open_run(
    workspace: Workspace, name: str | None, *, read_only: bool = False
) -> Iterator[tuple[Store, Run]]:
    """Open the workspace's database and find a run in it; without a name, the newest run.

    Raises:
        NotFoundError: There is no run of that name.
    """
    with open_store(workspace, read_only=read_only) as store:
        yield store, run_named(store, name)


def has_ended(run: Run) -> bool:
    """Whether a run is done, failed or cancelled."""
    return run.state in ENDED


def category_with_id(store: Store, run_category_id: int) -> RunCategory:
    """Return one category of a run by its row id.

    Raises:
        NotFoundError: The category does not exist any more.
    """
    return run_category(store, run_category_id)


def run_taxonomy(store: Store, run: Run, *, trained_only: bool = False) -> Taxonomy:
    """Return the taxonomy of a run's corpus.

    With `trained_only` it is limited to the run's categories and their ancestors.
    """
    taxonomy = taxonomy_of(store, run.corpus_id)
    if not trained_only:
        return taxonomy
    return taxonomy.with_ancestors([category.key for category in run_categories(store, run.id)])
