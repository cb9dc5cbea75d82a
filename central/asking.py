"""What the centre asks of gates: written down first, sent again until an entry answers it.

An alarm belongs to where it was raised. Acknowledging a gate's alarm is a request to that gate; its
own entry tells that it was taken, and the alarm's state is what the gate then says. Acknowledging
an alarm of the ledger itself is done here.
"""

import secrets  # noqa: TID251 - a command's id.
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from central import reading
from central.alarms import TROUBLES
from central.hearing import Place
from gateway import contract
from gateway.contract import Command

EXPIRES_MS: Final = 600_000
"""What nobody answered for so long is nobody's wish any more."""
AGAIN_S: Final = 10.0
OWN: Final = "central-"
"""What the names of central's own alarms begin with."""


def acknowledge(path: Path, place: Place, alert: str, by: str, at_ms: int) -> str | None:
    """Acknowledge an open alarm: at once if it is the ledger's, else by asking its gate.

    Gives "done", or the id of the command; None when no such alarm is open and unacknowledged.
    Raises LedgerUnreadable. May be called beside the running centre, which sends what is asked.
    """
    what = alert.removeprefix(OWN)
    if alert.startswith(OWN):
        done = what in TROUBLES and reading.acknowledge(path, place, what, by)
        return "done" if done else None
    return ask(path, place, alert, by, at_ms)


def ask(path: Path, place: Place, alert: str, by: str, at_ms: int) -> str | None:
    """Write down that a gate is asked to acknowledge an alarm; give the command's id."""
    reading.open_read_only(str(path)).close()
    command = secrets.token_hex(8)
    row = (command, *place, "acknowledge", alert, by, at_ms, at_ms + EXPIRES_MS, *place, alert)
    try:
        with closing(sqlite3.connect(path, timeout=10.0)) as db, db:
            asked = db.execute(
                "INSERT INTO command SELECT ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL"
                " FROM alert a JOIN stream s ON s.no = a.stream"
                " WHERE s.compound = ? AND s.gate = ? AND a.alert = ?"
                " AND a.state IN ('unack', 'rtnun') LIMIT 1",
                row,
            ).rowcount
    except sqlite3.Error as error:
        raise reading.unreadable(path, error) from error
    return command if asked else None


class Asking:
    """The commands that no entry has answered yet."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._sent_s: dict[str, float] = {}

    def due(self, now: float, at_ms: int) -> Iterator[tuple[Place, bytes]]:
        """Give what is to be sent now, for the first time or again."""
        rows = self._db.execute(
            "SELECT id, compound, gate, alert, expires_ms FROM command"
            " WHERE answered_ms IS NULL AND expires_ms > ?",
            (at_ms,),
        ).fetchall()
        self._sent_s = {row[0]: self._sent_s.get(row[0], float("-inf")) for row in rows}
        for name, compound, gate, alert, expires_ms in rows:
            if now < self._sent_s[name] + AGAIN_S:
                continue
            self._sent_s[name] = now
            command = Command(
                v=contract.VERSION, id=name, expires_ms=expires_ms, what="acknowledge",
                alert=alert, by="central",
            )  # fmt: skip
            yield (compound, gate), contract.encode(command)
