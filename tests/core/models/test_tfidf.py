"""TF-IDF vectors against scikit-learn's own over the same words."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from core.models.tfidf import TfIdf
from core.text.token_arrays import TokenArrays
from core.text.tokenizer import ALL_WORDS
from core.text.vocabulary import PADDING, UNKNOWN, Vocabulary

Matrix = npt.NDArray[np.float64]

TEXTS = [
    "oil price , oil price rise .",
    "wheat price , fall .",
    "oil , wheat and corn . . .",
    "corn and wheat and corn",
    "gold price , gold gold 1987",
    "silver price 1987 oil",
]
DOCUMENTS = [text.split() for text in TEXTS]
EVERY = np.arange(len(DOCUMENTS))


def encoded(documents: list[list[str]]) -> tuple[TokenArrays, Vocabulary]:
    vocabulary = Vocabulary(word for document in documents for word in document)
    return TokenArrays.of(vocabulary.encode(document) for document in documents), vocabulary


def fitted(
    documents: list[list[str]], rows: npt.NDArray[np.int64], max_words: int = ALL_WORDS
) -> tuple[TfIdf, TokenArrays, list[str]]:
    """The vectors' maker, the token arrays, and the word of each column."""
    tokens, vocabulary = encoded(documents)
    made = TfIdf.fit(tokens, rows, vocabulary, max_words)
    words = list(vocabulary)
    return made, tokens, [words[feature] for feature in made.features]


def counted_words(document: list[str]) -> list[str]:
    return [word for word in document if any(map(str.isalnum, word))]


def by_scikit_learn(
    documents: list[list[str]], rows: npt.NDArray[np.int64], words: list[str]
) -> Matrix:
    """Vectors of all documents, columns in the order of `words`, fitted to `rows`."""
    maker = TfidfVectorizer(analyzer=counted_words, sublinear_tf=True, min_df=2)
    maker.fit([documents[row] for row in rows])
    assert sorted(maker.get_feature_names_out()) == sorted(words)
    columns = [maker.vocabulary_[word] for word in words]
    vectors: Matrix = maker.transform(documents).toarray()[:, columns]
    return vectors


@pytest.mark.parametrize("rows", [EVERY, EVERY[:4], np.array([5, 0, 2])])
def test_vectors_equal_scikit_learns(rows: npt.NDArray[np.int64]) -> None:
    made, tokens, words = fitted(DOCUMENTS, rows)
    found = made.vectors(tokens, EVERY).toarray()
    np.testing.assert_allclose(found, by_scikit_learn(DOCUMENTS, rows, words), rtol=1e-12)
    assert found.any(axis=1).sum() > 2


def test_vectors_of_many_documents_equal_scikit_learns() -> None:
    draw = np.random.default_rng(0)
    documents = [
        [f"w{word}" for word in draw.geometric(0.05, draw.integers(1, 60))] for _ in range(200)
    ]
    rows = draw.permutation(200)[:150]
    made, tokens, words = fitted(documents, rows)
    found = made.vectors(tokens, np.arange(200)).toarray()
    np.testing.assert_allclose(found, by_scikit_learn(documents, rows, words), rtol=1e-12)


def test_rows_come_in_the_order_asked_for() -> None:
    made, tokens, _ = fitted(DOCUMENTS, EVERY)
    every = made.vectors(tokens, EVERY).toarray()
    some = np.array([4, 1, 1])
    np.testing.assert_array_equal(made.vectors(tokens, some).toarray(), every[some])


def test_vectors_have_length_one() -> None:
    made, tokens, _ = fitted(DOCUMENTS, EVERY)
    lengths = np.linalg.norm(made.vectors(tokens, EVERY).toarray(), axis=1)
    np.testing.assert_allclose(lengths, 1.0)


def test_words_without_letter_or_digit_do_not_count() -> None:
    _, _, words = fitted([["--", "a", "1", "é"], ["--", "a", "1", "é"], [".", "..."]], np.arange(3))
    assert words == ["a", "1", "é"]


def test_a_word_counts_if_any_of_it_is_a_letter_or_digit() -> None:
    documents = [["u.s.", "7-", "oil-price", "$"]] * 2
    _, _, words = fitted(documents, np.arange(2))
    assert words == ["u.s.", "7-", "oil-price"]


def test_words_in_one_training_document_do_not_count() -> None:
    documents = [["a", "a", "a", "b"], ["b", "c"], ["c", "a"]]
    _, _, words = fitted(documents, np.array([0, 1]))
    assert words == ["b"]
    _, _, words = fitted(documents, np.arange(3))
    assert words == ["a", "b", "c"]


def test_unknown_words_and_padding_do_not_count() -> None:
    vocabulary = Vocabulary(["a"])
    tokens = TokenArrays.of([[UNKNOWN, PADDING, 2], [UNKNOWN, PADDING, 2]])
    made = TfIdf.fit(tokens, np.arange(2), vocabulary, ALL_WORDS)
    assert made.features.tolist() == [2]


def test_features_are_ascending() -> None:
    made, _, _ = fitted(DOCUMENTS, EVERY)
    assert (np.diff(made.features) > 0).all()


def test_only_the_first_words_are_read() -> None:
    rows = EVERY
    made, tokens, words = fitted(DOCUMENTS, rows, max_words=3)
    short = [document[:3] for document in DOCUMENTS]
    found = made.vectors(tokens, rows).toarray()
    assert "1987" not in words
    np.testing.assert_allclose(found, by_scikit_learn(short, rows, words), rtol=1e-12)


def test_a_text_without_known_words_is_all_zeros() -> None:
    made, _, _ = fitted(DOCUMENTS, EVERY)
    for text in ([], [UNKNOWN], [UNKNOWN, PADDING]):
        vector = made.vector(text)
        assert vector.shape == (1, len(made.features))
        assert vector.nnz == 0


def test_one_text_is_as_it_is_among_others() -> None:
    made, tokens, _ = fitted(DOCUMENTS, EVERY)
    _, vocabulary = encoded(DOCUMENTS)
    every = made.vectors(tokens, EVERY).toarray()
    for row, document in enumerate(DOCUMENTS):
        found = made.vector(vocabulary.encode(document)).toarray()
        np.testing.assert_array_equal(found[0], every[row])


def test_index_arrays_are_of_32_bits() -> None:
    made, tokens, _ = fitted(DOCUMENTS, EVERY)
    for vectors in (made.vectors(tokens, EVERY), made.vector([2, 3])):
        assert vectors.indices.dtype == vectors.indptr.dtype == np.int32
        assert vectors.dtype == np.float64
