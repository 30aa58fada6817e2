"""Resume state on disk: checked by its hash, and loaded without unpickling code.

A trial's checkpoints are named by the claim under which they were written, so that a worker that
was taken for dead and comes back cannot overwrite those of the one that has the trial now. The one
before the newest is kept, so that there is a good one to go back to.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, cast

import torch

from core.errors import CorruptFileError
from core.files import replacing
from core.training import Checkpoint

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

SUFFIX = ".resume"
_MAGIC = b"htrans-resume-1\n"
_DIGEST = hashlib.sha256().digest_size


class TrialCheckpoints:
    """The checkpoints of one trial in `folder`, all beginning with `stem`.

    `trial` is a text that identifies the trial; a checkpoint of another one is refused.
    """

    def __init__(self, folder: Path, stem: str, trial: str) -> None:
        self._folder = folder
        self._stem = stem
        self._trial = trial

    def save(self, checkpoint: Checkpoint, claim: int) -> None:
        """Write a checkpoint; the newest one before it is kept, older ones are removed."""
        path = self._folder / f"{self._stem}.k{claim:06d}{SUFFIX}"
        with replacing(path) as temporary:
            write_checkpoint(temporary, checkpoint, self._trial)
            if path.exists():
                path.replace(_previous(path))
        # Those of newer claims belong to another worker, which has taken this trial over.
        older = [p for p in self._newest_first() if p.name < path.name]
        for old in older if _previous(path).exists() else older[1:]:
            old.unlink(missing_ok=True)

    def load(self, on_corrupt: Callable[[CorruptFileError], None]) -> Checkpoint | None:
        """The newest good checkpoint, or None.

        A file that is none is set aside as `.corrupt`, `on_corrupt` is told, and the one before
        it is taken.
        """
        for path in self._newest_first():
            try:
                return read_checkpoint(path, self._trial)
            except CorruptFileError as error:
                path.replace(path.with_name(f"{path.name}.corrupt"))
                on_corrupt(error)
        return None

    def remove(self) -> None:
        """Remove all checkpoints of the trial."""
        for path in self._newest_first():
            path.unlink(missing_ok=True)

    def _newest_first(self) -> list[Path]:
        return list(self._candidates())

    def _candidates(self) -> Iterator[Path]:
        pattern = f"{self._stem}.k[0-9]*{SUFFIX}"
        current = {*self._folder.glob(pattern), *map(_current, self._previous_ones())}
        for path in sorted(current, reverse=True):
            yield from (p for p in (path, _previous(path)) if p.exists())

    def _previous_ones(self) -> Iterator[Path]:
        return self._folder.glob(f"{self._stem}.k[0-9]*{SUFFIX}.previous")


def _previous(path: Path) -> Path:
    return path.with_name(f"{path.name}.previous")


def _current(previous: Path) -> Path:
    return previous.with_name(previous.name.removesuffix(".previous"))


def write_checkpoint(path: Path, checkpoint: Checkpoint, trial: str) -> None:
    """Write resume state: a mark, the SHA-256 of the rest, and what `torch.save` makes of it."""
    with path.open("wb") as file:
        file.write(_MAGIC)
        file.write(bytes(_DIGEST))
        hashing = _HashingWriter(file)
        try:
            torch.save({"trial": trial, "checkpoint": checkpoint}, cast("IO[bytes]", hashing))
        except RuntimeError:
            # torch closes its archive first, and its complaint about that hides the real error.
            if hashing.error is not None:
                raise hashing.error from None
            raise
        file.seek(len(_MAGIC))
        file.write(hashing.digest.digest())


class _HashingWriter(io.RawIOBase):
    """Passes on what is written, so that a checkpoint is never whole in memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.error: OSError | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer) -> int:
        self.digest.update(data)
        try:
            return self._file.write(data)
        except OSError as error:
            self.error = error
            raise


def read_checkpoint(path: Path, trial: str | None = None) -> Checkpoint:
    """Read resume state of `trial`, or of whichever trial it is of.

    Raises `CorruptFileError` for a file that is damaged, foreign, or of another trial.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise CorruptFileError(f"{path}: no checkpoint of this program")
            digest = file.read(_DIGEST)
            content = file.read()
    except OSError as error:
        raise CorruptFileError(f"{path}: cannot be read ({error.strerror})") from error
    if hashlib.sha256(content).digest() != digest:
        raise CorruptFileError(f"{path}: a damaged checkpoint")
    try:
        loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError) as error:
        raise CorruptFileError(f"{path}: not a readable checkpoint ({error})") from error
    if trial is not None and loaded["trial"] != trial:
        raise CorruptFileError(f"{path}: belongs to {loaded['trial']}, not to {trial}")
    checkpoint: Checkpoint = loaded["checkpoint"]
    return checkpoint
