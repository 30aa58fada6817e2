"""Examples of one category: the validation split and the batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.corpus.examples import Examples, Rows, shared_validation_split, validation_split
from core.text.token_arrays import TokenArrays
from core.text.vocabulary import PADDING


def examples(positives: int, negatives: int) -> Examples:
    """Documents of 1 to 7 words; those with odd places in the corpus are not among them."""
    total = positives + negatives
    targets = np.zeros(total, dtype=np.bool_)
    targets[np.random.default_rng(total).permutation(total)[:positives]] = True
    tokens = TokenArrays.of([list(range(2, 3 + i % 7)) for i in range(2 * total)])
    return Examples(tokens, np.arange(total, dtype=np.int64) * 2, targets, max_words=5)


def places(*numbers: int) -> Rows:
    return np.asarray(numbers, dtype=np.int64)


def validation_rows(all_: Examples, fraction: float, seed: int, category: str) -> list[int]:
    rows: list[int] = validation_split(all_, fraction, seed, category)[1].rows.tolist()
    return rows


def test_split_is_stratified_by_target() -> None:
    training, validation = validation_split(examples(100, 900), 0.15, 0, "sea")
    assert (validation.positives, len(validation)) == (15, 150)
    assert (training.positives, len(training)) == (85, 850)


def test_two_positives_go_one_to_each_side() -> None:
    for seed in range(10):
        training, validation = validation_split(examples(2, 40), 0.15, seed, "sea")
        assert (training.positives, validation.positives) == (1, 1)


def test_single_positive_trains() -> None:
    for fraction in (0.15, 0.9):
        training, validation = validation_split(examples(1, 40), fraction, 3, "sea")
        assert (training.positives, validation.positives) == (1, 0)


def test_large_fraction_leaves_something_to_train_on() -> None:
    training, validation = validation_split(examples(3, 3), 0.99, 0, "sea")
    assert (training.positives, len(training)) == (1, 2)
    assert (validation.positives, len(validation)) == (2, 4)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 30), st.integers(0, 60), st.floats(0.01, 0.99), st.integers(0, 5))
def test_sides_are_disjoint_complete_and_keep_their_targets(
    positives: int, negatives: int, fraction: float, seed: int
) -> None:
    whole = examples(positives, negatives)
    training, validation = validation_split(whole, fraction, seed, "sea")
    target = dict(zip(whole.rows.tolist(), whole.targets.tolist(), strict=True))
    assert sorted([*training.rows.tolist(), *validation.rows.tolist()]) == whole.rows.tolist()
    for side in (training, validation):
        assert side.targets.tolist() == [target[row] for row in side.rows.tolist()]
        assert side.max_words == whole.max_words
    for number, of_kind in (
        (positives, validation.positives),
        (negatives, len(validation) - validation.positives),
    ):
        if number >= 2:
            assert 1 <= of_kind <= number - 1
            assert abs(of_kind - fraction * number) <= 1
        else:
            assert of_kind == 0


def test_split_depends_only_on_seed_and_category() -> None:
    whole = examples(20, 200)
    torch.manual_seed(1)
    first = validation_rows(whole, 0.15, 4, "sea")
    torch.manual_seed(2)
    torch.rand(100)
    assert validation_rows(examples(20, 200), 0.15, 4, "sea") == first
    assert validation_rows(whole, 0.15, 4, "sky") != first
    assert validation_rows(whole, 0.15, 5, "sea") != first


def test_drawing_a_split_draws_nothing_from_the_global_generator() -> None:
    torch.manual_seed(3)
    expected = torch.rand(5)
    torch.manual_seed(3)
    validation_split(examples(20, 200), 0.15, 4, "sea")
    assert torch.equal(torch.rand(5), expected)


def test_larger_fraction_keeps_the_validation_documents_of_a_smaller_one() -> None:
    whole = examples(20, 200)
    small = set(validation_rows(whole, 0.1, 4, "sea"))
    large = set(validation_rows(whole, 0.3, 4, "sea"))
    assert small < large


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_batches_by_length_cover_all_from_short_to_long(batch_size: int) -> None:
    whole = examples(5, 45)
    batches = list(whole.by_length(batch_size))
    order = np.concatenate(batches)
    lengths = whole.tokens.lengths(whole.rows[order], whole.max_words)
    assert sorted(order.tolist()) == list(range(50))
    assert [len(batch) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)
    assert len(batches[-1]) <= batch_size
    assert (np.diff(lengths) >= 0).all()
    assert lengths.max() == 5


def test_no_examples_make_no_batches() -> None:
    assert list(examples(0, 0).by_length(8)) == []


def test_batch_holds_padded_tokens_lengths_and_targets() -> None:
    tokens = TokenArrays.of([[9], [2, 3, 4], [5], [6, 7]])
    whole = Examples(tokens, places(1, 2, 3), np.array([True, False, True]), max_words=2)
    batch = whole.batch(places(2, 1), torch.device("cpu"))
    assert batch.tokens.tolist() == [[6, 7], [5, PADDING]]
    assert batch.lengths.tolist() == [2, 1]
    assert batch.targets.tolist() == [1.0, 0.0]
    assert batch.targets.dtype == torch.float32
    assert batch.tokens.dtype == torch.int64


def test_selection_points_into_the_same_tokens() -> None:
    whole = examples(5, 45)
    part = whole.select(places(3, 0))
    assert part.rows.tolist() == [6, 0]
    assert part.targets.tolist() == [whole.targets[3], whole.targets[0]]
    assert part.tokens is whole.tokens
    assert len(part) == 2


def shared(number: int, seed: int = 0) -> Examples:
    """Documents of three categories: a common one, a rare one, one with two documents."""
    draw = np.random.default_rng(seed)
    targets = np.zeros((number, 3), dtype=np.bool_)
    targets[:, 0] = draw.random(number) < 0.5
    targets[draw.permutation(number)[: number // 20], 1] = True
    targets[draw.permutation(number)[:2], 2] = True
    return Examples(TokenArrays.of([[2]] * number), np.arange(number), targets, max_words=5)


@pytest.mark.parametrize("seed", range(8))
def test_shared_split_puts_each_document_on_one_side_and_rare_categories_on_both(
    seed: int,
) -> None:
    whole = shared(200, seed)
    training, validation = shared_validation_split(whole, 0.15, seed)
    assert sorted([*training.rows.tolist(), *validation.rows.tolist()]) == list(range(200))
    assert 25 <= len(validation) <= 35
    for column in range(3):
        for part in (training, validation):
            assert part.targets[:, column].any(), column
    np.testing.assert_array_equal(training.targets, whole.targets[training.rows])


def test_shared_split_depends_on_the_seed_alone() -> None:
    whole = shared(200)
    first = shared_validation_split(whole, 0.15, 4)[1].rows.tolist()
    torch.rand(3)
    assert shared_validation_split(shared(200), 0.15, 4)[1].rows.tolist() == first
    assert shared_validation_split(whole, 0.15, 5)[1].rows.tolist() != first


def test_shared_split_of_documents_without_labels() -> None:
    whole = shared(40)
    bare = Examples(whole.tokens, whole.rows, np.zeros((40, 2), dtype=np.bool_), max_words=5)
    training, validation = shared_validation_split(bare, 0.25, 1)
    assert (len(training), len(validation)) == (30, 10)
