"""Judges a fault day: apart from the nemesis, apart from the ledger, by sets of entries.

It looks over the gate's shoulder at what it calls recorded, over the centre's at what it says of
`committed` and `safe`, and at the cards; in the end at everything.
"""

import hashlib
import sqlite3
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Any

from gateway import contract
from gateway.contract import Entry
from gateway.core.events import Record
from gateway.journal.rows import Stream as Held
from gateway.journal.rows import entry_of
from gateway.uplink import ALERTS_MAX, Pace
from tests.storm import oracle
from tests.storm.gate import HEALTH_S, Box
from tests.storm.truth import (
    NAMED,
    OWN,
    Fact,
    Row,
    Stream,
    Waiting,
    full,
    mono_of,
    numbers,
)

Sets = dict[str, int]
MESSAGE_BYTES_MAX = Pace().batch_bytes
HEARD_S_MAX = 300.0 + 200.0
"""Central's own bound, and the longest way of a message that the weather doubled and delayed."""
CLAIMED_S = HEALTH_S + 900.0
"""What a gate recorded so long ago must be at central, or central must not call it complete: its
word for how much waits is as old as its last health."""


class Checker:
    """Everything that must hold."""

    def __init__(self, site: Any) -> None:
        self.site = site
        self.broken: list[str] = []
        self.streams: dict[str, Stream] = {}
        self.waiting: dict[int, Waiting] = {}
        self.buried: Sets = {}
        self.shadow: Sets = {}
        """What the centre told the broker it holds."""
        self.backups: dict[str, Sets] = {}
        self.basis: list[Sets] = []
        """The backups that were there when the centre last counted them."""
        self.promised: Sets = {}
        self.forked: set[str] = set()
        """Gates of which the nemesis made two, or went back in time with."""
        self.most: Counter[str] = Counter()
        self.figures: Counter[str] = Counter()
        self._aside: dict[int, Any] = {}
        self._followed: dict[int, tuple[Any, int]] = {}
        """The connection and its count of changes up to which a journal was followed."""
        self.opened: Counter[tuple[str, str]] = Counter()
        self.garbled_absorbed: set[tuple[str, int]] = set()

    def fail(self, law: int, what: str) -> None:
        """Note a law that was broken; the first dozen are enough."""
        if len(self.broken) < 12:
            self.broken.append(f"law {law}: {what} [{self.site.moment()}]")

    def more(self, what: str, size: int, bound: int) -> None:
        """Note how large something became, and hold it to its bound."""
        if size > self.most[what]:
            self.most[what] = size
            if size > bound:
                self.fail(6, f"{what}: {size}, and the bound is {bound}")

    # --- A gate records ---------------------------------------------------------------------

    def handed(self, box: Box, records: Sequence[Record]) -> None:
        """Take note of what happened at a gate."""
        waiting = self.waiting[box.number]
        now_ms, word, off_ms = self.site.at_ms(), box.wall.word, box.wall.off_ms
        mono_ms = box.mono_ms()
        for record in records:
            kind = contract._KIND_OF[type(record.body)]
            waiting.facts.append(
                Fact(kind, record.body, record.passage, mono_ms, now_ms, word, off_ms)
            )

    def recorded(
        self, box: Box, records: Sequence[Record], entries: Sequence[Entry], recorder: Any
    ) -> None:
        """Compare what was handed in, what is said to be on the card, and what is said to wait."""
        waiting = self.waiting[box.number]
        dropped = told = 0
        for entry in entries:
            if entry.kind in OWN:
                self._take(box, entry, None)
                if entry.kind == "unrecorded":
                    told += contract.decode_body(entry).entries
                continue
            fact, gone = self._match(waiting, entry)
            dropped += gone
            if fact is None:
                self.fail(1, f"gate {box.number} recorded a {entry.kind} that nobody handed in")
            self._take(box, entry, fact)
        if dropped != told:
            self.fail(1, f"gate {box.number} gave up {dropped} records and told of {told}")
        self.figures["given up and told"] += told
        left = len(waiting.facts)
        if recorder.not_recorded != left:
            says = recorder.not_recorded
            self.fail(1, f"gate {box.number} says {says} not recorded, but {left} are not")
        fault = recorder.fault
        if fault and fault.state == "full" and (box.card.folder / "reserve").exists():
            self.fail(1, f"gate {box.number} does not record, and the reserve was never freed")
        for record in records:
            if record.passage is not None and left and recorder.is_recorded(record.passage):
                waits = any(fact.key == record.passage for fact in waiting.facts)
                if waits:
                    self.fail(1, f"gate {box.number} shows a passage as recorded that is not")
        ring = box.settings.retention.ring
        self.more("records waiting in a gate's memory", len(recorder._ring), ring)

    def _match(self, waiting: Waiting, entry: Entry) -> tuple[Fact | None, int]:
        mono_ms, gone = mono_of(entry), 0
        while waiting.facts:
            fact = waiting.facts.popleft()
            if fact.kind == entry.kind and fact.mono_ms == mono_ms:
                return fact, gone
            gone += 1
        return None, gone

    def _take(self, box: Box, entry: Entry, fact: Fact | None) -> None:
        """Write an entry of a card into the truth."""
        stream = self.streams.get(entry.stream)
        if stream is None:
            stream = self.streams[entry.stream] = Stream(box.place, box.boot)
        if entry.seq > len(stream.rows) + 1:
            self._learn(box, entry.stream, entry.seq - 1)  # Tombstones, of the same round.
        if entry.seq != len(stream.rows) + 1:
            self.fail(2, f"gate {box.number} used {entry.stream[:6]}/{entry.seq} again")
            return
        stream.rows.append(Row(entry, fact))
        box.live[entry.stream] = box.live.get(entry.stream, 0) | 1 << entry.seq
        if entry.kind == "opened":
            self.opened[stream.place] += 1
        if fact is not None and fact.kind == "opened" and fact.key is not None:
            ref = contract.entry_ref(entry.stream, entry.seq)
            self.waiting[box.number].refs[fact.key] = ref

    # --- A gate's card ----------------------------------------------------------------------

    def started(self, box: Box, journal: Any) -> None:
        """Look at the card of a gate that starts."""
        waiting = self.waiting.get(box.number)
        self.figures["records lost with a process"] += len(waiting.facts) if waiting else 0
        self.waiting[box.number] = Waiting()
        if journal.fault is None:
            self.scan(box)
        self._aside[box.number] = journal.set_aside

    def looked(self, box: Box) -> None:
        """Look at a gate after its loop went round."""
        loop = box.loop
        assert loop is not None
        journal = loop.journal
        if journal.set_aside != self._aside.get(box.number):
            self._aside[box.number] = journal.set_aside
            box.touched = True
            self.scan(box)
        if journal.fault is None and box.card.fault is None:
            self._pruned(box, journal)
        sent = sum(len(course.batches) for course in loop.uplink._courses.values())
        self.more("batches of a gate on their way", sent, box.settings.uplink.window)
        self.more("alerts of a gate kept to be sent early", len(loop.uplink._alerts), ALERTS_MAX)

    def _pruned(self, box: Box, journal: Any) -> None:
        """Follow what a journal says that it no longer holds; `scan` sees later if that is true."""
        state = (journal._connection, journal._connection.total_changes)
        if state == self._followed.get(box.number):
            return
        self._followed[box.number] = state
        for lost in journal.lost():
            bits = full(lost.last) & ~full(lost.first - 1)
            self.buried[lost.stream] = self.buried.get(lost.stream, 0) | bits
        held = {one.stream: one for one in journal.held()}
        for name, bits in list(box.live.items()):
            one = held.get(name)
            if one is not None and not bits & full(one.first - 1):
                continue
            gone = bits if one is None else bits & full(one.first - 1)
            self._may_go(box, name, gone)
            box.live[name] = bits & ~gone
            if one is None:
                del box.live[name]
        for name, one in held.items():
            known = self.streams.get(name)
            if one.last > (len(known.rows) if known else 0):
                self._learn(box, name)

    def _may_go(self, box: Box, name: str, gone: int) -> None:
        gone &= ~self.promised.get(name, 0) & ~self.buried.get(name, 0)
        if gone and not box.touched:
            self.fail(2, f"gate {box.number} deleted {name[:6]}/{numbers(gone)}, which is not safe")

    def scan(self, box: Box) -> None:
        """Read a card as it is: nothing may have gone that was not safe or given up in writing."""
        with_rows = sqlite3.connect(f"file:{box.card.database}?mode=ro", uri=True)
        try:
            streams = with_rows.execute("SELECT base, stream FROM stream ORDER BY no").fetchall()
            ids = [one for (one,) in with_rows.execute("SELECT id FROM entry ORDER BY id")]
            lost = with_rows.execute("SELECT stream, first, last FROM lost").fetchall()
        except sqlite3.DatabaseError:
            return
        finally:
            with_rows.close()
        for stream, first, last in lost:
            self.buried[stream] = self.buried.get(stream, 0) | full(last) & ~full(first - 1)
        bases = [base for base, _ in streams]
        live: Sets = {}
        for one in ids:
            nth = bisect_right(bases, one - 1) - 1
            base, stream = streams[nth]
            live[stream] = live.get(stream, 0) | 1 << (one - base)
        for stream, bits in box.live.items():
            self._may_go(box, stream, bits & ~live.get(stream, 0))
        box.live = live
        for stream, bits in live.items():
            known = self.streams.get(stream)
            if bits >> (len(known.rows) + 1 if known else 1):
                self._learn(box, stream)
        box.touched = False

    def _learn(self, box: Box, name: str, last: int = 1 << 40) -> None:
        """Take note of entries that are on the card though nobody lived to say so."""
        for entry in _entries(box, name):
            known = self.streams.get(name)
            if (len(known.rows) if known else 0) < entry.seq <= last:
                fact = None
                if entry.kind not in OWN:
                    waiting = self.waiting.get(box.number)
                    if waiting and waiting.facts and waiting.facts[0].kind == entry.kind:
                        fact = waiting.facts.popleft()
                self._take(box, entry, fact)
                self.figures["entries found after a crash"] += 1

    # --- The centre -------------------------------------------------------------------------

    def absorbed(self, topic: str, payload: bytes) -> None:
        """Take note that the centre let the broker forget a message."""
        garbled = self.site.garbled.get(payload)
        if garbled is not None and self.shadow.get(garbled[0], 0) >> garbled[1] & 1:
            self.garbled_absorbed.add(garbled)
        if topic.endswith(("/entries", "/alert")):
            for stream, seq in NAMED.findall(payload):
                name = stream.decode()
                self.shadow[name] = self.shadow.get(name, 0) | 1 << int(seq)

    def acknowledged(self, topic: str, payload: bytes) -> None:
        """Hold the centre to its word: `committed` now, and `safe` for ever."""
        for mark in contract.decode(payload, contract.Ack).marks:
            name, lost = mark.stream, 0
            for first, last in mark.lost:  # What it says it does not hold, though it went on.
                lost |= full(last) & ~full(first - 1)
            missing = full(mark.committed) & ~lost & ~self.shadow.get(name, 0)
            if missing and (there := missing & self._somewhere(name)):
                where = f"{name[:6]}/{numbers(there)}"
                self.fail(2, f"the centre calls {where} committed and does not hold it")
            if not mark.safe:
                continue
            word = full(mark.safe) & ~lost
            for held in self.basis:
                missing = word & ~held.get(name, 0)
                if missing and (there := missing & self._somewhere(name)):
                    where = f"{name[:6]}/{numbers(there)}"
                    self.fail(2, f"the centre calls {where} safe, and a backup lacks it")
            if not self.basis:
                self.fail(2, "the centre calls something safe without a backup")
            self.promised[name] = self.promised.get(name, 0) | word

    def _somewhere(self, stream: str) -> int:
        """Give what of a stream some card holds, and nobody gave up in writing."""
        bits = 0
        for box in self.site.boxes:
            bits |= box.live.get(stream, 0)
        return bits & ~self.buried.get(stream, 0)

    def backed_up(self, kept: Sequence[str]) -> None:
        """Take note of the backups that there are, one of them perhaps new."""
        for name in kept:
            if name not in self.backups:
                self.backups[name] = dict(self.shadow)
        self.basis = [self.backups[name] for name in kept]

    def restored(self, name: str) -> None:
        """Take note that the ledger is a backup's now."""
        self.shadow = dict(self.backups[name])
        self.garbled_absorbed.clear()

    def emptied(self) -> None:
        """Take note that the ledger is gone."""
        self.shadow = {}
        self.garbled_absorbed.clear()

    def centre_started(self, house: Any) -> None:
        """Compare the ledger's rows with what the centre said it holds."""
        self._compare_ledger(house.ledger.db)

    def _compare_ledger(self, db: sqlite3.Connection) -> None:
        held: Sets = {}
        names = dict(db.execute("SELECT no, id FROM stream").fetchall())
        for (key,) in db.execute("SELECT key FROM entry"):
            name = names[key >> 40]
            held[name] = held.get(name, 0) | 1 << (key & (1 << 40) - 1)
        for name, bits in self.shadow.items():
            gone = bits & ~held.get(name, 0)
            if gone:
                self.fail(2, f"the centre let the broker forget {name[:6]}/{numbers(gone)}"
                          " and does not hold it")  # fmt: skip
        self.shadow = held

    def showed(self, topic: str, payload: bytes) -> None:
        """Hold what staff read to the truth while the day goes on."""
        place = topic.split("/")[4:6]
        now = contract.decode(payload, contract.FeedNow)
        gate = (place[0], place[1])
        heard_s = self.site.clock.now - self.site.broker.spoke_s.get(gate, -1e9)
        if now.gates_heard and heard_s > HEARD_S_MAX:
            self.fail(2, f"the feed calls {gate[0]} heard, which was silent for {heard_s:.0f} s")
        held = any(
            bits for name, bits in self.shadow.items()
            if name in self.streams and self.streams[name].place == gate
        )  # fmt: skip
        if now.figures is None:
            if held:
                self.fail(2, f"the feed shows no figures of {gate[0]}, which is in the ledger")
            return
        if gate not in self.site.broker.spoke_s:
            self.fail(2, f"the feed shows figures of {gate[0]}, which never spoke")
        one = now.figures
        shown = one.vehicles_in + one.vehicles_out + one.bicycles_in + one.bicycles_out
        shown += one.on_foot + one.unknown
        if shown + now.day_unknown > self.opened[gate]:
            self.fail(2, f"the feed shows {shown} passages of {gate[0]}: more than there were")
        if now.gates_heard and not now.waiting and gate not in self.forked:
            self._complete(gate)
        self.figures["feeds held to the truth"] += 1

    def _complete(self, gate: tuple[str, str]) -> None:
        """Hold central to having all of a gate that is heard and holds nothing back."""
        by_ms = self.site.at_ms() - CLAIMED_S * 1000.0
        for box in self.site.boxes:
            if box.place != gate:
                continue
            for name, bits in box.live.items():
                missing = bits & ~self.shadow.get(name, 0) & ~self.buried.get(name, 0)
                for seq, row in enumerate(self.streams[name].rows if missing else (), 1):
                    if missing >> seq & 1 and row.fact and row.fact.true_ms < by_ms:
                        self.fail(2, f"the feed calls {gate[0]} complete without {name[:6]}/{seq}")
                        return
        self.figures["feeds that were complete"] += 1

    # --- In the end -------------------------------------------------------------------------

    def final(self) -> None:
        """Judge the whole day, now that every fault has healed."""
        ledger = self.site.centre.ledger
        if ledger is None:
            self.fail(2, "the centre is not there after everything healed")
            return
        for box in self.site.boxes:
            if box.loop is None:
                self.fail(2, f"gate {box.number} is not there after everything healed")
                continue
            if box.loop.recorder.not_recorded:
                self.fail(1, f"gate {box.number} still has records that are not on its card")
            self.scan(box)
        self._compare_ledger(ledger.db)
        self._hashes(ledger.db)
        self._arrived()
        self._lost(ledger.db)
        self._once()
        true = oracle.count(self)
        oracle.compare(self, ledger, true)
        oracle.troubles(self, ledger.db)
        oracle.alerts(self, ledger.db)
        oracle.feeds(self, true)

    def _hashes(self, db: sqlite3.Connection) -> None:
        """Compare each row of the ledger with the entry that the card took."""
        names = dict(db.execute("SELECT no, id FROM stream").fetchall())
        for key, digest in db.execute("SELECT key, hash FROM entry"):
            name, seq = names[key >> 40], key & (1 << 40) - 1
            known = self.streams.get(name)
            if known is None or seq > len(known.rows):
                self.fail(2, f"the ledger holds {name[:6]}/{seq}, which no gate recorded")
                continue
            rows = known.rows
            if seq < len(rows):
                true = bytes.fromhex(rows[seq].entry.prev)  # The next one names its hash.
            else:
                true = bytes.fromhex(contract.hash_of(rows[seq - 1].entry))
            if true != digest and (name, seq) not in self.site.garbled.values():
                self.fail(2, f"the ledger's {name[:6]}/{seq} is not what the gate recorded")

    def _arrived(self) -> None:
        """Whatever lies on a card must be counted."""
        for box in self.site.boxes:
            for name, bits in box.live.items():
                missing = bits & ~self.shadow.get(name, 0) & ~self.buried.get(name, 0)
                if missing:
                    self.fail(2, f"{name[:6]}/{numbers(missing)} of gate {box.number} never came")
        for name, stream in self.streams.items():
            gone = full(len(stream.rows)) & ~self.shadow.get(name, 0)
            self.figures["entries destroyed"] += gone.bit_count()
        self.figures["entries recorded"] = sum(len(one.rows) for one in self.streams.values())
        self.figures["entries counted"] = sum(bits.bit_count() for bits in self.shadow.values())

    def _lost(self, db: sqlite3.Connection) -> None:
        """LOST is what is gone: not more, and of the streams that a gate goes on with not less."""
        lost: Sets = {}
        for name, first, last in db.execute(
            "SELECT s.id, l.first, l.last FROM lost l JOIN stream s ON s.no = l.stream"
        ):
            lost[name] = lost.get(name, 0) | full(last) & ~full(first - 1)
        for name, bits in lost.items():
            if wrong := bits & (self.shadow.get(name, 0) | self._somewhere(name)):
                self.fail(2, f"{name[:6]}/{numbers(wrong)} is called LOST and is not")
            known = self.streams.get(name)
            if never := bits & ~full(len(known.rows) if known else 0):
                self.fail(2, f"{name[:6]}/{numbers(never)} is called LOST and never was")
        for box in self.site.boxes:
            for name in box.live:
                told = self.shadow.get(name, 0) | lost.get(name, 0)
                last = box.live[name].bit_length() - 1
                if silent := full(last) & ~told:
                    self.fail(2, f"{name[:6]}/{numbers(silent)} is gone and not called LOST")
        self._said(db, lost)
        self.figures["entries LOST"] = sum(bits.bit_count() for bits in lost.values())

    def _said(self, db: sqlite3.Connection, lost: Sets) -> None:
        """What is gone of a gate that nobody put an older card into is LOST, or may be missing."""
        unsure = {
            (compound, gate)
            for compound, gate in db.execute(
                "SELECT compound, gate FROM trouble WHERE what IN ('torn', 'anew')"
            )
        }
        begun: set[tuple[str, str]] = set()
        """Gates of which a later start is gone itself, and with it what it said of before: LOST, or
        promised, deleted at the gate, and destroyed with the centre and all its backups."""
        for name, stream in reversed(self.streams.items()):
            gone = full(len(stream.rows)) & ~self.shadow.get(name, 0) & ~lost.get(name, 0)
            gone &= ~self._somewhere(name)
            promised = gone & self.promised.get(name, 0)
            gone &= ~promised
            if gone and stream.place not in unsure | self.forked | begun:
                self.fail(2, f"{name[:6]}/{numbers(gone)} is gone and nobody says so")
            if (lost.get(name, 0) | promised) & full(1):
                begun.add(stream.place)

    def _once(self) -> None:
        """One thing that happened is one entry."""
        seen: set[bytes] = set()
        for stream in self.streams.values():
            for row in stream.rows:
                if row.entry.kind in OWN:
                    continue
                open_ = bytes(row.entry.open)
                name = hashlib.sha256(
                    repr((stream.place, stream.boot, row.entry.kind, open_)).encode()
                ).digest()
                if name in seen:
                    self.fail(2, f"{row.entry.stream[:6]}/{row.entry.seq} was written down twice")
                seen.add(name)


def _entries(box: Box, name: str) -> list[Entry]:
    """Read a stream's entries off a card, plainly."""
    db = sqlite3.connect(f"file:{box.card.database}?mode=ro", uri=True)
    try:
        no, base = db.execute("SELECT no, base FROM stream WHERE stream = ?", (name,)).fetchone()
        above = db.execute("SELECT min(base) FROM stream WHERE no > ?", (no,)).fetchone()[0]
        rows = db.execute(
            "SELECT id, v, prev, kind, open, seal, sealed FROM entry WHERE id > ? AND id <= ?"
            " ORDER BY id",
            (base, 1 << 60 if above is None else above),
        ).fetchall()
    finally:
        db.close()
    return [entry_of(row, Held(no, name, base, "")) for row in rows]
