"""Texts to be labelled, from files and streams; whatever is wrong is named with its line."""

from __future__ import annotations

import gzip
import io
import json
import os
import threading
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pyarrow
import pyarrow.parquet as parquet
import pytest

from core.errors import HTransError, InputError
from core.formats.corpus.format import ReadingOptions
from core.prediction.inputs import InputDocument, read_inputs

Pairs = list[tuple[str, str]]


def pairs(documents: Iterator[InputDocument]) -> Pairs:
    return [(document.id, document.text) for document in documents]


def read(path: Path, format_name: str | None = None, split: str | None = None) -> Pairs:
    return pairs(read_inputs([str(path)], format_name, split))


def written(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def lines(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> io.BytesIO:
    """Standard input; a test writes to it and goes back to its start."""
    stream = io.BytesIO()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=stream))
    return stream


def read_stdin(stdin: io.BytesIO, content: bytes | str, format_name: str | None = None) -> Pairs:
    stdin.write(content if isinstance(content, bytes) else content.encode())
    stdin.seek(0)
    return pairs(read_inputs(["-"], format_name))


TABLE = 'id,text,split\nd1,"low, ""tide""\nand gulls",test\n,second,train\nd3,,test\n'
TABLE_READ = [("d1", 'low, "tide"\nand gulls'), ("t.csv:4", "second"), ("d3", "")]
JSON_LINES = lines(
    {"id": "d1", "text": "low\ntide"}, {"text": "gulls", "labels": 5}, {"id": 7, "text": ""}
)
JSON_LINES_READ = [("d1", "low\ntide"), ("t.jsonl:2", "gulls"), ("7", "")]


@pytest.mark.parametrize("ending", ["jsonl", "ndjson", "JSONL"])
def test_json_lines_need_a_text_only(tmp_path: Path, ending: str) -> None:
    path = written(tmp_path / f"t.{ending}", JSON_LINES)
    found = read(path)
    assert found == [(key.replace("t.jsonl", path.name), text) for key, text in JSON_LINES_READ]


def test_compressed_json_lines_are_read(tmp_path: Path) -> None:
    path = written(tmp_path / "t.jsonl.gz", gzip.compress(JSON_LINES.encode()))
    assert [text for _, text in read(path)] == ["low\ntide", "gulls", ""]


def test_a_text_file_has_a_document_a_line(tmp_path: Path) -> None:
    path = written(tmp_path / "t.txt", "low tide\n\n  \ngulls, cry \nthe end")
    assert read(path) == [
        ("t.txt:1", "low tide"),
        ("t.txt:4", "gulls, cry "),
        ("t.txt:5", "the end"),
    ]
    packed = written(tmp_path / "t.txt.gz", gzip.compress(b"low tide\n", mtime=0))
    assert read(packed) == [("t.txt.gz:1", "low tide")]


def test_tables_have_a_column_text_and_perhaps_an_id(tmp_path: Path) -> None:
    assert read(written(tmp_path / "t.csv", TABLE)) == TABLE_READ
    assert read(written(tmp_path / "t.tsv", "text\tn\nlow, tide\t1\n")) == [
        ("t.tsv:2", "low, tide")
    ]


def test_what_import_reads_is_read_too(tmp_path: Path) -> None:
    record = {"id": "d1", "text": "low tide", "labels": [], "split": "test"}
    path = written(tmp_path / "t.jsonl", lines(record, {**record, "id": "d2", "split": "train"}))
    assert read(path, "corpus", "test") == [("d1", "low tide")]


@pytest.mark.parametrize("format_name", ["jsonl", "csv", "text"])
def test_a_format_that_is_named_goes_before_the_ending(tmp_path: Path, format_name: str) -> None:
    content = {"jsonl": lines({"text": "low"}), "csv": "text\nlow\n", "text": "low\n"}
    path = written(tmp_path / "t.dat", content[format_name])
    assert [text for _, text in read(path, format_name)] == ["low"]


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_only_documents_of_the_split_asked_for(tmp_path: Path, ending: str) -> None:
    content = {
        "jsonl": lines(
            {"text": "a", "split": "test"}, {"text": "b", "split": "train"}, {"text": "c"}
        ),
        "csv": "text,split\na,test\nb,train\nc,\n",
    }
    path = written(tmp_path / f"t.{ending}", content[ending])
    assert [text for _, text in read(path, split="test")] == ["a"]


def test_files_come_one_after_the_other(tmp_path: Path, stdin: io.BytesIO) -> None:
    first = written(tmp_path / "a.txt", "one\ntwo\n")
    second = written(tmp_path / "b.jsonl", lines({"text": "three"}))
    stdin.write(b"middle\n")
    stdin.seek(0)
    found = pairs(read_inputs([str(first), "-", str(second)]))
    assert [text for _, text in found] == ["one", "two", "middle", "three"]


