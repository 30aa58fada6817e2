"""The vectors of spaCy models, made here by spaCy itself; nothing of a model may run."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from spacy.vectors import Vectors

from core.errors import InputError
from core.formats.vectors import guess_format
from core.formats.vectors import spacy_model as reader
from tests.core.formats.vectors.reading import pairs, written
from tests.support.spacy_models import WORDS, model

PAIRS = {word: [float(number) for number in numbers] for word, numbers in WORDS.items()}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return model(tmp_path / "model")


def test_saved_model_gives_every_word_with_a_vector(saved: Path) -> None:
    assert guess_format(str(saved)).name == "spacy"
    found = pairs(saved)
    assert dict(found) == PAIRS
    assert len(found) == len(PAIRS)


def test_numbers_are_those_that_spacy_looks_up(tmp_path: Path) -> None:
    nlp: Any = spacy.blank("en")
    numbers = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    for i, row in enumerate(numbers):
        nlp.vocab.set_vector(f"w{i}", row)
    nlp.vocab.strings.add("a word without a vector")
    nlp.to_disk(tmp_path / "model")
    found = dict(reader.read(str(tmp_path / "model")))
    assert len(found) == 50
    for word, vector in found.items():
        assert np.array_equal(vector, nlp.vocab[word].vector)


def test_pruned_words_share_a_row(tmp_path: Path) -> None:
    nlp: Any = spacy.blank("en")
    for word, numbers in {"tide": [1, 0], "tides": [0.9, 0.1], "gull": [0, 1]}.items():
        nlp.vocab.set_vector(word, np.array(numbers, dtype=np.float32))
    # As `Vocab.prune_vectors` leaves them.
    strings = nlp.vocab.strings
    data = np.array([[1, 0], [0, 1]], dtype=np.float32)
    nlp.vocab.vectors = Vectors(strings=strings, data=data, keys=[strings["tide"], strings["gull"]])
    nlp.vocab.vectors.add(strings["tides"], row=0)
    nlp.to_disk(tmp_path / "model")
    assert dict(pairs(tmp_path / "model")) == {
        "tide": [1.0, 0.0],
        "tides": [1.0, 0.0],
        "gull": [0.0, 1.0],
    }


@pytest.mark.parametrize("kind", ["<f2", "<f8", ">f4"])
def test_numbers_of_another_type_become_float32(saved: Path, kind: str) -> None:
    path = saved / "vocab" / "vectors"
    table = np.load(path)
    with path.open("wb") as file:
        np.save(file, table.astype(kind))
    assert dict(pairs(saved)) == PAIRS


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Path]]:
    """Makes a package that fails when it is imported, with a model below it."""
    monkeypatch.syspath_prepend(str(tmp_path / "site"))

    def install(name: str) -> Path:
        package = tmp_path / "site" / name
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("raise SystemExit('imported')")
        model(package / f"{name}-3.8.0")
        return package

    yield install
    assert not [name for name in sys.modules if name.startswith("xx_tiny")]


@pytest.mark.parametrize("name", ["xx_tiny_md", "xx-tiny-md"])
def test_installed_package_is_read_without_importing_it(
    installed: Callable[[str], Path], name: str
) -> None:
    package = installed("xx_tiny_md")
    assert guess_format(name).name == "spacy"
    assert dict(pairs(name)) == PAIRS
    assert dict(pairs(package)) == PAIRS


def test_package_with_two_models_asks_for_one(installed: Callable[[str], Path]) -> None:
    package = installed("xx_tiny_lg")
    model(package / "xx_tiny_lg-3.7.0")
    with pytest.raises(InputError, match=r"holds 2 models; name the folder of one, such as .*3.7"):
        pairs("xx_tiny_lg")
    assert dict(pairs(package / "xx_tiny_lg-3.8.0")) == PAIRS


def test_nothing_of_a_model_runs(saved: Path) -> None:
    evil = "raise SystemExit('ran')"
    config = (saved / "config.cfg").read_text().replace("[nlp]", f"[nlp]\nx = {evil!r}")
    (saved / "config.cfg").write_text(config.replace("spacy.Tokenizer.v1", "evil.v1"))
    (saved / "meta.json").write_text("{")
    (saved / "tokenizer").write_bytes(b"\x80\x04cos\nsystem\n")
    (saved / "vocab" / "lookups.bin").write_bytes(b"\x80\x04")
    assert dict(pairs(saved)) == PAIRS


@pytest.mark.parametrize("name", ["numpy", "json", "sys", "a.b", "__main__", "no_such_package", ""])
def test_other_names_are_no_models(name: str) -> None:
    assert not reader.recognises(name)
    with pytest.raises(InputError, match="neither an installed spaCy package nor a folder"):
        pairs(name, "spacy")


def test_model_without_vectors_is_refused(tmp_path: Path) -> None:
    path = model(tmp_path / "model", {})
    with pytest.raises(InputError, match="a model without word vectors; take a package whose name"):
        pairs(path)
    (path / "vocab" / "vectors").unlink()
    with pytest.raises(InputError, match="no such file: a model without word vectors"):
        pairs(path)


def test_floret_vectors_are_refused(tmp_path: Path) -> None:
    nlp: Any = spacy.blank("en")
    data = np.zeros((10, 4), dtype=np.float32)
    nlp.vocab.vectors = Vectors(
        strings=nlp.vocab.strings, data=data, mode="floret", minn=2, maxn=3, hash_count=2
    )
    nlp.to_disk(tmp_path / "model")
    with pytest.raises(InputError, match="floret vectors, which belong to parts of words"):
        pairs(tmp_path / "model")


def test_dimensions_that_it_does_not_have_are_refused(saved: Path) -> None:
    assert dict(pairs(saved, dimensions=3)) == PAIRS
    with pytest.raises(InputError, match="vectors of 3 dimensions, not 300"):
        pairs(saved, dimensions=300)


def array(value: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, value, **options)
    return buffer.getvalue()


class Evil:
    """Would end the tests if it were unpickled."""

    def __reduce__(self) -> Any:
        return sys.exit, ("ran",)


NAN = np.full((4, 3), np.nan, dtype=np.float32)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("vectors", b"", "is damaged"),
        ("vectors", b"\x80\x04N.", "is damaged"),
        ("vectors", array(np.array([Evil()], dtype=object), allow_pickle=True), "is damaged"),
        ("vectors", array(np.zeros(12, dtype=np.float32)), "no table of numbers, but 1 axes"),
        ("vectors", array(np.zeros((4, 3), dtype=np.int32)), "no table of numbers, but 2 axes"),
        ("vectors", array(np.zeros((4, 3), dtype=np.float32))[:-9], "is damaged"),
        ("vectors", array(np.zeros((4, 0), dtype=np.float32)), "vectors of 0 dimensions"),
        ("vectors", array(NAN), "word '.*': a number in it is not finite"),
        ("vectors", array(np.zeros((1, 3), dtype=np.float32)), "is damaged"),
        ("key2row", b"", "is damaged"),
        ("key2row", b"\x92\x01\x02", "is damaged"),
        ("key2row", b"\x80", "names none of the words that have vectors"),
        ("key2row", b"\x81\xcd\x30\x39\x00", "names none of the words that have vectors"),
        ("strings.json", b"", "is damaged"),
        ("strings.json", b'["tide", 3]', "is damaged"),
        ("strings.json", b'["tide"', "is damaged"),
        ("vectors.cfg", b"", "is damaged"),
        ("vectors.cfg", b'{"mode": "other"}', "is damaged"),
    ],
)
def test_file_that_is_broken_is_named(saved: Path, name: str, content: bytes, problem: str) -> None:
    written(saved / "vocab", content, name)
    with pytest.raises(InputError, match=problem) as caught:
        pairs(saved)
    assert str(saved / "vocab") in str(caught.value)


@pytest.mark.parametrize("name", ["key2row", "strings.json"])
def test_missing_file_is_an_error(saved: Path, name: str) -> None:
    (saved / "vocab" / name).unlink()
    with pytest.raises(InputError, match=r"names none of the words|neither an installed"):
        pairs(saved, "spacy")


def test_model_without_settings_is_read(saved: Path) -> None:
    (saved / "vocab" / "vectors.cfg").unlink()
    assert dict(pairs(saved)) == PAIRS


def test_word_that_is_too_long_is_refused(tmp_path: Path) -> None:
    path = model(tmp_path / "model", {"tide": [1, 2], "w" * 1001: [3, 4]})
    with pytest.raises(InputError, match=r"word 'w+…': a word of 1,001 characters"):
        pairs(path)


def test_symbols_are_found_as_spacy_finds_them(tmp_path: Path) -> None:
    words = {"prep": [1, 2], "punct": [3, 4], "ORG": [5, 6], "": [7, 8]}
    path = model(tmp_path / "model", words)
    listed = json.loads((path / "vocab" / "strings.json").read_text())
    assert not {"prep", "punct", "ORG"} & {*listed}
    assert dict(pairs(path)) == {word: list(map(float, words[word])) for word in words if word}
