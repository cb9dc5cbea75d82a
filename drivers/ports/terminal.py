"""A pretended device on a pseudo-terminal: what opens its path finds a real serial line."""

import os
import threading
import tty
from contextlib import suppress
from pathlib import Path
from time import monotonic  # noqa: TID251 - a port is an edge: it lives in real time.
from typing import Final, Self

from drivers.ports.peer import Peer

TURN_S: Final = 0.002
READ_BYTES_MAX: Final = 4096


class Terminal:
    """The far end of a pseudo-terminal, on a thread of its own; use it in a `with`."""

    def __init__(self, address: str, link: Path | None = None) -> None:
        """Read the address; raises ValueError, DriverUnknown and OptionRefused."""
        self.peer = Peer(address)
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self.sent_bytes = 0
        self.lost_bytes = 0
        """What the line could not hold, since nobody read it."""
        self._link = link
        if link is not None:
            link.symlink_to(self.path)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="terminal", daemon=True)

    def __enter__(self) -> Self:
        """Plug it in."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Pull the plug."""
        self._stop.set()
        self._thread.join()
        os.close(self._master)
        os.close(self._slave)
        if self._link is not None:
            self._link.unlink(missing_ok=True)

    def _run(self) -> None:
        began_s = monotonic()
        while not self._stop.wait(TURN_S):
            now = monotonic() - began_s
            request = b""
            with suppress(BlockingIOError):
                request = os.read(self._master, READ_BYTES_MAX)
            self._send(self.peer.pushed_by(now) + self.peer.answer(request, now))

    def _send(self, sent: bytes) -> None:
        taken = 0
        if sent:
            with suppress(BlockingIOError):
                taken = os.write(self._master, sent)
        self.sent_bytes += taken
        self.lost_bytes += len(sent) - taken
