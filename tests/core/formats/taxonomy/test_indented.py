"""Taxonomies as outlines."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.corpus.taxonomy import Taxonomy
from core.errors import InputError, TaxonomyError
from core.formats.taxonomy import read_taxonomy
from tests.core.formats.taxonomy.files import ANIMALS, INDENTED, shape, written


def read(folder: Path, content: str) -> Taxonomy:
    return read_taxonomy(written(folder, content, "outline.txt"), "indented").taxonomy


@pytest.mark.parametrize("indent", ["\t", "\t\t", " ", "  ", "    "])
def test_depth_is_the_indentation_in_tabs_or_spaces(tmp_path: Path, indent: str) -> None:
    text = INDENTED.replace("\n\t", f"\n{indent}")
    assert shape(read(tmp_path, text)) == ANIMALS


def test_line_without_a_tab_is_id_and_name(tmp_path: Path) -> None:
    assert shape(read(tmp_path, "Deep sea, dark\n  Blind fish\n")) == [
        ("Deep sea, dark", None, "Deep sea, dark"),
        ("Blind fish", "Deep sea, dark", "Blind fish"),
    ]


def test_levels_may_be_indented_by_different_widths(tmp_path: Path) -> None:
    text = "a\n    b\n      c\n    d\ne\n  f\n"
    assert [(id_, parent) for id_, parent, _ in shape(read(tmp_path, text))] == [
        ("a", None),
        ("b", "a"),
        ("c", "b"),
        ("d", "a"),
        ("e", None),
        ("f", "e"),
    ]


def test_blank_lines_and_blanks_at_the_end_count_for_nothing(tmp_path: Path) -> None:
    text = "\n \t\n" + INDENTED.replace("\n", " \n\n  \n")
    assert shape(read(tmp_path, text)) == ANIMALS


def test_list_without_indentation_is_all_at_the_top(tmp_path: Path) -> None:
    assert read(tmp_path, "sea\nsky\n").roots == ("sea", "sky")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("  a\nb\n", "line 1: the first category is indented"),
        ("a\n    b\n  c\n", "line 3: indented by 2, as no line above it is"),
        ("a\n  b\n    c\n   d\n", "line 4: indented by 3, as no line above it is"),
        ("a\n\tb\n  c\n", "line 3: tabs and spaces are mixed"),
        ("a\n  b\n\tc\n", "line 3: tabs and spaces are mixed"),
        ("a\n \tb\n", "line 2: tabs and spaces are mixed"),
        ("a\n\u00a0b\n", "line 2: indented by a character that is neither tab nor space"),
        ("a\tb\tc\n", "line 1: 3 columns; a line is an id"),
        ("a\n\n\tb\t\tc\n", "line 3: 3 columns; a line is an id"),
    ],
)
def test_line_of_another_shape_is_named(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InputError, match=rf"outline\.txt, {problem}"):
        read(tmp_path, text)


def test_same_id_below_two_categories_is_a_second_parent(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match=r"line 4: .*'other' has a second parent 'b' besides"):
        read(tmp_path, "a\n\tother\nb\n\tother\n")
    with pytest.raises(TaxonomyError, match=r"line 3: .*'b' appears twice \(first in line 2\)"):
        read(tmp_path, "a\n\tb\n\tb\n")
