"""Classification of texts with a trained hierarchy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.corpus.taxonomy import Taxonomy
from core.metrics.decisions import CategoryRule, Scores, consistent
from core.prediction.scorers import Scorer
from core.text.text_reader import TextReader
from core.text.tokenizer import LocatedToken
from core.text.vocabulary import Vocabulary

NOT_SCORED = np.float32(np.nan)
"""Placeholder for a category skipped top-down because its ancestor's score was below a bound."""


@dataclass(frozen=True, slots=True)
class Classification:
    """Classification of one text.

    `labels` are the accepted categories. `scores` are the probabilities by category, 0 for
    categories without a model. `attention` maps each category whose network has attention to
    weights (tokens,) that sum to 1.
    """

    labels: tuple[str, ...]
    scores: dict[str, float]
    tokens: tuple[LocatedToken, ...]
    attention: dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predictions for several documents.

    `probabilities` and `accepted` are (documents, categories), in the order of `categories`.
    Probabilities of skipped categories are `NOT_SCORED`. `asked` is the number of scored pairs of
    a document and a trained category, `pairs` the number of all such pairs.
    """

    categories: tuple[str, ...]
    probabilities: Scores
    accepted: npt.NDArray[np.bool_]
    asked: int
    pairs: int

    def labels(self) -> list[tuple[str, ...]]:
        """Accepted categories of each document, parents before children."""
        rows = map(np.flatnonzero, self.accepted)
        return [tuple(self.categories[i] for i in row) for row in rows]


class Classifier:
    """Models of a hierarchy with their decision rules and preprocessing."""

    def __init__(
        self,
        taxonomy: Taxonomy,
        scorers: Sequence[Scorer],
        rules: Mapping[str, CategoryRule],
        reader: TextReader,
        vocabulary: Vocabulary,
        direction: str = "no",
    ) -> None:
        """Create a classifier.

        Args:
            taxonomy: The categories to predict.
            scorers: Models of the categories.
            rules: Decision rules of all categories with a model.
            reader: Preprocessing of texts.
            vocabulary: Vocabulary of the models.
            direction: A value of `DecisionRule.consistent`.
        """
        self.taxonomy = taxonomy
        self.categories = tuple(category.id for category in taxonomy)
        self.rules = dict(rules)
        self.reader = reader
        self.vocabulary = vocabulary
        self.direction = direction
        self.scorers = tuple(scorers)
        self._column = {category_id: i for i, category_id in enumerate(self.categories)}

    def classify(
        self, text: str, stop: Callable[[], bool] = lambda: False
    ) -> Classification | None:
        """Classify one text. Returns None if `stop` returned True between two models.

        A text without words gets no labels and probabilities of 0.
        """
        tokens = tuple(self.reader.tokens(text))
        scores = dict.fromkeys(self.categories, 0.0)
        attention: dict[str, npt.NDArray[np.float32]] = {}
        accepted = np.zeros((1, len(self.categories)), dtype=np.bool_)
        ids = self.reader.encode([token.text for token in tokens], self.vocabulary)
        for scorer in self.scorers if tokens else ():
            if stop():
                return None
            scored = scorer.score(ids)
            for index, category_id in enumerate(scorer.categories):
                rule, score = self.rules[category_id], scored.scores[index : index + 1]
                scores[category_id] = float(rule.probabilities(score)[0])
                accepted[0, self._column[category_id]] = rule.accepts(score)[0]
                if scored.attention is not None:
                    attention[category_id] = scored.attention[index]
        decided = consistent(accepted, self.categories, self.taxonomy, self.direction)[0]
        labels = tuple(self.categories[i] for i in np.flatnonzero(decided))
        return Classification(labels, scores, tokens, attention)

    def predict(
        self, texts: Sequence[str], bounds: Mapping[str, float] | None = None
    ) -> Predictions:
        """Score documents and decide on their labels.

        A document without words gets probabilities of 0.

        Args:
            texts: The documents.
            bounds: Enables top-down prediction. A category is scored only for documents for which
                its nearest ancestor with a model was scored and reached the category's bound, a
                raw model score. A shared model ignores the bounds.
        """
        words = [self.reader.words(text) for text in texts]
        documents = self.reader.arrays(words, self.vocabulary)
        readable = np.asarray([bool(document) for document in words], dtype=np.bool_)
        shape = len(texts), len(self.categories)
        scores = np.zeros(shape, dtype=np.float32)
        asked = 0
        for category_id, scorer, index in self._in_order():
            if scorer.together:
                rows = np.flatnonzero(readable).astype(np.int64)
                columns = [self._column[c] for c in scorer.categories]
                scores[rows[:, None], columns] = scorer.scores(documents, rows, 0)
                asked += len(rows) * len(columns)
                continue
            column = self._column[category_id]
            selected = readable
            gate = self._gate(category_id) if bounds is not None else None
            if gate is not None and bounds is not None:
                # `NOT_SCORED` compares as below every bound.
                with np.errstate(invalid="ignore"):
                    selected = readable & (scores[:, gate] >= np.float64(bounds[category_id]))
                scores[readable & ~selected, column] = NOT_SCORED
            rows = np.flatnonzero(selected).astype(np.int64)
            if len(rows):
                scores[rows, column] = scorer.scores(documents, rows, index)
            asked += len(rows)
        accepted = np.zeros(shape, dtype=np.bool_)
        calibrated = np.zeros(shape, dtype=np.float32)
        for category_id, rule in self.rules.items():
            column = self._column[category_id]
            scored = readable & ~np.isnan(scores[:, column])
            accepted[scored, column] = rule.accepts(scores[scored, column])
            calibrated[scored, column] = rule.probabilities(scores[scored, column])
            calibrated[readable & ~scored, column] = NOT_SCORED
        decided = consistent(accepted, self.categories, self.taxonomy, self.direction)
        pairs = int(readable.sum()) * len(self.rules)
        return Predictions(self.categories, calibrated, decided, asked, pairs)

    def _gate(self, category_id: str) -> int | None:
        """Column of the nearest ancestor that has a model."""
        for ancestor in self.taxonomy.ancestors(category_id):
            if ancestor in self.rules:
                return self._column[ancestor]
        return None

    def _in_order(self) -> list[tuple[str, Scorer, int]]:
        """Scoring steps (category, scorer, index), ancestors first; one step per shared model."""
        units = []
        for scorer in self.scorers:
            if scorer.together:
                units.append((scorer.categories[0], scorer, 0))
            else:
                units += [(c, scorer, index) for index, c in enumerate(scorer.categories)]
        return sorted(units, key=lambda unit: self._column[unit[0]])
