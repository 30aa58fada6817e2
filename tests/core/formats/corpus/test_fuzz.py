"""Whatever bytes a source has, it ends in documents or in one line that names it."""

from __future__ import annotations

import gzip
import pickle
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.corpus.documents import Document, Split
from core.errors import HTransError, InputError
from core.formats.corpus import FORMATS, guess_format
from core.formats.corpus import jsonl as jsonl_writer
from core.formats.corpus.format import CorpusFormat, ReadingOptions
from tests.support.damaged_files import (
    CASES,
    IN_FOLDER,
    JSON_LINES,
    NEWSITEM,
    TOKENS,
    WORDS,
    damages,
)
from tests.support.examples import examples

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

pytestmark = pytest.mark.slow


def test_every_format_is_damaged() -> None:
    assert {case[0] for case in CASES.values()} == set(FORMATS) - {"icd10cm"}


def outcome(format_: CorpusFormat, source: Path) -> list[Document] | HTransError:
    """Read a source, through pickles as the processes of an import do."""
    options = ReadingOptions()
    found = []
    try:
        parse = format_.parser(options)
        for part in format_.parts(str(source)):
            for record in format_.records(part, options):
                found.append(parse(pickle.loads(pickle.dumps(record.content))))
                assert record.size >= 0
    except HTransError as error:
        return error
    return found


def check(document: Document) -> None:
    """What database and screens rely on."""
    assert pickle.loads(pickle.dumps(document)) == document
    for text in (document.id, document.text, document.location, *document.labels):
        assert "\0" not in text
        text.encode()
    assert all(document.labels)
    assert document.split in ("train", "test", "unused", None)


def guessed(source: str) -> str:
    """The name of the format that a source is taken for, or what is said of it."""
    try:
        return guess_format(source).name
    except HTransError as error:
        return str(error)


def read_damaged(case: str, content: bytes) -> list[Document] | HTransError:
    """Read a source with a file of that content; documents and errors are as they should be."""
    format_name, name, _, beside = CASES[case]
    with tempfile.TemporaryDirectory() as folder:
        for other, whole in beside.items():
            (Path(folder) / other).write_bytes(whole)
        path = Path(folder) / name
        path.write_bytes(content)
        for source in (str(path), folder):
            said = guessed(source)
            assert said in FORMATS or said.startswith(source)
        found = outcome(FORMATS[format_name], Path(folder) if case in IN_FOLDER else path)
    if isinstance(found, HTransError):
        assert folder in str(found)
        assert str(found).isprintable(), str(found)
        assert len(str(found)) < 1000
        again = pickle.loads(pickle.dumps(found))
        assert (type(again), str(again)) == (type(found), str(found))
    else:
        for document in found:
            check(document)
    return found


@pytest.mark.parametrize("case", CASES)
def test_whole_file_has_documents(case: str) -> None:
    found = read_damaged(case, CASES[case][2])
    assert isinstance(found, list), found
    assert found


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=examples(25), deadline=None, derandomize=True)
@given(data=st.data())
def test_damaged_file_ends_in_documents_or_one_line(case: str, data: st.DataObject) -> None:
    content = CASES[case][2]
    for damage in data.draw(st.lists(damages(len(content)), min_size=1, max_size=3)):
        content = damage(content)
    read_damaged(case, content)


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=examples(20), deadline=None, derandomize=True)
@given(content=st.binary(max_size=300))
@example(content=b"")
@example(content=b"\0")
@example(content=b"\n" * 50)
def test_any_bytes_end_in_documents_or_one_line(case: str, content: bytes) -> None:
    read_damaged(case, content)


@settings(max_examples=examples(100), deadline=None, derandomize=True)
@given(
    name=st.text(max_size=30)
    | st.sampled_from([".json", ".csv", ".zip", ".txt", ".dat", ".gz", ".xml", ".qrels"]).flatmap(
        lambda ending: st.text(max_size=5).map(lambda stem: stem + ending)
    ),
    content=st.binary(max_size=60)
    | st.sampled_from([JSON_LINES, TOKENS, WORDS, NEWSITEM, b"PAR1", b"E11 5 1\n", b"{" * 9999]),
)
def test_guess_is_a_format_or_an_error(name: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/{name.replace('/', '_')}"
        with suppress(OSError, ValueError):  # no file can have this name; a source may
            Path(path).write_bytes(content)
        for source in (path, name, folder):
            said = guessed(source)
            assert said in FORMATS or said.startswith(source)


def test_error_survives_a_pickle() -> None:
    error = InputError("cut off; fetch it again", source="a.csv", line=5, record="d7")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (InputError, "a.csv, d7, line 5: cut off; fetch it again")


_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
_NAMES = _TEXTS.map(str.strip).filter(bool)


@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    rows=st.lists(
        st.tuples(
            _TEXTS,
            st.lists(_NAMES, unique=True, max_size=4),
            _NAMES,
            st.sampled_from(["train", "test", None]),
        ),
        max_size=4,
    ),
    ending=st.sampled_from(["", ".gz", ".zst"]),
)
def test_json_lines_that_are_written_are_read_back(
    tmp_path: Path, rows: list[tuple[str, list[str], str, Split | None]], ending: str
) -> None:
    path = tmp_path / f"out.jsonl{ending}"
    documents = [
        Document(id_, text, tuple(labels), split, f"{path}, line {number}")
        for number, (text, labels, id_, split) in enumerate(rows, 1)
    ]
    jsonl_writer.write(documents, path)
    pack = {"": bytes, ".gz": gzip.compress, ".zst": zstd.compress}[ending]
    path.write_bytes(pack(path.read_bytes()))  # type: ignore[operator]
    assert list(FORMATS["jsonl"].read(str(path))) == documents
