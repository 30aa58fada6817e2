"""One module per taxonomy format; this one finds the right one and makes the taxonomy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.corpus.taxonomy import Taxonomy
from core.errors import HTransError, InputError
from core.formats.taxonomy import edges, indented, neuralclassifier, rcv1_hier, skos
from core.formats.taxonomy.format import Sample, TaxonomyFormat, sample_of

FORMATS: dict[str, TaxonomyFormat] = {
    format_.name: format_
    for format_ in (
        skos.FORMAT,
        rcv1_hier.FORMAT,
        neuralclassifier.FORMAT,
        indented.FORMAT,
        edges.FORMAT,
    )
}
"""By name; the first one that recognises a file is the one it is read with."""
PATHS = "paths"
"""The taxonomy that labels make themselves by being paths; see `core.formats.taxonomy.paths`."""
MULTIPLE_PARENTS = ("error", "first")


@dataclass(frozen=True, slots=True)
class TaxonomyRead:
    """A taxonomy, the name of the format it was read with, and the parents that do not count.

    `second_parents` are pairs of a category and a parent that was left out; None is the top level.
    """

    taxonomy: Taxonomy
    format: str
    second_parents: tuple[tuple[str, str | None], ...] = ()


def guess_format(path: Path) -> TaxonomyFormat:
    """The format that recognises the name or the first kilobytes of the file."""
    return _guess(path, sample_of(path))


def read_taxonomy(
    path: Path,
    format_name: str | None = None,
    *,
    multiple_parents: str = "error",
    language: str | None = None,
) -> TaxonomyRead:
    """The taxonomy in `path`; the format is guessed unless named.

    With `multiple_parents` "first", only the parent that the file states first counts. `language`
    chooses among names, where the format has several. Raises `InputError` naming file and line, or
    `TaxonomyError` for a duplicate id, a second or missing parent and cycles.
    """
    if multiple_parents not in MULTIPLE_PARENTS:
        raise HTransError(f"--multiple-parents: use one of {', '.join(MULTIPLE_PARENTS)}")
    if format_name is not None and format_name not in FORMATS:
        raise HTransError(
            f"there is no taxonomy format {format_name!r} for a file; known are "
            f"{', '.join(FORMATS)}, and {PATHS} without a file"
        )
    sample = sample_of(path)
    format_ = _guess(path, sample) if format_name is None else FORMATS[format_name]
    taxonomy = Taxonomy(
        format_.edges(path, language), str(path), first_parents=multiple_parents == "first"
    )
    if not len(taxonomy):
        raise InputError(
            f"holds no category that the format {format_.name} knows of; is it another format? "
            f"name it with --taxonomy-format ({', '.join(FORMATS)})",
            source=path,
        )
    return TaxonomyRead(taxonomy, format_.name, taxonomy.second_parents)


def _guess(path: Path, sample: Sample) -> TaxonomyFormat:
    for format_ in FORMATS.values():
        if format_.recognises(sample):
            return format_
    if not sample.lines:
        raise InputError("is empty; a taxonomy has one category a line", source=path)
    raise InputError(
        "cannot tell the format of this taxonomy from its name and content; "
        f"name it with --taxonomy-format ({', '.join(FORMATS)})",
        source=path,
    )
