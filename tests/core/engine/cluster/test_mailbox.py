"""The desk keeps news until they are recorded, and passes orders on."""

from __future__ import annotations

import pytest

from core.engine.cluster.mailbox import FASTEST, TaskMailbox


class _Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
def desk(clock: _Clock) -> TaskMailbox:
    return TaskMailbox(clock)


def test_a_task_without_orders_goes_on_and_its_news_are_collected_once(desk: TaskMailbox) -> None:
    answer = desk.tell("a", ((1, "begun"), (2, "loss")))
    assert (answer.order, answer.recorded, answer.interval) == ("go on", 0, FASTEST)
    assert desk.collect({"a": ("go on", 0)})["a"].news == ((1, "begun"), (2, "loss"))
    assert desk.collect({"a": ("go on", 2)})["a"].news == ()


def test_an_order_and_what_is_recorded_reach_the_task_on_its_next_visit(desk: TaskMailbox) -> None:
    desk.tell("a", ((1, "begun"),))
    desk.collect({"a": ("stop", 1)})
    answer = desk.tell("a", ((1, "begun"), (2, "loss")))
    assert (answer.order, answer.recorded) == ("stop", 1)
    assert desk.collect({"a": ("stop", 1)})["a"].news == ((2, "loss"),)


def test_news_come_in_their_order_however_they_were_told(desk: TaskMailbox) -> None:
    desk.tell("a", ((3, "c"), (1, "a")))
    desk.tell("a", ((2, "b"),))
    assert desk.collect({"a": ("go on", 0)})["a"].news == ((1, "a"), (2, "b"), (3, "c"))


def test_a_desk_that_was_started_again_hears_all_that_is_not_recorded(clock: _Clock) -> None:
    first = TaskMailbox(clock)
    first.tell("a", ((1, "a"), (2, "b")))
    second = TaskMailbox(clock)
    assert second.tell("a", ((1, "a"), (2, "b"), (3, "c"))).recorded == 0
    news = second.collect({"a": ("go on", 1)})["a"].news
    assert news == ((1, "a"), (2, "b"), (3, "c"))
    assert second.tell("a", ((2, "b"), (3, "c"))).recorded == 1


def test_silence_is_measured_by_the_desks_own_clock(desk: TaskMailbox, clock: _Clock) -> None:
    desk.tell("a", ())
    clock.now += 7.5
    desk.tell("b", ())
    silent = {task: visit.silent for task, visit in desk.collect({"a": ("go on", 0)}).items()}
    assert silent == {"a": 7.5, "b": 0.0}


def test_tasks_that_were_not_submitted_are_forgotten_after_a_visit(desk: TaskMailbox) -> None:
    desk.tell("gone", ((1, "late"),))
    assert "gone" in desk.collect({})
    assert desk.collect({}) == {}


def test_many_tasks_come_less_often(desk: TaskMailbox) -> None:
    answers = [desk.tell(str(number), ()) for number in range(2000)]
    assert answers[0].interval == FASTEST
    assert answers[-1].interval == pytest.approx(2.0)
