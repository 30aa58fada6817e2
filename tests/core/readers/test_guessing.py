"""Which format a source has, by its name and content."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import HTransError
from core.readers import FORMATS, format_named, guess_format


@pytest.mark.parametrize(
    ("source", "format_name"),
    [
        ("corpus.jsonl", "jsonl"),
        ("corpus.NDJSON", "jsonl"),
        ("corpus.jsonl.gz", "jsonl"),
        ("corpus.ndjson.gz", "jsonl"),
        ("reut2-007.sgm", "reuters21578"),
        ("reuters21578.tar.gz", "reuters21578"),
        ("Reuters21578-copy.tgz", "reuters21578"),
        ("reuters21578.tar", "reuters21578"),
    ],
)
def test_name_of_a_file_says_the_format(tmp_path: Path, source: str, format_name: str) -> None:
    assert guess_format(source).name == format_name
    assert guess_format(str(tmp_path / source)).name == format_name


@pytest.mark.parametrize("source", ["icd10cm", "icd10cm:4,9"])
def test_embedded_corpus_is_known_by_its_name(source: str) -> None:
    assert guess_format(source).name == "icd10cm"


def test_folder_with_reuters_files_is_reuters(tmp_path: Path) -> None:
    (tmp_path / "README.txt").touch()
    (tmp_path / "reut2-000.sgm").touch()
    assert guess_format(str(tmp_path)).name == "reuters21578"


@pytest.mark.parametrize(
    "name", ["corpus.txt", "jsonl", "other.tar.gz", "reut2-1.sgm", "icd10", "reuters21578.zip"]
)
def test_unrecognised_source_is_named_with_the_formats_there_are(tmp_path: Path, name: str) -> None:
    source = str(tmp_path / name)
    Path(source).write_bytes(b"neither fish nor fowl")
    with pytest.raises(HTransError, match="cannot tell the format") as caught:
        guess_format(source)
    assert str(caught.value).startswith(source)
    assert all(format_name in str(caught.value) for format_name in FORMATS)


def test_folder_without_reuters_files_is_unrecognised(tmp_path: Path) -> None:
    (tmp_path / "notes.sgm").touch()
    with pytest.raises(HTransError, match="--format"):
        guess_format(str(tmp_path))


def test_every_format_is_found_by_its_name() -> None:
    for name in ("jsonl", "reuters21578", "icd10cm"):
        assert format_named(name).name == name


def test_unknown_format_name_lists_the_known_ones() -> None:
    with pytest.raises(HTransError, match=r"no corpus format 'csvv'.*jsonl"):
        format_named("csvv")
