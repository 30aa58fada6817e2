"""Rows of CSV and TSV from lines."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import core.text.tables
from core.errors import InputError
from core.text.line_files import decoded
from core.text.tables import rows_of
from tests.support.examples import examples


def rows(content: bytes, delimiter: str = ",", quotes: bool = True) -> list[tuple[int, list[str]]]:
    lines = enumerate(io.BytesIO(content), 1)
    return list(rows_of(lines, "made.csv", delimiter, quotes=quotes))


def test_rows_have_the_line_that_they_begin_in() -> None:
    content = b'\xef\xbb\xbfa,b\r\n\r\n"c\n\nd",e\n\nf,"g"\n'
    assert rows(content) == [(1, ["a", "b"]), (3, ["c\n\nd", "e"]), (7, ["f", "g"])]


def test_quotes_are_part_of_the_text_without_quoting() -> None:
    assert rows(b'"a\tb"\n', "\t", quotes=False) == [(1, ['"a', 'b"'])]


def test_rows_come_before_what_follows_is_read() -> None:
    def lines() -> Iterator[tuple[int, bytes]]:
        yield 1, b"a,b\n"
        raise AssertionError("read too far")

    assert next(rows_of(lines(), "made.csv", ",")) == (1, ["a", "b"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'a\nb\n"c\nd\n', "made.csv, line 3: no readable table from here on (unexpected end of "),
        (b'a\n"b"c\n', "made.csv, line 2: no readable table from here on ('"),
        (b'"a\n\xff"', "made.csv, line 2: not UTF-8 at byte 0; convert the file to UTF-8"),
    ],
)
def test_what_is_no_table_is_named(content: bytes, said: str) -> None:
    with pytest.raises(InputError) as caught:
        rows(content)
    assert str(caught.value).startswith(said)


def test_quote_that_nothing_closes_is_found_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    good = b'a,"b\nc"\n' * 200
    with pytest.raises(InputError, match=r"line 401: a row of more than .* 100,000 lines"):
        rows(good + b'"' + b"a,b\n" * 100_001)
    assert len(rows(good + b'"' + b"a,b\n" * 99_000 + b'"\n')) == 201
    monkeypatch.setattr(core.text.tables, "MAX_LINE_BYTES", 100)
    assert len(rows(good)) == 200
    with pytest.raises(InputError, match="line 401: a row of more than"):
        rows(good + b'"' + b"a,b\n" * 30)


def test_line_that_is_not_utf_8_is_named() -> None:
    assert decoded(b"\xef\xbb\xbfa", "made.csv", 1) == "a"
    assert decoded(b"\xef\xbb\xbfa", "made.csv", 2) == "\ufeffa"
    with pytest.raises(InputError, match=r"made\.csv, line 7: not UTF-8 at byte 1"):
        decoded(b"a\xff", "made.csv", 7)


@settings(max_examples=examples(100), deadline=None)
@given(
    made=st.lists(
        st.lists(st.text(st.characters(codec="utf-8"), max_size=5), min_size=2, max_size=3)
    ),
    delimiter=st.sampled_from([",", "\t"]),
)
def test_what_the_csv_module_writes_is_read_back(made: list[list[str]], delimiter: str) -> None:
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter).writerows(made)
    content = written.getvalue().encode()
    if content.startswith(b"\xef\xbb\xbf"):
        content = b"x" + content
        made[0][0] = "x" + made[0][0]
    assert [row for _, row in rows(content, delimiter)] == made