@pytest.mark.parametrize(
    ("content", "format_name", "found"),
    [
        ("low tide\ngulls\n", None, ["low tide", "gulls"]),
        (JSON_LINES, None, ["low\ntide", "gulls", ""]),
        ("  " + lines({"text": "a"}), None, ["a"]),
        (lines({"text": "a"}), "text", ['{"text": "a"}']),
        ("text,id\nlow,d1\n", "csv", ["low"]),
        ("text\tid\r\nlow\td1\r\n", "tsv", ["low"]),
        ('text\n"two\nlines"\nb\n', "csv", ["two\nlines", "b"]),
        ("", None, []),
        ("\n\n", None, []),
    ],
)
def test_standard_input_is_json_lines_or_a_document_a_line(
    stdin: io.BytesIO, content: str, format_name: str | None, found: list[str]
) -> None:
    assert [text for _, text in read_stdin(stdin, content, format_name)] == found


@pytest.mark.parametrize(
    ("format_name", "line"),
    [(None, "low tide"), ("text", "low tide"), (None, '{"text": "low tide"}'), ("csv", "text")],
)
def test_documents_of_a_stream_come_before_it_ends(
    monkeypatch: pytest.MonkeyPatch, format_name: str | None, line: str
) -> None:
    class Endless(io.RawIOBase):
        given = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            assert self.given < 5, "more was read than was needed"
            self.given += 1
            buffer[: len(line) + 1] = f"{line}\n".encode()
            return len(line) + 1

    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BufferedReader(Endless())))
    found = list(islice(read_inputs(["-"], format_name), 3))
    assert {document.text for document in found} == {"text" if format_name == "csv" else "low tide"}


BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize("ending", ["jsonl", "csv", "txt"])
def test_byte_order_mark_of_a_file_is_no_text(tmp_path: Path, ending: str) -> None:
    content = {"jsonl": lines({"text": "low"}), "csv": "text\nlow\n", "txt": "low\n"}[ending]
    path = written(tmp_path / f"t.{ending}", BOM + content.encode())
    assert [text for _, text in read(path)] == ["low"]


@pytest.mark.parametrize(
    ("content", "format_name"),
    [
        (lines({"text": "low"}), None),
        (lines({"text": "low"}), "jsonl"),
        ("text\nlow\n", "csv"),
        ("low\n", None),
    ],
)
def test_byte_order_mark_of_standard_input_is_no_text(
    stdin: io.BytesIO, content: str, format_name: str | None
) -> None:
    found = read_stdin(stdin, BOM + content.encode(), format_name)
    assert [text for _, text in found] == ["low"]


@pytest.mark.parametrize("ending", ["jsonl", "csv", "txt"])
def test_lines_may_end_as_on_windows(tmp_path: Path, ending: str) -> None:
    content = {
        "jsonl": '{"text": "a"}\r\n\r\n{"text": "b"}\r\n',
        "csv": "id,text\r\n1,a\r\n2,b\r\n",
        "txt": "a\r\n\r\nb\r\n",
    }
    path = written(tmp_path / f"t.{ending}", content[ending])
    assert [text for _, text in read(path)] == ["a", "b"]


def test_lone_surrogates_become_marks(tmp_path: Path) -> None:
    path = written(tmp_path / "t.jsonl", '{"id": "\\ud800", "text": "a\\udfffb"}\n')
    assert read(path) == [("?", "a?b")]


WRONG = [
    ("t.jsonl", '{"text": "a"}\nnothing\n', 2, "not JSON"),
    ("t.jsonl", '{"text": "a"}\n[1]\n', 2, "not a JSON object"),
    ("t.jsonl", '{"text": "a"}\n\n{"label": "a"}\n', 3, 'the field "text" is missing'),
    ("t.jsonl", '{"text": 5}\n', 1, "is not a string"),
    ("t.jsonl", b'{"text": "a"}\n{"text": "\xff"}\n', 2, "convert the file to UTF-8"),
    ("t.csv", "id,words\n1,a\n", 1, "there are id, words: name one with --text-field"),
    ("t.csv", "", None, 'field "text" is missing'),
    ("t.csv", "id,text\n1,a\n2\n", 3, "too few columns"),
    ("t.tsv", "id,text\n1,a\n", 1, 'field "text" is missing'),
    ("t.csv", b"id,text\n1,\xff\n", None, "convert the file to UTF-8"),
    ("t.txt.gz", gzip.compress(b"low tide\n" * 100, mtime=0)[:-12], None, "not a whole gzip file"),
    ("t.jsonl.gz", b"not compressed\n", 1, "not a whole gzip file"),
]


@pytest.mark.parametrize(("name", "content", "line", "said"), WRONG)
def test_what_is_wrong_is_named_with_file_line_and_remedy(
    tmp_path: Path, name: str, content: bytes | str, line: int | None, said: str
) -> None:
    path = written(tmp_path / name, content)
    with pytest.raises(InputError) as caught:
        read(path)
    assert name in str(caught.value)
    assert said in str(caught.value)
    assert line is None or f"line {line}:" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        'id,text\n1,a\n2,"never closed\n3,c\n4,d\n',
        'text,id\na,1\n"never closed,2\nc,3\n',
    ],
    ids=["last column", "first column"],
)
def test_a_quote_that_never_closes_is_named_and_swallows_no_document(
    tmp_path: Path, content: str
) -> None:
    path = written(tmp_path / "t.csv", content)
    with pytest.raises(InputError, match=r"t\.csv, line \d+: ") as caught:
        read(path)
    assert "quote" in str(caught.value) or "end of data" in str(caught.value)


