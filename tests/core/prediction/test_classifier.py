"""Many texts at once against one by one, and asking from the top down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.corpus.examples import Rows
from core.corpus.taxonomy import Edge, Taxonomy
from core.metrics.calibration import Calibration
from core.metrics.decisions import CategoryRule, Scores, consistent
from core.models.gru_att import GruAtt
from core.models.linear import LinearModel
from core.models.tfidf import TfIdf
from core.prediction.classifier import Classifier, Predictions
from core.prediction.scorers import (
    LinearScorer,
    NetworksScorer,
    Scored,
    Scorer,
    SharedNetworkScorer,
)
from core.text.text_reader import TextReader
from core.text.token_arrays import TokenArrays
from core.text.tokenizer import ALL_WORDS
from core.text.vocabulary import PADDING, Vocabulary

TREE = Taxonomy(
    [
        Edge("animals", None, "Animals"),
        Edge("cats", "animals", "Cats"),
        Edge("dogs", "animals", "Dogs"),
        Edge("puppies", "dogs", "Puppies"),
        Edge("small", "puppies", "Small puppies"),
        Edge("food", None, "Food"),
        Edge("bread", "food", "Bread"),
    ]
)
IDS = [category.id for category in TREE]
WORDS = ["fur", "paw", "bark", "puppy", "purr", "loaf", "crust", "the", "a", "and", ",", "."]
TEXTS = [
    "The puppy and the paw.",
    "",
    "Loaf, crust and fur",
    "bark",
    " \n\t ",
    "a word that nobody has seen, and the purr",
    *(" ".join(WORDS[i % 12] for i in range(n, 4 * n)) for n in range(1, 30)),
]
VOCABULARY = Vocabulary(WORDS)
READER = TextReader("en", 40, as_graph=False)
CPU = torch.device("cpu")
RULES = {
    "animals": CategoryRule(0.5),
    "cats": CategoryRule(0.4, Calibration(2.0, 0.3)),
    "puppies": CategoryRule(0.55),
    "small": CategoryRule.calibrated(Calibration(0.7, -0.2)),
    "bread": CategoryRule(0.45),
}
"""Dogs and food have no model."""
GATES = {"cats": "animals", "puppies": "animals", "small": "puppies"}


def network(seed: int, outputs: int = 1) -> GruAtt:
    generator = torch.Generator().manual_seed(seed)
    table = torch.randn(len(VOCABULARY), 6, generator=generator)
    table[PADDING] = 0
    made = GruAtt(table, 8, dropout=0.4, outputs=outputs).eval()
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if name != "embeddings.weight":
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.6)
    return made


def networks() -> Scorer:
    return NetworksScorer({key: network(i) for i, key in enumerate(RULES)}, CPU)


def shared() -> Scorer:
    return SharedNetworkScorer(network(9, len(RULES)), tuple(RULES), CPU)


def linear() -> Scorer:
    tokens = READER.arrays([READER.words(text) for text in TEXTS], VOCABULARY)
    tfidf = TfIdf.fit(tokens, np.arange(len(TEXTS)), VOCABULARY, ALL_WORDS)
    draw = np.random.default_rng(4)
    models = {
        key: LinearModel(draw.normal(size=len(tfidf.features)), 0.1, Calibration(1.5, 0.2))
        for key in RULES
    }
    return LinearScorer(models, tfidf)


def classifier_of(scorer: Scorer, direction: str = "no") -> Classifier:
    return Classifier(TREE, [scorer], RULES, READER, VOCABULARY, direction)


def labels(found: Predictions) -> list[tuple[str, ...]]:
    return [tuple(IDS[i] for i in np.flatnonzero(row)) for row in found.accepted]


every_scorer = pytest.mark.parametrize("make", [networks, shared, linear])


@pytest.mark.slow
@every_scorer
@pytest.mark.parametrize("direction", ["no", "up", "down"])
def test_texts_together_get_what_each_gets_alone(make: object, direction: str) -> None:
    assert callable(make)
    classifier = classifier_of(make(), direction)
    found = classifier.predict(TEXTS)
    assert found.categories == tuple(IDS)
    accepted = labels(found)
    for i, text in enumerate(TEXTS):
        alone = classifier.classify(text)
        assert alone is not None
        np.testing.assert_allclose(
            found.probabilities[i], [alone.scores[key] for key in IDS], atol=2e-6
        )
        assert accepted[i] == alone.labels
    assert len(set(accepted)) > 1, "nothing differs, so this shows nothing"


@every_scorer
def test_text_without_words_has_score_0_and_no_label(make: object) -> None:
    assert callable(make)
    classifier = classifier_of(make(), "up")
    found = classifier.predict(["", " \n", "\u2003"], dict.fromkeys(RULES, 0.0))
    assert not found.probabilities.any()
    assert not found.accepted.any()
    assert (found.asked, found.pairs) == (0, 0)
    alone = classifier.classify(" \n")
    assert alone is not None
    assert (alone.labels, set(alone.scores.values())) == ((), {0.0})
    assert len(alone.attention) == 0


@every_scorer
def test_no_text_is_no_prediction(make: object) -> None:
    assert callable(make)
    found = classifier_of(make()).predict([])
    assert found.probabilities.shape == found.accepted.shape == (0, len(IDS))


@every_scorer
def test_category_without_a_model_has_probability_0_and_is_never_accepted_by_itself(
    make: object,
) -> None:
    assert callable(make)
    classifier = classifier_of(make())
    assert tuple(classifier.rules) == tuple(RULES)
    found = classifier.predict(TEXTS)
    for key in ("dogs", "food"):
        assert not found.probabilities[:, IDS.index(key)].any()
        assert not found.accepted[:, IDS.index(key)].any()
    readable = sum(1 for text in TEXTS if text.strip())
    assert found.asked == found.pairs == readable * len(RULES)


@every_scorer
def test_bounds_that_everything_passes_change_nothing(make: object) -> None:
    assert callable(make)
    classifier = classifier_of(make())
    plain, bounded = classifier.predict(TEXTS), classifier.predict(TEXTS, dict.fromkeys(GATES, 0.0))
    np.testing.assert_array_equal(plain.probabilities, bounded.probabilities)
    np.testing.assert_array_equal(plain.accepted, bounded.accepted)
    assert bounded.asked == plain.asked


def test_one_model_of_all_categories_does_not_mind_bounds() -> None:
    classifier = classifier_of(shared())
    plain, bounded = classifier.predict(TEXTS), classifier.predict(TEXTS, dict.fromkeys(GATES, 1.0))
    np.testing.assert_array_equal(plain.probabilities, bounded.probabilities)
    np.testing.assert_array_equal(plain.accepted, bounded.accepted)
    assert bounded.asked == bounded.pairs


@pytest.mark.parametrize("make", [networks, linear])
def test_asked_from_the_top_down_the_others_get_the_scores_that_they_get_otherwise(
    make: object,
) -> None:
    assert callable(make)
    classifier = classifier_of(make())
    plain = classifier.predict(TEXTS)
    bounded = classifier.predict(TEXTS, dict.fromkeys(GATES, 0.5))
    asked = ~np.isnan(bounded.probabilities)
    assert 0 < bounded.asked < plain.asked
    np.testing.assert_allclose(bounded.probabilities[asked], plain.probabilities[asked], atol=2e-6)
    assert not bounded.accepted[~asked].any()


class Given:
    """Gives the scores of a table (documents, categories), and notes what it is asked."""

    together = False

    def __init__(self, categories: Sequence[str], table: Scores) -> None:
        self.categories = tuple(categories)
        self.table = table
        self.asked: set[tuple[int, str]] = set()

    def score(self, token_ids: Sequence[int]) -> Scored:
        raise AssertionError("documents are scored together")

    def scores(self, documents: TokenArrays, rows: Rows, place: int) -> Scores:
        self.asked |= {(int(row), self.categories[place]) for row in rows}
        found: Scores = self.table[rows, place]
        return found


values = st.sampled_from([0.0, 0.04, 0.05, 0.3, 0.5, 0.9, 1.0])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(IDS), unique=True, min_size=1),
    st.lists(st.tuples(st.booleans(), st.lists(values, min_size=7, max_size=7)), max_size=5),
    st.fixed_dictionaries(dict.fromkeys(IDS, values)),
    st.sampled_from(["no", "up", "down"]),
)
def test_a_category_is_asked_where_its_nearest_trained_ancestor_scores_its_bound(
    trained: list[str],
    documents: list[tuple[bool, list[float]]],
    bounds: Mapping[str, float],
    direction: str,
) -> None:
    table = np.array([row for _, row in documents], dtype=np.float32).reshape(-1, 7)
    scorer = Given(trained, table[:, : len(trained)])
    rules = {key: CategoryRule(0.3) for key in trained}
    classifier = Classifier(TREE, [scorer], rules, READER, VOCABULARY, direction)
    texts = ["fur" if readable else " " for readable, _ in documents]
    found = classifier.predict(texts, bounds)

    score = {(i, k): float(table[i, p]) for i in range(len(texts)) for p, k in enumerate(trained)}
    asked: set[tuple[int, str]] = set()
    for key in IDS:  # parents first
        gate = next((a for a in TREE.ancestors(key) if a in rules), None)
        for i, (readable, _) in enumerate(documents):
            passes = gate is None or (
                (i, gate) in asked and np.float32(score[i, gate]) >= np.float64(bounds[key])
            )
            if key in rules and readable and passes:
                asked.add((i, key))
    assert scorer.asked == asked
    assert found.asked == len(asked)
    assert found.pairs == sum(readable for readable, _ in documents) * len(trained)
    expected: npt.NDArray[np.bool_] = np.zeros((len(texts), 7), dtype=np.bool_)
    for i, (readable, _) in enumerate(documents):
        for column, key in enumerate(IDS):
            probability = float(found.probabilities[i, column])
            if (i, key) in asked:
                assert probability == np.float32(score[i, key])
                expected[i, column] = score[i, key] >= 0.3
            elif readable and key in rules:
                assert np.isnan(probability)
            else:
                assert probability == 0.0
    wanted = consistent(expected, IDS, TREE, direction)
    np.testing.assert_array_equal(found.accepted, wanted)


def test_bounds_are_on_the_scores_of_the_model_not_on_calibrated_probabilities() -> None:
    scorer = Given(["animals", "cats"], np.array([[0.2, 0.9]], dtype=np.float32))
    rules = {"animals": CategoryRule(0.5, Calibration(1.0, 5.0)), "cats": CategoryRule()}
    classifier = Classifier(TREE, [scorer], rules, READER, VOCABULARY)
    assert np.isnan(classifier.predict(["fur"], {"cats": 0.3}).probabilities[0, 1])
    passed = classifier.predict(["fur"], {"cats": 0.1})
    assert passed.probabilities[0, 1] == np.float32(0.9)
    assert passed.probabilities[0, 0] > 0.9


def test_classification_that_nobody_waits_for_is_given_up() -> None:
    assert classifier_of(networks()).classify("fur", stop=lambda: True) is None


def test_attention_of_each_network_is_on_the_words_that_were_read() -> None:
    classifier = classifier_of(networks())
    found = classifier.classify("The puppy,\n the  PAW")
    assert found is not None
    assert [token.text for token in found.tokens] == ["the", "puppy", ",", "the", "paw"]
    assert set(found.attention) == set(RULES)
    for weights in found.attention.values():
        assert len(weights) == 5
        assert weights.sum() == pytest.approx(1, abs=1e-5)
