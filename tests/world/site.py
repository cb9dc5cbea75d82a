"""The whole site: 8 gates' real code, a faulty broker between, and central's real ledger.

What is simulated is what cannot be had a million times: power, disks that refuse, clocks that
jump, a broker that delays, doubles, loses and reorders. What runs is real: `core.step`,
`view.view`, `Journal`, `Uplink`, `Ledger`. Issue 4's nemesis reaches in at `Disk` (a commit that
fails), `House.stop` (power), `Bus` (the link) and `Centre` (crash, restore).
"""

import contextlib
import pickle
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from central import backup
from central.ledger import Ledger, Parcel
from gateway import clock, contract
from gateway.contract import Entry
from gateway.core import core, events, view
from gateway.errors import JournalUnwritable
from gateway.journal.journal import Journal, Stamp
from gateway.journal.recorder import Recorder
from gateway.uplink import Out, Uplink
from tests.world import checker
from tests.world.clockwork import Clockwork
from tests.world.lanes import Post
from tests.world.truth import Boot, Fault, TruthLog

VERSION: Final = "world"
ENTRIES_MIN: Final = 2000
"""The gateway's own default: so many stay though they are safe."""
PUMP_S: Final = 10.0
"""A gate's loop looks at its uplink this often when there is something to send."""
BACKUPS: Final = 2
"""Kept for restoring; the older of them is what `safe` means."""
WORK_S: Final = 20.0
"""Central takes what came in this often."""

_SEAL: Final = bytes((i + 77) % 256 for i in range(256))
_OPEN: Final = bytes((i - 77) % 256 for i in range(256))


def seal(plain: bytes) -> bytes:
    """Make a body unreadable to whoever does not know how; real sealing costs 100 µs."""
    return plain.translate(_SEAL)


def unseal(sealed: bytes) -> bytes:
    """Undo `seal`: the vault's part, here the checker's."""
    return sealed.translate(_OPEN)


class Disk(sqlite3.Connection):
    """A journal's file on a card that refuses commits while `broken`."""

    broken = False

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        """Pass SQL on, unless it is a commit and the card refuses."""
        if self.broken and sql == "COMMIT":
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(sql, parameters)


@dataclass(slots=True, eq=False)
class WallClock:
    """A gate's wall clock: no battery, set by the network some time after each power-up."""

    epoch_ms: int
    word: contract.Clock = "ntp"
    off_ms: int = 0

    def at_ms(self, now: float) -> int:
        """UTC, as this gate has it."""
        return self.epoch_ms + round(now * 1000.0) + self.off_ms


