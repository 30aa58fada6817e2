"""Word vectors: read, stored, and looked up for a vocabulary."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import CorruptFileError, HTransError, InputError
from core.formats.vectors.format import Pairs
from core.formats.vectors.glove import read
from core.text import vectors as module
from core.text.vectors import (
    RANDOM_SCALE,
    Coverage,
    StoredVectors,
    WordVectors,
    embedding_matrix,
    store_vectors,
    vector_coverage,
)
from core.text.vocabulary import PADDING, UNKNOWN, Vocabulary

GLOVE = "tide 1 2.5 -3\ngull 4e-1 5 6\n, 7 8 9\n"


def read_glove(folder: Path, content: str) -> Pairs:
    path = folder / "glove.txt"
    path.write_text(content)
    return read(str(path))


def stored(folder: Path, *words: str) -> WordVectors:
    """Vectors of three numbers; the n-th word has n, n and n."""
    lines = "".join(f"{word} {n} {n} {n}\n" for n, word in enumerate(words, start=1))
    target = folder / f"vectors-{'-'.join(words)}"
    store_vectors(read_glove(folder, lines), target)
    return WordVectors(target, 3)


def test_empty_file_is_refused_and_nothing_is_stored(tmp_path: Path) -> None:
    target = tmp_path / "vectors"
    with pytest.raises(HTransError, match="no word vectors"):
        store_vectors(read_glove(tmp_path, ""), target)
    assert list(target.iterdir()) == []


def test_bad_line_stores_nothing(tmp_path: Path) -> None:
    target = tmp_path / "vectors"
    with pytest.raises(InputError):
        store_vectors(read_glove(tmp_path, GLOVE + "whale 1\n"), target)
    assert list(target.iterdir()) == []


def test_first_vector_of_a_word_counts(tmp_path: Path) -> None:
    target = tmp_path / "vectors"
    pairs = read_glove(tmp_path, GLOVE + "tide 0 0 0\n")
    assert store_vectors(pairs, target) == StoredVectors(words=3, dimensions=3, cased=0)
    matrix = np.zeros((3, 3), dtype=np.float32)
    WordVectors(target, 3).fill(matrix, Vocabulary(["tide"]))
    assert matrix[2].tolist() == [1.0, 2.5, -3.0]


def test_words_with_capitals_are_counted_once_each(tmp_path: Path) -> None:
    pairs = read_glove(tmp_path, "tide 1 2\nTide 1 2\nTIDE 1 2\n1,0 1 2\nTide 1 2\nÉté 1 2\n")
    assert store_vectors(pairs, tmp_path / "vectors") == StoredVectors(5, 2, 3)


def test_word_of_any_signs_is_stored_and_found(tmp_path: Path) -> None:
    words = ['a"b', "a\\b", "\x00", "\x1b[31m", "\x85", "\u2028", " . ", "\ud7ff\U0001f426"]
    target = tmp_path / "vectors"
    lines = "".join(f"{word} {n} {n}\n" for n, word in enumerate(words))
    store_vectors(read_glove(tmp_path, lines), target)
    matrix = np.full((len(words) + 2, 2), -1, dtype=np.float32)
    assert WordVectors(target, 2).fill(matrix, Vocabulary(words)).covered == len(words)
    assert matrix[2:, 0].tolist() == list(range(len(words)))


def test_words_take_only_so_much_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_MEMORY", 2**20)
    row = np.ones(2, dtype=np.float32)
    target = tmp_path / "vectors"
    # Words that are there already take no more.
    store_vectors(((str(i % 100), row) for i in range(50_000)), target)
    with pytest.raises(HTransError, match=r"the words alone, 6,\d+ so far, take 1 MiB of memory"):
        store_vectors(((str(i), row) for i in range(50_000)), tmp_path / "more")
    assert list((tmp_path / "more").iterdir()) == []


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
    store_vectors(read_glove(tmp_path, GLOVE), target)
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
    store_vectors(read_glove(tmp_path, GLOVE), target)
    if content is None:
        (target / name).unlink()
    else:
        (target / name).write_bytes(content)
    with pytest.raises(CorruptFileError, match=str(target)):
        WordVectors(target, 3)


def test_stored_vectors_of_another_width_are_named(tmp_path: Path) -> None:
    target = tmp_path / "vectors"
    store_vectors(read_glove(tmp_path, GLOVE), target)
    with pytest.raises(CorruptFileError, match=str(target)):
        WordVectors(target, 4)


def test_progress_tells_the_words_so_far(tmp_path: Path) -> None:
    lines = "".join(f"w{i} 1 2\n" for i in range(20_001))
    told: list[int] = []
    store_vectors(read_glove(tmp_path, lines), tmp_path / "vectors", told.append)
    assert told == [10_000, 20_000]
