"""What is for training and what for test."""

from __future__ import annotations

from datetime import date

import pytest

from core.corpus.documents import Document, Split, held_out
from core.errors import InputError
from core.formats.corpus.splitting import USUAL_FRACTION, Splitting, splits_by_name


def document(key: str = "d", split: Split | None = None, day: date | None = None) -> Document:
    return Document(key, "text", (), split, "corpus.jsonl, line 7", day)


@pytest.mark.parametrize(
    ("stated", "named", "expected"),
    [
        ("train", None, ("train", False)),
        ("test", "train", ("test", False)),
        (None, "test", ("test", False)),
        ("unused", "train", ("unused", False)),
    ],
)
def test_what_a_document_says_counts_before_the_name_of_its_file(
    stated: Split | None, named: Split | None, expected: tuple[Split, bool]
) -> None:
    assert Splitting().split(document(split=stated), named) == expected


def test_the_usual_share_is_drawn_by_id_where_nothing_is_said() -> None:
    for number in range(50):
        key = f"d{number}"
        expected = "test" if held_out(key, USUAL_FRACTION) else "train"
        assert Splitting().split(document(key), None) == (expected, True)


def test_with_test_sources_the_others_are_for_training() -> None:
    splitting = Splitting(test_sources=True)
    assert splitting.split(document(), None) == ("train", False)
    assert splitting.split(document(split="test"), None) == ("test", False)


def test_a_fraction_counts_more_than_what_is_stated_and_depends_on_its_seed() -> None:
    keys = [f"d{number}" for number in range(2000)]

    def drawn(seed: int) -> set[str]:
        splitting = Splitting(test_fraction=0.3, seed=seed)
        return {k for k in keys if splitting.split(document(k, "train"), None)[0] == "test"}

    assert 500 < len(drawn(0)) < 700
    assert drawn(0) == drawn(0) != drawn(1)
    assert Splitting(test_fraction=0.3).split(document(split="unused"), None)[0] == "unused"
    nothing = Splitting(test_fraction=0.0)
    assert {nothing.split(document(k), None)[0] for k in keys} == {"train"}


def test_documents_of_the_day_and_later_are_for_test() -> None:
    splitting = Splitting(test_from=date(2020, 5, 2))
    days = {date(2020, 5, 1): "train", date(2020, 5, 2): "test", date(2021, 1, 1): "test"}
    for day, expected in days.items():
        assert splitting.split(document(split="test", day=day), None) == (expected, False)
    with pytest.raises(InputError, match=r"line 7: no date.*--date-field"):
        splitting.split(document(), None)


def test_names_of_files_say_the_split_where_some_say_training_and_others_test() -> None:
    assert splits_by_name(["a/train.tsv", "a/dev.tsv", "a/test-00000-of-1.parquet", "a/x.tsv"]) == {
        "a/train.tsv": "train",
        "a/dev.tsv": "train",
        "a/test-00000-of-1.parquet": "test",
    }
    assert splits_by_name(["Training.csv", "TEST_1.csv"]) == {
        "Training.csv": "train",
        "TEST_1.csv": "test",
    }
    for others in (["train.tsv", "x.tsv"], ["test.tsv"], ["testimony.tsv", "trainers.tsv"], []):
        assert splits_by_name(others) == {}
