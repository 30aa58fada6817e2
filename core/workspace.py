"""Workspace folder: database, arrays, vectors, models and logs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.errors import HTransError


@dataclass(frozen=True, slots=True)
class Workspace:
    """Paths of a workspace. Paths in the database are relative to `root`."""

    root: Path

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.root / "htrans.db"

    @property
    def logs(self) -> Path:
        """Logs of the supervisor and its workers."""
        return self.root / "logs"

    @property
    def supervisor_lock(self) -> Path:
        """Lock file that the workspace's only supervisor holds while it runs."""
        return self.root / "supervisor.lock"

    @property
    def embeddings(self) -> Path:
        """Trained embedding tables, one file per content hash."""
        return self.root / "artifacts" / "embeddings"

    def corpus(self, corpus_id: int) -> Path:
        """Token arrays and vocabulary of a corpus."""
        return self.root / "corpora" / f"{corpus_id:04d}"

    def vectors(self, vectors_id: int) -> Path:
        """A table of word vectors."""
        return self.root / "vectors" / f"{vectors_id:04d}"

    def run(self, run_id: int) -> Path:
        """Models, checkpoints and scores of a run."""
        return self.root / "artifacts" / f"run-{run_id:04d}"

    def create(self) -> None:
        """Create the folders; raise `HTransError` if that fails."""
        try:
            for folder in (self.root, self.logs, self.embeddings):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HTransError(
                f"cannot create the workspace {self.root}: {error.strerror}; "
                "choose another folder with --workspace"
            ) from error
