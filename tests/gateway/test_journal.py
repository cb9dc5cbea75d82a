"""The journal: one transaction an append, a chain that verifies, nothing lost without a word."""

import multiprocessing
import os
import resource
import signal
import sqlite3
import subprocess
import sys

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import contract as c
from gateway.core.events import Record
from gateway.errors import JournalUnwritable
from gateway.journal import rows
from gateway.journal.journal import Journal
from gateway.journal.recorder import Recorder

from .journals import alert, closed, decided, fill, open_journal, opened, plate, reading, stamp


def bodies(entries):
    return [c.decode_body(entry) for entry in entries]


def test_the_first_append_draws_a_stream_and_says_where_it_starts():
    journal = open_journal()
    assert journal.stream is None
    assert journal.held() == ()
    entries = journal.append([opened(1)], stamp())
    assert [entry.kind for entry in entries] == ["started", "opened"]
    assert [entry.seq for entry in entries] == [1, 2]
    assert entries[0].prev == c.NO_HASH
    assert entries[1].prev == c.hash_of(entries[0])
    started = c.decode_body(entries[0])
    assert (started.compound, started.gate, started.before) == ("c01", "east", None)
    assert journal.held() == (c.Held(stream=entries[0].stream, first=1, last=2),)


def test_a_start_names_the_stream_before_it(tmp_path):
    path = tmp_path / "journal.db"
    first = open_journal(path)
    before = first.append([opened(1), closed(1)], stamp())
    first.close()
    second = open_journal(path, first=2)
    entries = second.append([alert()], stamp(5))
    started = c.decode_body(entries[0])
    assert (started.before, started.before_last) == (before[0].stream, 3)
    assert entries[0].stream != before[0].stream
    assert [held.last for held in second.held()] == [3, 2]


def test_a_start_without_an_entry_draws_no_stream(tmp_path):
    path = tmp_path / "journal.db"
    for _ in range(3):
        open_journal(path).close()
    journal = open_journal(path)
    assert c.decode_body(journal.append([alert()], stamp())[0]).before is None


def test_bodies_carry_the_moment_and_the_passage():
    journal = open_journal()
    entries = journal.append([opened(7), plate(7), decided(7)], stamp(3, "rtc"))
    ref = c.entry_ref(entries[0].stream, 2)
    assert [body.passage for body in bodies(entries)] == [None, None, ref, ref]
    assert {(b.at_ms, b.mono_ms, b.clock) for b in bodies(entries)} == {
        (1_600_000_003_000, 53_000, "rtc")
    }
    later = journal.append([closed(7)], stamp(9))
    assert c.decode_body(later[0]).passage == ref
    assert journal.ref(7) == ref


def test_what_is_read_back_is_what_was_given_byte_for_byte(tmp_path):
    journal = open_journal(tmp_path / "journal.db")
    entries = fill(journal, 40)
    again = journal.pending(entries[0].stream, 0, limit=100)
    assert [c.encode(entry) for entry in again] == [c.encode(entry) for entry in entries]
    assert journal.verify().faults == ()


def test_pending_keeps_to_its_bounds():
    journal = open_journal()
    entries = fill(journal, 50)
    stream = entries[0].stream
    assert [e.seq for e in journal.pending(stream, 10, limit=5)] == [11, 12, 13, 14, 15]
    small = journal.pending(stream, 0, limit=200, bytes_max=2000)
    assert 0 < len(small) < 10
    assert sum(len(c.encode(entry)) for entry in small) <= 2000
    assert len(journal.pending(stream, 0, bytes_max=1)) == 1
    assert journal.pending(stream, len(entries)) == journal.pending("ff" * 16, 0) == ()


def test_erasing_sealed_parts_leaves_the_chain_whole(tmp_path):
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    secret = "鲁M54321"
    journal.append([opened(1), plate(1, secret)], stamp(0))
    journal.append([reading(1)], stamp(1, "unset"))
    journal.append([closed(1)], stamp(2))
    journal.append([opened(2), plate(2)], stamp(60))
    assert journal.erase_sealed(stamp(30).at_ms) == 2  # the unset one is as old as its neighbours
    found = journal.verify()
    assert (found.faults, found.sealed_erased) == ((), 2)
    kept = journal.pending(journal.stream, 0)
    assert [entry.sealed is msgspec.UNSET for entry in kept if entry.seal is not msgspec.UNSET] == [
        True, True, False,
    ]  # fmt: skip
    journal.close()
    needle = c.encode(c.SealedPlate(text=secret))[::-1]
    assert needle not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


