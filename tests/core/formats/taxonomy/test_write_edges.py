"""Taxonomies written as edges are read back as they were."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.corpus.taxonomy import Edge, Taxonomy
from core.errors import HTransError
from core.formats.taxonomy import edges, read_taxonomy
from tests.core.formats.taxonomy.forests import UNWRITABLE, forests
from tests.support.examples import examples

BY_NAME = st.text(st.sampled_from("ab\"'#, \\%ü:;|\u2028\x0b\ufeff\x1b"), min_size=1, max_size=5)


def test_file_has_a_header_and_a_line_for_each_category(tmp_path: Path) -> None:
    taxonomy = Taxonomy([Edge("sea", None, "The sea"), Edge("fish", "sea", 'Fish, "crabs"')])
    edges.write(taxonomy, tmp_path / "kinds.tsv")
    assert (tmp_path / "kinds.tsv").read_bytes() == (
        b'parent\tid\tname\n\tsea\tThe sea\nsea\tfish\tFish, "crabs"\n'
    )


@settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
@given(forests(BY_NAME.map(str.strip).filter(bool)))
def test_what_is_written_is_read_back_in_the_same_order(
    tmp_path_factory: pytest.TempPathFactory, taxonomy: Taxonomy
) -> None:
    path = tmp_path_factory.getbasetemp() / "kinds.tsv"
    edges.write(taxonomy, path)
    read = read_taxonomy(path)
    assert read.format == "edges"
    assert list(read.taxonomy) == list(taxonomy)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
@given(forests(st.text(max_size=4).filter(bool)))
def test_any_text_is_read_back_or_refused(
    tmp_path_factory: pytest.TempPathFactory, taxonomy: Taxonomy
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.tsv"
    try:
        edges.write(taxonomy, path)
    except HTransError as error:
        message = str(error)
    else:
        message = ""
        assert list(read_taxonomy(path, "edges").taxonomy) == list(taxonomy)
    assert "\n" not in message


@pytest.mark.parametrize("text", ["a\tb", "a\nb", "a\rb", " a", "a ", "\u00a0", "a\x1c"])
def test_id_or_name_that_a_table_cannot_hold_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kinds.tsv"
    for edge in (Edge(text, None, "name"), Edge("id", None, text)):
        with pytest.raises(HTransError, match=r"cannot be written: .*rename it, or write SKOS"):
            edges.write(Taxonomy([edge]), path)
    assert not path.exists()


@pytest.mark.parametrize(("taxonomy", "problem"), UNWRITABLE)
def test_what_no_format_can_hold_is_refused(
    tmp_path: Path, taxonomy: Taxonomy, problem: str
) -> None:
    with pytest.raises(HTransError, match=rf"kinds\.tsv: .*{problem}"):
        edges.write(taxonomy, tmp_path / "kinds.tsv")


def test_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    taxonomy = Taxonomy([Edge("sea", None, "Sea")])
    (tmp_path / "file").touch()
    with pytest.raises(HTransError, match=r"kinds\.tsv: cannot be written \(File exists\)"):
        edges.write(taxonomy, tmp_path / "file" / "kinds.tsv")
    with pytest.raises(HTransError, match=r"kinds\.tsv\.gz: .*uncompressed; leave \.gz out"):
        edges.write(taxonomy, tmp_path / "kinds.tsv.gz")
