"""Reuters Corpus Volume 1: newsitems in archives and folders, whole, damaged and made to harm."""

from __future__ import annotations

import io
import random
import struct
import time
import tracemalloc
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from itertools import count
from pathlib import Path

import pytest

from core.corpus.documents import Document
from core.errors import HTransError, InputError
from core.formats.corpus import guess_format
from core.formats.corpus.rcv1_xml import FORMAT

MIB = 2**20


def newsitem(
    number: int | str = 2286,
    topics: tuple[str, ...] = ("E11", "ECAT"),
    *,
    head: str = "<title>NORWAY: Tides.</title>\n<headline>Tides turn.</headline>",
    text: str = "<p>The tide is low.</p>\n<p>Gulls\ncry.</p>",
    prolog: str = '<?xml version="1.0" encoding="iso-8859-1" ?>\n',
    day: str = "1996-08-20",
) -> bytes:
    """A newsitem as it is distributed."""
    codes = "".join(
        f'  <code code="{topic}">\n    <editdetail attribution="A" date="1996"/>\n  </code>\n'
        for topic in topics
    )
    return (
        f'{prolog}<newsitem itemid="{number}" id="root" date="{day}" xml:lang="en">\n'
        f"{head}\n<dateline>OSLO 1996-08-20</dateline>\n<text>\n{text}\n</text>\n"
        "<copyright>(c) A. Writer 1996</copyright>\n<metadata>\n"
        '<codes class="bip:countries:1.0">\n  <code code="NOR"/>\n</codes>\n'
        '<codes class="bip:industries:1.0">\n  <code code="I0100"/>\n</codes>\n'
        f'<codes class="bip:topics:1.0">\n{codes}</codes>\n'
        '<dc element="dc.publisher" value="A. Publisher"/>\n</metadata>\n</newsitem>\n'
    ).encode("latin-1")


def written(folder: Path, content: bytes, name: str = "2286newsML.xml") -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return str(path)


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that occur twice
        for name, content in members:
            archive.writestr(name, content)
    return made.getvalue()


def of(*numbers: int) -> bytes:
    return zipped(*((f"{number}newsML.xml", newsitem(number)) for number in numbers))


def ids(source: str | Path) -> list[str]:
    return [document.id for document in FORMAT.read(str(source))]


def problem(source: str | Path) -> str:
    """What is said of a source, which is one short line that begins with its name."""
    with pytest.raises(InputError) as caught:
        ids(source)
    said = str(caught.value)
    assert said.startswith(str(source))
    assert said.isprintable()
    assert len(said) < len(str(source)) + 400
    return said.removeprefix(str(source))


@contextmanager
def bounded(mebibytes: int, seconds: float = 5) -> Iterator[None]:
    """What runs inside takes no more memory and time than that."""
    tracemalloc.start()
    began = time.process_time()
    yield
    assert time.process_time() - began < seconds
    assert tracemalloc.get_traced_memory()[1] < mebibytes * MIB
    tracemalloc.stop()


def test_newsitem_becomes_a_document(tmp_path: Path) -> None:
    source = written(tmp_path, newsitem())
    assert list(FORMAT.read(source)) == [
        Document(
            "2286",
            "Tides turn.\n\nThe tide is low.\nGulls\ncry.",
            ("E11", "ECAT"),
            "train",
            source,
            date(1996, 8, 20),
        )
    ]


def test_title_stands_for_a_headline_that_is_missing(tmp_path: Path) -> None:
    source = written(tmp_path, newsitem(head="<title>Tides.</title><headline> </headline>"))
    assert [document.text.split("\n")[0] for document in FORMAT.read(source)] == ["Tides."]
    bare = written(tmp_path, newsitem(7, head="", text="", day=""))
    [document] = FORMAT.read(bare)
    assert (document.id, document.text, document.date) == ("7", "", None)


