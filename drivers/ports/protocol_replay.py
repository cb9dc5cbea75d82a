"""`replay://FILE?speed=1&loop=0`: a capture's bytes, at the times they were captured.

The file is text, one chunk a line, seconds from the start and hex; `>` marks what was sent to the
device; `#` opens a remark:

    # GY-MCU90614, somewhere, 2020-02-11
    0.000 5a5a45040c780d19a7
    0.098 5a5a45040c7a07d05a
    0.200 > a515ba

What follows a `>` comes when the same bytes are written, so long after it as it did then: a device
that was asked answers when it is asked. speed=0 gives everything at once. After the last chunk the
device is unplugged, unless loop=1.
"""

from pathlib import Path
from time import monotonic, sleep  # noqa: TID251 - a port is an edge: it lives in real time.
from typing import Final, NamedTuple

import serial

from drivers.address import read_address

PARAMETERS: Final = {"speed": "1", "loop": "0"}


class Chunk(NamedTuple):
    """What went over the line at a moment."""

    at_s: float
    bytes: bytes
    is_sent: bool = False
    """To the device, not from it."""

    def written(self) -> str:
        """Give the line of the file."""
        return f"{self.at_s:.4f} {'> ' if self.is_sent else ''}{self.bytes.hex()}\n"


def read_capture(text: str) -> tuple[Chunk, ...]:
    """Read a capture's chunks; a line that is none is a ValueError that names it."""
    chunks = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        is_sent = words[1:2] == [">"]
        try:
            content = bytes.fromhex("".join(words[1 + is_sent :]))
            chunks.append(Chunk(float(words[0]), content, is_sent))
        except ValueError as error:
            raise ValueError(f"capture, line {number}: {error}") from error
    if not any(chunk.bytes and not chunk.is_sent for chunk in chunks):
        raise ValueError("capture holds no bytes of a device")
    return tuple(chunks)


class Serial(serial.SerialBase):  # type: ignore[misc]  # pyserial has no types
    """A port on which a capture plays."""

    def open(self) -> None:
        """Read the capture; a missing file is an OSError, a wrong line a ValueError."""
        file, values = read_address(self.portstr, PARAMETERS)
        self._chunks = read_capture(Path(file).read_text(encoding="ascii"))
        self._speed, self._loops = float(values["speed"]), values["loop"] == "1"
        self._next = 0
        self._waiting = bytearray()
        self._began_s = monotonic()
        self.is_open = True

    def close(self) -> None:
        """Stop playing."""
        self.is_open = False

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read at once."""
        self._receive()
        return len(self._waiting)

    def read(self, size: int = 1) -> bytes:
        """Read as a real port does; past the capture's end the device is gone."""
        ends_s = None if self.timeout is None else monotonic() + self.timeout
        self._receive()
        while len(self._waiting) < size:
            if self._next == len(self._chunks):
                if not self._waiting:
                    raise serial.SerialException("the capture is over")
                break
            now = monotonic()
            if ends_s is not None and now >= ends_s:
                break
            sleep(0.005 if ends_s is None else min(0.005, ends_s - now))
            self._receive()
        chunk = bytes(self._waiting[:size])
        del self._waiting[:size]
        return chunk

    def write(self, data: bytes) -> int:
        """Take a poll; the capture goes on where the same was sent."""
        for at in range(self._next, len(self._chunks)):
            chunk = self._chunks[at]
            if chunk.is_sent and chunk.bytes == bytes(data):
                self._went(at)
                break
        return len(data)

    def reset_input_buffer(self) -> None:
        """Forget what waits."""
        self._receive()
        self._waiting.clear()

    def reset_output_buffer(self) -> None:
        """Nothing waits to be sent."""

    def _went(self, at: int) -> None:
        """Go on behind the chunk at this place, as if its moment were now."""
        self._began_s = monotonic() - self._chunks[at].at_s / (self._speed or 1)
        self._next = at + 1
        if self._next == len(self._chunks) and self._loops:
            self._next, self._began_s = 0, monotonic()

    def _receive(self) -> None:
        if not self.is_open:
            raise serial.PortNotOpenError
        while self._next < len(self._chunks):
            chunk = self._chunks[self._next]
            due_s = self._began_s + (chunk.at_s / self._speed if self._speed else 0)
            if chunk.is_sent or due_s > monotonic():
                return
            self._waiting += chunk.bytes
            self._next += 1
            if self._next == len(self._chunks) and self._loops:
                self._next, self._began_s = 0, monotonic()
                if not self._speed:
                    return

    def _reconfigure_port(self) -> None:
        """Take any speed: the bytes are already there."""
