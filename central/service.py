"""The centre's one loop: take what is queued, commit it, acknowledge, and publish what changed.

Order is everything here: the ledger commits; then the broker is told that its messages are ours;
then the gates hear how far they have come. What cannot be committed is kept in hand and tried
again; the broker's receive window bounds how much that can be.
"""

import logging
import queue
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from central import alarms, arrivals, backup, clock, feeds, picture
from central.alarms import Alarm
from central.arrivals import Parcel
from central.config import Settings, Site
from central.errors import BackupFailed, LedgerUnwritable
from central.hearing import Hearing, Place
from central.ledger import Absorbed, Ledger
from central.subscriber import Arrived, Died, Inbox, Link, LinkChanged
from central.systemd import notify
from central.version import VERSION
from gateway import contract
from gateway.contract import Ack, Health, Hello, Mark, NotUnderstood, Status

log = logging.getLogger(__name__)
_TAKEN_MAX: Final = 64
"""Messages in one transaction, at most: an alert waits for no more than these."""
_RETRY_S: Final = 1.0
_DRAIN_S: Final = 5.0
_FEEDS_HEARD_S: Final = 5.0
"""After so long every retained feed has come."""
_DAY_S: Final = 86_400.0
_BACKUP_RETRY_S: Final = 60.0
_STREAMS_MAX: Final = 100
_POISON: Final = (ArithmeticError, LookupError, TypeError, ValueError)
"""What a message must be to break the code that reads it, without being a fault of the ledger."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Somebody asks the process to end."""


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A backup is done, or failed."""

    kept: backup.Kept | None
    failed: str = ""


class Centre:
    """The running centre; built first, then given its link."""

    def __init__(self, settings: Settings, site: Site, ledger: Ledger, boot: str) -> None:
        self._settings = settings
        self._site = site
        self._ledger = ledger
        self._boot = boot
        self.inbox: Inbox = queue.SimpleQueue()
        self.health: dict[str, Any] = {}
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
        self._kept = backup.NOTHING
        self._backing_up = False
        self._started_ms = clock.at_ms()
        now = clock.now_s()
        self._tick_s = self._retry_s = self._backup_s = now
        self._retention_s = now + 60.0
        self._feeds_heard_s: float | None = None

    # --- The loop ---

    def run(self, link: Link) -> Died | None:
        """Turn until asked to stop; return what died when that is why it ends."""
        self._take_over_backups()
        link.start()
        notify("READY=1")
        stop_s: float | None = None
        while stop_s is None or (self._in_hand and clock.now_s() < stop_s):
            for item in self._queued():
                match item:
                    case Arrived():
                        self._sort(item, link)
                    case LinkChanged():
                        self._link_changed(item, link)
                    case BackedUp():
                        self._backed_up(item, link)
                    case Stop():
                        stop_s = clock.now_s() + _DRAIN_S
                        notify("STOPPING=1")
                    case Died():
                        return item
            now = clock.now_s()
            if self._in_hand and now >= self._retry_s:
                self._work(link)
            if now >= self._tick_s:
                self._tick(link, now)
        link.stop(self._status(online=False))
        return None

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
        else:
            self._in_hand.append(message)

    def _read_own_status(self, message: Arrived, link: Link) -> None:
        try:
            status = contract.decode(message.payload, Status)
        except NotUnderstood:
            return
        if status.boot == self._boot and not status.online:
            self._say_online(link)  # An old will came after our birth.
        elif status.boot != self._boot and status.online and not message.retained:
            log.error("Another centre is on this broker; stop one of them.")
            self._holding.setdefault("rival", clock.at_ms())

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
        parcels: list[tuple[Arrived, Parcel]] = []
        hellos: list[tuple[Place, Hello]] = []
        for message in batch:
            if not message.payload:
                continue  # A retained topic that somebody emptied.
            try:
                compound, gate, said = arrivals.read(message.topic, message.payload)
            except NotUnderstood as fault:
                self._refuse(message, str(fault), at_ms)
                continue
            place = (compound, gate)
            match said:
                case Parcel():
                    self._hearing.spoke(place, at_ms)
                    parcels.append((message, said))
                case Hello():
                    self._hearing.spoke(place, at_ms)
                    hellos.append((place, said))
                case Status():
                    self._hearing.status(place, said, at_ms, retained=message.retained)
                case Health():
                    self._hearing.health(place, said, at_ms, retained=message.retained)
        answers: dict[Place, dict[str, Mark]] = {}
        for parcel, absorbed in self._absorb_parcels(parcels, at_ms):
            found = answers.setdefault((parcel.compound, parcel.gate), {})
            found.update({mark.stream: mark for mark in absorbed.marks})
        for place, hello in hellos:
            marks = self._ledger.hello(*place, hello, at_ms)
            answers.setdefault(place, {}).update({mark.stream: mark for mark in marks})
        return answers

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
        log.info("The broker's link changed.", extra={"CENTRAL_REASON": change.reason})
        if change.connected:
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
        self._tick_s = now + self._settings.feeds.every_s / 2
        at_ms = clock.at_ms()
        if self._feeds_heard_s is not None and now >= self._feeds_heard_s:
            self._feeds_heard_s = None
            link.stop_listening_to_feeds()
        self._note_hours(at_ms)
        drawn = picture.draw(
            self._ledger.db, self._ledger.calendar, at_ms, hearing=self._hearing,
            heard_s=self._settings.feeds.heard_s, own=list(self._own_alarms(at_ms)),
        )  # fmt: skip
        if link.connected:
            for topic, payload in self._book.due(feeds.compose(self._scopes, drawn), now):
                link.publish(topic, payload, retain=True)
        self._say_health(link, drawn)
        if now >= self._retention_s:
            self._retain(now, at_ms)
        if now >= self._backup_s and not self._backing_up:
            self._backing_up = True
            threading.Thread(
                target=self._back_up, args=(at_ms,), name="backup", daemon=True
            ).start()
        if link.alive():
            notify("WATCHDOG=1")

    def _note_hours(self, at_ms: int) -> None:
        """Write down which gates were heard in this hour, once each."""
        heard_ms = int(self._settings.feeds.heard_s * 1000)
        fresh = {
            (*place, at_ms // 3_600_000)
            for place in self._hearing.places()
            if self._hearing.now(place, at_ms, heard_ms)
        } - self._noted
        try:
            self._ledger.heard(fresh)
        except LedgerUnwritable:
            return  # The next tick tries again; the absorbing loop says it loudly.
        self._noted |= fresh

    def _own_alarms(self, at_ms: int) -> Iterator[Alarm]:
        silent_ms = int(self._settings.feeds.silent_s * 1000)
        for place in self._site.gates:
            since = (self._hearing.of(place).last_ms or self._started_ms) + silent_ms
            if at_ms > since:
                yield alarms.of_condition("silent", *place, since)
        for place in self._hearing.places():
            if place not in self._site.gates:
                yield alarms.of_condition("unexpected", *place, self._started_ms)
        for condition, since in self._holding.items():
            yield alarms.of_condition(condition, alarms.CENTRAL, alarms.CENTRAL, since)

    def _say_health(self, link: Link, drawn: feeds.Picture) -> None:
        self.health = {
            "ok": link.connected and not self._holding,
            "version": VERSION,
            "boot": self._boot,
            "at_ms": drawn.at_ms,
            "broker": "connected" if link.connected else "away",
            "holding": sorted(self._holding),
            "gates_heard": len(drawn.heard_now & frozenset(self._site.gates)),
            "gates_expected": len(self._site.gates),
            "backups": {
                "count": self._kept.count,
                "oldest": self._kept.oldest,
                "newest": self._kept.newest,
                "same_device": self._same_device(),
            },
        }

    # --- Backups and retention ---

    def _directory(self) -> Path:
        return Path(self._settings.backup.directory)

    def _same_device(self) -> bool:
        return backup.same_device(self._settings.ledger_path, self._directory())

    def _take_over_backups(self) -> None:
        self._kept = backup.keep(self._directory())
        self._ledger.promise(self._kept.safe)
        if self._same_device():
            log.warning("The backups are on the ledger's own device: one dead disk takes both.")
        if self._kept.newest:
            age_s = (clock.at_ms() - backup.made_ms(self._kept.newest)) / 1000
            self._backup_s = clock.now_s() + max(0.0, self._settings.backup.every_s - age_s)

    def _back_up(self, at_ms: int) -> None:
        try:
            kept = backup.make(
                self._settings.ledger_path, self._directory(), self._settings.backup.count, at_ms
            )
            self.inbox.put(BackedUp(kept))
        except BackupFailed as error:
            self.inbox.put(BackedUp(None, str(error)))
        except BaseException as error:  # noqa: BLE001 - a thread's entry: report and end.
            self.inbox.put(Died("backup", error))

    def _backed_up(self, done: BackedUp, link: Link) -> None:
        self._backing_up = False
        every_s = self._settings.backup.every_s
        if done.kept is None:
            log.error("A backup failed.", extra={"CENTRAL_REASON": done.failed})
            self._holding.setdefault("backup", clock.at_ms())
            self._backup_s = clock.now_s() + min(every_s, _BACKUP_RETRY_S)
            return
        self._holding.pop("backup", None)
        self._backup_s = clock.now_s() + every_s
        self._kept = done.kept
        self._ledger.promise(done.kept.safe)
        for place, streams in self._streams.items():
            marks = [self._ledger.mark(stream) for stream in streams]
            self._answer(link, place, marks)

    def _retain(self, now: float, at_ms: int) -> None:
        self._retention_s = now + _DAY_S
        before_ms = at_ms - int(self._settings.retention.sealed_days * _DAY_S * 1000)
        try:
            erased = self._ledger.erase_sealed(before_ms)
        except LedgerUnwritable:
            self._retention_s = now + 60.0
            return
        log.info("Sealed parts reached their day.", extra={"CENTRAL_ERASED": erased})
