"""Which modules an import loads."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = ("torch", "spacy", "sklearn", "pyarrow", "rdflib")


def loaded_by(*modules: str) -> set[str]:
    """Top-level names of all modules that importing `modules` loads, and full names of ours."""
    code = (
        "import importlib, json, sys\n"
        f"for name in {list(modules)!r}: importlib.import_module(name)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(json.loads(result.stdout))
