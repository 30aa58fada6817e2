"""Record the monitor of a training run: `python docs/make_animation.py WORKSPACE RUN`.

Start a run first, such as the one of `htrans-tui demo`. The script opens the monitor, takes a
screenshot every few seconds until the run ends, and combines the frames into one animated SVG,
`docs/monitor-animated.svg`. A viewer without CSS animations shows the last frame.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree

from core.workspace import Workspace
from htrans_tui.app.app import HTransApp
from htrans_tui.app.preferences import Preferences
from htrans_tui.app.widgets.category_table import CategoryTable

SIZE = (110, 34)
SECONDS_PER_FRAME = 0.7
LAST_FRAME_SECONDS = 2.8
FRAMES_PER_CATEGORY = 4
MAX_FRAMES = 40
OUTPUT = Path(__file__).parent / "monitor-animated.svg"
SETTINGS = Path("/home/you/.config/htrans-tui/settings.toml")

_CELL = 12.2
_LINE = 24.65
_STYLE = re.compile(r"\.terminal-\d+-(r\d+) \{ (.*?) \}")
_SVG = "{http://www.w3.org/2000/svg}"
_RECT, _TEXT, _GROUP = _SVG + "rect", _SVG + "text", _SVG + "g"


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A background of cells of one line."""

    y: float
    x: float
    width: float
    fill: str

    def svg(self, _: dict[str, str]) -> str:
        """The element; the classes of text styles are not used."""
        return (
            f'<rect x="{self.x:g}" y="{self.y:g}" width="{self.width:g}" height="{_LINE}" '
            f'fill="{self.fill}" shape-rendering="crispEdges"/>'
        )


@dataclass(frozen=True, slots=True)
class Text:
    """A run of characters of one style."""

    y: float
    x: float
    length: float
    style: str
    content: str

    def svg(self, classes: dict[str, str]) -> str:
        """The element; `classes` maps a style to the class that stands for it."""
        return (
            f'<text class="{classes[self.style]}" x="{self.x:g}" y="{self.y:g}" '
            f'textLength="{self.length:g}">{escape(self.content)}</text>'
        )


Element = Rectangle | Text


async def record(workspace: Workspace, run: str, seconds: float) -> list[str]:
    """Take a screenshot every few seconds until the run ends.

    The cursor follows the training: it moves to another running category from time to time.
    """
    frames: list[str] = []
    app = HTransApp(workspace, run, preferences=Preferences(path=SETTINGS))
    async with app.run_test(size=SIZE) as pilot:
        while app.snapshot.status is None:
            await pilot.pause(0.1)
        state = ""
        while state not in ("done", "failed", "cancelled") and len(frames) < MAX_FRAMES:
            state = app.snapshot.status.run.run.state
            running = [c.id for c in app.snapshot.status.categories if c.state == "running"]
            if running and len(frames) % FRAMES_PER_CATEGORY == 0:
                app.screen.query_one(CategoryTable).move_cursor_to(running[-1])
            await pilot.pause(seconds)
            frames.append(app.export_screenshot(title="htrans-tui"))
    return frames


def animate(frames: Sequence[str]) -> str:
    """Combine screenshots of one size into one SVG.

    An element that several frames share is written once, with the frames in which it is visible.
    """
    visible: defaultdict[Element, set[int]] = defaultdict(set)
    for index, frame in enumerate(frames):
        for element in _elements(frame):
            visible[element].add(index)
    background = Counter(e.fill for e in visible if isinstance(e, Rectangle)).most_common(1)[0][0]
    groups: defaultdict[tuple[int, ...], list[Element]] = defaultdict(list)
    for element, shown in visible.items():
        if not isinstance(element, Rectangle) or element.fill != background:
            groups[tuple(sorted(shown))].append(element)
    styles = sorted({e.style for e in visible if isinstance(e, Text)})
    classes = {style: f"s{n}" for n, style in enumerate(styles)}
    names = {indices: f"f{n}" for n, indices in enumerate(groups)}
    css = [f".{name} {{ {style} }}" for style, name in classes.items()]
    for indices, name in names.items():
        if len(indices) < len(frames):
            css += _timing(name, indices, len(frames))
    body = [
        f'<g class="{names[indices]}">\n'
        + "\n".join(e.svg(classes) for e in elements if isinstance(e, kind))
        + "\n</g>"
        for kind in (Rectangle, Text)
        for indices, elements in groups.items()
        if any(isinstance(e, kind) for e in elements)
    ]
    return _document(frames[-1], background, css, body)


