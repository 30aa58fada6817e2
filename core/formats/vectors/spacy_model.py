"""The word vectors of a spaCy model: an installed package or a folder that `nlp.to_disk` wrote.

Of a model four files are read, and nothing of it runs: `spacy.load` would import the package and
whatever code its config names, and `Vocab.from_disk` would read tables that are not needed. The
files are those of spaCy's `Vectors.to_disk` and `StringStore.to_disk`
(https://spacy.io/api/vectors#to_disk): numbers as an `.npy` array, rows by the hash of the word
in msgpack, words as a JSON list, and the mode.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.formats.vectors.format import (
    Pairs,
    Place,
    VectorFormat,
    dimensions_problem,
    label,
    vector_of,
    word_problem,
)
from core.formats.vectors.json_events import json_events
from core.text.line_files import opened

_STRINGS = "strings.json"
_PACKAGE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_SETTINGS = 2**16
_LONGEST_NUMBER = 2**16
"""Bytes of msgpack; a number has 9."""
_MOST_KEYS = 10_000_000
_REMEDY = "take a package whose name ends with _md or _lg"


def read(source: str, dimensions: int | None = None) -> Pairs:
    """Yield every word of the model that has a vector; several words may have the same.

    Raises `InputError` for a model without word vectors, or with floret vectors, which belong to
    parts of words.
    """
    vocabulary = _vocabulary_of(source)
    if vocabulary is None:
        raise Place(source).wrong("neither an installed spaCy package nor a folder of a model")
    _refuse_floret(vocabulary / "vectors.cfg")
    table, place = _table(vocabulary / "vectors")
    if len(table) == 0:
        raise Place(source).wrong(f"a model without word vectors; {_REMEDY}")
    if problem := dimensions_problem(table.shape[1], dimensions):
        raise place.wrong(problem)
    rows = _rows(vocabulary / "key2row", len(table))
    named = False
    for word, key in _words(vocabulary / _STRINGS):
        if key not in rows:
            continue
        at = place.at(f"word {label(word)!r}")
        if problem := word_problem(word):
            raise at.wrong(problem)
        try:
            vector = vector_of(table[rows[key]])
        except ValueError as error:
            raise at.wrong(str(error)) from error
        named = True
        yield word, vector
    if not named:
        raise Place(vocabulary / _STRINGS).wrong("names none of the words that have vectors")


def recognises(source: str) -> bool:
    """By the files of a model in the folder, or in the installed package, of that name."""
    return _vocabulary_of(source) is not None


def _vocabulary_of(source: str) -> Path | None:
    """The folder of a model that holds its words and vectors."""
    path = Path(source)
    if not path.is_dir():
        package = _package(source)
        if package is None:
            return None
        path = package
    folders = [path / "vocab", *sorted(path.glob("*/vocab"))]
    found = [folder for folder in folders if (folder / _STRINGS).is_file()]
    if len(found) > 1 and found[0] != folders[0]:
        raise Place(path).wrong(
            f"holds {len(found)} models; name the folder of one, such as {found[0].parent}"
        )
    return found[0] if found else None


def _package(name: str) -> Path | None:
    """The folder of an installed package, which is not imported for that."""
    module = name.replace("-", "_")
    if not _PACKAGE.fullmatch(module):
        return None
    try:
        spec = find_spec(module)
    except ValueError:
        return None
    folders = list(spec.submodule_search_locations or ()) if spec else []
    return Path(folders[0]) if folders else None


def _refuse_floret(path: Path) -> None:
    if not path.exists():
        return
    with opened(path) as file:
        text = file.read(_LONGEST_SETTINGS)
    try:
        settings = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Place(path).wrong(f"not JSON ({label(str(error))}); save the model again") from error
    mode = settings.get("mode", "default") if isinstance(settings, dict) else None
    if mode == "floret":
        raise Place(path).wrong(
            f"floret vectors, which belong to parts of words and not to words; {_REMEDY}"
        )
    if mode != "default":
        raise Place(path).wrong(f"vectors of the unknown mode {label(str(mode))!r}")


def _table(path: Path) -> tuple[npt.NDArray[Any], Place]:
    """The numbers (rows, dimensions), mapped into memory."""
    place = Place(path)
    if not path.is_file():
        raise place.wrong(f"no such file: a model without word vectors; {_REMEDY}")
    try:
        table = np.lib.format.open_memmap(path, mode="r")
    except OSError as error:
        raise place.wrong(f"cannot be read: {error.strerror or error}") from error
    except Exception as error:
        # Numpy reads the header as a Python expression and raises whatever that brings.
        raise place.wrong(f"no array of numbers ({label(str(error))}); save it again") from error
    if table.ndim != 2 or table.dtype.kind != "f":
        raise place.wrong(f"no table of numbers, but {table.ndim} axes of {table.dtype}")
    return table, place


def _rows(path: Path, most: int) -> dict[int, int]:
    """The row of each word that has a vector, by the word's hash."""
    from srsly.msgpack import (  # type: ignore[import-untyped]
        Unpacker,
        UnpackException,
    )

    place = Place(path)
    rows: dict[int, int] = {}
    with opened(path) as file:
        # Nothing but a map of numbers is expected, and nothing else is built.
        unpacker = Unpacker(
            file,
            max_buffer_size=_LONGEST_NUMBER,
            max_str_len=0,
            max_bin_len=0,
            max_array_len=0,
            max_map_len=0,
            max_ext_len=0,
        )
        try:
            count = unpacker.read_map_header()
            if count > _MOST_KEYS:
                raise place.wrong(f"{count:,} words; at most {_MOST_KEYS:,} are read")
            for _ in range(count):
                key, row = unpacker.unpack(), unpacker.unpack()
                if type(key) is not int or type(row) is not int or not 0 <= row < most:
                    raise place.wrong(f"not rows of the {most:,} in its table; save it again")
                rows[key] = row
        except (UnpackException, ValueError, OverflowError) as error:
            said = label(str(error) or type(error).__name__)
            raise place.wrong(f"no map of words to rows ({said}); save it again") from error
    return rows


def _words(path: Path) -> Iterator[tuple[str, int]]:
    """The words that a model knows and their hashes, those that spaCy always knows included."""
    from spacy.strings import StringStore
    from spacy.symbols import IDS

    hashes = StringStore()
    place = Place(path)
    with opened(path) as file, json_events(file, place) as events:
        if events.next()[0] != "start_array":
            raise place.wrong("not a list of words; save the model again")
        while (event := events.next())[0] == "string":
            if event[1] and event[1] not in IDS:
                yield event[1], hashes[event[1]]
        if event[0] != "end_array":
            raise place.wrong("not a list of words; save the model again")
        events.next()
    # Words such as case and mark are labels of spaCy's too, and are in no model's list.
    yield from ((name, number) for name, number in IDS.items() if name)


FORMAT = VectorFormat(
    name="spacy",
    description="the vectors of an installed spaCy package, or of a folder nlp.to_disk wrote",
    recognises=recognises,
    read=read,
)
