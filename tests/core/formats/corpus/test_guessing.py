"""Which format a source has, by its name and content."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from core.errors import HTransError
from core.formats.corpus import FORMATS, format_named, guess_format


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
        ("corpus.csv", "csv"),
        ("Corpus.CSV.zst", "csv"),
        ("corpus.tsv.gz", "tsv"),
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
    "name",
    [
        "corpus.txt",
        "jsonl",
        "other.tar.gz",
        "reut2-1.sgm",
        "icd10",
        "reuters21578.zip",
        "a.parquet",
        "a.xml",
        "5newsML.xml",
        "a.json",
        "a.dat",
        "a.qrels",
        "a.zip",
        "a.arrow",
        ".csv.bak",
    ],
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


def newsitem_archive() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("19960820/2286newsML.xml", "<newsitem/>")
    return made.getvalue()


def parquet_file() -> bytes:
    made = io.BytesIO()
    parquet.write_table(pyarrow.table({"text": ["Low tide."], "labels": [["sea"]]}), made)
    return made.getvalue()


FILES = {
    "reuters21578": ("reut2-000.sgm", b""),
    "rcv1-xml": ("rcv1.zip", newsitem_archive()),
    "lyrl2004": ("tokens.dat", b".I 5\n.W\ntide\n"),
    "parquet": ("train-00000", parquet_file()),
    "neuralclassifier": ("train.json", b'{"doc_label": [], "doc_token": []}\n'),
    "jsonl": ("train.json", b'{"text": "tide", "labels": []}\n'),
    "csv": ("train.csv", b"text,labels\n"),
    "tsv": ("train.tsv", b"text\tlabels\n"),
}


@pytest.mark.parametrize("format_name", FILES)
def test_file_and_folder_of_a_format_are_recognised(tmp_path: Path, format_name: str) -> None:
    name, content = FILES[format_name]
    for beside in ("README.md", "LICENSE", "notes.txt", ".hidden.csv", "labels.txt"):
        (tmp_path / beside).write_text("neither fish nor fowl\n")
    (tmp_path / name).write_bytes(content)
    (tmp_path / "sub").mkdir()
    assert guess_format(str(tmp_path / name)).name == format_name
    assert guess_format(str(tmp_path)).name == format_name


def test_tables_cover_every_format_but_the_embedded_one() -> None:
    assert {*FILES, "icd10cm"} == set(FORMATS)


@pytest.mark.parametrize("format_name", ["rcv1-xml", "parquet"])
def test_format_with_folders_is_recognised_one_folder_deeper(
    tmp_path: Path, format_name: str
) -> None:
    name, content = FILES[format_name]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / name).write_bytes(content)
    (tmp_path / "README.md").touch()
    assert guess_format(str(tmp_path)).name == format_name


def test_saved_dataset_is_not_taken_for_the_json_beside_it(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train"]}')
    assert guess_format(str(tmp_path)).name == "parquet"


def test_newsitem_alone_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "a.XML").write_bytes(b'<?xml version="1.0"?>\n<newsitem itemid="5"/>')
    assert guess_format(str(tmp_path / "a.XML")).name == "rcv1-xml"


def test_folder_of_other_things_is_unrecognised(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# Tides")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    with pytest.raises(HTransError, match="cannot tell the format"):
        guess_format(str(tmp_path))


@pytest.mark.parametrize("name", ["", "x" * 5000, "a\0b.csv.txt", "\ud800", "a/" * 3000, "~", "?*"])
def test_name_that_no_file_can_have_is_an_error_like_others(name: str) -> None:
    with pytest.raises(HTransError):
        guess_format(name and f"/nowhere/{name}")


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_found_by_its_name(name: str) -> None:
    assert format_named(name).name == name


def test_unknown_format_name_lists_the_known_ones() -> None:
    with pytest.raises(HTransError, match=r"no corpus format 'csvv'.*jsonl"):
        format_named("csvv")
