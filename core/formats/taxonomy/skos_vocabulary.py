"""What the statements of a SKOS vocabulary say about its concepts."""

from __future__ import annotations

from collections.abc import Iterator

_SKOS = "http://www.w3.org/2004/02/skos/core#"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_CONCEPT = _SKOS + "Concept"
_TYPE = _RDF + "type"
_FIRST = _RDF + "first"
_REST = _RDF + "rest"
_BROADER = _SKOS + "broader"
_NARROWER = _SKOS + "narrower"
_TRANSITIVE = frozenset((_SKOS + "broaderTransitive", _SKOS + "narrowerTransitive"))
_LABEL = _SKOS + "prefLabel"
_NOTATION = _SKOS + "notation"
_TOP_CONCEPT_OF = _SKOS + "topConceptOf"
_HAS_TOP_CONCEPT = _SKOS + "hasTopConcept"
_MEMBER_LIST = _SKOS + "memberList"

PREDICATES = _TRANSITIVE | {
    _TYPE,
    _FIRST,
    _REST,
    _BROADER,
    _NARROWER,
    _LABEL,
    _NOTATION,
    _TOP_CONCEPT_OF,
    _HAS_TOP_CONCEPT,
    _MEMBER_LIST,
}
"""URIs of the predicates that `Vocabulary.add` wants to hear of."""


class Vocabulary:
    """Collects statements; nodes are URIs, or `_:` and something for blank nodes.

    `parents` and `notations` are by concept, in the order of the file. `problem` says what is wrong
    with the statements so far.
    """

    def __init__(self, language: str | None) -> None:
        """`language` is that of the names, if there are any in it."""
        self.parents: dict[str, dict[str, None]] = {}
        self.notations: dict[str, dict[str, None]] = {}
        self.problem: str | None = None
        self._language = (language or "").lower()
        self._labels: dict[str, tuple[int, str]] = {}
        self._subjects: dict[str, None] = {}
        self._concepts: dict[str, None] = {}
        self._member_lists: list[str] = []
        self._first: dict[str, str] = {}
        self._rest: dict[str, str] = {}
        self._skips_levels = False

    def add(self, subject: str, predicate: str, object_: str, language: str | None) -> None:
        """Take note of a statement.

        `language` is None where the object is a node, and empty for a text without a language.
        """
        self._subjects.setdefault(subject)
        if predicate == _LABEL:
            self._add_label(subject, object_, language)
        elif predicate == _NOTATION:
            if language is not None and object_:
                self.notations.setdefault(subject, {}).setdefault(object_)
        elif language is not None:
            if predicate in (_BROADER, _NARROWER):
                self.problem = (
                    f"{predicate.removeprefix(_SKOS)} of {subject!r} is the text {object_[:40]!r}; "
                    "it must be a concept"
                )
        elif predicate == _BROADER:
            self._add_parent(subject, object_)
        elif predicate == _NARROWER:
            self._add_parent(object_, subject)
        elif predicate == _HAS_TOP_CONCEPT:
            self._concepts.setdefault(object_)
        elif predicate == _TOP_CONCEPT_OF or (predicate == _TYPE and object_ == _CONCEPT):
            self._concepts.setdefault(subject)
        elif predicate == _MEMBER_LIST:
            self._member_lists.append(object_)
        elif predicate == _FIRST:
            self._first[subject] = object_
        elif predicate == _REST:
            self._rest[subject] = object_
        elif predicate in _TRANSITIVE:
            self._skips_levels = True

    def concepts(self) -> list[str]:
        """Concepts that an ordered collection names, then the others as the file describes them."""
        if self._skips_levels and not self.parents:
            self.problem = (
                "states skos:broaderTransitive only, which skips levels; state skos:broader"
            )
        order = dict.fromkeys(self._ordered_members())
        order.update(self._subjects)
        order.update(self._concepts)
        return [concept for concept in order if concept in self._concepts]

    def name(self, concept: str) -> str:
        """The preferred label in the language that is wanted most; empty without any."""
        return self._labels.get(concept, (0, ""))[1]

    def _add_parent(self, child: str, parent: str) -> None:
        self.parents.setdefault(child, {}).setdefault(parent)
        self._concepts.setdefault(child)
        self._concepts.setdefault(parent)

    def _add_label(self, concept: str, label: str, language: str | None) -> None:
        if language is None or not label:
            return
        rank = self._rank(language.lower())
        if concept not in self._labels or rank < self._labels[concept][0]:
            self._labels[concept] = (rank, label)

    def _rank(self, language: str) -> int:
        wanted = self._language
        order = (
            wanted != "" and language == wanted,
            wanted != "" and language.startswith(f"{wanted}-"),
            language != "" and wanted.startswith(f"{language}-"),
            language == "",
            language == "en",
            language.startswith("en-"),
            True,
        )
        return order.index(True)

    def _ordered_members(self) -> Iterator[str]:
        seen: set[str] = set()
        for start in self._member_lists:
            node: str | None = start
            while node is not None and node not in seen:
                seen.add(node)
                if node in self._first:
                    yield self._first[node]
                node = self._rest.get(node)
