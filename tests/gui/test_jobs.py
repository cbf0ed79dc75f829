"""A job drains a generator off the GUI thread, once at a time, and always ends well."""

from __future__ import annotations

import threading
import time

import pytest

from napari_shrinkage.engine import Progress
from napari_shrinkage.gui.jobs import Job, described


def counted(total, seconds=0.0):
    for done in range(total):
        yield Progress(done, total)
        time.sleep(seconds)
    return total


def test_the_result_and_every_progress_arrive_on_the_gui_thread(qtbot):
    job, seen, threads = Job(), [], set()
    job.progressed.connect(lambda p: (seen.append(p.done), threads.add(threading.current_thread())))
    with qtbot.waitSignal(job.succeeded, timeout=10_000) as end:
        assert job.start(lambda: counted(5))
    assert end.args == [5]
    assert seen == [0, 1, 2, 3, 4]
    assert threads == {threading.main_thread()}


def test_a_second_start_is_refused_while_work_is_under_way(qtbot):
    job = Job()
    with qtbot.waitSignal(job.succeeded, timeout=10_000) as end:
        assert job.start(lambda: counted(3, 0.05))
        assert not job.start(lambda: counted(1000))
    assert end.args == [3]
    qtbot.waitUntil(lambda: not job.running)
    with qtbot.waitSignal(job.succeeded, timeout=10_000):
        assert job.start(lambda: counted(1))


def test_cancel_stops_at_the_next_yield(qtbot):
    job, seen = Job(), []
    job.progressed.connect(lambda p: seen.append(p.done))
    with qtbot.waitSignal(job.cancelled, timeout=10_000):
        job.start(lambda: counted(10_000, 0.01))
        qtbot.waitUntil(lambda: len(seen) > 2)
        job.cancel()
    assert len(seen) < 1000
    qtbot.waitUntil(lambda: not job.running)


@pytest.mark.parametrize("error", [ValueError("sigma is bad"), RuntimeError("out of order"), MemoryError()])
def test_what_data_can_do_becomes_a_message(qtbot, error):
    job = Job()

    def work():
        yield Progress(0, 1)
        raise error

    with qtbot.waitSignal(job.failed, timeout=10_000) as end:
        job.start(work)
    assert end.args == [described(error)]
    qtbot.waitUntil(lambda: not job.running)


def test_running_changes_once_to_true_and_once_to_false(qtbot):
    job, seen = Job(), []
    job.running_changed.connect(seen.append)
    with qtbot.waitSignal(job.succeeded, timeout=10_000):
        job.start(lambda: counted(2))
    qtbot.waitUntil(lambda: seen == [True, False])


def test_an_abandoned_job_says_nothing_more(qtbot):
    job, heard = Job(), []
    for signal in (job.succeeded, job.failed, job.cancelled):
        signal.connect(lambda *_: heard.append(1))
    job.start(lambda: counted(20, 0.01))
    job.abandon()
    qtbot.wait(400)
    assert heard == []
    assert not job.running
