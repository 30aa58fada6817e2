"""The JSON lines of NeuralClassifier: what is read, and what is named when it cannot be."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from core.corpus.documents import Document
from core.errors import InputError
from core.formats.corpus import guess_format
from core.formats.corpus.neuralclassifier import FORMAT


def line(**fields: Any) -> str:
    usual = {"doc_label": ["Sea--Tide", "Sky"], "doc_token": ["low", "tide"], "doc_keyword": []}
    return json.dumps({**usual, **fields}, ensure_ascii=False) + "\n"


def written(folder: Path, content: bytes | str, name: str = "train.json") -> str:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def test_tokens_are_the_text_and_labels_may_be_paths(tmp_path: Path) -> None:
    source = written(tmp_path, line() + "\n" + line(doc_label=[], doc_token=["引き潮", "🌊"]))
    assert list(FORMAT.read(source)) == [
        Document("train.json:1", "low tide", ("Sea--Tide", "Sky"), None, f"{source}, line 1"),
        Document("train.json:3", "引き潮 🌊", (), None, f"{source}, line 3"),
    ]


@pytest.mark.parametrize("name", ["a.json", "a.txt", "a.jsonl", "a.NDJSON", "a.json.gz"])
def test_file_is_known_by_the_fields_of_its_first_line(tmp_path: Path, name: str) -> None:
    content = ("\n" + line()).encode()
    source = written(tmp_path, gzip.compress(content) if name.endswith("gz") else content, name)
    assert guess_format(source).name == "neuralclassifier"
    assert len(list(FORMAT.read(source))) == 1


def test_first_line_may_be_longer_than_what_is_looked_at(tmp_path: Path) -> None:
    source = written(tmp_path, line(doc_token=["tide"] * 50_000))
    assert guess_format(source).name == "neuralclassifier"


def test_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    written(tmp_path, line(), "rcv_test.json")
    written(tmp_path, line(), "rcv_dev.json")
    written(tmp_path, "Root\tSea\tSky\n", "rcv.taxonomy")
    written(tmp_path, "# Tides\n", "README.txt")
    assert guess_format(str(tmp_path)).name == "neuralclassifier"
    found = list(FORMAT.read(str(tmp_path)))
    assert [document.id for document in found] == ["rcv_dev.json:1", "rcv_test.json:1"]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ('{"doc_token": []}', '"doc_label" is missing or is not a list of strings'),
        ('{"doc_label": []}', '"doc_token" is missing or is not a list of strings'),
        (line(doc_token="low tide"), '"doc_token" is missing or is not a list of strings'),
        (line(doc_token=["low", 5]), '"doc_token" is missing or is not a list of strings'),
        (line(doc_label=["Sea", None]), '"doc_label" is missing or is not a list of strings'),
        (line(doc_label=["Sea", " "]), "an empty label; remove it"),
        (line(doc_label=["x" * 1001]), "a label of 1,001 characters"),
        (line(doc_label=[str(i) for i in range(10_001)]), "10,001 labels; more than 10,000"),
        ("[]", "not a JSON object"),
        ("{", "not JSON"),
    ],
)
def test_bad_line_is_named_with_its_number(tmp_path: Path, bad: str, said: str) -> None:
    source = written(tmp_path, line() + bad)
    with pytest.raises(InputError) as caught:
        list(FORMAT.read(source))
    assert str(caught.value).startswith(f"{source}, line 2: ")
    assert said in str(caught.value)


def test_lone_surrogates_and_nul_become_replacement_marks(tmp_path: Path) -> None:
    source = written(tmp_path, r'{"doc_label": ["a\u0000"], "doc_token": ["\ud800", "\u0000"]}')
    [document] = FORMAT.read(source)
    assert (document.text, document.labels) == ("? \ufffd", ("a\ufffd",))
