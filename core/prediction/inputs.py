"""Texts that are to be labelled, from files or a stream."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from core.errors import HTransError, InputError
from core.formats.corpus import guess_format
from core.formats.corpus.fields import FieldReader, missing
from core.formats.corpus.format import ReadingOptions
from core.formats.corpus.jsonl import object_of
from core.text.line_files import decoded, lines_of
from core.text.plain_text import without_surrogates
from core.text.tables import rows_of

FORMATS = ("jsonl", "csv", "tsv", "text", "corpus")
"""`text` is a document a line, `corpus` any format that `import` reads."""
_ENDINGS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".jsonl.gz": "jsonl",
    ".ndjson.gz": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".txt": "text",
    ".txt.gz": "text",
}
STDIN = "-"


@dataclass(frozen=True, slots=True)
class InputDocument:
    """A text to label; without an id of its own it has the name of its file and its line."""

    id: str
    text: str


USUAL_FIELDS = ReadingOptions(label_fields=())


def read_inputs(
    sources: Sequence[str],
    format_name: str | None = None,
    split: str | None = None,
    options: ReadingOptions = USUAL_FIELDS,
) -> Iterator[InputDocument]:
    """The documents of files, one after the other; "-" is standard input.

    The format follows from a file's ending; on standard input a first line that begins with "{" is
    JSON lines, any other a document a line. `options` name fields and columns, whose
    labels are not read; `split` keeps the documents that state that split.
    Raises `InputError` naming file, line and remedy, after the documents before it.
    """
    if format_name is not None and format_name not in FORMATS:
        raise HTransError(f"--input-format {format_name}: use one of {', '.join(FORMATS)}")
    return chain.from_iterable(_read(source, format_name, split, options) for source in sources)


def _read(
    source: str, format_name: str | None, split: str | None, options: ReadingOptions
) -> Iterator[InputDocument]:
    if source == STDIN:
        yield from _from_stream(_standard_input(), format_name, split, options)
        return
    name = source.lower()
    chosen = format_name or next((f for end, f in _ENDINGS.items() if name.endswith(end)), "corpus")
    path = Path(source)
    if chosen == "corpus":
        for document in guess_format(source).read(source, options):
            if split in (None, document.split):
                yield InputDocument(document.id, document.text)
        return
    _refuse_split(source, chosen, split)
    if not path.exists() or path.is_dir():
        raise InputError("there is no such file", source=source)
    if chosen in ("csv", "tsv"):
        with path.open("rb") as file:
            yield from _from_table(enumerate(file, start=1), source, chosen, split, options)
    else:
        yield from _from_lines(lines_of(path), path.name, chosen, split, options)


def _standard_input() -> BinaryIO:
    """A stream of its own on standard input.

    The one of `sys` is locked by whoever reads it, and an interpreter that ends meanwhile dies.
    """
    try:
        return open(os.dup(sys.stdin.fileno()), "rb")  # noqa: PTH123
    except (
        AttributeError,
        OSError,
        ValueError,
    ):  # no descriptor: somebody has put another stream there
        return sys.stdin.buffer


def _from_stream(
    stream: BinaryIO, format_name: str | None, split: str | None, options: ReadingOptions
) -> Iterator[InputDocument]:
    if format_name == "corpus":
        raise HTransError("a corpus cannot be read from standard input; give a file")
    first = stream.readline()
    looks = "jsonl" if first.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{") else "text"
    chosen = format_name or looks
    _refuse_split("standard input", chosen, split)
    lines = enumerate(chain([first], stream), start=1)
    if chosen in ("csv", "tsv"):
        yield from _from_table(lines, "standard input", chosen, split, options)
    else:
        yield from _from_lines(lines, "stdin", chosen, split, options)


def _refuse_split(source: str, format_name: str, split: str | None) -> None:
    if split is not None and format_name == "text":
        raise HTransError(f"{source}: plain text states no split; leave --split out")


def _from_lines(
    lines: Iterator[tuple[int, bytes]],
    name: str,
    format_name: str,
    split: str | None,
    options: ReadingOptions,
) -> Iterator[InputDocument]:
    reader = FieldReader(options)
    for number, line in lines:
        if not line.strip():
            continue
        if format_name == "jsonl":
            record = object_of(line, name, number)
            text = reader.text(record, f"{name}, line {number}")
            if split not in (None, record.get(options.split_field)):
                continue
            own = record.get(options.id_field)
        else:
            own, text = None, decoded(line, name, number).rstrip("\r\n")
        key = f"{name}:{number}" if own is None else str(own)
        yield InputDocument(without_surrogates(key), without_surrogates(text))


def _from_table(
    lines: Iterator[tuple[int, bytes]],
    source: str,
    format_name: str,
    split: str | None,
    options: ReadingOptions,
) -> Iterator[InputDocument]:
    reader = FieldReader(options)
    rows = rows_of(lines, source, "\t" if format_name == "tsv" else ",")
    _, names = next(rows, (1, []))
    asked = {"--text-field": options.text_fields}
    if options.id_field != USUAL_FIELDS.id_field:
        asked["--id-field"] = (options.id_field,)
    for option, wanted in asked.items():
        for field in wanted:
            if field not in names:
                raise missing(names, field, option, f"{source}, line 1")
    for line, cells in rows:
        row = dict(zip(names, cells, strict=False))
        if any(field not in row for field in options.text_fields):
            raise InputError("too few columns", source=source, line=line)
        if split in (None, row.get(options.split_field)):
            key = row.get(options.id_field) or f"{Path(source).name}:{line}"
            text = reader.text(row, f"{source}, line {line}")
            yield InputDocument(without_surrogates(key), without_surrogates(text))