def test_erasing_believes_no_unset_clock():
    journal = open_journal()
    journal.append([opened(1), plate(1)], stamp(-(10**9), "unset"))
    assert journal.erase_sealed(stamp().at_ms) is None


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("UPDATE entry SET open = replace(open, 'in1', 'in2') WHERE kind = 'opened'", "follow"),
        ("UPDATE entry SET kind = 'voided' WHERE id = 3", "follow"),
        ("UPDATE entry SET sealed = x'00' WHERE id = 4", "sealed part"),
        ("DELETE FROM entry WHERE id = 5", "missing"),
    ],
)
def test_a_changed_entry_is_found(tmp_path, sql, what):
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    fill(journal, 12)
    journal.close()
    with sqlite3.connect(path) as connection:
        connection.execute(sql)
    connection.close()
    look = Journal.look(path)
    faults = look.verify().faults
    look.close()
    assert faults
    assert all(what in fault.what for fault in faults)


def test_a_look_shows_one_moment_while_the_gate_writes_on(tmp_path):
    path = tmp_path / "journal.db"
    open_journal(path).close()
    early = Journal.look(path)
    journal = open_journal(path)
    entries = fill(journal, 3)
    late = Journal.look(path)
    fill(journal, 2)
    journal.prune([c.Mark(stream=entries[0].stream, committed=3, safe=3)])
    assert early.newest(100) == ()
    assert late.newest(100) == tuple(entries)
    assert late.verify() == rows.Verified(1, len(entries), 0, ())
    for file in (early, late, journal):
        file.close()


def test_pruning_goes_no_higher_than_safe_and_keeps_an_anchor(tmp_path):
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    entries = fill(journal, 40)
    stream = entries[0].stream
    assert journal.prune([c.Mark(stream=stream, committed=40, safe=0)]) == 0
    assert journal.prune([c.Mark(stream=stream, committed=40, safe=25)]) == 25
    assert journal.prune([c.Mark(stream=stream, committed=40, safe=25)]) == 0
    assert journal.held() == (c.Held(stream=stream, first=26, last=len(entries)),)
    assert journal.pending(stream, 0)[0].seq == 26
    journal.close()
    again = open_journal(path, first=9)
    assert again.verify().faults == ()
    assert again.held() == (c.Held(stream=stream, first=26, last=len(entries)),)
    assert again.prune([c.Mark(stream=stream, committed=99, safe=99)], keep=5) == 11
    assert [h.first for h in again.held()] == [37]
    assert again.prune([c.Mark(stream=stream, committed=99, safe=99)]) == 5
    assert again.held() == ()
    assert again.last(stream) == len(entries)
    started = c.decode_body(again.append([alert()], stamp())[0])
    assert (started.before, started.before_last) == (stream, len(entries))


def test_burying_leaves_tombstones_until_they_are_safe(tmp_path):
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    first = fill(journal, 8)
    journal.close()
    journal = open_journal(path, first=2)
    second = fill(journal, 8, first=10)
    stones = journal.bury(len(first) + 3, "disk_bound", stamp(99))
    told = [(b.stream, b.first, b.last, b.reason) for b in bodies(stones)]
    assert told == [
        (first[0].stream, 1, len(first), "disk_bound"), (second[0].stream, 1, 3, "disk_bound"),
    ]  # fmt: skip
    assert [(lost.stream, lost.first, lost.last) for lost in journal.lost()] == [
        told[0][:3], told[1][:3],
    ]  # fmt: skip
    assert [held.first for held in journal.held()] == [4]
    assert journal.verify().faults == ()
    journal.prune([c.Mark(stream=first[0].stream, committed=9, safe=len(first))])
    assert [lost.stream for lost in journal.lost()] == [second[0].stream]
    journal.close()
    assert open_journal(path).lost() == (
        c.Lost(stream=second[0].stream, first=1, last=3, reason="disk_bound"),
    )


