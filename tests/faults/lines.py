"""What a command may say when it fails: one clear line."""

from __future__ import annotations

import subprocess


def the_error(result: subprocess.CompletedProcess[str]) -> str:
    """The one line in which a failed command says why; lines of progress may stand before it.

    It is not one that the program writes of an error which it did not expect.
    """
    assert result.returncode == 1, result
    *before, last = result.stderr.splitlines()
    assert [line for line in before if not line.startswith("importing ")] == [], result.stderr
    assert last.startswith("error: "), last
    assert "unexpected" not in last, last
    return last.removeprefix("error: ")


def answers_or_explains(result: subprocess.CompletedProcess[str]) -> str:
    """What a command printed, or the one line in which it says why it cannot."""
    assert "Traceback" not in result.stderr, result.stderr
    if result.returncode == 0:
        assert result.stdout
        return result.stdout
    return the_error(result)
