"""Make browser.png in this folder: `python docs/make_browser_picture.py WORKSPACE RUN TEXT`.

The picture shows Chromium's page while RUN classifies TEXT. It needs the packages of the tests.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from core.workspace import Workspace

FOLDER = Path(__file__).parent
SIZE = (1200, 700)


def make(workspace: Workspace, run: str, text: str) -> None:
    """Serve the workspace, classify in a page, and take its picture."""
    from playwright.sync_api import sync_playwright

    from tests.browser.visitor import Visitor
    from tests.support.serving import serving

    with (
        TemporaryDirectory() as folder,
        serving(Path(folder), workspace) as at,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
        visitor = Visitor(page, at.url)
        lines = visitor.shows("run ", f" {run} ").splitlines()
        header = next(i for i, line in enumerate(lines) if line.startswith(" run "))
        names = [line.split()[0] for line in lines[header + 1 :] if line.strip()]
        visitor.keys(*["ArrowUp"] * len(names), *["ArrowDown"] * names.index(run), "c")
        visitor.shows("classify", "Ready", seconds=120)
        visitor.text(text)
        visitor.shows("accepted")
        page.wait_for_timeout(1500)
        page.screenshot(path=FOLDER / "browser.png")
        browser.close()


if __name__ == "__main__":
    sys.path.insert(0, str(FOLDER.parent))
    make(Workspace(Path(sys.argv[1])), sys.argv[2], sys.argv[3])
