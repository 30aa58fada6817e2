"""The training documents as token ids on a device, so that a batch is cut there."""

from __future__ import annotations

import numpy as np
import torch

from core.corpus.examples import Batch, Examples, Rows


class ResidentDocuments:
    """All of `examples` on `device`: 4 bytes a word, padded to the longest document.

    What goes to the device for a batch is the places of its documents, from pinned memory, and
    nothing waits for it.
    """

    def __init__(self, examples: Examples, device: torch.device) -> None:
        self._device = device
        ids, lengths = examples.tokens.batch(examples.rows, examples.max_words)
        self._lengths_here = lengths
        self._ids = torch.from_numpy(ids.astype(np.int32)).to(device)
        self._lengths = torch.from_numpy(lengths).to(device)
        self._targets = torch.from_numpy(examples.targets.astype(np.float32)).to(device)

    def batch(self, chosen: Rows) -> Batch:
        """The documents at the places `chosen`, padded to the longest of them."""
        places = torch.from_numpy(chosen)
        if self._device.type == "cuda":
            places = places.pin_memory()
        places = places.to(self._device, non_blocking=True)
        longest = int(self._lengths_here[chosen].max(initial=1))
        return Batch(
            self._ids[places, :longest].long(), self._lengths[places], self._targets[places]
        )
