"""Read sources into tokenised documents in several processes.

One process splits the sources into records, and others parse and tokenise them. Results keep the
order of the sources, so a corpus does not depend on the number of processes.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from itertools import chain, islice

import numpy as np
import numpy.typing as npt

from core.corpus.documents import Document
from core.corpus.duplicates import text_hash
from core.errors import HTransError, InterruptedWorkError
from core.formats.corpus import format_named
from core.formats.corpus.format import Parse, ReadingOptions, Record
from core.ordered_map import ordered_map
from core.process_pool import ProcessPool
from core.text.tokenizer import Tokenize, tokenizer_for

CHUNK = 1000
"""Maximum records of a chunk."""
_CHUNK_BYTES = 8 * 2**20
_ALONE = 3
"""Chunks that this process reads itself, so that a small corpus starts no others."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Options of reading.

    `max_words` limits the tokens of a document; None reads neither tokens nor texts. A `lenient`
    reading continues after an invalid record.
    """

    format: str
    options: ReadingOptions
    language: str
    max_words: int | None
    lenient: bool = False


@dataclass(slots=True)
class Prepared:
    """The documents of a chunk, and the problems of its invalid records.

    `records` counts the records by part, and `parts` has the part of each document. `tokens` are
    indices into the distinct `words`, concatenated for all documents. `lengths` and `hashes` (see
    `core.corpus.duplicates`) have one number per document.
    """

    records: dict[int, int] = field(default_factory=dict)
    documents: list[Document] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)
    hashes: list[int] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    tokens: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    lengths: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def tokens_of(self, kept: Sequence[bool]) -> tuple[list[str], npt.NDArray[np.int32], list[int]]:
        """Words, tokens and lengths of the documents for which `kept` is True."""
        if all(kept):
            return self.words, self.tokens, self.lengths
        tokens = self.tokens[np.repeat(np.asarray(kept, dtype=bool), self.lengths)].tolist()
        word_ids = {old: new for new, old in enumerate(dict.fromkeys(tokens))}
        return (
            [self.words[old] for old in word_ids],
            np.asarray([word_ids[token] for token in tokens], dtype=np.int32),
            [length for length, keep in zip(self.lengths, kept, strict=True) if keep],
        )


def usual_processes() -> int:
    """Number of cores that this process can use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


def read_prepared(
    reading: Reading, parts: Sequence[str], processes: int = 1, skip: int = 0
) -> Iterator[Prepared]:
    """Yield the chunks of all parts in order, without the first `skip` records.

    Raises:
        InputError: A record is invalid and the reading is not lenient, or a part cannot be read.
        InterruptedWorkError: A reading process was killed.
    """
    chunks = _chunks(reading, parts, skip)
    prepare = _Preparation(reading)
    for chunk in islice(chunks, _ALONE if processes > 1 else None):
        yield prepare(chunk)
    first = next(chunks, None)
    if first is not None:
        yield from _in_processes(reading, chain([first], chunks), processes)


Chunk = list[tuple[int, Record]]
"""Records with the number of their part."""


def _chunks(reading: Reading, parts: Sequence[str], skip: int) -> Iterator[Chunk]:
    """Yield chunks; an error is raised after the records before it."""
    chunk: Chunk = []
    size = 0
    try:
        for numbered in islice(_records(reading, parts), skip, None):
            chunk.append(numbered)
            size += numbered[1].size
            if len(chunk) == CHUNK or size > _CHUNK_BYTES:
                yield chunk
                chunk, size = [], 0
    except HTransError:
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk


def _records(reading: Reading, parts: Sequence[str]) -> Iterator[tuple[int, Record]]:
    format_ = format_named(reading.format)
    for number, part in enumerate(parts):
        for record in format_.records(part, reading.options):
            yield number, record


def _in_processes(reading: Reading, chunks: Iterable[Chunk], processes: int) -> Iterator[Prepared]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["core.formats.corpus.reading", "spacy"])
    try:
        with ProcessPool(processes, context, _begin, reading) as pool:
            # With two chunks per process, no process waits for its next one.
            yield from ordered_map(lambda c: pool.submit(_prepare, c), chunks, 2 * processes)
    except BrokenProcessPool as error:
        raise InterruptedWorkError(
            "a reading process was killed, possibly by lack of memory; run the same command "
            "again to resume, with --processes 1 to use less memory"
        ) from error


class _Preparation:
    """Parses and tokenises chunks; created once per process."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._parse: Parse = format_named(reading.format).parser(reading.options)
        self._tokenize: Tokenize | None = None
        if reading.max_words is not None:
            self._tokenize = tokenizer_for(reading.language)

    def __call__(self, chunk: Chunk) -> Prepared:
        made = Prepared(dict(Counter(part for part, _ in chunk)))
        word_ids: dict[str, int] = {}
        tokens: list[int] = []
        for part, record in chunk:
            try:
                document = self._parse(record.content)
            except HTransError as error:
                if not self._reading.lenient:
                    raise
                made.problems.append(str(error))
                continue
            made.parts.append(part)
            if self._tokenize is None:
                made.documents.append(replace(document, text=""))
                continue
            words = self._tokenize(document.text, self._reading.max_words or 0)
            tokens += [word_ids.setdefault(word, len(word_ids)) for word in words]
            made.lengths.append(len(words))
            made.hashes.append(text_hash(document.text))
            made.documents.append(document)
        made.words = list(word_ids)
        made.tokens = np.asarray(tokens, dtype=np.int32)
        return made


_preparation: _Preparation | None = None


def _begin(reading: Reading) -> None:
    global _preparation
    _preparation = _Preparation(reading)


def _prepare(chunk: Chunk) -> Prepared:
    assert _preparation is not None
    return _preparation(chunk)
