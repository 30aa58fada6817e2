"""Importing at the size of RCV1: a made-up corpus in its real zip structure.

    python benchmarks/importing.py make FOLDER [NEWSITEMS]
    python benchmarks/importing.py run FOLDER [PROCESSES …]
    python benchmarks/importing.py kill FOLDER [SECONDS]

make    365 zip archives of `<id>newsML.xml`, and the taxonomy as `rcv1.topics.hier.orig`; words are
        made up and drawn by Zipf's law, 103 topics on levels of 4, 55, 43 and 1
run     imports it into a fresh workspace with each number of processes: documents a second, the
        highest memory of each process and of all together (proportional set size)
kill    imports it again, kills that process SECONDS after its start, lets it go on, and compares
        every row and every file with what `run` has left
"""

from __future__ import annotations

import hashlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import psutil

NEWSITEMS = 804_414
_TRAINING = 23_149
_FIRST, _LAST_FOR_TRAINING, _LAST = 2286, 26150, 810_597
_WORDS = 250_000
_DAYS = 365
_LEVELS = (4, 55, 43, 1)
_CODES = "<code code='{}'><editdetail attribution='made up' action='confirmed'/></code>"
_NEWSITEM = """<?xml version="1.0" encoding="iso-8859-1" ?>
<newsitem itemid="{number}" id="root" date="{day}" xml:lang="en">
<title>{headline}</title>
<headline>{headline}</headline>
<dateline>MADE UP {day}</dateline>
<text>
{paragraphs}
</text>
<copyright>(c) nobody</copyright>
<metadata>
<codes class="bip:countries:1.0"><code code="MADE"></code></codes>
<codes class="bip:industries:1.0"><code code="I00"></code></codes>
<codes class="bip:topics:1.0">{topics}</codes>
<dc element="dc.date.created" value="{day}"/>
</metadata>
</newsitem>
"""


def _topics() -> list[tuple[str, str]]:
    """(parent, topic) of 103 topics; 4, 55, 43 and 1 of them on each level."""
    levels: list[list[str]] = []
    pairs = []
    for level, number in enumerate(_LEVELS):
        names = [f"{'ABCD'[level]}{place:02}" for place in range(number)]
        for place, name in enumerate(names):
            pairs.append((levels[-1][place % len(levels[-1])] if levels else "Root", name))
        levels.append(names)
    return pairs


@cache
def _vocabulary() -> np.ndarray:
    draw = np.random.default_rng(1)
    syllables = np.array([c + v for c in "bcdfghjklmnprstvwz" for v in "aeiou"])
    parts = [syllables[draw.integers(0, len(syllables), _WORDS)] for _ in range(4)]
    lengths = draw.integers(1, 5, _WORDS)
    words = parts[0]
    for place in range(1, 4):
        words = np.where(lengths > place, np.char.add(words, parts[place]), words)
    return words


