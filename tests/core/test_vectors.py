"""Word vectors: read, stored, and looked up for a vocabulary."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import CorruptFileError, HTransError, InputError
from core.tokens import PADDING, UNKNOWN, Vocabulary
from core.vectors import (
    RANDOM_SCALE,
    Coverage,
    WordVectors,
    embedding_matrix,
    read_glove,
    store_vectors,
    vector_coverage,
)

GLOVE = "tide 1 2.5 -3\ngull 4e-1 5 6\n, 7 8 9\n"


def written(folder: Path, content: str | bytes, name: str = "glove.txt") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def pairs(path: Path) -> list[tuple[str, list[float]]]:
    return [(word, [round(float(x), 4) for x in vector]) for word, vector in read_glove(path)]


def stored(folder: Path, *words: str) -> WordVectors:
    """Vectors of three numbers; the n-th word has n, n and n."""
    lines = "".join(f"{word} {n} {n} {n}\n" for n, word in enumerate(words, start=1))
    target = folder / f"vectors-{'-'.join(words)}"
    store_vectors(read_glove(written(folder, lines)), target)
    return WordVectors(target, 3)


def test_each_line_is_a_word_and_its_numbers(tmp_path: Path) -> None:
    path = written(tmp_path, GLOVE)
    assert pairs(path) == [
        ("tide", [1.0, 2.5, -3.0]),
        ("gull", [0.4, 5.0, 6.0]),
        (",", [7.0, 8.0, 9.0]),
    ]
    assert {vector.dtype for _, vector in read_glove(path)} == {np.dtype(np.float32)}


def test_gzipped_file_reads_like_a_plain_one(tmp_path: Path) -> None:
    packed = written(tmp_path, gzip.compress(GLOVE.encode()), "glove.txt.gz")
    assert pairs(packed) == pairs(written(tmp_path, GLOVE))


def test_line_may_end_as_on_windows_or_not_at_all(tmp_path: Path) -> None:
    path = written(tmp_path, GLOVE.replace("\n", "\r\n").rstrip())
    assert pairs(path) == pairs(written(tmp_path, GLOVE, "plain.txt"))


def test_word_may_hold_spaces(tmp_path: Path) -> None:
    path = written(tmp_path, "tide 1 2 3\n. . . 4 5 6\nat name@domain.com 7 8 9\n")
    assert [word for word, _ in pairs(path)] == ["tide", ". . .", "at name@domain.com"]


def test_word_may_be_any_other_white_space(tmp_path: Path) -> None:
    path = written(tmp_path, "tide 1 2\n\u00a0 3 4\n\u2028 5 6\n\x85 7 8\n")
    assert [word for word, _ in pairs(path)] == ["tide", "\u00a0", "\u2028", "\x85"]


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        (GLOVE + "whale 1 2\n", 4, "2 numbers, but line 1 has 3"),
        (GLOVE + "\n", 4, "0 numbers, but line 1 has 3"),
        (GLOVE + " 1 2 3\n", 4, ""),
        (GLOVE + "whale 1 two 3\n", 4, "not a number"),
        (GLOVE + "whale 1 2 \n", 4, "not a number"),
        (GLOVE + "whale 1 nan 3\n", 4, "not finite"),
        (GLOVE + "whale 1 -inf 3\n", 4, "not finite"),
        ("400000 100\n" + GLOVE, 1, "not a GloVe text file"),
        ("tide\n", 1, "not a GloVe text file"),
        ("\n" + GLOVE, 1, "not a GloVe text file"),
        (b"tide 1 2 3\ngull 1 2 3\nwh\xe4le 1 2 3\n", 3, "not UTF-8"),
    ],
)
def test_bad_line_is_named_with_its_number(
    tmp_path: Path, content: str | bytes, line: int, problem: str
) -> None:
    path = written(tmp_path, content)
    with pytest.raises(InputError) as caught:
        pairs(path)
    assert str(caught.value).startswith(f"{path}, line {line}: ")
    assert problem in str(caught.value)


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_number_too_large_for_its_type_is_not_finite(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"line 1: a number in it is not finite"):
        pairs(written(tmp_path, "tide 1 1e50\n"))


def test_truncated_gzip_file_is_named(tmp_path: Path) -> None:
    lines = "".join(f"w{i} {i / 7} {i / 11}\n" for i in range(2_000))
    whole = gzip.compress(lines.encode())
    path = written(tmp_path, whole[: len(whole) // 2], "glove.txt.gz")
    with pytest.raises(InputError, match="not a whole gzip file"):
        pairs(path)


def test_plain_file_with_a_gzip_name_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"line 1: not a whole gzip file"):
        pairs(written(tmp_path, GLOVE, "glove.txt.gz"))


def test_missing_file_and_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(HTransError, match=r"nothing\.txt: no such file"):
        pairs(tmp_path / "nothing.txt")
    with pytest.raises(InputError, match="cannot be read"):
        pairs(tmp_path)


def test_empty_file_is_refused_and_nothing_is_stored(tmp_path: Path) -> None:
    target = tmp_path / "vectors"
    with pytest.raises(HTransError, match="empty"):
        store_vectors(read_glove(written(tmp_path, "")), target)
    assert list(target.iterdir()) == []


def test_bad_line_stores_nothing(tmp_path: Path) -> None:
    target = tmp_path / "vectors"
    with pytest.raises(InputError):
        store_vectors(read_glove(written(tmp_path, GLOVE + "whale 1\n")), target)
    assert list(target.iterdir()) == []


def test_first_vector_of_a_word_counts(tmp_path: Path) -> None:
    path = written(tmp_path, GLOVE + "tide 0 0 0\n")
    target = tmp_path / "vectors"
    assert store_vectors(read_glove(path), target) == (3, 3)
    matrix = np.zeros((3, 3), dtype=np.float32)
    WordVectors(target, 3).fill(matrix, Vocabulary(["tide"]))
    assert matrix[2].tolist() == [1.0, 2.5, -3.0]


def test_words_with_a_vector_get_it_and_the_others_stay_small(tmp_path: Path) -> None:
    vectors = stored(tmp_path, "tide", "whale", "gull")
    vocabulary = Vocabulary(["gull", "cod", "tide"])
    table, coverage = embedding_matrix(vocabulary, 0, 3, vectors)
    assert table.shape == (5, 3)
    assert table[2].tolist() == [3.0] * 3
    assert table[4].tolist() == [1.0] * 3
    assert 0 < table[3].abs().max() <= RANDOM_SCALE
    assert coverage == Coverage(words=3, covered=2)
    assert coverage.share == pytest.approx(2 / 3)


def test_padding_row_is_zero_and_unknown_row_is_not(tmp_path: Path) -> None:
    vocabulary = Vocabulary(["gull"])
    for vectors in (None, stored(tmp_path, "gull")):
        table, _ = embedding_matrix(vocabulary, 0, 3, vectors)
        assert table[PADDING].tolist() == [0.0] * 3
        assert table[UNKNOWN].abs().min() > 0


def test_random_rows_do_not_depend_on_coverage(tmp_path: Path) -> None:
    vocabulary = Vocabulary([f"w{i}" for i in range(20)])
    without, coverage = embedding_matrix(vocabulary, 7, 3, None)
    assert coverage == Coverage(words=20, covered=0)
    for covered in (["w0"], ["w3", "w9", "w19"]):
        table, _ = embedding_matrix(vocabulary, 7, 3, stored(tmp_path, *covered))
        for token_id, word in enumerate(vocabulary):
            same = bool(torch.equal(table[token_id], without[token_id]))
            assert same == (word not in covered)


def test_random_rows_are_small_and_depend_on_the_seed() -> None:
    vocabulary = Vocabulary([f"w{i}" for i in range(500)])
    first, _ = embedding_matrix(vocabulary, 1, 50, None)
    again, _ = embedding_matrix(vocabulary, 1, 50, None)
    other, _ = embedding_matrix(vocabulary, 2, 50, None)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.abs().max() <= RANDOM_SCALE
    assert first[1:].mean().abs() < RANDOM_SCALE / 50
    assert first[1:].std() == pytest.approx(RANDOM_SCALE / 3**0.5, rel=0.05)


def test_coverage_is_known_without_the_numbers(tmp_path: Path) -> None:
    target = tmp_path / "vectors"
    store_vectors(read_glove(written(tmp_path, GLOVE)), target)
    vocabulary = Vocabulary(["gull", "cod", ",", "crab"])
    assert vector_coverage(vocabulary, target) == Coverage(words=4, covered=2)
    assert vector_coverage(Vocabulary(), target).share == 0.0


def test_vector_of_the_unknown_sign_counts_as_no_word(tmp_path: Path) -> None:
    vectors = stored(tmp_path, "gull", "<unk>")
    vocabulary = Vocabulary(["gull"])
    assert embedding_matrix(vocabulary, 0, 3, vectors)[1] == Coverage(words=1, covered=1)
    assert vector_coverage(vocabulary, tmp_path / "vectors-gull-<unk>") == Coverage(1, 1)


@pytest.mark.parametrize("name", ["words.json", "vectors.bin"])
@pytest.mark.parametrize("content", [None, b"", b"5", b"[1"])
def test_stored_vectors_that_are_broken_are_named(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    target = tmp_path / "vectors"
    store_vectors(read_glove(written(tmp_path, GLOVE)), target)
    if content is None:
        (target / name).unlink()
    else:
        (target / name).write_bytes(content)
    with pytest.raises(CorruptFileError, match=str(target)):
        WordVectors(target, 3)


def test_stored_vectors_of_another_width_are_named(tmp_path: Path) -> None:
    target = tmp_path / "vectors"
    store_vectors(read_glove(written(tmp_path, GLOVE)), target)
    with pytest.raises(CorruptFileError, match=str(target)):
        WordVectors(target, 4)


def test_progress_tells_the_words_so_far(tmp_path: Path) -> None:
    lines = "".join(f"w{i} 1 2\n" for i in range(20_001))
    told: list[int] = []
    store_vectors(read_glove(written(tmp_path, lines)), tmp_path / "vectors", told.append)
    assert told == [10_000, 20_000]
