"""JSON lines: one object a line with `text`, `labels`, and optionally `id` and `split`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from core.documents import Document, Split
from core.errors import InputError
from core.line_files import lines_of
from core.plain_text import without_surrogates
from core.readers.format import CorpusFormat, existing

_SUFFIXES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
_SPLITS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "validation": "train",
    "valid": "train",
    "dev": "train",
    "test": "test",
}


def read(source: str) -> Iterator[Document]:
    """Yield the documents of a `.jsonl` file, plain or gzipped.

    A document without `id` gets one from the file's name and its line. Documents of a validation
    split count as training documents, since each category draws its own validation split.
    """
    path = existing(source)
    for number, line in lines_of(path):
        if line.strip():
            yield _document(path, number, line)


def recognises(source: str) -> bool:
    """By the file's ending."""
    return source.lower().endswith(_SUFFIXES)


def record_of(line: bytes, source: str | Path, number: int) -> dict[str, Any]:
    """The object of a line that has a text; raise `InputError` naming what is wrong."""

    def wrong(problem: str) -> InputError:
        return InputError(problem, source=source, line=number)

    try:
        record = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except UnicodeDecodeError as error:
        raise wrong(f"not UTF-8 at byte {error.start}; convert the file to UTF-8") from error
    except json.JSONDecodeError as error:
        raise wrong(f"not JSON ({error.msg}, column {error.colno}); mend or remove it") from error
    except (RecursionError, ValueError) as error:
        raise wrong("JSON nested too deeply or with too long a number; remove it") from error
    if not isinstance(record, dict):
        raise wrong('not a JSON object; write {"text": …}')
    if not isinstance(record.get("text"), str):
        raise wrong('the field "text" is missing or is not a string')
    return record


def _document(path: Path, number: int, line: bytes) -> Document:
    def wrong(problem: str) -> InputError:
        return InputError(problem, source=path, line=number)

    record = record_of(line, path, number)
    labels = record.get("labels")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise wrong('the field "labels" is missing or is not a list of strings')
    if any(not label.strip() for label in labels):
        raise wrong('the field "labels" holds an empty label; remove it')
    return Document(
        id=_id(record, path, number),
        text=without_surrogates(record["text"]),
        labels=tuple(dict.fromkeys(without_surrogates(label) for label in labels)),
        split=_split(record, wrong),
        place=f"{path}, line {number}",
    )


def _id(record: dict[str, object], path: Path, number: int) -> str:
    value = record.get("id")
    return f"{path.name}:{number}" if value is None else without_surrogates(str(value))


def _split(record: dict[str, object], wrong: Callable[[str], InputError]) -> Split | None:
    value = record.get("split")
    if value is None:
        return None
    if not isinstance(value, str) or value.lower() not in _SPLITS:
        raise wrong(f"the split {value!r} is unknown; use one of {', '.join(_SPLITS)}")
    return _SPLITS[value.lower()]


FORMAT = CorpusFormat(
    name="jsonl",
    description='JSON lines with "text", "labels" and optionally "id" and "split", plain or .gz',
    recognises=recognises,
    read=read,
)