def _archive(folder: str, day: int, numbers: np.ndarray) -> None:
    vocabulary = _vocabulary()
    draw = np.random.default_rng(day)
    weights = 1 / np.arange(10, _WORDS + 10)
    steps = np.cumsum(weights / weights.sum())
    pairs = _topics()
    parent = {child: above for above, child in pairs}
    named = (date(1996, 8, 20) + timedelta(days=day)).isoformat()
    path = Path(folder, f"{named.replace('-', '')}.zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in numbers:
            words = min(int(draw.lognormal(5.2, 0.6)) + 20, 3000)
            drawn = vocabulary[np.searchsorted(steps, draw.random(words))].tolist()
            lines = [" ".join(drawn[at : at + 30]) for at in range(0, words, 30)]
            topics: dict[str, None] = {}
            for place in draw.integers(0, len(pairs), 2):
                topic = pairs[place][1]
                while topic != "Root":
                    topics[topic] = None
                    topic = parent[topic]
            content = _NEWSITEM.format(
                number=number,
                day=named,
                headline=" ".join(drawn[:8]).capitalize(),
                paragraphs="\n".join(f"<p>{line.capitalize()}, R&amp;D.</p>" for line in lines),
                topics="".join(_CODES.format(topic) for topic in topics),
            )
            archive.writestr(f"{number}newsML.xml", content.encode("latin-1"))


def make(folder: str, newsitems: int = NEWSITEMS) -> None:
    """Make the archives."""
    Path(folder).mkdir(parents=True)
    lines = ["parent: None  child: Root  child-description: Root"]
    lines += [f"parent: {a}  child: {c}  child-description: TOPIC {c}" for a, c in _topics()]
    Path(folder, "rcv1.topics.hier.orig").write_text("\n".join(lines) + "\n", encoding="utf-8")
    draw = np.random.default_rng(0)
    training = min(_TRAINING, max(1, newsitems * _TRAINING // NEWSITEMS))
    numbers = np.concatenate(
        [
            np.sort(draw.permutation(np.arange(_FIRST, _LAST_FOR_TRAINING + 1))[:training]),
            np.sort(
                draw.permutation(np.arange(_LAST_FOR_TRAINING + 1, _LAST + 1))[
                    : newsitems - training
                ]
            ),
        ]
    )
    began = time.monotonic()
    with ProcessPoolExecutor() as pool:
        parts = [part for part in np.array_split(numbers, _DAYS) if len(part)]
        made = [pool.submit(_archive, folder, d, n) for d, n in enumerate(parts)]
        for one in made:
            one.result()
    size = sum(path.stat().st_size for path in Path(folder).iterdir())
    print(f"{len(numbers):,} newsitems, {size / 2**20:,.0f} MiB, {time.monotonic() - began:.0f} s")


def _command(folder: str, workspace: Path, processes: int) -> list[str]:
    return [
        *(sys.executable, "-m", "htrans_tui", "import", folder, "--name", "rcv1"),
        *("--taxonomy", f"{folder}/rcv1.topics.hier.orig", "--workspace", str(workspace)),
        *("--processes", str(processes)),
    ]


def _memory(process: psutil.Process) -> dict[int, int]:
    """Bytes of each process of a tree, shared ones divided among those that share them."""
    found = {}
    for one in [process, *process.children(recursive=True)]:
        try:
            found[one.pid] = one.memory_full_info().pss
        except (psutil.Error, AttributeError):
            continue
    return found


def run(folder: str, *numbers: int) -> None:
    """Import with each number of processes."""
    for processes in numbers or (1, 2):
        workspace = Path(f"{folder}-workspace")
        shutil.rmtree(workspace, ignore_errors=True)
        began = time.monotonic()
        child = psutil.Popen(
            _command(folder, workspace, processes), stdout=subprocess.PIPE, text=True
        )
        together = 0
        highest: dict[int, int] = {}
        curve = []
        while child.poll() is None:
            now = _memory(child)
            together = max(together, sum(now.values()))
            highest = {pid: max(highest.get(pid, 0), size) for pid, size in (highest | now).items()}
            curve.append(sum(now.values()))
            time.sleep(0.5)
        seconds = time.monotonic() - began
        said = child.stdout.read().strip()
        number = _count(workspace)
        each = ", ".join(f"{size / 2**20:.0f}" for size in sorted(highest.values(), reverse=True))
        quarters = [curve[len(curve) * k // 4 - 1] / 2**20 for k in (1, 2, 3, 4)]
        print(
            f"{processes} processes: {seconds:.0f} s, {number / seconds:,.0f} documents/s; {said}"
        )
        print(f"  memory at most {together / 2**20:.0f} MiB together; each process {each} MiB")
        print(f"  after each quarter {', '.join(f'{size:.0f}' for size in quarters)} MiB")


def _count(workspace: Path) -> int:
    with sqlite3.connect(workspace / "htrans.db") as database:
        return int(database.execute("SELECT count(*) FROM documents").fetchone()[0])


def _content(workspace: Path) -> dict[str, str]:
    """A hash of every row of the corpus, and of every file."""
    found = {}
    with sqlite3.connect(workspace / "htrans.db") as database:
        for name, query in {
            "documents": "SELECT number, key, split, text FROM documents ORDER BY number",
            "categories": "SELECT key, name, level, position FROM categories ORDER BY position",
            "labels": "SELECT c.key, l.number, l.stated FROM document_categories l "
            "JOIN categories c ON c.id = l.category_id ORDER BY l.category_id, l.number",
        }.items():
            digest = hashlib.sha256()
            for row in database.execute(query):
                digest.update(repr(row).encode())
            found[name] = digest.hexdigest()
    corpus = next((workspace / "corpora").iterdir())
    for path in sorted(corpus.rglob("*")):
        # Row numbers differ where another import of the workspace was removed before.
        if path.is_file() and path.name != "ends.npy":
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256")
            found[str(path.relative_to(corpus))] = digest.hexdigest()
    return found


def kill(folder: str, seconds: float = 60) -> None:
    """Import, kill, go on; compare with what was imported whole."""
    whole, killed = Path(f"{folder}-workspace"), Path(f"{folder}-killed")
    shutil.rmtree(killed, ignore_errors=True)
    child = psutil.Popen(_command(folder, killed, 2))
    time.sleep(seconds)
    helpers = child.children(recursive=True)
    child.send_signal(signal.SIGKILL)
    child.wait()
    print(f"killed after {seconds:.0f} s with {_count(killed):,} documents")
    gone, alive = psutil.wait_procs(helpers, timeout=10)
    print(f"{len(gone)} helping processes have ended, {len(alive)} have not")
    began = time.monotonic()
    subprocess.run(_command(folder, killed, 2), check=True)
    print(f"went on for {time.monotonic() - began:.0f} s")
    one, other = _content(whole), _content(killed)
    different = [name for name in one.keys() | other.keys() if one.get(name) != other.get(name)]
    print(f"{len(one)} things compared, different: {', '.join(different) or 'none'}")


if __name__ == "__main__":
    what, folder, *rest = sys.argv[1:]
    steps: dict[str, Callable[..., None]] = {"make": make, "run": run, "kill": kill}
    steps[what](folder, *map(int, rest))
