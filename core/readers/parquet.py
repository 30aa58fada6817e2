"""Parquet files, folders of them, and folders in which Hugging Face's `datasets` saved a dataset.

Source of the latter: what `Dataset.save_to_disk` and `DatasetDict.save_to_disk` write: Arrow
streams, `state.json` that names them, `dataset_info.json` with the features. Names of numbered
labels (`ClassLabel`) come from there, or from the metadata that the hub's Parquet files carry.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.readers.fields import FieldReader
from core.readers.format import (
    SPLITS,
    CorpusFormat,
    Parse,
    ReadingOptions,
    Record,
    any_in,
    existing,
)
from core.readers.sniffing import beginning

_ROWS = 256
"""Rows that are unpacked together."""
_LARGEST_GROUP = 4 * 2**30
"""Bytes, unpacked, of the columns that are read of a row group."""
_LARGEST_JSON = 16 * 2**20
_STATE, _INFO, _DICT = "state.json", "dataset_info.json", "dataset_dict.json"

Names = dict[str, list[str]]
"""The names of numbered labels, by field."""


def parts(source: str) -> list[str]:
    """The Parquet files of a folder, or the splits of a saved dataset; a file itself."""
    path = existing(source)
    if not path.is_dir() or (path / _STATE).is_file():
        return [source]
    if (path / _DICT).is_file():
        splits = _json(path / _DICT).get("splits")
        if not isinstance(splits, list) or not all(
            isinstance(name, str) and Path(name).name == name for name in splits
        ):
            raise InputError("names no splits", source=path / _DICT)
        return [str(path / name) for name in splits]
    found = sorted(str(child) for child in path.rglob("*.parquet") if child.is_file())
    if not found:
        raise InputError("a folder without a Parquet file or a saved dataset", source=path)
    return found


def records(source: str, options: ReadingOptions) -> Iterator[Record]:
    """Cut a Parquet file, or the Arrow files of a split, into rows; only the fields asked for."""
    path = existing(source)
    stated = path.name if path.is_dir() and path.name in SPLITS else None
    with _named(path):
        number = 0
        for batch, names in _batches(path, options):
            for row in batch.to_pylist():
                number += 1
                if stated is not None:
                    row.setdefault(options.split_field, stated)
                yield Record((source, number, row, names), batch.nbytes // len(batch) + 200)


def parser(options: ReadingOptions) -> Parse:
    """A row without `id` gets one from the file's name and its number."""
    fields = FieldReader(options)

    def parse(content: tuple[str, int, dict[str, Any], Names]) -> Any:
        source, number, row, names = content
        key = f"{Path(source).name}:{number}"
        return fields.document(row, f"{source}, row {number}", key, names=names)

    return parse


def _batches(path: Path, options: ReadingOptions) -> Iterator[tuple[Any, Names]]:
    if path.is_dir():
        yield from _saved(path, options)
        return
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        schema = file.schema_arrow
        columns = _columns(schema.names, options)
        groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
        for group in groups:
            size = sum(
                group.column(i).total_uncompressed_size
                for i in range(group.num_columns)
                if group.column(i).path_in_schema.split(".")[0] in columns
            )
            if size > _LARGEST_GROUP:
                raise InputError(
                    f"a row group of {size:,} bytes; write it with smaller ones", source=path
                )
        names = _names_in((schema.metadata or {}).get(b"huggingface"))
        for batch in file.iter_batches(batch_size=_ROWS, columns=columns):
            yield batch, names


def _saved(path: Path, options: ReadingOptions) -> Iterator[tuple[Any, Names]]:
    import pyarrow

    files = _json(path / _STATE).get("_data_files")
    if not isinstance(files, list):
        raise InputError("names no files", source=path / _STATE)
    info = path / _INFO
    names = _class_names(_json(info).get("features")) if info.is_file() else {}
    for entry in files:
        name = entry.get("filename") if isinstance(entry, dict) else None
        if not isinstance(name, str) or Path(name).name != name:
            raise InputError(f"names a file outside the folder: {name!r}", source=path / _STATE)
        with pyarrow.memory_map(str(path / name)) as mapped:
            reader = pyarrow.ipc.open_stream(mapped)
            columns = _columns(reader.schema.names, options)
            for batch in reader:
                for start in range(0, len(batch), _ROWS):
                    yield batch.select(columns).slice(start, _ROWS), names


def _columns(there: Iterable[str], options: ReadingOptions) -> list[str]:
    """The fields to read, or all of few where one is missing, so that the error can name them."""
    known = list(there)
    needed = (*options.text_fields, *options.label_fields)
    if not set(needed) <= set(known):
        return known[:8]
    wanted = (*needed, options.id_field, options.split_field, options.date_field)
    return list(dict.fromkeys(name for name in wanted if name in known))


def _names_in(metadata: bytes | None) -> Names:
    if metadata is None or len(metadata) > _LARGEST_JSON:
        return {}
    try:
        return _class_names(json.loads(metadata)["info"]["features"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}


def _class_names(features: object) -> Names:
    """The names of `ClassLabel` features, alone or in a list, as all versions have written them."""
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
    try:
        with path.open("rb") as file:
            value = json.loads(file.read(_LARGEST_JSON))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", source=path) from error
    except (ValueError, RecursionError) as error:
        raise InputError("not the JSON of a saved dataset", source=path) from error
    if not isinstance(value, dict):
        raise InputError("not the JSON of a saved dataset", source=path)
    return value


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """What pyarrow raises as an error that names the file."""
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, OSError, ValueError, NotImplementedError) as error:
        what = " ".join(str(error).split())[:200]
        raise InputError(f"cannot be read as Parquet or Arrow: {what}", source=path) from error


def _is_one(source: str) -> bool:
    return beginning(source, 4) == b"PAR1"


def recognises(source: str) -> bool:
    """By the first bytes of a file, by the files that describe a saved dataset."""
    path = Path(source)
    return (
        _is_one(source)
        or any_in(source, lambda name: Path(name).name in (_STATE, _DICT))
        or any_in(source, _is_one)
        or (any_in(source, lambda name: any_in(name, _is_one)) and path.is_dir())
    )


FORMAT = CorpusFormat(
    name="parquet",
    description="Parquet: a file, a folder, or a dataset that Hugging Face's datasets saved",
    recognises=recognises,
    records=records,
    parser=parser,
    parts=parts,
)
