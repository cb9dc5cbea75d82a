"""The centre's one loop: take what is queued, commit it, acknowledge, and publish what changed.

Order is everything here: the ledger commits; then the broker is told that its messages are ours;
then the gates hear how far they have come. What cannot be committed is kept in hand and tried
again; the broker's receive window bounds how much that can be.
"""

import contextlib
import logging
import queue
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from central import alarms, arrivals, clock, feeds, picture
from central.alarms import Alarm
from central.arrivals import Parcel
from central.asking import Asking
from central.config import Settings, Site
from central.errors import LedgerUnwritable
from central.hearing import Hearing, Place
from central.keeping import BackedUp, Keeping
from central.ledger import Absorbed, Ledger
from central.subscriber import Arrived, Died, Inbox, Link, LinkChanged
from central.systemd import notify
from central.version import VERSION
from central.watch import Watch
from gateway import contract
from gateway.contract import Ack, Health, Hello, Mark, NotUnderstood, Status

log = logging.getLogger(__name__)
_TAKEN_MAX: Final = 64
"""Messages in one transaction, at most: an alert waits for no more than these."""
_RETRY_S: Final = 1.0
_DRAIN_S: Final = 5.0
_FEEDS_HEARD_S: Final = 5.0
"""After so long every retained feed has come."""
_HURRY_S: Final = 0.2
"""An alert is shown without waiting for the next tick, but no two ticks are closer than this."""
STALE_S: Final = 10.0
"""Without a tick for so long, past the time of one, /healthz says that the loop is stale."""
_STREAMS_MAX: Final = 1000
_POISON: Final = (ArithmeticError, LookupError, TypeError, ValueError)
"""What a message must be to break the code that reads it, without being a fault of the ledger."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Somebody asks the process to end."""


def _end_of(thread: Died) -> str:
    return f"the thread {thread.thread!r} ended: {thread.error!r}"


