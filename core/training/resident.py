"""Device-resident training documents: batches are gathered on the device."""

from __future__ import annotations

import numpy as np
import torch

from core.corpus.examples import Batch, Examples, Rows


class ResidentDocuments:
    """All `examples` on `device`: 4 bytes per word, padded to the longest document.

    For a batch, only the indices of its documents are copied to the device, asynchronously from
    pinned memory.
    """

    def __init__(self, examples: Examples, device: torch.device) -> None:
        self._device = device
        ids, lengths = examples.tokens.batch(examples.rows, examples.max_words)
        self._host_lengths = lengths
        self._ids = torch.from_numpy(ids.astype(np.int32)).to(device)
        self._lengths = torch.from_numpy(lengths).to(device)
        self._targets = torch.from_numpy(examples.targets.astype(np.float32)).to(device)

    def batch(self, indices: Rows) -> Batch:
        """Batch of the documents at `indices`, padded to the longest of them."""
        device_indices = torch.from_numpy(indices)
        if self._device.type == "cuda":
            device_indices = device_indices.pin_memory()
        device_indices = device_indices.to(self._device, non_blocking=True)
        longest = int(self._host_lengths[indices].max(initial=1))
        return Batch(
            self._ids[device_indices, :longest].long(),
            self._lengths[device_indices],
            self._targets[device_indices],
        )
