"""Statements of RDF files, through rdflib: nothing is fetched, and nothing is printed.

Importing this imports rdflib, which takes a while: import it inside functions only.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import rdflib
from rdflib import BNode, Graph, Literal
from rdflib.parser import InputSource
from rdflib.plugins.parsers.jsonld import to_rdf
from rdflib.plugins.parsers.notation3 import BadSyntax, TurtleParser
from rdflib.plugins.parsers.ntriples import NTGraphSink, W3CNTriplesParser
from rdflib.term import Node

from core.errors import HTransError, InputError
from core.formats.taxonomy.rdf_xml import parse_rdf_xml
from core.formats.taxonomy.text_lines import text_lines
from core.text.line_files import opened
from core.text.plain_text import printable

Add = Callable[[str, str, str, str | None], None]
"""Called with subject, predicate, object and language; that is None if the object is a node."""

_LARGEST = 512 * 2**20
"""Bytes, uncompressed."""
_BASE = "file:///"
"""What relative URIs are relative to: nothing that says where the file lies."""


def read_statements(path: Path, syntax: str, predicates: frozenset[str], add: Add) -> None:
    """Call `add` for each statement with one of `predicates`, in the order of the file.

    `syntax` is one of "RDF/XML", "Turtle", "N-Triples" and "JSON-LD". N-Triples are read line by
    line; what is not may have 512 MiB. Raises `InputError` for whatever is wrong with the file.
    """
    listener = _Listener(predicates, add)
    try:
        with _quiet():
            _PARSERS[syntax](path, listener)
    except HTransError:
        raise
    except RecursionError as error:
        raise InputError("nests too deeply to be read; flatten it", source=path) from error
    except Exception as error:  # rdflib raises what it stumbles over: IndexError, AssertionError…
        problem = printable(f"{type(error).__name__}: {error}")[:200]
        raise InputError(
            f"is no valid {syntax} ({problem}); is it whole, and is the ending of its name right?",
            source=path,
        ) from error


class _Listener(Graph):
    """Passes statements on instead of keeping them."""

    def __init__(self, predicates: frozenset[str], add: Add) -> None:
        super().__init__(bind_namespaces="none")
        self._predicates = predicates
        self._add = add

    def add(self, triple: tuple[Node, Node, Node]) -> _Listener:
        subject, predicate, object_ = triple
        if str(predicate) in self._predicates:
            language = (object_.language or "") if isinstance(object_, Literal) else None
            self._add(_named(subject), str(predicate), _named(object_), language)
        return self

    def bind(self, *_arguments: Any, **_options: Any) -> None:
        """Forget the prefix: finding a free one takes ever longer in a file of many."""


def _named(node: Node) -> str:
    return f"_:{node}" if isinstance(node, BNode) else str(node)


def _read_rdf_xml(path: Path, listener: Graph) -> None:
    parse_rdf_xml(path, _content(path), listener, _BASE)


def _read_turtle(path: Path, listener: Graph) -> None:
    source = InputSource(_BASE)
    source.setCharacterStream(StringIO(_whole_text(path)))
    try:
        TurtleParser().parse(source, listener)  # type: ignore[no-untyped-call]
    except BadSyntax as error:
        reason = str(error).partition("Bad syntax (")[2].partition(") at ^")[0]
        raise InputError(
            f"is no valid Turtle ({printable(reason)[:200]}); correct it",
            source=path,
            line=error.lines + 1,
        ) from error


def _read_n_triples(path: Path, listener: Graph) -> None:
    parser = W3CNTriplesParser(NTGraphSink(listener))
    for number, line in text_lines(path):
        parser.line = line
        try:
            parser.parseline()
        except Exception as error:
            raise InputError(
                "is no valid N-Triples; a line is subject, predicate, object and a full stop",
                source=path,
                line=number,
            ) from error


def _read_json_ld(path: Path, listener: Graph) -> None:
    try:
        document = json.loads(_whole_text(path))
    except json.JSONDecodeError as error:
        raise InputError(
            f"is no valid JSON ({error.msg}); correct it", source=path, line=error.lineno
        ) from error
    _refuse_other_files(document, path)
    to_rdf(document, listener, base=_BASE)


def _refuse_other_files(document: object, path: Path) -> None:
    """Refuse contexts that would have to be fetched from the net or from another file."""
    rest = [(document, False)]
    while rest:
        part, is_context = rest.pop()
        if isinstance(part, list):
            rest.extend((item, is_context) for item in part)
        elif isinstance(part, dict):
            rest.extend((value, key in ("@context", "@import")) for key, value in part.items())
        elif isinstance(part, str) and is_context:
            raise InputError(
                f"takes a context from {part[:80]!r}, which is not fetched; put that context "
                "itself in its place",
                source=path,
            )


def _content(path: Path) -> bytes:
    content = bytearray()
    with opened(path) as file:
        while chunk := file.read(2**20):
            content += chunk
            if len(content) > _LARGEST:
                raise InputError(
                    f"more than {_LARGEST // 2**20} MiB; convert it to N-Triples, which are read "
                    "line by line",
                    source=path,
                )
    return bytes(content)


def _whole_text(path: Path) -> str:
    content = _content(path)
    if b"\0" in content:
        line = content.count(b"\n", 0, content.index(b"\0")) + 1
        raise InputError("holds a NUL byte; save the file as UTF-8 text", source=path, line=line)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            "is not UTF-8 text; convert the file to UTF-8",
            source=path,
            line=content.count(b"\n", 0, error.start) + 1,
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep rdflib from logging what it thinks of URIs, and from changing "007" to "7"."""
    logger = logging.getLogger("rdflib")
    level, normalize = logger.level, rdflib.NORMALIZE_LITERALS
    logger.setLevel(logging.CRITICAL + 1)
    rdflib.NORMALIZE_LITERALS = False
    try:
        yield
    finally:
        logger.setLevel(level)
        rdflib.NORMALIZE_LITERALS = normalize


_PARSERS: dict[str, Callable[[Path, Graph], None]] = {
    "RDF/XML": _read_rdf_xml,
    "Turtle": _read_turtle,
    "N-Triples": _read_n_triples,
    "JSON-LD": _read_json_ld,
}
