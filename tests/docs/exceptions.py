"""What the documents show and no test runs, with the reason; it is parsed all the same."""

from __future__ import annotations

from collections.abc import Sequence

NOT_RUN: dict[tuple[str, ...], str] = {
    (): "opens the app",
    ("--read-only",): "opens the app",
    ("serve",): "listens until it is interrupted",
    ("demo",): "trains for minutes",
    ("bench",): "measures for a minute",
    ("import", "rcv1"): "reads a corpus that cannot be had by everyone",
    ("reproduce", "rcv1"): "likewise",
}
"""Commands by what they begin with; () and options stand for themselves alone."""
NOT_RUN_WITH: dict[str, str] = {
    "--watch": "follows a run until it ends",
    "--device": "names a device that this machine need not have",
    "--precision": "needs CUDA",
    "--onnx": "needs the extra onnx, and is tested with export",
}
"""Options of commands that are not run."""
NOT_RUN_IN: dict[str, str] = {
    "docs/cluster.md": "needs more than one machine",
}
"""Documents whose commands are not run."""
STANDS_FOR: dict[str, tuple[str, ...]] = {
    "SOURCE…": ("news.jsonl",),
    "CORPUS": ("corpus",),
    "FOLDER": ("folder",),
    "FILE": ("taxonomy.tsv",),
    "RUN": ("news-htrans",),
    "…": ("crude",),
}
"""What is put in for the placeholders of commands."""
OTHER_OPTIONS: dict[str, str] = {
    "--extra-index-url": "pip's",
    "--index-url": "pip's",
    "--num-cpus": "Ray's",
    "--speedup": "benchmarks/scale.py's",
    "--price": "benchmarks/scale.py's",
    "--markdown": "benchmarks/scale.py's",
    "--overhead": "benchmarks/scale.py's",
    "--documents": "benchmarks/scale.py's",
    "--vocabulary": "benchmarks/scale.py's",
    "--branching": "benchmarks/scale.py's",
    "--depth": "benchmarks/scale.py's",
    "--words": "benchmarks/scale.py's",
}
"""Options in the text that are not this program's."""
SNIPPETS_NOT_RUN: dict[tuple[str, str], str] = {
    ("README.md", ".fit("): "trains with the paper's settings on data that it does not show",
    ("docs/predictions.md", ".fit("): "likewise",
}
"""Python that is compiled only: the document, and what stands in the snippet."""


def reason(document: str, arguments: Sequence[str]) -> str | None:
    """Why a command is not run, None if it is."""
    if document in NOT_RUN_IN:
        return NOT_RUN_IN[document]
    for beginning, why in NOT_RUN.items():
        words = tuple(arguments)
        exact = not beginning or beginning[0].startswith("-")
        if words == beginning if exact else words[: len(beginning)] == beginning:
            return why
    if "--device" in arguments and "cpu" in arguments:
        return None
    return next((why for option, why in NOT_RUN_WITH.items() if option in arguments), None)


def put_in(arguments: Sequence[str]) -> list[str]:
    """The arguments with something in the place of placeholders."""
    return [word for argument in arguments for word in STANDS_FOR.get(argument, (argument,))]
