"""Text to token ids, and the arrays that keep them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import CorruptFileError, HTransError
from core.text.token_arrays import TokenArrays, TokenWriter
from core.text.tokenizer import Tokenize, tokenizer_for
from core.text.vocabulary import PADDING, UNKNOWN, Vocabulary

DOCUMENTS = [
    ["the", "tide", "is", "low"],
    ["gulls", "cry"],
    [],
    ["the", "gulls", "cry", "at", "low", "tide"],
]
ENGLISH = tokenizer_for("en")


def rows(*numbers: int) -> npt.NDArray[np.int64]:
    return np.asarray(numbers, dtype=np.int64)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the arrays of `DOCUMENTS`, at most five words each."""
    target = tmp_path / "tokens-5"
    writer = TokenWriter(target, max_words=5)
    for words in DOCUMENTS:
        writer.add(words)
    writer.finish()
    return target


def test_tokens_are_lower_case_and_without_white_space() -> None:
    text = "  The U.S. Navy's\n\n\tships\u00a0don't  SAIL, Sir!  "
    assert ENGLISH(text, 100) == [
        *("the", "u.s.", "navy", "'s", "ships", "do", "n't", "sail", ",", "sir", "!")
    ]


def test_no_more_than_the_words_asked_for_are_given() -> None:
    assert ENGLISH("One, two; three.", 4) == ["one", ",", "two", ";"]
    assert ENGLISH("word " * 10_000, 3) == ["word"] * 3


@pytest.mark.parametrize("text", ["", "   ", "\n\t\r\n\u00a0\u2003"])
def test_text_without_words_has_no_token(text: str) -> None:
    assert ENGLISH(text, 10) == []


def test_other_languages_cut_by_their_own_rules() -> None:
    text = "Am 3. Mai, z.B. um 5.30 Uhr"
    german: Tokenize = tokenizer_for("de")
    assert german(text, 100) == ["am", "3.", "mai", ",", "z.b.", "um", "5.30", "uhr"]
    assert ENGLISH(text, 100)[:3] == ["am", "3", "."]


@pytest.mark.parametrize("language", ["zz", "", "../en", "english"])
def test_language_that_spacy_does_not_know_is_named(language: str) -> None:
    with pytest.raises(HTransError, match="ISO 639") as caught:
        tokenizer_for(language)
    assert repr(language) in str(caught.value)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.text(st.characters(codec="utf-8"), max_size=8)
        | st.sampled_from(["don't", "U.S.", "a.b@c.org", ":-)", "...", "\n", "\u00a0"]),
        max_size=12,
    ).map(" ".join),
    st.integers(1, 10),
)
def test_fewer_words_are_the_first_of_more_words(text: str, max_words: int) -> None:
    every = ENGLISH(text, 1_000)
    assert ENGLISH(text, max_words) == every[:max_words]
    assert all(token and not token.isspace() for token in every)


def test_words_get_ids_after_padding_and_unknown() -> None:
    vocabulary = Vocabulary(["tide", "gull", "tide"])
    assert len(vocabulary) == 4
    assert vocabulary.encode(["gull", "tide", "whale", ""]) == [3, 2, UNKNOWN, PADDING]
    assert vocabulary.add("") == PADDING
    assert vocabulary.add("whale") == 4
    assert vocabulary.add("tide") == 2
    assert list(vocabulary)[2:] == ["tide", "gull", "whale"]


def test_word_that_looks_like_the_sign_for_unknown_is_a_word() -> None:
    vocabulary = Vocabulary()
    token_id = vocabulary.add("<unk>")
    assert token_id not in (PADDING, UNKNOWN)
    assert vocabulary.encode(["<unk>"]) == [token_id]


def test_vocabulary_is_the_same_after_save_and_load(tmp_path: Path) -> None:
    saved = Vocabulary(["tide", "引き潮", '"', "a\nb", "<unk>"])
    saved.save(tmp_path / "vocabulary.json")
    loaded = Vocabulary.load(tmp_path / "vocabulary.json")
    assert list(loaded) == list(saved)
    assert loaded.encode(["引き潮"]) == saved.encode(["引き潮"])


@pytest.mark.parametrize(
    "content", [b"", b'["tide"', b"\xff\xfe", b"5", b"null", b'"abc"', b'{"a": 1}', b"[1, [2]]"]
)
def test_file_that_is_no_vocabulary_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "vocabulary.json"
    path.write_bytes(content)
    with pytest.raises(CorruptFileError, match=r"vocabulary\.json: not a vocabulary"):
        Vocabulary.load(path)


def test_missing_vocabulary_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorruptFileError, match=r"vocabulary\.json"):
        Vocabulary.load(tmp_path / "vocabulary.json")


