"""Documents as a Parquet file, as `core.readers.parquet` reads it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from core.corpus.documents import Document
from core.files import replacing

_ROWS = 5000
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
        while rows := list(islice(rest, _ROWS)):
            columns = [
                [row.id for row in rows],
                [row.text for row in rows],
                [list(row.labels) for row in rows],
                [row.split for row in rows],
            ]
            writer.write_table(pyarrow.table(columns, schema=schema))
