"""Backups: checked, counted, and the only thing that `safe` is read from."""

from pathlib import Path

import pytest

from central import backup
from central.errors import BackupFailed
from central.ledger import Ledger
from gateway.contract import Hello, Lost
from tests.central.gates import T0, Stream


@pytest.fixture
def ledger(tmp_path):
    found = Ledger(tmp_path / "ledger.db")
    yield found
    found.close()


def test_safe_is_what_the_oldest_kept_backup_holds(ledger, tmp_path):
    folder, gate = tmp_path / "backup", Stream()
    safe = []
    for night in range(4):
        gate.passage()
        ledger.absorb("c01", "east", gate.entries, T0)
        kept = backup.make(tmp_path / "ledger.db", folder, 2, T0 + night)
        ledger.promise(kept.safe)
        safe.append(ledger.mark(gate.id).safe)
        assert kept.count == min(night + 1, 2)
    assert safe == [6, 6, 11, 16]
    assert ledger.mark(gate.id).committed == 21
    assert [path.name for path in backup.backups(folder)] == [
        "ledger-20200211T060000002Z.db",
        "ledger-20200211T060000003Z.db",
    ]


def test_a_hole_is_not_safe(ledger, tmp_path):
    gate = Stream()
    gate.passage()
    ledger.absorb("c01", "east", gate.entries[:2] + gate.entries[4:], T0)
    assert backup.make(tmp_path / "ledger.db", tmp_path / "b", 2, T0).safe == {gate.id: 2}


def test_a_backup_that_will_not_open_counts_for_nothing(ledger, tmp_path):
    gate = Stream()
    ledger.absorb("c01", "east", gate.entries, T0)
    backup.make(tmp_path / "ledger.db", tmp_path / "b", 3, T0)
    gate.passage()
    ledger.absorb("c01", "east", gate.entries, T0)
    backup.make(tmp_path / "ledger.db", tmp_path / "b", 3, T0 + 1)
    oldest, newest = backup.backups(tmp_path / "b")
    oldest.write_bytes(b"torn" * 1000)
    assert backup.keep(tmp_path / "b").safe == {gate.id: 6}
    assert backup.newest_good(tmp_path / "b") == newest
    newest.write_bytes(b"")
    assert backup.keep(tmp_path / "b") == backup.NOTHING
    assert backup.newest_good(tmp_path / "b") is None


def test_a_restored_ledger_says_less_and_takes_the_rest_again(ledger, tmp_path):
    gate = Stream()
    gate.passage()
    ledger.absorb("c01", "east", gate.entries, T0)
    backup.make(tmp_path / "ledger.db", tmp_path / "b", 2, T0)
    gate.passage()
    ledger.absorb("c01", "east", gate.entries, T0)
    (kept,) = backup.backups(tmp_path / "b")
    restored = Ledger(kept)
    assert restored.mark(gate.id).committed == 6
    restored.absorb("c01", "east", gate.entries[6:], T0)
    assert restored.mark(gate.id).committed == 11
    assert restored.figures().vehicles_in == 2
    restored.close()


def test_after_a_restore_of_the_older_backup_the_newer_ones_promise_counts_for_nothing(
    ledger, tmp_path
):
    folder, gate = tmp_path / "b", Stream()
    gate.passage()
    ledger.absorb("c01", "east", gate.entries, T0)
    backup.make(tmp_path / "ledger.db", folder, 2, T0)
    gate.passage()
    ledger.absorb("c01", "east", gate.entries, T0)
    backup.make(tmp_path / "ledger.db", folder, 2, T0 + 1)
    older, _ = backup.backups(folder)
    (tmp_path / "restored.db").write_bytes(older.read_bytes())
    restored = Ledger(tmp_path / "restored.db")
    kept = backup.make(tmp_path / "restored.db", folder, 2, T0 + 2)
    assert kept.oldest == "ledger-20200211T060000001Z.db"
    restored.promise(kept.safe)
    assert (restored.mark(gate.id).committed, restored.mark(gate.id).safe) == (6, 6)
    restored.close()


def test_what_a_backup_took_for_lost_and_turned_up_since_is_not_safe(ledger, tmp_path):
    gate = Stream()
    gate.passage()
    gone = Lost(stream=gate.id, first=3, last=4)
    ledger.hello("c01", "east", Hello(v=1, boot="b", lost=(gone,)), T0)
    ledger.absorb("c01", "east", [*gate.entries[:2], *gate.entries[4:]], T0)
    kept = backup.make(tmp_path / "ledger.db", tmp_path / "b", 2, T0)
    ledger.promise(kept.safe, kept.lost)
    assert ledger.mark(gate.id).safe == 6
    ledger.absorb("c01", "east", gate.entries[3:4], T0)
    assert (ledger.mark(gate.id).committed, ledger.mark(gate.id).safe) == (6, 3)
    for night in (1, 2):
        kept = backup.make(tmp_path / "ledger.db", tmp_path / "b", 2, T0 + night)
        ledger.promise(kept.safe, kept.lost)
    assert ledger.mark(gate.id).safe == 6


def test_a_ledger_begun_anew_beside_old_backups_promises_nothing(ledger, tmp_path):
    gate = Stream()
    gate.passage()
    ledger.absorb("c01", "east", gate.entries, T0)
    kept = backup.make(tmp_path / "ledger.db", tmp_path / "b", 2, T0)
    empty = Ledger(":memory:")
    empty.promise(kept.safe)
    assert empty.mark(gate.id).safe == 0
    empty.close()


def test_a_clock_that_was_set_back_makes_no_backup_older_than_the_last(ledger, tmp_path):
    ledger.absorb("c01", "east", Stream().entries, T0)
    for at_ms in (T0 + 10_000_000, T0, T0 + 1):
        kept = backup.make(tmp_path / "ledger.db", tmp_path / "b", 2, at_ms)
    assert [backup.made_ms(name) for name in (kept.oldest, kept.newest)] == [
        T0 + 10_000_001, T0 + 10_000_002,
    ]  # fmt: skip


def test_a_folder_that_takes_nothing_is_said(ledger, tmp_path):
    (tmp_path / "b").write_text("a file where a folder should be")
    with pytest.raises(BackupFailed, match="no gate may delete"):
        backup.make(tmp_path / "ledger.db", tmp_path / "b", 2, T0)


def test_one_device_is_noticed(tmp_path):
    assert backup.same_device(tmp_path / "ledger.db", tmp_path)
    assert backup.same_device(tmp_path / "ledger.db", tmp_path / "nowhere" / "yet")
    assert not backup.same_device(tmp_path / "ledger.db", Path("/dev/shm/gatepost-nowhere/yet"))


def test_a_ledger_that_is_damaged_under_its_centre_is_said_by_its_next_backup(ledger, tmp_path):
    gate = Stream()
    for _ in range(200):
        gate.passage()
    ledger.absorb("c01", "east", gate.entries, T0)
    ledger.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    path = Path(ledger.path)
    content = bytearray(path.read_bytes())
    content[8192:20480] = bytes(12288)
    path.write_bytes(content)
    with pytest.raises(
        BackupFailed, match=r"ledger\.db is damaged \(.*\): restore a backup; until"
    ):
        backup.make(ledger.path, tmp_path / "backups", 2, T0)
