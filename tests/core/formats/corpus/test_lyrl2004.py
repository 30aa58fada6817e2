"""RCV1-v2 as token files: what is read, and what is named when it cannot be."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from core.corpus.documents import Document
from core.errors import HTransError, InputError
from core.formats.corpus import guess_format
from core.formats.corpus.format import ReadingOptions
from core.formats.corpus.lyrl2004 import FORMAT

TOKENS = """.I 2286
.W
tide low gull
harbour

.I 26150
.W
ebb

.I 26151
.W
flood  flood
"""
QRELS = "E11 2286 1\nECAT 2286 1\nECAT 26151 1\nM11 99999 1\n"


def written(folder: Path, content: bytes | str, name: str) -> str:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def corpus(folder: Path, tokens: bytes | str = TOKENS, qrels: bytes | str = QRELS) -> str:
    """A token file with a qrels file beside it."""
    written(folder, qrels, "rcv1-v2.topics.qrels")
    return written(folder, tokens, "lyrl2004_tokens_train.dat")


def problem(source: str, options: ReadingOptions | None = None) -> str:
    with pytest.raises(InputError) as caught:
        list(FORMAT.read(source, options))
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_documents_have_their_tokens_topics_and_split(tmp_path: Path) -> None:
    source = corpus(tmp_path)
    assert list(FORMAT.read(source)) == [
        Document("2286", "tide low gull harbour", ("E11", "ECAT"), "train", f"{source}, line 1"),
        Document("26150", "ebb", (), "train", f"{source}, line 6"),
        Document("26151", "flood  flood", ("ECAT",), "test", f"{source}, line 10"),
    ]


def test_file_and_folder_are_known_by_the_first_line(tmp_path: Path) -> None:
    source = corpus(tmp_path, "\n" + TOKENS)
    written(tmp_path, "Tokens of newsitems.\n", "README.txt")
    assert guess_format(source).name == "lyrl2004"
    assert guess_format(str(tmp_path)).name == "lyrl2004"
    assert len(list(FORMAT.read(str(tmp_path)))) == 3


def test_token_files_of_a_folder_are_read_in_the_order_of_names(tmp_path: Path) -> None:
    corpus(tmp_path)
    written(tmp_path, ".I 5\n.W\na\n", "lyrl2004_tokens_test_pt0.dat")
    assert [document.id for document in FORMAT.read(str(tmp_path))][:2] == ["5", "2286"]


@pytest.mark.parametrize("name", ["tokens.dat.gz", "tokens.txt.GZ"])
def test_gzipped_files_read_like_plain_ones(tmp_path: Path, name: str) -> None:
    written(tmp_path, gzip.compress(QRELS.encode()), "rcv1-v2.topics.qrels.gz")
    source = written(tmp_path, gzip.compress(TOKENS.encode()), name)
    assert guess_format(source).name == "lyrl2004"
    assert [len(document.labels) for document in FORMAT.read(source)] == [2, 0, 1]


def test_windows_line_ends_and_byte_order_marks_do_no_harm(tmp_path: Path) -> None:
    def windows(content: str) -> bytes:
        return b"\xef\xbb\xbf" + content.replace("\n", "\r\n").encode()

    source = corpus(tmp_path, windows(TOKENS), windows(QRELS))
    assert guess_format(source).name == "lyrl2004"
    found = list(FORMAT.read(source))
    assert (found[0].text, found[0].labels) == ("tide low gull harbour", ("E11", "ECAT"))


def test_topics_come_from_the_file_that_is_named(tmp_path: Path) -> None:
    source = corpus(tmp_path)
    other = written(tmp_path, "C15 26150 1\n", "industries.qrels")
    found = list(FORMAT.read(source, ReadingOptions(label_file=Path(other))))
    assert [document.labels for document in found] == [(), ("C15",), ()]


def test_topics_are_preferred_to_other_qrels_files(tmp_path: Path) -> None:
    source = corpus(tmp_path)
    written(tmp_path, "I0 2286 1\n", "rcv1-v2.industries.qrels")
    written(tmp_path, "USA 2286 1\n", "rcv1-v2.regions.qrels")
    assert next(FORMAT.read(source)).labels == ("E11", "ECAT")


def test_without_one_qrels_file_the_option_is_named(tmp_path: Path) -> None:
    source = written(tmp_path, TOKENS, "tokens.dat")
    assert "has no qrels file" in problem(source)
    written(tmp_path, QRELS, "a.qrels")
    written(tmp_path, QRELS, "b.txt")
    assert problem(source) == (f"{tmp_path}: has several qrels files; name one with --label-file")


def test_qrels_file_that_is_named_among_the_sources_has_no_documents(tmp_path: Path) -> None:
    corpus(tmp_path)
    source = str(tmp_path / "rcv1-v2.topics.qrels")
    assert guess_format(source).name == "lyrl2004"
    assert list(FORMAT.read(source)) == []


def test_topic_that_is_stated_often_counts_once(tmp_path: Path) -> None:
    source = corpus(tmp_path, qrels=QRELS + "ECAT 2286 1\n" * 50_000)
    record = next(FORMAT.records(source, ReadingOptions()))
    assert record.content[-1] == ("E11", "ECAT")


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        ("tide\n" + TOKENS, "line 1: words before `.I <number>` and `.W`"),
        (".W\ntide\n" + TOKENS, "line 2: words before `.I <number>` and `.W`"),
        (".I 5\ntide\n", "line 2: words before"),
        (".I 5\n.Wtide\n", "line 2: words before"),
        (TOKENS + ".I x7\n.W\n", "line 13: not a line `.I <number>`"),
        (TOKENS + ".I\n.W\n", "line 13: not a line `.I <number>`"),
        (TOKENS + ".I -1\n", "line 13: not a line `.I <number>`"),
        (TOKENS + ".I 5 6\n", "line 13: not a line `.I <number>`"),
        (TOKENS + f".I {'9' * 5000}\n", "line 13: not a line `.I <number>`"),
        (TOKENS + ".I ²\n", "line 13: not a line `.I <number>`"),
    ],
)
def test_bad_line_of_tokens_is_named(tmp_path: Path, tokens: str, said: str) -> None:
    source = corpus(tmp_path, tokens)
    assert problem(source).startswith(f"{source}, {said}")


@pytest.mark.parametrize(
    "bad",
    [
        "E11 2286",
        "E11 x 1",
        "E11 2286 1 1",
        "E11 2286 0",
        "E11 ² 1",
        "E11 -5 1",
        "E11 5 2",
        f"E11 {'9' * 19} 1",
        "a\x1b[2Jb",
    ],
)
def test_bad_line_of_a_qrels_file_is_named(tmp_path: Path, bad: str) -> None:
    source = corpus(tmp_path, qrels=QRELS + "\n" + bad + "\n")
    said = problem(source)
    assert said.startswith(f"{tmp_path}/rcv1-v2.topics.qrels, line 6: not a line of a qrels file")
    assert "--label-file" in said


def test_qrels_file_without_end_is_refused(tmp_path: Path) -> None:
    source = corpus(tmp_path, qrels=QRELS + "x" * 5000)
    assert "line 5: longer than 4,000 bytes" in problem(source)


def test_document_with_more_topics_than_any_is_refused(tmp_path: Path) -> None:
    source = corpus(tmp_path, qrels="".join(f"T{i} 2286 1\n" for i in range(10_001)))
    assert "line 1: 10,001 labels; more than 10,000" in problem(source)


def test_tokens_that_are_not_utf_8_have_replacement_marks(tmp_path: Path) -> None:
    source = corpus(tmp_path, b".I 5\n.W\ncaf\xe9 a\0b\n", b"T\xe9\0 5 1\n")
    [document] = FORMAT.read(source)
    assert (document.text, document.labels) == ("caf\ufffd a\ufffdb", ("T\ufffd\ufffd",))


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(HTransError, match=r"none/tokens\.dat: no such file"):
        list(FORMAT.read(str(tmp_path / "none" / "tokens.dat")))
    with pytest.raises(HTransError, match=r"none/tokens\.dat: no such file"):
        list(FORMAT.records(str(tmp_path / "none" / "tokens.dat"), ReadingOptions()))
    named = ReadingOptions(label_file=tmp_path / "none.qrels")
    assert "none.qrels: cannot be read: No such file" in problem(corpus(tmp_path), named)


def test_empty_file_holds_no_document(tmp_path: Path) -> None:
    assert list(FORMAT.read(corpus(tmp_path, ""))) == []
