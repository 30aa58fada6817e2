"""JSON lines: what is read, and what is named when it cannot be."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.corpus.documents import Document
from core.errors import HTransError, InputError
from core.formats.corpus.jsonl import FORMAT, recognises
from core.text.plain_text import storable
from tests.support.examples import examples

GOOD = b'{"text": "The tide is low.", "labels": ["sea"]}\n'


def written(folder: Path, content: bytes | str, name: str = "corpus.jsonl") -> str:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def line(**fields: Any) -> str:
    return json.dumps({"text": "The tide is low.", "labels": ["sea"], **fields}) + "\n"


def test_document_has_the_fields_of_its_line(tmp_path: Path) -> None:
    source = written(tmp_path, line(id="d7", split="test", text="Gulls cry.", labels=["sky"]))
    assert list(FORMAT.read(source)) == [
        Document("d7", "Gulls cry.", ("sky",), "test", f"{source}, line 1")
    ]


def test_document_without_id_is_named_after_file_and_line(tmp_path: Path) -> None:
    source = written(tmp_path, line() + "\n" + line())
    found = list(FORMAT.read(source))
    assert [document.id for document in found] == ["corpus.jsonl:1", "corpus.jsonl:3"]
    assert found[1].location == f"{source}, line 3"
    assert found[1].split is None


def test_number_is_an_id_too_even_zero(tmp_path: Path) -> None:
    source = written(tmp_path, line(id=0) + line(id=2286))
    assert [document.id for document in FORMAT.read(source)] == ["0", "2286"]


def test_repeated_labels_count_once_in_their_order(tmp_path: Path) -> None:
    source = written(tmp_path, line(labels=["sky", "sea", "sky"]) + line(labels=[]))
    assert [document.labels for document in FORMAT.read(source)] == [("sky", "sea"), ()]


@pytest.mark.parametrize(
    ("stated", "meant"),
    [
        ("train", "train"),
        ("Training", "train"),
        ("validation", "train"),
        ("valid", "train"),
        ("dev", "train"),
        ("TEST", "test"),
        (None, None),
    ],
)
def test_split_is_taken_from_the_line(
    tmp_path: Path, stated: str | None, meant: str | None
) -> None:
    [document] = FORMAT.read(written(tmp_path, line(split=stated)))
    assert document.split == meant


def test_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n") + b"\r\n" + GOOD.rstrip()
    assert len(list(FORMAT.read(written(tmp_path, content)))) == 2


@pytest.mark.parametrize("name", ["corpus.jsonl.gz", "CORPUS.JSONL.GZ"])
def test_gzipped_file_reads_like_a_plain_one(tmp_path: Path, name: str) -> None:
    source = written(tmp_path, gzip.compress(GOOD * 3), name)
    assert recognises(source)
    assert [document.text for document in FORMAT.read(source)] == ["The tide is low."] * 3


def test_text_keeps_every_script_and_line_end(tmp_path: Path) -> None:
    text = "Ebbe – 引き潮\nجزر\u2028🌊"
    source = written(tmp_path, json.dumps({"text": text, "labels": []}, ensure_ascii=False))
    assert [document.text for document in FORMAT.read(source)] == [text]


def test_empty_file_holds_no_document(tmp_path: Path) -> None:
    assert list(FORMAT.read(written(tmp_path, b""))) == []


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (b'{"text": "caf\xe9", "labels": []}', "not UTF-8 at byte 13"),
        (b'{"text": "a", "labels": [}', "not JSON"),
        (b'{"text": "a"', "not JSON (Expecting ',' delimiter, column 13)"),
        (b'["text", "labels"]', "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'{"labels": []}', '"text" is missing'),
        (b'{"text": 5, "labels": []}', '"text" is not a string'),
        (b'{"text": "a"}', '"labels" is missing; there are text: name one with --label-field'),
        (b'{"text": "a", "labels": {"sea": 1}}', "not a list of strings"),
        (b'{"text": "a", "labels": ["sea", true]}', "not a list of strings"),
        (b'{"id": ["a"], "text": "a", "labels": []}', "name another --id-field"),
        (b'{"text": "a", "labels": [], "date": "soon"}', "'soon' is no date"),
        (b'{"text": "a", "labels": ["sea", " "]}', "empty label"),
        (b'{"text": "a", "labels": [], "split": "both"}', "the split 'both' is unknown"),
        (b'{"text": "a", "labels": [], "split": 1}', "the split '1' is unknown"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"text": "a", "labels": [], "n": ' + b"9" * 10_000 + b"}", "too long a number"),
    ],
)
def test_bad_line_is_named_with_its_number(tmp_path: Path, bad: bytes, problem: str) -> None:
    source = written(tmp_path, GOOD + b"\n" + bad + b"\n" + GOOD)
    with pytest.raises(InputError) as caught:
        list(FORMAT.read(source))
    assert str(caught.value).startswith(f"{source}, line 3: ")
    assert problem in str(caught.value)


def test_documents_before_a_bad_line_are_streamed(tmp_path: Path) -> None:
    documents = FORMAT.read(written(tmp_path, GOOD + b"{\n"))
    assert next(documents).labels == ("sea",)
    with pytest.raises(InputError, match="line 2"):
        next(documents)


def test_line_without_end_is_no_document(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(GOOD)
    with path.open("r+b") as file:
        file.truncate(65 * 1024 * 1024)
    with pytest.raises(InputError, match=r"line 2: longer than 64 MiB"):
        list(FORMAT.read(str(path)))


def test_truncated_gzip_file_is_named(tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(line(id=i).encode() for i in range(500)))
    source = written(tmp_path, whole[: len(whole) // 2], "corpus.jsonl.gz")
    with pytest.raises(InputError, match="not a whole gzip file") as caught:
        list(FORMAT.read(source))
    assert source in str(caught.value)


def test_gzip_file_with_a_flipped_byte_is_named(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(b"".join(line(id=i).encode() for i in range(50))))
    content[-6] ^= 1  # in the checksum
    with pytest.raises(InputError, match="not a whole gzip file"):
        list(FORMAT.read(written(tmp_path, bytes(content), "corpus.jsonl.gz")))


def test_plain_file_with_a_gzip_name_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"line 1: not a whole gzip file"):
        list(FORMAT.read(written(tmp_path, GOOD, "corpus.jsonl.gz")))


def test_missing_file_and_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(HTransError, match=r"nothing\.jsonl: no such file"):
        list(FORMAT.read(str(tmp_path / "nothing.jsonl")))
    with pytest.raises(InputError, match="a folder without a file of this format"):
        list(FORMAT.read(str(tmp_path)))


@pytest.mark.parametrize("field", ["id", "text", "labels"])
def test_lone_surrogate_never_leaves_the_reader(tmp_path: Path, field: str) -> None:
    value = ["\ud800"] if field == "labels" else "low \ud800 tide"
    source = written(tmp_path, line(**{field: value}))
    try:
        found = list(FORMAT.read(source))
    except InputError as error:
        assert "line 1" in str(error)  # noqa: PT017 — an error is as good as a replacement mark
    else:
        for document in found:
            "".join((document.id, document.text, *document.labels)).encode("utf-8")


@settings(
    max_examples=examples(100),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(content=st.binary(max_size=200))
def test_any_bytes_end_in_documents_or_input_error(tmp_path: Path, content: bytes) -> None:
    source = written(tmp_path, content)
    try:
        found = list(FORMAT.read(source))
    except InputError as error:
        assert str(error).startswith(f"{source}, line ")  # noqa: PT017 — either outcome is right
    else:
        assert len(found) <= content.count(b"\n") + 1


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    record=st.fixed_dictionaries(
        {},
        optional={
            "text": st.text(max_size=5) | _JSON,
            "labels": st.lists(st.text(max_size=3), max_size=3) | _JSON,
            "id": _JSON.filter(lambda value: not isinstance(value, list | dict)),
            "split": st.sampled_from(["train", "test", "dev"]) | _JSON,
        },
    )
)
def test_any_object_ends_in_one_document_or_input_error(
    tmp_path: Path, record: dict[str, Any]
) -> None:
    source = written(tmp_path, json.dumps(record))
    stated = record.get("labels")
    labels = [stated.strip()] if isinstance(stated, str) and stated.strip() else stated or []
    labels = [labels] if isinstance(labels, int) else labels
    fits = (
        isinstance(record.get("text"), str)
        and (isinstance(stated, list | str) or type(stated) is int)
        and isinstance(labels, list)
        and all(
            type(label) is int or (isinstance(label, str) and label.strip()) for label in labels
        )
        and record.get("split") in (None, "", "train", "test", "dev")
    )
    if fits:
        [document] = FORMAT.read(source)
        assert document.text == storable(record["text"])
        assert set(document.labels) == {storable(str(label)).strip() for label in labels}
    else:
        with pytest.raises(InputError, match="line 1"):
            list(FORMAT.read(source))
