"""Trained parameters on disk: safetensors, with what is needed to build the network again.

Embedding tables are large and shared by all descendants of a top-level category, so each is a
file of its own, named by the hash of its content, and models refer to it.
"""

from __future__ import annotations

import hashlib
import json
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
    """What a model file says of itself.

    `network` is that of `core.systems.System`; `categories` are what its outputs stand for, in that
    order; `embeddings` is the hash of its embedding table, None without one. Hidden units and
    dropout are those of GRU-Att.
    """

    network: str
    categories: tuple[str, ...]
    class_weight: float
    embeddings: str | None
    hidden_units: int = 0
    dropout: float = 0.0


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """Parameters of a kept epoch and the embedding table (words, dimensions) below them.

    A linear model has no table.
    """

    state: dict[str, Tensor]
    info: ModelInfo
    embeddings: Tensor | None


def save_embeddings(folder: Path, table: Tensor) -> str:
    """Store an embedding table (words, dimensions) unless it is there; return its hash."""
    content = table.detach().cpu().contiguous()
    name = embeddings_name(content)
    path = folder / f"{name}.safetensors"
    if not path.exists():
        with replacing(path) as temporary:
            save_file({EMBEDDINGS: content}, temporary)
    return name


def load_embeddings(folder: Path, name: str) -> Tensor:
    """The embedding table (words, dimensions) with that hash.

    Raises `CorruptFileError` for a missing file or one with other content.
    """
    path = folder / f"{name}.safetensors"
    table = _tensors(path)[0].get(EMBEDDINGS)
    if table is None or embeddings_name(table) != name:
        raise CorruptFileError(f"{path}: not the embedding table of that name; restore a backup")
    return table


def embeddings_name(table: Tensor) -> str:
    """SHA-256 of an embedding table's shape and content, as hexadecimal digits."""
    digest = hashlib.sha256(f"{tuple(table.shape)}".encode())
    digest.update(table.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()


def model_content(state: dict[str, Tensor], info: ModelInfo) -> bytes:
    """The content of a model file: all parameters but the embedding table."""
    kept = {name: value.contiguous() for name, value in state.items() if name != EMBEDDINGS}
    # One entry only: safetensors writes several in any order, and equal models would differ.
    return save(kept, {_FORMAT: json.dumps(asdict(info), sort_keys=True)})


def model_of_content(content: bytes, info: ModelInfo, embeddings: Tensor | None) -> TrainedModel:
    """The model in the content of a file that `model_info` has given `info` of."""
    return TrainedModel(load(content), info, embeddings)


def load_model(path: Path) -> tuple[dict[str, Tensor], ModelInfo]:
    """Parameters without the embedding table, and what the file says of itself.

    Raises `CorruptFileError` for a missing, damaged or foreign file.
    """
    state, metadata = _tensors(path)
    return state, _info(path, metadata)


def model_info(path: Path) -> ModelInfo:
    """What a model file says of itself, without reading its parameters.

    Raises `CorruptFileError` for a missing, damaged or foreign file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise CorruptFileError(f"{path}: not a readable safetensors file ({error})") from error
    return _info(path, metadata)


def build_network(state: dict[str, Tensor], info: ModelInfo, embeddings: Tensor) -> TextNetwork:
    """The network of a loaded model, in evaluation mode."""
    outputs = len(info.categories)
    network: TextNetwork
    if info.network == "dgcnn":
        network = Dgcnn(embeddings, outputs)
    else:
        network = GruAtt(embeddings, info.hidden_units, info.dropout, outputs)
    # The table is there already, and may be memory that must not be written to.
    missing, unexpected = network.load_state_dict(
        {name: value for name, value in state.items() if name != EMBEDDINGS}, strict=False
    )
    if missing != [EMBEDDINGS] or unexpected:
        raise CorruptFileError(f"not the parameters of a network {info.network!r}")
    return network.eval()


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
        raise CorruptFileError(f"{path}: not a model of this program; retrain its category")
    values = json.loads(metadata[_FORMAT])
    return ModelInfo(**{**values, "categories": tuple(values["categories"])})
