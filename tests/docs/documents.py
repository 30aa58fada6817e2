"""The documents of the project, and the commands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
NAMES = tuple(str(path.relative_to(ROOT)) for path in DOCUMENTS)
PROGRAM = "htrans-tui"

_FENCE = re.compile(r"^\s*```(.*)$")
_CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_FILE = re.compile(r"^\w+ (\S+\.\w+)$")


@dataclass(frozen=True, slots=True)
class Block:
    """What stands between two fences; `info` stands behind the first of them."""

    document: str
    line: int
    info: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """As a file has it."""
        return "".join(f"{line}\n" for line in self.lines)

    @property
    def file(self) -> str | None:
        """The file that the block shows, if it is named behind the fence."""
        found = _FILE.match(self.info)
        return found[1] if found else None

    @property
    def is_output(self) -> bool:
        """Whether it shows what the block before it has printed."""
        return self.info in ("text", "output")


@dataclass(frozen=True, slots=True)
class Command:
    """A command of this program with what the shell does around it.

    `before` is what stands in front of it in a pipe, `to` the file that its output goes to.
    """

    place: str
    arguments: tuple[str, ...]
    before: str | None = None
    to: str | None = None

    def __str__(self) -> str:
        return f"{self.place}: {PROGRAM} {shlex.join(self.arguments)}"


def blocks(document: str) -> list[Block]:
    """All fenced blocks of a document in their order."""
    found: list[Block] = []
    inside: list[str] | None = None
    info, start = "", 0
    for number, line in enumerate(_lines(document), start=1):
        fence = _FENCE.match(line)
        if fence and inside is None:
            inside, info, start = [], fence[1].strip(), number
        elif fence and inside is not None:
            found.append(Block(document, start, info, tuple(inside)))
            inside = None
        elif inside is not None:
            inside.append(line)
    assert inside is None, f"{document}, line {start}: the block does not end"
    return found


def commands(block: Block) -> list[Command]:
    """The commands of this program in a block; none in what is no shell."""
    if block.info not in ("", "sh", "bash"):
        return []
    found = [_command(f"{block.document}, line {n}", line) for n, line in _logical(block)]
    return [command for command in found if command is not None]


def scripts(block: Block) -> list[str]:
    """The benchmarks that a block runs."""
    if block.info not in ("", "sh", "bash"):
        return []
    return [
        words[1]
        for _, line in _logical(block)
        if (words := _words(line))[:1] == ["python"] and words[1:2] and "/" in words[1]
    ]


def spans(document: str) -> list[str]:
    """What stands between backticks in the text of a document, on one line each."""
    text: list[str] = []
    fenced = False
    for line in _lines(document):
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            text.append(line)
    paragraphs = re.split(r"\n\s*\n", "\n".join(text))
    return [
        " ".join(code.replace("\\|", "|").split())
        for paragraph in paragraphs
        for code in _CODE.findall(paragraph)
    ]


def _lines(document: str) -> list[str]:
    return (ROOT / document).read_text(encoding="utf-8").splitlines()


def _logical(block: Block) -> Iterator[tuple[int, str]]:
    """The lines of a block with their numbers; those that end in a backslash go on."""
    kept, start = "", 0
    for number, line in enumerate(block.lines, start=block.line + 1):
        start = start or number
        if line.endswith("\\"):
            kept += line[:-1]
            continue
        yield start, (kept + line).strip()
        kept, start = "", 0


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return []


def _command(place: str, line: str) -> Command | None:
    split = shlex.shlex(line, posix=True, punctuation_chars="|>")
    split.whitespace_split = True
    words = list(split)
    parts: list[list[str]] = [[]]
    for word in words:
        if word == "|":
            parts.append([])
        else:
            parts[-1].append(word)
    at = next((i for i, part in enumerate(parts) if part[:1] == [PROGRAM]), None)
    if at is None:
        return None
    words = parts[at][1:]
    to = None
    if ">" in words:
        to = words[words.index(">") + 1]
        words = words[: words.index(">")]
    before = " | ".join(map(_joined, parts[:at])) or None
    return Command(place, tuple(words), before, to)


def _joined(words: Sequence[str]) -> str:
    return shlex.join(words)
