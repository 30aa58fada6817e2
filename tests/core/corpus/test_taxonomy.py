"""The forest of categories: its order, its levels, and what is no forest."""

from __future__ import annotations

import itertools
import random
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.corpus import taxonomy as limits
from core.corpus.taxonomy import Category, Edge, Taxonomy
from core.errors import NotFoundError, TaxonomyError

DEPTH = 1_000


def forest(*pairs: tuple[str, str | None]) -> Taxonomy:
    """A taxonomy of (id, parent) pairs; line numbers count from 1."""
    return Taxonomy(
        [Edge(id_, parent, id_.upper(), line) for line, (id_, parent) in enumerate(pairs, start=1)],
        "kinds.tsv",
    )


ANIMALS = (
    ("puppies", "dogs"),
    ("animals", None),
    ("dogs", "animals"),
    ("cats", "animals"),
    ("food", None),
    ("bread", "food"),
)


@st.composite
def forests(draw: st.DrawFn) -> dict[str, str | None]:
    """Parents by id, in an order of the file that has nothing to do with the forest."""
    size = draw(st.integers(1, 20))
    parents: dict[str, str | None] = {}
    for i in range(size):
        above = draw(st.integers(-1, i - 1))
        parents[f"c{i}"] = None if above < 0 else f"c{above}"
    order = draw(st.permutations(sorted(parents)))
    return {id_: parents[id_] for id_ in order}


def test_order_is_depth_first_with_siblings_as_in_the_file() -> None:
    assert [category.id for category in forest(*ANIMALS)] == [
        "animals",
        "dogs",
        "puppies",
        "cats",
        "food",
        "bread",
    ]


def test_category_carries_name_parent_and_level() -> None:
    taxonomy = forest(*ANIMALS)
    assert taxonomy["animals"] == Category("animals", "ANIMALS", None, 1)
    assert taxonomy["puppies"] == Category("puppies", "PUPPIES", "dogs", 3)
    assert len(taxonomy) == 6
    assert taxonomy.levels == 3
    assert taxonomy.roots == ("animals", "food")


def test_children_and_ancestors_are_in_order() -> None:
    taxonomy = forest(*ANIMALS)
    assert taxonomy.children("animals") == ("dogs", "cats")
    assert taxonomy.children("puppies") == ()
    assert taxonomy.ancestors("puppies") == ("dogs", "animals")
    assert taxonomy.ancestors("food") == ()


def test_subtree_starts_with_its_category_and_keeps_training_order() -> None:
    taxonomy = forest(*ANIMALS)
    assert taxonomy.subtree("animals") == ("animals", "dogs", "puppies", "cats")
    assert taxonomy.subtree("bread") == ("bread",)


def test_closure_adds_all_ancestors_and_nothing_else() -> None:
    taxonomy = forest(*ANIMALS)
    assert taxonomy.ancestor_closure(["puppies", "bread"]) == {
        "puppies",
        "dogs",
        "animals",
        "bread",
        "food",
    }
    assert taxonomy.ancestor_closure(["animals"]) == {"animals"}
    assert taxonomy.ancestor_closure([]) == frozenset()


def test_heights_count_the_levels_below() -> None:
    assert forest(*ANIMALS).heights == {
        "animals": 2,
        "dogs": 1,
        "puppies": 0,
        "cats": 0,
        "food": 1,
        "bread": 0,
    }


def test_part_with_ancestors_keeps_order_names_and_parents() -> None:
    part = forest(*ANIMALS).with_ancestors(["cats", "puppies"])
    assert [category.id for category in part] == ["animals", "dogs", "puppies", "cats"]
    assert part["puppies"] == Category("puppies", "PUPPIES", "dogs", 3)
    assert "food" not in part
    assert part.source == "kinds.tsv"


