"""The uplink's state machine: what to send to the centre, and when.

Law: the journal is the only queue. Nothing is forgotten because the broker took it: the window
counts batches above `committed`, which is central's word and may fall, and only the `safe` of the
central that now runs lets the journal delete. The broker's memory appears nowhere in the argument.

No clock, no socket, no randomness: `now` is handed in, jitter comes from a function, and what is
to be sent is given back by `due`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from gateway import contract
from gateway.contract import Ack, Command, Entry, Health, Hello, Lost, Mark, NotUnderstood, Status
from gateway.course import Course, Healths
from gateway.errors import JournalUnwritable
from gateway.journal.journal import Journal

HELLO_STREAMS: Final = 100
"""Streams in one hello; `more` when others follow."""
RETIRED_MAX: Final = 8
"""Starts of central that were left, and whose late words are not believed."""
ALERTS_MAX: Final = 200
"""Alerts above `committed` that are sent early, the newest of them."""


@dataclass(frozen=True, slots=True)
class Out:
    """A message to publish, QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Pace:
    """How much is on its way, and how long the gate waits."""

    window: int = 8
    """Batches above `committed`, at most."""
    batch: int = contract.BATCH_MAX
    """Entries in one message, at most."""
    batch_bytes: int = 200_000
    patience_s: float = 5.0
    """Without progress the gate says hello: after this long at first, twice as long each time,"""
    patience_s_max: float = 300.0
    """and never longer than this."""
    spread_s: float = 1.0
    """A new centre is greeted within this long, so that a city does not ask at once."""
    health_s: float = 60.0
    health_s_min: float = 1.0


