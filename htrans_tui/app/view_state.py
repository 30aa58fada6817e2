"""Saved view of each run's monitor: cursor, folding, sort order and tab.

Views are stored per user, outside the workspace, because several people may watch one run and
some have read-only access.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_state_path

from core.errors import HTransError
from core.files import write_bytes

MAX_RUNS = 200
"""Maximum number of saved views; the oldest are removed first."""


@dataclass(frozen=True, slots=True)
class View:
    """View of a monitor.

    Attributes:
        category: Taxonomy id of the category under the cursor.
        folded: Taxonomy ids of the folded categories.
        sort: Column of the sort order; None for the tree.
        low_first: Sort in ascending order.
        state: State that the categories are filtered by.
        tab: Id of the active tab.
    """

    category: str | None = None
    folded: tuple[str, ...] = ()
    sort: str | None = None
    low_first: bool = False
    state: str | None = None
    tab: str = "curves"


class ViewState:
    """JSON file with the saved views of all runs."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = user_state_path("htrans-tui") / "views.json" if path is None else path

    def load(self, database: Path, run_id: int, created_at: float) -> View:
        """Load the view of a run. Returns the default view if none is saved."""
        saved = self._read().get(_key(database, run_id, created_at))
        if not isinstance(saved, dict):
            return View()
        try:
            return View(**{**saved, "folded": tuple(saved.get("folded", ()))})
        except TypeError:
            # Saved by another version with other fields.
            return View()

    def save(self, database: Path, run_id: int, created_at: float, view: View) -> None:
        """Save the view of a run. Raises `HTransError` if the file cannot be written."""
        views = self._read()
        key = _key(database, run_id, created_at)
        views.pop(key, None)
        views[key] = asdict(view)
        newest = dict(list(views.items())[-MAX_RUNS:])
        try:
            write_bytes(self._path, json.dumps(newest, ensure_ascii=False).encode())
        except OSError as error:
            raise HTransError(
                f"{self._path}: cannot be written: {error.strerror}; the view is not saved"
            ) from error

    def _read(self) -> dict[str, Any]:
        try:
            views = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            # Missing or damaged: start with an empty file.
            return {}
        return views if isinstance(views, dict) else {}


def _key(database: Path, run_id: int, created_at: float) -> str:
    return f"{database.absolute()} {run_id} {created_at:.3f}"
