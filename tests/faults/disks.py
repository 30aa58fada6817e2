"""Small disks of their own, in memory: mounted for one test, unmounted whatever happens."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Disk:
    """A mounted file system at `root`."""

    root: Path

    @property
    def free(self) -> int:
        """Bytes that can still be written."""
        return shutil.disk_usage(self.root).free

    def fill(self, leave: int = 0) -> Path:
        """Write a file that leaves only so many bytes free (whole blocks); return its path."""
        path = self.root / "filler"
        block = b"\0" * _BLOCK
        with path.open("ab", buffering=0) as file:
            for _ in range((self.free - leave) // _BLOCK):
                file.write(block)
        assert self.free // _BLOCK == leave // _BLOCK
        return path

    def make_read_only(self) -> None:
        """Refuse every write from now on, root's as well."""
        _mount("-o", "remount,ro", str(self.root))


@contextmanager
def mounted(root: Path, mebibytes: int) -> Iterator[Disk]:
    """An empty disk of that size at `root`; skips the test where none can be mounted."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("needs root, to mount a small disk")
    if shutil.which("mount") is None or shutil.which("umount") is None:
        pytest.skip("needs the mount command, to mount a small disk")
    root.mkdir(parents=True, exist_ok=True)
    try:
        _mount("-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(root))
    except subprocess.CalledProcessError as error:
        pytest.skip(f"cannot mount a small disk here: {error.stderr.strip()}")
    try:
        yield Disk(root)
    finally:
        subprocess.run(["umount", "--lazy", str(root)], check=True)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True, text=True)
