"""The JSON lines of NeuralClassifier and HiAGM: `doc_label` and `doc_token`.

Source of the format: the README of github.com/Tencent/NeuralNLP-NeuralClassifier. A label may be a
path such as `A--B--C`. Other fields are ignored.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.corpus.documents import document_of
from core.errors import InputError
from core.formats.corpus.format import CorpusFormat, Parse, ReadingOptions, any_in, files_in
from core.formats.corpus.jsonl import SUFFIXES, object_of, records
from core.formats.corpus.sniffing import first_record
from core.text.line_files import without_compression


def parser(_: ReadingOptions) -> Parse:
    """Return the parser. The text of a document is its tokens, separated by spaces."""

    def parse(content: tuple[str, int, bytes]) -> Any:
        source, number, line = content
        record = object_of(line, source, number)
        location = f"{source}, line {number}"
        return document_of(
            location,
            f"{Path(source).name}:{number}",
            " ".join(_strings(record, "doc_token", location)),
            _strings(record, "doc_label", location),
        )

    return parse


def _strings(record: dict[str, Any], field: str, location: str) -> list[str]:
    value = record.get(field)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InputError(
            f'the field "{field}" is missing or is not a list of strings', source=location
        )
    return value


def _is_one(source: str) -> bool:
    if not without_compression(source).endswith((*SUFFIXES, ".txt")):
        return False
    record = first_record(source)
    return record is not None and "doc_token" in record


def recognises(source: str) -> bool:
    """Recognise the fields of the first line."""
    return _is_one(source) or any_in(source, _is_one)


FORMAT = CorpusFormat(
    name="neuralclassifier",
    description="JSON lines with doc_label and doc_token, of NeuralClassifier and HiAGM",
    recognises=recognises,
    records=records,
    parser=parser,
    parts=lambda source: files_in(source, _is_one),
)