def test_burying_spares_alerts_and_the_chain_is_followed_around_the_holes(tmp_path):
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    made = list(fill(journal, 8))
    for number in range(3):
        made += journal.append([alert(f"a{number}"), alert(f"b{number}")], stamp(20 + number))
        made += fill(journal, 8, first=30 + 10 * number)
    kept = {entry.seq for entry in made if entry.kind == "alert"}
    journal.bury(14, "disk_bound", stamp(90))
    journal.bury(10, "disk_bound", stamp(91))
    stream = journal.stream
    assert [(lost.first, lost.last) for lost in journal.lost()] == [(1, 9), (12, 19), (22, 28)]
    seqs = {entry.seq for entry in journal.pending(stream, 0)}
    assert kept <= seqs
    assert not seqs & {*range(1, 10), *range(12, 20), *range(22, 29)}
    assert journal.held()[0].first == 10
    journal.close()
    again = open_journal(path, first=7)
    assert again.verify().faults == ()
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM entry WHERE id = 33")
    connection.close()
    assert [fault.what for fault in again.verify().faults] == ["entries 33 to 33 are missing"]
    assert again.prune([c.Mark(stream=stream, committed=99, safe=13)]) == 2
    assert again.held()[0].first == 20
    assert [(lost.first, lost.last) for lost in again.lost()] == [(12, 19), (22, 28)]
    again.prune([c.Mark(stream=stream, committed=99, safe=30)])
    assert again.lost() == ()
    again.close()


def test_alerts_are_buried_last():
    journal = open_journal()
    for number in range(5):
        journal.append([alert(f"a{number}")], stamp(number))
    # What is left beside alerts is only what was said of burying.
    buried = [bodies(journal.bury(3, "disk_bound", stamp(9))) for _ in range(4)]
    assert [[(body.first, body.last) for body in stones] for stones in buried] == [
        [(1, 1)], [(2, 4)], [(5, 7)], [(8, 9)]
    ]  # fmt: skip


def test_the_least_write_is_a_real_commit(tmp_path):
    journal = open_journal(tmp_path / "journal.db")
    fill(journal, 1)
    before = (tmp_path / "journal.db-wal").stat().st_size
    journal.prove()
    assert (tmp_path / "journal.db-wal").stat().st_size == before + 4096 + 24
    assert journal.verify().faults == ()
    journal.close()


# --- Restart --------------------------------------------------------------------------------


def test_unfinished_passages_are_folded_back(tmp_path):
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    journal.append([opened(1), reading(1), decided(1), closed(1)], stamp(0))
    journal.append([opened(2), reading(2, 1, 1, "RECHECK"), decided(2, 1, "recheck")], stamp(10))
    journal.append([reading(2, 2), reading(2, 1, 2), decided(2, 2)], stamp(12))
    ref = journal.ref(2)
    journal.append([opened(3, "foot1")], stamp(14))
    journal.close()
    journal = open_journal(path, first=2)
    vehicle, foot = journal.unfinished(stamp(20), first_key=5)
    assert (vehicle.passage, foot.passage) == (5, 6)
    assert (vehicle.lane, vehicle.traveller, vehicle.witness) == ("in1", "vehicle", "track")
    assert (vehicle.results, vehicle.attempts) == (("NORMAL", "NORMAL"), (2, 1))
    assert (vehicle.revision, vehicle.away_s) == (2, 8.0)
    assert (foot.lane, foot.results, foot.away_s) == ("foot1", (), 6.0)
    entries = journal.append([closed(5)], stamp(21))
    assert c.decode_body(entries[1]).passage == ref
    assert [p.lane for p in journal.unfinished(stamp(22))] == ["foot1"]


def test_time_away_counts_by_the_boot_clock_within_a_boot_and_by_the_wall_across(tmp_path):
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    journal.append([opened(1)], stamp(0, "unset"))
    journal.close()
    moment = stamp(100)
    same = open_journal(path, first=2)
    jumped = type(moment)(moment.at_ms + 10**9, moment.mono_ms, "ntp")
    assert same.unfinished(jumped)[0].away_s == 100.0
    same.close()
    other = open_journal(path, boot="boot-2", first=3)
    assert other.unfinished(jumped)[0].away_s == 1_000_100.0