def test_documents_come_back_from_disk_cut_to_their_words(folder: Path) -> None:
    arrays = TokenArrays.open(folder)
    words = list(Vocabulary.load(folder / "vocabulary.json"))
    found = [
        [words[token] for token in arrays.tokens[start:end]]
        for start, end in zip(arrays.offsets[:-1], arrays.offsets[1:], strict=True)
    ]
    assert len(arrays) == 4
    assert found == [DOCUMENTS[0], DOCUMENTS[1], ["<unk>"], DOCUMENTS[3][:5]]


def test_document_without_words_is_one_unknown_word(folder: Path) -> None:
    ids, lengths = TokenArrays.open(folder).batch(rows(2), max_words=5)
    assert ids.tolist() == [[UNKNOWN]]
    assert lengths.tolist() == [1]


def test_finished_folder_holds_no_temporary_file(folder: Path) -> None:
    assert sorted(child.name for child in folder.iterdir()) == [
        "offsets.npy",
        "tokens.bin",
        "vocabulary.json",
    ]


def test_unfinished_folder_cannot_be_opened(tmp_path: Path) -> None:
    writer = TokenWriter(tmp_path / "tokens-5", max_words=5)
    writer.add(["the", "tide"])
    writer.close()
    with pytest.raises(CorruptFileError, match="tokens-5"):
        TokenArrays.open(tmp_path / "tokens-5")


def test_batch_is_padded_to_its_longest_document() -> None:
    arrays = TokenArrays.of([[5, 6, 7], [8], [], [2, 3, 4, 5]])
    ids, lengths = arrays.batch(rows(1, 0, 2), max_words=100)
    assert ids.tolist() == [[8, PADDING, PADDING], [5, 6, 7], [UNKNOWN, PADDING, PADDING]]
    assert lengths.tolist() == [1, 3, 1]
    assert ids.dtype == lengths.dtype == np.int64


def test_batch_reads_no_more_than_the_words_asked_for() -> None:
    arrays = TokenArrays.of([[5, 6, 7], [8], [2, 3, 4, 5]])
    ids, lengths = arrays.batch(rows(2, 1), max_words=2)
    assert ids.tolist() == [[2, 3], [8, PADDING]]
    assert lengths.tolist() == [2, 1]
    assert arrays.lengths(rows(0, 1, 2), max_words=3).tolist() == [3, 1, 3]


def test_batch_of_no_document_is_empty() -> None:
    ids, lengths = TokenArrays.of([[5, 6]]).batch(rows(), max_words=10)
    assert ids.shape[0] == 0
    assert lengths.shape == (0,)


def test_arrays_in_memory_are_those_of_the_disk(folder: Path) -> None:
    vocabulary = Vocabulary.load(folder / "vocabulary.json")
    in_memory = TokenArrays.of([vocabulary.encode(words)[:5] for words in DOCUMENTS])
    on_disk = TokenArrays.open(folder)
    assert in_memory.tokens.tolist() == on_disk.tokens.tolist()
    assert in_memory.offsets.tolist() == on_disk.offsets.tolist()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(1, 50), max_size=8), min_size=1), st.integers(1, 9), st.data())
def test_every_batch_holds_the_first_words_of_its_documents(
    documents: list[list[int]], max_words: int, data: st.DataObject
) -> None:
    chosen = data.draw(st.lists(st.integers(0, len(documents) - 1), min_size=1))
    ids, lengths = TokenArrays.of(documents).batch(rows(*chosen), max_words)
    for number, row, length in zip(chosen, ids.tolist(), lengths.tolist(), strict=True):
        assert row[:length] == (documents[number][:max_words] or [UNKNOWN])
        assert set(row[length:]) <= {PADDING}
    assert ids.shape == (len(chosen), max(lengths))


@pytest.mark.parametrize("name", ["tokens.bin", "offsets.npy"])
def test_missing_array_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(CorruptFileError, match=str(folder)):
        TokenArrays.open(folder)


@pytest.mark.parametrize("name", ["tokens.bin", "offsets.npy"])
@pytest.mark.parametrize("left", [0, 1, -8, -4, -1])
def test_array_that_was_cut_short_is_named(folder: Path, name: str, left: int) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(CorruptFileError, match=str(folder)):
        TokenArrays.open(folder)


@pytest.mark.parametrize("offsets", [[], [0], [0, 4, 6, 7, 99]])
def test_offsets_of_other_tokens_are_named(folder: Path, offsets: list[int]) -> None:
    np.save(folder / "offsets.npy", np.asarray(offsets, dtype=np.int64))
    with pytest.raises(CorruptFileError, match=str(folder)):
        TokenArrays.open(folder)


def test_offsets_that_are_no_array_are_named(folder: Path) -> None:
    (folder / "offsets.npy").write_bytes(b"no array at all" * 10)
    with pytest.raises(CorruptFileError, match=str(folder)):
        TokenArrays.open(folder)
