"""`replay://FILE?speed=1&loop=0`: a capture's bytes, at the times they were captured.

The file is text, one chunk a line, seconds from the start and hex; `#` opens a remark:

    # GY-MCU90614, somewhere, 2020-02-11
    0.000 5a5a45040c780d19a7
    0.098 5a5a45040c7a07d05a

speed=0 gives everything at once. After the last chunk the device is unplugged, unless loop=1.
"""

from pathlib import Path
from time import monotonic, sleep  # noqa: TID251 - a port is an edge: it lives in real time.
from typing import Final

import serial

from drivers.address import read_address

PARAMETERS: Final = {"speed": "1", "loop": "0"}


def read_capture(text: str) -> tuple[tuple[float, bytes], ...]:
    """Read a capture's chunks; a line that is none is a ValueError that names it."""
    chunks = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            chunks.append((float(words[0]), bytes.fromhex("".join(words[1:]))))
        except ValueError as error:
            raise ValueError(f"capture, line {number}: {error}") from error
    if not chunks:
        raise ValueError("capture holds no bytes")
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
            if not self._waiting and self._next == len(self._chunks):
                raise serial.SerialException("the capture is over")
            if self._next == len(self._chunks):
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
        """Swallow a poll: a capture answers by itself."""
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
        at_s = (monotonic() - self._began_s) * self._speed
        while self._next < len(self._chunks):
            due_s, chunk = self._chunks[self._next]
            if self._speed and due_s > at_s:
                return
            self._waiting += chunk
            self._next += 1
            if self._next == len(self._chunks) and self._loops:
                if not self._speed:
                    return
                self._next, self._began_s = 0, monotonic()
                return

    def _reconfigure_port(self) -> None:
        """Take any speed: the bytes are already there."""
