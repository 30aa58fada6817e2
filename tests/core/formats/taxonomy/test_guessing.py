"""Which format a taxonomy file has, and what is the same in all formats."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import HTransError, InputError, TaxonomyError
from core.formats.taxonomy import FORMATS, guess_format, read_taxonomy
from tests.core.formats.taxonomy.files import (
    ANIMALS,
    COMPRESSIONS,
    EDGES,
    IN_EVERY_FORMAT,
    INDENTED,
    JSON_LD,
    N_TRIPLES,
    NEURALCLASSIFIER,
    PAIRS,
    RCV1_HIER,
    RDF_XML,
    TURTLE,
    shape,
    written,
)

EVERY = pytest.mark.parametrize("name", IN_EVERY_FORMAT)
LINE_BY_LINE = [name for name in IN_EVERY_FORMAT if not name.endswith((".rdf", ".ttl", ".jsonld"))]


@EVERY
@pytest.mark.parametrize("ending", COMPRESSIONS)
def test_every_format_is_recognised_and_read_plain_and_compressed(
    tmp_path: Path, name: str, ending: str
) -> None:
    format_name, content = IN_EVERY_FORMAT[name]
    path = written(tmp_path, COMPRESSIONS[ending](content.encode()), name + ending)
    read = read_taxonomy(path)
    assert read.format == format_name
    assert [category[:2] for category in shape(read.taxonomy)] == [item[:2] for item in ANIMALS]
    assert read.second_parents == ()


@pytest.mark.parametrize(
    ("content", "format_name"),
    [
        (EDGES, "edges"),
        (EDGES.replace("\t", ","), "edges"),
        (PAIRS, "edges"),
        (PAIRS.replace("\t", " "), "edges"),
        ("\tsea\nsea\tfish\n", "edges"),
        (" sea\nsea fish\n", "edges"),
        ("Root\tsea\nsea\tfish\n", "edges"),
        ("sea\tfish\n\tsky\n", "edges"),
        (NEURALCLASSIFIER, "neuralclassifier"),
        (NEURALCLASSIFIER.replace("\t", " ").replace("Root", "ROOT"), "neuralclassifier"),
        (RCV1_HIER, "rcv1-hier"),
        (INDENTED, "indented"),
        ("deep sea\n  cold fish\n", "indented"),
        ("sea\n\tfish\n", "indented"),
        ("sea\tThe sea\n  fish\tFish\n", "indented"),
        ("Root\n\tfish\n", "indented"),
        ("Root vegetables and others\n  red beet\n", "indented"),
        ("\n" + TURTLE, "skos"),
        ("# kinds\n" + TURTLE.replace("@prefix", "PREFIX").replace("> .\n", ">\n"), "skos"),
        (RDF_XML, "skos"),
        (RDF_XML.partition("\n")[2], "skos"),
        (N_TRIPLES, "skos"),
        (JSON_LD, "skos"),
        ("\ufeff" + EDGES, "edges"),
        ("\ufeff" + NEURALCLASSIFIER, "neuralclassifier"),
        ("\ufeff" + TURTLE, "skos"),
        ("\ufeff" + RDF_XML, "skos"),
        ("\ufeff" + JSON_LD, "skos"),
        ("\ufeff" + N_TRIPLES, "skos"),
    ],
)
def test_content_says_the_format_where_the_name_does_not(
    tmp_path: Path, content: str, format_name: str
) -> None:
    path = written(tmp_path, content, "kinds")
    assert guess_format(path).name == format_name
    assert len(read_taxonomy(path).taxonomy) >= 2


def test_format_is_guessed_from_the_beginning_of_a_long_file(tmp_path: Path) -> None:
    lines = "".join(f"\tc{i}\tname {i}\n" for i in range(20_000))
    path = written(tmp_path, "top\tTop\n" + lines, "kinds")
    read = read_taxonomy(path)
    assert read.format == "indented"
    assert len(read.taxonomy) == 20_001
    path = written(tmp_path, "".join(f"parent{i:05}\tchild{i:05}\n" for i in range(5000)), "kinds")
    with path.open("rb") as file:
        assert b"\t" not in file.read(64 * 1024 + 1).splitlines()[-1]
    assert read_taxonomy(path).format == "edges"


def test_format_that_is_named_wins(tmp_path: Path) -> None:
    path = written(tmp_path, "animals\tdogs\nfood\tbread\n")
    assert read_taxonomy(path).format == "edges"
    read = read_taxonomy(path, "indented")
    assert read.format == "indented"
    assert shape(read.taxonomy)[0] == ("animals", None, "dogs")


@pytest.mark.parametrize(
    "content", ["just some words\n", "sea\nsky\n", '{"a": 1}', "<html></html>", b"\xff\xfe\0\0"]
)
def test_unrecognised_file_is_named_with_the_formats_there_are(
    tmp_path: Path, content: str | bytes
) -> None:
    path = written(tmp_path, content, "kinds.txt")
    with pytest.raises(InputError, match=r"cannot tell the format .*--taxonomy-format") as caught:
        guess_format(path)
    assert str(caught.value).startswith(str(path))
    assert all(format_name in str(caught.value) for format_name in FORMATS)


def test_empty_file_is_called_empty(tmp_path: Path) -> None:
    for content in ("", "\n \n"):
        with pytest.raises(InputError, match="is empty"):
            read_taxonomy(written(tmp_path, content, "kinds"))


@pytest.mark.parametrize("format_name", FORMATS)
def test_file_without_categories_is_refused_by_every_format(
    tmp_path: Path, format_name: str
) -> None:
    with pytest.raises(InputError, match=r"empty|no category|cannot tell"):
        read_taxonomy(written(tmp_path, "\n", "kinds"), format_name)


def test_unknown_format_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(HTransError, match=r"no taxonomy format 'dot'.*skos.*edges.*paths"):
        read_taxonomy(written(tmp_path, EDGES), "dot")


@pytest.mark.parametrize("format_name", [None, *FORMATS])
def test_what_cannot_be_read_is_named(tmp_path: Path, format_name: str | None) -> None:
    with pytest.raises(InputError, match=r"nothing\.tsv: cannot be read: No such file"):
        read_taxonomy(tmp_path / "nothing.tsv", format_name)
    with pytest.raises(InputError, match="cannot be read: it is no file"):
        read_taxonomy(tmp_path, format_name)
    with pytest.raises(InputError, match="cannot be read: File name too long"):
        read_taxonomy(tmp_path / ("x" * 1000), format_name)
    with pytest.raises(InputError, match="cannot be read"):
        read_taxonomy(tmp_path / "a\0b", format_name)


@EVERY
def test_first_stated_parent_counts_where_that_is_asked_for(tmp_path: Path, name: str) -> None:
    format_name, content = IN_EVERY_FORMAT[name]
    second = {
        "kinds.tsv": "food\tdogs\tHot dogs\n",
        "pairs.tsv": "food\tdogs\n",
        "kinds.taxonomy": "food\tdogs\n",
        "kinds.hier.orig": "parent: food child: dogs child-description: Hot dogs\n",
        "outline.txt": "\tdogs\tHot dogs\n",
        "kinds.ttl": ":food skos:narrower :dogs .\n",
        "kinds.nt": "<http://kinds.example/dogs> "
        "<http://www.w3.org/2004/02/skos/core#broader> <http://kinds.example/food> .\n",
    }
    if name == "kinds.rdf":
        content = content.replace(
            "</rdf:RDF>",
            '<rdf:Description rdf:about="dogs"><skos:broader rdf:resource="food"/>'
            "</rdf:Description></rdf:RDF>",
        )
    elif name == "kinds.jsonld":
        content = content.replace('"Dogs"}, "in": "animals"', '"Dogs"}, "in": ["animals", "food"]')
    else:
        content += second[name]
    path = written(tmp_path, content, name)
    read = read_taxonomy(path, multiple_parents="first")
    assert read.format == format_name
    assert read.second_parents == (("dogs", "food"),)
    assert [category[:2] for category in shape(read.taxonomy)] == [item[:2] for item in ANIMALS]
    assert read.taxonomy["dogs"].name != "Hot dogs"
    with pytest.raises(
        TaxonomyError,
        match=r"'dogs' has a second parent 'food' besides 'animals'.*--multiple-parents first",
    ):
        read_taxonomy(path)


def test_other_ways_with_multiple_parents_are_refused(tmp_path: Path) -> None:
    with pytest.raises(HTransError, match="--multiple-parents: use one of error, first"):
        read_taxonomy(written(tmp_path, EDGES), multiple_parents="last")


@pytest.mark.parametrize("name", LINE_BY_LINE)
@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"caf\xe9\n", "is not UTF-8 text; convert"),
        (b"a\0b\n", "holds a NUL byte"),
        (b"x" * 2**20 + b"\n", "longer than 1 MiB"),
    ],
    ids=["latin-1", "nul", "long"],
)
def test_line_that_is_no_text_is_named(
    tmp_path: Path, name: str, line: bytes, problem: str
) -> None:
    format_name, content = IN_EVERY_FORMAT[name]
    path = written(tmp_path, content.encode() + line, name)
    number = content.count("\n") + 1
    with pytest.raises(InputError, match=rf"{path.name}, line {number}: {problem}"):
        read_taxonomy(path, format_name)


@pytest.mark.parametrize("name", ["kinds.ttl", "kinds.jsonld"])
@pytest.mark.parametrize(
    ("line", "problem"),
    [(b"caf\xe9\n", "is not UTF-8 text; convert"), (b"a\0b\n", "holds a NUL byte")],
)
def test_part_of_a_vocabulary_that_is_no_text_is_named(
    tmp_path: Path, name: str, line: bytes, problem: str
) -> None:
    content = IN_EVERY_FORMAT[name][1]
    path = written(tmp_path, content.encode() + line, name)
    with pytest.raises(InputError, match=rf", line {content.count(chr(10)) + 1}: {problem}"):
        read_taxonomy(path)


@pytest.mark.parametrize("name", ["kinds.tsv", "kinds.rdf", "kinds.ttl", "kinds.nt"])
@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_compressed_file_that_is_not_whole_is_refused(
    tmp_path: Path, name: str, ending: str
) -> None:
    packed = COMPRESSIONS[ending](IN_EVERY_FORMAT[name][1].encode())
    for content in (packed[:-9], b"no " + packed):
        with pytest.raises(InputError, match=r"not a whole (gzip|zstd) file"):
            read_taxonomy(written(tmp_path, content, name + ending))


def test_readers_do_not_import_rdflib_until_a_vocabulary_is_read() -> None:
    code = (
        "import sys, core.formats.taxonomy, core.formats.taxonomy.skos; "
        "sys.exit('rdflib' in sys.modules or 'torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