@dataclass(eq=False)
class House:
    """One gateway: the service's loop in small, over real parts."""

    post: Post
    clock: Clockwork
    rng: Random
    log: TruthLog
    bus: "Bus"
    lanes: tuple[Any, ...]
    limits: Any
    watch: "Watch"
    disk: Disk = field(
        default_factory=lambda: sqlite3.connect(":memory:", factory=Disk, check_same_thread=False)
    )
    up: bool = False
    linked: bool = True
    boot: str = ""
    boot_s: float = 0.0
    boots: int = 0
    starts: int = 0
    never_set: bool = False
    desk: dict[str, events.PlateRead] = field(default_factory=dict)
    _told: dict[type, events.Event] = field(default_factory=dict)
    _seen: tuple[Any, ...] = (None, -1.0, 0)
    _shown: dict[str, Any] = field(default_factory=dict)
    timeless: list[str] = field(default_factory=list)
    """Boots that ended before anybody set their clock."""

    def __post_init__(self) -> None:
        self.wall = WallClock(self.log.epoch_ms)
        self._wake_s = -1.0
        self._pump_s = -1.0

    # --- Power ------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the process; after a power cut the machine with it."""
        self.starts += 1
        if not self.boot:
            self._power_up()
        self.journal = Journal.over(
            self.disk, compound=self.post.compound, gate=self.post.name, boot=self.boot,
            version=VERSION, new_stream=self._new_stream, seal=seal,
        )  # fmt: skip
        self.recorder = Recorder(self.journal)
        self.uplink = Uplink(
            self.journal, compound=self.post.compound, gate=self.post.name, boot=self.boot,
            version=VERSION, jitter=self.rng.random,
        )  # fmt: skip
        unfinished = self._remember(self.journal.unfinished(self._stamp()))
        self.gate = core.begin(self.lanes, self.limits, first_key=len(unfinished) + 1)
        self._told.clear()
        self._wake_s = -1.0
        self.up = True
        before = self.journal.newest_moment()
        jump = clock.jump_between(before, self._stamp()) if before is not None else None
        told = events.ClockChanged(self.wall.word)
        self._take(told, [self._jump_record(jump)] if jump is not None else [])
        if unfinished:
            self.offer(events.Resumed(unfinished))
        if self.linked:
            self.bus.join(self)

    def _remember(self, unfinished: tuple[events.Unfinished, ...]) -> tuple[events.Unfinished, ...]:
        """Put back what the desk knew of plates; it outlives the process, not the power."""
        return tuple(
            replace(one, plate=self.desk.get(self.journal.ref(one.passage) or ""))
            for one in unfinished
        )

    def _note(self, record: events.Record) -> None:
        """Keep a plate on the desk, by its passage's name."""
        ref = self.journal.ref(record.passage) if record.passage is not None else None
        if ref is None or not isinstance(record.sealed, contract.SealedPlate):
            return
        body = record.body
        assert isinstance(body, contract.PlateSeen)
        status = "read" if body.status == "typed" else body.status
        self.desk[ref] = events.PlateRead(
            "", "", 0, status, record.sealed.text, body.confidence_pct
        )
        while len(self.desk) > 50:
            del self.desk[next(iter(self.desk))]

    def stop(self, *, power: bool) -> None:
        """Die at once: what was not on disk is gone."""
        if not self.up:
            return
        self.up = False
        self.bus.drop(self)
        if power:
            self.boot = ""
            self.desk.clear()

    def _power_up(self) -> None:
        if self.wall.word == "unset":
            self.timeless.append(self._last_boot)
        self.boots += 1
        self.boot_s = round(self.clock.now, 3)
        self.boot = f"boot-{self.post.gate}-{self.boots}"
        self._last_boot = self.boot
        self.log.boots.append(Boot(self.post.gate, self.boot, self.boot_s))
        if self.boots == 1:
            return
        # The clock stood still while the power was off, and nobody knows by how much.
        self.wall.off_ms -= int(20_000 + self.rng.random() * 7_200_000)
        self.wall.word = "unset"
        if not self.never_set:
            boot = self.boot
            self.clock.at(
                self.clock.now + 20.0 + self.rng.random() * 400.0, lambda: self._synchronise(boot)
            )

    def _synchronise(self, boot: str) -> None:
        if self.boot != boot:
            return
        jump = clock.Jump("ntp", self.wall.word, -self.wall.off_ms)
        self.wall.off_ms, self.wall.word = 0, "ntp"
        if self.up:  # Else the next start finds it in the journal.
            self._take(events.ClockChanged("ntp", jump.jump_ms), [self._jump_record(jump)])

    def _jump_record(self, jump: clock.Jump) -> events.Record:
        body = contract.ClockJumped(boot=self.boot, jump_ms=jump.jump_ms, was=jump.was)
        return events.Record(body)

    # --- The loop ---------------------------------------------------------------------------

    def offer(self, event: events.Event) -> None:
        """Take one event through the loop: step, commit, and only then show and publish."""
        if self.up:
            self._take(event, [])

    def _take(self, event: events.Event, records: list[events.Record]) -> None:
        now = self.clock.now
        step = core.step(self.gate, event, now)
        self.gate = step.gate
        if step.effects:
            records += [effect for effect in step.effects if type(effect) is events.Record]
        if records:
            self._commit(records, now)
        for effect in step.effects:
            if type(effect) is events.PulseBarrier and effect.how == "itself":
                self._pulse(records)
        if step.wake_at is not None and not (now < self._wake_s <= step.wake_at):
            self._wake_s = max(step.wake_at, now + 0.001)
            self.clock.at(self._wake_s, self._woke)

    def _pulse(self, records: list[events.Record]) -> None:
        """Open by itself: that says as much as a screen, that an admission is on disk."""
        if self.recorder.fault is not None:
            return
        barrier = next(r for r in reversed(records) if type(r.body) is contract.BarrierPulsed)
        assert barrier.passage is not None
        ref = self.journal.ref(barrier.passage)
        self.watch.pulses.append(
            checker.Shown(self.post.gate, self.clock.now, self.watch.tick(), ref, True, "admit", 0)
        )

    def _tell(self, change: events.Event) -> None:
        """Tell the core what has changed around it, once."""
        if self._told.get(type(change)) != change:
            self._told[type(change)] = change
            self.offer(change)

    def _woke(self) -> None:
        if self.up and self._wake_s >= 0 and self.clock.now >= self._wake_s:
            self._wake_s = -1.0
            self.offer(events.Woke())

    def _stamp(self) -> Stamp:
        now = self.clock.now
        return Stamp(self.wall.at_ms(now), round((now - self.boot_s) * 1000.0), self.wall.word)

    def _commit(self, records: Sequence[events.Record], now: float) -> None:
        entries = self.recorder.record(records, self._stamp())
        if self.recorder.fault:
            self.watch.refused += 1
        if entries:
            self.watch.said(self.post.gate, entries)
            self.uplink.recorded(entries, now)
            self._pump_soon(PUMP_S)
        for record in records:
            self._note(record)
        self._tell(events.RecordingChanged(self.recorder.not_recorded))

    def retry(self) -> None:
        """Write down what waits, if the card takes it again."""
        if self.up:
            self._commit((), self.clock.now)

    # --- The screen -------------------------------------------------------------------------

    def screen(self) -> dict[str, Any] | None:
        """Show what the guard sees, the shell's word on recording included."""
        if not self.up:
            return None
        now = self.clock.now
        # Looking twice at one moment shows the same.
        seen = (self.gate, now, self.recorder.not_recorded)
        if self._seen[0] is seen[0] and self._seen[1:] == seen[1:]:
            return self._shown
        self._seen, self._shown = seen, self._draw(now)
        return self._shown

    def _draw(self, now: float) -> dict[str, Any]:
        shown = view.view(self.gate, now)
        for lane in shown["lanes"]:
            passage = lane["passage"]
            if passage is None:
                continue
            key = passage["key"]
            passage["recorded"] = self.recorder.is_recorded(key)
            self.watch.shown.append(
                checker.Shown(
                    self.post.gate,
                    now,
                    self.watch.tick(),
                    self.journal.ref(key),
                    passage["recorded"],
                    passage["decision"],
                    self.recorder.not_recorded,
                )
            )
        return shown

    # --- The link ---------------------------------------------------------------------------

    def _pump_soon(self, within_s: float) -> None:
        due = self.clock.now + within_s
        if self._pump_s < 0 or due < self._pump_s:
            self._pump_s = due
            self.clock.at(due, self._pump)

    def _pump(self) -> None:
        now = self.clock.now
        if self._pump_s < 0 or now < self._pump_s:
            return
        self._pump_s = -1.0
        if not self.up:
            return
        for out in self.uplink.due(now, self.wall.at_ms(now)):
            self.bus.from_gate(self, out)
        self._tell(events.LinkChanged(self.uplink.link))
        self.watch.bound(self)
        wake = self.uplink.wake_at
        if wake is not None:
            self._pump_soon(max(wake - now, 0.01))

    def connected(self) -> None:
        """Take note that the broker answered."""
        if self.up:
            self.uplink.connected(self.clock.now)
            self._pump_soon(0.05)

    def disconnected(self) -> None:
        """Take note that the link is gone."""
        if self.up:
            self.uplink.disconnected(self.clock.now)

    def hear(self, topic: str, payload: bytes) -> None:
        """Take a message in."""
        if not self.up:
            return
        self.uplink.heard(topic, payload, self.clock.now)
        self._pump_soon(3.0)
        self.prune()

    def prune(self) -> None:
        """Delete what is safe at central, now and then."""
        if self.rng.random() < 0.02:
            with contextlib.suppress(JournalUnwritable):  # As upkeep does: another time.
                if self.journal.prune(self.uplink.marks, keep=ENTRIES_MIN):
                    self.uplink.reloaded()

    def _new_stream(self) -> str:
        return f"{self.rng.getrandbits(128):032x}"


