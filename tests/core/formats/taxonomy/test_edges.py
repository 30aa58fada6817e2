"""Taxonomies as files of edges."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.corpus.taxonomy import Taxonomy
from core.errors import HTransError, InputError, TaxonomyError
from core.formats.taxonomy import read_taxonomy
from tests.core.formats.taxonomy.files import shape, written
from tests.support.small_corpus import TAXONOMY


def read(path: Path) -> Taxonomy:
    return read_taxonomy(path, "edges").taxonomy


def test_tsv_with_header_gives_ids_parents_and_names(tmp_path: Path) -> None:
    taxonomy = read(written(tmp_path, TAXONOMY))
    assert shape(taxonomy) == [
        ("animals", None, "Animals"),
        ("cats", "animals", "Cats"),
        ("dogs", "animals", "Dogs"),
        ("food", None, "Food"),
        ("fruit", "food", "Fruit"),
        ("bread", "food", "Bread"),
        ("unused", "food", "Nobody writes of this"),
    ]


def test_csv_may_quote_names_with_commas(tmp_path: Path) -> None:
    text = 'parent,id,name\r\n,sea,"Sea, lake and ""river"""\r\nsea,fish,Fish\r\n'
    assert shape(read(written(tmp_path, text, "kinds.csv"))) == [
        ("sea", None, 'Sea, lake and "river"'),
        ("fish", "sea", "Fish"),
    ]


def test_quotes_in_a_tsv_are_part_of_the_name(tmp_path: Path) -> None:
    text = 'parent\tid\tname\n\tsea\t"Deep" sea\n\tsky\t"Sky\n'
    assert shape(read(written(tmp_path, text))) == [
        ("sea", None, '"Deep" sea'),
        ("sky", None, '"Sky'),
    ]


def test_columns_may_come_in_any_order_and_case(tmp_path: Path) -> None:
    text = "Name\tID\tnote\tParent\nFish\tfish\tx\tsea\nSea\tsea\ty\t\n"
    assert shape(read(written(tmp_path, text))) == [
        ("sea", None, "Sea"),
        ("fish", "sea", "Fish"),
    ]


def test_name_defaults_to_the_id(tmp_path: Path) -> None:
    text = "parent\tid\tname\n\tsea\t\nsea\tfish\n"
    assert shape(read(written(tmp_path, text))) == [
        ("sea", None, "sea"),
        ("fish", "sea", "fish"),
    ]


def test_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    path = written(tmp_path, b"\xef\xbb\xbfparent\tid\tname\n\tsea\tSea\n")
    assert shape(read(path)) == [("sea", None, "Sea")]


@pytest.mark.parametrize("between", ["\t", ",", " "])
def test_pairs_without_header_state_their_own_top_level(tmp_path: Path, between: str) -> None:
    pairs = [("sea", "fish"), ("fish", "cod"), ("sky", "birds"), ("sea", "crabs")]
    text = "".join(f"{parent}{between}{child}\n" for parent, child in pairs)
    assert shape(read(written(tmp_path, text))) == [
        ("sea", None, "sea"),
        ("fish", "sea", "fish"),
        ("cod", "fish", "cod"),
        ("crabs", "sea", "crabs"),
        ("sky", None, "sky"),
        ("birds", "sky", "birds"),
    ]


def test_pair_with_a_category_called_id_is_no_header(tmp_path: Path) -> None:
    assert shape(read(written(tmp_path, "papers\tid\nid\tpassport\n"))) == [
        ("papers", None, "papers"),
        ("id", "papers", "id"),
        ("passport", "id", "passport"),
    ]


def test_pairs_may_be_aligned_with_blanks(tmp_path: Path) -> None:
    assert shape(read(written(tmp_path, "sea   fish\nsky   birds  \n"))) == [
        ("sea", None, "sea"),
        ("fish", "sea", "fish"),
        ("sky", None, "sky"),
        ("birds", "sky", "birds"),
    ]