# --- Files that will not open ---------------------------------------------------------------


def torn(path):
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def overwritten(path):
    path.write_bytes(b"this is no database at all" * 200)


def holed(path):
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(8192))


@pytest.mark.parametrize("spoil", [torn, overwritten, holed])
def test_a_file_that_will_not_open_is_set_aside(tmp_path, spoil):
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    fill(journal, 200)
    journal.close()
    spoil(path)
    spoilt = path.read_bytes()
    journal = open_journal(path, first=2)
    assert journal.set_aside == tmp_path / "journal.db.aside-1"
    assert journal.set_aside.read_bytes() == spoilt
    assert journal.append([alert()], stamp())[0].kind == "started"
    journal.close()
    spoil(path) if spoil is overwritten else overwritten(path)
    journal = open_journal(path, first=3)
    assert journal.set_aside == tmp_path / "journal.db.aside-2"
    assert (tmp_path / "journal.db.aside-1").exists()


def three_starts(path):
    """Write a journal of three streams, and close it."""
    made = []
    for first in (1, 2, 3):
        journal = open_journal(path, first=first)
        made += fill(journal, 120, first=first * 100)
        journal.close()
    return {(entry.stream, entry.seq): entry for entry in made}


def damaged(path, page):
    with path.open("r+b") as file:
        file.seek(4096 * page)
        file.write(os.urandom(4096))


@pytest.mark.parametrize("page", [7, 9, 14, 20])
def test_what_can_be_read_of_a_broken_journal_is_taken_over_and_the_rest_told_as_lost(
    tmp_path, page
):
    path = tmp_path / "journal.db"
    made = three_starts(path)
    damaged(path, page)
    journal = open_journal(path, first=9)
    assert journal.set_aside is not None
    kept = {(entry.stream, entry.seq): entry for entry in journal.newest(10_000)}
    assert all(c.hash_of(made[key]) == c.hash_of(entry) for key, entry in kept.items())
    assert len(made) - 25 < len(kept) < len(made)
    lost = {(one.stream, seq) for one in journal.lost() for seq in range(one.first, one.last + 1)}
    assert lost == set(made) - set(kept)
    assert (journal.saved.entries, journal.saved.lost) == (len(kept), len(lost))
    assert journal.verify().faults == ()
    (started, _) = journal.append([alert()], stamp())
    newest = max(made)
    assert c.decode_body(started).before == newest[0]
    assert journal.verify().faults == ()
    journal.close()


def test_a_page_that_is_swapped_for_an_older_one_is_not_believed(tmp_path):
    path = tmp_path / "journal.db"
    made = three_starts(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE entry SET open = replace(open, 'in1', 'in2') WHERE id = 50")
    connection.close()
    damaged(path, 20)
    journal = open_journal(path, first=9)
    first = min(key[0] for key in made)
    assert (first, 50) not in {(entry.stream, entry.seq) for entry in journal.newest(10_000)}
    assert (50, 50) in [(one.first, one.last) for one in journal.lost() if one.stream == first]
    assert journal.verify().faults == ()
    journal.close()


def test_a_journal_that_breaks_while_it_is_open_goes_on_in_a_new_file_that_survives(tmp_path):
    """Closing the broken one must not take the new one's write-ahead log with it."""
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    made = fill(journal, 400)
    journal._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    damaged(path, 20)
    journal.reopen()
    assert journal.set_aside is not None
    assert journal.saved.entries > 300
    later = journal.append([alert()], stamp(999))
    after_cut = tmp_path / "cut"
    after_cut.mkdir()
    for file in tmp_path.glob("journal.db*"):  # what a power cut would leave
        (after_cut / file.name).write_bytes(file.read_bytes())
    journal.close()
    again = open_journal(after_cut / "journal.db", first=9)
    assert again.set_aside is None
    assert [entry.seq for entry in again.newest(2)] == [entry.seq for entry in later]
    assert c.decode_body(later[0]).before == made[0].stream
    again.close()


def test_a_folder_that_is_not_there_is_said_with_what_to_do(tmp_path):
    with pytest.raises(JournalUnwritable, match="writable for this user"):
        open_journal(tmp_path / "nowhere" / "journal.db")
    journal = open_journal(tmp_path / "nowhere" / "journal.db", or_refuse=True)
    with pytest.raises(JournalUnwritable, match="nowhere"):
        journal.append([alert()], stamp())
    (tmp_path / "nowhere").mkdir()
    journal.reopen()
    assert journal.append([alert()], stamp())[0].kind == "started"


def test_a_journal_that_another_holds_refuses_and_then_takes(tmp_path):
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    journal.append([opened(1)], stamp())
    journal._connection.execute("PRAGMA busy_timeout = 10")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalUnwritable, match="other program"):
        journal.append([closed(1)], stamp(1))
    other.execute("ROLLBACK")
    other.close()
    assert journal.append([closed(1)], stamp(2))[0].seq == 3
    assert journal.verify().faults == ()


