"""A small corpus that a classifier can learn in seconds: each category has words of its own."""

from __future__ import annotations

import json
import random
from pathlib import Path

TAXONOMY = (
    "parent\tid\tname\n"
    "\tanimals\tAnimals\n"
    "animals\tcats\tCats\n"
    "animals\tdogs\tDogs\n"
    "\tfood\tFood\n"
    "food\tfruit\tFruit\n"
    "food\tbread\tBread\n"
    "food\tunused\tNobody writes of this\n"
)
WORDS = {
    "animals": ("fur", "paw", "tail", "vet"),
    "cats": ("purr", "whiskers", "kitten", "meow"),
    "dogs": ("bark", "leash", "puppy", "fetch"),
    "food": ("taste", "plate", "kitchen", "supper"),
    "fruit": ("apple", "pear", "juice", "peel"),
    "bread": ("loaf", "crust", "flour", "oven"),
}
_COMMON = ("the", "a", "today", "we", "saw", "with", "some", "very", "and", "near")
_PARENT = {"cats": "animals", "dogs": "animals", "fruit": "food", "bread": "food"}


LARGER_TAXONOMY = TAXONOMY + (
    "\thome\tHome\nhome\tgarden\tGarden\nhome\ttools\tTools\n\tsea\tSea\nsea\tships\tShips\n"
)
"""Eleven categories with documents and one without, on two levels."""
_MORE_WORDS = {
    "home": ("roof", "door", "floor", "stairs"),
    "garden": ("lawn", "hedge", "rake", "roses"),
    "tools": ("hammer", "saw", "nails", "drill"),
    "sea": ("tide", "waves", "salt", "harbour"),
    "ships": ("mast", "anchor", "deck", "crew"),
}
_MORE_PARENTS = {"garden": "home", "tools": "home", "ships": "sea"}


def documents(number: int, seed: int = 0, *, larger: bool = False) -> list[dict[str, object]]:
    """Documents with text, labels, id and split; every fourth is for test."""
    draw = random.Random(seed)
    words_of = {**WORDS, **_MORE_WORDS} if larger else WORDS
    parents = {**_PARENT, **_MORE_PARENTS} if larger else _PARENT
    made: list[dict[str, object]] = []
    for i in range(number):
        labels = draw.sample(sorted(parents), k=draw.choice((0, 1, 1, 1, 2)))
        words = draw.choices(_COMMON, k=6)
        for label in labels:
            words += draw.choices(words_of[label], k=3)
            words += draw.choices(words_of[parents[label]], k=2)
        draw.shuffle(words)
        made.append(
            {
                "id": f"d{i}",
                "text": " ".join(words),
                "labels": labels,
                "split": "test" if i % 4 == 3 else "train",
            }
        )
    return made


def write_corpus(folder: Path, number: int = 240, *, larger: bool = False) -> tuple[Path, Path]:
    """Write `corpus.jsonl` and `taxonomy.tsv`; return their paths."""
    corpus, taxonomy = folder / "corpus.jsonl", folder / "taxonomy.tsv"
    corpus.write_text(
        "".join(json.dumps(made) + "\n" for made in documents(number, larger=larger)),
        encoding="utf-8",
    )
    taxonomy.write_text(LARGER_TAXONOMY if larger else TAXONOMY, encoding="utf-8")
    return corpus, taxonomy
