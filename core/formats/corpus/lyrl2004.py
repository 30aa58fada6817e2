"""RCV1-v2 as token files: lists of stemmed words, with topics in a separate qrels file.

Source of the format: D. D. Lewis, RCV1-v2/LYRL2004, the README of its distribution, appendices 8
and 12. Documents up to id 26150 are for training, those above for test.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.corpus.documents import MAX_NAME, Split, document_of
from core.errors import InputError
from core.formats.corpus.format import (
    CorpusFormat,
    Parse,
    ReadingOptions,
    Record,
    any_in,
    existing,
    files_in,
    names_in,
)
from core.formats.corpus.sniffing import first_line
from core.text.line_files import lines_of, without_compression

LAST_FOR_TRAINING = 26150
"""The largest id of a training document in the LYRL2004 split."""
_ID = re.compile(rb"\.I\s+(\d{1,18})\s*$")
_NUMBER = re.compile(rb"\d{1,18}")
_FIRST_LINE = re.compile(r"\.I\s+\d+\s*$")
_QREL = re.compile(r"\S+ \d+ 1\s*$")
_BOM = b"\xef\xbb\xbf"


def lyrl_split(number: int) -> Split:
    """The split of a newsitem by its id."""
    return "train" if number <= LAST_FOR_TRAINING else "test"


class Topics:
    """The topics of all documents, in twelve bytes per pair."""

    def __init__(self, path: Path) -> None:
        """Read `CATEGORY DOCID 1` lines; raise `InputError` for anything else."""
        codes: dict[str, int] = {}
        ids, indices = array("q"), array("I")
        for number, line in lines_of(path, 4 * MAX_NAME):
            fields = (line.removeprefix(_BOM) if number == 1 else line).split()
            if not fields:
                continue
            if len(fields) != 3 or not _NUMBER.fullmatch(fields[1]) or fields[2] != b"1":
                raise InputError(
                    "not a line of a qrels file, CATEGORY DOCID 1; correct it, or name another "
                    "--label-file",
                    source=path,
                    line=number,
                )
            code = fields[0].decode("utf-8", "replace")
            ids.append(int(fields[1]))
            indices.append(codes.setdefault(code, len(codes)))
        self._codes = list(codes)
        unordered = np.array(ids, dtype=np.int64)
        order = np.argsort(unordered, kind="stable")
        self._ids: npt.NDArray[np.int64] = unordered[order]
        self._indices: npt.NDArray[np.uint32] = np.array(indices, dtype=np.uint32)[order]

    def of(self, document: int) -> tuple[str, ...]:
        """The topics of a document, empty if the file does not contain it."""
        start, end = np.searchsorted(self._ids, [document, document + 1])
        indices = dict.fromkeys(self._indices[start:end].tolist())
        return tuple(self._codes[index] for index in indices)


def records(source: str, options: ReadingOptions) -> Iterator[Record]:
    """Split a token file into documents with their topics from the qrels file."""
    if _is_qrels(source):
        return
    path = existing(source)
    topics = Topics(options.label_file or _qrels_beside(path))
    began = identity = 0
    words = bytearray()

    def record() -> Record:
        codes = topics.of(identity)
        content = (source, began, identity, bytes(words).strip(), codes)
        return Record(content, 200 + len(words) + 8 * len(codes))

    inside = False
    for number, line in lines_of(path):
        line = line.removeprefix(_BOM) if number == 1 else line
        if line.startswith(b".I"):
            if began:
                yield record()
            match = _ID.match(line)
            if match is None:
                raise InputError("not a line `.I <number>`", source=source, line=number)
            began, identity, inside = number, int(match[1]), False
            words = bytearray()
        elif line.strip() == b".W":
            inside = True
        elif line.strip():
            if not began or not inside:
                raise InputError("words before `.I <number>` and `.W`", source=source, line=number)
            words += b" " + line.strip()
    if began:
        yield record()


def parser(_: ReadingOptions) -> Parse:
    """Return the parser. The text of a document is its stemmed tokens."""

    def parse(content: tuple[str, int, int, bytes, tuple[str, ...]]) -> Any:
        source, line, identity, words, topics = content
        location = f"{source}, line {line}"
        text = words.decode("utf-8", "replace")
        return document_of(location, str(identity), text, topics, lyrl_split(identity))

    return parse


def _qrels_beside(tokens: Path) -> Path:
    folder = tokens.parent
    found = [name for name in names_in(folder) if _is_qrels(name)]
    topics = [name for name in found if "topics" in Path(name).name.lower()] or found
    if len(topics) == 1:
        return Path(topics[0])
    problem = "has several qrels files" if topics else "has no qrels file, which says the topics"
    raise InputError(f"{problem}; name one with --label-file", source=folder)


def _is_qrels(source: str) -> bool:
    return without_compression(source).endswith((".qrels", ".txt")) and bool(
        _QREL.match(first_line(source))
    )


def _is_tokens(source: str) -> bool:
    return without_compression(source).endswith((".dat", ".txt")) and bool(
        _FIRST_LINE.match(first_line(source))
    )


def recognises(source: str) -> bool:
    """Recognise the first line of a file."""
    return _is_tokens(source) or _is_qrels(source) or any_in(source, _is_tokens)


FORMAT = CorpusFormat(
    name="lyrl2004",
    description="RCV1-v2 as token files (.I, .W) with topics from a qrels file",
    recognises=recognises,
    records=records,
    parser=parser,
    parts=lambda source: files_in(source, _is_tokens),
)
