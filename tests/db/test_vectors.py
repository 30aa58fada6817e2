"""Tables of word vectors as the database knows them."""

from __future__ import annotations

import pytest

from core.errors import ConflictError, NotFoundError
from db.connection import Store
from db.vectors import (
    Vectors,
    add_vectors,
    list_vectors,
    refuse_used_name,
    vectors_named,
    vectors_with_id,
)


def test_vectors_are_found_by_name_and_number_and_listed_by_name(store: Store) -> None:
    placed: list[int] = []
    add_vectors(store, "glove", "glove.txt", 400, 100, placed.append)
    add_vectors(store, "fast", "fast.txt", 7, 3, placed.append)
    glove, fast = Vectors(1, "glove", "glove.txt", 400, 100), Vectors(2, "fast", "fast.txt", 7, 3)
    assert placed == [1, 2]
    assert list_vectors(store) == [fast, glove]
    assert vectors_named(store, "glove") == vectors_with_id(store, 1) == glove


def test_vectors_whose_files_cannot_be_put_in_place_are_not_recorded(store: Store) -> None:
    def full_disk(vectors_id: int) -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        add_vectors(store, "glove", "glove.txt", 400, 100, full_disk)
    assert list_vectors(store) == []


def test_name_in_use_is_refused_before_any_file_moves(store: Store) -> None:
    placed: list[int] = []
    refuse_used_name(store, "glove")
    add_vectors(store, "glove", "glove.txt", 400, 100, placed.append)
    with pytest.raises(ConflictError, match=r"'glove'.*--name"):
        refuse_used_name(store, "glove")
    with pytest.raises(ConflictError):
        add_vectors(store, "glove", "other.txt", 1, 1, placed.append)
    assert placed == [1]
    assert vectors_named(store, "glove").source == "glove.txt"


def test_unknown_vectors_are_answered_with_those_there_are(store: Store) -> None:
    with pytest.raises(NotFoundError, match=r"'x'.*htrans-tui vectors"):
        vectors_named(store, "x")
    add_vectors(store, "glove", "glove.txt", 400, 100, lambda _: None)
    add_vectors(store, "fast", "fast.txt", 7, 3, lambda _: None)
    with pytest.raises(NotFoundError, match=r"'x'.* fast, glove"):
        vectors_named(store, "x")
    with pytest.raises(NotFoundError, match="9"):
        vectors_with_id(store, 9)