class Uplink:
    """What a gate owes the centre; driven by the gate's one loop, or by the world."""

    def __init__(
        self,
        journal: Journal,
        *,
        compound: str,
        gate: str,
        boot: str,
        version: str,
        jitter: Callable[[], float],
        pace: Pace | None = None,
    ) -> None:
        self.refused = 0
        """Messages that were not understood."""
        self.fault: JournalUnwritable | None = None
        """Why the journal gave nothing to be sent when it was last asked."""
        self._journal = journal
        self._boot = boot
        self._version = version
        self._jitter = jitter
        self._pace = pace or Pace()
        self._topics = {
            word: contract.gate_topic(compound, gate, word)
            for word in ("entries", "alert", "hello", "status", "health", "ack", "command")
        }  # fmt: skip
        self._courses: dict[str, Course] = {}
        self._alerts: dict[tuple[str, int], bytes] = {}
        self._outs: list[Out] = []
        self._connected = False
        self._central: Literal["unknown", "online", "away"] = "unknown"
        self._central_boot: str | None = None
        self._sworn: str | None = None
        """The start of central whose `safe` the courses hold."""
        self._retired: list[str] = []
        """The starts before it."""
        self._hello_at: float | None = None
        self._away_until: float | None = None
        """When central, which said that it is away, is asked all the same."""
        self._fruitless = 0
        self._batch = self._pace.batch
        """Entries in one message; fewer on a line that carried none before it broke."""
        self._carried = False
        """Whether anything was committed since the link came up."""
        self._silent = False
        self._missed: dict[str, Lost] = {}
        self._graves: dict[str, Mark] = {}
        """What central said of streams of which nothing is held any more."""
        self._losses_told: tuple[Lost, ...] = ()
        self._healths = Healths(self._pace.health_s, self._pace.health_s_min)
        self._status_due = False
        for entry in journal.newest(ALERTS_MAX, kind="alert"):
            self._remember(entry)
        self._refresh()

    # --- What happened ----------------------------------------------------------------------

    def connected(self, now: float) -> None:
        """Take note that the broker answered and our subscriptions stand."""
        self._connected = True
        self._central, self._central_boot = "unknown", None
        self._outs.clear()
        self._fruitless, self._silent, self._carried = 0, False, False
        self._status_due = True
        self._healths.forget()
        self._refresh()
        self._ask(now)

    def disconnected(self, now: float) -> None:  # noqa: ARG002 - one shape for all that happens.
        """Take note that the link is gone, and with it whatever the broker remembered."""
        if not self._carried and any(course.batches for course in self._courses.values()):
            self._batch = max(1, self._batch // 2)
        self._connected = False
        self._outs.clear()
        self._hello_at = self._away_until = None
        self._forget_sent()

    def recorded(self, entries: Sequence[Entry], now: float) -> None:  # noqa: ARG002
        """Take note of entries that are on disk; an alert is sent at once, byte for byte."""
        for entry in entries:
            course = self._courses.get(entry.stream)
            if course is None:
                # Born after any hello: central cannot have anything of it.
                course = self._courses[entry.stream] = Course(last=0, known=True)
            course.last = entry.seq
            if entry.kind == "alert":
                self._remember(entry)
                if self._connected:
                    self._outs.append(Out(self._topics["alert"], contract.encode(entry)))

    def heard(self, topic: str, payload: bytes, now: float) -> Command | None:
        """Take a message in; gives a command when it is one. What is not understood is counted."""
        try:
            if topic == self._topics["ack"]:
                self._acknowledged(contract.decode(payload, Ack), now)
            elif topic == contract.CENTRAL_STATUS:
                self._central_said(contract.decode(payload, Status), now)
            elif topic == self._topics["status"]:
                self._heard_of_itself(contract.decode(payload, Status))
            elif topic == self._topics["command"]:
                return contract.decode(payload, Command)
        except NotUnderstood:
            self.refused += 1
        return None

    def reloaded(self) -> None:
        """Take note that the journal no longer holds the same: opened afresh, pruned or buried.

        What was buried is said at once: central would wait for it, and the window with it.
        """
        self._refresh()
        quiet = self._hello_at is None and self._overdue_at is None
        unknown = quiet and any(not course.known for course in self._courses.values())
        if self._connected and (unknown or set(self._journal.lost()) - set(self._losses_told)):
            self._ask(0.0)

    def tell(self, health: Health) -> None:
        """Have the gate's health published: on change, and each minute."""
        self._healths.tell(health)

    # --- What to do -------------------------------------------------------------------------

    def due(self, now: float, at_ms: int = 0) -> list[Out]:
        """Give what is to be published now, in order."""
        if not self._connected:
            return []
        outs = list(self._birth(at_ms))
        outs += self._outs
        self._outs.clear()
        if self._overdue_at is not None and now >= self._overdue_at:
            self._fruitless += 1
            self._silent = True
            self._retired.clear()  # Else a late word of before could make it deaf to this one.
            self._ask(now)
        if self._hello_at is not None and now >= self._hello_at:
            outs += self._hello(now)
        outs += self._batches(now)
        if (health := self._healths.due(now)) is not None:
            outs.append(Out(self._topics["health"], health, retain=True))
        return outs

    @property
    def wake_at(self) -> float | None:
        """The moment at which `due` has something to say by itself."""
        if not self._connected:
            return None
        moments = [self._hello_at, self._overdue_at, self._healths.wake_at]
        return min((moment for moment in moments if moment is not None), default=None)

    @property
    def link(self) -> Literal["up", "down", "central_away"]:
        """How the link is, in the words of the guard's page."""
        if not self._connected:
            return "down"
        return "central_away" if self._central == "away" or self._silent else "up"

    @property
    def waiting(self) -> int:
        """Entries above `committed`."""
        return sum(max(0, course.last - course.committed) for course in self._courses.values())

    @property
    def waiting_told(self) -> int:
        """The same, as central is told: on a card that would not open one at least may lie."""
        return max(self.waiting, int(self._journal.fault is not None))

    @property
    def oldest(self) -> tuple[str, int] | None:
        """The oldest entry above `committed`."""
        for stream, course in self._courses.items():
            if course.last > course.committed:
                return stream, course.committed + 1
        return None

    @property
    def marks(self) -> tuple[Mark, ...]:
        """What central last said of each stream; `safe` of them is what may be pruned."""
        held = tuple(
            Mark(stream=stream, committed=course.committed, safe=course.safe)
            for stream, course in self._courses.items()
        )
        return held + tuple(self._graves.values())

    # --- Central's word ---------------------------------------------------------------------

    def _acknowledged(self, ack: Ack, now: float) -> None:
        if ack.boot in self._retired:
            return
        anew = self._swear(ack.boot)
        if ack.boot != self._central_boot:
            if anew or self._central_boot is not None:
                self._ask(now + self._jitter() * self._pace.spread_s)
            self._central_boot = ack.boot
        self._central, self._silent, self._away_until = "online", False, None
        risen = self._take(ack.marks, now)
        self._carried |= bool(risen)
        owed = {stream for stream, course in self._courses.items() if course.owed}
        if not self.waiting:
            self._batch = self._pace.batch
        if not self.waiting or (risen and owed <= risen):
            self._fruitless = 0
        self._wait(now, risen)

    def _take(self, marks: Iterable[Mark], now: float) -> set[str]:
        """Take central's marks; give the streams that came on."""
        risen = set()
        for mark in marks:
            course = self._courses.get(mark.stream)
            if course is not None:
                if self._marked(mark, course):
                    risen.add(mark.stream)
            elif any(lost.stream == mark.stream for lost in self._journal.lost()):
                self._graves[mark.stream] = mark
            if course is None or mark.committed < course.first - 1:
                self._miss(mark, course, now)
        return risen

    def _swear(self, boot: str) -> bool:
        """Hold on to no promise of another start of central's: it may have lost its backups, too.

        Says whether there was one, for then not all that is held may have been named to this one.
        """
        before, self._sworn = self._sworn, boot
        if before is None or before == boot:
            return False
        kept = [one for one in self._retired if one not in {before, boot}]
        self._retired = [*kept, before][-RETIRED_MAX:]
        self._graves.clear()
        for course in self._courses.values():
            course.safe = 0
        return True

    def _marked(self, mark: Mark, course: Course) -> bool:
        """Take a stream's watermarks; say whether that was progress."""
        newly = not course.known
        gone = [(one.first, one.last) for one in self._journal.lost() if one.stream == mark.stream]
        rose = course.marked(mark, gone)
        self._alerts = {
            key: payload
            for key, payload in self._alerts.items()
            if key[0] != mark.stream or key[1] > course.committed
        }
        if newly:
            self._outs += [
                Out(self._topics["alert"], payload)
                for key, payload in self._alerts.items()
                if key[0] == mark.stream
            ]
        return rose

    def _miss(self, mark: Mark, course: Course | None, now: float) -> None:
        """Answer in a hello for what will not come from here: it was pruned.

        Of a stream that this journal never knew nothing can be said: it may be a clone's.
        """
        last = self._journal.last(mark.stream) if course is None else course.first - 1
        if last is None or last <= mark.committed:
            return
        if len(self._missed) < HELLO_STREAMS:
            self._missed[mark.stream] = Lost(
                stream=mark.stream, first=mark.committed + 1, last=last, reason="pruned"
            )
        if self._hello_at is None:
            # Not at once: the two ends must not toss one question to and fro.
            self._hello_at = now + self._pace.patience_s * self._jitter()

    def _central_said(self, status: Status, now: float) -> None:
        if not status.online:
            self._central = "away"
            self._forget_sent()
            self._away_until = self._patience(now)
            return
        self._swear(status.boot)
        first = self._central_boot is None
        news = self._central == "away" or self._central_boot != status.boot
        self._central, self._central_boot = "online", status.boot
        self._silent = False
        if news:
            self._fruitless = 0
            self._ask(now if first else now + self._jitter() * self._pace.spread_s)

    def _heard_of_itself(self, status: Status) -> None:
        """Publish the birth again over an old will that came late."""
        if not status.online or status.boot != self._boot:
            self._status_due = True

    # --- Within -----------------------------------------------------------------------------

    def _ask(self, at: float) -> None:
        """Say hello at a moment, and send nothing until it is answered."""
        self._hello_at = at
        self._away_until = None
        self._forget_sent()

    def _forget_sent(self) -> None:
        for course in self._courses.values():
            course.forget_sent()

    @property
    def _overdue_at(self) -> float | None:
        """When patience ends: a word on one stream makes up for none on another."""
        earliest = self._away_until
        for course in self._courses.values():
            if course.overdue_at is not None and (earliest is None or course.overdue_at < earliest):
                earliest = course.overdue_at
        return earliest

    def _wait(self, now: float, risen: Collection[str] = ()) -> None:
        """Give central a while for each stream that it owes a word on, anew for what came on."""
        for stream, course in self._courses.items():
            if not course.owed:
                course.overdue_at = None
            elif not course.known and self._hello_at is not None:
                continue  # It is asked first.
            elif course.overdue_at is None or stream in risen:
                course.overdue_at = self._patience(now)

    def _patience(self, now: float) -> float:
        """Say until when to wait: longer each time that nothing came of it."""
        longest = min(
            self._pace.patience_s_max, self._pace.patience_s * 2.0 ** min(self._fruitless, 20)
        )
        return now + longest * (0.5 + self._jitter())

    def _hello(self, now: float) -> Iterator[Out]:
        self._hello_at = None
        if self._central == "away":
            # Its word of leaving may be the last that comes of it: nothing is held back for that
            # any more. Where all is safe nobody owes an answer, and nothing would wake it.
            self._central, self._silent = "unknown", True
        self._refresh()
        self._losses_told = self._journal.lost()
        held = [h for h in self._journal.held() if h.last > self._courses[h.stream].safe]
        lost = list(self._losses())
        parts = max(1, -(-len(held) // HELLO_STREAMS), -(-len(lost) // HELLO_STREAMS))
        for part in range(parts):
            span = slice(part * HELLO_STREAMS, (part + 1) * HELLO_STREAMS)
            hello = Hello(
                v=contract.VERSION, boot=self._boot, held=tuple(held[span]),
                lost=tuple(lost[span]), more=part + 1 < parts,
            )  # fmt: skip
            yield Out(self._topics["hello"], contract.encode(hello))
        for course in self._courses.values():
            # All of it is safe: nothing is asked, nothing will be answered.
            course.known |= course.last <= course.safe
        self._missed.clear()
        self._wait(now)

    def _losses(self) -> Iterator[Lost]:
        """Ranges that this gate no longer holds and that central may still wait for."""
        yield from self._journal.lost()
        yield from self._missed.values()

    def _batches(self, now: float) -> Iterator[Out]:
        self.fault = None
        if self._central == "away":
            return
        size = self._pace.batch_bytes * self._batch // self._pace.batch
        free = self._pace.window - sum(len(course.batches) for course in self._courses.values())
        for stream, course in self._courses.items():
            while free > 0 and course.known and course.sent < course.last:
                try:
                    entries = self._journal.pending(stream, course.sent, self._batch, size)
                except JournalUnwritable as fault:
                    # What else is to be said is said all the same: alerts, and how the gate fares.
                    self.fault = fault
                    return
                if not entries:
                    break
                free -= 1
                course.sent = entries[-1].seq
                course.batches.append(course.sent)
                if course.overdue_at is None:
                    course.overdue_at = self._patience(now)
                yield Out(self._topics["entries"], _array(entries))

    def _birth(self, at_ms: int) -> Iterator[Out]:
        if self._status_due:
            self._status_due = False
            status = Status(
                v=contract.VERSION, online=True, boot=self._boot, at_ms=at_ms,
                version=self._version,
            )  # fmt: skip
            yield Out(self._topics["status"], contract.encode(status), retain=True)

    def _remember(self, entry: Entry) -> None:
        self._alerts[entry.stream, entry.seq] = contract.encode(entry)
        if len(self._alerts) > ALERTS_MAX:
            del self._alerts[next(iter(self._alerts))]

    def _refresh(self) -> None:
        """Bring the courses in line with what the journal holds, oldest stream first."""
        before = self._courses
        self._courses = {}
        for held in self._journal.held():
            course = before.get(held.stream) or Course(last=held.last)
            course.first, course.last = held.first, held.last
            self._courses[held.stream] = course
        gone = {lost.stream for lost in self._journal.lost()}
        self._graves = {name: mark for name, mark in self._graves.items() if name in gone}


def _array(entries: Iterable[Entry]) -> bytes:
    return b"[" + b",".join(map(contract.encode, entries)) + b"]"
