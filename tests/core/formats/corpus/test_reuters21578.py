"""Reuters-21578: SGML as distributed, in files, folders and archives."""

from __future__ import annotations

import io
import tarfile
from collections import Counter
from pathlib import Path

import pytest

from core.corpus.documents import Document
from core.errors import HTransError, InputError
from core.formats.corpus.reuters21578 import FORMAT
from tests.support.archives import archive, record

HEADER = '<!DOCTYPE lewis SYSTEM "lewis.dtd">\n'


def sgml(folder: Path, *records: str, name: str = "reut2-000.sgm") -> str:
    path = folder / name
    path.write_bytes((HEADER + "".join(records)).encode("latin-1"))
    return str(path)


def text_of(folder: Path, inside: str) -> str:
    [document] = FORMAT.read(sgml(folder, record(1, text=inside)))
    return document.text


def ids(source: str | Path) -> list[str]:
    return [document.id for document in FORMAT.read(str(source))]


def test_record_becomes_a_document(tmp_path: Path) -> None:
    text = (
        "<TEXT>&#2;\n<TITLE>COD LANDINGS RISE</TITLE>\n<AUTHOR>    by A. Writer</AUTHOR>\n"
        "<DATELINE>    BERGEN, Feb 26 - </DATELINE><BODY>Trawlers landed more cod.\n"
        "    Prices fell.\n Reuter\n&#3;</BODY></TEXT>"
    )
    source = sgml(tmp_path, record(1), record(14, topics=("fishmeal", "ship"), text=text))
    assert list(FORMAT.read(source))[1] == Document(
        id="14",
        text="COD LANDINGS RISE\n\nTrawlers landed more cod.\n    Prices fell.\n Reuter",
        labels=("fishmeal", "ship"),
        split="train",
        location=f"{source}, line 14",
    )


@pytest.mark.parametrize(
    ("stated", "split", "meant"),
    [
        ("YES", "TRAIN", "train"),
        ("YES", "TEST", "test"),
        ("YES", "NOT-USED", "unused"),
        ("NO", "TRAIN", "unused"),
        ("NO", "TEST", "unused"),
        ("BYPASS", "TRAIN", "unused"),
    ],
)
def test_split_is_modapte(tmp_path: Path, stated: str, split: str, meant: str) -> None:
    [document] = FORMAT.read(sgml(tmp_path, record(1, stated=stated, split=split)))
    assert document.split == meant


def test_places_are_no_topics_and_topics_count_once(tmp_path: Path) -> None:
    source = sgml(tmp_path, record(1), record(2, topics=("ship", "grain", "ship")))
    assert [document.labels for document in FORMAT.read(source)] == [(), ("ship", "grain")]


def test_entities_are_decoded_once(tmp_path: Path) -> None:
    text = "<TEXT><TITLE>B&amp;W &lt;BWX.O></TITLE><BODY>An &amp;lt; stays, 5 &gt; 4.</BODY></TEXT>"
    assert text_of(tmp_path, text) == "B&W <BWX.O>\n\nAn &lt; stays, 5 > 4."


def test_control_characters_disappear(tmp_path: Path) -> None:
    text = (
        "<TEXT><TITLE>A&#27;[2J\x1b]B</TITLE><BODY>one\ttwo\r\nthree\x7f\x9b\x00&#3;</BODY></TEXT>"
    )
    assert text_of(tmp_path, text) == "A[2J]B\n\none\ttwo\nthree"


def test_letters_are_latin_1(tmp_path: Path) -> None:
    assert text_of(tmp_path, "<TEXT><BODY>Tromsø</BODY></TEXT>") == "Tromsø"


def test_brief_record_without_body_keeps_title_and_what_is_there(tmp_path: Path) -> None:
    text = '<TEXT TYPE="BRIEF">&#2;\n******<TITLE>PORT CLOSED\n</TITLE>Ice in it.\n&#3;\n\n</TEXT>'
    assert text_of(tmp_path, text) == "PORT CLOSED\n\n******Ice in it."


def test_unprocessed_record_is_its_whole_text(tmp_path: Path) -> None:
    text = '<TEXT TYPE="UNPROC">&#2;\nTABLE OF <B>TIDES</B>\nhigh 3 &lt; 4\n&#3;</TEXT>'
    assert text_of(tmp_path, text) == "TABLE OF TIDES\nhigh 3 < 4"


def test_record_without_any_text_is_an_empty_document(tmp_path: Path) -> None:
    assert text_of(tmp_path, "<TEXT>&#2;\n</TEXT>") == ""


def test_folder_is_read_in_order_of_names_and_other_files_are_left(tmp_path: Path) -> None:
    sgml(tmp_path, record(2), record(3), name="reut2-001.sgm")
    sgml(tmp_path, record(1), name="reut2-000.sgm")
    sgml(tmp_path, record(9), name="other.sgm")
    (tmp_path / "README.txt").write_text("not a record", encoding="utf-8")
    assert ids(tmp_path) == ["1", "2", "3"]


def test_single_file_may_have_any_name(tmp_path: Path) -> None:
    assert ids(sgml(tmp_path, record(4), name="mine.sgm")) == ["4"]


