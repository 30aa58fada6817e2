"""Taxonomies written as SKOS are read back as they were."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rdflib import RDF, SKOS, Graph, Literal, URIRef
from rdflib.collection import Collection

from core.corpus.taxonomy import Edge, Taxonomy
from core.errors import HTransError
from core.formats.taxonomy import read_taxonomy, skos
from tests.core.formats.taxonomy.forests import UNWRITABLE, forests
from tests.support.examples import examples

KINDS = Taxonomy(
    [
        Edge("sky & sea", None, 'Sky "and" sea'),
        Edge("blue", "sky & sea", "Blue"),
        Edge("azure/№ 1", "blue", "Azure\n"),
        Edge("food", None, "Food"),
    ]
)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)
TROUBLE = st.text(st.sampled_from("a\"'\\<>%#/ \n\r\t.:@\x01\x7f\x85\u2028\ufeff"), min_size=1)


@settings(max_examples=examples(100), deadline=None, suppress_health_check=list(HealthCheck))
@given(forests(TEXTS | TROUBLE), st.sampled_from(["en", "de-AT", "zh-Hant-TW"]))
def test_what_is_written_is_read_back_in_the_same_order(
    tmp_path_factory: pytest.TempPathFactory, taxonomy: Taxonomy, language: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "kinds.ttl"
    skos.write(taxonomy, path, language)
    read = read_taxonomy(path, language=language)
    assert read.format == "skos"
    assert list(read.taxonomy) == list(taxonomy)


def test_file_is_a_vocabulary_for_other_programs_too(tmp_path: Path) -> None:
    path = tmp_path / "kinds.ttl"
    skos.write(KINDS, path, "en")
    graph = Graph().parse(path, publicID="http://kinds.example/k")
    scheme = URIRef("http://kinds.example/k")
    uris = {
        category.id: graph.value(None, SKOS.notation, Literal(category.id)) for category in KINDS
    }
    assert uris["azure/№ 1"] == scheme + "#azure%2F%E2%84%96%201"
    assert (scheme, RDF.type, SKOS.ConceptScheme) in graph
    tops = {uris["sky & sea"], uris["food"]}
    assert set(graph.objects(scheme, SKOS.hasTopConcept)) == tops
    assert set(graph.subjects(SKOS.topConceptOf, scheme)) == tops
    for category in KINDS:
        uri = uris[category.id]
        assert (uri, RDF.type, SKOS.Concept) in graph
        assert (uri, SKOS.inScheme, scheme) in graph
        assert list(graph.objects(uri, SKOS.prefLabel)) == [Literal(category.name, lang="en")]
        above = [] if category.parent is None else [uris[category.parent]]
        assert list(graph.objects(uri, SKOS.broader)) == above
    collection = graph.value(None, RDF.type, SKOS.OrderedCollection)
    members = graph.value(collection, SKOS.memberList)
    assert members is not None
    order = list(Collection(graph, members))
    assert order == [uris[category.id] for category in KINDS]


def test_wide_and_deep_taxonomies_are_read_back(tmp_path: Path) -> None:
    path = tmp_path / "kinds.ttl"
    for parent in (lambda i: i - 1, lambda i: 0):
        taxonomy = Taxonomy(
            Edge(f"c{i}", f"c{parent(i)}" if i else None, f"Category {i}") for i in range(1000)
        )
        skos.write(taxonomy, path, "en")
        assert list(read_taxonomy(path).taxonomy) == list(taxonomy)


@pytest.mark.parametrize("language", ["", "english language", "de_AT", "-", "en-", 'en" .'])
def test_language_that_is_no_tag_is_refused(tmp_path: Path, language: str) -> None:
    with pytest.raises(HTransError, match="is no language tag; use one such as en"):
        skos.write(KINDS, tmp_path / "kinds.ttl", language)


@pytest.mark.parametrize(("taxonomy", "problem"), UNWRITABLE)
def test_what_no_format_can_hold_is_refused(
    tmp_path: Path, taxonomy: Taxonomy, problem: str
) -> None:
    with pytest.raises(HTransError, match=rf"kinds\.ttl: .*{problem}"):
        skos.write(taxonomy, tmp_path / "kinds.ttl", "en")
