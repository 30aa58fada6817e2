"""Labels to categories."""

from __future__ import annotations

import pytest

from core.corpus.documents import Document
from core.corpus.label_rules import LabelRules
from core.errors import InputError
from tests.support.builders import PARENTS, taxonomy

WHOLE = taxonomy(PARENTS)


def document(*labels: str) -> Document:
    return Document("d", "text", labels, "train", "corpus.jsonl, line 3")


def test_known_labels_are_categories() -> None:
    rules = LabelRules(WHOLE, WHOLE, drop_unknown=False)
    assert rules.categories(document("cats", "food")) == {"cats", "food"}
    assert rules.categories(document()) == set()


def test_unknown_label_is_an_error_that_says_what_can_be_done() -> None:
    rules = LabelRules(WHOLE, WHOLE, drop_unknown=False)
    with pytest.raises(InputError, match=r"line 3: the label 'birds' is not in .*--unknown-labels"):
        rules.categories(document("cats", "birds"))


def test_unknown_labels_can_be_dropped_and_are_counted() -> None:
    rules = LabelRules(WHOLE, WHOLE, drop_unknown=True)
    assert rules.categories(document("cats", "birds")) == {"cats"}
    assert rules.categories(document("birds", "wine")) == set()
    assert rules.unknown == {"birds": 2, "wine": 1}


def test_label_of_a_category_that_was_left_out_counts_for_the_one_above() -> None:
    rules = LabelRules(WHOLE.without(["cats", "food"]), WHOLE, drop_unknown=False)
    assert rules.categories(document("cats")) == {"animals"}
    assert rules.categories(document("bread")) == set()
    assert rules.categories(document("dogs", "fruit")) == {"dogs"}
    assert not rules.unknown