def test_pair_with_empty_parent_is_a_top_level_category(tmp_path: Path) -> None:
    assert shape(read(written(tmp_path, "\tsea\nsea\tfish\n"))) == [
        ("sea", None, "sea"),
        ("fish", "sea", "fish"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "parent\tid\tname\n\tsea\tSea\n\n \t \t\nsea\tfish\tFish\n\n",
        "\nparent\tid\n\tsea\nsea\tfish\n",
    ],
    ids=["in between", "at the start"],
)
def test_blank_lines_count_for_nothing(tmp_path: Path, text: str) -> None:
    taxonomy = read(written(tmp_path, text))
    assert [category.id for category in taxonomy] == ["sea", "fish"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("parent\tid\tname\n", "a header but no category"),
        ("parent\tid\tname\n\tsea\tSea\tblue\n", "line 2: 4 columns, but the header has 3"),
        ("parent\tid\tname\n\tsea\tSea\nsea\t\tFish\n", "line 3: the column id is empty"),
        ("\n\nparent,id,name\n\n,,Sea\n", "line 5: the column id is empty"),
        ("sea\tfish\nsea\tfish\tFish\n", "line 2: neither a header"),
        ("sea\tfish\nsea\t\n", "line 2: neither a header"),
        ("just one column\nsea\n", "line 1: neither a header"),
        (b"parent\tid\n\tcaf\xe9\n", "not UTF-8"),
    ],
)
def test_file_that_is_no_table_of_edges_is_named(
    tmp_path: Path, text: str | bytes, problem: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "parent\tid\n\ta\n\tb\na\tc\nb\tc\n",
            r"line 5: .*'c' has a second parent 'b' besides 'a'",
        ),
        ("parent\tid\n\ta\na\tb\na\tb\n", r"line 4: .*'b' appears twice \(first in line 3\)"),
        ("parent\tid\n\ta\n\nx\tb\n", r"line 4: .*'b' names the parent 'x'"),
        ("parent\tid\na\tb\nb\ta\n", "cycle"),
        ("a\tb\nc\tb\n", r"line 2: .*'b' has a second parent 'c' besides 'a'"),
        ("a\tb\nb\tc\nc\tc\n", r"line 3: 'c' is its own parent"),
        ("a\tb\nb\ta\n", "cycle"),
    ],
)
def test_edges_that_make_no_forest_name_file_and_line(
    tmp_path: Path, text: str, problem: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(TaxonomyError, match=problem) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.tsv: cannot be read: No such file"):
        read(tmp_path / "nothing.tsv")


def test_folder_is_no_taxonomy_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("between", ["\t", ","])
def test_every_kind_of_line_end_ends_lines(tmp_path: Path, end: str, between: str) -> None:
    rows = (("parent", "id", "name"), ("", "sea", "Sea"), (), ("sea", "fish", "Fish"))
    path = written(tmp_path, end.join(between.join(row) for row in rows))
    assert shape(read(path)) == [("sea", None, "Sea"), ("fish", "sea", "Fish")]


def test_quoted_cell_may_span_lines_and_errors_still_name_the_line(tmp_path: Path) -> None:
    text = 'parent,id,name\n,sea,"Sea\nand lake"\nsea,fish,Fish\n'
    assert read(written(tmp_path, text))["sea"].name == "Sea\nand lake"
    with pytest.raises(InputError, match="line 5: the column id is empty"):
        read(written(tmp_path, text + "sea,,Crabs\n"))


def test_cell_too_long_for_a_table_is_refused_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, "parent,id\n,sea\nsea," + "x" * 200_000 + "\n")
    # How long a cell may be is a setting of the whole process; what is shorter is no id.
    with pytest.raises(HTransError, match=r"line 3: .*(larger|longer than 1,000 characters)"):
        read(path)


def test_parents_that_are_nobodys_child_come_after_stated_top_levels(tmp_path: Path) -> None:
    path = written(tmp_path, "sky\tbirds\n\tsea\nsea\tfish\n")
    assert read(path).roots == ("sea", "sky")
