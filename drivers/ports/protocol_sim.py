"""`sim://DRIVER?...`: a port with a pretended device on it; peer.py says what it can be told.

Such as `sim://gy_mcu90614?object=36.5&ambient=21.0&fault=noise,drift&after_frames=20`.
"""

from time import monotonic, sleep  # noqa: TID251 - a port is an edge: it lives in real time.

import serial

from drivers.ports.peer import BACKLOG_BYTES_MAX, Peer


class Serial(serial.SerialBase):  # type: ignore[misc]  # pyserial has no types
    """A port with a pretended device on it."""

    def open(self) -> None:
        """Plug the device in; a wrong address is a ValueError."""
        self._peer = Peer(self.portstr)
        self._began_s = self._dripped_s = monotonic()
        self._coming = bytearray()
        self._waiting = bytearray()
        self.is_open = True

    def close(self) -> None:
        """Unplug it."""
        self.is_open = False

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read at once."""
        self._receive()
        return min(1, len(self._waiting)) if self._peer.faulty("torn") else len(self._waiting)

    def read(self, size: int = 1) -> bytes:
        """Read as a real port does: until so many bytes are there or the timeout has passed."""
        ends_s = None if self.timeout is None else monotonic() + self.timeout
        self._receive()
        while len(self._waiting) < size:
            now = monotonic()
            if ends_s is not None and now >= ends_s:
                break
            due_s = min(0.01, self._peer.period_s / 4)
            sleep(due_s if ends_s is None else min(due_s, ends_s - now))
            self._receive()
        chunk = bytes(self._waiting[:size])
        del self._waiting[:size]
        return chunk

    def write(self, data: bytes) -> int:
        """Hand a poll to the device."""
        self._receive()
        self._coming += self._peer.answer(bytes(data), monotonic() - self._began_s)
        return len(data)

    def reset_input_buffer(self) -> None:
        """Forget what waits."""
        self._receive()
        self._waiting.clear()

    def reset_output_buffer(self) -> None:
        """Nothing waits to be sent."""

    def _receive(self) -> None:
        if not self.is_open:
            raise serial.PortNotOpenError
        now = monotonic()
        if self._peer.faulty("unplug") and not self._coming and not self._waiting:
            raise serial.SerialException("device reports readiness to read but returned no data")
        self._coming += self._peer.pushed_by(now - self._began_s)
        come = len(self._coming)
        if self._peer.faulty("drip"):
            come = min(come, 1) if now - self._dripped_s >= self._peer.period_s / 20 else 0
        if come:
            self._dripped_s = now
            self._waiting += self._coming[:come]
            del self._coming[:come], self._waiting[:-BACKLOG_BYTES_MAX]

    def _reconfigure_port(self) -> None:
        """Take any speed: the line is pretended."""
