"""The journal's tables, as steps for sqlite-utils to apply.

Law: a step that was released is never changed; what is to be different is a step more.

sqlite-utils is loaded only for a file that lacks a step, for it loads numpy: 15 MB, and a fifth of
the start of a gate.
"""

import sqlite3
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sqlite_utils import Database

_NAME: Final = "gatepost-journal"


def first_schema(db: "Database") -> None:
    """Lay the tables: entries, the streams they belong to, and what was lost.

    An entry's `id` is its stream's `base` plus its sequence, so the one B-tree needs no index
    beside it: each would cost another 4.7 KB on the card for an entry.
    """
    db.table("stream").create(
        {
            "no": int,
            "stream": str,
            "base": int,
            "boot": str,
            "anchor": int,  # the highest sequence that is no longer kept,
            "anchor_hash": bytes,  # and its hash, so that the chain can still be verified
        },
        pk="no",
        not_null={"stream", "base", "boot", "anchor"},
    )
    db.table("entry").create(
        {
            "id": int,
            "v": int,
            "prev": bytes,
            "kind": str,
            "at_ms": int,  # null while the clock was unset
            "open": bytes,
            "seal": bytes,
            "sealed": bytes,  # null once retention has erased it
        },
        pk="id",
        not_null={"v", "prev", "kind", "open"},
    )
    db.table("lost").create(
        {"stream": str, "first": int, "last": int, "reason": str},
        not_null={"stream", "first", "last", "reason"},
    )


def rows_that_prove_themselves(db: "Database") -> None:
    """Have a row keep the beginning of its own hash, and note what was read out of broken files.

    After stream `stream_no` (0: none) more may have been recorded than anybody can tell.
    """
    db.table("entry").add_column("own", bytes)
    db.table("salvaged").create(
        {"stream_no": int, "entries": int, "lost": int},
        not_null={"stream_no", "entries", "lost"},
    )


STEPS: Final = (first_schema, rows_that_prove_themselves)


def lay(connection: sqlite3.Connection) -> None:
    """Bring a file's tables up to date."""
    if _laid(connection) >= len(STEPS):
        return
    from sqlite_utils import Database, Migrations  # noqa: PLC0415

    migrations = Migrations(_NAME)
    for step in STEPS:
        migrations()(step)
    migrations.apply(Database(connection))


def _laid(connection: sqlite3.Connection) -> int:
    """Count the steps that a file has had; a new one has not even their table."""
    sql = "SELECT count(applied_at) FROM _sqlite_migrations WHERE migration_set = ?"
    try:
        return int(connection.execute(sql, (_NAME,)).fetchone()[0])
    except sqlite3.OperationalError:
        return 0
