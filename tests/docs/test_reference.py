"""The reference is what the program is now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.docs.documents import ROOT


def test_the_reference_is_what_its_script_makes_now(tmp_path: Path) -> None:
    script = ROOT / "docs" / "make_reference.py"
    subprocess.run([sys.executable, script, tmp_path], check=True, capture_output=True, cwd=ROOT)
    kept = ROOT / "docs" / "reference"
    made = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    there = {path.name: path.read_text(encoding="utf-8") for path in kept.iterdir()}
    assert there == made, "run: python docs/make_reference.py"
