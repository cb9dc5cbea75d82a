"""Gates as the tests write them: streams of chained entries, without a gateway."""

import hashlib
import itertools

import msgspec

from gateway import contract
from gateway.contract import Entry

T0 = 1_581_400_800_000
"""2020-02-11 14:00 in Shanghai."""
HOUR_MS = 3_600_000
_numbers = itertools.count(1)


class Stream:
    """One start of one gateway."""

    def __init__(self, compound="c01", gate="east", *, boot="boot-1", before=None, clock="ntp"):
        self.id = hashlib.sha256(str(next(_numbers)).encode()).hexdigest()[:32]
        self.compound, self.gate, self.boot, self.clock = compound, gate, boot, clock
        self.entries: list[Entry] = []
        self.at_ms = T0
        self.mono_ms = 1000
        named = {"before": before.id, "before_last": before.last} if before else {}
        self.put(
            contract.Started, compound=compound, gate=gate, boot=boot, version="0.1.0", **named
        )

    @property
    def last(self) -> int:
        return len(self.entries)

    def put(self, body, *, sealed=None, kind=None, v=contract.VERSION, **fields) -> str:
        """Add an entry; give its name."""
        if isinstance(body, type):
            stamp = {"at_ms": self.at_ms, "mono_ms": self.mono_ms, "clock": self.clock}
            body = body(**{**stamp, **fields})
        seal = {} if sealed is None else {"seal": hashlib.sha256(sealed).hexdigest()}
        self.entries.append(
            Entry(
                v=v,
                stream=self.id,
                seq=self.last + 1,
                prev=contract.hash_of(self.entries[-1]) if self.entries else contract.NO_HASH,
                kind=kind or contract.kind_of(body),
                open=msgspec.Raw(body if isinstance(body, bytes) else contract.encode(body)),
                **seal,
                **({} if sealed is None else {"sealed": sealed}),
            )
        )
        self.at_ms += 1000
        self.mono_ms += 1000
        return contract.entry_ref(self.id, self.last)

    def opened(self, way="in", traveller="vehicle") -> str:
        ref = contract.entry_ref(self.id, self.last + 1)
        return self.put(
            contract.Opened, passage=ref, lane="in1", way=way, traveller=traveller, witness="track"
        )

    def reading(self, passage, person=1, result="NORMAL") -> str:
        return self.put(
            contract.ReadingTaken, passage=passage, device="t1", person=person, result=result
        )

    def plate(self, passage, status="read", sealed=None) -> str:
        return self.put(contract.PlateSeen, passage=passage, status=status, sealed=sealed)

    def decided(self, passage, decision="admit", revision=1, advice=None) -> str:
        return self.put(
            contract.Decided, passage=passage, decision=decision, revision=revision, advice=advice
        )

    def closed(self, passage, how="left") -> str:
        return self.put(contract.Closed, passage=passage, how=how)

    def passage(self, way="in", traveller="vehicle", decision="admit") -> str:
        """Add a whole passage: five entries."""
        ref = self.opened(way, traveller)
        self.plate(ref)
        self.reading(ref)
        self.decided(ref, decision)
        self.closed(ref)
        return ref

    def alert(self, alert="t1-device-1", state="unack", what="device_lost", priority=2) -> str:
        return self.put(
            contract.AlertChanged, alert=alert, what=what, priority=priority, state=state
        )


def changed(entry: Entry, **fields) -> Entry:
    """Give an entry of the same name and another content."""
    return msgspec.structs.replace(entry, **fields)
