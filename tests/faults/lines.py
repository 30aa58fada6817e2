"""What a command may say when it fails: one clear line."""

from __future__ import annotations

import subprocess

from tests.support.command_line import error_line


def answers_or_explains(result: subprocess.CompletedProcess[str]) -> str:
    """What a command printed, or the one line in which it says why it cannot."""
    assert "Traceback" not in result.stderr, result.stderr
    if result.returncode == 0:
        assert result.stdout
        return result.stdout
    return error_line(result)
