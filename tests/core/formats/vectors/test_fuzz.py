"""Any bytes at all, and valid files with damage, end in pairs of words and numbers or one error."""

from __future__ import annotations

import gzip
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import HTransError
from core.formats.vectors import FORMATS, read_vectors
from core.formats.vectors.format import MAX_DIMENSIONS
from tests.core.formats.vectors.reading import PACKED
from tests.support import npm_package, spacy_models
from tests.support.examples import examples

pytestmark = pytest.mark.slow

GLOVE = "tide 1 2.5 -3\ngull 4e-1 5 6\nété 7 8 9\n".encode()
WORD2VEC = b"3 3\n" + GLOVE
EXAMPLES = settings(max_examples=examples(25), deadline=None)


def check(source: Path, *formats: str | None) -> None:
    """Read it; anything but pairs and `HTransError` fails."""
    for format_name in formats:
        length = None
        try:
            for word, vector in read_vectors(str(source), format_name):
                assert word
                assert word.encode()
                assert vector.dtype == np.float32
                assert np.isfinite(vector).all()
                assert len(vector) == (length := length or len(vector)) <= MAX_DIMENSIONS
                json.dumps(word, ensure_ascii=False).encode()
        except HTransError:
            pass


damage = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(["replace", "delete", "insert", "cut", "repeat"]),
        st.one_of(
            st.binary(min_size=1, max_size=6),
            st.sampled_from(
                [b" ", b"\n", b"\0", b"9", b"e", b"[", b'"', b"\xff\xff\xff\xff", b"nan"]
            ),
        ),
    ),
    min_size=1,
    max_size=4,
)
Damage = list[tuple[float, str, bytes]]


def damaged(data: bytes, changes: Damage) -> bytes:
    for share, kind, piece in changes:
        at = int(share * len(data))
        if kind == "cut":
            data = data[:at]
        elif kind == "repeat":
            data = data[:at] + data[at : at + 40] + data[at:]
        else:
            end = at if kind == "insert" else at + len(piece)
            data = data[:at] + (b"" if kind == "delete" else piece) + data[end:]
    return data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


NAMES = ["a.txt", "a", "a.gz", "a.zst", "a.zip", "a.tgz", "a.json", "a.json.gz"]


@given(st.binary(max_size=200), st.sampled_from(NAMES))
@EXAMPLES
def test_any_bytes(folder: Path, data: bytes, name: str) -> None:
    path = folder / name
    path.write_bytes(data)
    check(path, None, *FORMATS)


@given(st.text(alphabet="ab1 .-e_\n\r\t\0é\u2028", max_size=80))
@EXAMPLES
def test_any_text_of_such_signs(folder: Path, text: str) -> None:
    path = folder / "signs.txt"
    path.write_text(text, newline="")
    check(path, None, "glove", "word2vec")


@pytest.mark.parametrize("data", [GLOVE, WORD2VEC], ids=["glove", "word2vec"])
@pytest.mark.parametrize(
    ("suffix", "pack"), [("", bytes), (".gz", gzip.compress), (".zst", PACKED[".zst"])]
)
@given(changes=damage, inside=st.booleans())
@EXAMPLES
def test_damaged_text(
    folder: Path,
    data: bytes,
    suffix: str,
    pack: Callable[[bytes], bytes],
    changes: Damage,
    inside: bool,
) -> None:
    path = folder / f"damaged.txt{suffix}"
    path.write_bytes(pack(damaged(data, changes)) if inside else damaged(pack(data), changes))
    check(path, None, "glove", "word2vec")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@given(changes=damage)
@settings(EXAMPLES, max_examples=examples(80))
def test_damaged_zip(folder: Path, method: int, changes: Damage) -> None:
    path = folder / "damaged.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("glove.2d.txt", b"tide 1 2\n")
        archive.writestr("glove.3d.txt", GLOVE)
    path.write_bytes(damaged(path.read_bytes(), changes))
    check(path, None, "glove", "word2vec")


@given(changes=damage)
@settings(EXAMPLES, max_examples=examples(80))
def test_damaged_json(folder: Path, changes: Damage) -> None:
    path = folder / "damaged.json"
    path.write_bytes(damaged(json.dumps(npm_package.table()).encode(), changes))
    check(path, None)


@pytest.mark.parametrize("format_", [tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT])
@given(changes=damage, inside=st.booleans())
@EXAMPLES
def test_damaged_package(folder: Path, format_: int, changes: Damage, inside: bool) -> None:
    path = npm_package.archive(folder, {"package/é": b"y", **npm_package.package()}, format_)
    data = path.read_bytes()
    if inside:
        path.write_bytes(gzip.compress(damaged(gzip.decompress(data), changes)))
    else:
        path.write_bytes(damaged(data, changes))
    check(path, None)


@pytest.fixture(scope="module")
def model(folder: Path) -> Path:
    return spacy_models.model(folder / "model")


@pytest.mark.parametrize("name", ["vectors", "key2row", "strings.json", "vectors.cfg"])
@given(changes=damage)
@EXAMPLES
def test_damaged_model(model: Path, name: str, changes: Damage) -> None:
    path = model / "vocab" / name
    whole = path.read_bytes()
    try:
        path.write_bytes(damaged(whole, changes))
        check(model, None, "spacy")
    finally:
        path.write_bytes(whole)
