"""Whatever bytes a file holds, its reader gives a taxonomy or an error of one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.corpus.taxonomy import Taxonomy
from core.errors import HTransError
from core.formats.taxonomy import FORMATS, read_taxonomy
from core.text.line_files import without_compression
from tests.core.formats.taxonomy.files import COMPRESSIONS, IN_EVERY_FORMAT, written
from tests.support.examples import examples

PIECES = [
    *(b"\t", b"\n", b"\r", b" ", b",", b'"', b"\0", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80"),
    *(b"<", b">", b"&", b"&a;", b"{", b"}", b"[", b"]", b"(", b")", b";", b".", b"@", b"^^", b"_:"),
    *(b"\\u0000", b"\\uD800", b"\\", b"http://[", b"%", b"#", b"1E999", b"--", b"]]>", b"\x1b[0m"),
    *(b"Root", b"parent: ", b"id", b"@context", b'"@id": null', b"rdf:ID", b"xml:base", b"null"),
    *(b"rdf:parseType='Literal'", b"xmlns=''", b"@prefix", b"skos:broader", b"rdf:nodeID='a'"),
]


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, bytes]:
    """A name and the content that usually goes with it, with some bytes changed."""
    name = draw(st.sampled_from(sorted(IN_EVERY_FORMAT)))
    content = IN_EVERY_FORMAT[draw(st.sampled_from([name] * 9 + ["kinds.tsv"]))][1].encode()
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 12)))
        new = draw(
            st.sampled_from(PIECES) | st.binary(max_size=6) | st.just(content[start:end] * 2)
        )
        content = content[:start] + new + content[end:]
    ending = draw(st.sampled_from(["", "", "", ".gz", ".zst"]))
    packed = COMPRESSIONS[ending](content)
    cut = draw(st.integers(0, 9)) if ending else 0
    return name + ending, packed[: len(packed) - cut]


def check(folder: pytest.TempPathFactory, name: str, content: bytes, format_: str | None) -> None:
    path = written(folder.getbasetemp(), content, name)
    for multiple_parents in ("error", "first"):
        outcome = tried(path, format_, multiple_parents)
        if isinstance(outcome, str):
            assert str(path) in outcome
            assert "\n" not in outcome
        else:
            assert len(outcome)
            for category in outcome:
                assert category.id
                assert category.name
                assert "\0" not in category.id + category.name
                (category.id + category.name).encode()


def tried(path: Path, format_: str | None, multiple_parents: str) -> Taxonomy | str:
    try:
        return read_taxonomy(path, format_, multiple_parents=multiple_parents).taxonomy
    except HTransError as error:
        return str(error)


@settings(max_examples=examples(250), deadline=None, suppress_health_check=list(HealthCheck))
@given(damaged())
def test_damaged_file_gives_a_taxonomy_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, file: tuple[str, bytes]
) -> None:
    check(tmp_path_factory, *file, None)
    check(tmp_path_factory, *file, IN_EVERY_FORMAT[without_compression(file[0])][0])


@settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(["kinds", *sorted(IN_EVERY_FORMAT), "kinds.gz", "kinds.zst"]),
    st.sampled_from([None, *FORMATS]),
    st.binary(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join),
)
@example("kinds.ttl", None, b"@prefix")
@example("kinds.rdf", None, b"<?xml version='1.0' encoding='none'?><a/>")
def test_random_bytes_give_a_taxonomy_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, name: str, format_: str | None, content: bytes
) -> None:
    check(tmp_path_factory, name, content, format_)
