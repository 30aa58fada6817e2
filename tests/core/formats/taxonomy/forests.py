"""Taxonomies of all sorts, to be written and read back."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from core.corpus.taxonomy import Edge, Taxonomy

UNWRITABLE = [
    pytest.param(Taxonomy([]), "nothing to write", id="empty"),
    pytest.param(Taxonomy([Edge("a", None, "")]), "its name is empty", id="no name"),
    pytest.param(Taxonomy([Edge("a\0", None, "A")]), "no UTF-8 text", id="nul in the id"),
    pytest.param(Taxonomy([Edge("a", None, "A\0")]), "no UTF-8 text", id="nul in the name"),
    pytest.param(Taxonomy([Edge("\ud800", None, "A")]), "no UTF-8 text", id="half a character"),
]
"""What no format can hold, and what is said about it."""


@st.composite
def forests(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> Taxonomy:
    """A taxonomy whose ids and names are drawn from `texts`."""
    ids = draw(st.lists(texts, min_size=1, max_size=12, unique=True))
    made: list[Edge] = []
    for i, id_ in enumerate(ids):
        above = draw(st.integers(-1, i - 1))
        made.append(Edge(id_, None if above < 0 else ids[above], draw(texts)))
    return Taxonomy(draw(st.permutations(made)))
