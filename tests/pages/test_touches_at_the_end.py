"""What the page takes is in the gate's hands; a gate that ends, or hangs, says so."""

import json
import socket
import threading
import time

import pytest

from gateway import screen as screens
from gateway.screen import BEAT_S_MAX, TOUCH_S_MAX, Screen
from tests.pages.stage import WAIT_S, Stage, page_of, tap, wait_until
from tests.pages.test_screen_server import ask, touch
from tests.pages.views import state


def test_a_gate_that_ends_has_every_touch_that_it_took_and_refuses_the_rest(monkeypatch):
    monkeypatch.setattr(screens, "HAND_OVER_S", WAIT_S)  # The machine may be busy.
    taken, may_go_on, answers = [], threading.Event(), []

    def slow(event):
        may_go_on.wait(WAIT_S)
        taken.append(event)

    screen = Screen("127.0.0.1", 0, slow, lambda _: None)
    screen.start()
    try:
        guard = threading.Thread(target=lambda: answers.append(touch(screen)))
        guard.start()
        wait_until(lambda: screen._in_hand, what="a touch in hand")
        threading.Timer(0.2, may_go_on.set).start()
        screen.refuse_touches()
        assert len(taken) == 1, "the gate would have ended with a touch still in hand"
        guard.join(WAIT_S)
        assert [answer[0] for answer in answers] == [204]
        status, body, _ = touch(screen)
        assert (status, json.loads(body)) == (503, {"refused": "ending"})
        assert len(taken) == 1
        assert ask(screen)[0] == 200
    finally:
        may_go_on.set()
        screen.close()


def test_a_thread_that_takes_no_connection_any_more_is_found():
    screen = Screen("127.0.0.1", 0, lambda _: None, lambda _: None)
    assert screen.ailing(time.monotonic()) == "the thread screen is dead"
    screen.start()
    try:
        assert screen.ailing(time.monotonic()) is None
        with screen._server._lock:  # Whoever takes a connection waits here, as if for ever.
            with socket.create_connection(("127.0.0.1", screen.port), WAIT_S):
                wait_until(lambda: time.monotonic() - screen._server.beat_s > 0.5)
            later = time.monotonic() + BEAT_S_MAX
            assert screen.ailing(later).startswith("the thread screen has hung for 1")
        wait_until(lambda: screen.ailing(time.monotonic() + BEAT_S_MAX - 1) is None)
    finally:
        screen.close()
    assert screen.ailing(time.monotonic()) == "the thread screen is dead"


def test_a_touch_that_is_never_handed_on_is_found():
    stuck = threading.Event()
    screen = Screen("127.0.0.1", 0, lambda _: stuck.wait(30), lambda _: None)
    screen.start()
    try:
        guard = threading.Thread(target=touch, args=(screen,))
        guard.start()
        wait_until(lambda: screen._in_hand, what="a touch in hand")
        assert screen.ailing(time.monotonic()) is None
        wait_until(lambda: screen._server.beat_s > time.monotonic() - 0.5)
        later = next(iter(screen._in_hand.values())) + TOUCH_S_MAX + 0.1
        screen._server.beat_s = later
        assert screen.ailing(later) == "a touch has not been handed on for 10 s"
        stuck.set()
        guard.join(WAIT_S)
        assert screen.ailing(time.monotonic()) is None
    finally:
        stuck.set()
        screen.close()


@pytest.mark.browser
@pytest.mark.parametrize(
    ("language", "said"), [("zh", "网关正在停止"), ("en", "the gateway is stopping")]
)
def test_the_page_says_that_a_touch_was_not_taken(browser, language, said):
    with Stage(language=language) as stage, page_of(browser, 800, 480) as page:
        stage.show(state("idle"))
        page.goto(stage.screen.url)
        page.wait_for_selector(".page .idle")
        stage.screen.refuse_touches()
        tap(page, "emergency-in1")
        page.wait_for_function("(said) => document.body.innerText.includes(said)", arg=said)
        assert stage.touches == []
