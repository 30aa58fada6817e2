"""Every kind of file that the engine writes: how a test writes one, and how it knows it again.

The content of each follows from a number and fills a few megabytes, so that half of a file, or one
of two contents, is told from a whole one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from core.errors import CorruptFileError
from core.files import replacing, write_bytes
from core.models.model_files import (
    EMBEDDINGS,
    ModelInfo,
    load_embeddings,
    load_model,
    save_embeddings,
)
from core.text.token_arrays import TokenArrays, TokenWriter
from core.text.vectors import WordVectors, store_vectors
from core.text.vocabulary import RESERVED, Vocabulary
from core.training.checkpoints import SUFFIX, TrialCheckpoints, read_checkpoint
from tests.support.models import save_model

_NUMBERS = 1_000_000
_TRIAL = "run 1 trial 1"
_STEM = "c1-a1-w1"
_CHECKPOINTS_OF_A_CLAIM = 5
_WORDS = 400
_DOCUMENTS = 100
_VECTOR_WORDS = 5_000
_DIMENSIONS = 200


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file.

    `write` writes the content of a number into a folder. `read` returns the numbers whose content
    lies there whole under its final name, and raises for a file that is anything else.
    """

    name: str
    write: Callable[[Path, int], None]
    read: Callable[[Path], set[int]]


def _require(holds: bool, path: Path) -> None:
    if not holds:
        raise CorruptFileError(f"{path}: not what was written")


def _numbers(number: int) -> npt.NDArray[np.float32]:
    return np.arange(_NUMBERS, dtype=np.float32) + number


def _tensor(number: int) -> torch.Tensor:
    return torch.from_numpy(_numbers(number))


def _of(path: Path, values: npt.NDArray[np.float32]) -> int:
    """The number whose content `values` are."""
    number = int(values.flat[0])
    _require(np.array_equal(values, _numbers(number)), path)
    return number


def write_checkpoint(folder: Path, number: int) -> None:
    checkpoints = TrialCheckpoints(folder, _STEM, _TRIAL)
    content = {"epoch": number, "network": {"weight": _tensor(number)}, "kept": None}
    checkpoints.save(content, claim=1 + number // _CHECKPOINTS_OF_A_CLAIM)


def read_checkpoints(folder: Path) -> set[int]:
    """The number that a start goes on from; the file before it must be whole as well."""
    paths = [*folder.glob(f"*{SUFFIX}"), *folder.glob(f"*{SUFFIX}.previous")]
    found = set()
    for path in paths:
        checkpoint = read_checkpoint(path, _TRIAL)
        _require(_of(path, checkpoint["network"]["weight"].numpy()) == checkpoint["epoch"], path)
        found.add(int(checkpoint["epoch"]))

    def refuse(error: CorruptFileError) -> None:
        raise error

    newest = TrialCheckpoints(folder, _STEM, _TRIAL).load(refuse)
    if newest is None:
        _require(not paths, folder)
        return set()
    _require(newest["epoch"] == max(found), folder)
    return {int(newest["epoch"])}


def write_model(folder: Path, number: int) -> None:
    info = ModelInfo("gru-att", (f"category {number}",), 1.0, "0" * 64, 96, 0.2)
    state = {"gru.weight": _tensor(number), EMBEDDINGS: torch.zeros(2, 2)}
    save_model(folder / "model.safetensors", state, info)


def read_model(folder: Path) -> set[int]:
    path = folder / "model.safetensors"
    if not path.exists():
        return set()
    state, info = load_model(path)
    number = _of(path, state["gru.weight"].numpy())
    _require(info.categories == (f"category {number}",) and list(state) == ["gru.weight"], path)
    return {number}


def write_embeddings(folder: Path, number: int) -> None:
    save_embeddings(folder, _tensor(number).reshape(-1, 100))


def read_embeddings(folder: Path) -> set[int]:
    found = set()
    for path in folder.glob("*.safetensors"):
        table = load_embeddings(folder, path.stem)
        _require(save_embeddings(folder, table) == path.stem, path)
        found.add(_of(path, table.numpy().reshape(-1)))
    return found


def write_scores(folder: Path, number: int) -> None:
    """As `core.engine.scoring.evaluation.score_category` does."""
    with replacing(folder / "scores.npy") as temporary, temporary.open("wb") as file:
        np.save(file, _numbers(number))


def read_scores(folder: Path) -> set[int]:
    """As `core.engine.scoring.evaluation` does, which takes a damaged file for an absent one."""
    path = folder / "scores.npy"
    if not path.exists():
        return set()
    return {_of(path, np.load(path, mmap_mode="r", allow_pickle=False))}


def _words(number: int) -> list[str]:
    return [f"word{number}x{i}" for i in range(_WORDS)]


def _tokens() -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    flat = np.tile(np.arange(RESERVED, RESERVED + _WORDS, dtype=np.int32), _DOCUMENTS)
    return flat, np.arange(_DOCUMENTS + 1, dtype=np.int64) * _WORDS


def write_tokens(folder: Path, number: int) -> None:
    writer = TokenWriter(folder / f"tokens-{number}", _WORDS)
    words = _words(number)
    for _ in range(_DOCUMENTS):
        writer.add(words)
    writer.finish()


def read_tokens(folder: Path) -> set[int]:
    """Folders that have all three files; a file that lies alone must be whole as well."""
    tokens, offsets = _tokens()
    found = set()
    for place in folder.glob("tokens-*"):
        number = int(place.name.removeprefix("tokens-"))
        flat, starts, words = (
            place / name for name in ("tokens.bin", "offsets.npy", "vocabulary.json")
        )
        if flat.exists():
            _require(np.array_equal(np.fromfile(flat, dtype=np.int32), tokens), flat)
        if starts.exists():
            arrays = TokenArrays.open(place)
            _require(np.array_equal(arrays.offsets, offsets), starts)
            _require(np.array_equal(arrays.tokens, tokens), flat)
        if words.exists():
            vocabulary = Vocabulary.load(words)
            _require(list(vocabulary)[RESERVED:] == _words(number), words)
            _require(starts.exists(), words)
            found.add(number)
    return found


def _vectors(number: int) -> npt.NDArray[np.float32]:
    return _numbers(number).reshape(_VECTOR_WORDS, _DIMENSIONS)


def _pairs(number: int) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    for i, vector in enumerate(_vectors(number)):
        yield f"word{number}x{i}", vector


def write_vectors(folder: Path, number: int) -> None:
    store_vectors(_pairs(number), folder / f"vectors-{number}")


def read_vectors(folder: Path) -> set[int]:
    """Folders that have both files; an array that lies alone must be whole as well."""
    found = set()
    for place in folder.glob("vectors-*"):
        number = int(place.name.removeprefix("vectors-"))
        matrix, words = place / "vectors.bin", place / "words.json"
        if matrix.exists():
            _require(_of(matrix, np.fromfile(matrix, dtype=np.float32)) == number, matrix)
        if words.exists():
            vocabulary = Vocabulary(word for word, _ in _pairs(number))
            filled = np.zeros((len(vocabulary), _DIMENSIONS), dtype=np.float32)
            coverage = WordVectors(place, _DIMENSIONS).fill(filled, vocabulary)
            _require(coverage.share == 1.0, words)
            _require(np.array_equal(filled[RESERVED:], _vectors(number)), words)
            found.add(number)
    return found


def write_any(folder: Path, number: int) -> None:
    write_bytes(folder / "content.bin", _numbers(number).tobytes())


def read_any(folder: Path) -> set[int]:
    path = folder / "content.bin"
    if not path.exists():
        return set()
    content = path.read_bytes()
    _require(len(content) == 4 * _NUMBERS, path)
    return {_of(path, np.frombuffer(content, dtype=np.float32))}


def write_plainly(folder: Path, number: int) -> None:
    """What the engine does not do: straight to the final name."""
    torch.save({"number": number, "weight": _tensor(number)}, folder / "plain.pt")


def read_plain(folder: Path) -> set[int]:
    path = folder / "plain.pt"
    if not path.exists():
        return set()
    content = torch.load(path, weights_only=True)
    _require(_of(path, content["weight"].numpy()) == content["number"], path)
    return {int(content["number"])}


CHECKPOINT = Kind("checkpoint", write_checkpoint, read_checkpoints)
MODEL = Kind("model", write_model, read_model)
EMBEDDING_TABLE = Kind("embedding table", write_embeddings, read_embeddings)
SCORES = Kind("scores", write_scores, read_scores)
TOKENS = Kind("tokens and vocabulary", write_tokens, read_tokens)
VECTORS = Kind("word vectors", write_vectors, read_vectors)
ANY_BYTES = Kind("any bytes", write_any, read_any)
WRITTEN_BY_THE_ENGINE = (
    CHECKPOINT,
    MODEL,
    EMBEDDING_TABLE,
    SCORES,
    TOKENS,
    VECTORS,
    ANY_BYTES,
)
PLAIN = Kind("plain torch.save", write_plainly, read_plain)
