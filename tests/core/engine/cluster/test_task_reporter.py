"""A task's reporter sends all messages to the mailbox and receives requests to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from core.engine.cluster.mailbox import TaskMailbox
from core.engine.cluster.messages import BatchesDone, EpochDone
from core.engine.cluster.reporter import TaskReporter
from core.metrics.precision_recall import PrecisionRecallF1
from core.training.epochs import BatchProgress, EpochResult

PROGRESS = BatchProgress(epoch=1, batch=3, batches=9, loss=0.5, documents=30, seconds=0.1)
EPOCH = EpochResult(1, 0.5, 0.6, PrecisionRecallF1(0.1, 0.2, 0.3), 1.5)


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true"
        time.sleep(0.01)


def test_all_messages_arrive_in_order_by_the_end_of_the_block() -> None:
    mailbox = TaskMailbox()
    with TaskReporter(lambda messages: mailbox.report("t", messages)) as reporter:
        reporter.send("started")
        reporter.progressed(PROGRESS)
        reporter.epoch_done(EPOCH, is_kept=True)
    started, progress, epoch = mailbox.collect({"t"}, set())["t"].messages
    assert started == "started"
    assert isinstance(progress, BatchesDone)
    assert isinstance(epoch, EpochDone)
    assert (progress.progress, epoch.result, epoch.is_kept) == (PROGRESS, EPOCH, True)


def test_seconds_of_work_are_counted_once() -> None:
    sent: list[Any] = []

    def report(messages: list[Any]) -> tuple[bool, float]:
        sent.extend(messages)
        return False, 1.0

    started = time.monotonic()
    with TaskReporter(report) as reporter:
        time.sleep(0.05)
        reporter.progressed(PROGRESS)
        time.sleep(0.05)
        reporter.epoch_done(EPOCH, is_kept=False)
        elapsed = time.monotonic() - started
    assert 0.1 <= sum(message.seconds for message in sent) <= elapsed + 0.01


def test_a_request_to_stop_reaches_the_training() -> None:
    mailbox = TaskMailbox()
    with TaskReporter(lambda messages: mailbox.report("t", messages)) as reporter:
        assert not reporter.should_stop()
        mailbox.collect({"t"}, {"t"})
        _until(reporter.should_stop)


def test_a_task_that_cannot_report_stops_and_fails() -> None:
    def report(_: list[Any]) -> tuple[bool, float]:
        raise ConnectionError("the actor died")

    with (
        pytest.raises(ConnectionError, match="the actor died"),
        TaskReporter(report) as reporter,
    ):
        _until(reporter.should_stop)


def test_an_error_of_the_training_is_not_hidden_by_one_of_the_mailbox() -> None:
    failed = threading.Event()

    def report(_: list[Any]) -> tuple[bool, float]:
        failed.set()
        raise ConnectionError("the actor died")

    def train() -> None:
        with TaskReporter(report):
            failed.wait(20)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train()


def test_a_long_batch_is_no_silence() -> None:
    mailbox = TaskMailbox()
    with TaskReporter(lambda messages: mailbox.report("t", messages)):
        _until(lambda: "t" in mailbox.collect({"t"}, set()))
        time.sleep(0.6)
        assert mailbox.collect({"t"}, set())["t"].silence < 0.6
