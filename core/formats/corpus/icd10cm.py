"""The demo corpus: ICD-10-CM from the installed package `simple-icd-10-cm`.

Each description and each inclusion term of a code is a document. Its labels are the chapter, the
sections and the category of the code. The source is `icd10cm` for all chapters, or for example
`icd10cm:4,9`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import ModuleType

from core.corpus.documents import Document, Split, held_out
from core.corpus.taxonomy import Edge, Taxonomy
from core.errors import HTransError
from core.formats.corpus.format import CorpusFormat, ReadingOptions, Record

NAME = "icd10cm"
TEST_FRACTION = 0.2
MINIMUM_DOCUMENTS = 80
"""Minimum documents of a section or category in the taxonomy."""

_RANGE = re.compile(r"\s*\([^()]*\)$")


def records(source: str, _: ReadingOptions) -> Iterator[Record]:
    """Yield one document for each distinct description or inclusion term, split by its id."""
    kept = set(_kept_nodes(source))
    for code, number, text in _texts(source):
        labels = tuple(_category_id(node) for node in _path(code) if node in kept)
        document_id = f"{code}/{number}"
        split: Split = "test" if held_out(document_id, TEST_FRACTION) else "train"
        location = f"{NAME}, code {code}"
        yield Record(Document(document_id, text, labels, split, location), 300)


def taxonomy(source: str) -> Taxonomy:
    """Chapters, sections and categories with at least `MINIMUM_DOCUMENTS` documents."""
    codes = _library()
    kept = _kept_nodes(source)
    edges = []
    for node in kept:
        above = [ancestor for ancestor in _path(node)[:-1] if ancestor in kept]
        name = _RANGE.sub("", codes.get_description(node))
        edges.append(Edge(_category_id(node), _category_id(above[-1]) if above else None, name))
    return Taxonomy(edges, NAME)


def recognises(source: str) -> bool:
    """Recognise the name of the demo corpus."""
    return source == NAME or source.startswith(f"{NAME}:")


def _category_id(node: str) -> str:
    return f"chapter-{node}" if node.isdigit() else node


def _library() -> ModuleType:
    try:
        from simple_icd_10_cm import simple_icd_10_cm
    except ImportError:
        raise HTransError(
            "the embedded corpus needs the package simple-icd-10-cm; "
            "install it with: pip install 'htrans-tui[demo]'"
        ) from None
    module: ModuleType = simple_icd_10_cm
    return module


def _chapters(source: str) -> list[str]:
    codes = _library()
    every = [code for code in codes.get_all_codes() if codes.is_chapter(code)]
    wanted = source.partition(":")[2]
    if not wanted:
        return every
    chosen = wanted.split(",")
    unknown = [chapter for chapter in chosen if chapter not in every]
    if unknown:
        raise HTransError(
            f"{source}: ICD-10-CM has no chapter {', '.join(unknown)}; it has {', '.join(every)}"
        )
    return chosen


def _path(code: str) -> list[str]:
    """Path from the chapter to the three-character category of `code`."""
    codes = _library()
    path = [*reversed(codes.get_ancestors(code)), code]
    # A section with one category has the code of the category: they are a single node.
    return list(dict.fromkeys(node for node in path if not codes.is_subcategory(node)))


def _texts(source: str) -> Iterator[tuple[str, int, str]]:
    codes = _library()
    seen: set[str] = set()
    for chapter in _chapters(source):
        for code in codes.get_descendants(chapter):
            if not codes.is_category_or_subcategory(code) or codes.is_extended_subcategory(code):
                continue
            terms = [codes.get_description(code), *codes.get_inclusion_term(code)]
            for number, text in enumerate(terms):
                if text.casefold() not in seen:
                    seen.add(text.casefold())
                    yield code, number, text


def _kept_nodes(source: str) -> list[str]:
    documents: dict[str, int] = {}
    for code, _, _ in _texts(source):
        for node in _path(code):
            documents[node] = documents.get(node, 0) + 1
    return [node for node, count in documents.items() if count >= MINIMUM_DOCUMENTS]


FORMAT = CorpusFormat(
    name=NAME,
    description="ICD-10-CM, embedded: `icd10cm`, or `icd10cm:4,9` for some of its chapters",
    recognises=recognises,
    records=records,
    parser=lambda _: lambda document: document,
    taxonomy=taxonomy,
)
