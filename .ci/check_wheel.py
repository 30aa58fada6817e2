"""Check that a wheel and an sdist hold every file of the packages: `check_wheel.py FOLDER`."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

PACKAGES = ("core", "db", "htrans_tui")


def main(folder: str) -> int:
    """Print what is missing; 1 if anything is."""
    (wheel,), (sdist,) = Path(folder).glob("*.whl"), Path(folder).glob("*.tar.gz")
    listed = ["git", "ls-files", *PACKAGES]
    wanted = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = set(archive.namelist())
    with tarfile.open(sdist) as archive:
        in_sdist = {name.partition("/")[2] for name in archive.getnames()}
    missing = [f"{wheel.name} lacks {f}" for f in wanted if f not in in_wheel]
    missing += [f"{sdist.name} lacks {f}" for f in wanted if f not in in_sdist]
    print("\n".join(missing) or f"{len(wanted)} files are in wheel and sdist")
    return bool(missing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
