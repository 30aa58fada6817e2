"""JSON lines: one object a line with `text`, `labels`, and optionally `id`, `split` and `date`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from core.corpus.documents import Document
from core.errors import InputError
from core.files import replacing
from core.formats.corpus.fields import FieldReader
from core.formats.corpus.format import (
    CorpusFormat,
    Parse,
    ReadingOptions,
    Record,
    any_in,
    existing,
    files_in,
)
from core.formats.corpus.sniffing import first_record
from core.text.line_files import decoded, lines_of, without_compression

SUFFIXES = (".jsonl", ".ndjson", ".json")


def records(source: str, _: ReadingOptions) -> Iterator[Record]:
    """Cut a `.jsonl` file, plain, `.gz` or `.zst`, into its lines."""
    path = existing(source)
    for number, line in lines_of(path):
        if line.strip():
            yield Record((source, number, line), len(line))


def parser(options: ReadingOptions) -> Parse:
    """A document without `id` gets one from the file's name and its line."""
    fields = FieldReader(options)

    def parse(content: tuple[str, int, bytes]) -> Any:
        source, number, line = content
        record = object_of(line, source, number)
        location = f"{source}, line {number}"
        return fields.document(record, location, f"{Path(source).name}:{number}")

    return parse


def recognises(source: str) -> bool:
    """By the file's ending, and by its first line where that is `.json`."""
    return _is_one(source) or any_in(source, _is_one)


def _is_one(source: str) -> bool:
    name = without_compression(source)
    if not name.endswith(SUFFIXES):
        return False
    record = first_record(source)
    if name.endswith(".json"):
        return record is not None and "doc_token" not in record
    return record is None or "doc_token" not in record


def object_of(line: bytes, source: str | Path, number: int) -> dict[str, Any]:
    """The object of a line; raise `InputError` naming what is wrong."""

    def wrong(problem: str) -> InputError:
        return InputError(problem, source=source, line=number)

    text = decoded(line, source, number).rstrip("\r\n")
    try:
        record = json.loads(text)
    except json.JSONDecodeError as error:
        raise wrong(
            f"not JSON ({error.msg}, column {error.colno}); correct or remove it"
        ) from error
    except (RecursionError, ValueError) as error:
        raise wrong("JSON nested too deeply or with too long a number; remove it") from error
    if not isinstance(record, dict):
        raise wrong('not a JSON object; write {"text": …}, one a line')
    return record


FORMAT = CorpusFormat(
    name="jsonl",
    description="JSON lines with text, labels and optionally id, split and date; .gz, .zst",
    recognises=recognises,
    records=records,
    parser=parser,
    parts=lambda source: files_in(source, _is_one),
)


def write(documents: Iterable[Document], path: Path) -> None:
    """Write an object a line: `id`, `text`, `labels`, `split`."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        for document in documents:
            record = {
                "id": document.id,
                "text": document.text,
                "labels": document.labels,
                "split": document.split,
            }
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
