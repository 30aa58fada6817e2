"""Every command in README and docs is run, in the order of its document, with small stand-ins.

A block that names a file behind its fence (```csv articles.csv) is written to that file. A block
`text` or `output` shows what the block before it has printed; if an error stands in it, the last
command of that block must fail. What `output` shows must be what is printed now, except for `…`.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.docs.command_tree import parse
from tests.docs.documents import NAMES, ROOT, Block, Command, blocks, commands, scripts
from tests.docs.exceptions import NOT_RUN_IN, SNIPPETS_NOT_RUN, put_in, reason
from tests.docs.stand_ins import CommandResult, call, small_world

_ERROR = "error: "
QUICK = ("README.md", "docs/predictions.md")
"""Documents whose commands the quick tests run: they use most of the features."""


@pytest.mark.parametrize("document", NAMES)
def test_every_command_parses(document: str) -> None:
    for block in blocks(document):
        for command in commands(block):
            code, said = parse(put_in(command.arguments))
            assert code == 0, (str(command), said)


def test_what_cannot_be_parsed_is_seen() -> None:
    assert parse(["train"])[0] == 2
    assert parse(["train", "news", "--no-such-option"])[0] == 2
    assert parse(["engine", "begin"])[0] == 2
    assert parse(["status", "news-htrans", "--watch"]) == (0, "")


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
        for name in NAMES
        if name not in NOT_RUN_IN
    ],
)
def test_every_command_does_what_it_says(
    document: str, stand_ins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    its = blocks(document)
    if not any(commands(block) or block.info == "python" for block in its):
        return
    folder = tmp_path / "here"
    shutil.copytree(stand_ins, folder)
    if any(map(_makes_its_own, its)):
        shutil.rmtree(folder / "htrans-workspace")
        shutil.rmtree(folder / "model")
    monkeypatch.chdir(folder)
    with small_world():
        for block, after in pairwise([*its, Block(document, 0, "", ())]):
            if block.file:
                Path(block.file).write_text(block.text, encoding="utf-8")
            shown = after.text if after.is_output else ""
            printed = "".join(_run(commands(block), fails=_ERROR in shown))
            if block.info == "python":
                _run_snippet(block)
            if after.info == "output":
                _compare(after, printed)


def _makes_its_own(block: Block) -> bool:
    its = [command.arguments for command in commands(block)]
    made = [words for words in its if reason(block.document, words) is None]
    return any(
        (words[:1] == ("import",) and "--name" in words) or words[:2] == ("vectors", "add")
        for words in made
    )


def _run(its: list[Command], *, fails: bool) -> Iterator[str]:
    """Run commands; what they print. With `fails` the last of them must fail."""
    for command in its:
        document = command.place.partition(",")[0]
        if reason(document, command.arguments) is not None:
            continue
        stdin = b""
        if command.before is not None:
            stdin = subprocess.run(
                ["bash", "-c", command.before], capture_output=True, check=True
            ).stdout
        said = call(put_in(command.arguments), stdin)
        expected = int(fails and command is its[-1])
        assert said.code == expected, (str(command), said)
        if command.to is not None:
            Path(command.to).write_text(said.out, encoding="utf-8")
        yield _together(said, command)


def _together(said: CommandResult, command: Command) -> str:
    return said.err + ("" if command.to is not None else said.out)


def _compare(shown: Block, printed: str) -> None:
    """Every line that is shown is printed, in any order: two streams have none."""
    lines = [line.rstrip() for line in printed.splitlines()]
    for line in shown.lines:
        if line.strip() != "…":
            place = f"{shown.document}, line {shown.line}"
            assert line.rstrip() in lines, (place, line, printed)


def _run_snippet(block: Block) -> None:
    code = compile(block.text, f"{block.document}, line {block.line}", "exec")
    skipped = any(
        block.document == document and sign in block.text for document, sign in SNIPPETS_NOT_RUN
    )
    if not skipped:
        exec(code, {"__name__": "snippet"})


@pytest.mark.parametrize("document", NAMES)
def test_every_benchmark_that_is_named_is_there(document: str) -> None:
    for block in blocks(document):
        for script in scripts(block):
            content = (ROOT / script).read_text(encoding="utf-8")
            compile(content, script, "exec")
            assert "__main__" in content, f"{document}: {script}"
