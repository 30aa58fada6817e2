"""The app behind a websocket: who may open it, and which processes are there when."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import psutil
import pytest
from aiohttp.test_utils import TestServer

from core.errors import HTransError
from core.workspace import Workspace
from htrans_tui.web import visit
from htrans_tui.web.access import access_at, is_loopback
from htrans_tui.web.server import AppServer, command_for
from tests.support.command_line import error_line, error_of, htrans
from tests.support.messages import tells
from tests.support.serving import Serving, serving
from tests.support.trained import Trained
from tests.support.waiting import until


class Tab:
    """What a page does, without a browser."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        self.websocket = websocket
        self.drawn = b""

    async def draws(self, text: str) -> None:
        """Wait until a text has been drawn."""
        async with asyncio.timeout(30):
            while text.encode() not in self.drawn:
                message = await self.websocket.receive()
                if message.type == aiohttp.WSMsgType.BINARY:
                    self.drawn += message.data
                else:
                    assert message.type == aiohttp.WSMsgType.TEXT, f"{message}: {self.drawn!r}"

    async def closes(self) -> None:
        """Wait until the server closes the websocket."""
        async with asyncio.timeout(30):
            while not self.websocket.closed:
                await self.websocket.receive()

    async def sends(self, *said: object) -> None:
        await self.websocket.send_str(json.dumps(said))


@asynccontextmanager
async def tab(at: Serving, origin: str | None = None) -> AsyncIterator[Tab]:
    async with aiohttp.ClientSession() as session:
        headers = {"Origin": origin or at.origin}
        async with session.ws_connect(f"{at.url}/ws?width=100&height=30", headers=headers) as ws:
            yield Tab(ws)


@pytest.fixture
def oddly_named(trained: Trained, tmp_path: Path) -> Workspace:
    """The trained workspace at a path that a shell would take apart."""
    path = tmp_path / 'it\'s a "place" of $HOME; `exit` & more'
    path.symlink_to(trained.workspace.root)
    return Workspace(path)


@pytest.fixture
def served(oddly_named: Workspace, tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path, oddly_named) as at:
        yield at


@pytest.mark.slow
async def test_every_visitor_has_an_app_that_ends_with_the_visit(served: Serving) -> None:
    async with tab(served) as one:
        await one.draws("small")
        async with tab(served) as other:
            await other.draws("small")
            await other.sends("stdin", "?")
            await other.draws("List all keys")
            apps = served.apps()
            assert len(apps) == 2
            assert all("--read-only" in app.cmdline() for app in apps)
        await asyncio.to_thread(until, lambda: len(served.apps()) == 1)
        await one.sends("stdin", "\r")
        await one.draws("read-only")
        gone, left = served.apps(), served.end()
        await one.closes()
    assert left == (0, ""), "it ends without a word while a visitor is there"
    assert psutil.wait_procs(gone, timeout=10)[1] == []
    assert served.process.stdout is not None
    assert served.process.stdout.read() == ""


@pytest.mark.slow
async def test_an_app_ends_with_a_killed_server(served: Serving) -> None:
    async with tab(served) as one, tab(served) as other:
        await one.draws("small")
        await other.draws("small")
        apps = served.apps()
        assert len(apps) == 2
        served.process.kill()
        assert psutil.wait_procs(apps, timeout=10)[1] == []


@pytest.mark.slow
async def test_a_page_ends_with_a_killed_app(served: Serving) -> None:
    async with tab(served) as one:
        await one.draws("small")
        served.apps()[0].kill()
        await one.closes()
    async with tab(served) as again:
        await again.draws("small")
        await again.sends("stdin", "q")
        await again.closes()
    assert served.end() == (0, "")


@pytest.mark.slow
async def test_what_is_no_message_is_passed_over(served: Serving) -> None:
    nonsense = ("", "null", "[", "[]", '{"stdin": 1}', '["stdin", 7]', '["stdin"]', '["quit"]')
    sizes = ('["resize", {"width": "x", "height": 1}]', '["resize", {"width": 1e9, "height": 9}]')
    async with tab(served) as one:
        await one.draws("small")
        for text in (*nonsense, *sizes, "[" * 100_000, '["stdin", ""]', '["stdin", "\\ud800"]'):
            await one.websocket.send_str(text)
        await one.websocket.send_bytes(b"\x00\xff")
        await one.sends("resize", {"width": 10**12, "height": -1})
        await one.sends("stdin", "\x1b[48;99999;99999;1;1t")
        await one.sends("resize", {"width": 90, "height": 30})
        await one.sends("stdin", "?")
        await one.draws("List all keys")
        (app,) = served.apps()
        assert app.memory_info().rss < 500e6
    assert served.end() == (0, "")


