"""From scores to labels: rules of categories, and decisions that fit the taxonomy."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.corpus.taxonomy import Edge, Taxonomy
from core.errors import HTransError
from core.metrics.calibration import Calibration
from core.metrics.decisions import CategoryRule, DecisionRule, consistent, rule_of, with_rule
from core.metrics.precision_recall import Matrix
from core.settings import settings_for

TREE = Taxonomy(
    [
        Edge("animals", None, "Animals"),
        Edge("cats", "animals", "Cats"),
        Edge("dogs", "animals", "Dogs"),
        Edge("puppies", "dogs", "Puppies"),
        Edge("food", None, "Food"),
        Edge("bread", "food", "Bread"),
    ]
)
IDS = ["animals", "cats", "dogs", "puppies", "food", "bread"]
SCORES = np.linspace(0.0, 1.0, 401).astype(np.float32)
RULES = [
    DecisionRule(*choices)
    for choices in itertools.product((False, True), (False, True), ("no", "up", "down"))
]

calibrations = st.builds(Calibration, st.floats(0.2, 5.0), st.floats(-2.5, 2.5))


@st.composite
def decisions(draw: st.DrawFn) -> tuple[Matrix, list[str]]:
    """Decisions on some documents for some of the categories, in any order."""
    ids = draw(st.lists(st.sampled_from(IDS), unique=True, min_size=1))
    cells = st.lists(st.booleans(), min_size=len(ids), max_size=len(ids))
    rows = draw(st.lists(cells, min_size=1, max_size=6))
    return np.array(rows, dtype=np.bool_), ids


def matrix(*documents: set[str], ids: list[str] = IDS) -> Matrix:
    return np.array([[id_ in document for id_ in ids] for document in documents], dtype=np.bool_)


def sets(predicted: Matrix, ids: list[str]) -> list[set[str]]:
    return [{ids[column] for column in np.flatnonzero(row)} for row in predicted]


def test_the_papers_rule_accepts_from_a_half_on() -> None:
    rule = CategoryRule()
    scores = np.array([0.0, 0.49, 0.5, 0.51, 1.0], dtype=np.float32)
    assert rule.accepts(scores).tolist() == [False, False, True, True, True]
    assert rule.threshold == 0.5
    assert rule.probabilities(scores) is scores


def test_a_threshold_between_float32_numbers_is_not_rounded() -> None:
    score = np.float32(0.3)
    least = float(score) + 1e-12
    assert np.float32(least) == score
    assert not CategoryRule(least).accepts(np.array([score])).any()
    assert CategoryRule(float(score)).accepts(np.array([score])).all()


def test_calibrated_probabilities_equal_the_formula() -> None:
    rule = CategoryRule.calibrated(Calibration(2.0, -1.0))
    scores = np.array([0.2, 0.5, 0.9], dtype=np.float32)
    odds = np.log(scores.astype(np.float64) / (1 - scores.astype(np.float64)))
    found = rule.probabilities(scores)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-(2 * odds - 1))), rtol=1e-6)
    # 2 · logit(s) − 1 is 0 where logit(s) is a half.
    assert rule.min_score == pytest.approx(1 / (1 + np.exp(-0.5)))
    assert rule.threshold == pytest.approx(0.5, abs=1e-9)


@given(calibrations)
def test_calibrated_rule_accepts_where_the_chance_is_at_least_even(
    calibration: Calibration,
) -> None:
    rule = CategoryRule.calibrated(calibration)
    shown = rule.probabilities(SCORES)
    clear = np.abs(shown - 0.5) > 1e-6  # what is shown is rounded to float32
    np.testing.assert_array_equal(rule.accepts(SCORES)[clear], (shown >= 0.5)[clear])
    assert rule.threshold == pytest.approx(0.5, abs=1e-6)
    assert (np.diff(shown) >= 0).all()


@given(calibrations, st.floats(0.01, 0.99))
def test_a_tuned_threshold_decides_alike_with_and_without_calibration(
    calibration: Calibration, least: float
) -> None:
    tuned, both = CategoryRule(least), CategoryRule(least, calibration)
    np.testing.assert_array_equal(both.accepts(SCORES), tuned.accepts(SCORES))
    shown = both.probabilities(SCORES).astype(np.float64)
    clear = np.abs(shown - both.threshold) > 1e-6
    np.testing.assert_array_equal((shown >= both.threshold)[clear], tuned.accepts(SCORES)[clear])


def test_down_drops_what_has_an_ancestor_that_is_not_accepted() -> None:
    before = matrix({"puppies", "dogs"}, {"animals", "puppies"}, {"animals", "cats", "bread"})
    found = consistent(before, IDS, TREE, "down")
    assert sets(found, IDS) == [set(), {"animals"}, {"animals", "cats"}]


def test_up_accepts_the_ancestors_of_what_is_accepted() -> None:
    before = matrix({"puppies"}, {"animals", "puppies"}, {"cats", "bread"}, set())
    found = consistent(before, IDS, TREE, "up")
    assert sets(found, IDS) == [
        {"puppies", "dogs", "animals"},
        {"puppies", "dogs", "animals"},
        {"cats", "animals", "bread", "food"},
        set(),
    ]


def test_an_ancestor_without_a_column_has_no_say() -> None:
    ids = ["puppies", "animals", "bread"]
    before = matrix({"puppies", "animals"}, {"puppies"}, {"bread"}, ids=ids)
    down = consistent(before, ids, TREE, "down")
    assert sets(down, ids) == [{"puppies", "animals"}, set(), {"bread"}]
    up = consistent(before, ids, TREE, "up")
    assert sets(up, ids) == [{"puppies", "animals"}, {"puppies", "animals"}, {"bread"}]


@pytest.mark.parametrize("direction", ["up", "down"])
def test_decisions_that_were_given_stay_as_they_are(direction: str) -> None:
    before = matrix({"puppies"}, {"animals", "puppies"})
    kept = before.copy()
    assert (consistent(before, IDS, TREE, direction) != kept).any()
    np.testing.assert_array_equal(before, kept)


@given(decisions())
def test_after_down_no_accepted_category_lacks_an_ancestor(
    given_: tuple[Matrix, list[str]],
) -> None:
    before, ids = given_
    after = consistent(before, ids, TREE, "down")
    for was, is_ in zip(sets(before, ids), sets(after, ids), strict=True):
        expected = {
            category_id
            for category_id in was
            if all(ancestor in was for ancestor in TREE.ancestors(category_id) if ancestor in ids)
        }
        assert is_ == expected
        for category_id in is_:
            assert set(TREE.ancestors(category_id)) & set(ids) <= is_


@given(decisions())
def test_after_up_all_ancestors_are_accepted(given_: tuple[Matrix, list[str]]) -> None:
    before, ids = given_
    after = consistent(before, ids, TREE, "up")
    for was, is_ in zip(sets(before, ids), sets(after, ids), strict=True):
        assert is_ == TREE.ancestor_closure(was) & set(ids)


@given(decisions(), st.sampled_from(["no", "up", "down"]))
def test_what_is_consistent_stays_as_it_is(
    given_: tuple[Matrix, list[str]], direction: str
) -> None:
    before, ids = given_
    once = consistent(before, ids, TREE, direction)
    np.testing.assert_array_equal(consistent(once, ids, TREE, direction), once)


@given(decisions())
def test_no_changes_nothing(given_: tuple[Matrix, list[str]]) -> None:
    before, ids = given_
    kept = before.copy()
    np.testing.assert_array_equal(consistent(before, ids, TREE, "no"), kept)


def test_names_say_what_is_beyond_the_paper() -> None:
    assert DecisionRule().name == ""
    assert DecisionRule(tune_thresholds=True, consistent="up").name == "tuned+up"
    assert DecisionRule(True, True, "down").name == "tuned+calibrated+down"


@pytest.mark.parametrize("rule", RULES[1:], ids=lambda rule: rule.name)
def test_a_rule_is_read_again_from_its_name(rule: DecisionRule) -> None:
    assert with_rule(DecisionRule(), rule.name) == rule


def test_names_of_rules_differ() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES) == 12


def test_words_add_to_a_rule() -> None:
    tuned = with_rule(DecisionRule(), "tuned")
    assert tuned == DecisionRule(tune_thresholds=True)
    assert with_rule(tuned, "calibrated") == DecisionRule(True, True)
    assert with_rule(DecisionRule(consistent="up"), "tuned") == DecisionRule(True, False, "up")
    assert with_rule(DecisionRule(consistent="up"), "down") == DecisionRule(consistent="down")


@pytest.mark.parametrize(
    ("text", "word"), [("tuned+sideways", "sideways"), ("", ""), ("no", "no"), ("Up", "Up")]
)
def test_any_other_word_is_refused(text: str, word: str) -> None:
    expected = f"^'{word}' .*tuned, calibrated, up or down$"
    with pytest.raises(HTransError, match=expected):
        with_rule(DecisionRule(), text)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name or "paper")
def test_a_run_is_started_with_the_rule_of_its_settings(rule: DecisionRule) -> None:
    settings = settings_for("paper", dataclasses.asdict(rule))
    assert rule_of(settings) == rule
    assert rule.needs_validation == (rule.tune_thresholds or rule.calibrate)


@pytest.mark.parametrize(("intercept", "accepted"), [(6.0, True), (-6.0, False)])
def test_calibration_that_is_never_even_accepts_all_or_nothing(
    intercept: float, accepted: bool
) -> None:
    rule = CategoryRule.calibrated(Calibration(0.2, intercept))
    scores = np.array([0.0, 1e-9, 0.5, 1.0], dtype=np.float32)
    assert rule.accepts(scores).tolist() == [accepted] * 4
    assert ((rule.probabilities(scores) >= 0.5) == accepted).all()