# --- Full and read-only disks ---------------------------------------------------------------


def _full_disk(path, report):
    """Grow the journal against a bound on file sizes, in a process of its own."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    journal = open_journal(path)
    recorder = Recorder(journal, ring_max=50)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
    recorded, key = [], 0
    while recorder.fault is None:
        key += 1
        recorded += recorder.record([opened(key), plate(key), closed(key)], stamp(key))
    refused = recorder.not_recorded
    for later in range(key + 1, key + 31):
        assert recorder.record([opened(later), closed(later)], stamp(later)) == ()
    assert not recorder.is_recorded(key)
    waiting, overflowed = recorder.not_recorded, recorder.overflowed
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    late = recorder.record((), stamp(1000))
    report.put(
        (refused, waiting, overflowed, recorder.not_recorded, [entry.kind for entry in late])
    )
    found = journal.verify()
    report.put((len(recorded) + len(late), found.entries, found.faults))


def test_a_full_disk_loses_nothing_silently(tmp_path):
    context = multiprocessing.get_context("fork")
    report = context.SimpleQueue()
    process = context.Process(target=_full_disk, args=(tmp_path / "journal.db", report))
    process.start()
    process.join(60)
    assert process.exitcode == 0
    refused, waiting, overflowed, left, kinds = report.get()
    assert (refused, waiting, left) == (3, 63, 0)
    # Of 63 the ring keeps 50: the first passage's three records and five later pairs fell out.
    assert overflowed == 13
    assert kinds == ["unrecorded"] + ["opened", "closed"] * 25
    recorded, held, faults = report.get()
    assert (recorded, faults) == (held, ())


def test_a_tiny_real_disk_that_fills_up(tmp_path):
    """The same on a file system of 1 MB, where SQLite says FULL; needs root to mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no mounting here")
    try:
        journal = open_journal(disk / "journal.db")
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(600_000))
        entries = []
        with pytest.raises(JournalUnwritable, match="full") as caught:  # noqa: PT012
            while True:
                entries += fill(journal, 20, first=len(entries))
        assert caught.value.state == "full"
        ballast.unlink()
        entries += fill(journal, 4, first=10_000)
        found = journal.verify()
        assert (found.entries, found.faults) == (journal.last(journal.stream), ())
        journal.close()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        read_only = open_journal(disk / "journal.db", first=2, or_refuse=True)
        with pytest.raises(JournalUnwritable, match=r"writable|mount"):
            read_only.append([alert()], stamp())
        read_only.close()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_what_was_refused_leaves_no_trace(tmp_path):
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    journal._connection.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalUnwritable):
        journal.append([opened(1)], stamp())
    other.execute("ROLLBACK")
    other.close()
    assert journal.stream is None
    assert not journal.knows(1)
    assert [e.seq for e in journal.append([opened(2)], stamp())] == [1, 2]


# --- kill -9 --------------------------------------------------------------------------------

WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from tests.gateway.journals import open_journal, opened, closed, stamp
journal = open_journal(sys.argv[1], boot=sys.argv[3], first=int(sys.argv[3]))
key = 0
while True:
    key += 1
    entries = journal.append([opened(key), closed(key)], stamp(key))
    print(entries[-1].stream, entries[-1].seq, flush=True)
