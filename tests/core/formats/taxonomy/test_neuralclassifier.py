"""Taxonomies of NeuralClassifier and HiAGM."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.corpus.taxonomy import Taxonomy
from core.errors import InputError, TaxonomyError
from core.formats.taxonomy import read_taxonomy
from tests.core.formats.taxonomy.files import NEURALCLASSIFIER, shape, written


def read(folder: Path, content: str) -> Taxonomy:
    return read_taxonomy(written(folder, content, "kinds.taxonomy"), "neuralclassifier").taxonomy


KINDS = [
    ("animals", None, "animals"),
    ("dogs", "animals", "dogs"),
    ("cats", "animals", "cats"),
    ("food", None, "food"),
    ("bread", "food", "bread"),
]


def test_children_of_root_are_the_top_level_and_root_is_no_category(tmp_path: Path) -> None:
    assert shape(read(tmp_path, NEURALCLASSIFIER)) == KINDS


@pytest.mark.parametrize("root", ["Root", "ROOT", "root"])
def test_blanks_separate_where_the_first_line_has_no_tab(tmp_path: Path, root: str) -> None:
    text = f"{root} animals food\nanimals dogs  cats \nfood bread\n"
    assert shape(read(tmp_path, text)) == KINDS


def test_categories_may_have_blanks_where_tabs_separate(tmp_path: Path) -> None:
    taxonomy = read(tmp_path, "Root\tdeep sea\ndeep sea\tblind fish\n")
    assert taxonomy["blind fish"].parent == "deep sea"


def test_root_may_have_several_lines_and_lines_may_be_blank(tmp_path: Path) -> None:
    text = "\nRoot\tanimals\n\nanimals\tdogs\tcats\t\nRoot\tfood\nfood\tbread\n"
    assert shape(read(tmp_path, text)) == KINDS


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("sea\tfish\n", r"line 1: begins with 'sea' instead of 'Root'"),
        ("Root\tsea\nsea\n", r"line 2: a line is a parent and its children"),
        ("Root\tsea\n\tfish\n", r"line 2: a line is a parent and its children"),
        ("Root\tsea\nsea\t\tfish\n", r"line 2: a line is a parent and its children"),
        ("Root\tsea\nsea\tRoot\n", r"line 2: 'Root' stands above all categories"),
        ("\n", r"kinds\.taxonomy: holds no category"),
    ],
)
def test_line_of_another_shape_is_named(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Root\tsea\nsky\tbirds\n", r"line 2: .*'birds' names the parent 'sky'"),
        ("Root\tsea\nsea\tfish\tfish\n", r"line 2: .*'fish' appears twice \(first in line 2\)"),
        ("Root\tsea\tsky\nsea\tx\nsky\tx\n", r"line 3: .*'x' has a second parent 'sky'"),
        ("Root\tsea\na\tb\nb\ta\n", r"cycle: b > a > b"),
    ],
)
def test_lines_that_make_no_forest_are_named(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(TaxonomyError, match=problem):
        read(tmp_path, text)
