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


def documents(number: int, seed: int = 0) -> list[dict[str, object]]:
    """Documents with text, labels, id and split; every fourth is for test."""
    draw = random.Random(seed)
    made: list[dict[str, object]] = []
    for i in range(number):
        labels = draw.sample(sorted(_PARENT), k=draw.choice((0, 1, 1, 1, 2)))
        words = draw.choices(_COMMON, k=6)
        for label in labels:
            words += draw.choices(WORDS[label], k=3)
            words += draw.choices(WORDS[_PARENT[label]], k=2)
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


def write_corpus(folder: Path, number: int = 240) -> tuple[Path, Path]:
    """Write `corpus.jsonl` and `taxonomy.tsv`; return their paths."""
    corpus, taxonomy = folder / "corpus.jsonl", folder / "taxonomy.tsv"
    corpus.write_text(
        "".join(json.dumps(document) + "\n" for document in documents(number)), encoding="utf-8"
    )
    taxonomy.write_text(TAXONOMY, encoding="utf-8")
    return corpus, taxonomy
