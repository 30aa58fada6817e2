"""Corpus formats, one module each, and the detection of a source's format."""

from __future__ import annotations

from core.errors import HTransError
from core.formats.corpus import (
    icd10cm,
    jsonl,
    lyrl2004,
    neuralclassifier,
    parquet,
    rcv1_xml,
    reuters21578,
    table,
)
from core.formats.corpus.format import CorpusFormat, existing

FORMATS: dict[str, CorpusFormat] = {
    format_.name: format_
    for format_ in (
        reuters21578.FORMAT,
        rcv1_xml.FORMAT,
        lyrl2004.FORMAT,
        parquet.FORMAT,  # a saved dataset has files of JSON beside
        neuralclassifier.FORMAT,
        jsonl.FORMAT,
        table.CSV,
        table.TSV,
        icd10cm.FORMAT,
    )
}


def format_named(name: str) -> CorpusFormat:
    """The format of this name; raise `HTransError` if there is no such format."""
    try:
        return FORMATS[name]
    except KeyError:
        raise HTransError(
            f"there is no corpus format {name!r}; known are {', '.join(FORMATS)}"
        ) from None


def guess_format(source: str) -> CorpusFormat:
    """The format that recognises `source`, a path or the name of an embedded corpus."""
    for format_ in FORMATS.values():
        if format_.recognises(source):
            return format_
    existing(source)
    raise HTransError(
        f"{source}: cannot tell the format of this corpus from its name and content; "
        f"name it with --format ({', '.join(FORMATS)})"
    )