@dataclass(slots=True, eq=False)
class Watch:
    """What the checker gets to see, written down as it happens."""

    written: list[checker.Written] = field(default_factory=list)
    hashes: list[tuple[str, bytes]] = field(default_factory=list)
    last: dict[str, Entry] = field(default_factory=dict)
    shown: list[checker.Shown] = field(default_factory=list)
    never_set: set[str] = field(default_factory=set)
    personal: list[str] = field(default_factory=list)
    refused: int = 0
    pulses: list[checker.Shown] = field(default_factory=list)
    nth: int = 0
    weighed: int = 0
    messages: int = 0
    most: dict[str, int] = field(default_factory=dict)

    def tick(self) -> int:
        """Number what is said and shown, in order."""
        self.nth += 1
        return self.nth

    def said(self, gate: int, entries: Sequence[Entry]) -> None:
        """Write down entries that the gate from now on says are recorded."""
        nth = self.tick()
        for entry in entries:
            sealed = None if entry.sealed is msgspec.UNSET else unseal(entry.sealed)
            one = checker.read_written(
                gate, nth, entry.stream, entry.seq, entry.kind, bytes(entry.open), sealed
            )
            self.written.append(one)
            if entry.seq > 1:
                # An entry names the hash of the one before it: that one's is known by now.
                self.hashes.append((f"{entry.stream}/{entry.seq - 1}", bytes.fromhex(entry.prev)))
            self.last[entry.stream] = entry

    def all_hashes(self) -> list[tuple[str, bytes]]:
        """Give name and hash of every entry that was said to be recorded."""
        last = [(f"{e.stream}/{e.seq}", bytes.fromhex(contract.hash_of(e)))
                for e in self.last.values()]  # fmt: skip
        return self.hashes + last

    def passed(self, topic: str, payload: bytes) -> None:
        """Look at a message as the broker could."""
        self.messages += 1
        self._more("bytes of a message", len(payload))
        if checker.is_personal(payload):
            self.personal.append(topic)

    def bound(self, house: House) -> None:
        """Write down how large things became."""
        more, gate = self._more, house.gate
        more("entries not recorded", house.recorder.not_recorded)
        more("unassigned readings", len(gate.desk.loose))
        more("alerts of a gate", len(gate.desk.alerts))
        more("tracks of a lane", max(len(lane.tracks) for lane in gate.lanes))
        more("passages aside in a lane", max(len(lane.aside) for lane in gate.lanes))
        self.weighed += 1
        if self.weighed % 16 == 0:
            more("bytes of a gate's state", len(pickle.dumps(gate)))

    def _more(self, what: str, size: int) -> None:
        if size > self.most.get(what, -1):
            self.most[what] = size


