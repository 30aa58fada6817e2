"""SKOS vocabularies: which concepts there are, and their ids, names, parents and order."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.corpus.taxonomy import Taxonomy
from core.errors import InputError, TaxonomyError
from core.formats.taxonomy import read_taxonomy
from tests.core.formats.taxonomy.files import ANIMALS, IN_EVERY_FORMAT, RDF_XML, shape, written

PREFIXES = """\
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix : <http://kinds.example/> .
"""


def read(folder: Path, turtle: str, language: str | None = None) -> Taxonomy:
    path = written(folder, PREFIXES + turtle, "kinds.ttl")
    return read_taxonomy(path, "skos", language=language).taxonomy


def parents(taxonomy: Taxonomy) -> list[tuple[str, str | None]]:
    return [(category.id, category.parent) for category in taxonomy]


@pytest.mark.parametrize("name", ["kinds.ttl", "kinds.rdf", "kinds.nt", "kinds.jsonld"])
def test_each_syntax_gives_ids_parents_and_names(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, IN_EVERY_FORMAT[name][1], name)
    assert shape(read_taxonomy(path, language="en").taxonomy) == ANIMALS


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1", "utf-8-sig"])
def test_rdf_xml_may_be_in_the_encoding_that_it_declares(tmp_path: Path, encoding: str) -> None:
    content = RDF_XML.replace("UTF-8", encoding.removesuffix("-sig")).replace("Dogs", "Döggs")
    path = written(tmp_path, content.encode(encoding), "kinds.rdf")
    assert read_taxonomy(path).taxonomy["dogs"].name == "Döggs"


def test_broader_and_narrower_may_both_state_the_same(tmp_path: Path) -> None:
    taxonomy = read(
        tmp_path, ":sea skos:narrower :fish, :crabs . :fish skos:broader :sea . :crabs a :x ."
    )
    assert parents(taxonomy) == [("sea", None), ("fish", "sea"), ("crabs", "sea")]


def test_top_concepts_of_a_scheme_have_no_parent(tmp_path: Path) -> None:
    taxonomy = read(
        tmp_path,
        ":all a skos:ConceptScheme ; skos:hasTopConcept :sea . :sky skos:topConceptOf :all .",
    )
    assert parents(taxonomy) == [("sky", None), ("sea", None)]


def test_collections_and_other_resources_are_no_concepts(tmp_path: Path) -> None:
    taxonomy = read(
        tmp_path,
        """
        :sea a skos:Concept ; skos:related :sky ; skos:exactMatch <http://other.example/sea> .
        :blue a skos:Collection ; skos:prefLabel "blue" ; skos:member :sea, :sky .
        :somebody a :Person ; skos:prefLabel "Somebody" .
        """,
    )
    assert parents(taxonomy) == [("sea", None)]


def test_transitive_relations_are_left_out_beside_direct_ones(tmp_path: Path) -> None:
    taxonomy = read(
        tmp_path,
        ":cod skos:broader :fish ; skos:broaderTransitive :fish, :sea . :fish skos:broader :sea .",
    )
    assert parents(taxonomy) == [("sea", None), ("fish", "sea"), ("cod", "fish")]


def test_transitive_relations_alone_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"kinds\.ttl: states skos:broaderTransitive only"):
        read(tmp_path, ":cod a skos:Concept ; skos:broaderTransitive :sea .")


def test_parent_that_is_a_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"broader of '\S+/cod' is the text 'the sea'"):
        read(tmp_path, ':cod skos:broader "the sea" .')


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("de", "See"),
        ("DE", "See"),
        ("pt", "Mar (Brasil)"),
        ("pt-BR", "Mar (Brasil)"),
        ("de-AT", "See"),
        ("it", "sea"),
        (None, "sea"),
    ],
)
def test_name_is_the_label_in_the_language_or_without_one(
    tmp_path: Path, language: str | None, name: str
) -> None:
    labels = '"Mar"@es, "Sea"@en, "sea", "See"@de, "Mar (Brasil)"@pt-BR, "Der See"@de'
    taxonomy = read(tmp_path, f":sea a skos:Concept ; skos:prefLabel {labels} .", language)
    assert taxonomy["sea"].name == name


def test_name_falls_back_to_english_then_to_the_first_then_to_the_id(tmp_path: Path) -> None:
    taxonomy = read(
        tmp_path,
        """
        :sea a skos:Concept ; skos:prefLabel "Mar"@es, "Sea"@en, "See"@de .
        :sky a skos:Concept ; skos:prefLabel "Cielo"@es, "Himmel"@de .
        :fish a skos:Concept ; skos:prefLabel "", :fish ; skos:altLabel "swimmer" .
        :ship a skos:Concept ; skos:prefLabel "Barco"@es, "Ship"@en-GB .
        """,
        "fi",
    )
    assert [category.name for category in taxonomy] == ["Sea", "Cielo", "fish", "Ship"]


def test_id_is_the_only_notation_of_a_concept(tmp_path: Path) -> None:
    taxonomy = read(
        tmp_path,
        """
        :c1 a skos:Concept ; skos:notation "007"^^xsd:integer .
        :c2 a skos:Concept ; skos:notation "A 2"^^:code, "A 2" ; skos:broader :c1 .
        :c3 a skos:Concept ; skos:notation "A3", "a3" .
        :c4 a skos:Concept .
        """,
    )
    assert parents(taxonomy) == [("007", None), ("A 2", "007"), ("c3", None), ("c4", None)]


def test_notations_that_two_concepts_share_are_no_ids(tmp_path: Path) -> None:
    taxonomy = read(
        tmp_path,
        """
        :c1 a skos:Concept ; skos:notation "1" .
        :c2 a skos:Concept ; skos:notation "2" .
        :c3 a skos:Concept ; skos:notation "2" .
        """,
    )
    assert [category.id for category in taxonomy] == ["c1", "c2", "c3"]


def test_last_parts_of_uris_that_are_not_unique_give_whole_uris(tmp_path: Path) -> None:
    taxonomy = read(
        tmp_path,
        """
        <http://a.example/sea> a skos:Concept .
        <http://b.example/kinds#sea> a skos:Concept .
        <http://b.example/sky/> a skos:Concept .
        <http://b.example/kinds#fish/cod> a skos:Concept .
        <urn:isbn:123> a skos:Concept .
        <http://b.example/7> a skos:Concept .
        <http://b.example/seven> a skos:Concept ; skos:notation "7" .
        """,
    )
    assert [category.id for category in taxonomy] == [
        "http://a.example/sea",
        "http://b.example/kinds#sea",
        "http://b.example/sky/",
        "cod",
        "urn:isbn:123",
        "http://b.example/7",
        "7",
    ]


def test_blank_node_needs_a_notation(tmp_path: Path) -> None:
    taxonomy = read(tmp_path, '[] a skos:Concept ; skos:notation "1" .')
    assert [category.id for category in taxonomy] == ["1"]
    with pytest.raises(InputError, match=r"kinds\.ttl: a concept has neither a URI nor"):
        read(tmp_path, "[] a skos:Concept .")


def test_relative_uris_say_nothing_of_where_the_file_lies(tmp_path: Path) -> None:
    taxonomy = read(tmp_path, "<#sea> a skos:Concept . <sub/sea> a skos:Concept .")
    assert [category.id for category in taxonomy] == ["file:///#sea", "file:///sub/sea"]


def test_order_is_that_of_the_file(tmp_path: Path) -> None:
    ids = [f"c{i * 7919 % 1000}" for i in range(1000)]
    taxonomy = read(tmp_path, "\n".join(f":{id_} a skos:Concept ." for id_ in ids))
    assert [category.id for category in taxonomy] == ids


def test_ordered_collections_put_their_members_first(tmp_path: Path) -> None:
    taxonomy = read(
        tmp_path,
        """
        :sea a skos:Concept ; skos:narrower :crabs, :fish, :ships .
        :sky a skos:Concept . :crabs a skos:Concept . :fish a skos:Concept .
        [] a skos:OrderedCollection ; skos:memberList ( :ships :fish ) .
        :tops a skos:OrderedCollection ; skos:memberList ( :sky :tops :nothing :fish ) .
        """,
    )
    assert parents(taxonomy) == [
        ("sky", None),
        ("sea", None),
        ("ships", "sea"),
        ("fish", "sea"),
        ("crabs", "sea"),
    ]


def test_list_of_members_that_goes_in_a_circle_ends(tmp_path: Path) -> None:
    rdf = "@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .\n"
    taxonomy = read(
        tmp_path,
        rdf + ":a a skos:Concept . :b a skos:Concept . :kinds skos:memberList :l1 ."
        ":l1 rdf:first :b ; rdf:rest :l2 . :l2 rdf:first :a ; rdf:rest :l1 .",
    )
    assert [category.id for category in taxonomy] == ["b", "a"]


def test_member_list_is_read_from_rdf_xml_and_json_ld(tmp_path: Path) -> None:
    xml = IN_EVERY_FORMAT["kinds.rdf"][1].replace(
        "</rdf:RDF>",
        '<skos:OrderedCollection><skos:memberList rdf:parseType="Collection">'
        '<rdf:Description rdf:about="food"/><rdf:Description rdf:about="cats"/>'
        "</skos:memberList></skos:OrderedCollection></rdf:RDF>",
    )
    json = IN_EVERY_FORMAT["kinds.jsonld"][1].replace(
        '"@graph": [',
        '"@graph": [{"@type": "skos:OrderedCollection", "skos:memberList": '
        '{"@list": [{"@id": "food"}, {"@id": "cats"}]}},',
    )
    for name, content in (("kinds.rdf", xml), ("kinds.jsonld", json)):
        taxonomy = read_taxonomy(written(tmp_path, content, name)).taxonomy
        assert [category.id for category in taxonomy] == [
            "food",
            "bread",
            "animals",
            "cats",
            "dogs",
        ]


def test_named_graphs_of_json_ld_are_read_as_one(tmp_path: Path) -> None:
    content = IN_EVERY_FORMAT["kinds.jsonld"][1]
    content = content.replace('"@graph": [', '"@id": "http://g.example/", "@graph": [')
    path = written(tmp_path, content, "kinds.jsonld")
    assert shape(read_taxonomy(path, language="en").taxonomy) == ANIMALS


def test_second_parents_are_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        PREFIXES + ":b skos:narrower :x . :x skos:broader :c, :b, :a . :a a skos:Concept .",
        "kinds.ttl",
    )
    read = read_taxonomy(path, multiple_parents="first")
    assert read.taxonomy["x"].parent == "b"
    assert read.second_parents == (("x", "c"), ("x", "a"))
    with pytest.raises(TaxonomyError, match=r"'x' has a second parent 'c' besides 'b'; "):
        read_taxonomy(path)


def test_cycle_is_named(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match="cycle: a > b > a "):
        read(tmp_path, ":a skos:broader :b . :b skos:broader :a .")
    with pytest.raises(TaxonomyError, match="cycle: a > a "):
        read(tmp_path, ":a skos:broader :a .")


def test_vocabulary_without_concepts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"kinds\.ttl: holds no skos:Concept"):
        read(tmp_path, ':a skos:prefLabel "A" .')


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        (
            "k.ttl",
            PREFIXES + ":a a\n\n skos:Concept :b .",
            r"k\.ttl, line 6: is no valid Turtle \(",
        ),
        ("k.ttl", PREFIXES + ":a a skos:Conc", r"k\.ttl.* is no valid Turtle"),
        ("k.ttl", PREFIXES + ":a a no:Concept .", r"k\.ttl, line 4: .*[Pp]refix"),
        ("k.nt", "<http://a> <http://b> <http://c> .\n<http://a> .\n", r"k\.nt, line 2: is no val"),
        ("k.rdf", "<rdf:RDF\nxmlns:rdf='x'><a></b></rdf:RDF>", r"k\.rdf, line 2: is no well-form"),
        ("k.rdf", "", r"k\.rdf, line 1: is no well-formed XML \(no element found\); correct it"),
        (
            "k.rdf",
            RDF_XML.replace('about="food"', 'about="food" rdf:ID="x"'),
            r"k\.rdf, line 15: is no valid RDF/XML \(.*rdf:about.*\); correct it",
        ),
        ("k.jsonld", '{"@id": "a",\n\n"b" }', r"k\.jsonld, line 3: is no valid JSON \(Expecting"),
        ("k.jsonld", "", r"k\.jsonld, line 1: is no valid JSON"),
        ("k.jsonld", '{"@id": {"x": 1e999}, "@type": [[]]}', r"k\.jsonld: "),
        ("k.txt", "a b c\n", r"k\.txt: cannot tell RDF/XML, Turtle, N-Triples and JSON-LD apart"),
    ],
)
def test_file_that_is_no_rdf_is_named_with_the_line(
    tmp_path: Path, name: str, content: str, problem: str
) -> None:
    with pytest.raises(InputError, match=problem) as caught:
        read_taxonomy(written(tmp_path, content, name), "skos")
    assert "\n" not in str(caught.value)
