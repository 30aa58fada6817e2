"""Telling whether a process still is the one that was meant."""

from __future__ import annotations

import subprocess
import sys
import time

import psutil

from core.engine.host.identity import is_alive, own_identity, start_time


def test_own_process_is_alive() -> None:
    assert is_alive(*own_identity())


def test_another_running_process_is_alive_until_it_ends() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        started = start_time(process.pid)
        assert is_alive(process.pid, started)
    assert not is_alive(process.pid, started)


def test_ended_process_that_nobody_has_waited_for_is_not_alive() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    seen = psutil.Process(process.pid)
    started = start_time(process.pid)
    deadline = time.monotonic() + 30
    while seen.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the process does not end"
        time.sleep(0.01)
    assert not is_alive(process.pid, started)
    process.wait()


def test_process_with_the_pid_but_another_start_is_not_the_same() -> None:
    pid, started = own_identity()
    assert not is_alive(pid, started - 60)
    assert not is_alive(pid, started + 60)


def test_no_process_is_recorded_as_none() -> None:
    pid, started = own_identity()
    assert not is_alive(None, started)
    assert not is_alive(pid, None)