@pytest.mark.parametrize(("mode", "name"), [("w", "reuters21578.tar"), ("w:gz", "r.tar.gz")])
def test_archive_is_read_like_its_files(tmp_path: Path, mode: str, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(archive(mode, HEADER + record(1), HEADER + record(2) + record(3)))
    found = list(FORMAT.read(str(path)))
    assert [document.id for document in found] == ["1", "2", "3"]
    assert found[2].location == f"{path}, reut2-001.sgm, line 14"


def test_links_and_other_members_of_an_archive_are_left(tmp_path: Path) -> None:
    path = tmp_path / "reuters21578.tar.gz"
    content = (HEADER + record(1)).encode()
    with tarfile.open(path, "w:gz") as tar:
        link = tarfile.TarInfo("reut2-000.sgm")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        for name in ("lewis.dtd", "reut2-001.sgm"):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    assert ids(path) == ["1"]


def test_last_record_that_does_not_end_is_named_with_its_line(tmp_path: Path) -> None:
    source = sgml(tmp_path, record(1), record(2)[:90])
    with pytest.raises(InputError, match="the record does not end") as caught:
        ids(source)
    assert str(caught.value).startswith(f"{source}, line 14: ")


def test_record_in_the_middle_that_does_not_end_is_named_with_its_line(tmp_path: Path) -> None:
    unended = record(2).removesuffix("</REUTERS>\n")
    source = sgml(tmp_path, record(1), unended, record(3))
    with pytest.raises(InputError, match="does not end") as caught:
        ids(source)
    assert str(caught.value).startswith(f"{source}, line 14: ")


def test_record_without_number_is_named(tmp_path: Path) -> None:
    source = sgml(tmp_path, record(1).replace("NEWID", "LASTID"))
    with pytest.raises(InputError, match=r"line 2: a record without NEWID"):
        ids(source)


def test_file_that_is_no_reuters_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "reut2-000.sgm"
    for content in ("", HEADER, "<html><body>Ships</body></html>"):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match="no Reuters-21578 record") as caught:
            ids(path)
        assert str(path) in str(caught.value)


def test_bad_file_of_a_folder_is_named(tmp_path: Path) -> None:
    sgml(tmp_path, record(1), name="reut2-000.sgm")
    bad = sgml(tmp_path, name="reut2-001.sgm")
    with pytest.raises(InputError) as caught:
        ids(tmp_path)
    assert str(caught.value).startswith(bad)


def test_folder_or_archive_without_reuters_files_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    empty = tmp_path / "reuters21578.tar.gz"
    empty.write_bytes(archive("w:gz"))
    for source in (folder, empty):
        with pytest.raises(InputError, match="reut2-0NN"):
            ids(source)


def test_archive_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "reuters21578.tar.gz"
    for content in (b"", b"\x1f\x8b\x08", b"<html>404 Not Found</html>", b"\x1f\x8b" + bytes(600)):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"reuters21578\.tar\.gz"):
            ids(path)


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "step"), [("w", 64), ("w:gz", 1)])
def test_archive_cut_anywhere_is_refused_or_whole(tmp_path: Path, mode: str, step: int) -> None:
    whole = archive(mode, *(HEADER + record(2 * i + 1) + record(2 * i + 2) for i in range(3)))
    path = tmp_path / "reuters21578.tar.gz"
    read_as: dict[str, list[int]] = {}
    for cut in range(0, len(whole), step):
        path.write_bytes(whole[:cut])
        try:
            outcome = f"{len(ids(path))} documents"
        except Exception as error:
            outcome = type(error).__name__
        read_as.setdefault(outcome, []).append(cut)
    assert set(read_as) <= {"InputError", "6 documents"}, read_as
    assert len(read_as["InputError"]) > len(whole) // step // 4


def test_member_that_claims_a_huge_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "reuters21578.tar"
    member = tarfile.TarInfo("reut2-000.sgm")
    member.size = 1 << 40
    path.write_bytes(member.tobuf() + (HEADER + record(1)).encode())
    with pytest.raises(InputError, match=r"reuters21578\.tar: not a whole tar archive"):
        ids(path)


def test_sgml_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "reut2-000.sgm"
    path.touch()
    with path.open("r+b") as file:
        file.truncate(2**40)
    for source in (path, tmp_path):
        with pytest.raises(InputError, match=r"reut2-000\.sgm: too large"):
            ids(source)


def test_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(HTransError, match=r"reuters21578\.tar\.gz: no such file or folder"):
        ids(tmp_path / "reuters21578.tar.gz")


@pytest.mark.real_data
def test_whole_collection_has_its_published_sizes(real_data: Path) -> None:
    source = real_data / "reuters21578" / "reuters21578.tar.gz"
    splits: Counter[str | None] = Counter()
    seen: set[str] = set()
    topics: set[str] = set()
    for document in FORMAT.read(str(source)):
        splits[document.split] += 1
        seen.add(document.id)
        if document.split == "train":
            topics.update(document.labels)
    assert len(seen) == splits.total() == 21_578
    assert splits["train"] == 9_603
    assert splits["test"] == 3_299
    assert len(topics) == 115
