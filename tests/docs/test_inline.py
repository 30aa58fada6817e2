"""Commands, options and links in the text of the documents exist."""

from __future__ import annotations

import re

import pytest

from tests.docs.command_tree import COMMANDS, options_of
from tests.docs.documents import NAMES, PROGRAM, ROOT, blocks, spans
from tests.docs.exceptions import OTHER_OPTIONS

_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.M)
_BRACKETS = re.compile(r"[\[\]]")

EVERY_OPTION = set().union(*map(options_of, COMMANDS.values()))


def _named(words: list[str]) -> str | None:
    """The command that words begin with, None if they begin with none."""
    for number in (2, 1):
        name = " ".join(words[:number])
        if len(words) >= number and name in COMMANDS:
            return name
    return None


@pytest.mark.parametrize("document", NAMES)
def test_every_command_in_the_text_exists_with_its_options(document: str) -> None:
    for span in spans(document):
        words = _BRACKETS.sub(" ", span).split()
        if words[:1] == [PROGRAM] and len(words) > 1:
            words = words[1:]
            if not words[0].startswith("-") and not words[0].isupper():
                assert _named(words) is not None, (document, span)
        name = _named(words) if words else None
        known = EVERY_OPTION
        if name is not None:
            known = options_of(COMMANDS[name]) | options_of(COMMANDS[""])
        for option in _OPTION.findall(span):
            assert option in known or option in OTHER_OPTIONS, (document, span, option)


@pytest.mark.parametrize("document", [*NAMES, "CONTRIBUTING.md"])
def test_every_link_leads_somewhere(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    for block in blocks(document):
        text = text.replace(block.text, "")
    for target in _LINK.findall(text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / document).parent / path if path else ROOT / document
        assert file.exists(), (document, target)
        if anchor:
            assert anchor in _anchors(file.read_text(encoding="utf-8")), (document, target)


def _anchors(text: str) -> set[str]:
    headings = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(text))
    return {heading.strip().replace(" ", "-") for heading in headings}
