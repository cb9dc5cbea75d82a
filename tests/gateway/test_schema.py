"""The journal's and the ledger's tables: laid step by step, and found laid without sqlite-utils."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import central.schema
import gateway.journal.schema

ROOT = Path(__file__).parents[2]
ROOMS = (gateway.journal.schema, central.schema)
_OPENED_AGAIN = """
import sqlite3, sys
import central.service, gateway.service
from {room} import lay
lay(sqlite3.connect({path!r}))
print(*sorted({{"numpy", "sqlite_utils"}} & {{*sys.modules}}))
"""


def tables(db):
    return set(db.execute("SELECT type, name, sql FROM sqlite_master"))


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.__name__)
def test_a_file_of_an_earlier_version_gets_the_steps_that_it_lacks(room, monkeypatch):
    new, old = sqlite3.connect(":memory:"), sqlite3.connect(":memory:")
    room.lay(new)
    with monkeypatch.context() as earlier:
        earlier.setattr(room, "STEPS", room.STEPS[:1])
        room.lay(old)
    assert tables(old) != tables(new)
    room.lay(old)
    assert tables(old) == tables(new)


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.__name__)
def test_a_file_that_has_them_all_is_opened_without_numpy(room, tmp_path):
    """It would take 15 MB of a gate's memory."""
    path = str(tmp_path / "file.db")
    with sqlite3.connect(path) as db:
        room.lay(db)
    program = _OPENED_AGAIN.format(room=room.__name__, path=path)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