def test_letters_are_those_of_the_encoding_that_is_stated(tmp_path: Path) -> None:
    for encoding in ("iso-8859-1", "windows-1252", "utf-8", "utf-16"):
        content = newsitem(text="<p>Tromsø, 5 &lt; 6 &amp; &#233;\xa0é</p>", head="")
        content = content.decode("latin-1").replace("iso-8859-1", encoding).encode(encoding)
        [document] = FORMAT.read(written(tmp_path, content))
        assert document.text == "Tromsø, 5 < 6 & é\xa0é"


@pytest.mark.parametrize(
    ("number", "split"), [(1, "train"), (26150, "train"), (26151, "test"), (810936, "test")]
)
def test_split_is_that_of_the_number(tmp_path: Path, number: int, split: str) -> None:
    assert next(FORMAT.read(written(tmp_path, newsitem(number)))).split == split


def test_only_topics_are_labels_and_count_once(tmp_path: Path) -> None:
    source = written(tmp_path, newsitem(topics=("GCAT", " ", "", "E11", "GCAT")))
    assert [document.labels for document in FORMAT.read(source)] == [("GCAT", "E11")]
    assert next(FORMAT.read(written(tmp_path, newsitem(topics=())))).labels == ()


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_archive_is_read_in_the_order_of_numbers(tmp_path: Path, method: int) -> None:
    members = [(f"{number}newsML.xml", newsitem(number)) for number in (30000, 5, 2286)]
    members += [("19960820/7NEWSML.XML", newsitem(7)), ("d\\9newsML.xml", newsitem(9))]
    others = [("readme.txt", b"no"), ("__MACOSX/._5newsML.xml", b"\0"), ("5newsML.xml.bak", b"")]
    source = written(tmp_path, zipped(*members, *others, method=method), "19960820.ZIP")
    assert guess_format(source).name == "rcv1-xml"
    assert ids(source) == ["5", "7", "9", "2286", "30000"]
    assert next(FORMAT.read(source)).location == f"{source}, 5newsML.xml"


def test_folders_and_archives_are_found_at_any_depth(tmp_path: Path) -> None:
    written(tmp_path, of(10, 9), "disk1/19960820.zip")
    written(tmp_path, of(11), "disk1/19960821.zip")
    for number in (1, 12, 3):
        written(tmp_path, newsitem(number), f"disk2/19960901/{number}newsML.xml")
    written(tmp_path, newsitem(4), "disk2/4newsML.xml")
    written(tmp_path, b"# Tides", "README.md")
    written(tmp_path, zipped(("topic_codes.txt", b"E11 TIDES")), "disk1/codes.zip")
    written(tmp_path, b"\0", "disk1/._19960820.zip")
    written(tmp_path, b"\0", "disk2/._4newsML.xml")
    (tmp_path / "disk2" / "loop").symlink_to(tmp_path)
    (tmp_path / "disk2" / "5newsML.xml").mkdir()
    (tmp_path / "disk2" / "6newsML.xml").symlink_to(tmp_path / "gone")
    assert ids(tmp_path) == ["9", "10", "11", "4", "1", "3", "12"]
    for folder in ("disk1", "disk2", "disk2/19960901"):
        assert guess_format(str(tmp_path / folder)).name == "rcv1-xml"
    assert guess_format(str(tmp_path)).name == "rcv1-xml"


def test_folder_and_archive_without_newsitems_are_errors(tmp_path: Path) -> None:
    assert "no archive or file of newsitems in this folder" in problem(tmp_path)
    empty = written(tmp_path, zipped(("readme.txt", b"no")), "a.zip")
    assert "no <id>newsML.xml in this archive" in problem(empty)
    assert "no <id>newsML.xml" in problem(written(tmp_path, zipped(), "a.zip"))


