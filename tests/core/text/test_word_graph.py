"""The graph of a small text against one drawn by hand, and the grid that is read of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.text.word_graph import (
    GRID,
    NEIGHBOURS,
    NODES,
    content_words_for,
    grid,
    nodes,
    row,
    word_graph,
)

TEXT = ["oil", "price", "rise", "oil", "price", "fall"]
# Within three words: oil-price, oil-rise, price-rise, price-oil, rise-oil, rise-price, oil-price,
# oil-fall, price-fall.
DRAWN = {
    "oil": {"price": 3, "rise": 2, "fall": 1},
    "price": {"oil": 3, "rise": 2, "fall": 1},
    "rise": {"oil": 2, "price": 2},
    "fall": {"oil": 1, "price": 1},
}

texts = st.lists(st.sampled_from("abcdefghijklmnop"), max_size=60)


def test_edges_count_how_often_words_stand_within_a_window_of_three() -> None:
    assert word_graph(TEXT) == DRAWN


def test_words_three_places_apart_are_no_neighbours() -> None:
    assert word_graph(list("abcd")) == {
        "a": {"b": 1, "c": 1},
        "b": {"a": 1, "c": 1, "d": 1},
        "c": {"a": 1, "b": 1, "d": 1},
        "d": {"b": 1, "c": 1},
    }


def test_a_repeated_word_is_no_neighbour_of_itself() -> None:
    assert word_graph(["a", "a", "a"]) == {"a": {}}
    assert word_graph(["a", "a", "b"]) == {"a": {"b": 2}, "b": {"a": 2}}


def test_an_empty_text_has_no_graph() -> None:
    assert word_graph([]) == {}
    assert nodes([]) == []
    assert grid([]) == [""] * GRID


def test_nodes_go_by_frequency_and_ties_as_they_come() -> None:
    assert nodes(["z", "b", "a", "b", "c", "a", "b"]) == ["b", "a", "z", "c"]


def test_there_are_no_more_than_96_nodes() -> None:
    words = [f"word{i}" for i in range(100)]
    assert nodes(words) == words[:96]
    assert nodes([*words, "word99"]) == ["word99", *words[:95]]


def test_a_row_walks_breadth_first_through_the_heaviest_edges() -> None:
    graph = {
        "start": {"light": 1, "heavy": 5, "middle": 3},
        "light": {"start": 1, "d": 9},
        "heavy": {"start": 5, "b": 1, "a": 2},
        "middle": {"start": 3, "a": 8, "c": 1},
        "a": {"heavy": 2, "middle": 8},
        "b": {"heavy": 1},
        "c": {"middle": 1, "far": 7},
        "d": {"light": 9},
        "far": {"c": 7},
    }
    assert row(graph, "start") == ["start", "heavy", "middle", "light", "a", "b", "c", "d", "far"]
    assert row(graph, "far") == ["far", "c", "middle", "a", "start", "heavy", "light", "b", "d"]
    assert row(graph, "start", 3) == ["start", "heavy", "middle"]


def test_of_equal_edges_the_one_that_came_about_first_goes_first() -> None:
    # Edges of "a" come about as a-z, a-y, a-b.
    graph = word_graph(["z", "y", "a", "b"])
    assert row(graph, "a") == ["a", "z", "y", "b"]


def test_a_row_has_no_more_than_ten_words() -> None:
    words = [f"word{i}" for i in range(30)]
    assert row(word_graph(words), "word0") == words[:10]


def test_the_grid_is_the_rows_of_the_nodes_filled_up_with_nothing() -> None:
    cells = grid(TEXT)
    assert len(cells) == GRID == 960
    rows = [cells[start : start + 10] for start in range(0, 960, 10)]
    # Worked out from the graph above: "fall" knows "oil" and "price", and "rise" by way of these.
    assert rows[0] == ["oil", "price", "rise", "fall", *[""] * 6]
    assert rows[1] == ["price", "oil", "rise", "fall", *[""] * 6]
    assert rows[2] == ["rise", "oil", "price", "fall", *[""] * 6]
    assert rows[3] == ["fall", "oil", "price", "rise", *[""] * 6]
    assert rows[4:] == [[""] * 10] * 92


def test_the_grid_of_a_long_text_is_full() -> None:
    cells = grid([f"word{i}" for i in range(200)])
    assert len(cells) == GRID
    assert "" not in cells


def test_content_words_are_lower_cased_lemmas_of_alphabetic_words() -> None:
    content_words = content_words_for("en")
    text = "The PRICES of 1987: houses, mice and U2 ran at 5%!"
    assert content_words(text, 100) == ["price", "house", "mouse", "run"]


def test_only_so_many_content_words_are_taken() -> None:
    content_words = content_words_for("en")
    assert content_words("The prices of 12 houses and 3 mice", 2) == ["price", "house"]
    assert content_words("The prices of 12 houses and 3 mice", 0) == []


def test_a_language_without_a_table_keeps_words_as_they_are() -> None:
    content_words = content_words_for("fi")
    assert content_words("Hinnat nousivat ja 12 talot", 100) == ["hinnat", "nousivat", "talot"]
    assert content_words("prices", 100) == ["prices"]


def test_a_text_without_content_has_no_words() -> None:
    content_words = content_words_for("en")
    assert content_words("", 100) == []
    assert content_words("the of 1987 --- !", 100) == []


def test_a_lone_surrogate_stops_nothing() -> None:
    assert content_words_for("en")("prices \ud800 houses", 100) == ["price", "house"]


@given(texts)
def test_the_graph_is_symmetric_and_without_loops(words: list[str]) -> None:
    graph = word_graph(words)
    assert set(graph) == set(words)
    for word, neighbours in graph.items():
        assert word not in neighbours
        for neighbour, times in neighbours.items():
            assert times > 0
            assert graph[neighbour][word] == times


@given(texts)
def test_every_row_begins_with_its_node_and_repeats_no_word(words: list[str]) -> None:
    cells = grid(words)
    assert len(cells) == GRID
    for i, node in enumerate(nodes(words)):
        found = cells[i * NEIGHBOURS : (i + 1) * NEIGHBOURS]
        present = [word for word in found if word]
        assert found[0] == node
        assert found[: len(present)] == present
        assert len(set(present)) == len(present)
    assert not any(cells[len(set(words)) * NEIGHBOURS :])
    assert len(nodes(words)) <= NODES
