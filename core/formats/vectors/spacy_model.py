"""The word vectors of a spaCy model: an installed package or a folder that `nlp.to_disk` wrote.

spaCy reads its own tables of words and vectors. No code of the model runs: `spacy.load` would
import the package and whatever its config names.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

from core.formats.vectors.format import (
    Location,
    Pairs,
    VectorFormat,
    dimensions_problem,
    label,
    pair_of,
)
from core.text.line_files import naming

_STRINGS = "strings.json"
_PACKAGE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REMEDY = "take a package whose name ends with _md or _lg"


def read(source: str, dimensions: int | None = None) -> Pairs:
    """Yield every word of the model that has a vector; several words may share one.

    Table and words are loaded into memory: 2.1 times a table of 500,000 x 100 numbers. Raises
    `InputError` for a model without word vectors, or with floret vectors, which belong to parts
    of words.
    """
    from spacy.strings import StringStore
    from spacy.vectors import Vectors

    folder = _vocabulary_of(source)
    if folder is None:
        raise Location(source).wrong("neither an installed spaCy package nor a folder of a model")
    path = folder / "vectors"
    if not path.is_file():
        raise Location(path).wrong(f"no such file: a model without word vectors; {_REMEDY}")
    with naming(folder, "is damaged", "save the model again"):
        vectors = Vectors().from_disk(folder, exclude=["strings", "keys"])
        strings = StringStore().from_disk(folder / _STRINGS)
    if vectors.mode != "default":
        raise Location(folder).wrong(
            f"{vectors.mode} vectors, which belong to parts of words and not to words; {_REMEDY}"
        )
    table = vectors.data
    if table.ndim != 2 or table.dtype.kind != "f":
        raise Location(path).wrong(f"no table of numbers, but {table.ndim} axes of {table.dtype}")
    if len(table) == 0:
        raise Location(source).wrong(f"a model without word vectors; {_REMEDY}")
    if problem := dimensions_problem(table.shape[1], dimensions):
        raise Location(path).wrong(problem)
    named = False
    with naming(folder, "is damaged", "save the model again"):
        for key, row in vectors.key2row.items():
            word = strings[key] if key in strings else ""  # noqa: SIM401 — it has no `get`
            if word:
                yield pair_of(word, table[row], Location(path, f"word {label(word)!r}").wrong)
                named = True
    if not named:
        raise Location(folder / _STRINGS).wrong("names none of the words that have vectors")


def recognises(source: str) -> bool:
    """Recognise the files of a model in a folder or an installed package."""
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
    models = [folder for folder in folders if (folder / _STRINGS).is_file()]
    if len(models) > 1 and models[0] != folders[0]:
        raise Location(path).wrong(
            f"holds {len(models)} models; name the folder of one, such as {models[0].parent}"
        )
    return models[0] if models else None


def _package(name: str) -> Path | None:
    """The folder of an installed package, found without importing it."""
    module = name.replace("-", "_")
    if not _PACKAGE.fullmatch(module):
        return None
    try:
        spec = find_spec(module)
    except ValueError:
        return None
    folders = list(spec.submodule_search_locations or ()) if spec else []
    return Path(folders[0]) if folders else None


FORMAT = VectorFormat(
    name="spacy",
    description="the vectors of an installed spaCy package, or of a folder nlp.to_disk wrote",
    recognises=recognises,
    read=read,
)