def test_archive_that_is_cut_off_is_not_passed_over(tmp_path: Path) -> None:
    written(tmp_path, of(1, 2), "a.zip")
    whole = of(3, 4)
    for cut in (0, 1, 30, len(whole) // 2, len(whole) - 1):
        source = written(tmp_path, whole[:cut], "b.zip")
        assert "not a whole zip archive" in problem(source)
        with pytest.raises(InputError, match="not a whole zip archive"):
            ids(tmp_path)


def test_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(HTransError, match=r"rcv1\.zip: no such file or folder"):
        ids(tmp_path / "rcv1.zip")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", ", line 1: no readable XML (no element found"),
        (b"\0\0\0\0", "no readable XML"),
        (newsitem()[:600], "no readable XML"),
        (newsitem(text="<p>a & b</p>"), ", line 7: no readable XML (not well-formed"),
        (newsitem(text="<p>&nbsp;</p>"), "no readable XML (undefined entity"),
        (newsitem().replace(b"iso-8859-1", b"utf-8").replace(b"T", b"\xe9"), "no readable XML"),
        (newsitem().replace(b"iso-8859-1", b"utf-7"), "no readable "),
        (newsitem().replace(b"iso-8859-1", b"none-such"), "no readable "),
        (newsitem().replace(b"iso-8859-1", b"zlib_codec"), "no readable "),
        (b"<news itemid='5'/>", "no element <newsitem> with a number as itemid"),
        (newsitem(number=""), "no element <newsitem> with a number"),
        (newsitem(number="²"), "no element <newsitem> with a number"),
        (newsitem(number="-5"), "no element <newsitem> with a number"),
        (newsitem(number="9" * 5000), "no element <newsitem> with a number"),
        (newsitem(day="20 August"), "'20 August' is no date"),
        (newsitem(topics=("x" * 1001,)), "a label of 1,001 characters"),
        (b"<a " + b"x" * 17 * MIB, "more than 16 MiB are no newsitem"),
    ],
    ids=count(),
)
def test_bad_newsitem_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    assert said in problem(written(tmp_path, content))
    source = written(tmp_path, zipped(("9newsML.xml", content)), "a.zip")
    assert said in problem(source)
    assert problem(source).startswith(", 9newsML.xml")


def test_document_type_without_declarations_does_no_harm(tmp_path: Path) -> None:
    prolog = '<?xml version="1.0"?>\n<!DOCTYPE newsitem SYSTEM "http://127.0.0.1:9/newsML.dtd">\n'
    assert ids(written(tmp_path, newsitem(prolog=prolog))) == ["2286"]


BOMB = "".join(f'<!ENTITY a{i + 1} "{f"&a{i};" * 10}">' for i in range(12))


@pytest.mark.parametrize(
    "declared",
    [
        f'<!ENTITY a0 "tide">{BOMB}',
        f'<!ENTITY a12 "{"tide" * 100_000}">',
        '<!ENTITY a12 SYSTEM "{secret}">',
        '<!ENTITY % a SYSTEM "{secret}"> %a;',
    ],
    ids=count(),
)
def test_declarations_are_refused_before_they_do_anything(tmp_path: Path, declared: str) -> None:
    secret = written(tmp_path, b"password", "secret.txt")
    prolog = f"<!DOCTYPE newsitem [{declared.replace('{secret}', secret)}]>"
    source = written(tmp_path, newsitem(prolog=prolog, text="<p>&a12;</p>" * 5000))
    with bounded(20, 1):
        said = problem(source)
    assert "EntitiesForbidden" in said
    assert "password" not in said


def test_member_that_unpacks_to_more_than_a_newsitem_is_refused(tmp_path: Path) -> None:
    content = newsitem(text=f"<p>{'tide ' * 4 * MIB}</p>")
    source = written(tmp_path, zipped(("5newsML.xml", content)), "a.zip")
    assert Path(source).stat().st_size < MIB
    with bounded(60):
        assert "5newsML.xml: more than 16 MiB are no newsitem" in problem(source)


def entry(archive: bytes, offset: int, form: str, value: int) -> bytes:
    """The archive with another value in the only entry of its central directory."""
    at = archive.index(b"PK\x01\x02") + offset
    size = struct.calcsize(form)
    return archive[:at] + struct.pack(form, value) + archive[at + size :]


