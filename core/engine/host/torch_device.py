"""The torch device of a process outside the engine."""

from __future__ import annotations

import torch

from core.engine.host.devices import slots


def pick_device(device: str) -> torch.device:
    """The first device that `--device` names."""
    return torch.device(slots(device, 1, 1, torch.cuda.device_count)[0])
