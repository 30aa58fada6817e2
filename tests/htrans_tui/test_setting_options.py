"""A setting is declared once: options, validation and the reference follow."""

from __future__ import annotations

import subprocess
import sys

from tests.docs.documents import ROOT

DECLARATION = """
    warmup_epochs: Annotated[int, Meta(ge=2, le=9)] = _setting(
        4, "epochs with a rising learning rate", "retrain"
    )
"""
PROGRAM = """
import sys
from pathlib import Path
from types import ModuleType

sys.path.insert(0, "docs")
source = Path("core/settings.py").read_text(encoding="utf-8")
before, after = source.split("    weights_from: str")
changed = ModuleType("core.settings")
sys.modules["core.settings"] = changed
declaration = sys.argv[1]
exec(before + declaration.lstrip("\\n") + "    weights_from: str" + after, changed.__dict__)

from typer.testing import CliRunner
from htrans_tui.cli import command_line
import make_reference

for command in ("train", "retrain"):
    arguments = [command, "--help"]
    print(CliRunner().invoke(command_line(arguments), arguments, env={"COLUMNS": "80"}).stdout)
print(make_reference.settings())
print(make_reference.commands())
for value in (1, 10, "x"):
    try:
        changed.settings_for("paper", {"warmup_epochs": value})
    except changed.HTransError as error:
        print(error)
print(changed.settings_for("paper", {"warmup_epochs": 3}).to_json())
"""


def test_a_setting_that_is_declared_is_everywhere() -> None:
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, DECLARATION],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    help_of_train, help_of_retrain = result.stdout.split("Usage: ")[1:]
    training = help_of_train.split("Training:")[1].split("Systems and decision rules:")[0]
    assert "--warmup-epochs <int>" in training
    assert "learning rate. [default: 4]" in " ".join(training.split())
    assert "--warmup-epochs <int>" in help_of_retrain
    row = "`--warmup-epochs` | 4 | 4 | 4 | Epochs with a rising learning rate. |"
    assert f"| {row}" in result.stdout
    assert "| `--warmup-epochs` | 4 | Epochs with a rising learning rate. |" in result.stdout
    problem = "--warmup-epochs must be at least 2 and at most 9\n"
    assert result.stdout.count(problem) == 2
    assert "--warmup-epochs x is not a valid integer\n" in result.stdout
    assert '"warmup_epochs": 3' in result.stdout