"""


def test_kill_minus_nine_loses_nothing_that_append_returned(tmp_path, pytestconfig):
    path = tmp_path / "journal.db"
    seen = {}
    for start in ("1", "2", "3"):
        command = [sys.executable, "-c", WRITER, str(path), str(pytestconfig.rootpath), start]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            for _ in range(60):
                stream, seq = writer.stdout.readline().split()
                seen[stream] = int(seq)
            writer.kill()
            for line in writer.stdout:
                if line.endswith("\n"):
                    stream, seq = line.split()
                    seen[stream] = int(seq)
    journal = open_journal(path, first=9)
    held = {h.stream: h.last for h in journal.held()}
    assert held.keys() == seen.keys()
    assert all(held[stream] >= last for stream, last in seen.items())
    assert journal.verify().faults == ()


# --- Properties -----------------------------------------------------------------------------

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 6)),
        st.tuples(st.just("restart"), st.just(0)),
        st.tuples(st.just("safe"), st.integers(0, 30)),
        st.tuples(st.just("bury"), st.integers(1, 5)),
        st.tuples(st.just("erase"), st.integers(0, 60)),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_whatever_is_done_in_whatever_order(steps):
    """Against a model that is a dictionary: nothing is missing but what was pruned or buried."""
    connection = sqlite3.connect(":memory:")
    place = {"compound": "c01", "gate": "east", "version": "0"}
    ids = iter(f"{n:032x}" for n in range(1, 1000))

    def start():
        return Journal.over(
            connection, **place, boot="b", new_stream=lambda: next(ids), seal=lambda b: b"!" + b
        )

    journal, model, gone, buried, key = start(), {}, {}, set(), 0
    for second, (word, number) in enumerate(steps):
        if word == "append":
            records = [opened(key := key + 1)] + [plate(key)] * (number - 1)
            for entry in journal.append(records, stamp(second)):
                model[entry.stream, entry.seq] = c.hash_of(entry)
        elif word == "restart":
            journal = start()
        elif word == "safe":
            for held in journal.held():
                journal.prune([c.Mark(stream=held.stream, committed=number, safe=number)])
                gone[held.stream] = max(gone.get(held.stream, 0), min(number, held.last))
        elif word == "bury":
            for entry in journal.bury(number, "test", stamp(second)):
                model[entry.stream, entry.seq] = c.hash_of(entry)
            for lost in journal.lost():
                buried |= {(lost.stream, seq) for seq in range(lost.first, lost.last + 1)}
        else:
            journal.erase_sealed(stamp(number).at_ms)
        assert journal.verify().faults == ()
    journal = start()
    left = {
        (entry.stream, entry.seq): c.hash_of(entry)
        for held in journal.held()
        for entry in journal.pending(held.stream, 0, limit=10_000, bytes_max=10**9)
    }
    assert left == {
        key: value
        for key, value in model.items()
        if key[1] > gone.get(key[0], 0) and key not in buried
    }
    connection.close()


def test_a_record_of_a_lost_passage_is_counted_not_invented():
    journal = open_journal()
    recorder = Recorder(journal)
    entries = recorder.record([closed(99), opened(1), Record(c.Voided(entry="x", reason="y"))],
                              stamp())  # fmt: skip
    assert [entry.kind for entry in entries] == ["started", "unrecorded", "opened", "voided"]
    assert c.decode_body(entries[1]).entries == 1


def test_the_size_of_the_file_is_asked_again_after_every_change(tmp_path):
    """High water and tombstones go by it: it is never older than the last row that changed."""
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    sizes = [journal.bytes_used()]
    made = fill(journal, 400)
    sizes.append(journal.bytes_used())
    mark = c.Mark(stream=made[0].stream, committed=made[-1].seq, safe=made[200].seq)
    assert journal.prune([mark]) == made[200].seq
    sizes.append(journal.bytes_used())
    with sqlite3.connect(path) as plainly:
        pages, free, size = (
            plainly.execute(f"PRAGMA {word}").fetchone()[0]
            for word in ("page_count", "freelist_count", "page_size")
        )
    plainly.close()
    assert sizes[0] < sizes[2] < sizes[1]
    assert sizes[2] == (pages - free) * size


def test_the_size_is_that_of_the_file_that_was_opened_afresh(tmp_path):
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    empty = journal.bytes_used()
    fill(journal, 400)
    assert journal.bytes_used() > empty
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    journal.reopen()
    assert journal.bytes_used() == empty
