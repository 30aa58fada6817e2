"""Documents with the same text."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.corpus.duplicates import WITHOUT_TEXT, count_duplicates, text_hash


def hashes(*texts: str) -> np.ndarray:
    return np.asarray([text_hash(text) for text in texts], dtype=np.int64)


def test_case_and_white_space_make_no_difference() -> None:
    assert text_hash("The tide\n is LOW") == text_hash(" the  tide is low ")
    assert text_hash("The tide is low") != text_hash("The tide is slow")
    assert text_hash(" \n\t") == text_hash("") == WITHOUT_TEXT


def test_duplicates_are_counted_within_and_across_the_splits() -> None:
    found = count_duplicates(
        hashes("a b", "c", "C ", "c", "", ""), hashes("x", "A  B", "x", "", "c", "y")
    )
    assert (found.within_train, found.within_test) == (2, 1)
    assert found.across.tolist() == [1, 4]
    assert found.without_text == 3


def test_of_nothing_nothing_is_repeated() -> None:
    found = count_duplicates(hashes(), hashes())
    assert (found.within_train, found.within_test, found.without_text) == (0, 0, 0)
    assert found.across.tolist() == []


@given(st.text())
def test_any_text_has_a_hash_of_eight_bytes(text: str) -> None:
    clean = text.encode("utf-8", "replace").decode()
    assert -(2**63) <= text_hash(clean) < 2**63
