"""A real Screen server, a real Chromium, and what both need to stand on."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import cv2
import msgspec
import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from gateway.core.events import Event
from gateway.screen import Screen
from training.drawing import draw_plate

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-features=Translate",
]
SIZES = {"800x480": (800, 480), "480x320": (480, 320)}
WAIT_S = 30.0
"""A bound for what must come, on a machine that is busy with other things."""
TEN_MM = {"800x480": 52, "480x320": 65}
"""Pixels of 10 mm: 5.2 px/mm on the 7-inch panel, 6.5 on the 3.5-inch one."""


def drawn_crop() -> bytes:
    """A blue plate of nobody, as the camera's child would send it."""
    picture = draw_plate("鲁M7A258", "blue", np.random.default_rng(1), scale=0.5)
    done, jpeg = cv2.imencode(".jpg", picture)
    assert done
    return bytes(jpeg)


class Stage:
    """The server with the newest view shown again and again, as the gateway's loop does."""

    def __init__(self, **settings: Any) -> None:
        self.touches: list[Event] = []
        self.touched = threading.Condition()
        self._view = b""
        self._showing = threading.Lock()
        """Held while a view is shown: no beat brings back the view before the newest."""
        self._beating = threading.Event()
        self._end = threading.Event()
        crop = drawn_crop()
        self.screen = Screen(
            "127.0.0.1",
            settings.pop("port", 0),
            self._touch,
            lambda passage: crop if passage == 12 else None,
            home_province="鲁",
            **settings,
        )
        self._thread = threading.Thread(target=self._beat)

    def _touch(self, event: Event) -> None:
        with self.touched:
            self.touches.append(event)
            self.touched.notify_all()

    def _beat(self) -> None:
        while not self._end.wait(0.2):
            with self._showing:
                if self._beating.is_set():
                    self.screen.show(self._view)

    def show(self, view: dict) -> None:
        """Show this from now on."""
        with self._showing:
            self._view = msgspec.json.encode(view)
            self._beating.set()
            self.screen.show(self._view)

    def fall_silent(self) -> None:
        """Be a gateway whose loop hangs while its server still answers."""
        with self._showing:
            self._beating.clear()

    def wait_touch(self, count: int = 1, wait_s: float = WAIT_S) -> list[Event]:
        """Wait until so many touches came."""
        with self.touched:
            assert self.touched.wait_for(lambda: len(self.touches) >= count, wait_s), self.touches
            return list(self.touches)

    def __enter__(self) -> Self:
        self.screen.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self.screen.close()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def page_of(browser: Browser, width: int, height: int, **settings: Any) -> Iterator[Page]:
    """A fresh page of one size; an error in its script fails the test."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        has_touch=True,
        timezone_id="Asia/Shanghai",
        locale="zh-CN",
        **settings,
    )
    context.set_default_timeout(1000 * WAIT_S)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    try:
        yield page
        assert not faults, faults
    finally:
        context.close()


def wait_until(condition: Callable[[], Any], wait_s: float = WAIT_S, what: str = "it") -> Any:
    """Wait for a condition with a bound."""
    end = time.monotonic() + wait_s
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"waited {wait_s} s for {what}"
        threading.Event().wait(0.02)


def tap(page: Page, name: str) -> None:
    """Tap the first key of these names, turning a pad's pages until it is there."""
    found = page.locator(",".join(f'[data-name="{one}"]' for one in name.split("|")))
    turn = page.locator('[data-name="turn"]')
    for _ in range(4):
        if found.count() == 0 and turn.count() > 0:
            turn.tap()
    found.first.tap()


CLIPPED = Path(__file__).with_name("clipped.js").read_text()
"""What is cut off, squeezed, outside the window or overlapping; empty when all is well."""