class Centre:
    """The running centre; built first, then given its link."""

    def __init__(self, settings: Settings, site: Site, ledger: Ledger, boot: str) -> None:
        self._settings = settings
        self._site = site
        self._ledger = ledger
        self._boot = boot
        self.inbox: Inbox = queue.SimpleQueue()
        self._health: dict[str, Any] = {}
        """What /healthz says; replaced whole, so that its thread reads one moment."""
        self._hearing = Hearing()
        self._scopes = feeds.scopes(site)
        self._book = feeds.Book(settings.feeds.every_s, settings.feeds.refresh_s)
        self._in_hand: list[Arrived] = []
        self._streams: dict[Place, dict[str, None]] = {}
        """What each gate spoke of, for when `safe` moves."""
        self._noted: set[tuple[str, str, int]] = set()
        self._holding: dict[str, int] = {}
        """Conditions of central itself, and since when they hold."""
        self._silent: dict[Place, int] = {}
        """Gates that are silent, and since when."""
        self._started_ms = clock.at_ms()
        now = self._started_s = clock.now_s()
        self._keeping = Keeping(settings, ledger, now)
        self._asking = Asking(ledger.db)
        self._tick_s = self._ticked_s = self._retry_s = now
        self._feeds_heard_s: float | None = None
        self._away: set[str] = set()
        """Why the broker is away, as far as it was said: each attempt fails for the same reason."""

    # --- The loop ---

    def run(self, link: Link, watch: Watch) -> bool:
        """Turn until asked to stop; False when something died or hangs, which is said."""
        watch.arm()
        try:
            ailment = self._turn(link, watch)
        except Exception as error:
            watch.ending(type(error).__name__)
            raise
        watch.ending(ailment)
        if ailment is None:
            link.stop(self._status(online=False))
        return ailment is None

    def _turn(self, link: Link, watch: Watch) -> str | None:
        self._keeping.take_over(self.inbox.put, self._backup_died)
        link.start()
        notify("READY=1")
        stop_s: float | None = None
        while stop_s is None or (self._in_hand and clock.now_s() < stop_s):
            for item in self._queued():
                if isinstance(item, Died):
                    return _end_of(item)
                if isinstance(item, Stop):
                    stop_s = clock.now_s() + _DRAIN_S
                    notify("STOPPING=1")
                self._take(item, link)
            now = clock.now_s()
            if self._in_hand and now >= self._retry_s:
                self._work(link)
            if now >= self._tick_s:
                self._tick(link, now)
            if (ailment := watch.turned(now)) is not None:
                return self._reported() or ailment
        return None

    def _reported(self) -> str | None:
        """Find what a thread that was found dead has said of its end since the queue was taken."""
        with contextlib.suppress(queue.Empty):
            while True:
                if isinstance(item := self.inbox.get_nowait(), Died):
                    return _end_of(item)
        return None

    def _take(self, item: object, link: Link) -> None:
        match item:
            case Arrived():
                self._sort(item, link)
            case LinkChanged():
                self._link_changed(item, link)
            case BackedUp():
                self._keeping.done(item, clock.now_s(), clock.at_ms())
                self._promise(link)
            case _:
                pass

    def _backup_died(self, error: BaseException) -> None:
        self.inbox.put(Died("backup", error))

    def _queued(self) -> Iterator[object]:
        """Give what is queued; wait for something only when nothing else is due."""
        now = clock.now_s()
        until = min(self._tick_s, self._retry_s) if self._in_hand else self._tick_s
        try:
            yield self.inbox.get(timeout=max(0.0, until - now))
            while len(self._in_hand) < _TAKEN_MAX:
                yield self.inbox.get_nowait()
        except queue.Empty:
            return

    # --- What arrives ---

    def _sort(self, message: Arrived, link: Link) -> None:
        """Put a gate's message in hand, alerts before all others; read our own topics at once."""
        if message.topic.startswith(f"{contract.ROOT}/feed/"):
            if message.retained and message.payload:
                self._book.found(message.topic)
            link.acknowledge(message)
        elif message.topic == contract.CENTRAL_STATUS:
            self._read_own_status(message, link)
            link.acknowledge(message)
        elif message.topic.endswith("/alert"):
            self._in_hand.insert(0, message)
            self._tick_s = min(self._tick_s, self._ticked_s + _HURRY_S)
        else:
            self._in_hand.append(message)

    def _read_own_status(self, message: Arrived, link: Link) -> None:
        try:
            status = contract.decode(message.payload, Status)
        except NotUnderstood:
            return
        rival = status.boot != self._boot
        if rival and status.online and not message.retained:
            log.error("Another centre is on this broker; stop one of them.")
            self._holding.setdefault("rival", clock.at_ms())
        elif rival and not status.online and self._holding.pop("rival", None) is not None:
            log.info("The other centre is gone.")
        if not status.online:
            self._say_online(link)  # A will, our own of before or a rival's, came after our birth.

    def _work(self, link: Link) -> None:
        """Absorb what is in hand; only then acknowledge it, to the broker and to the gates."""
        batch = self._in_hand[:_TAKEN_MAX]
        try:
            answers = self._absorb(batch)
        except LedgerUnwritable as error:
            if "unwritable" not in self._holding:
                log.error("The ledger takes nothing.", extra={"CENTRAL_REASON": str(error)})  # noqa: TRY400
            self._holding.setdefault("unwritable", clock.at_ms())
            self._retry_s = clock.now_s() + _RETRY_S
            return
        if self._holding.pop("unwritable", None) is not None:
            log.info("The ledger takes entries again.")
        del self._in_hand[: len(batch)]
        for message in batch:
            link.acknowledge(message)
        for place, marks in answers.items():
            self._answer(link, place, marks.values())

    def _absorb(self, batch: list[Arrived]) -> dict[Place, dict[str, Mark]]:
        at_ms = clock.at_ms()
        parcels, hellos, strangers = self._read(batch, at_ms)
        # An answer that marks nothing names this start: a gate that missed our birth says hello.
        answers: dict[Place, dict[str, Mark]] = {place: {} for place in strangers}
        for parcel, absorbed in self._absorb_parcels(parcels, at_ms):
            found = answers.setdefault((parcel.compound, parcel.gate), {})
            found.update({mark.stream: mark for mark in absorbed.marks})
        for place, hello in hellos:
            marks = self._ledger.hello(*place, hello, at_ms)
            self._hearing.hello(place, hello)
            answers.setdefault(place, {}).update({mark.stream: mark for mark in marks})
        for place, named in answers.items():
            self._hearing.committed(place, named.values())
        return answers

    def _read(
        self, batch: list[Arrived], at_ms: int
    ) -> tuple[list[tuple[Arrived, Parcel]], list[tuple[Place, Hello]], list[Place]]:
        """Read what arrived; note who spoke, and give what must be absorbed and answered.

        The places at the end are of gates that say how they fare and did not greet this start.
        """
        parcels: list[tuple[Arrived, Parcel]] = []
        hellos: list[tuple[Place, Hello]] = []
        strangers: list[Place] = []
        for message in batch:
            if not message.payload:
                continue  # A retained topic that somebody emptied.
            try:
                compound, gate, said = arrivals.read(message.topic, message.payload)
            except NotUnderstood as fault:
                self._refuse(message, str(fault), at_ms)
                continue
            place = (compound, gate)
            came_s = clock.now_s() if message.came_s is None else message.came_s
            match said:
                case Parcel():
                    self._hearing.spoke(place, came_s)
                    parcels.append((message, said))
                case Hello():
                    self._hearing.spoke(place, came_s)
                    hellos.append((place, said))
                case Status():
                    self._hearing.status(place, said, came_s, retained=message.retained)
                case Health():
                    self._hearing.health(place, said, came_s, retained=message.retained)
                    if not (message.retained or self._hearing.of(place).greeted):
                        strangers.append(place)
        return parcels, hellos, strangers

    def _absorb_parcels(
        self, parcels: list[tuple[Arrived, Parcel]], at_ms: int
    ) -> Iterable[tuple[Parcel, Absorbed]]:
        every = [parcel for _, parcel in parcels]
        if not every:
            return []
        try:
            return list(zip(every, self._ledger.absorb_all(every, at_ms), strict=True))
        except _POISON:
            log.exception("A message could not be absorbed; each is tried alone.")
        done = []
        for message, parcel in parcels:
            try:
                done.append((parcel, self._ledger.absorb_all([parcel], at_ms)[0]))
            except _POISON as fault:
                self._refuse(message, type(fault).__name__, at_ms)
        return done

    def _refuse(self, message: Arrived, reason: str, at_ms: int) -> None:
        log.warning("A message was not understood and is kept.")
        place = arrivals.place_of(message.topic) or (alarms.CENTRAL, alarms.CENTRAL)
        self._ledger.refuse(*place, reason, message.payload, at_ms)

    def _answer(self, link: Link, place: Place, marks: Iterable[Mark]) -> None:
        marks = tuple(marks)
        spoken = self._streams.setdefault(place, {})
        for mark in marks:
            spoken.pop(mark.stream, None)
            spoken[mark.stream] = None
        while len(spoken) > _STREAMS_MAX:
            del spoken[next(iter(spoken))]
        ack = Ack(v=contract.VERSION, boot=self._boot, marks=marks)
        link.publish(contract.gate_topic(*place, "ack"), contract.encode(ack))

    # --- The link ---

    def _link_changed(self, change: LinkChanged, link: Link) -> None:
        broker = self._settings.broker
        told = {"CENTRAL_REASON": change.reason, "CENTRAL_BROKER": f"{broker.host}:{broker.port}"}
        if not change.connected and change.reason not in self._away:
            self._away.add(change.reason)
            log.warning(
                "The broker is away: see that it runs, and that address, certificates and login in"
                " [broker] are right.",
                extra=told,
            )
        if change.connected:
            log.info("The broker's link changed.", extra=told)
            self._away.clear()
            self._in_hand.clear()  # It came by an earlier connection: gates say it again.
            self._say_online(link)
            self._book.forget()
            self._feeds_heard_s = clock.now_s() + _FEEDS_HEARD_S

    def _status(self, *, online: bool) -> Status:
        return Status(
            v=contract.VERSION, online=online, boot=self._boot, at_ms=clock.at_ms(),
            version=VERSION,
        )  # fmt: skip

    def _say_online(self, link: Link) -> None:
        link.publish(
            contract.CENTRAL_STATUS, contract.encode(self._status(online=True)), retain=True
        )

    # --- Each tick ---

    def _tick(self, link: Link, now: float) -> None:
        self._ticked_s, self._tick_s = now, now + self._settings.feeds.every_s / 2
        at_ms = clock.at_ms()
        if self._feeds_heard_s is not None and now >= self._feeds_heard_s:
            self._feeds_heard_s = None
            link.stop_listening_to_feeds()
        self._note_hours(now, at_ms)
        drawn = picture.draw(
            self._ledger.db, self._ledger.calendar, at_ms, hearing=self._hearing, now=now,
            heard_s=self._settings.feeds.heard_s,
            in_hand=(arrivals.place_of(message.topic) for message in self._in_hand),
            own=list(self._own_alarms(now, at_ms)),
        )  # fmt: skip
        if link.connected:
            for topic, payload in self._book.due(feeds.compose(self._scopes, drawn), now):
                self._show(link, topic, payload)
            for place, command in self._asking.due(now, at_ms):
                link.publish(contract.gate_topic(*place, "command"), command)
        self._say_health(link, drawn)
        self._keeping.tick(now, at_ms, self.inbox.put, self._backup_died)

    def _show(self, link: Link, topic: str, feed: bytes) -> None:
        """Publish a feed; one that is too long is left out: no entry may end the centre."""
        if len(feed) > contract.FEED_BYTES_MAX:
            log.error("A feed is too long and is left out.", extra={"CENTRAL_FEED": topic})
            feed = b""
        link.publish(topic, feed, retain=True)

    def _note_hours(self, now: float, at_ms: int) -> None:
        """Write down which gates were heard in this hour, once each."""
        heard_s = self._settings.feeds.heard_s
        fresh = {
            (*place, at_ms // 3_600_000)
            for place in self._hearing.places()
            if self._hearing.heard(place, now, heard_s)
        } - self._noted
        try:
            self._ledger.heard(fresh)
        except LedgerUnwritable:
            return  # The next tick tries again; the absorbing loop says it loudly.
        self._noted |= fresh

    def _own_alarms(self, now: float, at_ms: int) -> Iterator[Alarm]:
        silent_s = self._settings.feeds.silent_s
        self._silent = {
            place: self._silent.get(place, at_ms)
            for place in self._site.gates
            if now > (self._hearing.of(place).last_s or self._started_s) + silent_s
        }
        yield from alarms.of_silence(self._silent, len(self._site.gates))
        for place in self._hearing.places():
            if place not in self._site.gates:
                yield alarms.of_condition("unexpected", *place, self._started_ms)
        if self._keeping.overdue(now):
            self._holding.setdefault("backup", at_ms)
        else:
            self._holding.pop("backup", None)
        for condition, since in self._holding.items():
            yield alarms.of_condition(condition, alarms.CENTRAL, alarms.CENTRAL, since)

    def _say_health(self, link: Link, drawn: feeds.Picture) -> None:
        self._health = {
            "ok": link.connected and not self._holding,
            "version": VERSION,
            "boot": self._boot,
            "at_ms": drawn.at_ms,
            "broker": "connected" if link.connected else "away",
            "holding": sorted(self._holding),
            "gates_heard": len(drawn.heard_now & frozenset(self._site.gates)),
            "gates_expected": len(self._site.gates),
            "backups": {
                "count": self._keeping.kept.count,
                "oldest": self._keeping.kept.oldest,
                "newest": self._keeping.kept.newest,
                "same_device": self._keeping.same_device,
            },
        }

    def health(self) -> dict[str, Any]:
        """Say how the centre fares; asked on the pages' threads, while the loop may hang."""
        age_s = clock.now_s() - self._ticked_s
        stale = ["loop"] if age_s > self._settings.feeds.every_s / 2 + STALE_S else []
        well = bool(self._health.get("ok")) and not stale
        return {**self._health, "ok": well, "age_s": round(age_s, 1), "stale": stale}

    def _promise(self, link: Link) -> None:
        """Tell every gate that spoke what is safe by now."""
        for place, streams in self._streams.items():
            self._answer(link, place, [self._ledger.mark(stream) for stream in streams])
