"""`sim://DRIVER?...`: a pretend thermometer that speaks the driver's real bytes.

    sim://gy_mcu90614?object=36.5&ambient=21.0&fault=noise

- object, ambient: degrees Celsius; rate_hz: frames a second (a polled device answers polls)
- every_s, for_s: someone is measured for `for_s` in each `every_s`; else the object is the room.
  Without them the object is always there
- wobble: hundredths of a degree by which the object trembles, since a value that never moves is
  a stuck sensor; seed: of the tremble and of the faults
- fault, after_s: from then on `noise` (one byte in a hundred is another), `corrupt` (every frame
  has a wrong bit), `wrong_baud` (garbage), `torn` (a byte a read), `silent`, `stuck`, `unplug`
"""

import random  # noqa: TID251 - seeded by the address, so a fault can be had again.
from time import monotonic, sleep  # noqa: TID251 - a port is an edge: it lives in real time.
from typing import Final

import serial

from drivers.address import centi, read_address
from drivers.thermometer import Sample, Thermometer, load

PARAMETERS: Final = {
    "object": "36.5", "ambient": "21.0", "rate_hz": "10", "every_s": "0", "for_s": "0",
    "wobble": "5", "seed": "1", "fault": "", "after_s": "0",
}  # fmt: skip
FAULTS: Final = ("", "noise", "corrupt", "wrong_baud", "torn", "silent", "stuck", "unplug")
BACKLOG_BYTES_MAX: Final = 4096
"""What a kernel holds for a reader that is away; the rest is lost."""


class Device:
    """The pretend device itself: what it has sent by a moment."""

    def __init__(self, driver: Thermometer, values: dict[str, str]) -> None:
        self.driver = driver
        self.object_centi_c = centi(values["object"])
        self.ambient_centi_c = centi(values["ambient"])
        self.every_s, self.for_s = float(values["every_s"]), float(values["for_s"])
        self.period_s = 1 / float(values["rate_hz"])
        self.wobble, self.after_s = int(values["wobble"]), float(values["after_s"])
        self.fault = values["fault"]
        if self.fault not in FAULTS:
            raise ValueError(f"sim: unknown fault {self.fault!r}; known: {', '.join(FAULTS[1:])}")
        self._dice = random.Random(values["seed"])  # noqa: S311 - not for secrets.
        self._sent = 0

    def frame_at(self, at_s: float) -> bytes:
        """Write the frame of a moment, faults included."""
        fault = self.fault_at(at_s)
        present = not self.every_s or at_s % self.every_s < self.for_s
        wobble = 0 if fault == "stuck" else self._dice.randint(-self.wobble, self.wobble)
        shown = self.object_centi_c if present else self.ambient_centi_c
        frame = bytearray(self.driver.write_frame(Sample(shown + wobble, self.ambient_centi_c)))
        if fault == "silent":
            return b""
        if fault == "wrong_baud":
            return self._dice.randbytes(len(frame))
        if fault == "corrupt":
            frame[self._dice.randrange(len(frame))] ^= 1 << self._dice.randrange(8)
        if fault == "noise":
            for at in range(len(frame)):
                if self._dice.random() < 0.01:
                    frame[at] = self._dice.randrange(256)
        return bytes(frame)

    def fault_at(self, at_s: float) -> str:
        """Name the fault of a moment, if any."""
        return self.fault if at_s >= self.after_s else ""

    def pushed_by(self, at_s: float) -> bytes:
        """Give what a device that speaks by itself has sent since it was last asked."""
        due = int(at_s / self.period_s)
        first = max(self._sent, due - BACKLOG_BYTES_MAX)
        frames = [self.frame_at(n * self.period_s) for n in range(first, due)]
        self._sent = max(self._sent, due)
        return b"".join(frames)[-BACKLOG_BYTES_MAX:]

    def answer(self, request: bytes, at_s: float) -> bytes:
        """Answer a poll; what is no poll is passed over."""
        polls = self.driver.polls
        if request not in polls:
            return b""
        if self.fault_at(at_s) == "wrong_baud":
            return self._dice.randbytes(len(request) * 3)
        parts = self.driver.framing.parts(self.frame_at(at_s))
        at = polls.index(request)
        return parts[at] if at < len(parts) else b""


class Serial(serial.SerialBase):  # type: ignore[misc]  # pyserial has no types
    """A port with a pretend device on it."""

    def open(self) -> None:
        """Plug the device in; a wrong address is a ValueError."""
        name, values = read_address(self.portstr, PARAMETERS)
        self._device = Device(load(name), values)
        self._began_s = monotonic()
        self._waiting = bytearray()
        self.is_open = True

    def close(self) -> None:
        """Unplug it."""
        self.is_open = False

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read at once."""
        self._receive()
        if self._device.fault == "torn":
            return min(1, len(self._waiting))
        return len(self._waiting)

    def read(self, size: int = 1) -> bytes:
        """Read as a real port does: until so many bytes are there or the timeout has passed."""
        ends_s = None if self.timeout is None else monotonic() + self.timeout
        self._receive()
        while len(self._waiting) < size:
            now = monotonic()
            if ends_s is not None and now >= ends_s:
                break
            due_s = self._device.period_s / 4
            sleep(due_s if ends_s is None else min(due_s, ends_s - now))
            self._receive()
        chunk = bytes(self._waiting[:size])
        del self._waiting[:size]
        return chunk

    def write(self, data: bytes) -> int:
        """Hand a poll to the device."""
        self._receive()
        self._waiting += self._device.answer(bytes(data), self._at_s())
        return len(data)

    def reset_input_buffer(self) -> None:
        """Forget what waits."""
        self._receive()
        self._waiting.clear()

    def reset_output_buffer(self) -> None:
        """Nothing waits to be sent."""

    def _at_s(self) -> float:
        return monotonic() - self._began_s

    def _receive(self) -> None:
        if not self.is_open:
            raise serial.PortNotOpenError
        at_s = self._at_s()
        if self._device.fault_at(at_s) == "unplug":
            raise serial.SerialException("device reports readiness to read but returned no data")
        if not self._device.driver.polls:
            self._waiting += self._device.pushed_by(at_s)

    def _reconfigure_port(self) -> None:
        """Take any speed: the line is pretended."""
