"""Sanitise untrusted text for terminals, SQLite and spaCy."""

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
    """Replace lone surrogates by question marks.

    JSON and command lines can contain lone surrogates. They cannot be encoded as UTF-8, so SQLite
    and spaCy reject them.
    """
    return text.encode("utf-8", "replace").decode("utf-8")


def storable(text: str) -> str:
    """Replace lone surrogates and NUL characters, which terminate texts in SQLite."""
    return without_surrogates(text).replace("\0", "\ufffd")


def printable(text: str) -> str:
    """Make `text` safe to print on one line.

    Control characters become visible symbols (ESC becomes "␛"), and line breaks become spaces.
    Letters of all scripts are unchanged.
    """
    if text.isprintable():
        return text
    return "".join(_visible(character) for character in text)
