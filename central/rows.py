"""How an entry stands in the ledger's table, and is read back from it.

Pure: no clock, no disk, no network.
"""

import sqlite3
from typing import Final

import msgspec
from msgspec import UNSET

from central.keys import key_of
from gateway import contract
from gateway.contract import Entry, NotUnderstood

NO_HASH: Final = bytes(32)
UNREAD: Final = ""
"""The kind of an entry whose envelope could not be read; its row keeps the raw bytes."""


class Fresh(msgspec.Struct, frozen=True, gc=False):
    """An entry as it will stand in its row; `entry` is None when its envelope was not read."""

    seq: int
    hash: bytes
    prev: bytes
    entry: Entry | None
    raw: bytes = b""


def row_of(number: int, fresh: Fresh, arrived_ms: int, *, understood: bool) -> tuple[object, ...]:
    """Give an entry as its row.

    Its blobs are bytearrays: of each `bytes` Python's sqlite3 asks whether anything adapts it,
    which is a fifth of what an inserted row costs.
    """
    key, entry = key_of(number, fresh.seq), fresh.entry
    digest, before = bytearray(fresh.hash), bytearray(fresh.prev)
    if entry is None:
        return (key, digest, before, 0, UNREAD, fresh.raw, None, None, arrived_ms, 0)
    return (
        key, digest, before, entry.v, entry.kind, bytearray(entry.open),
        None if entry.seal is UNSET else bytearray.fromhex(entry.seal),
        None if entry.sealed is UNSET else bytearray(entry.sealed),
        arrived_ms, int(understood),
    )  # fmt: skip


def fresh_of(stream: str, seq: int, row: sqlite3.Row) -> Fresh | None:
    """Read an entry back from its row; None when even its envelope still cannot be read."""
    if row["kind"] == UNREAD:
        try:
            entry = contract.decode_entry(row["open"])
            digest = contract.digest_of(entry)
        except (NotUnderstood, OverflowError, ValueError):
            return None
        return Fresh(seq, digest, bytes.fromhex(entry.prev), entry)
    entry = Entry(
        v=row["v"], stream=stream, seq=seq, prev=row["prev"].hex(), kind=row["kind"],
        open=msgspec.Raw(row["open"]),
        seal=UNSET if row["seal"] is None else row["seal"].hex(),
        sealed=UNSET if row["sealed"] is None else row["sealed"],
    )  # fmt: skip
    return Fresh(seq, row["hash"], row["prev"], entry)
