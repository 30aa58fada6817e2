"""Word vector formats, one module each, and the detection of a source's format."""

from __future__ import annotations

from pathlib import Path

from core.errors import HTransError
from core.formats.vectors import glove, npm, spacy_model, word2vec
from core.formats.vectors.format import Pairs, VectorFormat, label

FORMATS: dict[str, VectorFormat] = {
    format_.name: format_
    for format_ in (glove.FORMAT, word2vec.FORMAT, spacy_model.FORMAT, npm.FORMAT)
}


def format_named(name: str) -> VectorFormat:
    """The format of this name; raise `HTransError` if there is no such format."""
    try:
        return FORMATS[name]
    except KeyError:
        raise HTransError(
            f"there is no format of vectors {name!r}; known are {', '.join(FORMATS)}"
        ) from None


def guess_format(source: str) -> VectorFormat:
    """The format that recognises `source`, a path or the name of an installed package."""
    exists = _exists(source)
    for format_ in FORMATS.values():
        if format_.recognises(source):
            return format_
    if not exists:
        raise HTransError(
            f"{source}: no such file or folder, and no installed spaCy package; check the name"
        )
    raise HTransError(
        f"{source}: cannot tell the format of these vectors from their name and content; "
        f"name it with --format ({', '.join(FORMATS)})"
    )


def read_vectors(
    source: str, format_name: str | None = None, *, dimensions: int | None = None
) -> Pairs:
    """Stream words and their vectors (dimensions,) from `source`.

    The format is guessed without `format_name`. `dimensions` is what the vectors must have; where
    a source holds several tables, it chooses. Raises `InputError` naming file and line or record.
    """
    format_ = format_named(format_name) if format_name else guess_format(source)
    _exists(source)
    return format_.read(source, dimensions)


def _exists(source: str) -> bool:
    """Whether there is such a file or folder; raise `HTransError` for what no file can be named."""
    if "\0" in source:
        raise HTransError(f"{label(source)}: no name of a file; check the path")
    try:
        return Path(source).exists()
    except OSError as error:
        raise HTransError(
            f"{label(source)}: cannot be read: {error.strerror}; check the path"
        ) from error
