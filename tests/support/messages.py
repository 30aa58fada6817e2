"""Check a message by its key facts, so that its prose can change."""

from __future__ import annotations

import re


def naming(*facts: object) -> str:
    """A pattern for a message that contains every fact as whole words, in any order."""
    return "(?s)" + "".join(rf"(?=.*(?<!\w){re.escape(str(fact))}(?!\w))" for fact in facts)


def tells(message: object, *facts: object) -> bool:
    """Return whether a message names all facts, each as whole words, in any order."""
    return re.search(naming(*facts), str(message)) is not None
