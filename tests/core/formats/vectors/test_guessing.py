"""Which format a source is taken for; that of each kind of file is tested beside its reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import HTransError
from core.formats.vectors import FORMATS, guess_format, read_vectors
from tests.core.formats.vectors.reading import pairs, written

ROW = "tide 1 2\n"


@pytest.mark.parametrize("name", ["glove", "glove.6B.100d", "a.bin", "a.gz.old"])
def test_text_of_any_name_is_known_by_its_first_line(tmp_path: Path, name: str) -> None:
    assert guess_format(str(written(tmp_path, ROW, name))).name == "glove"
    assert guess_format(str(written(tmp_path, "1 2\n" + ROW, name))).name == "word2vec"


@pytest.mark.parametrize("content", ["", "tide\n", "tide x y\n", b"\xff\x00"])
def test_text_file_without_a_header_is_read_as_glove(tmp_path: Path, content: str | bytes) -> None:
    path = written(tmp_path, content, "words.txt")
    assert guess_format(str(path)).name == "glove"


@pytest.mark.parametrize("name", ["words", "words.pdf", "words.tar.gz"])
def test_what_nobody_knows_is_an_error_that_lists_the_formats(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, b"\x1f\x8b nothing" if not name.endswith("gz") else b"", name)
    if name.endswith("gz"):
        import gzip

        path.write_bytes(gzip.compress(b"nothing"))
    with pytest.raises(HTransError, match=r"--format \(glove, word2vec, spacy, npm\)"):
        guess_format(str(path))


def test_empty_folder_is_no_format(tmp_path: Path) -> None:
    with pytest.raises(HTransError, match="cannot tell the format"):
        guess_format(str(tmp_path))


def test_format_that_is_named_is_taken(tmp_path: Path) -> None:
    path = written(tmp_path, "1 2\ntide 1 2\n", "words.txt")
    assert pairs(path) == [("tide", [1.0, 2.0])]
    with pytest.raises(HTransError, match="line 1: not a GloVe text file"):
        pairs(path, "glove")
    with pytest.raises(HTransError, match="no format of vectors 'fasttext'; known are glove, word"):
        pairs(path, "fasttext")


@pytest.mark.parametrize("source", ["", ".", "a\0b", "x" * 300, "/dev/null/x", "\udc80", "no_such"])
@pytest.mark.parametrize("format_name", [None, *FORMATS])
def test_name_that_no_file_can_have_is_an_error(source: str, format_name: str | None) -> None:
    with pytest.raises(HTransError):
        list(read_vectors(source, format_name))


def test_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.symlink_to(path)
    with pytest.raises(HTransError, match=r"words\.txt: "):
        pairs(path)
