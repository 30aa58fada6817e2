"""Read what an RDF file states about SKOS concepts, through rdflib. Nothing is fetched.

Importing this module imports rdflib, which is slow: import it inside functions only.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any, NoReturn
from xml.parsers.expat import XML_PARAM_ENTITY_PARSING_NEVER
from xml.sax import SAXParseException
from xml.sax.handler import feature_namespaces

import rdflib
from defusedxml.expatreader import DefusedExpatParser
from rdflib import RDF, SKOS, BNode, Graph, Literal
from rdflib.parser import InputSource
from rdflib.plugins.parsers.jsonld import to_rdf
from rdflib.plugins.parsers.notation3 import BadSyntax, TurtleParser
from rdflib.plugins.parsers.ntriples import NTGraphSink, W3CNTriplesParser
from rdflib.plugins.parsers.rdfxml import RDFXMLHandler
from rdflib.term import Node

from core.errors import HTransError, InputError
from core.formats.taxonomy.text_lines import TextLines, text_of
from core.text.line_files import first_bytes
from core.text.plain_text import printable

_MAX_BYTES = 512 * 2**20
"""Maximum size of a file that is parsed as a whole, uncompressed."""
_BASE = "file:///"
"""Base of relative URIs. It does not reveal where the file lies."""
_TEXTS = frozenset((SKOS.prefLabel, SKOS.notation))
_BROADER, _NARROWER = SKOS.broader, SKOS.narrower
_NODES = frozenset(
    (
        *(RDF.type, RDF.first, RDF.rest, _BROADER, _NARROWER, SKOS.memberList),
        *(SKOS.topConceptOf, SKOS.hasTopConcept),
        *(SKOS.broaderTransitive, SKOS.narrowerTransitive),
    )
)


class Vocabulary(Graph):
    """Keeps what is stated about concepts, in the order of the file, and forgets the rest.

    rdflib's own store keeps three indexes of all statements. Concepts are URIs, or `_:` and a
    label for blank nodes. `parents` and `notations` are by concept.
    """

    def __init__(self, path: Path, language: str | None) -> None:
        """`language` is the preferred language of the names."""
        super().__init__(bind_namespaces="none")
        self.parents: dict[str, dict[str, None]] = {}
        self.notations: dict[str, dict[str, None]] = {}
        self._path = path
        self._language = (language or "").lower()
        self._names: dict[str, tuple[int, str]] = {}
        self._subjects: dict[str, None] = {}
        self._concepts: dict[str, None] = {}
        self._objects: dict[Node, dict[str, str]] = {
            predicate: {} for predicate in (RDF.first, RDF.rest, SKOS.memberList)
        }
        self._skips_levels = False

    def add(self, triple: tuple[Node, Node, Node]) -> Vocabulary:
        """Record a statement."""
        subject, predicate, object_ = _named(triple[0]), triple[1], triple[2]
        if predicate in _TEXTS:
            self._subjects.setdefault(subject)
            if isinstance(object_, Literal) and object_:
                self._add_text(subject, predicate, object_)
        elif predicate in _NODES:
            self._subjects.setdefault(subject)
            if not isinstance(object_, Literal):
                self._add_node(subject, predicate, _named(object_))
            elif predicate in (_BROADER, _NARROWER):
                raise InputError(
                    f"{str(predicate).rpartition('#')[2]} of {subject!r} is the text "
                    f"{object_[:40]!r}; it must be a concept",
                    source=self._path,
                )
        return self

    def bind(self, *_arguments: Any, **_options: Any) -> None:
        """Ignore the prefix. It is not needed."""

    def _add_text(self, subject: str, predicate: Node, text: Literal) -> None:
        if predicate == SKOS.notation:
            self.notations.setdefault(subject, {}).setdefault(str(text))
            return
        rank = self._rank((text.language or "").lower())
        if subject not in self._names or rank < self._names[subject][0]:
            self._names[subject] = (rank, str(text))

    def _add_node(self, subject: str, predicate: Node, object_: str) -> None:
        if predicate in (_BROADER, _NARROWER):
            child, parent = (subject, object_) if predicate == _BROADER else (object_, subject)
            self.parents.setdefault(child, {}).setdefault(parent)
            self._concepts |= {child: None, parent: None}
        elif predicate == SKOS.topConceptOf or object_ == str(SKOS.Concept):
            self._concepts.setdefault(subject)
        elif predicate == SKOS.hasTopConcept:
            self._concepts.setdefault(object_)
        elif predicate in self._objects:
            self._objects[predicate][subject] = object_
        elif predicate != RDF.type:
            self._skips_levels = True

    def _rank(self, language: str) -> int:
        wanted = self._language
        order = (
            wanted != "" and language == wanted,
            wanted != "" and language.startswith(f"{wanted}-"),
            language != "" and wanted.startswith(f"{language}-"),
            language == "",
            language == "en",
            language.startswith("en-"),
            True,
        )
        return order.index(True)

    def concepts(self) -> list[str]:
        """List the members of ordered collections, then the others in the order of the file."""
        if self._skips_levels and not self.parents:
            raise InputError(
                "states skos:broaderTransitive only, which skips levels; state skos:broader",
                source=self._path,
            )
        order = {**dict.fromkeys(self._ordered_members()), **self._subjects, **self._concepts}
        return [concept for concept in order if concept in self._concepts]

    def name(self, concept: str) -> str:
        """Return the preferred label in the best language, or an empty string."""
        return self._names.get(concept, (0, ""))[1]

    def _ordered_members(self) -> Iterator[str]:
        first, rest, starts = (
            self._objects[predicate] for predicate in (RDF.first, RDF.rest, SKOS.memberList)
        )
        seen: set[str] = set()
        for start in starts.values():
            node: str | None = start
            while node is not None and node not in seen:
                seen.add(node)
                if node in first:
                    yield first[node]
                node = rest.get(node)


def read_vocabulary(path: Path, syntax: str, language: str | None) -> Vocabulary:
    """Read a file whose syntax is "RDF/XML", "Turtle", "N-Triples" or "JSON-LD".

    N-Triples are read line by line. Other files may have 512 MiB. Raises `InputError`.
    """
    vocabulary = Vocabulary(path, language)
    try:
        with _quiet():
            _PARSERS[syntax](path, vocabulary)
    except HTransError:
        raise
    except RecursionError as error:
        raise InputError("nests too deeply to be read; flatten it", source=path) from error
    except Exception as error:  # rdflib raises IndexError, AssertionError and others
        problem = printable(f"{type(error).__name__}: {error}")[:200]
        raise InputError(
            f"is no valid {syntax} ({problem}); is it whole, and is the ending of its name right?",
            source=path,
        ) from error
    return vocabulary


def _named(node: Node) -> str:
    return f"_:{node}" if isinstance(node, BNode) else str(node)


class _XMLParser(DefusedExpatParser):  # type: ignore[misc]
    """Allows the entities that vocabularies use as prefixes. Expat limits their expansion."""

    def reset(self) -> None:
        super().reset()
        # Without this, a document type in another file would be an error.
        self._parser.SetParamEntityParsing(XML_PARAM_ENTITY_PARSING_NEVER)

    def defused_external_entity_ref_handler(self, *names: str | None) -> NoReturn:
        problem = f"an entity refers to the file {names[2]!r}, which is not read"
        raise SAXParseException(problem, None, self)


class _XMLHandler(RDFXMLHandler):
    def __init__(self, vocabulary: Vocabulary, path: Path) -> None:
        super().__init__(vocabulary)
        self._path = path
        self._pieces: list[str] = []

    def characters(self, content: str) -> None:
        # Entities split a text into pieces. rdflib appends them in quadratic time.
        self._pieces.append(content)

    def startElementNS(self, *event: Any) -> None:  # noqa: N802
        self._flush()
        super().startElementNS(*event)

    def endElementNS(self, *event: Any) -> None:  # noqa: N802
        self._flush()
        super().endElementNS(*event)

    def _flush(self) -> None:
        if self._pieces:
            super().characters("".join(self._pieces))
            self._pieces.clear()

    def skippedEntity(self, name: str) -> None:  # noqa: N802
        self.error(f"the entity {name!r} is not declared in this file")

    def error(self, message: str) -> NoReturn:
        raise InputError(
            printable(f"is no valid RDF/XML ({message}); correct it"),
            source=self._path,
            line=self.locator.getLineNumber(),
        )


def _read_rdf_xml(path: Path, vocabulary: Vocabulary) -> None:
    parser = _XMLParser(forbid_entities=False)
    parser.setFeature(feature_namespaces, True)
    parser.setContentHandler(_XMLHandler(vocabulary, path))
    source = InputSource(_BASE)
    source.setByteStream(BytesIO(_content(path)))
    try:
        parser.parse(source)
    except SAXParseException as error:
        problem = printable(f"is no well-formed XML ({error.getMessage()}); correct it")
        raise InputError(problem, source=path, line=error.getLineNumber()) from error


def _read_turtle(path: Path, vocabulary: Vocabulary) -> None:
    source = InputSource(_BASE)
    source.setCharacterStream(StringIO(_text(path)))
    try:
        TurtleParser().parse(source, vocabulary)  # type: ignore[no-untyped-call]
    except BadSyntax as error:
        reason = str(error).partition("Bad syntax (")[2].partition(") at ^")[0]
        problem = f"is no valid Turtle ({printable(reason)[:200]}); correct it"
        raise InputError(problem, source=path, line=error.lines + 1) from error


def _read_n_triples(path: Path, vocabulary: Vocabulary) -> None:
    parser = W3CNTriplesParser(NTGraphSink(vocabulary))
    lines = TextLines(path)
    for parser.line in lines:
        try:
            parser.parseline()
        except HTransError:
            raise
        except Exception as error:
            raise lines.wrong(
                "is no valid N-Triples; a line is subject, predicate, object and a full stop"
            ) from error


def _read_json_ld(path: Path, vocabulary: Vocabulary) -> None:
    def without_fetching(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        for key, value in pairs:
            if key in ("@context", "@import"):
                for context in _flat(value):
                    raise InputError(
                        f"takes a context from {context[:80]!r}, which is not fetched; put that "
                        "context itself in its place",
                        source=path,
                    )
        return dict(pairs)

    try:
        document = json.loads(_text(path), object_pairs_hook=without_fetching)
    except json.JSONDecodeError as error:
        problem = f"is no valid JSON ({error.msg}); correct it"
        raise InputError(problem, source=path, line=error.lineno) from error
    to_rdf(document, vocabulary, base=_BASE)


def _flat(value: object) -> Iterator[str]:
    """Strings in lists of lists."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _flat(item)


def _content(path: Path) -> bytes:
    content = first_bytes(path, _MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise InputError(
            f"more than {_MAX_BYTES // 2**20} MiB; convert it to N-Triples, which are read line "
            "by line",
            source=path,
        )
    return content


def _text(path: Path) -> str:
    return text_of(_content(path), path).removeprefix("\ufeff")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep rdflib from logging odd URIs and literals, and from changing "007" to "7"."""
    logger = logging.getLogger("rdflib")
    level, normalize = logger.level, rdflib.NORMALIZE_LITERALS
    logger.setLevel(logging.CRITICAL + 1)
    rdflib.NORMALIZE_LITERALS = False
    try:
        yield
    finally:
        logger.setLevel(level)
        rdflib.NORMALIZE_LITERALS = normalize


_PARSERS: dict[str, Callable[[Path, Vocabulary], None]] = {
    "RDF/XML": _read_rdf_xml,
    "Turtle": _read_turtle,
    "N-Triples": _read_n_triples,
    "JSON-LD": _read_json_ld,
}
