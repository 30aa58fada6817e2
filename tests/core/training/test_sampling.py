"""Which documents an epoch trains on, and what their losses count."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as thorough
from hypothesis import strategies as st

from core.corpus.examples import Examples, Rows
from core.settings import MIN_BATCH, TrainingSettings
from core.text.token_arrays import TokenArrays
from core.training.sampling import Sampling

EPOCH = ("sea", 3.0, 1)
"""What the draws of an epoch depend on: category, class weight, epoch."""


def examples(positives: int, negatives: int) -> Examples:
    """The positives stand at places that have nothing to do with their number."""
    number = positives + negatives
    targets = np.zeros(number, dtype=np.bool_)
    targets[np.random.default_rng(number).permutation(number)[:positives]] = True
    tokens = TokenArrays.of([[2]] * number)
    return Examples(tokens, np.arange(number, dtype=np.int64), targets, max_words=5)


def sampling(
    positives: int, negatives: int, *, ratio: int = 0, batch_size: int = 64
) -> tuple[Sampling, Examples]:
    whole = examples(positives, negatives)
    settings = TrainingSettings(negatives=ratio, batch_size=batch_size)
    return Sampling.of(whole, settings), whole


def places(batches: list[Rows]) -> list[int]:
    return [int(place) for batch in batches for place in batch]


def test_without_sampling_an_epoch_is_a_permutation_of_all_documents() -> None:
    subject, whole = sampling(20, 130)
    batches = subject.epoch(0, *EPOCH)
    assert [len(batch) for batch in batches] == [64, 64, 22]
    assert sorted(places(batches)) == list(range(len(whole)))
    assert places(batches) != sorted(places(batches))
    assert (subject.documents, subject.batches, subject.factors) == (150, 3, (1.0, 1.0))


@pytest.mark.parametrize("ratio", [1, 2, 5])
def test_an_epoch_has_all_positives_and_so_many_negatives_for_each(ratio: int) -> None:
    subject, whole = sampling(100, 1500, ratio=ratio)
    drawn = places(subject.epoch(0, *EPOCH))
    assert len(set(drawn)) == len(drawn) == subject.documents
    of_positives = sorted(place for place in drawn if whole.targets[place])
    assert of_positives == np.flatnonzero(whole.targets).tolist()
    smallest = MIN_BATCH * math.ceil(1600 / 64)
    assert len(drawn) == max(100 * (1 + ratio), smallest)


def test_every_epoch_draws_other_negatives_and_the_same_seed_the_same() -> None:
    subject, whole = sampling(100, 1500, ratio=3)

    def negatives(seed: int, *parts: str | float) -> set[int]:
        return {p for p in places(subject.epoch(seed, *parts)) if not whole.targets[p]}

    assert places(subject.epoch(0, *EPOCH)) == places(subject.epoch(0, *EPOCH))
    first = negatives(0, *EPOCH)
    for other in ((0, "sea", 3.0, 2), (0, "sea", 5.0, 1), (0, "sky", 3.0, 1), (1, "sea", 3.0, 1)):
        shared = len(first & negatives(*other)) / len(first)
        assert shared == pytest.approx(0.2, abs=0.15), other


def test_positives_and_negatives_are_mixed_in_every_batch() -> None:
    subject, whole = sampling(200, 3000, ratio=3)
    for batch in subject.epoch(0, *EPOCH):
        assert 0 < whole.targets[batch].mean() < 0.75


@pytest.mark.parametrize("positives", [1, 2, 7, 30])
def test_rare_categories_get_more_negatives_so_that_no_batch_is_tiny(positives: int) -> None:
    subject, _ = sampling(positives, 2000 - positives, ratio=2)
    assert subject.batches == math.ceil(2000 / 64)
    assert {len(batch) for batch in subject.epoch(0, *EPOCH)} == {MIN_BATCH}


@pytest.mark.parametrize(
    ("positives", "negatives", "batch_size"),
    [(100, 300, 64), (100, 299, 64), (300, 100, 64), (5, 0, 64), (10, 990, 16), (10, 990, 8)],
)
def test_sampling_that_would_take_all_documents_is_none(
    positives: int, negatives: int, batch_size: int
) -> None:
    subject, whole = sampling(positives, negatives, ratio=3, batch_size=batch_size)
    without, _ = sampling(positives, negatives, batch_size=batch_size)
    assert subject.documents == len(whole)
    assert subject.factors == (1.0, 1.0)
    assert places(subject.epoch(4, *EPOCH)) == places(without.epoch(4, *EPOCH))
    assert subject.batches == without.batches


def test_one_document_fewer_than_all_is_sampled() -> None:
    subject, whole = sampling(100, 301, ratio=3)
    assert subject.documents == len(whole) - 1
    assert subject.factors != (1.0, 1.0)


def test_batches_are_as_many_as_announced() -> None:
    for ratio in range(6):
        subject, _ = sampling(90, 1900, ratio=ratio, batch_size=100)
        batches = subject.epoch(0, *EPOCH)
        assert len(batches) == subject.batches
        sizes = {len(batch) for batch in batches}
        assert max(sizes) - min(sizes) <= 1 or ratio == 0
        assert max(sizes) <= subject.batch_size


@pytest.mark.parametrize("ratio", [1, 2, 3, 4])
def test_batches_become_smaller_not_fewer(ratio: int) -> None:
    subject, whole = sampling(100, 900, ratio=ratio, batch_size=100)
    assert subject.documents == 100 * (1 + ratio) < len(whole)
    assert subject.batches == 10
    assert {len(batch) for batch in subject.epoch(0, *EPOCH)} == {10 * (1 + ratio)}


sizes = given(
    st.integers(1, 300), st.integers(0, 2000), st.integers(0, 6), st.sampled_from([8, 32, 64, 128])
)


@thorough(max_examples=60, deadline=None)
@sizes
def test_no_document_comes_twice_and_no_positive_is_left_out(
    positives: int, negatives: int, ratio: int, batch_size: int
) -> None:
    subject, whole = sampling(positives, negatives, ratio=ratio, batch_size=batch_size)
    drawn = places(subject.epoch(0, *EPOCH))
    assert len(set(drawn)) == len(drawn) == subject.documents
    assert whole.targets[drawn].sum() == positives
    assert len(drawn) >= min(len(whole), positives * (1 + ratio))


@thorough(max_examples=60, deadline=None)
@sizes
def test_expected_loss_of_an_epoch_is_that_of_all_documents(
    positives: int, negatives: int, ratio: int, batch_size: int
) -> None:
    subject, whole = sampling(positives, negatives, ratio=ratio, batch_size=batch_size)
    on_negative, on_positive = subject.factors
    # Every negative is in the epoch with the same probability.
    chance = subject.drawn / negatives if negatives else 0.0
    number = subject.documents
    assert on_positive / number == pytest.approx(1 / len(whole))
    if negatives:
        assert chance * on_negative / number == pytest.approx(1 / len(whole))


@pytest.mark.slow
def test_mean_loss_over_many_epochs_is_that_of_all_documents() -> None:
    subject, whole = sampling(100, 900, ratio=1, batch_size=100)
    losses = np.random.default_rng(2).uniform(0.5, 3.0, size=len(whole))
    factors = np.where(whole.targets, subject.factors[1], subject.factors[0])
    epochs = 400
    means = []
    for epoch in range(epochs):
        drawn = places(subject.epoch(0, "sea", 1.0, epoch))
        means.append((factors * losses)[drawn].mean())
    spread = 5 * np.std(means) / math.sqrt(epochs)
    assert spread < 0.02
    assert np.mean(means) == pytest.approx(losses.mean(), abs=spread)


def test_every_negative_is_drawn_as_often_as_any_other() -> None:
    subject, whole = sampling(100, 900, ratio=1, batch_size=100)
    epochs = 400
    times = np.zeros(len(whole))
    for epoch in range(epochs):
        times[places(subject.epoch(0, "sea", 1.0, epoch))] += 1
    chance = subject.drawn / 900
    # Six sigmas, since the furthest of 900 is looked at.
    spread = 6 * math.sqrt(epochs * chance * (1 - chance))
    of_negatives = times[~whole.targets]
    assert np.abs(of_negatives - epochs * chance).max() < spread
    assert (times[whole.targets] == epochs).all()


def test_batches_are_as_many_and_as_large_where_they_do_not_come_out_even() -> None:
    subject, _ = sampling(1601, 23_999, ratio=1, batch_size=128)
    sizes_of_batches = [len(batch) for batch in subject.epoch(0, *EPOCH)]
    assert len(sizes_of_batches) == subject.batches == 200
    assert min(sizes_of_batches) >= MIN_BATCH
