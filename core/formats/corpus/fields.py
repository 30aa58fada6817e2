"""Documents from records with named fields: an object of JSON, a row of a table, a row of Arrow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from core.corpus.documents import MAX_NAME, Document, document_of
from core.errors import InputError
from core.formats.corpus.format import ReadingOptions, date_of, is_blank, split_of
from core.text.line_files import decoded, lines_of
from core.text.plain_text import printable


class FieldReader:
    """Finds text, labels, id, split and date in a record by the names of its fields."""

    def __init__(self, options: ReadingOptions) -> None:
        """Raise `InputError` for a label file that cannot be read."""
        self._options = options
        self._names = None if options.label_file is None else label_names(options.label_file)
        self._known = frozenset(self._names or ())

    def document(
        self,
        record: Mapping[str, Any],
        location: str,
        key: str,
        *,
        separator: str | None = None,
        names: Mapping[str, Sequence[str]] | None = None,
    ) -> Document:
        """The document of a record; `key` is its id where it states none.

        `separator` stands between labels in one string; None: such a string is one label. `names`
        are those of numbered labels, by field. Raises `InputError` naming field and remedy.
        """
        options = self._options
        text = self.text(record, location)
        labels = []
        for field in options.label_fields:
            own = (names or {}).get(field) if self._names is None else self._names
            labels += self._labels(
                record, field, location, options.label_separator or separator, own
            )
        stated = record.get(options.id_field)
        if isinstance(stated, dict | list):
            raise InputError(
                f'the field "{options.id_field}" is not a string; name another --id-field',
                source=location,
            )
        return document_of(
            location,
            key if is_blank(stated) else str(stated),
            text,
            labels,
            split_of(record.get(options.split_field), location),
            date_of(record.get(options.date_field), location),
        )

    def text(self, record: Mapping[str, Any], location: str) -> str:
        """The text of a record; raise `InputError` naming field and remedy."""
        parts = []
        wanted = self._options.text_fields
        for field in wanted:
            if field not in record:
                raise missing(record, field, "--text-field", location)
            value = record[field]
            if not isinstance(value, str) and not (value is None and len(wanted) > 1):
                raise InputError(f'the field "{field}" is not a string', source=location)
            parts.append(value or "")
        return parts[0] if len(parts) == 1 else "\n\n".join(part for part in parts if part)

    def _labels(
        self,
        record: Mapping[str, Any],
        field: str,
        location: str,
        separator: str | None,
        names: Sequence[str] | None,
    ) -> list[str]:
        if field not in record:
            raise missing(record, field, "--label-field", location)
        value = record[field]
        if isinstance(value, str):
            cells = value.split(separator) if separator else [value]
            value = [cell.strip() for cell in cells]
            value = [cell for cell in value if cell]
        elif isinstance(value, int) and not isinstance(value, bool):
            value = [value]
        elif value is None and len(self._options.label_fields) > 1:
            value = []
        if not isinstance(value, list) or not all(
            isinstance(label, str | int) and not isinstance(label, bool) for label in value
        ):
            raise InputError(f'the field "{field}" is not a list of strings', source=location)
        if not names:
            return [*map(str, value)]
        known = self._known or frozenset(names)
        return [_named(label, names, known, location) for label in value]


def label_names(path: Path) -> list[str]:
    """The names in a label file, one a line; the first is that of label 0."""
    names = []
    for number, line in lines_of(path, 4 * MAX_NAME):
        name = decoded(line, path, number).strip()
        if not name:
            raise InputError("an empty line; it has one name a line", source=path, line=number)
        names.append(name)
    if not names:
        raise InputError("is empty; it has one name a line", source=path)
    return names


def _named(label: str | int, names: Sequence[str], known: frozenset[str], location: str) -> str:
    if label in known:
        return str(label)
    if isinstance(label, str) and not re.fullmatch("[0-9]{1,18}", label):
        raise InputError(
            f"the label {label[:40]!r} is neither a number nor a name of a label; correct it, or "
            "name another --label-file",
            source=location,
        )
    number = int(label)
    if not 0 <= number < len(names):
        raise InputError(
            f"the label {number} has no name; there are {len(names)} names, from 0 on: name "
            "another --label-file",
            source=location,
        )
    return names[number]


def missing(record: Iterable[str], field: str, option: str, location: str) -> InputError:
    """The error that names the fields there are, and the option to name one of them."""
    some = ", ".join(printable(name[:30]) for name in islice(record, 8)) or "none"
    return InputError(
        f'the field "{field}" is missing; there are {some}: name one with {option}', source=location
    )
