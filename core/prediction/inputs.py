"""Input documents for prediction, from files or standard input."""

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
"""Input formats. `text` is one document per line, `corpus` any format that `import` reads."""
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
    """A text to label. The default id is made of file name and line number."""

    id: str
    text: str


USUAL_FIELDS = ReadingOptions(label_fields=())


def read_inputs(
    sources: Sequence[str],
    format_name: str | None = None,
    split: str | None = None,
    options: ReadingOptions = USUAL_FIELDS,
) -> Iterator[InputDocument]:
    """Read the documents of several sources lazily.

    Args:
        sources: Files, or "-" for standard input.
        format_name: One of `FORMATS`. By default it follows from the file name. On standard input
            it is `jsonl` if the first line begins with "{", else `text`.
        split: Keep only documents of this split.
        options: Names of fields and columns. Labels are not read.

    Raises:
        InputError: If a document is invalid, after all documents before it.
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
    by_name = next((f for end, f in _ENDINGS.items() if name.endswith(end)), "corpus")
    input_format = format_name or by_name
    path = Path(source)
    if input_format == "corpus":
        for document in guess_format(source).read(source, options):
            if split in (None, document.split):
                yield InputDocument(document.id, document.text)
        return
    _refuse_split(source, input_format, split)
    if not path.exists() or path.is_dir():
        raise InputError("there is no such file", source=source)
    if input_format in ("csv", "tsv"):
        with path.open("rb") as file:
            yield from _from_table(enumerate(file, start=1), source, input_format, split, options)
    else:
        yield from _from_lines(lines_of(path), path.name, input_format, split, options)


def _standard_input() -> BinaryIO:
    """Open a separate stream on standard input.

    A reader holds the lock of `sys.stdin`, and an interpreter that exits meanwhile crashes.
    """
    try:
        return open(os.dup(sys.stdin.fileno()), "rb")  # noqa: PTH123
    except (
        AttributeError,
        OSError,
        ValueError,
    ):  # sys.stdin was replaced by a stream without a file descriptor
        return sys.stdin.buffer


def _from_stream(
    stream: BinaryIO, format_name: str | None, split: str | None, options: ReadingOptions
) -> Iterator[InputDocument]:
    if format_name == "corpus":
        raise HTransError("a corpus cannot be read from standard input; give a file")
    first = stream.readline()
    is_json = first.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{")
    input_format = format_name or ("jsonl" if is_json else "text")
    _refuse_split("standard input", input_format, split)
    lines = enumerate(chain([first], stream), start=1)
    if input_format in ("csv", "tsv"):
        yield from _from_table(lines, "standard input", input_format, split, options)
    else:
        yield from _from_lines(lines, "stdin", input_format, split, options)


def _refuse_split(source: str, format_name: str, split: str | None) -> None:
    if split is not None and format_name == "text":
        raise HTransError(f"{source}: plain text has no splits; remove --split")


def _from_lines(
    lines: Iterator[tuple[int, bytes]],
    name: str,
    format_name: str,
    split: str | None,
    options: ReadingOptions,
) -> Iterator[InputDocument]:
    reader = FieldReader(options)
    for line_no, line in lines:
        if not line.strip():
            continue
        if format_name == "jsonl":
            record = object_of(line, name, line_no)
            text = reader.text(record, f"{name}, line {line_no}")
            if split not in (None, record.get(options.split_field)):
                continue
            document_id = record.get(options.id_field)
        else:
            document_id, text = None, decoded(line, name, line_no).rstrip("\r\n")
        key = f"{name}:{line_no}" if document_id is None else str(document_id)
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
    options_used = {"--text-field": options.text_fields}
    if options.id_field != USUAL_FIELDS.id_field:
        options_used["--id-field"] = (options.id_field,)
    for option, fields in options_used.items():
        for field in fields:
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
