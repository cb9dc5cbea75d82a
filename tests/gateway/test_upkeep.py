"""Upkeep: it ends no gate, whatever the card says, and never holds the one loop for long."""

import sqlite3

import pytest

from gateway import contract as c
from gateway import desk as desks
from gateway.config import Retention
from gateway.desk import Desk, Note
from gateway.errors import JournalUnwritable
from gateway.journal import file as journal_file
from gateway.journal import journal as journals
from gateway.upkeep import DAY_MS, EVERY_S, Upkeep
from gateway.uplink import Uplink

from .journals import PLACE, Stamp, fill, open_journal, opened, plate, stamp

LATER = Stamp(stamp().at_ms + 100 * DAY_MS, 1, "ntp")


class Refusing:
    """A connection on a card that refuses some statements."""

    def __init__(self, connection, *words):
        self._connection, self._words = connection, words

    def __getattr__(self, name):
        return getattr(self._connection, name)

    def execute(self, sql, *values):
        if any(word in sql for word in self._words):
            raise sqlite3.OperationalError("disk I/O error")
        return self._connection.execute(sql, *values)


@pytest.fixture
def kept(tmp_path):
    journal = open_journal(tmp_path / "journal.db")
    desk = Desk.open(tmp_path / "desk.db", b"k" * 32)
    uplink = Uplink(journal, **PLACE, boot="boot-1", version="0", jitter=lambda: 0.5)
    yield Upkeep(tmp_path, journal, uplink, desk, Retention(entries_min=10))
    journal.close()
    desk.close()


def sealed_left(journal):
    return sum(entry.sealed is not c.UNSET for entry in journal.newest(10_000))


def test_retention_on_a_card_that_takes_nothing_ends_no_gate(kept):
    fill(kept.journal, 40)
    kept.desk.keep("a/1", Note(text="x"), stamp().at_ms)
    kept.journal._connection = Refusing(kept.journal._connection, "checkpoint")
    kept.desk._connection = Refusing(kept.desk._connection, "DELETE", "SELECT")
    kept.look(0.0, LATER, None)
    assert kept.disk == "unwritable"
    assert kept.desk.find("a/1") is None


def test_a_checkpoint_that_the_card_refuses_is_said_as_such(kept):
    fill(kept.journal, 40)
    kept.journal._connection = Refusing(kept.journal._connection, "checkpoint")
    with pytest.raises(JournalUnwritable):
        kept.journal.erase_sealed(LATER.at_ms)


def test_a_long_backlog_is_deleted_and_erased_a_portion_a_look(kept, monkeypatch):
    monkeypatch.setattr(journals, "PRUNED", 25)
    monkeypatch.setattr(journals, "ERASED", 30)
    made = fill(kept.journal, 100)
    kept.uplink.recorded(made, 0.0)
    kept.uplink._courses[kept.journal.stream].safe = len(made)
    held, sealed = [], []
    for turn in range(6):
        kept.look(turn * EVERY_S, LATER, None)
        held.append(sum(one.last - one.first + 1 for one in kept.journal.held()))
        sealed.append(sealed_left(kept.journal))
    assert held == [76, 51, 26, 10, 10, 10]
    assert sealed[-1] == 0
    assert 0 < sealed[1] < sealed[0]
    assert kept.journal.verify().faults == ()


def test_many_entries_of_an_unset_clock_do_not_stop_retention(monkeypatch):
    monkeypatch.setattr(journals, "ERASED", 3)
    journal = open_journal()
    for key in range(10):
        journal.append([opened(key), plate(key)], stamp(key, "unset"))
    journal.append([opened(11), plate(11)], stamp(20))
    while journal.erase_sealed(LATER.at_ms) is not None:
        pass
    assert sealed_left(journal) == 0


def test_notes_stay_under_their_bound_the_newest_of_them(kept, monkeypatch):
    monkeypatch.setattr(desks, "SHRUNK", 40)
    kept.retention = Retention(notes_mb_max=8, crop_days=7)
    for number in range(400):
        note = Note(text="x", crop=bytes(32_000))
        kept.desk.keep(f"a/{number:03}", note, stamp().at_ms + number * (-1) ** number)
    for turn in range(10):
        kept.look(turn * EVERY_S, stamp(), None)
    left = [int(ref[2:]) for ref, _ in kept.desk.notes()]
    used = kept.desk._connection.execute(journal_file.BYTES_USED).fetchone()[0]
    assert 7 * 2**20 < used <= 8 * 2**20
    assert left[-1] == 398
    assert not {399, 397, 395} & set(left)


def test_a_gate_that_never_knows_the_time_keeps_no_note_for_ever(kept):
    fill(kept.journal, 8)
    kept.desk.keep("a/1", Note(text="x"), 1_000)
    kept.desk.keep("a/2", Note(text="y"), stamp().at_ms)
    kept.look(0.0, Stamp(DAY_MS, DAY_MS, "unset"), None)
    assert [ref for ref, _ in kept.desk.notes()] == ["a/2"], "of a time that was known: not yet"
    kept.look(4000.0, Stamp(LATER.at_ms, DAY_MS, "unset"), None)
    assert not list(kept.desk.notes())
    assert sealed_left(kept.journal) > 0
