"""The broker and the links: trusted to remember nothing, and here it does not.

In order and at once by default; the weather loses, doubles and delays. A half-open link swallows
everything until somebody notices.
"""

from dataclasses import dataclass
from random import Random
from typing import Any, Final

from gateway import contract
from gateway.mqtt import Heard, LinkDown, LinkUp
from gateway.uplink import Out
from tests.storm.gate import Box
from tests.storm.truth import MONO, NAMED

HOP_S: Final = 0.05
BACK_OFF_S: Final = 20.0
KEEPALIVE_S: Final = 25.0


@dataclass(slots=True)
class Weather:
    """How bad the links are."""

    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    late_s: float = 0.0


class Broker:
    """One broker, and every gate's link to it."""

    def __init__(self, site: Any, seed: int) -> None:
        self._site = site
        self._rng = Random(seed)
        self.up = True
        self.persistent = True
        self.weather = Weather()
        self.retained: dict[str, bytes] = {}
        self.sessions: dict[tuple[str, str], Box] = {}
        """Which box is connected under a gate's name: a second takes the first one's place."""
        self.cut: set[int] = set()
        self.half: set[int] = set()
        self.centre_session = 0
        self._drawn = 0
        self.spoke_s: dict[tuple[str, str], float] = {}
        """When each gate last sent something that was not swallowed."""
        self.garbling: set[int] = set()

    # --- Connections ------------------------------------------------------------------------

    def wants(self, box: Box, after_s: float = HOP_S) -> None:
        """Have a box try to connect, and go on trying."""
        boot, starts = box.boot, box.starts
        self._site.after(after_s, lambda: self._try(box, boot, starts))

    def _try(self, box: Box, boot: str, starts: int) -> None:
        if not box.up or box.session or (box.boot, box.starts) != (boot, starts):
            return
        if not self.up or box.number in self.cut or box.number in self.half:
            self.wants(box, BACK_OFF_S * (1.0 + self._rng.random()))
            return
        other = self.sessions.get(box.place)
        if other is not None:
            # One name, one session: the newcomer takes it over, and the other will come back.
            self.drop(other, will=False)
            self.wants(other, 300.0 + self._rng.random() * 300.0)
        self._drawn += 1
        box.session = self._drawn
        self.sessions[box.place] = box
        box.turn([LinkUp()])
        for topic in (contract.CENTRAL_STATUS, contract.gate_topic(*box.place, "status")):
            if topic in self.retained and box.session:
                self._to(box, topic, self.retained[topic])

    def drop(self, box: Box, *, will: bool, reason: str = "gone") -> None:
        """End a box's connection."""
        if not box.session:
            return
        box.session = 0
        self.sessions.pop(box.place, None)
        if will and box.will is not None and self.up:
            self._keep(box.will.topic, box.will.payload)
            self._to_centre(box.will.topic, box.will.payload)
        if box.up:
            box.turn([LinkDown(reason)])

    def lose(self, box: Box) -> None:
        """Lose a box's connection by no will of its own; it will try again."""
        if box.session:
            self.drop(box, will=True)
            self.wants(box, BACK_OFF_S)

    def cut_off(self, box: Box) -> None:
        """Cut a gate's link."""
        self.cut.add(box.number)
        self.lose(box)

    def half_open(self, box: Box) -> None:
        """Have a link swallow everything; the keepalive notices after a while."""
        self.half.add(box.number)
        session = box.session
        self._site.after(
            KEEPALIVE_S, lambda: self.lose(box) if session and box.session == session else None
        )

    def mend(self, box: Box) -> None:
        """Mend a gate's link."""
        self.cut.discard(box.number)
        self.half.discard(box.number)

    # --- The broker's own life --------------------------------------------------------------

    def stop(self) -> None:
        """Die: every session is gone, and what is not persistent."""
        for box in list(self.sessions.values()):
            self.drop(box, will=False)
            self.wants(box, BACK_OFF_S)
        self.up = False
        self.centre_session = 0
        if not self.persistent:
            self.retained.clear()
        self._site.centre.link_lost()

    def start(self) -> None:
        """Come back."""
        self.up = True
        self._site.centre.connect()

    def wipe(self) -> None:
        """Forget whatever was kept."""
        self.retained.clear()

    # --- Messages ---------------------------------------------------------------------------

    def from_gate(self, box: Box, out: Out) -> None:
        """Take a gate's message."""
        if not box.session:
            return
        self._site.seen("up", box.number, out.topic, out.payload)
        if box.number in self.half:
            return
        self.spoke_s[box.place] = self._site.clock.now
        if out.retain:
            self._keep(out.topic, out.payload)
        self._to_centre(out.topic, out.payload)
        if box.number in self.garbling and out.topic.endswith("/entries"):
            self._garble(box, out)
        if out.topic.endswith("/status"):  # Of what it says, a gate listens to this alone.
            self._to(box, out.topic, out.payload)

    def _garble(self, box: Box, out: Out) -> None:
        """Let a copy follow in which an entry is another one under the same name."""
        first, *others = NAMED.finditer(out.payload)
        end = others[0].start() if others else len(out.payload)
        moment = MONO.search(out.payload, first.end(), end)
        if moment is None:
            return  # It holds no moment to change; the next batch may.
        self.garbling.discard(box.number)
        stream, seq = first.groups()
        changed = str(int(moment[1]) + 1).encode()
        payload = out.payload[: moment.start(1)] + changed + out.payload[moment.end(1) :]
        self._site.garbled[payload] = (stream.decode(), int(seq))
        session = self.centre_session
        self._site.after(40.0, lambda: self._site.centre.hear(out.topic, payload, session))

    def from_centre(self, topic: str, payload: bytes, *, retain: bool) -> None:
        """Take the centre's message."""
        self._site.seen("down", -1, topic, payload)
        if retain:
            self._keep(topic, payload)
        if topic.startswith(f"{contract.ROOT}/feed/"):
            if "/gate/" in topic and topic.endswith("/now"):
                self._site.checker.showed(topic, payload)
            return
        self.fan_out(topic, payload)

    def fan_out(self, topic: str, payload: bytes) -> None:
        """Hand the centre's message to the gates that listen."""
        if topic == contract.CENTRAL_STATUS:
            for box in list(self.sessions.values()):
                self._to(box, topic, payload)
            return
        place = contract.read_gate_topic(topic)
        box = self.sessions.get(place[:2]) if place else None
        if box is not None:
            self._to(box, topic, payload)

    def _keep(self, topic: str, payload: bytes) -> None:
        if payload:
            self.retained[topic] = payload
        else:
            self.retained.pop(topic, None)

    def _to_centre(self, topic: str, payload: bytes) -> None:
        session = self.centre_session
        if session:
            self._carry(lambda: self._site.centre.hear(topic, payload, session))

    def _to(self, box: Box, topic: str, payload: bytes) -> None:
        session = box.session

        def deliver() -> None:
            if box.session == session and box.number not in self.half and box.up:
                box.turn([Heard(topic, payload)])

        self._carry(deliver)

    def _carry(self, deliver: Any) -> None:
        weather, rand = self.weather, self._rng.random
        delay = HOP_S
        if weather.lost and rand() < weather.lost:
            return
        if weather.late and rand() < weather.late:
            delay += rand() * weather.late_s
        self._site.after(delay, deliver)
        if weather.doubled and rand() < weather.doubled:
            self._site.after(delay + rand() * 60.0, deliver)
