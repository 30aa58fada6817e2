"""The unfinished output file of a bulk prediction, and resuming it.

`OUTPUT.partial` holds the rows that are written so far, `OUTPUT.partial.json` the identity of the
models that wrote them.
"""

from __future__ import annotations

import csv
import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from core.errors import ConflictError, HTransError
from core.prediction.inputs import InputDocument

_SYNC_INTERVAL = 5.0
"""Seconds between two writes that are forced to disk."""


class PartialOutput:
    """The locked partial file of an output; it gets the name of the output when it is complete."""

    def __init__(self, output: Path, form: str) -> None:
        """Open and lock the partial file.

        Raises:
            ConflictError: Another process writes it.
            HTransError: The file cannot be written.
        """
        self._output = output
        self._path = output.with_name(f"{output.name}.partial")
        self._identity_path = self._path.with_name(f"{self._path.name}.json")
        self._form = form
        try:
            self._file = _open_locked(self._path)
        except OSError as error:
            raise HTransError(f"{self._path}: cannot be written ({error.strerror})") from error
        self._synced = time.monotonic()

    def __enter__(self) -> PartialOutput:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def resume(
        self, models: str, header: str, documents: Iterator[InputDocument], chunk_size: int
    ) -> int:
        """Go to the end of the written chunks, or begin the file.

        Args:
            models: Identity of the models.
            header: First line of a new file.
            documents: Input, from which the written documents are taken.
            chunk_size: Documents that are predicted together. A chunk that was cut off is dropped.

        Returns:
            Number of documents that are written already.

        Raises:
            ConflictError: Other models or another input wrote the file.
        """
        identity = json.dumps({"models": models, "form": self._form})
        resumed = self._skip_written(identity, documents, chunk_size)
        if not resumed:
            self._file.seek(0)
            self._file.truncate()
            self._identity_path.write_text(identity, encoding="utf-8")
            self._file.write(header.encode())
        self._synced = time.monotonic()
        return resumed

    def write(self, lines: str) -> None:
        """Append lines; they are forced to disk every few seconds."""
        self._file.write(lines.encode())
        self._file.flush()
        if time.monotonic() - self._synced > _SYNC_INTERVAL:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()

    def complete(self) -> None:
        """Force the file to disk and give it the name of the output."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._path.replace(self._output)
        self._identity_path.unlink(missing_ok=True)

    def _skip_written(
        self, identity: str, documents: Iterator[InputDocument], chunk_size: int
    ) -> int:
        self._file.seek(0, os.SEEK_END)
        if not self._file.tell():
            return 0
        written_by = ""
        with suppress(OSError):
            written_by = self._identity_path.read_text(encoding="utf-8")
        if written_by != identity:
            raise ConflictError(
                f"{self._path}: begun with other models, thresholds or options; remove it, or "
                "choose another --output"
            )
        self._file.seek(0)
        rows = list(_complete_rows(self._file, self._form))
        rows = rows[: len(rows) - len(rows) % chunk_size]
        for line, (doc_id, _) in enumerate(rows, start=1):
            document = next(documents, None)
            if document is None or document.id != doc_id:
                actual = "no more" if document is None else repr(document.id)
                raise ConflictError(
                    f"{self._path}: document {line:,} is {doc_id!r} there and {actual} in the "
                    "input; give the same input, or remove the file"
                )
        if rows:
            self._file.seek(rows[-1][1])
            self._file.truncate()
        return len(rows)


def _open_locked(path: Path) -> IO[bytes]:
    import fcntl

    file = path.open("a+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise ConflictError(f"{path}: another process writes it; choose another --output") from None
    return file


def _complete_rows(file: IO[bytes], form: str) -> Iterator[tuple[str, int]]:
    """The document id of each complete row, and the offset of the row's end in the file."""
    return _complete_csv_rows(file) if form == "csv" else _complete_json_lines(file)


def _complete_json_lines(file: IO[bytes]) -> Iterator[tuple[str, int]]:
    end = 0
    for line in file:
        try:
            doc_id = json.loads(line)["id"]
        except (ValueError, KeyError, TypeError):
            return
        if not line.endswith(b"\n"):
            return
        end += len(line)
        yield doc_id, end


def _complete_csv_rows(file: IO[bytes]) -> Iterator[tuple[str, int]]:
    end = 0

    def lines() -> Iterator[str]:
        nonlocal end
        for line in file:
            if not line.endswith(b"\n"):
                return
            end += len(line)
            yield line.decode("utf-8", "replace")

    columns = None
    for row in csv.reader(lines()):
        if columns is None:
            columns = len(row)
        elif len(row) == columns:
            yield row[0], end
        else:
            return