def test_part_without_categories_is_without_all_below_them() -> None:
    taxonomy = forest(*ANIMALS)
    part = taxonomy.without(["dogs", "puppies", "bread"])
    assert [category.id for category in part] == ["animals", "cats", "food"]
    assert part["cats"] == taxonomy["cats"]
    assert part.source == "kinds.tsv"
    assert [category.id for category in taxonomy.without([])] == [c.id for c in taxonomy]
    assert len(taxonomy.without(taxonomy.roots)) == 0
    with pytest.raises(NotFoundError, match="'Dogs'"):
        taxonomy.without(["Dogs"])


def test_empty_taxonomy_has_no_levels() -> None:
    taxonomy = Taxonomy([])
    assert len(taxonomy) == 0
    assert taxonomy.levels == 0
    assert taxonomy.roots == ()


def test_unknown_category_is_named_with_the_source() -> None:
    taxonomy = forest(*ANIMALS)
    for look_up in (taxonomy.__getitem__, taxonomy.ancestors, taxonomy.subtree):
        with pytest.raises(NotFoundError, match=r"'Dogs' in kinds\.tsv"):
            look_up("Dogs")
    with pytest.raises(NotFoundError, match="'Dogs'"):
        taxonomy.ancestor_closure(["cats", "Dogs"])


def test_cycle_is_shown_link_by_link() -> None:
    with pytest.raises(TaxonomyError, match=r"kinds\.tsv: .*cycle: b > c > d > b "):
        forest(("a", None), ("e", "b"), ("b", "c"), ("c", "d"), ("d", "b"))


def test_category_that_is_its_own_parent_is_a_cycle() -> None:
    with pytest.raises(TaxonomyError, match="cycle: a > a "):
        forest(("a", "a"))


def test_second_parent_names_both_parents_and_lines() -> None:
    with pytest.raises(TaxonomyError) as caught:
        forest(("a", None), ("b", None), ("c", "a"), ("c", "b"))
    message = str(caught.value)
    assert message.startswith("kinds.tsv, line 4:")
    assert "'c' has a second parent 'b' besides 'a' (first in line 3)" in message


def test_second_parent_names_its_remedy_and_may_be_the_top_level() -> None:
    with pytest.raises(TaxonomyError, match=r"remove one of them, or use --multiple-parents first"):
        forest(("a", None), ("b", None), ("c", "a"), ("c", "b"))
    with pytest.raises(TaxonomyError, match=r"second parent the top level besides 'a'"):
        forest(("a", None), ("c", "a"), ("c", None))


def test_first_stated_parents_count_where_that_is_asked_for() -> None:
    pairs = (("a", None), ("b", None), ("c", "a"), ("c", "b"), ("a", "c"), ("c", "b"), ("c", "z"))
    taxonomy = Taxonomy((Edge(id_, parent, "") for id_, parent in pairs), first_parents=True)
    assert [(c.id, c.parent) for c in taxonomy] == [("a", None), ("c", "a"), ("b", None)]
    assert taxonomy.second_parents == (("c", "b"), ("a", "c"), ("c", "z"))
    with pytest.raises(TaxonomyError, match="'c' appears twice"):
        Taxonomy(
            (Edge(id_, parent, "") for id_, parent in (*pairs, ("c", "a"))), first_parents=True
        )
    assert forest(*ANIMALS).second_parents == ()


def test_missing_parent_is_named_with_line() -> None:
    with pytest.raises(TaxonomyError, match=r"line 2: category 'b' names the parent 'nowhere'"):
        forest(("a", None), ("b", "nowhere"))


def test_duplicate_names_both_lines() -> None:
    with pytest.raises(TaxonomyError, match=r"line 3: category 'b' appears twice .*line 2"):
        forest(("a", None), ("b", "a"), ("b", "a"))


def test_category_without_id_is_refused() -> None:
    with pytest.raises(TaxonomyError, match=r"line 2: a category without an id"):
        forest(("a", None), ("", "a"))


