"""Reads what gates send: entries into parcels, and hello, status and health.

Pure: no clock, no disk, no network. One bad entry never rejects its batch: an element whose
envelope cannot be read travels on as it came, for the ledger to keep.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec

from gateway import contract
from gateway.contract import Entry, Health, Hello, NotUnderstood, Status

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_ELEMENTS: Final = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Parcel:
    """The entries of one message, and the place that its topic names."""

    compound: str
    gate: str
    entries: Sequence[Entry]
    unread: Sequence[bytes] = ()
    """Elements whose envelope could not be read, as they came."""


Message: TypeAlias = Parcel | Hello | Status | Health


def read(topic: str, payload: bytes) -> tuple[str, str, Message]:
    """Read a gate's message; raises NotUnderstood."""
    place = place_of(topic)
    if place is None:
        raise NotUnderstood(f"a topic that names no gate: {topic!r}")
    compound, gate = place
    word = topic.rpartition("/")[2]
    match word:
        case "entries":
            return compound, gate, parcel_of(compound, gate, payload)
        case "alert":
            return compound, gate, alert_of(compound, gate, payload)
        case "hello":
            return compound, gate, contract.decode(payload, Hello)
        case "status":
            return compound, gate, contract.decode(payload, Status)
        case "health":
            return compound, gate, contract.decode(payload, Health)
        case _:
            raise NotUnderstood(f"a topic that gates do not speak on: {word!r}")


def place_of(topic: str) -> tuple[str, str] | None:
    """Read compound and gate from a topic; None when they are no names."""
    found = contract.read_gate_topic(topic)
    if found is None or not all(_NAME.fullmatch(name) for name in found[:2]):
        return None
    return found[:2]


def parcel_of(compound: str, gate: str, payload: bytes) -> Parcel:
    """Read an `entries` message; raises NotUnderstood when it is no batch at all."""
    found = contract.decode_batch(payload)
    entries = [one for one in found if not isinstance(one, NotUnderstood)]
    if len(entries) == len(found):
        return Parcel(compound, gate, entries)
    raws = _ELEMENTS.decode(payload)
    unread = [
        bytes(raw) for raw, one in zip(raws, found, strict=True) if isinstance(one, NotUnderstood)
    ]
    return Parcel(compound, gate, entries, unread)


def alert_of(compound: str, gate: str, payload: bytes) -> Parcel:
    """Read an `alert` message: an entry, sent early."""
    try:
        return Parcel(compound, gate, [contract.decode_entry(payload)])
    except NotUnderstood:
        return Parcel(compound, gate, (), [payload])