@dataclass(frozen=True, slots=True)
class Weather:
    """How bad the broker and the links are."""

    lost: float = 0.01
    doubled: float = 0.02
    late: float = 0.02
    late_s: float = 20.0


@dataclass(slots=True, eq=False)
class Bus:
    """A broker that is not trusted to remember: it delays, doubles, loses and reorders."""

    clock: Clockwork
    rng: Random
    watch: Watch
    weather: Weather
    houses: dict[tuple[str, str], House] = field(default_factory=dict)
    joined: set[int] = field(default_factory=set)
    centre: "Centre | None" = None
    status: bytes | None = None

    def join(self, house: House) -> None:
        """Connect a gate, and hand it what is retained."""
        gate = house.post.gate
        self.joined.add(gate)
        house.connected()
        if self.status is not None:
            self._send(lambda: self._hear(house, contract.CENTRAL_STATUS, self.status))

    def drop(self, house: House) -> None:
        """Cut a gate off."""
        self.joined.discard(house.post.gate)
        house.disconnected()

    def from_gate(self, house: House, out: Out) -> None:
        """Carry a gate's message to central, perhaps."""
        self.watch.passed(out.topic, out.payload)
        if house.post.gate in self.joined:
            self._send(lambda: self.centre and self.centre.hear(out.topic, out.payload))

    def to_gate(self, compound: str, gate: str, topic: str, payload: bytes) -> None:
        """Carry central's message to a gate, perhaps."""
        self.watch.passed(topic, payload)
        house = self.houses[compound, gate]
        self._send(lambda: self._hear(house, topic, payload))

    def announce(self, payload: bytes) -> None:
        """Retain central's status, and tell everybody."""
        self.status = payload
        for house in self.houses.values():
            self._send(lambda h=house: self._hear(h, contract.CENTRAL_STATUS, payload))

    def _hear(self, house: House, topic: str, payload: bytes | None) -> None:
        if house.post.gate in self.joined and payload is not None:
            house.hear(topic, payload)

    def _send(self, deliver: Callable[[], object]) -> None:
        rand, weather = self.rng.random, self.weather
        if rand() < weather.lost:
            return
        delay = 0.02 + rand() * 0.3
        if rand() < weather.late:
            delay += rand() * weather.late_s
        self.clock.at(self.clock.now + delay, deliver)
        if rand() < weather.doubled:
            self.clock.at(self.clock.now + delay + rand() * 30.0, deliver)


