"""Text from corpora, taxonomies and errors, made safe to show in a terminal."""

from __future__ import annotations

import unicodedata

_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _visible(character: str) -> str:
    code = ord(character)
    if character in "\t\n\r\u2028\u2029\x85\x0b\x0c":
        return " "
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if character in _BIDI_CONTROLS or unicodedata.category(character) in ("Cc", "Cs"):
        return f"\\u{code:04x}"
    return character


def without_surrogates(text: str) -> str:
    """`text` with replacement marks for lone surrogates, which JSON and command lines can bring.

    They cannot be encoded as UTF-8, so neither SQLite nor spaCy takes them.
    """
    return text.encode("utf-8", "replace").decode("utf-8")


def storable(text: str) -> str:
    """`text` with replacement marks for lone surrogates and NUL, which ends texts in SQLite."""
    return without_surrogates(text).replace("\0", "\ufffd")


def printable(text: str) -> str:
    """`text` on one line, with control characters and escape sequences shown instead of sent.

    An escape character becomes the sign "␛", line ends become spaces; letters of every script
    stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(_visible(character) for character in text)
