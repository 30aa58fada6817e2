"""Open the database of a workspace, for the command line and the app."""

from __future__ import annotations

from core.workspace import Workspace
from db.connection import Store, may_write

__all__ = ["Store", "open_store"]


def open_store(workspace: Workspace, *, create: bool = False, read_only: bool = False) -> Store:
    """Open the database of a workspace.

    Args:
        workspace: The folder that holds the database.
        create: Create the workspace and its database if they do not exist.
        read_only: Open without write access. Implied if the database is not writable.
    """
    if create:
        workspace.create()
    path = workspace.database
    unwritable = path.exists() and not may_write(path)
    return Store(path, create=create, read_only=read_only or unwritable)
