"""The hierarchy of RCV1's topics."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.corpus.taxonomy import Taxonomy
from core.errors import InputError, TaxonomyError
from core.formats.taxonomy import read_taxonomy
from tests.core.formats.taxonomy.files import ANIMALS, RCV1_HIER, shape, written


def read(folder: Path, content: str) -> Taxonomy:
    return read_taxonomy(written(folder, content, "kinds.hier"), "rcv1-hier").taxonomy


def test_descriptions_are_names_and_root_is_no_category(tmp_path: Path) -> None:
    assert shape(read(tmp_path, RCV1_HIER)) == ANIMALS


def test_first_line_about_root_may_be_missing(tmp_path: Path) -> None:
    assert shape(read(tmp_path, RCV1_HIER.partition("\n")[2])) == ANIMALS


def test_fields_are_separated_by_any_run_of_blanks(tmp_path: Path) -> None:
    text = "parent:Root child: A child-description: x\n".replace("parent:", "parent:\t")
    text += "  parent:  A\t child:\tB   child-description:   FISH, CRABS / SHELLS  \r\n"
    assert shape(read(tmp_path, text)) == [("A", None, "x"), ("B", "A", "FISH, CRABS / SHELLS")]


def test_category_without_description_is_named_by_its_id(tmp_path: Path) -> None:
    assert read(tmp_path, "parent: Root child: A child-description:\n")["A"].name == "A"


@pytest.mark.parametrize(
    "line",
    [
        "parent: Root child: A",
        "parent: child: A child-description: a",
        "parent: Root child: child-description: a",
        "child: A parent: Root child-description: a",
        "x parent: Root child: A child-description: a",
        "A\tRoot",
    ],
)
def test_line_of_another_shape_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(InputError, match=r"kinds\.hier, line 7: is not of the shape 'parent: A"):
        read(tmp_path, RCV1_HIER + line + "\n")


def test_root_below_a_category_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"line 7: 'Root' stands above all categories"):
        read(tmp_path, RCV1_HIER + "parent: food child: Root child-description: Root\n")


def test_lines_that_make_no_forest_are_named(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match=r"line 7: .*'dogs' has a second parent 'food' besides"):
        read(tmp_path, RCV1_HIER + "parent: food child: dogs child-description: Hot dogs\n")
    with pytest.raises(TaxonomyError, match=r"line 7: .*'ships' names the parent 'sea'"):
        read(tmp_path, RCV1_HIER + "parent: sea child: ships child-description: Ships\n")
