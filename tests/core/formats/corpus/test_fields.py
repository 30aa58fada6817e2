"""Documents from records with named fields, and label files."""

from __future__ import annotations

import json
import time
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from core.corpus.documents import Document
from core.errors import InputError
from core.formats.corpus.fields import FieldReader, label_names
from core.formats.corpus.format import ReadingOptions

PLACE = "corpus, line 5"


def document(record: dict[str, Any], options: ReadingOptions | None = None, **how: Any) -> Document:
    usual = {"text": "Low tide.", "labels": ["sea"]}
    reader = FieldReader(options or ReadingOptions())
    return reader.document({**usual, **record}, PLACE, "key:5", **how)


def problem(record: dict[str, Any], options: ReadingOptions | None = None, **how: Any) -> str:
    with pytest.raises(InputError) as caught:
        document(record, options, **how)
    assert str(caught.value).startswith(f"{PLACE}: ")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300
    return str(caught.value)


def label_file(folder: Path, content: str | bytes = "sea\nsky\n") -> Path:
    path = folder / "labels.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_fields_are_found_by_the_names_that_are_chosen() -> None:
    options = ReadingOptions(
        text_fields=("head", "body"),
        label_fields=("main", "more"),
        id_field="key",
        split_field="part",
        date_field="day",
    )
    record = {"head": "Tides", "body": "Ebb.", "main": "sea", "more": ["sky", "sea"], "key": 7}
    record |= {"part": "TEST ", "day": "1996-08-20T23:59:59+02:00", "id": "other", "split": "x"}
    assert document(record, options) == Document(
        "7", "Tides\n\nEbb.", ("sea", "sky"), "test", PLACE, date(1996, 8, 20)
    )


def test_missing_one_of_several_texts_or_labels_does_no_harm() -> None:
    options = ReadingOptions(text_fields=("head", "text"), label_fields=("main", "labels"))
    made = document({"head": None, "main": None}, options)
    assert (made.text, made.labels) == ("Low tide.", ("sea",))
    assert "is missing" in problem({"main": None}, options)


@pytest.mark.parametrize(
    ("value", "labels"),
    [
        ("sea; sky", ("sea; sky",)),
        (" sea ", ("sea",)),
        ("", ()),
        ("  ", ()),
        (5, ("5",)),
        ([0, 5, "5", " sea "], ("0", "5", "sea")),
        ([], ()),
    ],
)
def test_labels_are_one_or_a_list(value: object, labels: tuple[str, ...]) -> None:
    assert document({"labels": value}).labels == labels


def test_separator_cuts_only_strings() -> None:
    assert document({"labels": "sea;sky; "}, separator=";").labels == ("sea", "sky")
    assert document({"labels": ["a;b"]}, separator=";").labels == ("a;b",)
    options = ReadingOptions(label_separator=" > ")
    assert document({"labels": "a;b > c"}, options, separator=";").labels == ("a;b", "c")


@pytest.mark.parametrize("value", [None, True, 0.5, {}, {"sea": 1}, ["a", None], [["a"]], [True]])
def test_labels_of_another_type_are_refused(value: object) -> None:
    assert 'the field "labels" is not a list of strings' in problem({"labels": value})


@pytest.mark.parametrize("value", [None, "", " ", "\n"])
def test_id_split_and_date_may_be_blank(value: object) -> None:
    made = document({"id": value, "split": value, "date": value})
    assert (made.id, made.split, made.date) == ("key:5", None, None)


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("1996-08-20", date(1996, 8, 20)),
        (" 1996-08-20 ", date(1996, 8, 20)),
        ("1996-08-20T12:00:00Z", date(1996, 8, 20)),
        (19960820, date(1996, 8, 20)),
        (date(1996, 8, 20), date(1996, 8, 20)),
        (datetime(1996, 8, 20, 23), date(1996, 8, 20)),
    ],
)
def test_date_is_that_of_iso_8601(value: object, day: date) -> None:
    assert document({"date": value}).date == day