@pytest.mark.parametrize("size", [0, 1, 100, 17 * MIB, 2**32 - 1])
def test_size_that_lies_is_found_out(tmp_path: Path, size: int) -> None:
    long = zipped(("5newsML.xml", newsitem(text=f"<p>{'tide ' * 4 * MIB}</p>")))
    with bounded(60):
        problem(written(tmp_path, entry(long, 24, "<I", size), "a.zip"))
    short = written(tmp_path, entry(zipped(("5newsML.xml", newsitem())), 24, "<I", size), "b.zip")
    if size <= 100:
        assert "Bad CRC-32" in problem(short) or not size
    else:  # it is whole, whatever is said of it
        assert ids(short) == ["2286"]


@pytest.mark.parametrize(
    ("offset", "form", "value", "said"),
    [
        (16, "<I", 7, "5newsML.xml: cannot be unpacked (Bad CRC-32"),
        (8, "<H", 1, "5newsML.xml: cannot be unpacked (File '5newsML.xml' is encrypted"),
        (8, "<H", 0x20, "5newsML.xml: cannot be unpacked (compressed patched data"),
        (10, "<H", 99, "5newsML.xml: cannot be unpacked (That compression method"),
        (20, "<I", 20, "5newsML.xml: cannot be unpacked"),
        (42, "<I", 2**31, "5newsML.xml: cannot be unpacked"),
        (42, "<I", 7, "5newsML.xml: cannot be unpacked"),
        (6, "<H", 255, "not a whole zip archive (zip file version 25.5"),
    ],
)
def test_damaged_entry_is_named(
    tmp_path: Path, offset: int, form: str, value: int, said: str
) -> None:
    archive = entry(zipped(("5newsML.xml", newsitem())), offset, form, value)
    assert said in problem(written(tmp_path, archive, "a.zip"))


def test_names_that_climb_out_are_only_names(tmp_path: Path) -> None:
    names = ("../../x/123newsML.xml", "/etc/124newsML.xml", "a\n\x1b[2J/125newsML.xml")
    content = zipped(*((name, newsitem(5)) for name in names))
    source = written(tmp_path, content, "folder/a.zip")
    assert ids(source) == ["5", "5", "5"]
    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "a.zip"]
    bad = written(tmp_path, zipped((names[2], b"")), "folder/a.zip")
    assert problem(bad).startswith(", a ␛[2J/125newsML.xml, line 1")


def test_flipped_bytes_never_end_in_anything_but_an_error(tmp_path: Path) -> None:
    whole = of(5, 6)
    chance = random.Random(7)
    central = whole.index(b"PK\x01\x02")
    outcomes = {"error": 0, "documents": 0}
    for round_ in range(400):
        content = bytearray(whole)
        begin = central if round_ % 2 else 0
        for _ in range(chance.randint(1, 3)):
            content[chance.randrange(begin, len(content))] = chance.choice([0, 1, 127, 128, 255])
        source = written(tmp_path, bytes(content), "a.zip")
        try:
            assert set(ids(source)) <= {"5", "6"}
            outcomes["documents"] += 1
        except InputError as error:
            assert str(error).startswith(source)  # noqa: PT017 — either outcome is right
            assert str(error).isprintable()  # noqa: PT017
            outcomes["error"] += 1
    assert min(outcomes.values()) > 20


def test_newsitem_with_too_many_topics_is_refused(tmp_path: Path) -> None:
    source = written(tmp_path, newsitem(topics=tuple(f"{i:x}" for i in range(10_001))))
    assert "10,001 labels; more" in problem(source)


def test_text_inside_other_elements_is_read(tmp_path: Path) -> None:
    source = written(tmp_path, newsitem(text="<p>Low <b>tide</b> now.</p><div><p>Gulls.</p></div>"))
    assert next(FORMAT.read(source)).text.endswith("\n\nLow tide now.\nGulls.")


def test_newsitem_that_vanishes_is_an_error(tmp_path: Path) -> None:
    source = written(tmp_path, newsitem())
    documents = FORMAT.read(str(tmp_path))
    written(tmp_path, newsitem(), "9999newsML.xml")
    assert next(documents).id == "2286"
    Path(source).unlink()
    (tmp_path / "9999newsML.xml").unlink()
    with pytest.raises(InputError, match=r"9999newsML\.xml: cannot be read"):
        next(documents)
