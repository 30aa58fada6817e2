"""RDF/XML through rdflib and defusedxml: no other file is opened.

Importing this imports rdflib; see `core.formats.taxonomy.rdf`.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn
from xml.parsers.expat import XML_PARAM_ENTITY_PARSING_NEVER
from xml.sax import SAXParseException
from xml.sax.handler import feature_namespaces
from xml.sax.xmlreader import InputSource

from defusedxml.common import ExternalReferenceForbidden
from defusedxml.expatreader import DefusedExpatParser
from rdflib import Graph
from rdflib.plugins.parsers.rdfxml import RDFXMLHandler

from core.errors import InputError
from core.text.plain_text import printable


def parse_rdf_xml(path: Path, content: bytes, graph: Graph, base: str) -> None:
    """Add the statements in `content` to `graph`. Relative URIs are relative to `base`.

    Raises `InputError` that names `path` and line, or whatever rdflib raises for broken RDF.
    """
    parser = _Parser()
    parser.setFeature(feature_namespaces, True)
    parser.setContentHandler(_Handler(graph))
    source = InputSource(base)
    source.setByteStream(BytesIO(content))
    try:
        parser.parse(source)
    except SAXParseException as error:
        problem = f"is no well-formed XML ({error.getMessage()}); correct it"
        raise InputError(printable(problem), source=path, line=error.getLineNumber()) from error
    except ExternalReferenceForbidden as error:
        problem = f"an entity refers to the file {error.sysid!r}, which is not read; put its "
        raise InputError(
            problem + "content here", source=path, line=parser.getLineNumber()
        ) from error
    except _InvalidRDFError as error:
        problem = f"is no valid RDF/XML ({error}); correct it"
        raise InputError(printable(problem), source=path, line=parser.getLineNumber()) from error


class _InvalidRDFError(Exception):
    """What rdflib says is wrong at the current position of the parser."""


class _Parser(DefusedExpatParser):  # type: ignore[misc]
    """Allows the entities that vocabularies use as prefixes. Expat bounds their expansion."""

    def __init__(self) -> None:
        super().__init__(forbid_entities=False)

    def reset(self) -> None:
        super().reset()
        # Without this, a document type in another file would be an error.
        self._parser.SetParamEntityParsing(XML_PARAM_ENTITY_PARSING_NEVER)


class _Handler(RDFXMLHandler):
    """rdflib's handler; an undeclared entity is an error."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self._text: list[str] = []

    def characters(self, content: str) -> None:
        # rdflib's time grows as the square of the pieces of a text, which entities multiply.
        self._text.append(content)

    def startElementNS(self, *event: Any) -> None:  # noqa: N802
        self._flush()
        super().startElementNS(*event)

    def endElementNS(self, *event: Any) -> None:  # noqa: N802
        self._flush()
        super().endElementNS(*event)

    def _flush(self) -> None:
        if self._text:
            super().characters("".join(self._text))
            self._text.clear()

    def skippedEntity(self, name: str) -> NoReturn:  # noqa: N802
        self.error(f"the entity {name!r} is not declared in this file")

    def error(self, message: str) -> NoReturn:
        raise _InvalidRDFError(message)
