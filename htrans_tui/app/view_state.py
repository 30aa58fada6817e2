"""How somebody left a run on screen: place, folding, order and tab, remembered by user.

It lies with the user, not in the workspace: several people may watch one run, and some only read.
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
"""So many runs are remembered, those left last."""


@dataclass(frozen=True, slots=True)
class View:
    """What of the monitor is remembered; categories are named by their taxonomy ids.

    `sort` and `low_first` are an order by a column, `sort` None for the tree.
    """

    category: str | None = None
    folded: tuple[str, ...] = ()
    sort: str | None = None
    low_first: bool = False
    state: str | None = None
    tab: str = "curves"


class ViewState:
    """Views by run, in one JSON file."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = user_state_path("htrans-tui") / "views.json" if path is None else path

    def view(self, database: Path, run_id: int, created_at: float) -> View:
        """How the run was left, the usual view if it was never open."""
        found = self._read().get(_key(database, run_id, created_at))
        if not isinstance(found, dict):
            return View()
        try:
            return View(**{**found, "folded": tuple(found.get("folded", ()))})
        except TypeError:
            # Written by another version; how a screen was left is worth no error.
            return View()

    def remember(self, database: Path, run_id: int, created_at: float, view: View) -> None:
        """Keep how a run is left; raise `HTransError` where the file cannot be written."""
        views = self._read()
        key = _key(database, run_id, created_at)
        views.pop(key, None)
        views[key] = asdict(view)
        newest = dict(list(views.items())[-MAX_RUNS:])
        try:
            write_bytes(self._path, json.dumps(newest, ensure_ascii=False).encode())
        except OSError as error:
            raise HTransError(
                f"{self._path}: cannot be written: {error.strerror}; the view is not remembered"
            ) from error

    def _read(self) -> dict[str, Any]:
        try:
            views = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            # Absent, or damaged: then it is made anew.
            return {}
        return views if isinstance(views, dict) else {}


def _key(database: Path, run_id: int, created_at: float) -> str:
    return f"{database.absolute()} {run_id} {created_at:.3f}"