def test_id_of_more_than_a_thousand_characters_is_refused() -> None:
    assert len(forest(("x" * 1000, None))) == 1
    for pair in (("x" * 1001, None), ("a", "x" * 1001)):
        with pytest.raises(TaxonomyError, match=r"line 1: the id that begins with 'x+' is longer"):
            forest(pair)


def test_more_than_a_thousand_levels_are_refused() -> None:
    with pytest.raises(TaxonomyError, match=r"line 1001: category 'c1000' is on level 1,001, "):
        forest(*((f"c{i}", f"c{i - 1}" if i else None) for i in range(1001)))


def test_too_many_categories_are_refused_before_all_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert limits.MAX_CATEGORIES == 1_000_000
    monkeypatch.setattr(limits, "MAX_CATEGORIES", 100)
    assert len(forest(*((f"c{i}", None) for i in range(100)))) == 100
    with pytest.raises(TaxonomyError, match=r"line 101: more than 100 categories"):
        forest(*((f"c{i}", None) for i in range(101)))
    endless = (Edge("c", f"p{i}", "C", i) for i in itertools.count(1))
    with pytest.raises(TaxonomyError, match=r"line 102: more than 100 categories"):
        Taxonomy(endless, first_parents=True)


def test_closures_of_a_deep_taxonomy_cost_little() -> None:
    taxonomy = forest(*((f"c{i}", f"c{i - 1}" if i else None) for i in range(DEPTH)))
    tracemalloc.start()
    try:
        for i in range(DEPTH):
            taxonomy.ancestor_closure([f"c{i}"])
        every = taxonomy.ancestor_closure(f"c{i}" for i in reversed(range(DEPTH)))
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    assert len(every) == DEPTH


def test_deep_chain_does_not_recurse() -> None:
    leaf = f"c{DEPTH - 1}"
    pairs = [(f"c{i}", f"c{i - 1}" if i else None) for i in range(DEPTH)]
    random.Random(1).shuffle(pairs)
    taxonomy = forest(*pairs)
    assert taxonomy.levels == DEPTH
    assert taxonomy.heights["c0"] == DEPTH - 1
    assert taxonomy.ancestors(leaf) == tuple(f"c{i}" for i in reversed(range(DEPTH - 1)))
    assert taxonomy.subtree("c0") == tuple(f"c{i}" for i in range(DEPTH))
    assert len(taxonomy.ancestor_closure([leaf])) == DEPTH
    assert taxonomy.with_ancestors([leaf]).levels == DEPTH


def test_deep_cycle_does_not_recurse_and_is_found_in_time() -> None:
    size = 30_000
    started = time.process_time()
    forest(*((f"c{i}", None) for i in range(size)))
    for_comparison = time.process_time() - started
    started = time.process_time()
    with pytest.raises(TaxonomyError, match=r"cycle: c0 > .*…"):
        forest(*((f"c{i}", f"c{(i - 1) % size}") for i in range(size)))
    assert time.process_time() - started < 5 * for_comparison + 1


@settings(max_examples=50, deadline=None)
@given(forests())
def test_every_forest_is_ordered_closed_and_measured_rightly(
    parents: dict[str, str | None],
) -> None:
    taxonomy = Taxonomy(Edge(id_, parent, id_) for id_, parent in parents.items())
    order = [category.id for category in taxonomy]
    assert sorted(order) == sorted(parents)
    for category in taxonomy:
        above: list[str] = []
        parent = parents[category.id]
        while parent is not None:
            above.append(parent)
            parent = parents[parent]
        assert taxonomy.ancestors(category.id) == tuple(above)
        assert category.level == len(above) + 1
        assert all(order.index(id_) < order.index(category.id) for id_ in above)
        below = {id_ for id_ in order if category.id in taxonomy.ancestor_closure([id_])}
        assert set(taxonomy.subtree(category.id)) == below
        deepest = max(taxonomy[id_].level for id_ in below)
        assert taxonomy.heights[category.id] == deepest - category.level
