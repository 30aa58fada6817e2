"""Versions, devices and free disk space of this machine. Imports nothing heavy."""

from __future__ import annotations

import platform
import shutil
import sqlite3
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from core.engine.host.devices import cpu_cores, cuda_devices
from core.engine.host.disk import is_nearly_full
from core.engine.maintenance.issues import Issue

_WAL_RESET_FIXED = (3, 51, 3)


@dataclass(frozen=True, slots=True)
class Machine:
    """Versions by name, and training devices."""

    versions: dict[str, str]
    cpu_cores: int
    cuda_devices: int


def this_machine() -> Machine:
    """Versions and devices of this machine. Queries torch in a subprocess."""
    packages = {name: version(name) for name in ("torch", "textual", "sqlite-utils")}
    return Machine(
        {
            "htrans-tui": version("htrans-tui"),
            "Python": platform.python_version(),
            **packages,
            "SQLite": sqlite3.sqlite_version,
        },
        cpu_cores(),
        cuda_devices(),
    )


def sqlite_notes(version: tuple[int, int, int] = sqlite3.sqlite_version_info) -> list[Issue]:
    """A note if SQLite is older than the release that fixed the WAL-reset bug.

    Source: sqlite.org/wal.html, section "The WAL-Reset Bug".
    """
    if version >= _WAL_RESET_FIXED:
        return []
    return [
        Issue(
            "sqlite",
            ".".join(map(str, version)),
            "it has the WAL-reset bug, which can in very rare cases damage a database that "
            "several processes write",
            "keep backups, or use a Python with SQLite 3.51.3 or newer",
            is_note=True,
        )
    ]


def disk_notes(folder: Path) -> list[Issue]:
    """A note if the disk of `folder` is nearly full."""
    usage = shutil.disk_usage(folder)
    if not is_nearly_full(usage.free, usage.total):
        return []
    return [
        Issue(
            "disk",
            str(folder),
            f"only {usage.free / (1 << 30):.1f} GiB are free, "
            f"{usage.free / usage.total:.0%} of the disk",
            "free some space; runs pause when the disk is full",
            is_note=True,
        )
    ]