@pytest.mark.parametrize(
    "value", ["soon", "20.8.1996", "1996-13-01", 5, -1, 0.5, True, [], {}, "9" * 9999, "\x1b[2J"]
)
def test_what_is_no_date_is_named(value: object) -> None:
    assert "is no date; write YYYY-MM-DD, or name another --date-field" in problem({"date": value})


@pytest.mark.parametrize("value", ["both", 0, 1, True, [], {"a": 1}, "x" * 9999, "\x1b[2J\n"])
def test_what_is_no_split_is_named(value: object) -> None:
    assert "is unknown; use one of train, " in problem({"split": value})


@pytest.mark.parametrize("field", ["split", "date", "id"])
def test_value_nested_to_the_limit_of_the_parser_is_refused(field: str) -> None:
    for depth in range(700, 1000, 3):
        try:
            value = json.loads("[" * depth + "]" * depth)
        except RecursionError:
            break
        problem({field: value})


def test_missing_field_is_named_with_the_first_that_there_are() -> None:
    options = ReadingOptions(text_fields=("body",))
    said = problem({f"c\n\x1b{i}" * 20: i for i in range(50)}, options)
    assert 'the field "body" is missing; there are text, labels, c ␛0c ␛0' in said
    assert said.endswith(": name one with --text-field")


def test_numbers_are_labels_of_a_label_file(tmp_path: Path) -> None:
    options = ReadingOptions(label_file=label_file(tmp_path))
    assert document({"labels": [1, "0", "sky"]}, options).labels == ("sky", "sea")
    assert document({"labels": 0}, options, names={"labels": ["other"]}).labels == ("sea",)
    assert "the label 2 has no name; there are 2 names" in problem({"labels": [2]}, options)
    assert "the label -1 has no name" in problem({"labels": [-1]}, options)
    for odd in ("2", "-1", "wood", "²", "1_0", "9" * 5000, "\x1b[2J\n"):
        assert "--label-file" in problem({"labels": [odd]}, options)


def test_names_of_a_field_are_for_that_field_alone() -> None:
    options = ReadingOptions(label_fields=("main", "labels"))
    made = document({"main": 1, "labels": [1]}, options, names={"main": ["sea", "sky"]})
    assert made.labels == ("sky", "1")


def test_name_is_found_among_many_in_no_time(tmp_path: Path) -> None:
    names = label_file(tmp_path, "".join(f"n{i}\n" for i in range(100_000)))
    reader = FieldReader(ReadingOptions(label_file=names))
    began = time.process_time()
    for _ in range(1000):
        reader.document({"text": "", "labels": ["n99999"] * 10}, PLACE, "key")
    assert time.process_time() - began < 2


def test_label_file_has_a_name_a_line(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbfsea\r\n  sky \r\nFl\xc3\xa5te"
    assert label_names(label_file(tmp_path, content)) == ["sea", "sky", "Flåte"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "labels.txt: is empty; it has one name a line"),
        (b"sea\n\nsky\n", "labels.txt, line 2: an empty line"),
        (b"sea\ncaf\xe9\n", "labels.txt, line 2: not UTF-8"),
        (b"sea\n" + b"x" * 5000, "labels.txt, line 2: longer than 4,000 bytes"),
    ],
    ids=range(4),
)
def test_bad_label_file_is_named_with_its_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = label_file(tmp_path, content)
    with pytest.raises(InputError) as caught:
        FieldReader(ReadingOptions(label_file=path))
    assert said in str(caught.value)


def test_label_file_that_is_none_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.txt"):
        with pytest.raises(InputError, match="cannot be read"):
            FieldReader(ReadingOptions(label_file=path))


@pytest.mark.parametrize("field", ["id", "text", "labels"])
def test_nothing_that_no_database_takes_gets_through(field: str) -> None:
    value = "a\0b\ud800c"
    made = document({field: [value] if field == "labels" else value})
    for text in (made.id, made.text, *made.labels):
        assert "\0" not in text
        text.encode()
