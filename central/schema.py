"""The ledger's tables, as steps for sqlite-utils to apply.

Law: a table of the ledger is only ever added to or migrated, never rebuilt from what arrives.

An entry's key is that of `central.keys`. sqlite-utils is loaded only for a ledger that lacks a
step, for it loads numpy.
"""

import sqlite3
from typing import Any, Final

from central.aggregate import COUNTERS

_NAME: Final = "ledger"

_COUNTERS: Final = ", ".join(f"{name} INTEGER NOT NULL" for name in COUNTERS)
_FIRST: Final = f"""
CREATE TABLE stream (
    no INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    compound TEXT NOT NULL,
    gate TEXT NOT NULL,
    boot TEXT,                          -- from `started` or a `clock`; NULL until one came
    version TEXT,
    before TEXT,
    before_last INTEGER,
    named_last INTEGER,                 -- the lowest last sequence that a successor names
    committed INTEGER NOT NULL DEFAULT 0,
    top INTEGER NOT NULL DEFAULT 0,     -- highest sequence held
    cover_from_ms INTEGER,              -- what the contiguous part covers, by synchronised clocks
    cover_to_ms INTEGER
);
CREATE INDEX stream_before ON stream(before) WHERE before IS NOT NULL;
CREATE INDEX stream_boot ON stream(boot) WHERE boot IS NOT NULL;

CREATE TABLE entry (
    key INTEGER PRIMARY KEY,
    hash BLOB NOT NULL,
    prev BLOB NOT NULL,
    v INTEGER NOT NULL,
    kind TEXT NOT NULL,
    open BLOB NOT NULL,
    seal BLOB,
    sealed BLOB,
    arrived_ms INTEGER NOT NULL,
    understood INTEGER NOT NULL         -- 0: kept, acknowledged, shown, not yet counted
);
CREATE INDEX entry_waiting ON entry(key) WHERE understood = 0;

CREATE TABLE passage (
    key INTEGER PRIMARY KEY,            -- that of its `opened`
    adrift INTEGER NOT NULL,            -- 1: its clock was not synchronised, a jump may move it
    facts BLOB NOT NULL                 -- aggregate.Facts as a msgpack array
);
CREATE TABLE counter (
    compound TEXT NOT NULL, gate TEXT NOT NULL, day TEXT NOT NULL, hour INTEGER NOT NULL,
    {_COUNTERS},
    PRIMARY KEY (compound, gate, day, hour)
) WITHOUT ROWID;
CREATE INDEX counter_day ON counter(day);
CREATE TABLE day (
    compound TEXT NOT NULL, gate TEXT NOT NULL, day TEXT NOT NULL,
    late INTEGER NOT NULL,              -- transactions that changed it after it had closed
    PRIMARY KEY (day, compound, gate)
) WITHOUT ROWID;
CREATE TABLE jump (
    boot TEXT NOT NULL, key INTEGER NOT NULL,
    mono_ms INTEGER NOT NULL, jump_ms INTEGER NOT NULL, clock TEXT NOT NULL,
    PRIMARY KEY (boot, key)
) WITHOUT ROWID;
CREATE TABLE void (
    stream TEXT NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (stream, seq)
) WITHOUT ROWID;

CREATE TABLE lost (
    stream INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    reason TEXT NOT NULL, arrived_ms INTEGER NOT NULL,
    PRIMARY KEY (stream, first)
) WITHOUT ROWID;
CREATE TABLE conflict (
    key INTEGER NOT NULL, hash BLOB NOT NULL, prev BLOB NOT NULL, v INTEGER NOT NULL,
    kind TEXT NOT NULL, open BLOB NOT NULL, seal BLOB, sealed BLOB, arrived_ms INTEGER NOT NULL,
    compound TEXT NOT NULL, gate TEXT NOT NULL,
    PRIMARY KEY (key, hash)
) WITHOUT ROWID;
CREATE TABLE refused (
    digest BLOB PRIMARY KEY, compound TEXT NOT NULL, gate TEXT NOT NULL, word TEXT NOT NULL,
    reason TEXT NOT NULL, payload BLOB NOT NULL, times INTEGER NOT NULL,
    arrived_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE trouble (
    what TEXT NOT NULL,                 -- conflict, fork, chain, place, lost, refused, torn, anew
    stream TEXT NOT NULL, seq INTEGER NOT NULL,
    compound TEXT NOT NULL, gate TEXT NOT NULL, detail TEXT NOT NULL, arrived_ms INTEGER NOT NULL,
    acknowledged_by TEXT,
    PRIMARY KEY (what, stream, seq, compound, gate)
) WITHOUT ROWID;

CREATE TABLE alert (
    stream INTEGER NOT NULL, alert TEXT NOT NULL,
    first_seq INTEGER NOT NULL, since_ms INTEGER NOT NULL,
    last_seq INTEGER NOT NULL, state TEXT NOT NULL, what TEXT NOT NULL, priority INTEGER NOT NULL,
    lane TEXT, device TEXT,
    PRIMARY KEY (stream, alert)
) WITHOUT ROWID;
CREATE INDEX alert_open ON alert(stream) WHERE state != 'normal';
CREATE TABLE heard (
    compound TEXT NOT NULL, gate TEXT NOT NULL,
    hour INTEGER NOT NULL,              -- hours since 1970 UTC
    PRIMARY KEY (hour, compound, gate)
) WITHOUT ROWID;
"""


_SECOND: Final = """
CREATE TABLE command (
    id TEXT PRIMARY KEY,
    compound TEXT NOT NULL, gate TEXT NOT NULL,
    what TEXT NOT NULL, alert TEXT NOT NULL,
    by TEXT NOT NULL,                   -- a role, never a name
    asked_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,
    answered_ms INTEGER, outcome TEXT   -- NULL until an entry of the gate's answers
) WITHOUT ROWID;
CREATE INDEX command_open ON command(expires_ms) WHERE answered_ms IS NULL
"""


def first(db: Any) -> None:
    """Create the ledger as of version 0.1."""
    for statement in _FIRST.split(";\n"):
        if statement.strip():
            db.execute(statement)


def second(db: Any) -> None:
    """Add what the centre asks of gates."""
    for statement in _SECOND.split(";\n"):
        db.execute(statement)


def third(db: Any) -> None:
    """Add what a gate could not know of the journal before, and where journals begin."""
    db.execute("ALTER TABLE stream ADD COLUMN salvaged INTEGER NOT NULL DEFAULT 0")
    db.execute("CREATE INDEX stream_begun ON stream(compound, gate) WHERE before IS NULL")


STEPS: Final = (first, second, third)


def lay(db: sqlite3.Connection) -> None:
    """Bring a ledger's tables up to date."""
    if _laid(db) >= len(STEPS):
        return
    from sqlite_utils import Database, Migrations  # noqa: PLC0415

    migrations = Migrations(_NAME)
    for step in STEPS:
        migrations()(step)
    migrations.apply(Database(db))


def _laid(db: sqlite3.Connection) -> int:
    """Count the steps that a ledger has had; a new one has not even their table."""
    sql = "SELECT count(applied_at) FROM _sqlite_migrations WHERE migration_set = ?"
    try:
        return int(db.execute(sql, (_NAME,)).fetchone()[0])
    except sqlite3.OperationalError:
        return 0
