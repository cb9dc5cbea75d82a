"""A journal's file, damaged at random: nothing is invented, nothing readable is left behind, and
what is gone is named."""

import sqlite3
from pathlib import Path
from random import Random

import pytest

from gateway import contract as c
from gateway.core.events import Record
from gateway.errors import JournalUnwritable
from gateway.journal import opening
from gateway.journal.journal import Journal
from gateway.journal.recorder import Recorder
from gateway.uplink import Uplink
from gateway.writing import Writing

from .journals import PLACE, Disk, alert, closed, fill, open_journal, opened, plate, stamp
from .sectors import unreadable

PAGE = 4096
SEEDS = range(24)


class Truth:
    """All that was ever recorded in one file, and what of it was still held."""

    def __init__(self, path, rng):
        self.path = path
        self.ever, self.held = {}, {}
        self.numbers = iter(range(1, 10_000))
        for start in range(rng.randint(1, 4)):
            journal = self._open(start + 1, rng)
            self._work(journal, rng, start)
            if rng.random() < 0.7:
                self._forget(journal, rng)
            if start and rng.random() < 0.3:
                journal.bury(rng.randint(1, 30), "disk_bound", stamp(9000 + start))
            self.streams = {one.stream: one for one in journal.held()}
            self.held = {(e.stream, e.seq): e for e in read(journal)}
            self.ever |= self.held
            self.buried = {key for key in named_lost(journal) if key in self.ever}
            if rng.random() < 0.4:  # As a power cut leaves it: the newest stands in the log alone.
                files = {part: Path(f"{path}{part}").read_bytes() for part in ("", "-wal")}
                journal.close()
                for part, content in files.items():
                    Path(f"{path}{part}").write_bytes(content)
            else:
                journal.close()

    def _open(self, start, rng):
        names = Random(rng.random())
        return Journal.open(
            self.path, **PLACE, boot=f"00000000-0000-4000-8000-{start:012d}", version="0",
            new_stream=lambda: f"{names.getrandbits(128):032x}", seal=lambda plain: plain,
        )  # fmt: skip

    def _work(self, journal, rng, start):
        for _ in range(rng.randint(5, 35)):
            key = next(self.numbers)
            text = "".join(rng.choices("ABCDEFGH", k=rng.choice((7, 7, 7, 900, 5000, 14_000))))
            many = tuple(f"reason_{n}" for n in range(rng.choice((1, 1, 1, 700))))
            records = [
                opened(key), plate(key, text),
                Record(c.Decided(decision="admit", revision=1, reasons=many), key), closed(key),
            ]  # fmt: skip
            made = journal.append(records[: rng.randint(1, 4)], stamp(start * 1000 + key))
            self.ever |= {(entry.stream, entry.seq): entry for entry in made}

    def _forget(self, journal, rng):
        one = rng.choice(journal.held())
        safe = rng.randint(one.first, one.last)
        journal.prune([c.Mark(stream=one.stream, committed=safe, safe=safe)])

    def untouched(self, left, spoilt, moved):
        """Give the entries all of whose bytes are left: on their pages, on one page, in the log.

        But for those of a stream that nothing which is left calls by its name.
        """
        content = self.path.read_bytes()
        log = Path(f"{self.path}-wal")
        logged = log.read_bytes() if log.exists() else b""
        found = set()
        for key, entry in self.held.items():
            parts = [bytes.fromhex(entry.prev), *pieces(bytes(entry.open))]
            if entry.sealed is not c.UNSET:
                parts += pieces(entry.sealed)
            places = [content.find(part) for part in parts if part not in logged]
            pages = {at // PAGE for at in places} | {(at + 39) // PAGE for at in places}
            whole = -1 not in places and not pages & spoilt
            whole &= key[0].encode() in left + logged
            if key[1] > 1 and whole and (len(pages) < 2 or not pages & moved):
                found.add(key)
        return found


def pieces(data):
    """Cut bytes up, so that none of them is long enough to be parted by a page's end unseen."""
    return [data[at : at + 40] for at in range(0, len(data), 40)]


def read(journal):
    for one in journal.held():
        after = one.first - 1
        while found := journal.pending(one.stream, after):
            yield from found
            after = found[-1].seq


def named_lost(journal):
    return {(x.stream, seq) for x in journal.lost() for seq in range(x.first, x.last + 1)}


def harm(content, rng):
    """Damage a file's bytes; give them, the pages that are spoilt and those that moved, from 0."""
    pages = [content[at : at + PAGE] for at in range(0, len(content), PAGE)]
    was = list(range(len(pages)))
    spoilt, moved = set(), set()

    def spoil(number, page):
        pages[number] = page
        spoilt.add(was[number])

    for _ in range(rng.choice((1, 1, 2))):
        one = rng.randrange(len(pages))
        match rng.choice(("zero", "flip", "cut", "first", "swap", "half", "roots")):
            case "zero":
                spoil(one, bytes(PAGE))
            case "flip":
                for number in rng.choices(range(len(pages)), k=rng.randint(1, 6)):
                    changed = bytearray(pages[number])
                    if changed:
                        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
                        spoil(number, bytes(changed))
            case "cut":
                spoil(one, pages[one][: rng.randrange(1, PAGE)])
                for number in range(one + 1, len(pages)):
                    spoil(number, b"")
            case "first":
                spoil(0, rng.randbytes(PAGE))
            case "swap":
                other = rng.randrange(len(pages))
                pages[one], pages[other] = pages[other], pages[one]
                was[one], was[other] = was[other], was[one]
                moved |= {was[one], was[other]}
            case "half":
                spoil(one, pages[one][: PAGE // 2] + rng.randbytes(PAGE // 2))
            case _:
                for root in range(1, min(6, len(pages))):
                    spoil(root, rng.randbytes(PAGE))
    return b"".join(pages), spoilt, moved


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_a_file_suffers_what_is_left_is_taken_over_and_the_rest_is_named(tmp_path, seed):
    rng = Random(f"salvage {seed}")
    path = tmp_path / "journal.db"
    truth = Truth(path, rng)
    content, spoilt, moved = harm(path.read_bytes(), rng)
    expected = truth.untouched(content, spoilt, moved)
    path.write_bytes(content)

    journal = open_journal(path, first=900)
    kept = {(entry.stream, entry.seq): entry for entry in read(journal)}
    lost = named_lost(journal)
    for key, entry in kept.items():
        true = truth.held[key]
        assert (entry.prev, entry.kind, bytes(entry.open)) == (
            true.prev, true.kind, bytes(true.open),
        )  # fmt: skip
        assert entry.sealed in {true.sealed, c.UNSET}
        assert entry.seal == true.seal
    assert expected <= kept.keys(), f"{len(expected - kept.keys())} were left behind"
    assert not lost & kept.keys()
    assert lost <= truth.ever.keys()
    started = c.decode_body(journal.append([alert()], stamp(9999))[0])
    gone = truth.held.keys() - kept.keys()
    first = {one.stream: one.first for one in journal.held()}
    silent = {key for key in gone - lost if key[1] >= first.get(key[0], 1)}
    assert not silent or started.salvaged, "something is gone without a word"
    assert started.salvaged == (journal.set_aside is not None)
    assert (started.before or "") in {"", *(key[0] for key in truth.ever)}
    assert journal.verify().faults == ()
    journal.close()
    again = open_journal(path, first=950)
    assert again.set_aside is None
    assert again.verify().entries == len(kept) + 2
    assert not c.decode_body(again.append([alert()], stamp(9999))[0]).salvaged
    again.close()


def broken_journal(path, count=120):
    journal = open_journal(path)
    made = fill(journal, count)
    journal.close()
    return made


def spoil(path, *numbers):
    content = bytearray(path.read_bytes())
    for number in numbers:
        content[number * PAGE : (number + 1) * PAGE] = Random(number).randbytes(PAGE)
    path.write_bytes(bytes(content))


def test_a_file_without_any_page_of_its_trees_gives_up_all_its_entries(tmp_path):
    """Page 1 and the roots of all tables: streams are found by what passages name."""
    path = tmp_path / "journal.db"
    made = broken_journal(path)
    content = path.read_bytes()
    roots = [n for n in range(len(content) // PAGE) if b"opened" not in page(content, n)]
    spoil(path, 0, *roots)
    journal = open_journal(path, first=9)
    kept = list(read(journal))
    assert kept == made
    started = c.decode_body(journal.append([alert()], stamp(999))[0])
    assert (started.before, started.before_last) == (made[0].stream, len(made))
    assert started.salvaged
    journal.close()


def page(content, number):
    return content[number * PAGE : (number + 1) * PAGE]


def test_a_stream_whose_start_was_deleted_is_found_by_its_passages(tmp_path):
    """A gate that has run for months: the one `started` is long safe, and gone."""
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    made = fill(journal, 200)
    journal.prune([c.Mark(stream=made[0].stream, committed=90, safe=90)])
    journal.close()
    content = path.read_bytes()
    spoil(path, *[n for n in range(len(content) // PAGE) if b"opened" not in page(content, n)])
    journal = open_journal(path, first=9)
    assert list(read(journal)) == made[90:]
    assert journal.held()[0].first == 91
    journal.close()


def test_a_letter_that_is_no_text_any_more_is_a_broken_file(tmp_path):
    path = tmp_path / "journal.db"
    made = broken_journal(path)
    content = path.read_bytes()
    at = content.index(b"reading")
    path.write_bytes(content[:at] + b"\xf2" + content[at + 1 :])
    journal = open_journal(path, first=9)
    assert journal.set_aside is not None
    assert len(list(read(journal))) == len(made) - 1
    assert journal.saved.lost == 1
    journal.close()


@pytest.mark.parametrize(
    ("word", "at", "bit"),
    [
        (b'"anchor_hash" BLOB', 3, 0),  # no such column: SQLITE_ERROR
        (b'"own" BLOB', 2, 1),  # laid a second time by the migrations
        (b'"at_ms" INTEGER', 2, 0),  # named by nothing but an append
        (b'"no" INTEGER PRIMARY', 15, 0),  # a key that is no row id
        (b'"stream_no" INTEGER', 3, 7),  # UnicodeDecodeError
        (b'"applied_at" TEXT', 3, 0),  # KeyError
        (b"\2\2\0\x40\x20\x20", 0, 2),  # read-only for ever
    ],
)
def test_a_flipped_bit_of_the_schema_is_a_broken_file(tmp_path, word, at, bit):
    path = tmp_path / "journal.db"
    made = broken_journal(path)
    content = bytearray(path.read_bytes())
    assert content.count(word) == 1
    content[content.index(word) + at] ^= 1 << bit
    path.write_bytes(content)
    journal = open_journal(path, first=9, or_refuse=True)
    assert journal.fault is None
    assert journal.set_aside is not None
    assert list(read(journal)) == made
    journal.append([alert()], stamp(999))
    journal.close()


def test_a_first_page_that_cannot_be_read_is_a_broken_file(tmp_path, monkeypatch):
    path = tmp_path / "journal.db"
    made = broken_journal(path)
    prepare = opening.journal_file.prepare

    def refuse(connection):
        if connection.execute("PRAGMA database_list").fetchone()[2] == str(path):
            monkeypatch.undo()
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorname = "SQLITE_IOERR_CORRUPTFS"
            raise error
        prepare(connection)

    monkeypatch.setattr(opening.journal_file, "prepare", refuse)
    journal = open_journal(path, first=9)
    assert journal.set_aside is not None
    assert list(read(journal)) == made
    journal.close()


def test_the_newest_entry_is_not_believed_when_a_bit_of_it_flipped(tmp_path):
    """No later entry names it; its row holds the beginning of its own hash."""
    path = tmp_path / "journal.db"
    made = broken_journal(path)
    content = path.read_bytes()
    at = content.index(bytes(made[-1].open)) + 12
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    journal = open_journal(path, first=9)
    assert list(read(journal)) == made[:-1]
    assert c.decode_body(journal.append([alert()], stamp(999))[0]).salvaged
    journal.close()


def test_a_gate_that_runs_remembers_what_its_file_no_longer_holds(tmp_path):
    """Then the end of the stream is known: what is gone is named, to the last entry."""
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    made = fill(journal, 200)
    journal._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    path.write_bytes(path.read_bytes()[: 8 * PAGE])
    journal.reopen()
    kept = {(entry.stream, entry.seq) for entry in read(journal)}
    assert named_lost(journal) == {(entry.stream, entry.seq) for entry in made} - kept
    started = c.decode_body(journal.append([alert()], stamp(999))[0])
    assert (started.before_last, started.salvaged) == (len(made), False)
    journal.close()


@pytest.mark.parametrize("older", [True, False])
def test_a_gate_that_runs_finds_an_older_file_in_place_of_its_own(tmp_path, older):
    """Or none: what it remembers and the file does not hold is named, and no end is doubted."""
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    made = fill(journal, 40)
    journal._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    image = path.read_bytes()
    made += fill(journal, 200, first=100)
    for part in ("", "-wal", "-shm"):
        Path(f"{path}{part}").unlink()
    if older:
        path.write_bytes(image)
    journal.reopen()
    kept = list(read(journal))
    assert kept == (made[:41] if older else [])
    assert journal.set_aside is not None
    assert journal.saved.lost == len(made) - len(kept)
    assert named_lost(journal) == {(entry.stream, entry.seq) for entry in made[len(kept) :]}
    started = c.decode_body(journal.append([alert()], stamp(999))[0])
    assert (started.before, started.before_last) == (made[0].stream, len(made))
    assert not started.salvaged
    assert journal.verify().faults == ()
    journal.reopen()
    assert journal.set_aside is None
    journal.close()


def test_a_log_that_has_lost_its_file_is_read(tmp_path):
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    made = fill(journal, 60)
    log = Path(f"{path}-wal").read_bytes()
    journal.close()
    path.write_bytes(b"")
    Path(f"{path}-wal").write_bytes(log)
    journal = open_journal(path, first=9)
    assert list(read(journal)) == made
    journal.close()


@pytest.mark.parametrize("renames", range(3))
def test_a_gate_that_dies_while_it_makes_its_journal_anew_begins_again(
    tmp_path, monkeypatch, renames
):
    path = tmp_path / "journal.db"
    made = broken_journal(path)
    spoil(path, 1)
    left = iter(range(renames))

    class Died(BaseException):
        pass

    def rename(one, other):
        if next(left, None) is None:
            raise Died
        one.replace(other)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", rename)
        with pytest.raises(Died):
            open_journal(path, first=8)
    journal = open_journal(path, first=9)
    assert list(read(journal)) == made
    assert c.decode_body(journal.append([alert()], stamp(999))[0]).salvaged
    journal.close()


def test_a_card_that_goes_on_breaking_files_is_not_filled_with_them(tmp_path, monkeypatch):
    path = tmp_path / "journal.db"
    broken_journal(path, 8)
    for nth in range(opening.ASIDE_MAX + 3):
        spoil(path, 0)
        journal = open_journal(path, first=10 + nth)
        journal.append([alert()], stamp(nth))
        journal.close()
    numbers = sorted(opening._aside(path))
    assert numbers == list(range(4, opening.ASIDE_MAX + 4))
    monkeypatch.setattr(opening, "ASIDE_BYTES_MAX", 1)
    spoil(path, 0)
    journal = open_journal(path, first=99)
    assert journal.saved.dropped == opening.ASIDE_MAX
    assert sorted(opening._aside(path)) == [opening.ASIDE_MAX + 4]
    assert len(list(read(journal))) == 9 + opening.ASIDE_MAX * 2 + 6
    journal.close()


def test_rows_of_a_version_without_their_own_hash_are_confirmed_by_the_chain(tmp_path):
    path = tmp_path / "journal.db"
    made = broken_journal(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE entry SET own = NULL")
    connection.close()
    spoil(path, 1, 2)
    journal = open_journal(path, first=9)
    assert list(read(journal)) == made
    journal.close()


def test_a_file_too_large_to_be_checked_at_each_start_is_checked_once_it_could_not_be_read(
    tmp_path, monkeypatch
):
    path = tmp_path / "journal.db"
    made = broken_journal(path, 400)
    spoil(path, 15)
    monkeypatch.setattr(opening, "CHECKED_BYTES_MAX", 0)
    monkeypatch.setattr(opening, "NEWEST", 10)
    journal = open_journal(path, first=8)
    assert journal.set_aside is None
    with pytest.raises(JournalUnwritable):
        list(read(journal))
    journal.close()
    journal = open_journal(path, first=9)
    kept = list(read(journal))
    assert len(made) - 30 < len(kept) < len(made)
    assert len(kept) + len(named_lost(journal)) == len(made)
    journal.close()
    assert [one.name for one in tmp_path.iterdir() if "suspected" in one.name] == []


def test_the_check_of_a_large_file_gives_signs_of_life(tmp_path, monkeypatch):
    path = tmp_path / "journal.db"
    broken_journal(path, 400)
    monkeypatch.setattr(opening, "PROGRESS", 1000)
    signs = []
    journal = open_journal(path, first=9, alive=lambda: signs.append(1))
    assert journal.set_aside is None
    assert len(signs) > 3
    journal.close()


def place_of(path, entry):
    """Give where in a file an entry stands."""
    return path.read_bytes().index(bytes(entry.open))


def test_a_sector_that_cannot_be_read_is_damage_at_the_next_start(tmp_path):
    path = tmp_path / "journal.db"
    made = broken_journal(path)
    with unreadable(path, place_of(path, made[60])):
        journal = open_journal(path, first=9, or_refuse=True)
        assert (journal.fault, journal.set_aside is not None) == (None, True)
        kept = list(read(journal))
        assert made[-1] in kept
        assert 0 < len(made) - len(kept) < 40
        lost = {(entry.stream, entry.seq) for entry in made if entry not in kept}
        assert named_lost(journal) == lost
        assert journal.append([alert()], stamp(999))
        journal.close()


def test_a_sector_that_cannot_be_read_any_more_keeps_nothing_back(tmp_path):
    """What lies behind it is sent, and what lay on it is told as lost."""
    path = tmp_path / "journal.db"
    made = broken_journal(path)
    journal = open_journal(path, first=9)
    made += fill(journal, 40, first=500)
    journal._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    link = Uplink(journal, **PLACE, boot="b", version="0", jitter=lambda: 0.5)
    recorder = Recorder(journal, 2000)
    writing = Writing(recorder, Disk(), 0.0, link.reloaded)
    sent = set()
    with unreadable(path, place_of(path, made[60])):
        journal._connection.close()
        journal._connection = sqlite3.connect(path, isolation_level=None)
        link.connected(0.0)
        for now in range(60):
            link.recorded(writing.record([], float(now), stamp(now)), float(now))
            for out in link.due(float(now)):
                if out.topic.endswith("/entries"):
                    sent |= {(one.stream, one.seq) for one in c.decode_batch(out.payload)}
            if link.fault is not None:
                writing.unreadable(link.fault, float(now))
            known = sent | named_lost(journal)
            marks = tuple(
                c.Mark(stream=held.stream, committed=committed(known, held.stream), safe=0)
                for held in journal.held()
            )
            ack = c.encode(c.Ack(v=1, boot="central", marks=marks))
            link.heard(c.gate_topic("c01", "east", "ack"), ack, float(now))
        assert journal.set_aside is not None
        lost = {(entry.stream, entry.seq) for entry in made} - sent
        assert lost == named_lost(journal)
        assert 0 < len(lost) < 40
        assert link.waiting == 0
    journal.close()


def committed(known, stream):
    """Give how far a stream is known without a gap."""
    high = 0
    while (stream, high + 1) in known:
        high += 1
    return high
