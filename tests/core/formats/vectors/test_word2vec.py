"""word2vec's text format with its header line, which fastText writes too, and its binary one."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.errors import InputError
from core.formats.vectors import guess_format
from tests.core.formats.vectors.reading import PACKED, little_memory, pairs, written

TEXT = "3 2\n</s> 0.5 -1\ntide 1 2 \nNew York 3 4\n"
PAIRS = [("</s>", [0.5, -1.0]), ("tide", [1.0, 2.0]), ("New York", [3.0, 4.0])]


def binary(vectors: dict[str, list[float]], end: bytes = b"\n") -> bytes:
    """As word2vec writes it; gensim leaves out the line ends."""
    width = len(next(iter(vectors.values())))
    rows = [
        word.encode() + b" " + struct.pack(f"<{width}f", *numbers) + end
        for word, numbers in vectors.items()
    ]
    return f"{len(vectors)} {width}\n".encode() + b"".join(rows)


@pytest.mark.parametrize("suffix", PACKED)
def test_lines_after_the_header_are_words_and_numbers(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path, PACKED[suffix](TEXT.encode()), f"words.vec{suffix}")
    assert guess_format(str(path)).name == "word2vec"
    assert pairs(path) == PAIRS


def test_header_may_have_a_space_or_a_windows_end(tmp_path: Path) -> None:
    for number, head in enumerate(("3 2 \n", "3 2\r\n", "\ufeff3 2\n")):
        path = written(tmp_path, head + TEXT.partition("\n")[2], f"{number}.txt")
        assert pairs(path) == PAIRS


def test_one_dimension_is_enough_where_a_header_says_so(tmp_path: Path) -> None:
    assert pairs(written(tmp_path, "1 1\ntide 4\n", "a.txt")) == [("tide", [4.0])]


def test_file_in_a_zip_is_read(tmp_path: Path) -> None:
    path = tmp_path / "crawl.vec.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("crawl.vec", TEXT)
    assert guess_format(str(path)).name == "word2vec"
    assert pairs(path) == PAIRS


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        ("tide 1 2\n", 1, 'whose first line is "count dimensions"; without that line it may be'),
        ("", 1, 'whose first line is "count dimensions"'),
        ("3 2 1\n", 1, 'whose first line is "count dimensions"'),
        ("3 0\ntide\n", 1, "vectors of 0 dimensions"),
        ("3 10001\n", 1, "vectors of 10,001 dimensions; 1 to 10,000 are read"),
        ("4 2" + TEXT[3:], 4, "cut off: 3 words, but line 1 says 4; fetch the file again"),
        ("2 2" + TEXT[3:], 4, "more than the 2 words that line 1 says"),
        ("3 2\n", 1, "cut off: 0 words, but line 1 says 3"),
        (TEXT + "\n", 5, "more than the 3 words"),
        ("3 2\ntide 1\n", 2, "1 numbers, but line 1 has 2"),
        ("3 2\ntide 1 x\n", 2, "not a number"),
        ("3 2\n 1 2\n", 2, "numbers without a word"),
        ("3 2\ntide 1 inf\n", 2, "not finite"),
        (b"3 2\ntide 1 2\nwh\xe4le 1 2\n", 3, "not UTF-8"),
        (b"3 2\nwh\xe4le 1 2\n", 2, "not UTF-8"),
        (b"3 2\na\x01 1 nan\n", 2, "not finite"),
    ],
)
def test_bad_line_is_named_with_its_number(
    tmp_path: Path, content: str | bytes, line: int, problem: str
) -> None:
    path = written(tmp_path, content, "words.txt")
    with pytest.raises(InputError) as caught:
        pairs(path, "word2vec")
    assert str(caught.value).startswith(f"{path}, line {line}: ")
    assert problem in str(caught.value)


def test_dimensions_that_the_header_does_not_say_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 1: vectors of 2 dimensions, not 3"):
        pairs(written(tmp_path, TEXT, "words.txt"), dimensions=3)


@pytest.mark.parametrize("end", [b"\n", b""])
@pytest.mark.parametrize("name", ["vectors.bin", "vectors.txt", "vectors.bin.gz"])
@pytest.mark.parametrize("width", [1, 2, 300])
def test_binary_file_is_read(tmp_path: Path, name: str, width: int, end: bytes) -> None:
    words = {f"wé{i}": [0.1 * i + 0.01 * j for j in range(width)] for i in range(400)}
    data = binary(words, end)
    path = written(tmp_path, PACKED[".gz"](data) if name.endswith(".gz") else data, name)
    assert guess_format(str(path)).name == "word2vec"
    assert pairs(path) == [
        (word, [round(float(np.float32(number)), 4) for number in numbers])
        for word, numbers in words.items()
    ]


def test_binary_file_may_look_like_text_up_to_its_first_line_end(tmp_path: Path) -> None:
    path = written(tmp_path, b"2 2\ntide AAAAAA\nA\ngull \0\0\x80?\0\0\x80?\n", "vectors.bin")
    assert [word for word, _ in pairs(path)] == ["tide", "gull"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda data: data[:-9], "word 3: cut off or damaged: line 1 says 3 words of 2 numbers"),
        (lambda data: data + data[4:], "more than the 3 words"),
        (lambda data: data.replace(b"gull", b"g\xffll"), "word 2: 'utf-8' codec"),
        (lambda data: data.replace(b"gull", b""), "word 2: numbers without a word"),
        (lambda data: data[:-5] + b"\0\0\x80\x7f", "word 3: a number in it is not finite"),
    ],
)
def test_damaged_binary_file_is_named(
    tmp_path: Path, change: Callable[[bytes], bytes], problem: str
) -> None:
    data = binary({"tide": [0.1, 0.2], "gull": [0.3, 0.4], "ebb": [0.5, 0.6]})
    path = written(tmp_path, change(data), "vectors.bin")
    with pytest.raises(InputError, match=problem) as caught:
        pairs(path)
    assert str(caught.value).startswith(str(path))


def test_file_of_zeros_is_refused_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "vectors.bin"
    with path.open("wb") as file:
        file.write(b"3000000 300\n")
        file.truncate(2**30)
    with little_memory(), pytest.raises(InputError, match="word 1: cut off or damaged"):
        pairs(path)
