"""Journals for tests: deterministic ids and seals, and the bodies of a passage."""

import hashlib
import itertools

from gateway import contract as c
from gateway.core.events import Record
from gateway.journal.journal import Journal, Stamp

PLACE = {"compound": "c01", "gate": "east"}


def seal(plain):
    """Stand in for the sealed box: unlike the plain text, and the same each time."""
    return hashlib.blake2b(plain, digest_size=16).digest() + plain[::-1]


def streams(first=1):
    """Give stream ids in a row."""
    ids = (f"{number:032x}" for number in itertools.count(first))
    return lambda: next(ids)


def open_journal(path=":memory:", boot="boot-1", first=1, **more):
    return Journal.open(
        path, **PLACE, boot=boot, version="0", new_stream=streams(first), seal=seal, **more
    )


def stamp(second=0, clock="ntp"):
    return Stamp(1_600_000_000_000 + second * 1000, 50_000 + second * 1000, clock)


def opened(key, lane="in1"):
    return Record(c.Opened(lane=lane, way="in", traveller="vehicle", witness="track"), key)


def plate(key, text="鲁M00000"):
    return Record(c.PlateSeen(status="read"), key, c.SealedPlate(text=text))


def reading(key, person=1, attempt=1, result="NORMAL"):
    body = c.ReadingTaken(device="t1", person=person, attempt=attempt, result=result)
    return Record(body, key, c.SealedReading(raw_centi_c=3600))


def decided(key, revision=1, decision="admit"):
    return Record(c.Decided(decision=decision, revision=revision), key)


def closed(key):
    return Record(c.Closed(how="left", persons=1), key)


def alert(name="a1", state="unack"):
    return Record(c.AlertChanged(alert=name, what="device_lost", priority=1, state=state))


def fill(journal, count, first=0):
    """Append whole passages of four entries until `count` entries are there."""
    made = []
    for key in itertools.count(first + 1):
        if len(made) >= count:
            return made
        records = [opened(key), plate(key), reading(key), closed(key)]
        made += journal.append(records, stamp(key))
    return made


class Disk:
    """An upkeep that only remembers what it was told."""

    def __init__(self):
        self.noted = []

    def note(self, fault):
        self.noted.append(fault and fault.state)

    def make_room(self):
        return False
