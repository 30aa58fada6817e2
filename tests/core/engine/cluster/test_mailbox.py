"""The mailbox delivers messages once and passes requests to stop on."""

from __future__ import annotations

import pytest

from core.engine.cluster.mailbox import INTERVAL, TaskMailbox


class _Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
def mailbox(clock: _Clock) -> TaskMailbox:
    return TaskMailbox(clock)


def test_messages_are_delivered_once_in_order(mailbox: TaskMailbox) -> None:
    assert mailbox.report("a", ["started", "loss"]) == (False, INTERVAL)
    mailbox.report("a", ["epoch"])
    assert mailbox.collect({"a"}, set())["a"].messages == ["started", "loss", "epoch"]
    assert mailbox.collect({"a"}, set())["a"].messages == []


def test_only_the_named_task_must_stop(mailbox: TaskMailbox) -> None:
    mailbox.collect({"a", "b"}, {"a"})
    assert mailbox.report("a", [])[0]
    assert not mailbox.report("b", [])[0]


def test_silence_is_measured_by_the_clock_of_the_mailbox(
    mailbox: TaskMailbox, clock: _Clock
) -> None:
    mailbox.report("a", [])
    clock.now += 7.5
    mailbox.report("b", [])
    deliveries = mailbox.collect({"a", "b", "unheard"}, set())
    assert {task: delivery.silence for task, delivery in deliveries.items()} == {"a": 7.5, "b": 0.0}


def test_a_task_that_does_not_run_any_more_is_forgotten(mailbox: TaskMailbox) -> None:
    mailbox.report("ended", ["late"])
    assert mailbox.collect(set(), set()) == {}
    assert mailbox.collect({"ended"}, set()) == {}


def test_many_tasks_report_less_often(mailbox: TaskMailbox) -> None:
    intervals = [mailbox.report(str(number), [])[1] for number in range(2000)]
    assert intervals[0] == INTERVAL
    assert intervals[-1] == pytest.approx(2.0)
