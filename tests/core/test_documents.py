"""Which documents are held out."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from core.documents import held_out

IDS = [f"d{i}" for i in range(5_000)]


def test_share_of_held_out_documents_is_the_fraction() -> None:
    for fraction in (0.1, 0.2, 0.5):
        share = sum(held_out(id_, fraction) for id_ in IDS) / len(IDS)
        assert abs(share - fraction) < 0.02


def test_nothing_is_held_out_at_zero_and_everything_at_one() -> None:
    assert not any(held_out(id_, 0.0) for id_ in IDS)
    assert all(held_out(id_, 1.0) for id_ in IDS)


def test_choice_is_the_same_in_every_release() -> None:
    # A corpus imported again, or grown, must keep its split: these may never change.
    assert [i for i in range(30) if held_out(f"d{i}", 0.2)] == [0, 9, 19, 22, 25, 29]


def test_other_seed_holds_out_other_documents() -> None:
    first = {id_ for id_ in IDS if held_out(id_, 0.5, seed=0)}
    second = {id_ for id_ in IDS if held_out(id_, 0.5, seed=1)}
    assert 0.4 < len(first & second) / len(first) < 0.6


@settings(max_examples=100)
@given(st.text(st.characters(codec="utf-8"), max_size=20), st.floats(0, 1), st.floats(0, 1))
def test_larger_fraction_keeps_what_a_smaller_one_held_out(
    id_: str, one: float, two: float
) -> None:
    smaller, larger = sorted((one, two))
    assert held_out(id_, smaller) <= held_out(id_, larger)
