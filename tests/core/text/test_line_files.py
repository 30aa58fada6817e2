"""Lines of files that may be compressed."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import InputError
from core.text.line_files import lines_of, opened, without_compression

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CONTENT = b"tide\r\n\n\xff\0gull\nlast"
LINES = [(1, b"tide\r\n"), (2, b"\n"), (3, b"\xff\0gull\n"), (4, b"last")]
PACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": zstd.compress,
}


def written(folder: Path, ending: str, content: bytes) -> Path:
    path = folder / f"made.txt{ending}"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("ending", ["", ".gz", ".zst", ".GZ", ".Zst"])
def test_lines_are_the_same_however_the_file_is_packed(tmp_path: Path, ending: str) -> None:
    path = written(tmp_path, ending, PACK[ending.lower()](CONTENT))
    assert list(lines_of(path)) == LINES
    with opened(path) as file:
        assert file.read(5) == b"tide\r"


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_packed_files_one_after_the_other_are_one(tmp_path: Path, ending: str) -> None:
    pack = PACK[ending]
    path = written(tmp_path, ending, pack(CONTENT[:10]) + pack(CONTENT[10:]))
    assert list(lines_of(path)) == LINES


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_file_that_is_cut_off_is_named_with_the_line(tmp_path: Path, ending: str) -> None:
    whole = PACK[ending](b"".join(b"%d\n" % (i * i) for i in range(50_000)))
    lines = lines_of(written(tmp_path, ending, whole[: len(whole) * 3 // 4]))
    read = 0
    with pytest.raises(InputError, match=r"line \d+: not a whole (gzip|zstd) file") as caught:
        for read, _ in lines:  # noqa: B007 — the last is looked at
            pass
    assert f"made.txt{ending}, line {read + 1}: " in str(caught.value)
    assert read > 1000


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_every_cut_and_flip_is_an_error_or_the_same_lines(tmp_path: Path, ending: str) -> None:
    whole = PACK[ending](CONTENT)
    for at in range(1, len(whole)):
        for bad in (whole[:at], whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :]):
            path = written(tmp_path, ending, bad)
            try:
                list(lines_of(path))
            except InputError as error:
                assert str(error).startswith(str(path))  # noqa: PT017 — either outcome is right
                assert str(error).isprintable()  # noqa: PT017


@pytest.mark.parametrize("ending", [".gz", ".zst"])
@pytest.mark.parametrize("content", [b"x", CONTENT, b"\x1f\x8b", b"\x28\xb5\x2f\xfd", bytes(99)])
def test_file_that_is_not_packed_is_named(tmp_path: Path, ending: str, content: bytes) -> None:
    path = written(tmp_path, ending, content)
    with pytest.raises(InputError, match=r"line 1: not a whole (gzip|zstd) file \("):
        list(lines_of(path))


def test_line_of_just_the_longest_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, "", b"a\n" + b"x" * 9 + b"\n" + b"y" * 10)
    assert [len(line) for _, line in lines_of(path, 10)] == [2, 10, 10]
    with pytest.raises(InputError, match=r"made\.txt, line 2: longer than 9 bytes; "):
        list(lines_of(path, 9))


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.gz"):
        with pytest.raises(InputError, match="cannot be read: "):
            list(lines_of(path))


def test_empty_file_has_no_lines(tmp_path: Path) -> None:
    assert list(lines_of(written(tmp_path, "", b""))) == []
    assert list(lines_of(written(tmp_path, ".gz", gzip.compress(b"")))) == []


def test_ending_of_compression_is_taken_off() -> None:
    assert without_compression("A/Corpus.CSV.GZ") == "a/corpus.csv"
    assert without_compression("a.jsonl.zst") == "a.jsonl"
    assert without_compression("a.gz.gz") == "a.gz"
    assert without_compression("a.csv") == "a.csv"
