"""The gate's serial devices that say something: a thread for each, which turns bytes into events.

Doubtful bytes are counted by reason, and what waited while the process was away is thrown away,
since nobody can say how old it is.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from time import monotonic  # noqa: TID251 - the edge: a value is stamped where it comes in.
from typing import Any, Final

from drivers.decoder import Decoder, Polling, is_spoilt
from drivers.driver import Driver, load
from drivers.errors import PortLost, PortRefused
from drivers.framing import Refusal
from drivers.ports import Port, open_port
from drivers.reader import Reader
from drivers.thermometer import Thermometer
from gateway.devices.ears import Ear, ThermometerEar
from gateway.devices.hearing import LISTEN_S, is_stranger, recognise
from gateway.devices.hubs import Hubs
from gateway.devices.lines import OK, OTHER, PATIENCE, SLIPS, LineWatch, Patience, Verdict
from gateway.devices.port_thread import PortThread, Sink, Threads

QUIET_S: Final = 0.04
"""No byte for so long: a frame is over. Ten frames a second leave gaps of 90 ms."""
AWAY_S_MAX: Final = 1.0
"""A process that was away for longer cannot date what waited for it."""
RECENT_CHUNKS: Final = 64
POLLS_MISSED_MAX: Final = 2.5
"""Periods of a device that is asked rarely, after which it counts as silent."""


@dataclass(frozen=True, slots=True)
class Line:
    """A device as the settings name it."""

    name: str
    driver: str
    port: str
    baud: int | None = None
    """Set where the device was told another speed than its driver's."""
    options: Mapping[str, str] = field(default_factory=dict)
    line: str | None = None
    echo: bool = False
    kind: type[Driver[Any]] = Thermometer
    ear: Ear | None = None
    """None: a thermometer's."""


class SerialDevices(Threads):
    """All serial devices of a gate that say something."""

    def __init__(
        self,
        lines: Iterable[Line],
        sink: Sink,
        fail: Callable[[BaseException], None],
        hubs: Hubs | None = None,
        patience: Patience = PATIENCE,
    ) -> None:
        hubs = hubs or Hubs()
        super().__init__(tuple(SerialDevice(line, sink, fail, hubs, patience) for line in lines))


class SerialDevice(PortThread):
    """One device on one port."""

    def __init__(
        self, line: Line, sink: Sink, fail: Callable[[BaseException], None], hubs: Hubs,
        patience: Patience,
    ) -> None:  # fmt: skip
        super().__init__(line.name, sink, fail, hubs)
        self.line = line
        self._patience = patience
        self._driver = load(line.driver, line.kind, line.options)
        self.kind = line.kind.kind  # type: ignore[assignment]  # One of the core's words.
        self._ear = line.ear or ThermometerEar(line.name)
        self._baud = line.baud or self._driver.baud
        self._refusal: Refusal | None = None
        """The last one."""
        self._recent: deque[bytes] = deque(maxlen=RECENT_CHUNKS)

    def _attend(self) -> bool:
        before_s = self._told_s
        line = self.line
        try:
            port = open_port(line.port, self._baud, line.line or self._driver.line, echo=line.echo)
        except PortRefused as refused:
            self._refused(refused.reason)
            return False
        self._hubs.opened(self.name, line.port)
        try:
            port.flush_input()
            self._listen(port)
        except PortLost:
            self._ear.forget()
            self._lost()
        finally:
            port.close()
        return self._told_s != before_s

    def _watch(self, now: float) -> LineWatch:
        driver, patience = self._driver, self._patience
        if not isinstance(driver, Reader):
            return LineWatch(now, patience)
        silent_s = max(patience.silent_s, POLLS_MISSED_MAX * driver.poll_s * len(driver.polls))
        silent_s = silent_s if driver.speaks_unasked else inf
        return LineWatch(now, replace(patience, silent_s=silent_s), slips=SLIPS)

    def _listen(self, port: Port) -> None:
        driver = self._driver
        said = port.hear(LISTEN_S) if driver.polls else b""
        while driver.polls and is_stranger(driver, said):
            # It is asked nothing: what sets nothing on this device may on another.
            self._say(OTHER, heard=",".join(sorted(recognise(said))))
            if self._stop.is_set():
                return
            said = port.hear(LISTEN_S)
            self.beat_s = monotonic()
        decoder, watch = Decoder(driver), self._watch(monotonic())
        self._take(decoder, watch, said, monotonic())
        polling = Polling(decoder)
        wait_s = min(QUIET_S, driver.poll_s / 2) if driver.polls else QUIET_S
        answer_s = driver.answer_s if isinstance(driver, Reader) else 0.0
        turned_s = heard_s = monotonic()
        asked_s = -inf
        while not self._stop.is_set():
            answered = asked_s < heard_s <= turned_s - QUIET_S
            if (answered or turned_s - asked_s >= answer_s) and (poll := polling.due(turned_s)):
                port.write(poll)
                asked_s = turned_s
            chunk = port.read_chunk(wait_s)
            now = self.beat_s = monotonic()
            if now - turned_s > AWAY_S_MAX:
                self._refusals["stale"] += 1
                port.flush_input()
                decoder.forget()
                watch = self._watch(now)
                chunk = b""
            turned_s, heard_s = now, now if chunk else heard_s
            self._take(decoder, watch, chunk, heard_s)
            verdict = watch.judge(now)
            if verdict is not None and verdict != self._verdict:
                self._judged(verdict)
                if driver.polls and self._verdict == OTHER:
                    return

    def _take(self, decoder: Decoder[Any], watch: LineWatch, chunk: bytes, heard_s: float) -> None:
        framed, accepted, refused = decoder.bytes_framed, 0, 0
        for found in decoder.feed(chunk, quiet=not chunk):
            if isinstance(found, Refusal):
                self._refusals[found.value] += 1
                self._refusal = found
                refused += is_spoilt(self._driver, found)
                continue
            accepted += 1
            self._told_s = heard_s
            for event in self._ear.hear(found, heard_s):
                self._sink.put(event)
        if chunk and not isinstance(self._driver, Reader):  # A pass is nobody's to keep.
            self._recent.append(chunk)
        if chunk or accepted or refused:
            watch.heard(
                heard_s,
                bytes_in=len(chunk),
                bytes_framed=decoder.bytes_framed - framed,
                accepted=accepted,
                refused=refused,
                held=decoder.held,
            )

    def _judged(self, verdict: Verdict) -> None:
        """Say how the line is; where another model speaks, say so, and name it in the log."""
        heard: set[str] = set()
        if verdict.reason == "no_frames" and self._refusal is Refusal.RANGE:
            verdict = Verdict("faulty", "nothing_seen" if self.kind == "distance" else "no_frames")
        if verdict == OK:
            self._recent.clear()
        elif verdict.reason != "corrupt":
            self._ear.forget()
        if verdict.reason == "wrong_baud":
            heard = recognise(b"".join(self._recent), self._baud) - {self.line.driver}
            if heard:
                verdict = OTHER
        self._say(verdict, heard=",".join(sorted(heard)))
