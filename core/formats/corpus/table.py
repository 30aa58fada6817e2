"""CSV and TSV: a header row, then one document per row. `;` separates labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.formats.corpus.fields import FieldReader, missing
from core.formats.corpus.format import (
    CorpusFormat,
    Parse,
    ReadingOptions,
    Record,
    any_in,
    existing,
    files_in,
)
from core.text.line_files import lines_of, without_compression
from core.text.tables import rows_of

_SEPARATOR = ";"
_BYTES_OF_A_ROW = 200


def _records(source: str, options: ReadingOptions, delimiter: str) -> Iterator[Record]:
    rows = rows_of(lines_of(existing(source)), source, delimiter, quotes=options.quotes)
    names: tuple[str, ...] = ()
    for line, row in rows:
        if not names:
            if options.header:
                names = _header(source, line, row, options)
                continue
            names = tuple(str(number) for number in range(1, len(row) + 1))
        size = _BYTES_OF_A_ROW + sum(map(len, row))
        yield Record((source, line, names, row), size)


def _header(source: str, line: int, row: list[str], options: ReadingOptions) -> tuple[str, ...]:
    """The column names; raise `InputError` if a required column is missing."""
    names = tuple(name.strip() for name in row)
    twice = [name for name, count in Counter(names).items() if name and count > 1]
    if twice:
        raise InputError(
            f"the column {twice[0][:40]!r} appears twice in the header; rename one",
            source=source,
            line=line,
        )
    wanted = (("--text-field", options.text_fields), ("--label-field", options.label_fields))
    for option, fields in wanted:
        for field in fields:
            if field not in names:
                raise missing(dict.fromkeys(names), field, option, f"{source}, line {line}")
    return names


def parser(options: ReadingOptions) -> Parse:
    """Return the parser. A row without `id` gets one from the file name and the line."""
    fields = FieldReader(options)

    def parse(content: tuple[str, int, tuple[str, ...], list[str]]) -> Any:
        source, line, names, row = content
        location = f"{source}, line {line}"
        if len(row) != len(names):
            what = "the header has" if options.header else "the first row has"
            raise InputError(f"{len(row)} columns, but {what} {len(names)}", source=location)
        record = dict(zip(names, row, strict=True))
        return fields.document(
            record, location, f"{Path(source).name}:{line}", separator=_SEPARATOR
        )

    return parse


def _format(name: str, delimiter: str) -> CorpusFormat:
    def is_one(source: str) -> bool:
        return without_compression(source).endswith(f".{name}")

    return CorpusFormat(
        name=name,
        description=f"{name.upper()} with a header row; text, labels, optionally id, split, date",
        recognises=lambda source: is_one(source) or any_in(source, is_one),
        records=lambda source, options: _records(source, options, delimiter),
        parser=parser,
        parts=lambda source: files_in(source, is_one),
    )


CSV = _format("csv", ",")
TSV = _format("tsv", "\t")
