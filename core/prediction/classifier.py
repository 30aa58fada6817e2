"""A trained hierarchy, applied to texts."""

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
"""Stands where a category was not asked, because its parent's score was below a bound."""


@dataclass(frozen=True, slots=True)
class Classification:
    """What a hierarchy says of one text.

    `labels`: accepted categories; `scores`: probability of each category, 0 where none was trained;
    `attention`: for each category whose network has attention the weights (tokens,), adding up
    to 1.
    """

    labels: tuple[str, ...]
    scores: dict[str, float]
    tokens: tuple[LocatedToken, ...]
    attention: dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a hierarchy says of documents.

    `probabilities` and `accepted` are (documents, categories), in the order of `categories`;
    probabilities are `NOT_SCORED` where a category was not asked. `asked` is how many pairs of a
    document and a trained category were scored, of `pairs` that there are.
    """

    categories: tuple[str, ...]
    probabilities: Scores
    accepted: npt.NDArray[np.bool_]
    asked: int
    pairs: int

    def labels(self) -> list[tuple[str, ...]]:
        """The accepted categories of each document, parents before children."""
        rows = map(np.flatnonzero, self.accepted)
        return [tuple(self.categories[i] for i in row) for row in rows]


class Classifier:
    """The models of a hierarchy, the rules by which they decide, and how they read a text."""

    def __init__(
        self,
        taxonomy: Taxonomy,
        scorers: Sequence[Scorer],
        rules: Mapping[str, CategoryRule],
        reader: TextReader,
        vocabulary: Vocabulary,
        direction: str = "no",
    ) -> None:
        """`taxonomy` has the categories in question, and `rules` those of them with a model.

        `direction` is that of `DecisionRule.consistent`.
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
        """Classify one text; None if `stop` says so before all categories are done.

        A text without any word gets no label and probability 0 everywhere.
        """
        tokens = tuple(self.reader.tokens(text))
        scores = dict.fromkeys(self.categories, 0.0)
        attention: dict[str, npt.NDArray[np.float32]] = {}
        accepted = np.zeros((1, len(self.categories)), dtype=np.bool_)
        ids = self.reader.encode([token.text for token in tokens], self.vocabulary)
        for scorer in self.scorers if tokens else ():
            if stop():
                return None
            found = scorer.score(ids)
            for place, category_id in enumerate(scorer.categories):
                rule, score = self.rules[category_id], found.scores[place : place + 1]
                scores[category_id] = float(rule.probabilities(score)[0])
                accepted[0, self._column[category_id]] = rule.accepts(score)[0]
                if found.attention is not None:
                    attention[category_id] = found.attention[place]
        decided = consistent(accepted, self.categories, self.taxonomy, self.direction)[0]
        labels = tuple(self.categories[i] for i in np.flatnonzero(decided))
        return Classification(labels, scores, tokens, attention)

    def predict(
        self, texts: Sequence[str], bounds: Mapping[str, float] | None = None
    ) -> Predictions:
        """Score documents, and decide.

        With `bounds`, a category is asked only about documents to which the nearest of its
        ancestors that has a model gives a score (of the model, not a calibrated probability) of at
        least its bound, and about which that one was asked itself. One model of all categories
        gives all scores anyway. A document without any word has probability 0 everywhere.
        """
        words = [self.reader.words(text) for text in texts]
        documents = self.reader.arrays(words, self.vocabulary)
        readable = np.asarray([bool(one) for one in words], dtype=np.bool_)
        shape = len(texts), len(self.categories)
        scores = np.zeros(shape, dtype=np.float32)
        asked = 0
        for category_id, scorer, place in self._in_order():
            if scorer.together:
                rows = np.flatnonzero(readable).astype(np.int64)
                columns = [self._column[c] for c in scorer.categories]
                scores[rows[:, None], columns] = scorer.scores(documents, rows, 0)
                asked += len(rows) * len(columns)
                continue
            column = self._column[category_id]
            wanted = readable
            gate = self._gate(category_id) if bounds is not None else None
            if gate is not None and bounds is not None:
                # What was not scored is below every bound.
                with np.errstate(invalid="ignore"):
                    wanted = readable & (scores[:, gate] >= np.float64(bounds[category_id]))
                scores[readable & ~wanted, column] = NOT_SCORED
            rows = np.flatnonzero(wanted).astype(np.int64)
            if len(rows):
                scores[rows, column] = scorer.scores(documents, rows, place)
            asked += len(rows)
        accepted = np.zeros(shape, dtype=np.bool_)
        shown = np.zeros(shape, dtype=np.float32)
        for category_id, rule in self.rules.items():
            column = self._column[category_id]
            there = readable & ~np.isnan(scores[:, column])
            accepted[there, column] = rule.accepts(scores[there, column])
            shown[there, column] = rule.probabilities(scores[there, column])
            shown[readable & ~there, column] = NOT_SCORED
        decided = consistent(accepted, self.categories, self.taxonomy, self.direction)
        pairs = int(readable.sum()) * len(self.rules)
        return Predictions(self.categories, shown, decided, asked, pairs)

    def _gate(self, category_id: str) -> int | None:
        """Column of the nearest ancestor that has a model."""
        for ancestor in self.taxonomy.ancestors(category_id):
            if ancestor in self.rules:
                return self._column[ancestor]
        return None

    def _in_order(self) -> list[tuple[str, Scorer, int]]:
        """What is to be asked, ancestors first; a scorer of all together comes once."""
        units = []
        for scorer in self.scorers:
            if scorer.together:
                units.append((scorer.categories[0], scorer, 0))
            else:
                units += [(c, scorer, place) for place, c in enumerate(scorer.categories)]
        return sorted(units, key=lambda unit: self._column[unit[0]])
