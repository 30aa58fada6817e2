"""Checkpoints on disk, verified by SHA-256 and loaded without unpickling code.

A checkpoint's file name contains the claim under which it was written. A worker that lost its
claim therefore cannot overwrite the checkpoints of the trial's current worker. The previous
checkpoint is kept as a fallback for a corrupt newest one.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, TypeVar, cast

import torch

from core.errors import CorruptFileError
from core.files import replacing
from core.training.epochs import Checkpoint

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

Read = TypeVar("Read")
Buffer = bytes | memoryview

SUFFIX = ".resume"
_MAGIC = b"htrans-resume-1\n"
_DIGEST = hashlib.sha256().digest_size


class TrialCheckpoints:
    """Checkpoints of one trial."""

    def __init__(self, folder: Path, stem: str, trial: str) -> None:
        """Use the checkpoint files in `folder`.

        Args:
            folder: Folder of the checkpoints. It may contain those of other trials.
            stem: Common prefix of the trial's file names.
            trial: Text that identifies the trial. Checkpoints of other trials are rejected.
        """
        self._folder = folder
        self._stem = stem
        self._trial = trial

    def save(self, checkpoint: Checkpoint, claim: int) -> None:
        """Write a checkpoint, keep the previous one and remove older ones."""
        self._save(claim, lambda path: write_checkpoint(path, checkpoint, self._trial))

    def save_content(self, content: Buffer, claim: int) -> None:
        """Write a checkpoint serialised by `checkpoint_content`, like `save`."""
        self._save(claim, lambda path: _write_content(path, content))

    def _save(self, claim: int, write: Callable[[Path], None]) -> None:
        path = self._folder / f"{self._stem}.k{claim:06d}{SUFFIX}"
        with replacing(path) as temporary:
            write(temporary)
            if path.exists():
                path.replace(_previous(path))
        # Checkpoints of newer claims belong to the worker that took over the trial.
        older = [p for p in self._newest_first() if p.name < path.name]
        for old in older if _previous(path).exists() else older[1:]:
            old.unlink(missing_ok=True)

    def load(self, on_corrupt: Callable[[CorruptFileError], None]) -> Checkpoint | None:
        """Load the newest valid checkpoint, None if there is none.

        Corrupt files are renamed to `.corrupt` and reported to `on_corrupt`.
        """
        return self._first_good(lambda path: read_checkpoint(path, self._trial), on_corrupt)

    def load_content(self, on_corrupt: Callable[[CorruptFileError], None]) -> bytes | None:
        """Load the newest valid checkpoint as bytes for `checkpoint_of`, like `load`."""
        return self._first_good(_read_content, on_corrupt)

    def _first_good(
        self, read: Callable[[Path], Read], on_corrupt: Callable[[CorruptFileError], None]
    ) -> Read | None:
        for path in self._newest_first():
            try:
                return read(path)
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
    """Write a checkpoint: magic bytes, the SHA-256 of the payload, the payload of `torch.save`."""
    with path.open("wb") as file:
        _write(file, checkpoint, trial)


def checkpoint_content(checkpoint: Checkpoint, trial: str) -> bytes:
    """Serialise a checkpoint in the format of `write_checkpoint`."""
    file = io.BytesIO()
    _write(file, checkpoint, trial)
    return file.getvalue()


def _write(file: BinaryIO, checkpoint: Checkpoint, trial: str) -> None:
    file.write(_MAGIC)
    file.write(bytes(_DIGEST))
    hashing = _HashingWriter(file)
    try:
        torch.save({"trial": trial, "checkpoint": checkpoint}, cast("IO[bytes]", hashing))
    except RuntimeError:
        # torch fails again when it closes the archive, which hides the original error.
        if hashing.error is not None:
            raise hashing.error from None
        raise
    file.seek(len(_MAGIC))
    file.write(hashing.digest.digest())


def _write_content(path: Path, content: Buffer) -> None:
    path.write_bytes(content)


class _HashingWriter(io.RawIOBase):
    """File wrapper that hashes the stream, so that a checkpoint is never complete in memory."""

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
    """Read a checkpoint; check that it belongs to `trial` unless `trial` is None.

    Raises:
        CorruptFileError: If the file is damaged, in another format, or of another trial.
    """
    return checkpoint_of(_read_content(path), str(path), trial)


def checkpoint_of(content: bytes, name: str, trial: str | None = None) -> Checkpoint:
    """Deserialise the content of a checkpoint file, like `read_checkpoint`.

    Args:
        content: The complete content of the file.
        name: File name for error messages.
        trial: Expected trial, None for any.

    Raises:
        CorruptFileError: If the content is not readable or of another trial.
    """
    state = io.BytesIO(memoryview(content)[len(_MAGIC) + _DIGEST :])
    try:
        loaded = torch.load(state, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError) as error:
        raise CorruptFileError(f"{name}: not a readable checkpoint ({error})") from error
    if trial is not None and loaded["trial"] != trial:
        raise CorruptFileError(f"{name}: belongs to {loaded['trial']}, not to {trial}")
    checkpoint: Checkpoint = loaded["checkpoint"]
    return checkpoint


def _read_content(path: Path) -> bytes:
    """Read the complete content of a checkpoint and verify its hash."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CorruptFileError(f"{path}: cannot be read ({error.strerror})") from error
    if not content.startswith(_MAGIC):
        raise CorruptFileError(f"{path}: not an htrans checkpoint")
    start = len(_MAGIC) + _DIGEST
    digest = hashlib.sha256(memoryview(content)[start:]).digest()
    if digest != content[len(_MAGIC) : start]:
        raise CorruptFileError(f"{path}: damaged checkpoint (SHA-256 mismatch)")
    return content
