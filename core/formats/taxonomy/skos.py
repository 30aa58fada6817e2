"""SKOS vocabularies in RDF/XML, Turtle, N-Triples or JSON-LD.

Source: SKOS Simple Knowledge Organization System Reference, W3C Recommendation 18 August 2009.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

from core.corpus.taxonomy import Edge, Taxonomy
from core.errors import HTransError, InputError
from core.formats.taxonomy.format import Sample, TaxonomyFormat, sample_of
from core.formats.text_file import check_categories, write_text
from core.text.plain_text import without_surrogates

_SYNTAX_OF_ENDING = {
    ".rdf": "RDF/XML",
    ".owl": "RDF/XML",
    ".ttl": "Turtle",
    ".nt": "N-Triples",
    ".jsonld": "JSON-LD",
}
_JSON_LD = re.compile(r'"@(context|graph|id)"\s*:')
_DIRECTIVE = re.compile(r"@?(prefix\s+\S*:\s*<|base\s+<)", re.IGNORECASE)
_TRIPLE = re.compile(r"(<[^<>\s]+>|_:\S+)\s+<[^<>\s]+>\s+(<|_:|\").*\.")


def edges(path: Path, language: str | None = None) -> Iterator[Edge]:
    """The edges of a vocabulary: one for each concept at the top and for each `skos:broader`.

    Names are `skos:prefLabel` in `language`, or else without a language, in English, or the one
    stated first. The id of a concept is its only `skos:notation`, if no other concept has the same;
    else the last part of its URI, if no other concept has the same; else its URI.
    """
    from core.formats.taxonomy.rdf import read_vocabulary

    syntax = _syntax(sample_of(path))
    if syntax is None:
        raise InputError(
            "cannot tell RDF/XML, Turtle, N-Triples and JSON-LD apart here; end the name with "
            f"{', '.join(_SYNTAX_OF_ENDING)}",
            source=path,
        )
    vocabulary = read_vocabulary(path, syntax, language)
    concepts = vocabulary.concepts()
    if not concepts:
        raise InputError("holds no skos:Concept; is it a SKOS vocabulary?", source=path)
    ids = _ids(concepts, vocabulary.notations, path)
    for concept in concepts:
        name = without_surrogates(vocabulary.name(concept) or ids[concept])
        if "\0" in ids[concept] + name:
            raise InputError(
                f"the concept {concept!r} has a NUL character in its name or notation; remove it",
                source=path,
            )
        for parent in vocabulary.parents.get(concept, (None,)):
            yield Edge(ids[concept], None if parent is None else ids[parent], name)


def _ids(
    concepts: Iterable[str], notations: dict[str, dict[str, None]], path: Path
) -> dict[str, str]:
    """Ids by URI."""
    ids = {
        concept: next(iter(notations[concept]))
        for concept in concepts
        if len(notations.get(concept, ())) == 1
    }
    if len(set(ids.values())) < len(ids):
        ids = {}
    others = [concept for concept in concepts if concept not in ids]
    taken = Counter([*ids.values(), *map(_last_part, others)])
    for concept in others:
        if concept.startswith("_:"):
            raise InputError(
                "a concept has neither a URI nor a skos:notation of its own; give it one",
                source=path,
            )
        last = _last_part(concept)
        ids[concept] = last if last and taken[last] == 1 else concept
    return {concept: without_surrogates(id_) for concept, id_ in ids.items()}


def _last_part(uri: str) -> str:
    return uri[max(uri.rfind("#"), uri.rfind("/")) + 1 :]


def _syntax(sample: Sample) -> str | None:
    """The syntax by the ending of the name, or else by the content; None if it is not RDF."""
    for ending, syntax in _SYNTAX_OF_ENDING.items():
        if sample.name.endswith(ending):
            return syntax
    start = sample.text.lstrip()
    if start.startswith(("<?", "<!", "<rdf:RDF")):
        return "RDF/XML" if "<rdf:RDF" in start else None
    if start.startswith(("{", "[")):
        return "JSON-LD" if _JSON_LD.search(start) else None
    statements = [line.strip() for line in sample.lines if not line.lstrip().startswith("#")]
    if statements and all(_TRIPLE.fullmatch(line) for line in statements):
        return "N-Triples"
    return "Turtle" if statements and _DIRECTIVE.match(statements[0]) else None


def _recognises(sample: Sample) -> bool:
    return _syntax(sample) is not None


FORMAT = TaxonomyFormat(
    "skos",
    "a SKOS vocabulary in RDF/XML, Turtle, N-Triples or JSON-LD",
    _recognises,
    edges,
)


_LANGUAGE = re.compile("[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*")
_ESCAPED = re.compile(r'["\\\x00-\x1f\x7f-\x9f]')


def write(taxonomy: Taxonomy, path: Path, language: str) -> None:
    """Write what the taxonomy format `skos` reads back: the same categories in the same order.

    `language` is the tag of the names (RFC 5646). A concept's URI is that of the file with the id,
    percent-encoded, as fragment. An ordered collection keeps the order. Raises `HTransError`.
    """
    if not _LANGUAGE.fullmatch(language):
        raise HTransError(f"{language!r} is no language tag; use one such as en or de-AT")
    check_categories(taxonomy, path)
    write_text(path, _parts(taxonomy, language))


def _parts(taxonomy: Taxonomy, language: str) -> Iterator[str]:
    yield "@prefix skos: <http://www.w3.org/2004/02/skos/core#> .\n\n"
    yield "<> a skos:ConceptScheme"
    for root in taxonomy.roots:
        yield f" ;\n    skos:hasTopConcept {_uri(root)}"
    yield " .\n"
    for category in taxonomy:
        yield (
            f"\n{_uri(category.id)} a skos:Concept ;\n"
            "    skos:inScheme <> ;\n"
            f"    skos:notation {_literal(category.id)} ;\n"
            f"    skos:prefLabel {_literal(category.name)}@{language} ;\n"
        )
        if category.parent is None:
            yield "    skos:topConceptOf <> .\n"
        else:
            yield f"    skos:broader {_uri(category.parent)} .\n"
    yield "\n[] a skos:OrderedCollection ;\n    skos:memberList (\n"
    for category in taxonomy:
        yield f"        {_uri(category.id)}\n"
    yield "    ) .\n"


def _uri(category_id: str) -> str:
    return f"<#{quote(category_id, safe='')}>"


def _literal(text: str) -> str:
    return '"' + _ESCAPED.sub(lambda found: f"\\u{ord(found.group()):04X}", text) + '"'
