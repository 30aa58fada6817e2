"""One module per corpus format; this one finds the right one by looking at the files."""

from __future__ import annotations

from core.errors import HTransError
from core.readers import icd10cm, jsonl, reuters21578
from core.readers.format import CorpusFormat

FORMATS: dict[str, CorpusFormat] = {
    format_.name: format_ for format_ in (reuters21578.FORMAT, jsonl.FORMAT, icd10cm.FORMAT)
}


def format_named(name: str) -> CorpusFormat:
    """The corpus format of that name; raise `HTransError` naming those there are."""
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
    raise HTransError(
        f"{source}: cannot tell the format of this corpus from its name and content; "
        f"name it with --format ({', '.join(FORMATS)})"
    )
