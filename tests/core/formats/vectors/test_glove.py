"""GloVe's text format, plain, compressed and in its official zip."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from core.errors import HTransError, InputError
from core.formats.vectors import guess_format
from core.formats.vectors.text_lines import MAX_LINE_BYTES
from tests.core.formats.vectors.reading import PACKED, little_memory, pairs, written
from tests.support.glove_files import GLOVE, SHORTER, zipped

PAIRS = [("tide", [1.0, 2.5, -3.0]), ("gull", [0.4, 5.0, 6.0]), (",", [7.0, 8.0, 9.0])]


@pytest.mark.parametrize("suffix", PACKED)
def test_each_line_is_a_word_and_its_numbers(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path, PACKED[suffix](GLOVE.encode()), f"glove.txt{suffix}")
    assert guess_format(str(path)).name == "glove"
    assert pairs(path) == PAIRS


def test_line_may_end_as_on_windows_or_not_at_all(tmp_path: Path) -> None:
    path = written(tmp_path, GLOVE.replace("\n", "\r\n").rstrip(), "glove.txt")
    assert pairs(path) == PAIRS


def test_byte_order_mark_is_no_part_of_the_first_word(tmp_path: Path) -> None:
    assert pairs(written(tmp_path, "\ufeff" + GLOVE, "glove.txt")) == PAIRS


def test_word_may_hold_spaces(tmp_path: Path) -> None:
    lines = "tide 1 2 3\n. . . 4 5 6\nat name@domain.com 7 8 9\n"
    words = [word for word, _ in pairs(written(tmp_path, lines, "glove.txt"))]
    assert words == ["tide", ". . .", "at name@domain.com"]


def test_word_may_be_white_space_or_hold_control_characters(tmp_path: Path) -> None:
    lines = "tide 1 2\n\u00a0 3 4\n\u2028 5 6\n\x85 7 8\na\x00b 9 0\n\x1b[31m 1 1\n"
    words = [word for word, _ in pairs(written(tmp_path, lines, "glove.txt"))]
    assert words == ["tide", "\u00a0", "\u2028", "\x85", "a\x00b", "\x1b[31m"]


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        (GLOVE + "whale 1 2\n", 4, "2 numbers, but line 1 has 3"),
        (GLOVE + "\n", 4, "0 numbers, but line 1 has 3"),
        (GLOVE + " 1 2 3\n", 4, "numbers without a word"),
        (GLOVE + "whale 1 two 3\n", 4, "not a number"),
        (GLOVE + "whale 1 2 \n", 4, "not a number"),
        (GLOVE + "whale 1 2_0 3\n", 4, "not a number"),
        (GLOVE + "whale 1 ٣ 3\n", 4, "not a number"),
        (GLOVE + "whale 1 nan 3\n", 4, "not finite"),
        (GLOVE + "whale 1 -inf 3\n", 4, "not finite"),
        (GLOVE + "whale 1 1e50 3\n", 4, "not finite"),
        (GLOVE + f"{'w' * 1001} 1 2 3\n", 4, "a word of 1,001 characters; at most 1,000"),
        (GLOVE + f"whale {'1' * 2_000} 2 x\n", 4, "not a number"),
        pytest.param(
            GLOVE + "x" * (MAX_LINE_BYTES + 1), 4, "longer than 1,048,576 bytes", id="long"
        ),
        ("400000 100\n" + GLOVE, 1, "not a GloVe text file: this is word2vec's first line"),
        ("tide\n", 1, "not a GloVe text file"),
        ("\n" + GLOVE, 1, "not a GloVe text file"),
        pytest.param(
            "tide" + " 1" * 10_001, 1, "vectors of 10,001 dimensions; 1 to 10,000", id="wide"
        ),
        (b"tide 1 2 3\ngull 1 2 3\nwh\xe4le 1 2 3\n", 3, "not UTF-8 text at byte 2"),
        (b"tide 1 2 3\n\xed\xa0\x80 1 2 3\n", 2, "not UTF-8"),
    ],
)
def test_bad_line_is_named_with_its_number(
    tmp_path: Path, content: str | bytes, line: int, problem: str
) -> None:
    path = written(tmp_path, content, "glove.txt")
    with pytest.raises(InputError) as caught:
        pairs(path, "glove")
    assert str(caught.value).startswith(f"{path}, line {line}: ")
    assert problem in str(caught.value)
    assert len(str(caught.value)) < len(str(path)) + 200


def test_dimensions_that_the_file_does_not_have_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, GLOVE, "glove.txt")
    assert pairs(path, dimensions=3) == PAIRS
    with pytest.raises(InputError, match="line 1: vectors of 3 dimensions, not 50; leave"):
        pairs(path, dimensions=50)


@pytest.mark.parametrize(("suffix", "kind"), [(".gz", "gzip"), (".zst", "zstd")])
def test_truncated_file_is_named(tmp_path: Path, suffix: str, kind: str) -> None:
    lines = "".join(f"w{i} {i / 7} {i / 11}\n" for i in range(2_000))
    whole = PACKED[suffix](lines.encode())
    path = written(tmp_path, whole[: len(whole) // 2], f"glove.txt{suffix}")
    with pytest.raises(InputError, match=rf"line \d+: not a whole {kind} file"):
        pairs(path)


def test_plain_file_with_the_name_of_a_packed_one_is_named(tmp_path: Path) -> None:
    for suffix in (".gz", ".zst"):
        with pytest.raises(InputError, match="not a whole"):
            pairs(written(tmp_path, GLOVE, f"glove.txt{suffix}"))
    with pytest.raises(InputError, match="not a whole zip archive"):
        pairs(written(tmp_path, GLOVE, "glove.zip"))


def test_folder_is_no_text_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        pairs(tmp_path, "glove")


def test_line_of_a_gigabyte_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "glove.txt"
    with path.open("wb") as file:
        file.write(b"tide 1 2 3\n")
        file.truncate(2**30)
    with little_memory(), pytest.raises(InputError, match="line 2: longer than"):
        pairs(path)


class TestZip:
    """The official archive holds one file for each number of dimensions."""

    @pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
    def test_its_only_table_is_read(self, tmp_path: Path, method: int) -> None:
        path = zipped(tmp_path, {"glove.6B.3d.txt": GLOVE, "about.md": "x"}, method=method)
        assert guess_format(str(path)).name == "glove"
        assert pairs(path) == PAIRS

    def test_dimensions_choose_among_its_tables(self, tmp_path: Path) -> None:
        members = {"glove.6B.2d.txt": SHORTER, "glove.6B.3d.txt": GLOVE, "README.txt": "To read"}
        path = zipped(tmp_path, dict(members))
        assert guess_format(str(path)).name == "glove"
        assert pairs(path, dimensions=3) == PAIRS
        assert pairs(path, dimensions=2)[1] == ("gull", [3.0, 4.0])
        there = (
            r"choose one with --dimensions: glove.6B.2d.txt \(2 dimensions\), "
            r"glove.6B.3d.txt \(3 dimensions\), README.txt \(no vectors\)"
        )
        with pytest.raises(InputError, match=f"holds several tables; {there}"):
            pairs(path)
        with pytest.raises(InputError, match=f"0 tables fit; {there}"):
            pairs(path, dimensions=300)

    def test_the_table_beside_other_texts_needs_no_choice(self, tmp_path: Path) -> None:
        members = {"README.txt": "To read first", "t.txt": GLOVE, "__MACOSX/t.txt": "\0\0"}
        assert pairs(zipped(tmp_path, dict(members))) == PAIRS

    def test_bad_line_names_archive_file_and_line(self, tmp_path: Path) -> None:
        path = zipped(tmp_path, {"glove.6B.3d.txt": GLOVE + "whale 1\n"})
        with pytest.raises(InputError) as caught:
            pairs(path)
        assert str(caught.value).startswith(f"{path}, glove.6B.3d.txt, line 4: 1 numbers")

    def test_names_are_only_labels(self, tmp_path: Path) -> None:
        path = zipped(tmp_path / "..", {"../../climbed\n\x1b.txt": GLOVE}, f"{tmp_path.name}.zip")
        before = set(tmp_path.parent.rglob("*"))
        assert pairs(path) == PAIRS
        assert set(tmp_path.parent.rglob("*")) == before
        bad = zipped(tmp_path, {"../up\n\x1b.txt": GLOVE + "x\n"})
        with pytest.raises(InputError, match=r"\.\./up ␛\.txt, line 4") as caught:
            pairs(bad)
        assert str(caught.value).isprintable()

    def test_archive_without_a_text_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"holds no file of word vectors \(.txt or .vec\)"):
            pairs(zipped(tmp_path, {"a.csv": "x"}))
        with pytest.raises(InputError, match="line 1: not a GloVe text file"):
            pairs(zipped(tmp_path, {"README.txt": "tide\n"}))

    def test_bomb_is_refused_in_little_memory(self, tmp_path: Path) -> None:
        path = tmp_path / "bomb.zip"
        with (
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open("glove.txt", "w") as member,
        ):
            member.write(b"tide 1 2 3\n")
            for _ in range(64):
                member.write(bytes(2**20))
        assert path.stat().st_size < 100_000
        with little_memory(), pytest.raises(InputError, match=r"glove\.txt, line 2: longer than"):
            pairs(path)

    def test_encrypted_file_is_refused(self, tmp_path: Path) -> None:
        path = zipped(tmp_path, {"glove.txt": GLOVE})
        data = bytearray(path.read_bytes())
        data[data.index(b"PK\1\2") + 8] |= 1
        path.write_bytes(data)
        with pytest.raises(InputError, match="is encrypted; unpack it"):
            pairs(path)

    def test_broken_content_is_named(self, tmp_path: Path) -> None:
        path = zipped(tmp_path, {"glove.txt": GLOVE}, method=zipfile.ZIP_STORED)
        path.write_bytes(path.read_bytes().replace(b"gull 4e-1", b"gull 5e-1"))
        with pytest.raises(InputError, match=r"not a whole zip archive \(Bad CRC-32.*fetch it"):
            pairs(path)

    def test_size_that_lies_is_not_believed(self, tmp_path: Path) -> None:
        path = zipped(tmp_path, {"glove.txt": GLOVE})
        data = bytearray(path.read_bytes())
        struct.pack_into("<L", data, data.index(b"PK\1\2") + 24, 2**31 - 1)
        path.write_bytes(data)
        with little_memory():
            assert pairs(path) == PAIRS
        struct.pack_into("<L", data, data.index(b"PK\1\2") + 24, 11)
        path.write_bytes(data)
        with pytest.raises(InputError, match="Bad CRC-32"):
            pairs(path)

    def test_packing_that_is_broken_is_named(self, tmp_path: Path) -> None:
        path = zipped(tmp_path, {"glove.txt": GLOVE})
        data = bytearray(path.read_bytes())
        data[30 + len("glove.txt")] |= 0b110
        path.write_bytes(data)
        with pytest.raises(InputError, match=r"not a whole zip archive \(Error -3"):
            pairs(path)


@pytest.mark.real_data
def test_real_glove_file_reads(real_data: Path) -> None:
    from core.formats.vectors import read_vectors

    source = str(real_data / "glove.6B.100d.first60k.txt.gz")
    words = [word for word, _ in zip(read_vectors(source), range(200), strict=False)]
    assert [word for word, _ in words[:3]] == ["the", ",", "."]
    assert {len(vector) for _, vector in words} == {100}


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(HTransError, match=r"nothing\.txt: no such file"):
        pairs(tmp_path / "nothing.txt")
    with pytest.raises(InputError, match=r"nothing\.txt: cannot be read: No such file"):
        pairs(tmp_path / "nothing.txt", "glove")
    with pytest.raises(InputError, match=r"nothing\.zip: cannot be read: No such file"):
        pairs(tmp_path / "nothing.zip", "glove")
