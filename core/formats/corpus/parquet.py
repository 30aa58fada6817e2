"""Parquet files, folders of them, and folders in which Hugging Face's `datasets` saved a dataset.

Source of the latter: what `Dataset.save_to_disk` and `DatasetDict.save_to_disk` write: Arrow
streams, `state.json` that names them, `dataset_info.json` with the features. Names of numbered
labels (`ClassLabel`) come from there, or from the metadata that the hub's Parquet files carry.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from core.corpus.documents import MAX_LABELS, Document
from core.errors import InputError
from core.files import replacing
from core.formats.corpus.fields import FieldReader, missing
from core.formats.corpus.format import (
    SPLITS,
    CorpusFormat,
    Parse,
    ReadingOptions,
    Record,
    any_in,
    existing,
    folders_of,
    is_file,
)
from core.formats.corpus.sniffing import beginning
from core.text.line_files import MAX_LINE_BYTES, first_bytes, naming
from core.text.plain_text import printable

_ROWS = 256
"""Rows of a batch."""
_MAX_BATCH_BYTES = 512 * 2**20
"""Maximum unpacked bytes of the rows of a Parquet file that are in memory together."""
_MAX_JSON_BYTES = 16 * 2**20
_UNREADABLE = "cannot be read as Parquet or Arrow"
_STATE, _INFO, _DICT = "state.json", "dataset_info.json", "dataset_dict.json"

Names = dict[str, list[str]]
"""The names of numbered labels, by field."""


def parts(source: str) -> list[str]:
    """The Parquet files of a folder, or the splits of a saved dataset; a file itself."""
    path = existing(source)
    if not path.is_dir() or (path / _STATE).is_file():
        return [source]
    if (path / _DICT).is_file():
        return _named_in(path / _DICT, _json(path / _DICT).get("splits"))
    found = [
        name
        for _, files in folders_of(path)
        for name in files
        if name.lower().endswith(".parquet") and is_file(name)
    ]
    if not found:
        raise InputError("a folder without a Parquet file or a saved dataset", source=path)
    return found


def records(source: str, options: ReadingOptions) -> Iterator[Record]:
    """Cut a Parquet file, or the Arrow files of a split, into rows; only the fields asked for."""
    path = existing(source)
    stated = path.name if path.is_dir() and path.name in SPLITS else None
    with naming(path, _UNREADABLE):
        number = 0
        for batch, names in _batches(path, options):
            columns = [*zip(batch.schema.names, batch.columns, strict=True)]
            for index in range(len(batch)):
                number += 1
                row = {name: _value(column[index]) for name, column in columns}
                if stated is not None:
                    row.setdefault(options.split_field, stated)
                size = 200 + sum(
                    50 * len(value) if isinstance(value, list) else len(value)
                    for value in row.values()
                    if isinstance(value, list | str)
                )
                if size > MAX_LINE_BYTES:
                    raise InputError(
                        "longer than 64 MiB; is it the right field?", source=f"{path}, row {number}"
                    )
                yield Record((source, number, row, names), size)


def parser(options: ReadingOptions) -> Parse:
    """Return the parser. A row without `id` gets one from the file name and its number."""
    fields = FieldReader(options)

    def parse(content: tuple[str, int, dict[str, Any], Names]) -> Any:
        source, number, row, names = content
        key = f"{Path(source).name}:{number}"
        return fields.document(row, f"{source}, row {number}", key, names=names)

    return parse


def _value(scalar: Any) -> Any:
    """Convert a cell to Python. A list that is too long is cut after the first excess element."""
    import pyarrow

    if isinstance(scalar, pyarrow.ListScalar) and scalar.is_valid:
        # A dictionary-encoded string occupies memory once for each element after conversion.
        return scalar.values.slice(0, MAX_LABELS + 1).to_pylist()
    return scalar.as_py()


def _batches(path: Path, options: ReadingOptions) -> Iterator[tuple[Any, Names]]:
    if path.is_dir():
        yield from _saved(path, options)
        return
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        schema = file.schema_arrow
        columns = _columns(schema, options, path)
        names = _names_in((schema.metadata or {}).get(b"huggingface"))
        for number in range(file.metadata.num_row_groups):
            size = file.metadata.row_group(number).total_byte_size
            # All rows can be the same large text, stored once: limit the rows in memory.
            rows = max(1, min(_ROWS, _MAX_BATCH_BYTES // max(1, size)))
            for batch in file.iter_batches(rows, [number], columns):
                yield batch, names


def _saved(path: Path, options: ReadingOptions) -> Iterator[tuple[Any, Names]]:
    import pyarrow

    entries = _json(path / _STATE).get("_data_files")
    files = _named_in(
        path / _STATE,
        [entry.get("filename") if isinstance(entry, dict) else None for entry in entries]
        if isinstance(entries, list)
        else None,
    )
    info = path / _INFO
    names = _class_names(_json(info).get("features")) if info.is_file() else {}
    for file in files:
        with naming(existing(file), _UNREADABLE), pyarrow.memory_map(file) as mapped:
            reader = pyarrow.ipc.open_stream(mapped)
            columns = _columns(reader.schema, options, Path(file))
            for batch in reader:
                wanted = batch.select(columns)
                wanted.validate(full=True)  # what pyarrow trusts, it reads beyond its end
                yield wanted, names


def _named_in(index: Path, names: object) -> list[str]:
    """Paths of the files in an index; raise `InputError` for a file in another folder."""
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError("not the index of a saved dataset; save it again", source=index)
    for name in names:
        if name in ("", ".", "..") or not name.isprintable() or Path(name).name != name:
            raise InputError(
                f"names a file outside the folder, {name[:40]!r}; correct it", source=index
            )
    return [str(index.parent / name) for name in dict.fromkeys(names)]


def _columns(schema: Any, options: ReadingOptions, path: Path) -> list[str]:
    """The fields to read; raise `InputError` if one is missing or cannot contain text."""
    known = set(schema.names)
    for wanted, option in (
        (options.text_fields, "--text-field"),
        (options.label_fields, "--label-field"),
    ):
        for field in wanted:
            if field not in known:
                raise missing(schema.names, field, option, str(path))
    others = (options.id_field, options.split_field, options.date_field)
    columns = dict.fromkeys(
        (*options.text_fields, *options.label_fields, *(name for name in others if name in known))
    )
    for name in columns:
        if schema.names.count(name) > 1:
            raise InputError(f'the field "{name}" appears twice; rename one', source=path)
        if not _is_readable(schema.field(name).type):
            what = printable(str(schema.field(name).type))[:60]
            raise InputError(
                f'the field "{name}" holds {what}, neither a value nor a list of values; name '
                "another field",
                source=path,
            )
    return list(columns)


def _is_readable(type_: Any) -> bool:
    from pyarrow import types

    if types.is_list(type_) or types.is_large_list(type_) or types.is_fixed_size_list(type_):
        type_ = type_.value_type
    if types.is_dictionary(type_):
        type_ = type_.value_type
    return not types.is_nested(type_)


def _names_in(metadata: bytes | None) -> Names:
    try:
        return _class_names(json.loads(metadata or b"{}")["info"]["features"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}


def _class_names(features: object) -> Names:
    """The names of `ClassLabel` features, single or in a list, of all versions of `datasets`."""
    found: Names = {}
    for field, feature in features.items() if isinstance(features, dict) else ():
        inner = feature[0] if isinstance(feature, list) and feature else feature
        if isinstance(inner, dict) and inner.get("_type") in ("Sequence", "List", "LargeList"):
            inner = inner.get("feature")
        names = inner.get("names") if isinstance(inner, dict) else None
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            found[str(field)] = names
    return found


def _json(path: Path) -> dict[str, Any]:
    with naming(path, "not the JSON of a saved dataset", "save it again"):
        value = json.loads(first_bytes(path, _MAX_JSON_BYTES))
    if not isinstance(value, dict):
        raise InputError("not the JSON of a saved dataset; save it again", source=path)
    return value


def _is_one(source: str) -> bool:
    return beginning(source, 4) == b"PAR1"


def recognises(source: str) -> bool:
    """By the first bytes of a file, by the files that describe a saved dataset."""
    return (
        _is_one(source)
        or any_in(source, lambda name: Path(name).name in (_STATE, _DICT))
        or any_in(source, _is_one)
        or any_in(source, lambda name: any_in(name, _is_one))
    )


FORMAT = CorpusFormat(
    name="parquet",
    description="Parquet: a file, a folder, or a dataset that Hugging Face's datasets saved",
    recognises=recognises,
    records=records,
    parser=parser,
    parts=parts,
)


_ROWS_PER_GROUP = 5000
"""Rows of a group, which are in memory together."""


def write(documents: Iterable[Document], path: Path) -> None:
    """Write the columns `id`, `text`, `labels` (list of strings), `split`, packed with zstd."""
    import pyarrow
    from pyarrow import parquet

    schema = pyarrow.schema(
        [
            ("id", pyarrow.string()),
            ("text", pyarrow.large_string()),
            ("labels", pyarrow.list_(pyarrow.string())),
            ("split", pyarrow.string()),
        ]
    )
    rest = iter(documents)
    with (
        replacing(path) as temporary,
        parquet.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        while rows := list(islice(rest, _ROWS_PER_GROUP)):
            columns = [
                [row.id for row in rows],
                [row.text for row in rows],
                [list(row.labels) for row in rows],
                [row.split for row in rows],
            ]
            writer.write_table(pyarrow.table(columns, schema=schema))
