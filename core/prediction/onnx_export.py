"""Export of a trained hierarchy to a single ONNX model, verified against the hierarchy.

Inputs: `tokens` (batch, time) int64, vocabulary ids padded with 0; `lengths` (batch,) int64, each
at least 1. Output: `probabilities` (batch, categories) of the trained categories. Their order is
the metadata entry `categories`, a JSON list.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import HTransError
from core.prediction.exported import Hierarchy
from core.text.token_arrays import TokenArrays

TOLERANCE = 1e-4
"""Maximum absolute difference of a probability in the verification."""
_OPSET = 17


class _Probabilities(nn.Module):
    """All networks in parallel, with the calibration of each category."""

    def __init__(self, hierarchy: Hierarchy) -> None:
        super().__init__()
        networks = hierarchy.networks()
        self.categories = tuple(key for served in networks for key in served)
        self.networks = nn.ModuleList(networks.values())
        # Share embedding layers, so that each table becomes one initialiser of the graph.
        tables: dict[int, nn.Embedding] = {}
        for network in networks.values():
            layer = network.embeddings
            network.embeddings = tables.setdefault(layer.weight.data_ptr(), layer)
        rules = [hierarchy.rules[key] for key in self.categories]
        slopes = [1.0 if r.calibration is None else r.calibration.slope for r in rules]
        offsets = [0.0 if r.calibration is None else r.calibration.intercept for r in rules]
        self.register_buffer("slopes", torch.tensor(slopes))
        self.register_buffer("offsets", torch.tensor(offsets))

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Probabilities (batch, categories)."""
        logits = torch.cat([network(tokens, lengths).logits for network in self.networks], dim=1)
        # DGCNN ignores the lengths, but all models must have the same inputs.
        logits = logits + 0.0 * lengths.unsqueeze(1)
        assert isinstance(self.slopes, Tensor)
        assert isinstance(self.offsets, Tensor)
        return torch.sigmoid(self.slopes * logits + self.offsets)


def export_onnx(hierarchy: Hierarchy, path: Path, texts: Sequence[str]) -> float:
    """Write the ONNX model and verify it.

    Args:
        hierarchy: The hierarchy to export.
        path: Target file.
        texts: Texts for the verification.

    Returns:
        Maximum absolute difference of the probabilities.

    Raises:
        HTransError: If the packages of the extra `onnx` are missing, the system is linear, or the
            outputs differ by more than `TOLERANCE`.
    """
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise HTransError(
            f"ONNX needs the package {error.name}; install it with: pip install 'htrans-tui[onnx]'"
        ) from error
    if hierarchy.tfidf is not None:
        raise HTransError(
            f"the system {hierarchy.system} is not a neural network and cannot be exported to "
            "ONNX; export it without --onnx"
        )
    module = _Probabilities(hierarchy).eval()
    # A batch of one: the exporter must not fix the batch size.
    example = torch.full((1, 960 if hierarchy.as_graph else 5), 2), torch.tensor([5])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            example,
            str(path),
            input_names=["tokens", "lengths"],
            output_names=["probabilities"],
            dynamic_axes={
                "tokens": {0: "batch", 1: "time"},
                "lengths": {0: "batch"},
                "probabilities": {0: "batch"},
            },
            opset_version=_OPSET,
            # The exporter by torch.export fixes the batch size of a GRU's first state (torch 2.13).
            dynamo=False,
        )
    model = onnx.load(str(path))
    served = json.dumps(module.categories, ensure_ascii=False)
    for key, value in (("categories", served), ("format", "htrans-onnx-1")):
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.save(model, str(path))
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    difference = _difference(hierarchy, session, module.categories, texts)
    if difference > TOLERANCE:
        raise HTransError(
            f"{path}: the ONNX model differs from the trained one by {difference:.2g}; "
            "do not use it"
        )
    return difference


def _difference(
    hierarchy: Hierarchy, session: object, categories: Sequence[str], texts: Sequence[str]
) -> float:
    classifier = hierarchy.classifier(torch.device("cpu"))
    reader = classifier.reader
    readable = [text for text in texts if reader.words(text)]
    if not readable:
        return 0.0
    documents: TokenArrays = reader.arrays(map(reader.words, readable), hierarchy.vocabulary)
    rows = np.arange(len(documents), dtype=np.int64)
    tokens, lengths = documents.batch(rows, 2**31 - 1)
    run = session.run  # type: ignore[attr-defined]
    (actual,) = run(None, {"tokens": tokens, "lengths": lengths})
    expected = classifier.predict(readable).probabilities
    columns = [classifier.categories.index(key) for key in categories]
    return float(np.abs(actual - expected[:, columns]).max())
