"""The real site, driven event by event: `gateway.journal`, `gateway.uplink`, `central.service` with
`central.ledger` and `central.backup`. What it says of itself is in the model's words.
"""

import shutil
import sqlite3
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from central import backup, config
from central.keeping import BackedUp
from central.ledger import Ledger
from central.service import Centre
from central.subscriber import Arrived
from gateway import contract
from gateway.contract import Ack, Entry, Hello, Status
from gateway.core.events import Record
from gateway.journal.journal import Journal, Stamp
from gateway.uplink import Pace, Uplink
from tests.central import places
from tests.model.card import name_of, wire_name
from tests.model.gate import set_timer

AT_MS = 1_600_000_000_000
PLACE = {"compound": "c01", "gate": "east"}
TIMERS = {"hello": "_hello_at", "patience": "_overdue_at"}


def item_of(entry: Entry) -> tuple[str, int, tuple[Any, ...]]:
    """Read an entry as the model's item."""
    name, body = name_of(entry.stream), contract.decode_body(entry)
    content: tuple[Any, ...]
    match body:
        case contract.Started():
            before = name_of(body.before) if body.before else None
            content = ("s", before, body.before_last)
        case contract.Tombstone():
            content = ("t", name_of(body.stream), body.first, body.last)
        case contract.AlertChanged():
            content = ("a", name)
        case _:
            content = ("e", name)
    return name, entry.seq, content


class RealGate:
    """One gate: a journal over a card, and the uplink."""

    def __init__(self, letter: str, card: bytes | None, pace: Pace, chance: Random) -> None:
        self.letter, self.starts, self.now = letter, 0, 0.0
        self._pace, self._chance = pace, chance
        self._keys = 0
        self.insert(card)
        self.restart()

    # --- The card ---

    def insert(self, card: bytes | None) -> None:
        self._card = sqlite3.connect(":memory:")
        if card is not None:
            self._card.deserialize(card)

    def image(self) -> bytes:
        return self._card.serialize()

    # --- What happens to it ---

    def restart(self) -> None:
        self.starts += 1
        name = wire_name(f"{self.letter}{self.starts}")
        self.journal = Journal.over(
            self._card, **PLACE, boot="boot", version="0", new_stream=lambda: name, seal=bytes
        )
        self.uplink = Uplink(
            self.journal, **PLACE, boot="boot", version="0", jitter=self._chance.random,
            pace=self._pace,
        )  # fmt: skip
        self.connected = True
        self.uplink.connected(self.now)

    def happen(self, what: str) -> None:
        stamp = Stamp(AT_MS, 1000, "ntp")
        match what:
            case "record" | "alert":
                self._keys += 1
                self.uplink.recorded(self.journal.append([self._entry(what)], stamp), self.now)
            case "bury":
                self.uplink.recorded(self.journal.bury(1, "full", stamp), self.now)
                self.uplink.reloaded()
            case "prune":
                if self.journal.prune(self.uplink.marks):
                    self.uplink.reloaded()
            case "connect" | "cut":
                self.connected = what == "connect"
                (self.uplink.connected if self.connected else self.uplink.disconnected)(self.now)
            case "restart":
                self.restart()
            case "hello" | "patience":
                self._let_pass(what)

    def _let_pass(self, what: str) -> None:
        """Let one timer come before the other: jitter gives them either order."""
        self.now = self.timers[what]
        for name in TIMERS:
            if name != what:
                set_timer(self.uplink, name, self.now + 1.0)

    def _entry(self, what: str) -> Record:
        if what == "alert":
            alert = f"a{self._keys}"
            return Record(
                contract.AlertChanged(alert=alert, what="device_lost", priority=1, state="unack")
            )
        opened = contract.Opened(lane="in1", way="in", traveller="vehicle", witness="track")
        return Record(opened, self._keys)

    def due(self) -> list[tuple[str, bytes]]:
        return [(out.topic, out.payload) for out in self.uplink.due(self.now)]

    # --- What it is ---

    @property
    def timers(self) -> dict[str, float]:
        """Say when what is due."""
        waits = {name: getattr(self.uplink, timer) for name, timer in TIMERS.items()}
        return {name: at for name, at in waits.items() if at is not None}

    def state(self) -> dict[str, Any]:
        held = [
            item_of(entry)
            for one in self.journal.held()
            for entry in self.journal.pending(one.stream, 0, 1000)
        ]
        courses = {
            name_of(name): (one.committed, one.safe, one.sent, one.known)
            for name, one in self.uplink._courses.items()
        }
        graves = [(name_of(one.stream), one.first, one.last) for one in self.journal.lost()]
        return {
            "card": frozenset(held), "graves": tuple(graves), "belief": courses,
            "timers": set(self.timers), "whole": not self.journal.verify().faults,
        }  # fmt: skip


