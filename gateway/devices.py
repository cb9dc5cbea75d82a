"""The gate's serial devices: a thread for each, which turns its bytes into events.

Whatever the line does, the thread goes on: a port that is gone is opened again with a bounded
back-off, doubtful bytes are counted by reason, and what waited while the process was away is
thrown away, since nobody can say how old it is. What is no fault of the line ends the process.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic  # noqa: TID251 - the edge: a sample is stamped where it comes in.
from typing import Final, Protocol

from drivers.errors import PortLost, PortRefused
from drivers.framing import Refusal
from drivers.ports import Port, open_port
from drivers.thermometer import Decoder, load
from gateway import events
from gateway.contract import DeviceHealth
from gateway.lines import OK, REASONS, LineWatch, Verdict

QUIET_S: Final = 0.04
"""No byte for so long: a frame is over. Ten frames a second leave gaps of 90 ms."""
AWAY_S_MAX: Final = 1.0
"""A process that was away for longer cannot date what waited for it."""
BACK_OFF_S: Final = (0.25, 0.5, 1.0, 2.0)
"""Between tries to open a port; the last one stays. A plug put back is found within it."""
UNPLUGGED: Final = Verdict("lost", "unplugged")

log = logging.getLogger(__name__)


class Sink(Protocol):
    """Where events go: the service's bounded queue."""

    def put(self, event: events.Event) -> None:
        """Take an event; never blocks for long."""


@dataclass(frozen=True, slots=True)
class Line:
    """A thermometer as the settings name it."""

    name: str
    driver: str
    port: str


class SerialDevices:
    """All serial devices of a gate."""

    def __init__(
        self, lines: Iterable[Line], sink: Sink, fail: Callable[[BaseException], None]
    ) -> None:
        self._devices = tuple(SerialDevice(line, sink, fail) for line in lines)

    def start(self) -> None:
        """Start a thread for each device."""
        for device in self._devices:
            device.start()

    def stop(self) -> None:
        """End all threads and close the ports."""
        for device in self._devices:
            device.ask_to_stop()
        for device in self._devices:
            device.join()

    def health(self) -> tuple[DeviceHealth, ...]:
        """Say how each device is and what of its bytes was refused."""
        return tuple(device.health() for device in self._devices)


class SerialDevice:
    """One thermometer on one port."""

    def __init__(self, line: Line, sink: Sink, fail: Callable[[BaseException], None]) -> None:
        self.line = line
        self._driver = load(line.driver)
        self._sink = sink
        self._fail = fail
        self._stop = threading.Event()
        self._verdict: Verdict | None = None
        self._refusals: Counter[str] = Counter()
        self._sampled_s: float | None = None
        self._thread = threading.Thread(target=self._run, name=f"device-{line.name}", daemon=True)

    def start(self) -> None:
        """Start listening."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Let the thread end at its next turn."""
        self._stop.set()

    def join(self) -> None:
        """Wait until the thread has ended."""
        self._thread.join(timeout=5.0)

    def health(self) -> DeviceHealth:
        """Say how the device is."""
        sampled_s = self._sampled_s
        return DeviceHealth(
            device=self.line.name,
            kind="thermometer",
            state=self._verdict.state if self._verdict else "silent",
            age_s=None if sampled_s is None else round(monotonic() - sampled_s, 1),
            refusals=dict(self._refusals),
        )

    def _run(self) -> None:
        try:
            tries = 0
            while not self._stop.is_set():
                if self._listen_once():
                    tries = 0
                self._stop.wait(BACK_OFF_S[min(tries, len(BACK_OFF_S) - 1)])
                tries += 1
        except BaseException as error:  # noqa: BLE001 - the thread's entry: the process ends.
            self._fail(error)

    def _listen_once(self) -> bool:
        """Open and listen until the port is lost; say whether a sample came."""
        before_s = self._sampled_s
        try:
            port = open_port(self.line.port, self._driver.baud)
        except PortRefused as refused:
            if refused.reason != "missing" or self._verdict != UNPLUGGED:
                self._say(Verdict("lost", refused.reason))
            return False
        try:
            port.flush_input()
            self._listen(port)
        except PortLost:
            self._say(UNPLUGGED)
        finally:
            port.close()
        return self._sampled_s != before_s

    def _listen(self, port: Port) -> None:
        decoder, watch = Decoder(self._driver), LineWatch(monotonic())
        polls, poll_at, poll_due_s = self._driver.polls, 0, 0.0
        wait_s = min(QUIET_S, self._driver.poll_s / 2) if polls else QUIET_S
        turned_s = heard_s = monotonic()
        while not self._stop.is_set():
            if polls and turned_s >= poll_due_s:
                port.write(polls[poll_at % len(polls)])
                poll_at, poll_due_s = poll_at + 1, turned_s + self._driver.poll_s
            chunk = port.read_chunk(wait_s)
            now = monotonic()
            if now - turned_s > AWAY_S_MAX:
                self._refusals["stale"] += 1
                port.flush_input()
                decoder.forget()
                watch = LineWatch(now)
                chunk = b""
            turned_s, heard_s = now, now if chunk else heard_s
            self._take(decoder, watch, chunk, heard_s)
            verdict = watch.judge(now)
            if verdict is not None:
                self._say(verdict)

    def _take(self, decoder: Decoder, watch: LineWatch, chunk: bytes, heard_s: float) -> None:
        framed, accepted, refused = decoder.bytes_framed, 0, 0
        for found in decoder.feed(chunk, quiet=not chunk):
            if isinstance(found, Refusal):
                self._refusals[found.value] += 1
                # A hand that comes before the lens disagrees with the room: no spoilt frame.
                refused += found is not Refusal.DISAGREEMENT
                continue
            accepted += 1
            self._sampled_s = heard_s
            self._sink.put(
                events.SampleTaken(
                    device=self.line.name,
                    object_centi_c=found.object_centi_c,
                    ambient_centi_c=found.ambient_centi_c,
                    taken_s=heard_s,
                )
            )
        if chunk or accepted or refused:
            watch.heard(
                heard_s,
                bytes_in=len(chunk),
                bytes_framed=decoder.bytes_framed - framed,
                accepted=accepted,
                refused=refused,
            )

    def _say(self, verdict: Verdict) -> None:
        if verdict == self._verdict:
            return
        self._verdict = verdict
        fields = {"GATE_DEVICE": self.line.name, "GATE_REASON": verdict.reason or "ok"}
        level = logging.INFO if verdict == OK else logging.WARNING
        log.log(level, REASONS[verdict.reason], extra=fields)
        self._sink.put(
            events.DeviceStateChanged(
                device=self.line.name, state=verdict.state, reason=verdict.reason
            )
        )
