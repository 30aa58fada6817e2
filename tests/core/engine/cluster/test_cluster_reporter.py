"""A task's reporter brings its news to the desk and hears orders, also through faults."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from core.engine.cluster.mailbox import Answer, News, Order, TaskMailbox
from core.engine.cluster.messages import EpochFinished, ProgressMade
from core.engine.cluster.reporter import ClusterReporter
from core.metrics.precision_recall import PrecisionRecallF1
from core.training.epochs import BatchProgress, EpochResult

PROGRESS = BatchProgress(epoch=1, batch=3, batches=9, loss=0.5, documents=30, seconds=0.1)
EPOCH = EpochResult(1, 0.5, 0.6, PrecisionRecallF1(0.1, 0.2, 0.3), 1.5)


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.01)


def _collect_until(desk: TaskMailbox, order: Order, wanted: int) -> list[object]:
    """What a task tells, until so many news are there and recorded."""
    found: list[object] = []

    def complete() -> bool:
        visit = desk.collect({"t": (order, len(found))}).get("t")
        if visit is not None:
            found.extend(one for number, one in visit.news if number > len(found))
        return len(found) >= wanted

    _until(complete)
    desk.collect({"t": (order, len(found))})
    return found


def test_news_arrive_in_order_and_are_told_until_they_are_recorded() -> None:
    desk = TaskMailbox()
    with ClusterReporter(lambda news: desk.tell("t", news)) as reporter:
        reporter.tell("placed")
        reporter.progressed(PROGRESS)
        reporter.epoch_done(EPOCH, is_kept=True)
        placed, progressed, epoch = _collect_until(desk, "go on", 3)
        _until(lambda: reporter.untold() == ())
    assert placed == "placed"
    assert isinstance(progressed, ProgressMade)
    assert isinstance(epoch, EpochFinished)
    assert (progressed.progress, epoch.result, epoch.is_kept) == (PROGRESS, EPOCH, True)


def test_seconds_of_work_are_counted_once() -> None:
    reporter = ClusterReporter(lambda news: Answer("go on", 0, 1.0))
    started = time.monotonic()
    time.sleep(0.05)
    reporter.progressed(PROGRESS)
    time.sleep(0.05)
    reporter.epoch_done(EPOCH, is_kept=False)
    told = sum(one.seconds for _, one in reporter.untold())
    assert 0.1 <= told <= time.monotonic() - started + 0.01


def test_an_order_stops_the_training() -> None:
    desk = TaskMailbox()
    with ClusterReporter(lambda news: desk.tell("t", news)) as reporter:
        assert not reporter.should_stop()
        desk.collect({"t": ("stop", 0)})
        _until(reporter.should_stop)
        assert reporter.order == "stop"


@pytest.mark.slow
def test_a_desk_that_cannot_be_reached_stops_nothing_and_loses_nothing() -> None:
    visits: list[tuple[News, ...]] = []
    reachable = threading.Event()

    def visit(news: tuple[News, ...]) -> Answer:
        visits.append(news)
        if not reachable.is_set():
            raise ConnectionError("the desk is being started again")
        return Answer("go on", news[-1][0] if news else 1, 0.01)

    with ClusterReporter(visit) as reporter:
        reporter.tell("news")
        _until(lambda: ((1, "news"),) in visits)
        assert not reporter.should_stop()
        assert reporter.untold() == ((1, "news"),)
        reachable.set()
        _until(lambda: reporter.untold() == ())


def test_the_desk_hears_of_a_task_whose_batch_takes_long() -> None:
    desk = TaskMailbox()
    with ClusterReporter(lambda news: desk.tell("t", news)):
        _until(lambda: "t" in desk.collect({"t": ("go on", 0)}))
        time.sleep(0.6)
        assert desk.collect({"t": ("go on", 0)})["t"].silent < 0.6