class _Link:
    """Takes what the centre publishes, in place of its paho client."""

    connected = True

    def __init__(self) -> None:
        self.said: list[tuple[str, bytes]] = []

    def publish(self, to: str, payload: bytes, *, retain: bool = False) -> None:
        self.said.append((to, payload))

    def acknowledge(self, message: Arrived) -> None:
        """The broker's own acknowledgement: nothing in the protocol hangs on it."""


class RealCentre:
    """The centre's service over a real ledger and real backups."""

    def __init__(self, folder: Path) -> None:
        self._settings, self._site = config.read(places.settings(folder))
        self._ledger_path = self._settings.ledger_path
        self._ledger_path.parent.mkdir(parents=True, exist_ok=True)
        self._backups = Path(self._settings.backup.directory)
        self._boot, self._made = 0, 0
        self._start()

    def _start(self) -> None:
        self._boot += 1
        self.link = _Link()
        self.ledger = Ledger.open(self._ledger_path, self._site.zone)
        self.centre = Centre(self._settings, self._site, self.ledger, str(self._boot))

    def take(self, to: str, payload: bytes) -> None:
        self.centre._take(Arrived(to, payload, retained=False, mid=0, turn=0), self.link)
        self.centre._work(self.link)

    def back_up(self) -> None:
        self._made += 1
        kept = backup.make(
            self._ledger_path, self._backups, self._settings.backup.count,
            AT_MS + self._made * 1000,
        )  # fmt: skip
        self.centre._take(BackedUp(kept), self.link)

    def look(self) -> None:
        self.centre._take(BackedUp(backup.keep(self._backups), fresh=False), self.link)

    def begin_again(self, what: str) -> None:
        self.ledger.close()
        kept = backup.backups(self._backups)
        if what != "centre crash":
            for path in self._ledger_path.parent.glob("ledger.db*"):
                path.unlink()
        if what == "centre emptied":
            shutil.rmtree(self._backups, ignore_errors=True)
        elif what == "centre restored from newest":
            shutil.copy(kept[-1], self._ledger_path)
        elif what == "centre restored from oldest":
            shutil.copy(kept[0], self._ledger_path)
        before = self._boot
        self._start()
        status = Status(v=1, online=False, boot=str(before), at_ms=0, version="0")
        self.link.said.append((contract.CENTRAL_STATUS, contract.encode(status)))
        self.centre._say_online(self.link)

    def state(self) -> dict[str, Any]:
        db = self.ledger.db
        names = {row["no"]: name_of(row["id"]) for row in db.execute("SELECT no, id FROM stream")}
        rows = db.execute("SELECT key >> 40, key & ((1 << 40) - 1), kind FROM entry").fetchall()
        lost = db.execute("SELECT stream, first, last FROM lost").fetchall()
        forks = db.execute("SELECT DISTINCT stream FROM trouble WHERE what = 'fork'").fetchall()
        (conflicts,) = db.execute("SELECT count(*) FROM conflict").fetchone()
        marks = [self.ledger.mark(wire_name(name)) for name in names.values()]
        return {
            "held": {(names[row[0]], row[1]) for row in rows},
            "lost": {(names[no], seq) for no, a, b in lost for seq in range(a, b + 1)},
            "committed": {name_of(m.stream): m.committed for m in marks if m.committed},
            "safe": {name_of(mark.stream): mark.safe for mark in marks if mark.safe},
            "forks": {name_of(row[0]) for row in forks},
            "conflicts": conflicts,
            "passages": self.ledger.figures().vehicles_in,
            "recount": self.ledger.counters() == self.ledger.recount(),
        }


def message_of(to: str, payload: bytes) -> tuple[Any, ...] | None:
    """Read what was really sent as the model's message."""
    word = to.rpartition("/")[2]
    if to == contract.CENTRAL_STATUS:
        status = contract.decode(payload, Status)
        return ("status" if status.online else "will", int(status.boot))
    if word == "entries":
        return word, tuple(item_of(one) for one in msgspec.json.decode(payload, type=list[Entry]))
    if word == "alert":
        return word, (item_of(contract.decode_entry(payload)),)
    if word == "hello":
        hello = contract.decode(payload, Hello)
        held = tuple((name_of(one.stream), one.first, one.last) for one in hello.held)
        lost = tuple((name_of(one.stream), one.first, one.last) for one in hello.lost)
        return word, held, lost
    if word == "ack":
        ack = contract.decode(payload, Ack)
        marks = sorted((name_of(m.stream), m.committed, m.safe, m.lost) for m in ack.marks)
        return word, int(ack.boot), tuple(marks)
    return None
