"""RDF/XML from files that nobody has checked: no other file is opened, and memory is bounded.

Importing this imports rdflib; see `core.formats.taxonomy.rdf`.
"""

from __future__ import annotations

from typing import IO, Any, NoReturn
from xml.sax import SAXParseException
from xml.sax.expatreader import ExpatParser
from xml.sax.handler import feature_namespaces
from xml.sax.xmlreader import InputSource

from rdflib import Graph
from rdflib.plugins.parsers.rdfxml import RDFXMLHandler

from core.text.plain_text import printable

_DEEPEST = 4_000
"""Elements; a thousand levels of concepts inside `skos:narrower` are two thousand."""
_MOST_PREFIXES = 1_000
_LONGEST = 2**20
"""Bytes of a tag, and characters of a text."""
_LONGEST_ENTITY = 1_000
"""Characters."""


class XMLError(Exception):
    """What is wrong, in which line, and what to do about it."""

    def __init__(self, problem: str, line: int | None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line


def parse_rdf_xml(file: IO[bytes], graph: Graph, base: str, largest: int) -> None:
    """Add the statements of `file`, which may have `largest` bytes, to `graph`, and close it.

    Relative URIs are relative to `base`. Raises `XMLError`, or what rdflib stumbles over.
    """
    parser = _Parser(largest)
    parser.setFeature(feature_namespaces, True)
    parser.setContentHandler(_Handler(graph))
    source = InputSource(base)
    source.setByteStream(file)
    try:
        parser.parse(source)
    except SAXParseException as error:
        raise XMLError(
            f"is no well-formed XML ({error.getMessage()}); correct it", error.getLineNumber()
        ) from error


class _Parser(ExpatParser):
    """Refuses what can make a small file large, and files that refer to others."""

    def __init__(self, largest: int) -> None:
        super().__init__()
        self._largest = largest
        self._fed = 0

    def reset(self) -> None:
        super().reset()
        self._expat().EntityDeclHandler = self._entity_declared

    def feed(self, data: Any, isFinal: bool = False) -> None:  # noqa: N803
        self._fed += len(data)
        if self._fed > self._largest:
            self._refuse(
                f"more than {self._largest // 2**20} MiB; convert it to N-Triples, which are read "
                "line by line"
            )
        super().feed(data, isFinal)
        if not isFinal and self._fed - max(self._expat().CurrentByteIndex, 0) > _LONGEST:
            self._refuse("a tag of more than 1 MiB; is this a vocabulary?")

    def _entity_declared(
        self, name: str, _is_parameter: bool, value: str | None, *_elsewhere: object
    ) -> None:
        if value is None:
            self._refuse(
                f"the entity {name!r} lies in another file, which is not read; put its content here"
            )
        elif "&" in value or "%" in value or len(value) > _LONGEST_ENTITY:
            self._refuse(
                f"the entity {name!r} is made of other entities, or is longer than "
                f"{_LONGEST_ENTITY:,} characters; put its content in its places"
            )

    def _refuse(self, problem: str) -> NoReturn:
        raise XMLError(problem, self.getLineNumber())

    def _expat(self) -> Any:
        return self._parser  # type: ignore[attr-defined]


class _Handler(RDFXMLHandler):
    """rdflib's, with bounds."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self._depth = 0
        self._text = 0

    def startPrefixMapping(self, prefix: str | None, namespace: str) -> None:  # noqa: N802
        if len(self._ns_contexts) > _MOST_PREFIXES:
            self._refuse(f"more than {_MOST_PREFIXES:,} prefixes at once; use fewer")
        super().startPrefixMapping(prefix, namespace)

    def startElementNS(self, name: Any, qname: Any, attrs: Any) -> None:  # noqa: N802
        self._text = 0
        self._depth += 1
        if self._depth > _DEEPEST:
            self._refuse(f"more than {_DEEPEST:,} elements inside each other; use skos:broader")
        super().startElementNS(name, qname, attrs)

    def endElementNS(self, name: Any, qname: Any) -> None:  # noqa: N802
        self._depth -= 1
        super().endElementNS(name, qname)

    def characters(self, content: str) -> None:
        self._text += len(content)
        if self._text > _LONGEST:
            self._refuse("a text of more than 1 MiB; is this a vocabulary?")
        super().characters(content)

    def skippedEntity(self, name: str) -> None:  # noqa: N802
        self._refuse(f"the entity {name!r} is not declared in this file; put its content here")

    def error(self, message: str) -> NoReturn:
        self._refuse(f"is no valid RDF/XML ({message}); correct it")

    def _refuse(self, problem: str) -> NoReturn:
        raise XMLError(printable(problem), self.locator.getLineNumber())
