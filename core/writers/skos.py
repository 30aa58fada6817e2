"""A taxonomy as a SKOS vocabulary in Turtle.

Source: SKOS Reference, W3C Recommendation 18 August 2009; RDF 1.1 Turtle, W3C Recommendation 25
February 2014, sections 2.5 and 6.4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from core.corpus.taxonomy import Taxonomy
from core.errors import HTransError
from core.writers.text_file import check_categories, write_text

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
