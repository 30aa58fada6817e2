"""Labels that are paths make their own taxonomy."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.corpus.taxonomy import Taxonomy
from core.formats.taxonomy.paths import SEPARATORS, infer
from tests.support.examples import examples


def shape(taxonomy: Taxonomy) -> list[tuple[str, str | None, str]]:
    return [(category.id, category.parent, category.name) for category in taxonomy]


@pytest.mark.parametrize("separator", ["--", " > ", "/"])
def test_each_separator_makes_levels(separator: str) -> None:
    ids = [separator.join(parts) for parts in (["sea"], ["sea", "fish"], ["sea", "fish", "cod"])]
    assert shape(infer([ids[2]])) == [
        (ids[0], None, "sea"),
        (ids[1], ids[0], "fish"),
        (ids[2], ids[1], "cod"),
    ]


def test_labels_share_the_categories_above_them() -> None:
    taxonomy = infer(["sea/fish", "sky/birds", "sea/crabs", "sea", "sea/fish"])
    assert shape(taxonomy) == [
        ("sea", None, "sea"),
        ("sea/fish", "sea", "fish"),
        ("sea/crabs", "sea", "crabs"),
        ("sky", None, "sky"),
        ("sky/birds", "sky", "birds"),
    ]


def test_same_last_part_on_two_paths_is_two_categories() -> None:
    taxonomy = infer(["sea/other", "sky/other"])
    assert taxonomy["sea/other"].parent == "sea"
    assert taxonomy["sky/other"].parent == "sky"


def test_labels_without_separator_are_all_at_the_top() -> None:
    assert shape(infer(["sea", "deep sky", "sea-side"])) == [
        ("sea", None, "sea"),
        ("deep sky", None, "deep sky"),
        ("sea-side", None, "sea-side"),
    ]


def test_double_hyphen_wins_over_slash() -> None:
    taxonomy = infer(["input/output", "computers--input/output"])
    assert shape(taxonomy) == [
        ("input/output", None, "input/output"),
        ("computers", None, "computers"),
        ("computers--input/output", "computers", "input/output"),
    ]


def test_empty_part_in_the_middle_belongs_to_its_neighbour() -> None:
    assert shape(infer(["A//B/C"])) == [
        ("A", None, "A"),
        ("A//B", "A", "/B"),
        ("A//B/C", "A//B", "C"),
    ]


def test_leading_separator_belongs_to_the_first_part() -> None:
    assert shape(infer(["/A/B"])) == [("/A", None, "/A"), ("/A/B", "/A", "B")]


def test_trailing_separator_makes_no_category_without_a_name() -> None:
    taxonomy = infer(["A/", "B/C"])
    assert "A/" in taxonomy
    assert all(category.name for category in taxonomy)


def test_no_labels_make_an_empty_taxonomy() -> None:
    assert len(infer([])) == 0


_PIECES = ["A", "B", " ", "-", *SEPARATORS]


@settings(max_examples=examples(200), deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(_PIECES), min_size=1, max_size=6).map("".join), max_size=6)
)
def test_every_label_is_a_category_below_prefixes_of_itself(labels: list[str]) -> None:
    taxonomy = infer(labels)
    assert all(label in taxonomy for label in labels)
    for category in taxonomy:
        assert any(label.startswith(category.id) for label in labels)
        if category.parent is not None:
            assert category.id.startswith(category.parent)
            rest = category.id.removeprefix(category.parent)
            names = [rest.removeprefix(s) or category.id for s in SEPARATORS if rest.startswith(s)]
            assert category.name in names