def _elements(frame: str) -> Iterator[Element]:
    """The backgrounds and texts of a screenshot; neighbours of one colour are joined."""
    styles = dict(_STYLE.findall(frame))
    matrix = [g for g in ElementTree.fromstring(frame).iter(_GROUP) if g.get("clip-path")]
    rectangles = [
        Rectangle(_number(e, "y"), _number(e, "x"), _number(e, "width"), e.get("fill", ""))
        for g in matrix
        for e in g.iter(_RECT)
    ]
    rectangles.sort(key=lambda r: (r.y, r.x))
    for (y, fill), cells in groupby(rectangles, key=lambda r: (r.y, r.fill)):
        neighbours = list(cells)
        x = neighbours[0].x
        yield Rectangle(y, x, round(neighbours[-1].x + neighbours[-1].width - x, 1), fill)
    for element in (e for g in matrix for e in g.iter(_TEXT)):
        padded = element.text or ""
        content = padded.strip("\xa0")
        if content:
            blanks = len(padded) - len(content)
            before = len(padded) - len(padded.lstrip("\xa0"))
            length = round(_number(element, "textLength") - blanks * _CELL, 1)
            style = styles[element.get("class", "").rpartition("-")[2]]
            x = round(_number(element, "x") + before * _CELL, 1)
            yield Text(_number(element, "y"), x, length, style, content)


def _number(element: ElementTree.Element, name: str) -> float:
    return float(element.get(name, 0))


def _timing(name: str, indices: Sequence[int], frames: int) -> list[str]:
    """CSS that shows a class in these frames only, and outside animations if in the last frame."""
    duration = (frames - 1) * SECONDS_PER_FRAME + LAST_FRAME_SECONDS
    steps = [
        f"{100 * index * SECONDS_PER_FRAME / duration:.2f}% {{ opacity: {int(index in indices)} }}"
        for index in range(frames)
        if index == 0 or (index in indices) != (index - 1 in indices)
    ]
    return [
        f".{name} {{ opacity: {int(frames - 1 in indices)}; "
        f"animation: {name} {duration:g}s step-end infinite }}",
        f"@keyframes {name} {{ {' '.join(steps)} }}",
    ]


def _document(frame: str, background: str, css: Sequence[str], body: Sequence[str]) -> str:
    """The SVG with the window of a screenshot around the body."""
    root = ElementTree.fromstring(frame)
    _, _, width, height = map(float, root.get("viewBox", "").split())
    dots = "".join(
        f'<circle cx="{26 + 22 * n}" cy="22" r="7" fill="{fill}"/>'
        for n, fill in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    return "\n".join(
        [
            f'<svg viewBox="0 0 {width:g} {height:g}" xmlns="http://www.w3.org/2000/svg">',
            "<style>",
            "text { font-family: Fira Code, monospace; font-size: 20px; white-space: pre }",
            ".title { font: bold 18px arial; fill: #c5c8c6; text-anchor: middle }",
            *css,
            "@media (prefers-reduced-motion: reduce) { g { animation: none !important } }",
            "</style>",
            f'<rect width="{width:g}" height="{height:g}" rx="8" fill="#292929"/>',
            dots,
            f'<text class="title" x="{width / 2:g}" y="27">htrans-tui</text>',
            '<g transform="translate(9, 41)">',
            f'<rect width="{width - 18:g}" height="{height - 51:g}" fill="{background}"/>',
            *body,
            "</g>",
            "</svg>",
            "",
        ]
    )


def main() -> None:
    """Record the run that the arguments name."""
    parser = argparse.ArgumentParser(description="Record the monitor as an animated SVG.")
    parser.add_argument("workspace", type=Path)
    parser.add_argument("run")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two frames")
    arguments = parser.parse_args()
    workspace = Workspace(arguments.workspace)
    with tempfile.TemporaryDirectory() as state:
        # The pictures do not depend on how the run was left in the app.
        os.environ["XDG_STATE_HOME"] = state
        frames = asyncio.run(record(workspace, arguments.run, arguments.every))
    picture = animate(frames)
    if sys.prefix in picture or str(workspace.root.absolute()) in picture:
        sys.exit("The picture shows a path of this machine. Nothing was written.")
    OUTPUT.write_text(picture, encoding="utf-8")
    print(f"{OUTPUT}: {len(frames)} frames, {OUTPUT.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