@dataclass(eq=False)
class Centre:
    """Central's subscriber in small, over the real ledger."""

    clock: Clockwork
    rng: Random
    bus: Bus
    path: Path
    epoch_ms: int
    ledger: Ledger | None = None
    boots: int = 0
    inbox: list[tuple[str, str, str, bytes]] = field(default_factory=list)
    working: bool = False
    repeats: int = 0
    conflicts: int = 0

    @property
    def folder(self) -> Path:
        """Where the backups are."""
        return self.path.with_name("backups")

    def start(self) -> None:
        """Open the ledger and say so."""
        self.boots += 1
        self.ledger = Ledger.open(self.path)
        kept = backup.keep(self.folder)
        if kept.count == BACKUPS:
            self.ledger.promise(kept.safe)
        self._say(online=True)

    def stop(self) -> None:
        """Die: what was not committed is gone, the broker sends the will."""
        if self.ledger is None:
            return
        self.ledger.close()
        self.ledger = None
        self.inbox.clear()
        self._say(online=False)

    def _say(self, *, online: bool) -> None:
        status = contract.Status(
            v=contract.VERSION, online=online, boot=f"central-{self.boots}",
            at_ms=self._at_ms(), version=VERSION,
        )  # fmt: skip
        self.bus.announce(contract.encode(status))

    def _at_ms(self) -> int:
        return self.epoch_ms + round(self.clock.now * 1000.0)

    def hear(self, topic: str, payload: bytes) -> None:
        """Take a message in; it is worked on with those that come within the same moment."""
        if self.ledger is None:
            return
        where = contract.read_gate_topic(topic)
        assert where is not None
        self.inbox.append((*where, payload))
        if not self.working:
            self.working = True
            self.clock.at(self.clock.now + WORK_S, self._work)

    def _work(self) -> None:
        self.working = False
        inbox, self.inbox = self.inbox, []
        if self.ledger is None:
            return
        parcels, hellos = [], []
        for compound, gate, word, payload in inbox:
            if word == "entries":
                entries = [e for e in contract.decode_batch(payload) if isinstance(e, Entry)]
                parcels.append(Parcel(compound, gate, entries))
            elif word == "alert":
                parcels.append(Parcel(compound, gate, [contract.decode_entry(payload)]))
            elif word == "hello":
                hellos.append((compound, gate, contract.decode(payload, contract.Hello)))
        if parcels:
            for parcel, done in zip(
                parcels, self.ledger.absorb_all(parcels, self._at_ms()), strict=True
            ):
                self.repeats += done.repeats
                self.conflicts += done.conflicts
                self._acknowledge(parcel.compound, parcel.gate, done.marks)
        for compound, gate, hello in hellos:
            marks = self.ledger.hello(compound, gate, hello, self._at_ms())
            self._acknowledge(compound, gate, marks)

    def _acknowledge(self, compound: str, gate: str, marks: Sequence[contract.Mark]) -> None:
        ack = contract.Ack(v=contract.VERSION, boot=f"central-{self.boots}", marks=tuple(marks))
        topic = contract.gate_topic(compound, gate, "ack")
        self.bus.to_gate(compound, gate, topic, contract.encode(ack))

    # --- Backups ----------------------------------------------------------------------------

    def back_up(self) -> None:
        """Make tonight's backup; the two newest are kept, the older of them is `safe`."""
        if self.ledger is None:
            return
        kept = backup.make(self.path, self.folder, BACKUPS, self._at_ms())
        if kept.count == BACKUPS:
            self.ledger.promise(kept.safe)

    def restore(self) -> None:
        """The ledger's disk dies; the oldest backup takes its place."""
        self.stop()
        kept = backup.backups(self.folder)
        if kept:
            for suffix in ("", "-wal", "-shm"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
            self.path.write_bytes(kept[0].read_bytes())
        self.start()


def note(log: TruthLog, gate: int, what: str, from_s: float, to_s: float) -> None:
    """Write a fault into the truth."""
    log.faults.append(Fault(gate, what, from_s, to_s))
