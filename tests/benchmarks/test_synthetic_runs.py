"""Made-up forests, and the seconds of their trials."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from schedule_bounds import critical_path, total_work
from synthetic_runs import (
    LARGEST_SHARE,
    RCV1_LEVELS,
    CorpusOutline,
    level_sizes,
    long_tail,
    made_up_taxonomy,
    planned_work,
)

from core.corpus.taxonomy import Taxonomy
from core.planning.costs import CostModel
from core.settings import TrainingSettings, settings_for
from tests.support.builders import taxonomy

BATCHES = CostModel(batch=1.0, trained_word=0.0, validated_word=0.0, trained_row=0.0)
ROWS = CostModel(batch=0.0, trained_word=0.0, validated_word=0.0, trained_row=1.0)
WORDS = CostModel(batch=0.0, trained_word=1.0, validated_word=0.0, trained_row=0.0)
CHAIN = taxonomy({"top": None, "middle": "top", "leaf": "middle"})
CORPUS = CorpusOutline(documents=1000, words=10.0, distinct=50)
SETTINGS = TrainingSettings(class_weights=(1.0, 2.0), epochs=3)
EPOCH_BATCHES = 7
"""Batches of 128 in the 850 of 1,000 documents that do not validate."""


def by_level(made: Taxonomy) -> tuple[int, ...]:
    counted = Counter(category.level for category in made)
    return tuple(counted[level] for level in sorted(counted))


def positives(number: int = 100) -> dict[str, int]:
    return {category.id: number for category in CHAIN}


def test_rcv1_has_103_topics_on_four_levels() -> None:
    made = made_up_taxonomy(RCV1_LEVELS, seed=0)
    assert len(made) == 103
    assert by_level(made) == RCV1_LEVELS


def test_levels_grow_by_the_branching_factor() -> None:
    assert level_sizes(1000, 5, 4) == (7, 33, 161, 799)
    assert level_sizes(7, 2, 1) == (7,)


@given(st.integers(1, 3000), st.floats(1.0, 50.0), st.integers(1, 12))
def test_levels_hold_all_categories(categories: int, branching: float, depth: int) -> None:
    if depth > categories:
        with pytest.raises(ValueError, match="have no"):
            level_sizes(categories, branching, depth)
        return
    sizes = level_sizes(categories, branching, depth)
    assert sum(sizes) == categories
    assert len(sizes) == depth
    assert min(sizes) >= 1


def test_levels_that_become_smaller_are_refused() -> None:
    with pytest.raises(ValueError, match="have no"):
        level_sizes(10, 0.5, 2)


def test_a_made_up_taxonomy_depends_on_its_seed_only() -> None:
    one, same, other = (made_up_taxonomy((3, 9, 27), seed) for seed in (1, 1, 2))
    assert list(one) == list(same)
    assert list(one) != list(other)


@given(st.integers(0, 20), st.integers(1, 10_000))
def test_no_child_has_more_positives_than_its_parent(seed: int, documents: int) -> None:
    made = made_up_taxonomy((2, 10, 30), seed)
    found = long_tail(made, documents)
    assert max(found.values()) == max(round(documents * LARGEST_SHARE), 1)
    assert min(found.values()) >= 1
    assert all(found[c.id] <= found[c.parent] for c in made if c.parent is not None)


def test_a_trial_takes_its_epochs_and_a_category_its_class_weights() -> None:
    forest = planned_work(CHAIN, positives(), CORPUS, SETTINGS, model=BATCHES)
    seconds = 3.0 * EPOCH_BATCHES
    assert [work.parent for work in forest] == [None, 0, 1]
    assert all(work.rounds == ((seconds, seconds),) for work in forest)
    assert total_work(forest) == 6 * seconds
    assert critical_path(forest) == 3 * seconds


def test_a_race_takes_its_rounds() -> None:
    fast = settings_for("fast", {"negatives": 0})
    (top, *_) = planned_work(CHAIN, positives(), CORPUS, fast, model=BATCHES)
    assert top.rounds == (
        (4.0 * EPOCH_BATCHES,) * 3,
        (2.0 * EPOCH_BATCHES,) * 2,
        (4.0 * EPOCH_BATCHES,),
    )


def test_embeddings_are_trained_at_the_top_unless_nothing_is_frozen() -> None:
    costs = [
        [
            work.rounds[0][0]
            for work in planned_work(CHAIN, positives(), CORPUS, settings, model=ROWS)
        ]
        for settings in (SETTINGS, TrainingSettings(epochs=3, freeze=False))
    ]
    rows = 3.0 * EPOCH_BATCHES * CORPUS.distinct
    assert costs == [[rows, 0.0, 0.0], [rows, rows, rows]]


def test_sampling_negatives_takes_time_by_the_positives() -> None:
    settings = TrainingSettings(epochs=1, negatives=2)
    found = planned_work(
        CHAIN, {"top": 300, "middle": 200, "leaf": 1}, CORPUS, settings, model=WORDS
    )
    smallest_batches = 16 * EPOCH_BATCHES
    assert [work.rounds[0][0] / CORPUS.words for work in found] == [
        255 * 3,
        170 * 3,
        smallest_batches,
    ]


def test_faster_slots_take_less() -> None:
    slow = planned_work(CHAIN, positives(), CORPUS, SETTINGS)
    quick = planned_work(CHAIN, positives(), CORPUS, SETTINGS, speedup=4.0)
    assert total_work(quick) == pytest.approx(total_work(slow) / 4)