def test_a_table_on_standard_input_that_is_wrong_is_named(stdin: io.BytesIO) -> None:
    with pytest.raises(InputError, match=r"standard input, line 1: .*\"text\" is missing"):
        read_stdin(stdin, "id,words\n1,a\n", "csv")


def test_json_lines_on_standard_input_that_are_wrong_are_named(stdin: io.BytesIO) -> None:
    with pytest.raises(InputError, match=r"stdin, line 2: not JSON"):
        read_stdin(stdin, '{"text": "a"}\nnothing\n')


@pytest.mark.parametrize("name", ["none.jsonl", "none.csv", "none.txt", "none.jsonl.gz", "none"])
def test_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(HTransError, match=name):
        read(tmp_path / name)


@pytest.mark.parametrize("name", ["folder.jsonl", "folder.csv"])
def test_folder_is_no_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(HTransError, match=name):
        read(tmp_path / name)


def test_documents_before_a_bad_line_are_given(tmp_path: Path) -> None:
    path = written(tmp_path / "t.jsonl", lines({"text": "a"}, {"text": "b"}) + "bad\n")
    documents = read_inputs([str(path)])
    assert [next(documents).text, next(documents).text] == ["a", "b"]
    with pytest.raises(InputError, match="line 3"):
        next(documents)


@pytest.mark.parametrize(
    ("sources", "format_name", "split", "said"),
    [
        (["t.txt"], "xml", None, "use one of jsonl, csv"),
        (["t.txt"], None, "test", "remove --split"),
        (["-"], "corpus", None, "give a file"),
    ],
)
def test_options_that_do_not_fit_are_named(
    tmp_path: Path,
    stdin: io.BytesIO,
    sources: Sequence[str],
    format_name: str | None,
    split: str | None,
    said: str,
) -> None:
    written(tmp_path / "t.txt", "low\n")
    with pytest.raises(HTransError, match=said):
        pairs(
            read_inputs([str(tmp_path / s) if s != "-" else s for s in sources], format_name, split)
        )


def test_text_on_standard_input_states_no_split(stdin: io.BytesIO) -> None:
    stdin.write(b"low tide\n")
    stdin.seek(0)
    with pytest.raises(HTransError, match="remove --split"):
        pairs(read_inputs(["-"], None, "test"))


def test_a_pipe_with_a_name_is_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "t.jsonl"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_text(lines({"text": "low"})), daemon=True)
    writer.start()
    assert [text for _, text in read(pipe)] == ["low"]
    writer.join()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "key,body,part\na,low tide,test\nb,high tide,train\n"),
        ("t.tsv", "key\tbody\tpart\na\tlow tide\ttest\nb\thigh tide\ttrain\n"),
        (
            "t.jsonl",
            lines(
                {"key": "a", "body": "low tide", "part": "test"},
                {"key": "b", "body": "high tide", "part": "train"},
            ),
        ),
    ],
)
def test_fields_may_have_other_names(tmp_path: Path, name: str, content: str) -> None:
    path = str(written(tmp_path / name, content))
    fields = options("body")
    assert pairs(read_inputs([path], None, None, fields)) == [("a", "low tide"), ("b", "high tide")]
    assert pairs(read_inputs([path], None, "test", fields)) == [("a", "low tide")]
    joined = pairs(read_inputs([path], None, "test", options("part", "body")))
    assert joined == [("a", "test\n\nlow tide")]


def test_fields_of_a_corpus_may_have_other_names_and_it_needs_no_labels(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    columns = {"key": ["a", "b"], "body": ["low tide", "high tide"], "part": ["test", "train"]}
    parquet.write_table(pyarrow.table(columns), path)
    assert pairs(read_inputs([str(path)], None, "test", options("body"))) == [("a", "low tide")]


def options(*text_fields: str) -> ReadingOptions:
    return ReadingOptions(text_fields, (), id_field="key", split_field="part")


def test_a_missing_field_is_named_with_those_there_are_and_the_remedy(tmp_path: Path) -> None:
    table = str(written(tmp_path / "t.csv", "number,text\na,low tide\n"))
    with pytest.raises(InputError, match=r"line 1: .*there are number, text: .*--text-field"):
        list(read_inputs([table], None, None, options("body")))
    with pytest.raises(InputError, match=r'"key" is missing; .*--id-field'):
        list(read_inputs([table], None, None, options("text")))
    objects = str(written(tmp_path / "t.jsonl", lines({"text": "low tide"})))
    with pytest.raises(InputError, match=r'"body" is missing; there are text: .*--text-field'):
        list(read_inputs([objects], None, None, options("body")))
