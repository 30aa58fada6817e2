"""Vocabularies made to harm: nothing is fetched or printed, and memory stays bounded."""

from __future__ import annotations

import socket
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.errors import InputError
from core.formats.taxonomy import rdf, read_taxonomy
from tests.core.formats.taxonomy.files import IN_EVERY_FORMAT, TURTLE, written

SECRET = "not to be read"
HEAD = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
HEAD += 'xmlns:skos="http://www.w3.org/2004/02/skos/core#">'
CONCEPT = '<skos:Concept rdf:about="http://a/b"><skos:prefLabel>{}</skos:prefLabel></skos:Concept>'


@pytest.fixture(autouse=True)
def _no_net(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the net was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@contextmanager
def bounded(seconds: float = 3.0, mebibytes: float = 40.0) -> Iterator[None]:
    tracemalloc.start()
    started = time.process_time()
    try:
        yield
        assert time.process_time() - started < seconds
        assert tracemalloc.get_traced_memory()[1] < mebibytes * 2**20
    finally:
        tracemalloc.stop()


def xml(folder: Path, declarations: str, body: str) -> Path:
    document = f"<!DOCTYPE rdf:RDF [{declarations}]>{HEAD}\n{body}</rdf:RDF>"
    return written(folder, document, "kinds.rdf")


def test_entities_that_expand_without_end_are_refused(tmp_path: Path) -> None:
    laughs = '<!ENTITY l0 "ha">' + "".join(
        f'\n<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 12)
    )
    path = xml(tmp_path, laughs, CONCEPT.format("&l11;"))
    with pytest.raises(InputError, match=r"line \d+: is no well-formed XML \(limit on input ampl"):
        read_taxonomy(path)


@pytest.mark.parametrize("kind", ["SYSTEM", 'PUBLIC "-//a//b"'])
@pytest.mark.parametrize("where", ["{path}", "file://{path}", "http://kinds.example/x"])
def test_entity_in_another_file_is_not_read(tmp_path: Path, kind: str, where: str) -> None:
    other = written(tmp_path, f'<!ENTITY b "{SECRET}">', "other.dtd")
    there = where.format(path=other)
    path = xml(tmp_path, f'<!ENTITY a {kind} "{there}">', CONCEPT.format("&a;"))
    with pytest.raises(InputError, match=r"line 2: .*an entity refers to the file '.*not read\)"):
        read_taxonomy(path)
    path = xml(tmp_path, f'<!ENTITY % a {kind} "{there}">%a;', CONCEPT.format("&b;"))
    with pytest.raises(InputError, match=r"line 2: .*the entity 'b' is not declared in this file"):
        read_taxonomy(path)


def test_document_type_in_another_file_is_not_read(tmp_path: Path) -> None:
    other = written(tmp_path, f'<!ENTITY b "{SECRET}">', "other.dtd")
    document = f'<!DOCTYPE rdf:RDF SYSTEM "{other}">{HEAD}' + "{}</rdf:RDF>"
    path = written(tmp_path, document.format(CONCEPT.format("B")), "kinds.rdf")
    assert read_taxonomy(path).taxonomy["b"].name == "B"
    path = written(tmp_path, document.format(CONCEPT.format("&b;")), "kinds.rdf")
    with pytest.raises(InputError, match=r"line 1: .*the entity 'b' is not declared in this file"):
        read_taxonomy(path)


def test_many_texts_may_be_long_together(tmp_path: Path) -> None:
    body = CONCEPT.format("B") + CONCEPT.format("x" * 2**17) * 10
    assert read_taxonomy(xml(tmp_path, "", body)).taxonomy["b"].name == "B"


@pytest.mark.parametrize("name", ["kinds.rdf", "kinds.ttl", "kinds.jsonld"])
def test_too_large_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(rdf, "_MAX_BYTES", 2**20)
    content = IN_EVERY_FORMAT[name][1].encode() + b" " * 2**20
    with pytest.raises(InputError, match=r": more than 1 MiB; convert it to N-Triples"):
        read_taxonomy(written(tmp_path, content, name))


@pytest.mark.parametrize(
    ("name", "opening"),
    [("k.ttl", "[ <a:b> "), ("k.ttl", "( "), ("k.jsonld", '{"a": '), ("k.jsonld", "[")],
)
def test_deep_nesting_is_refused(tmp_path: Path, name: str, opening: str) -> None:
    with pytest.raises(InputError, match=rf"{name}: nests too deeply"):
        read_taxonomy(written(tmp_path, opening * 50_000, name))


@pytest.mark.parametrize("where", ["http://kinds.example/context", "{path}", "other.jsonld"])
@pytest.mark.parametrize(
    "shape",
    [
        '{"@context": "WHERE", "@id": "a:b", "@type": "skos:Concept"}',
        '{"@context": ["WHERE"], "@id": "a:b"}',
        '{"@context": [{"a": "b:"}, ["WHERE"]], "@id": "a:b"}',
        '[{"@context": {"@import": "WHERE"}, "@id": "a:b"}]',
        '{"@context": {"a": {"@id": "b:c", "@context": "WHERE"}}, "a": {"@id": "a:b"}}',
        '{"@context": {"a": {"@id": "b:c", "@context": [{"@import": "WHERE"}]}}, "a": "b"}',
        '{"@graph": [{"@id": "a:b", "c:d": {"@list": [{"@context": "WHERE"}]}}]}',
        '{"@context": {"@context": "WHERE"}, "@id": "a:b"}',
        '{"@context": [[{"@context": ["WHERE"]}]], "@id": "a:b"}',
    ],
)
def test_context_in_another_file_is_not_fetched(tmp_path: Path, shape: str, where: str) -> None:
    other = written(tmp_path, '{"@context": {"skos": "http://a/"}}', "other.jsonld")
    there = where.format(path=other)
    path = written(tmp_path, shape.replace("WHERE", there), "kinds.jsonld")
    with pytest.raises(InputError, match=r"kinds\.jsonld: takes a context from '.*not fetched"):
        read_taxonomy(path)


def test_halves_of_characters_become_replacement_marks(tmp_path: Path) -> None:
    ttl = TURTLE + r':odd a skos:Concept ; skos:notation "a\uD800" ; skos:prefLabel "b\uDFFF" .'
    taxonomy = read_taxonomy(written(tmp_path, ttl, "kinds.ttl")).taxonomy
    assert taxonomy["a?"].name == "b?"


@pytest.mark.parametrize("predicate", ["notation", "prefLabel"])
def test_nul_character_in_a_name_or_id_is_refused(tmp_path: Path, predicate: str) -> None:
    ttl = TURTLE + rf':odd a skos:Concept ; skos:{predicate} "a\u0000" .'
    with pytest.raises(InputError, match=r"the concept '\S+/odd' has a NUL character"):
        read_taxonomy(written(tmp_path, ttl, "kinds.ttl"))


def test_what_rdflib_thinks_of_a_file_is_not_printed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    ttl = TURTLE + (
        ':odd a skos:Concept ; skos:notation "x"^^<http://www.w3.org/2001/XMLSchema#integer> ;'
        r" skos:broader <http://a/ b\u007B\u007D> ."
        f' :big skos:notation "{"9" * 5000}"^^<http://www.w3.org/2001/XMLSchema#integer>,'
        ' "1E99999999"^^<http://www.w3.org/2001/XMLSchema#decimal> .'
    )
    with bounded():
        read_taxonomy(written(tmp_path, ttl, "kinds.ttl"))
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []
