"""Model files: parameters as safetensors, with the metadata to rebuild the network.

Embedding tables are large and shared by all descendants of a top-level category. Each table is a
separate file, named by the hash of its content. Model files refer to it by this hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save, save_file
from torch import Tensor

from core.errors import CorruptFileError
from core.files import replacing
from core.models.dgcnn import Dgcnn
from core.models.gru_att import GruAtt
from core.models.network import TextNetwork

EMBEDDINGS = "embeddings.weight"
_FORMAT = "htrans-model-1"


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Metadata of a model file.

    `network` is the field of `core.systems.System`; `categories` are the categories of the
    outputs, in order; `embeddings` is the hash of the embedding table, None for a linear model.
    `hidden_units` and `dropout` apply to GRU-Att only.
    """

    network: str
    categories: tuple[str, ...]
    class_weight: float
    embeddings: str | None
    hidden_units: int = 0
    dropout: float = 0.0


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """Parameters of a trial's best epoch and its embedding table (words, dimensions).

    `embeddings` is None for a linear model.
    """

    state: dict[str, Tensor]
    info: ModelInfo
    embeddings: Tensor | None


def save_embeddings(folder: Path, table: Tensor) -> str:
    """Store an embedding table (words, dimensions) unless it exists; return its hash."""
    content = table.detach().cpu().contiguous()
    name = embeddings_name(content)
    path = folder / f"{name}.safetensors"
    if not path.exists():
        with replacing(path) as temporary:
            save_file({EMBEDDINGS: content}, temporary)
    return name


def load_embeddings(folder: Path, name: str) -> Tensor:
    """Load the embedding table (words, dimensions) with the hash `name`.

    Raises:
        CorruptFileError: If the file is missing or its content has a different hash.
    """
    path = folder / f"{name}.safetensors"
    table = _tensors(path)[0].get(EMBEDDINGS)
    if table is None or embeddings_name(table) != name:
        raise CorruptFileError(
            f"{path}: the content does not match the hash in the file name; restore a backup"
        )
    return table


def embeddings_name(table: Tensor) -> str:
    """SHA-256 of an embedding table's shape and content, as hexadecimal digits."""
    digest = hashlib.sha256(f"{tuple(table.shape)}".encode())
    digest.update(table.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()


def model_content(state: dict[str, Tensor], info: ModelInfo) -> bytes:
    """Serialise a model file: all parameters except the embedding table."""
    parameters = {name: value.contiguous() for name, value in state.items() if name != EMBEDDINGS}
    # A single metadata entry: safetensors does not fix the order of several, and equal models must
    # give equal files.
    return save(parameters, {_FORMAT: json.dumps(asdict(info), sort_keys=True)})


def model_of_content(content: bytes, info: ModelInfo, embeddings: Tensor | None) -> TrainedModel:
    """Build the model from the content of a model file and its metadata."""
    return TrainedModel(load(content), info, embeddings)


def load_model(path: Path) -> tuple[dict[str, Tensor], ModelInfo]:
    """Load the parameters (without the embedding table) and the metadata of a model file.

    Raises:
        CorruptFileError: If the file is missing, damaged or in another format.
    """
    state, metadata = _tensors(path)
    return state, _info(path, metadata)


def model_info(path: Path) -> ModelInfo:
    """Read the metadata of a model file without its parameters.

    Raises:
        CorruptFileError: If the file is missing, damaged or in another format.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise CorruptFileError(f"{path}: not a readable safetensors file ({error})") from error
    return _info(path, metadata)


def _gru_att(embeddings: Tensor, info: ModelInfo) -> TextNetwork:
    return GruAtt(embeddings, info.hidden_units, info.dropout, len(info.categories))


def _dgcnn(embeddings: Tensor, info: ModelInfo) -> TextNetwork:
    return Dgcnn(embeddings, len(info.categories))


NETWORKS: dict[str, Callable[[Tensor, ModelInfo], TextNetwork]] = {
    "gru-att": _gru_att,
    "dgcnn": _dgcnn,
}
"""Builders of networks by the name in their model files."""


def build_network(state: dict[str, Tensor], info: ModelInfo, embeddings: Tensor) -> TextNetwork:
    """Build the network of a loaded model, in evaluation mode.

    Raises:
        CorruptFileError: If `state` does not fit the network in `info`.
    """
    network: TextNetwork = NETWORKS[info.network](embeddings, info)
    # The network already uses the table, which may be read-only memory.
    missing, unexpected = network.load_state_dict(
        {name: value for name, value in state.items() if name != EMBEDDINGS}, strict=False
    )
    if missing != [EMBEDDINGS] or unexpected:
        raise CorruptFileError(
            f"the parameters do not fit the network {info.network!r}; retrain the category"
        )
    network.eval()
    return network


def _tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            tensors: dict[str, torch.Tensor] = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            return tensors, file.metadata() or {}
    except FileNotFoundError as error:
        raise CorruptFileError(f"{path}: the file is missing") from error
    except (SafetensorError, OSError) as error:
        raise CorruptFileError(f"{path}: not a readable safetensors file ({error})") from error


def _info(path: Path, metadata: dict[str, str]) -> ModelInfo:
    if _FORMAT not in metadata:
        raise CorruptFileError(f"{path}: not an htrans model file; retrain the category")
    values = json.loads(metadata[_FORMAT])
    return ModelInfo(**{**values, "categories": tuple(values["categories"])})
