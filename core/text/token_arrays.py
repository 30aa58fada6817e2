"""Ragged arrays of token ids, written incrementally and memory-mapped for reading."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from core.errors import CorruptFileError
from core.files import replacing
from core.text.vocabulary import PADDING, RESERVED, UNKNOWN, Vocabulary


@dataclass(frozen=True, slots=True)
class TokensWritten:
    """Position of a `TokenWriter`: numbers of items, and the size of its word list in bytes."""

    documents: int = 0
    tokens: int = 0
    words: int = 0
    word_bytes: int = 0


class TokenWriter:
    """Resumable writer of ragged token arrays. Only the vocabulary is in memory."""

    def __init__(self, folder: Path, max_words: int, written: TokensWritten | None = None) -> None:
        """Start new files, or resume partial ones.

        Args:
            folder: Folder of the arrays. It is created if missing.
            max_words: Maximum number of tokens per document.
            written: Position returned by `sync` to resume from, None to start.

        Raises:
            CorruptFileError: If the partial files do not reach the position.
        """
        self._folder = folder
        self._max_words = max_words
        self.vocabulary = Vocabulary()
        folder.mkdir(parents=True, exist_ok=True)
        self._written = written or TokensWritten()
        with ExitStack() as opened:
            self._tokens, self._ends, self._words = (
                opened.enter_context(self._opened(f"{name}.partial", size))
                for name, size in (
                    ("tokens.bin", 4 * self._written.tokens),
                    ("ends.bin", 8 * self._written.documents),
                    ("words.jsonl", self._written.word_bytes),
                )
            )
            self._read_words()
            self._files = opened.pop_all()

    def add(self, tokens: Iterable[str]) -> None:
        """Append a document, truncated to `max_words` tokens."""
        words = list(islice(tokens, self._max_words))
        distinct = {word: index for index, word in enumerate(dict.fromkeys(words))}
        indices = np.asarray([distinct[word] for word in words], dtype=np.int32)
        self.add_all(list(distinct), indices, [len(words)])

    def add_all(
        self, words: Sequence[str], indices: npt.NDArray[np.int32], lengths: Sequence[int]
    ) -> None:
        """Append several documents. An empty document gets the single token `UNKNOWN`.

        Args:
            words: Distinct words of the documents.
            indices: Tokens of all documents, as indices into `words` (tokens,).
            lengths: Number of tokens of each document.
        """
        before = len(self.vocabulary)
        ids = np.asarray([self.vocabulary.add(word) for word in words], dtype=np.int32)
        tokens = ids[indices] if len(ids) else np.zeros(0, dtype=np.int32)
        empty = np.flatnonzero(np.asarray(lengths) == 0)
        if len(empty):
            starts = np.concatenate([[0], np.cumsum(lengths)])[empty]
            tokens = np.insert(tokens, starts, UNKNOWN)
        ends = np.cumsum(np.maximum(lengths, 1), dtype=np.int64) + self._written.tokens
        new_words = "".join(
            json.dumps(word) + "\n" for word in islice(self.vocabulary, before, None)
        ).encode()
        self._tokens.write(tokens.astype(np.int32).tobytes())
        self._ends.write(ends.tobytes())
        self._words.write(new_words)
        self._written = TokensWritten(
            self._written.documents + len(lengths),
            self._written.tokens + len(tokens),
            len(self.vocabulary) - RESERVED,
            self._written.word_bytes + len(new_words),
        )

    def sync(self) -> TokensWritten:
        """Flush to disk; return the position from which a new writer can resume."""
        for file in (self._tokens, self._ends, self._words):
            file.flush()
            os.fsync(file.fileno())
        return self._written

    def finish(self) -> None:
        """Write the final files and remove the partial ones."""
        self.publish()
        self.remove_partial_files()

    def publish(self) -> None:
        """Write the final files but keep the partial ones.

        An import that fails after this point can then still resume.
        """
        self.sync()
        self.close()
        with replacing(self._folder / "tokens.bin") as temporary:
            temporary.unlink(missing_ok=True)
            _link(Path(self._tokens.name), temporary)
        ends = np.fromfile(self._ends.name, dtype=np.int64)
        with replacing(self._folder / "offsets.npy") as temporary, temporary.open("wb") as file:
            np.save(file, np.concatenate([np.zeros(1, dtype=np.int64), ends]))
        self.vocabulary.save(self._folder / "vocabulary.json")

    def remove_partial_files(self) -> None:
        """Remove the partial files, which are not needed after `publish`."""
        for file in (self._tokens, self._ends, self._words):
            Path(file.name).unlink(missing_ok=True)

    def close(self) -> None:
        """Close the files without writing the final ones; the caller removes the folder."""
        self._files.close()

    def _opened(self, name: str, size: int) -> BinaryIO:
        path = self._folder / name
        if not size:
            return path.open("w+b")
        try:
            file = path.open("r+b")
        except OSError as error:
            raise CorruptFileError(f"{path}: cannot be read ({error.strerror})") from error
        if file.seek(0, os.SEEK_END) < size:
            file.close()
            raise CorruptFileError(f"{path}: shorter than its recorded {size:,} bytes")
        file.truncate(size)
        file.seek(size)
        return file

    def _read_words(self) -> None:
        self._words.seek(0)
        try:
            for line in self._words:
                self.vocabulary.add(json.loads(line))
        except ValueError as error:
            raise CorruptFileError(f"{self._words.name}: not a list of words") from error
        if len(self.vocabulary) - RESERVED != self._written.words:
            raise CorruptFileError(
                f"{self._words.name}: the number of words differs from the recorded one"
            )


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # the file system has no hard links
        shutil.copyfile(source, target)


@dataclass(frozen=True, slots=True)
class TokenArrays:
    """Ragged arrays of the token ids of a corpus.

    `tokens` is flat; document i has the non-empty slice `tokens[offsets[i]:offsets[i + 1]]`.
    """

    tokens: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]

    @classmethod
    def open(cls, folder: Path) -> TokenArrays:
        """Memory-map the files of a `TokenWriter`.

        Raises:
            CorruptFileError: If a file is missing or unreadable, or the files do not match.
        """
        try:
            offsets = np.load(folder / "offsets.npy", mmap_mode="r", allow_pickle=False)
            tokens = np.memmap(folder / "tokens.bin", dtype=np.int32, mode="r")
        except (OSError, ValueError, EOFError) as error:
            raise CorruptFileError(f"{folder}: no readable token arrays ({error})") from error
        fits = offsets.ndim == 1 and len(offsets) > 0 and len(tokens) == offsets[-1]
        if not fits or (np.diff(offsets) < 1).any():
            raise CorruptFileError(f"{folder}: tokens.bin and offsets.npy do not belong together")
        return cls(tokens, offsets)

    @classmethod
    def of(cls, documents: Iterable[list[int]]) -> TokenArrays:
        """Build arrays in memory from the token ids of each document."""
        rows = [ids or [UNKNOWN] for ids in documents]
        offsets = np.cumsum([0, *(len(row) for row in rows)]).astype(np.int64)
        flat = [token for row in rows for token in row]
        return cls(np.asarray(flat, dtype=np.int32), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def lengths(self, rows: npt.NDArray[np.int64], max_words: int) -> npt.NDArray[np.int64]:
        """Number of tokens (rows,) of each document in `rows`, at most `max_words`."""
        counts: npt.NDArray[np.int64] = self.offsets[rows + 1] - self.offsets[rows]
        return np.minimum(counts, max_words)

    def batch(
        self, rows: npt.NDArray[np.int64], max_words: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Build a padded batch.

        Args:
            rows: Documents of the batch (batch,).
            max_words: Maximum number of tokens per document.

        Returns:
            Token ids (batch, time), padded with `PADDING` to the longest document, and lengths
            (batch,).
        """
        lengths = self.lengths(rows, max_words)
        positions = np.arange(lengths.max(initial=1))
        inside = positions < lengths[:, None]
        index = np.where(inside, self.offsets[rows][:, None] + positions, 0)
        ids = np.where(inside, self.tokens[index], PADDING).astype(np.int64)
        return ids, lengths
