"""Real pseudo-terminals with a thermometer's other end, and a queue that can be waited on."""

import fcntl
import os
import sys
import termios
import threading
import time
import tty
from collections.abc import Callable
from contextlib import suppress

WAIT_S = 60.0


class Heard:
    """A queue of events: what came, and a wait with a bound for what must come."""

    def __init__(self) -> None:
        self.events: list = []
        self._came = threading.Condition()

    def put(self, event) -> None:
        with self._came:
            self.events.append(event)
            self._came.notify_all()

    def of(self, kind: type) -> list:
        with self._came:
            return [event for event in self.events if isinstance(event, kind)]

    def wait(self, met: Callable[[list], bool], wait_s: float = WAIT_S) -> list:
        with self._came:
            assert self._came.wait_for(lambda: met(self.events), wait_s), self.events[-8:]
            return list(self.events)


class Wire:
    """A pseudo-terminal: a gateway opens `path`, the test speaks at the other end."""

    def __init__(self) -> None:
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        os.set_blocking(self._master, False)
        # Held open, so that bytes may be written before a gateway opens the port.
        self._slave = slave
        self._talking = threading.Event()
        self._thread: threading.Thread | None = None

    def send(self, data: bytes) -> None:
        with suppress(BlockingIOError):
            os.write(self._master, data)

    def waiting(self) -> int:
        """Count what a gateway could read by now: the kernel hands it over in its own time."""
        found = fcntl.ioctl(self._slave, termios.FIONREAD, bytes(4))
        return int.from_bytes(found, sys.byteorder)

    def receive(self) -> bytes:
        try:
            return os.read(self._master, 100)
        except BlockingIOError:
            return b""

    def talk(self, say: Callable[[], bytes], every_s: float = 0.05) -> None:
        """Go on saying something else now, as a device does by itself."""
        self.hush()
        self._talking.set()

        def run() -> None:
            while self._talking.is_set():
                self.send(say())
                time.sleep(every_s)

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def hush(self) -> None:
        self._talking.clear()
        if self._thread:
            self._thread.join()

    def unplug(self) -> None:
        self.hush()
        os.close(self._master)
        os.close(self._slave)
