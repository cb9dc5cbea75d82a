"""A guard at a gate's real page: opens passages, types plates and temperatures, lets them go.

What the page took is remembered with the true time, so that it can be compared with what was
recorded and counted.
"""

import contextlib
import http.client
import json
import random
import re
import threading
import time

from tests.faults.wires import enter

FEVER = 0.06
BICYCLES, PLATES = 0.1, 0.7
PATIENCE_S = 30.0
"""Longer than a gate stands still: a guard who gives up leaves his passage to the next arrival."""


class Guard:
    """Works on a thread of his own, where the gate lives."""

    def __init__(self, gate, seed, every_s=0.15):
        self.gate, self.every_s = gate, every_s
        self._dice = random.Random(seed)
        self.tried = 0
        """Arrivals that were touched; the page may not have answered."""
        self.accepted = []
        """The true UTC, in milliseconds, of each arrival that the page took."""
        self.passages_max = None
        self._works = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._ended = threading.Event()
        self._page = self._token = None
        self._thread = threading.Thread(target=self._run, name="guard", daemon=True)
        self._thread.start()

    def work(self, every_s=None, passages=None):
        """Begin to let people through, one each `every_s` on average; so many, if told."""
        self.every_s = self.every_s if every_s is None else every_s
        self.passages_max = None if passages is None else self.tried + passages
        self._idle.clear()
        self._works.set()

    @property
    def done(self):
        return not self._works.is_set() and self._idle.is_set()

    def pause(self):
        """Let the passage under way end, and begin no other."""
        self._works.clear()
        self._idle.wait(20)

    def end(self):
        self._ended.set()
        self._works.set()
        self._thread.join(20)

    def fever(self):
        """Let one person with a confirmed fever come now; to be called while the guard rests."""
        ended = []

        def once():
            self._enter()
            self._arrive("in1", "vehicle")
            self._touch("TemperatureTyped", lane="in1", person=None, centi_c=3890, site="contact")
            ended.append(time.time())
            self._touch("NextTouched", lane="in1")

        thread = threading.Thread(target=once)
        thread.start()
        thread.join(20)
        return ended[0]

    # --- On the thread ---

    def _enter(self):
        if self.gate.network is not None:
            enter(self.gate.network)

    def _run(self):
        self._enter()
        while not self._ended.is_set():
            if not self._works.is_set():
                self._idle.set()
                self._works.wait(0.5)
                continue
            self._idle.clear()
            if self.passages_max is not None and self.tried >= self.passages_max:
                self._works.clear()
                continue
            try:
                self._passage()
            except (OSError, http.client.HTTPException):
                self._forget()
                self._ended.wait(0.1)
            self._ended.wait(self._dice.expovariate(1 / self.every_s) if self.every_s else 0)
        self._forget()

    def _passage(self):
        lane = self._dice.choice(("in1", "in1", "out1", "foot1"))
        traveller = "bicycle" if self._dice.random() < BICYCLES else "vehicle"
        self._arrive(lane, "person" if lane == "foot1" else traveller)
        if traveller == "vehicle" and lane != "foot1" and self._dice.random() < PLATES:
            self._touch("PlateTyped", lane=lane, text=f"京A{self._dice.randrange(10**5):05d}")
        if lane != "out1":
            fever = self._dice.random() < FEVER
            self._touch(
                "TemperatureTyped", lane=lane, person=None,
                centi_c=3890 if fever else self._dice.randrange(3600, 3660),
                site="contact" if fever else "forehead",
            )  # fmt: skip
        self._touch("NextTouched", lane=lane)

    def _arrive(self, lane, traveller):
        if self._token is None:
            self._load()
        self.tried += 1
        at_ms = time.time_ns() // 1_000_000
        self._touch("ArrivalTouched", lane=lane, traveller=traveller)
        self.accepted.append(at_ms)

    def _load(self):
        self._forget()
        self._page = http.client.HTTPConnection("127.0.0.1", self.gate.port, timeout=PATIENCE_S)
        self._page.request("GET", "/")
        with self._page.getresponse() as answer:
            text = answer.read().decode()
        self._token = re.search(r'data-token="([^"]+)"', text)[1]

    def _touch(self, name, **fields):
        host = f"127.0.0.1:{self.gate.port}"
        headers = {
            "X-Gatepost-Token": self._token, "Origin": f"http://{host}",
            "Content-Type": "application/json",
        }  # fmt: skip
        self._page.request("POST", "/touch", json.dumps({"touch": name, **fields}), headers)
        with self._page.getresponse() as answer:
            body = answer.read()
        if answer.status != 204:
            raise http.client.HTTPException(f"{answer.status}: {body!r}")

    def _forget(self):
        if self._page is not None:
            with contextlib.suppress(OSError):
                self._page.close()
        self._page = self._token = None