async def test_only_its_own_pages_reach_it(served: Serving) -> None:
    port = served.url.rpartition(":")[2]
    for origin in ("http://elsewhere.org", f"https://elsewhere.org:{port}", "http://127.0.0.1:1"):
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            async with tab(served, origin):
                pass
    with socket.create_connection(("127.0.0.1", int(port))) as connection:
        connection.sendall(b"\0\xff\r\nno request\r\n\r\n")
        assert b"400 Bad Request" in connection.recv(100)
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            await session.ws_connect(f"{served.url}/ws")
        for name, code in (("elsewhere.org", 403), ("localhost:9000", 200), ("127.0.0.1", 200)):
            async with session.get(served.url, headers={"Host": name}) as answer:
                assert answer.status == code
        async with session.get(served.url) as answer:
            page, policy = await answer.text(), answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"(src|href)=\"(https?:)?//", page), "it loads nothing from elsewhere"
    assert served.apps() == []
    code, said = served.end()
    assert code == 0
    assert len(said.splitlines()) <= 1, "one line for what was no request"


async def test_without_a_workspace_the_app_says_so(tmp_path: Path) -> None:
    place = Workspace(tmp_path / "none")
    with serving(tmp_path, place, "--allow-steering") as at:
        async with tab(at) as one:
            await one.draws("import a")  # Where the line breaks depends on the path.
            assert "--read-only" not in at.apps()[0].cmdline()
        assert at.end() == (0, "")
    assert not place.root.exists()


async def test_an_app_that_hangs_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visit, "STOP_TIMEOUT_S", 0.3)
    monkeypatch.setattr(visit, "INPUT_TIMEOUT_S", 0.3)
    script = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print('__GANGLION__', flush=True); "
        "line = str(os.getpid()).encode(); "
        "os.write(1, b'D' + len(line).to_bytes(4, 'big') + line); time.sleep(60)"
    )
    command = f"exec {shlex.join([sys.executable, '-c', script])}"
    server = AppServer(command, "127.0.0.1", 0, access_at("127.0.0.1"))
    async with TestServer(await server._make_app()) as at, aiohttp.ClientSession() as session:
        headers = {"Origin": f"http://127.0.0.1:{at.port}"}
        for typed in ("x", "x" * 900_000):
            ws = await session.ws_connect(at.make_url("/ws"), headers=headers)
            pid = int(await ws.receive_bytes())
            await ws.send_str(json.dumps(["stdin", typed]))
            if typed == "x":
                await ws.close()
            await asyncio.to_thread(until, lambda pid=pid: not psutil.pid_exists(pid))  # type: ignore[misc]
            await ws.receive()
            assert ws.closed


def test_a_command_survives_the_shell_and_another_folder() -> None:
    line = command_for(Workspace(Path("a b/$HOME's")), steering=False)
    words = shlex.split(line)
    assert "exec" in words
    assert words[-2:] == [str(Path.cwd() / "a b/$HOME's"), "--read-only"]
    assert "--read-only" not in command_for(Workspace(Path("a")), steering=True)


def test_a_port_that_is_taken_is_named(workspace: Workspace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = htrans(workspace, "serve", "--port", str(port))
    assert result.stdout == ""
    assert tells(error_line(result), f"port {port}", "--port")


def test_wrong_places_are_one_line(workspace: Workspace) -> None:
    for options in (("--host", "no-such-host.invalid"), ("--url", "name/path")):
        assert tells(error_of(workspace, "serve", "--port", "0", *options), *options)


@pytest.mark.slow
@pytest.mark.parametrize("steering", [False, True])
def test_who_can_be_reached_is_warned(tmp_path: Path, workspace: Workspace, steering: bool) -> None:
    options = ("--allow-steering",) if steering else ()
    with serving(tmp_path, workspace, "--host", "0.0.0.0", *options) as at:
        os.kill(at.process.pid, signal.SIGINT)
        assert at.process.wait(10) == 0
        assert at.url.startswith("http://127.0.0.1:")
        warning = at.said.read_text()
    assert re.fullmatch(r"warning: .*no login.*texts.*\n", warning)
    assert ("change its runs" in warning) is steering


def test_names_and_origins_of_a_server() -> None:
    access = access_at("127.0.0.1", "https://Runs.example.org")
    for host in ("127.0.0.1:8000", "LOCALHOST", "[::1]:80", "10.1.2.3", "runs.example.org"):
        assert access.knows(host), host
    for unknown in (None, "", "example.org", "evil.org:8000", "[", "127.0.0.1.evil.org"):
        assert not access.knows(unknown), unknown
    assert access.sent("https://runs.example.org", "127.0.0.1:8000")
    assert access.sent("http://localhost:9000", "localhost:9000")
    for origin in (None, "null", "", "file://", "http://runs.example.org", "http://localhost:1"):
        assert not access.sent(origin, "localhost:9000"), origin
    assert not access_at("127.0.0.1").sent("", "")
    for url in ("name", "ftp://name", "https://", "https://a/b", "https://a:b"):
        with pytest.raises(HTransError, match="--url"):
            access_at("127.0.0.1", url)
    assert [is_loopback(h) for h in ("127.8.9.1", "::1", "localhost")] == [True] * 3
    assert [is_loopback(h) for h in ("0.0.0.0", "::", "10.0.0.1", "name")] == [False] * 4
