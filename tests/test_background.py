"""A long separation goes on while its page is left; who began it cancels it; it ends with the upload it is for."""

import threading
import time
from functools import partial

import numpy as np
import pytest
import streamlit as st
from page_tools import open_page, texts, upload, wait_for, wav_file

from pages.parts import uploads, workspace
from pages.parts.background import Background, BackgroundTask, all_at_once


def test_two_pages_share_one_computation_and_errors_come_through():
    kept, go, times = [], threading.Event(), []
    background_task = BackgroundTask("key", kept.append, lambda: True)

    def compute(progress):
        times.append(1)
        progress(0.5)
        go.wait(10)
        return 7

    works = Background()
    first, second = (works.start(background_task, who, compute) for who in ("ana", "ben"))
    assert first is second
    works.cancel(background_task, "ben")  # it is ana's
    wait_for(lambda: first.share == 0.5)
    go.set()
    assert first.over.wait(10) and (first.value, kept, times) == (7, [7], [1])

    def fail(progress):
        raise ValueError("no")

    third = works.start(background_task, "ana", fail)
    assert third.over.wait(10) and str(third.problem) == "no" and kept == [7]


def test_several_works_run_at_once_in_order_and_end_with_the_first_error_or_an_unwanted_one():
    together, ended = threading.Barrier(3, timeout=10), []

    def work(value, progress):
        together.wait()
        progress(0.5)
        return value

    assert all_at_once([partial(work, value) for value in (3, 1, 2)], lambda done: None) == [3, 1, 2]

    def endless(progress):
        try:
            while True:
                progress(0.5)
                time.sleep(0.01)
        finally:
            ended.append(1)

    def fails(progress):
        raise ValueError("a fault")

    with pytest.raises(ValueError, match="a fault"):
        all_at_once([endless, fails], lambda done: None)
    assert ended == [1]

    def leave(done):
        raise KeyError("left")

    with pytest.raises(KeyError, match="left"):
        all_at_once([endless, endless], leave)
    assert ended == [1, 1, 1]


@pytest.mark.parametrize("how", ["cancelled", "unwanted"])
def test_it_ends_when_cancelled_and_when_nobody_is_to_have_it(how):
    kept, wanted = [], [True]
    background_task = BackgroundTask("key", kept.append, lambda: wanted[0])

    def compute(progress):
        while True:
            progress(0.1)

    works = Background()
    work = works.start(background_task, "ana", compute)
    if how == "cancelled":
        works.cancel(background_task, "ana")
        again = works.start(background_task, "ana", lambda progress: 3)  # at once, while the old one is not over
        assert again.over.wait(10) and kept == [3]
    wanted[0] = False
    assert work.over.wait(10) and work.unwanted and work.value is None


def test_a_separation_goes_on_while_its_page_is_left(monkeypatch):
    """The run ends in the middle, as by a click on another page; the next one finds the result."""
    monkeypatch.setattr(workspace, "LONG_SECONDS", 0.5)
    go, times = threading.Event(), []

    def slow(function, *known, progress, **_):
        times.append(1)
        progress(0.25)
        go.wait(60)
        progress(0.5)
        return function(*known, progress=progress)

    monkeypatch.setattr(workspace, "compute_within_budget", slow)
    left = [True]
    look = threading.Event.wait

    def leave(event, seconds=None):
        if seconds == workspace.LOOK_SECONDS and left and left.pop():
            st.stop()
        return look(event, seconds)

    monkeypatch.setattr(threading.Event, "wait", leave)
    sound = 0.1 * np.random.default_rng(5).standard_normal(8000)
    app = upload(open_page(sound="upload"), "mixture_file", ("a.wav", wav_file(sound)))
    link = dict(app.query_params)
    wait_for(lambda: times)
    assert [one.label for one in app.button if one.label == "Cancel"]
    go.set()
    token = link["upload"] if isinstance(link["upload"], str) else link["upload"][0]
    kept = uploads._store().get(token, "test session id").results
    wait_for(lambda: [key for key in kept if key[0] == "separation"], "the result of what was left")
    app = open_page(**{name: one if isinstance(one, str) else one[0] for name, one in link.items()})
    assert not app.error and "Your sound: a.wav" in texts(app) and times == [1]
