"""Models on disk: what is read is what was written, and equal models are equal files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from core.errors import CorruptFileError
from core.files import sha256
from core.models.model_files import (
    EMBEDDINGS,
    ModelInfo,
    build_network,
    load_embeddings,
    load_model,
    save_embeddings,
)
from core.settings import TrainingSettings
from core.training.epochs import TrialKey
from core.training.initialisation import from_scratch
from tests.support.models import save_model

SETTINGS = TrainingSettings(hidden_units=4, dimensions=3)
TABLE = torch.rand(9, 3)
INFO = ModelInfo("gru-att", ("grain",), 5.0, "abc", 4, 0.4)


def test_a_model_is_read_as_it_was_written(tmp_path: Path) -> None:
    network = from_scratch(TABLE, TrialKey("grain", 5.0), SETTINGS).eval()
    save_model(tmp_path / "m.safetensors", network.state_dict(), INFO)
    state, info = load_model(tmp_path / "m.safetensors")
    assert info == INFO
    assert EMBEDDINGS not in state
    tokens, lengths = torch.tensor([[2, 3, 4]]), torch.tensor([3])
    again = build_network(state, info, network.embeddings.weight.detach())
    assert torch.equal(again(tokens, lengths).logits, network(tokens, lengths).logits)


def test_equal_models_are_equal_files(tmp_path: Path) -> None:
    state = from_scratch(TABLE, TrialKey("grain", 5.0), SETTINGS).state_dict()
    hashes = set()
    for number in range(30):
        save_model(tmp_path / f"{number}.safetensors", state, INFO)
        hashes.add(sha256(tmp_path / f"{number}.safetensors"))
    assert len(hashes) == 1


def test_an_embedding_table_is_stored_once_under_the_hash_of_its_content(tmp_path: Path) -> None:
    name = save_embeddings(tmp_path, TABLE)
    assert save_embeddings(tmp_path, TABLE.clone()) == name
    assert save_embeddings(tmp_path, TABLE + 1) != name
    assert save_embeddings(tmp_path, TABLE.reshape(3, 9)) != name
    assert len(list(tmp_path.iterdir())) == 3
    assert torch.equal(load_embeddings(tmp_path, name), TABLE)


def test_an_embedding_table_with_other_content_is_refused(tmp_path: Path) -> None:
    name = save_embeddings(tmp_path, TABLE)
    save_file({EMBEDDINGS: TABLE + 1}, tmp_path / f"{name}.safetensors")
    with pytest.raises(CorruptFileError, match="does not match the hash"):
        load_embeddings(tmp_path, name)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff" * 400])
def test_what_is_no_model_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    with pytest.raises(CorruptFileError, match="not a readable safetensors file"):
        load_model(path)
    with pytest.raises(CorruptFileError, match="is missing"):
        load_model(tmp_path / "absent.safetensors")


def test_a_foreign_safetensors_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_file({"weight": TABLE}, path)
    with pytest.raises(CorruptFileError, match="not an htrans model file"):
        load_model(path)
