"""Documents without padding: what stands at which step."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.corpus.examples import Rows
from core.models.packing import PackedDocuments, pack
from core.text.token_arrays import TokenArrays

VOCABULARY = 40


def packed(
    documents: list[list[int]], rows: list[int] | None = None, max_words: int = 100
) -> PackedDocuments:
    chosen: Rows = np.array(range(len(documents)) if rows is None else rows, dtype=np.int64)
    return pack(TokenArrays.of(documents), chosen, max_words, np.zeros(VOCABULARY, dtype=np.int64))


def unpacked(batch: PackedDocuments) -> list[list[int]]:
    """The documents in the order in which they were given."""
    ids = batch.words[batch.indices].tolist()
    documents: list[list[int]] = [[] for _ in batch.order]
    start = 0
    for count in batch.counts:
        for place, token in zip(batch.order[:count], ids[start : start + count], strict=True):
            documents[place].append(token)
        start += count
    assert start == len(ids) == batch.total
    return documents


def test_step_t_holds_word_t_of_the_documents_that_have_one() -> None:
    batch = packed([[7, 8], [5, 6, 5, 9], [4], [3, 5, 8]])
    assert batch.words[batch.indices].tolist() == [5, 3, 7, 4, 6, 5, 8, 5, 8, 9]
    assert batch.counts == [4, 3, 2, 1]
    assert batch.lengths.tolist() == [4, 3, 2, 1]
    assert batch.order.tolist() == [1, 3, 0, 2]
    assert batch.total == 10


def test_distinct_words_ascend_and_places_point_at_them() -> None:
    batch = packed([[9, 2, 9], [2, 30, 5]])
    assert batch.words.tolist() == [2, 5, 9, 30]
    assert batch.indices.tolist() == [2, 0, 0, 3, 2, 1]


def test_documents_of_equal_length_keep_their_order() -> None:
    batch = packed([[2], [3, 3], [4], [5, 5], [6], [7, 7]])
    assert batch.order.tolist() == [1, 3, 5, 0, 2, 4]


def test_no_more_than_max_words_are_read() -> None:
    batch = packed([[2, 3, 4, 5], [6, 7], [8, 9, 10]], max_words=3)
    assert unpacked(batch) == [[2, 3, 4], [6, 7], [8, 9, 10]]
    assert batch.counts == [3, 3, 2]
    assert batch.order.tolist() == [0, 2, 1]
    assert 5 not in batch.words


def test_one_document_is_its_own_words() -> None:
    batch = packed([[4, 2, 4]])
    assert (batch.counts, batch.lengths.tolist(), batch.order.tolist()) == ([1, 1, 1], [3], [0])
    assert unpacked(batch) == [[4, 2, 4]]


def test_rows_say_which_documents_and_one_may_come_twice() -> None:
    assert unpacked(packed([[2], [3, 4], [5, 6, 7]], rows=[2, 0, 2])) == [[5, 6, 7], [2], [5, 6, 7]]


@pytest.mark.parametrize("rubbish", [-7, 3, 10**12])
def test_what_was_seen_before_does_not_matter(rubbish: int) -> None:
    tokens, rows = TokenArrays.of([[2, 3], [39, 2, 0]]), np.array([0, 1], dtype=np.int64)
    batch = pack(tokens, rows, 9, np.full(VOCABULARY, rubbish, dtype=np.int64))
    assert batch.words.tolist() == [0, 2, 3, 39]
    assert unpacked(batch) == [[2, 3], [39, 2, 0]]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=9), min_size=1),
    st.integers(1, 10),
    st.integers(0, 5),
)
def test_every_word_of_every_document_is_there_once(
    documents: list[list[int]], max_words: int, seed: int
) -> None:
    rows = [int(i) for i in np.random.default_rng(seed).permutation(len(documents))]
    batch = packed(documents, rows, max_words)
    wanted = [documents[row][:max_words] for row in rows]
    assert unpacked(batch) == wanted
    lengths = [len(wanted[place]) for place in batch.order]
    assert lengths == batch.lengths.tolist() == sorted(lengths, reverse=True)
    assert batch.counts == [sum(n > t for n in lengths) for t in range(lengths[0])]
    assert batch.words.tolist() == sorted({word for document in wanted for word in document})
    assert {batch.words.dtype, batch.indices.dtype, batch.lengths.dtype} == {torch.int64}
