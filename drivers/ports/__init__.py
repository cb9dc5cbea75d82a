"""Ports as URLs, opened through pyserial's own `serial_for_url`.

A device file, `socket://HOST:PORT`, `spy://...`, `sim://DRIVER?...` (a pretend device) and
`replay://FILE` (a capture) are all one to a driver. The pretend device is chosen in the
settings, never by default, and no test patches `serial.Serial`.

A port that goes away shows itself as one of four kinds of exception, depending on the call that
meets it first: SerialException, OSError, termios.error (which is no OSError) and TypeError (the
descriptor is None by then). All four become one PortLost.
"""

import errno
import socket
import termios
from time import monotonic  # noqa: TID251 - a port is an edge: it is listened to for so long.
from typing import Final
from urllib.parse import urlsplit

import serial

from drivers.errors import DriverUnknown, PortLost, PortRefused

__all__ = ["Port", "open_port"]

LOST: Final = (serial.SerialException, OSError, termios.error, TypeError)
CHUNK_BYTES_MAX: Final = 4096
HEARD_BYTES_MAX: Final = 16_384
TURN_S: Final = 0.05

KEPT_ALIVE: Final = {
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE): 1,
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE): 5,
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL): 3,
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT): 3,
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT): 14_000,
}
"""A serial server that lost its power says no farewell: it is missed after some 14 s. Seconds but
for the last, which is milliseconds, and for what was sent and not acknowledged."""

if __name__ not in serial.protocol_handler_packages:
    serial.protocol_handler_packages.append(__name__)


class Port:
    """An open port: reads what is there, never waits for a number of bytes."""

    def __init__(self, line: serial.SerialBase, url: str, *, echo: bool = False) -> None:
        self._line = line
        self._echo = echo
        self._own = b""
        """What was sent and has not come back yet, on a line that echoes."""
        self.url = url

    def read_chunk(self, wait_s: float) -> bytes:
        """Wait for a first byte, at most so long, and take all that is there; raises PortLost."""
        try:
            if self._line.timeout != wait_s:
                self._line.timeout = wait_s
            first: bytes = self._line.read(1)
            if not first:
                return b""
            waiting = min(self._line.in_waiting, CHUNK_BYTES_MAX - 1)
            more: bytes = self._line.read(waiting) if waiting else b""
        except LOST as error:
            raise self._lost(error) from error
        return self._without_echo(first + more)

    def hear(self, for_s: float) -> bytes:
        """Listen for so long and take all that comes, up to a bound; raises PortLost."""
        heard, until_s = bytearray(), monotonic() + for_s
        while len(heard) < HEARD_BYTES_MAX:
            left_s = until_s - monotonic()
            heard += self.read_chunk(max(0.0, min(TURN_S, left_s)))
            if left_s <= 0:
                break
        return bytes(heard)

    def write(self, request: bytes) -> None:
        """Send a poll; raises PortLost."""
        self._own = request if self._echo else b""
        try:
            self._line.write(request)
        except LOST as error:
            raise self._lost(error) from error

    def flush_input(self) -> None:
        """Throw away what waits to be read; raises PortLost."""
        try:
            self._line.reset_input_buffer()
        except LOST as error:
            raise self._lost(error) from error

    def _without_echo(self, chunk: bytes) -> bytes:
        """Drop what we said ourselves; a byte that is not ours ends the echo."""
        own = 0
        while own < min(len(self._own), len(chunk)) and self._own[own] == chunk[own]:
            own += 1
        self._own = self._own[own:] if own == len(chunk) else b""
        return chunk[own:]

    def close(self) -> None:
        """Close; a port that is already gone is closed."""
        try:
            self._line.close()
        except LOST:
            return

    def _lost(self, error: Exception) -> PortLost:
        return PortLost(f"{self.url} is gone ({error}); plug it in again, check cable and hub")


def open_port(url: str, baud: int, line: str = "8N1", *, echo: bool = False) -> Port:
    """Open a port for us alone; raises PortRefused with a reason and what to do.

    `line` is data bits, parity (N, E, O, M, S) and stop bits (1 or 2). `echo`: a two-wire bus
    hands our own bytes back, and they are dropped.
    """
    bits, parity, stop = int(line[0]), line[1], int(line[2])
    if url.startswith("socket://") and not _names_a_server(url):
        raise PortRefused("refused", f"{url}: socket://HOST:PORT is wanted")
    try:
        opened = serial.serial_for_url(
            url, baudrate=baud, bytesize=bits, parity=parity, stopbits=stop,
            exclusive=True, timeout=0.1, write_timeout=1.0,
        )  # fmt: skip
    except (ValueError, DriverUnknown) as error:
        raise PortRefused("refused", f"{url}: {error}; correct the port's address") from error
    except LOST as error:
        raise _refused(url, error) from error
    if isinstance(connection := getattr(opened, "_socket", None), socket.socket):
        for (level, option), value in KEPT_ALIVE.items():
            connection.setsockopt(level, option, value)
    return Port(opened, url, echo=echo)


def _names_a_server(url: str) -> bool:
    parts = urlsplit(url)
    try:
        return bool(parts.hostname and parts.port)
    except ValueError:  # Its port is no number from 0 to 65535.
        return False


def _refused(url: str, error: Exception) -> PortRefused:
    number = getattr(error, "errno", None)
    if number == errno.ENOENT and url.startswith("replay://"):
        return PortRefused("refused", f"{url}: there is no such capture; correct its path")
    if number in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
        return PortRefused("missing", f"{url} is not there; plug it in, check the udev rule")
    if number in (errno.EACCES, errno.EPERM):
        return PortRefused("denied", f"{url} may not be opened; add the user to group dialout")
    if number in (errno.EAGAIN, errno.EBUSY, errno.EWOULDBLOCK) or "lock" in str(error):
        return PortRefused("busy", f"{url} is held by another program; stop that one first")
    return PortRefused("refused", f"{url} cannot be opened ({error})")
