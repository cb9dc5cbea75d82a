"""The ledger: what it takes, refuses, notices and remembers."""

import sqlite3

import msgspec
import pytest

from central import aggregate, picture, reading, understanding
from central import ledger as ledger_room
from central.arrivals import Parcel
from central.errors import LedgerUnreadable, LedgerUnwritable
from central.ledger import Ledger
from gateway import contract
from gateway.contract import Held, Hello, Lost
from tests.central.gates import HOUR_MS, T0, Stream, changed

NOW = T0 + HOUR_MS


@pytest.fixture
def ledger(tmp_path):
    found = Ledger(tmp_path / "ledger.db")
    yield found
    assert found.counters() == found.recount()
    found.close()


def take(ledger, stream, entries=None, place=None):
    compound, gate = place or (stream.compound, stream.gate)
    entries = stream.entries if entries is None else entries
    return ledger.absorb(compound, gate, entries, NOW)


def gaps(ledger):
    return reading.gaps(ledger.db)


def whats(ledger):
    return sorted({one["what"] for one in gaps(ledger)["troubles"]})


def test_new_then_repeat(ledger):
    gate = Stream()
    gate.passage(decision="refer")
    first = take(ledger, gate)
    assert (first.new, first.repeats, first.conflicts, first.not_understood) == (6, 0, 0, 0)
    assert first.marks == (contract.Mark(stream=gate.id, committed=6, safe=0),)
    assert first.moved == {("c01", "east", "2020-02-11", 14)}
    again = take(ledger, gate)
    assert (again.new, again.repeats, again.moved) == (0, 6, frozenset())
    assert ledger.figures("2020-02-11", "c01").refer == 1
    assert ledger.figures("2020-02-12") == contract.Figures()


def test_a_repeat_within_one_message(ledger):
    gate = Stream()
    gate.passage()
    found = take(ledger, gate, [*gate.entries, *gate.entries[2:]])
    assert (found.new, found.repeats) == (6, 4)


def test_committed_is_contiguous(ledger):
    gate = Stream()
    gate.passage()
    gate.passage()
    assert take(ledger, gate, gate.entries[3:5]).marks[0].committed == 0
    assert take(ledger, gate, gate.entries[:2]).marks[0].committed == 2
    assert gaps(ledger)["holes"] == [
        {"stream": gate.id, "compound": "c01", "gate": "east", "first": 3, "last": 3, "entries": 1}
    ]
    assert take(ledger, gate, gate.entries[10:]).marks[0].committed == 2
    assert take(ledger, gate).marks[0].committed == 11
    assert gaps(ledger) == {"holes": [], "lost": [], "troubles": []}


def test_marks_survive_a_restart(tmp_path):
    gate = Stream()
    gate.passage()
    gate.passage()
    with_hole = gate.entries[:4] + gate.entries[6:]
    one = Ledger(tmp_path / "ledger.db")
    take(one, gate, with_hole)
    one.close()
    two = Ledger(tmp_path / "ledger.db")
    assert two.mark(gate.id).committed == 4
    assert take(two, gate, gate.entries[4:6]).marks[0].committed == 11
    two.close()


def test_another_content_under_the_same_name_is_a_conflict(ledger):
    gate = Stream()
    gate.passage()
    take(ledger, gate)
    other = changed(gate.entries[4], open=msgspec.Raw(b'{"decision":"refer","revision":9}'))
    for _ in range(2):
        found = take(ledger, gate, [other])
        assert found.new == 0
    assert found.marks[0].committed == 6
    told = reading.summary(ledger.db)
    assert (told["conflicts"], told["decisions"]["refer"]) == (1, 0)
    assert whats(ledger) == ["conflict"]
    kept = ledger.db.execute("SELECT open FROM conflict").fetchone()[0]
    assert kept == b'{"decision":"refer","revision":9}'


def test_a_conflict_within_one_message(ledger):
    gate = Stream()
    gate.passage()
    other = changed(gate.entries[4], kind="closed")
    found = take(ledger, gate, [*gate.entries, other])
    assert (found.new, found.conflicts) == (6, 1)


def test_two_successors_are_a_fork_and_all_counted(ledger):
    card = Stream()
    card.passage()
    one, two = Stream(before=card), Stream(before=card)
    one.passage()
    two.passage()
    for gate in (card, one):
        take(ledger, gate)
    assert whats(ledger) == []
    take(ledger, two)
    assert whats(ledger) == ["fork"]
    assert ledger.figures().vehicles_in == 3


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_an_image_that_forgot_its_end_is_a_fork(ledger, order):
    card = Stream()
    card.passage()
    successor = Stream(before=card)
    card.passage()
    for which in order:
        take(ledger, (card, successor)[which])
    assert whats(ledger) == ["fork"]


def test_a_start_over_a_broken_journal_is_no_fork_and_leaves_the_gate_unsure(ledger):
    card = Stream()
    card.passage()
    kept = card.last
    card.passage()
    take(ledger, card)
    successor = Stream()
    started = msgspec.structs.replace(
        contract.decode_body(successor.entries[0]),
        before=card.id, before_last=kept, salvaged=True,
    )  # fmt: skip
    successor.entries[0] = msgspec.structs.replace(
        successor.entries[0], open=msgspec.Raw(contract.encode(started))
    )
    take(ledger, successor)
    assert whats(ledger) == ["torn"]
    take(ledger, Stream(before=card))
    assert whats(ledger) == ["torn"], "the one start that claims an end names the true one"
    take(ledger, Stream(before=card))
    assert sorted(whats(ledger)) == ["fork", "torn"]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_a_journal_that_begins_a_second_time_is_said(ledger, order):
    card, new = Stream(), Stream(boot="boot-2")
    gates = (card, Stream(before=card), new)
    for which in order[:2]:
        take(ledger, gates[which])
    assert whats(ledger) == ([] if order[0] == 0 else ["anew"])
    take(ledger, gates[order[2]])
    assert whats(ledger) == ["anew"]


def test_a_chain_break_is_noticed_whichever_neighbour_comes_first(ledger):
    for order in (slice(None), slice(None, None, -1)):
        gate = Stream()
        gate.passage()
        broken = list(gate.entries)
        broken[3] = changed(broken[3], prev="f" * 64)
        for entry in broken[order]:
            take(ledger, gate, [entry])
    troubles = gaps(ledger)["troubles"]
    found = [(one["what"], one["seq"]) for one in troubles if one["what"] != "anew"]
    # The entry itself names another before it; the one after it names what it was before.
    assert sorted(found) == [("chain", 4), ("chain", 4), ("chain", 5), ("chain", 5)]


def test_lost_ranges_are_stepped_over_and_a_late_arrival_replaces_them(ledger):
    gate = Stream()
    gate.passage()
    gate.passage()
    take(ledger, gate, gate.entries[:2] + gate.entries[8:])
    hello = Hello(v=1, boot="b", lost=(Lost(stream=gate.id, first=1, last=6, reason="disk"),))
    assert ledger.hello("c01", "east", hello, NOW)[0].committed == 6
    assert reading.summary(ledger.db)["lost"] == 4
    take(ledger, gate, gate.entries[4:5])
    told = gaps(ledger)
    assert [(one["first"], one["last"]) for one in told["lost"]] == [(3, 4), (6, 6)]
    assert [(one["first"], one["last"]) for one in told["holes"]] == [(7, 8)]
    assert take(ledger, gate).marks[0].committed == 11
    assert reading.summary(ledger.db)["lost"] == 0
    assert ledger.figures().vehicles_in == 2


def test_a_mark_names_what_was_taken_for_lost_until_it_turns_up(ledger):
    gate = Stream()
    gate.passage()
    lost = Hello(v=1, boot="b", lost=(Lost(stream=gate.id, first=2, last=4),))
    ledger.hello("c01", "east", lost, T0)
    ledger.absorb("c01", "east", [gate.entries[0], *gate.entries[4:]], T0)
    assert ledger.mark(gate.id).committed == 6
    assert ledger.mark(gate.id).lost == ((2, 4),)
    ledger.absorb("c01", "east", gate.entries[2:3], T0)
    assert ledger.mark(gate.id).lost == ((2, 2), (4, 4))


def test_what_a_gate_no_longer_holds_below_its_range_is_lost(ledger):
    gate = Stream()
    hello = Hello(v=1, boot="b", held=(Held(stream=gate.id, first=101, last=200),))
    assert ledger.hello("c01", "east", hello, NOW)[0].committed == 100
    assert reading.summary(ledger.db)["lost"] == 100


def seen(ledger):
    """Give what is alarmed, and acknowledge it."""
    found = sorted(what for what, *_ in picture.troubles(ledger.db))
    for what in found:
        reading.acknowledge(ledger.path, ("c01", "east"), what, "duty")
    return found


def test_what_was_acknowledged_is_alarmed_anew_when_more_is_lost(ledger):
    def lose(last):
        lost = Lost(stream="5e" * 16, first=1, last=last, reason="disk bound")
        ledger.hello("c01", "east", Hello(v=1, boot="b", lost=(lost,)), NOW)

    lose(50)
    assert seen(ledger) == ["lost"]
    lose(50)
    assert seen(ledger) == []
    lose(350)
    assert seen(ledger) == ["lost"]
    details = ledger.db.execute("SELECT seq, detail FROM trouble ORDER BY seq").fetchall()
    assert [tuple(row) for row in details] == [
        (1, "1 to 50: disk bound"), (51, "51 to 350: disk bound"),
    ]  # fmt: skip


def test_what_was_acknowledged_is_alarmed_anew_when_it_comes_again(ledger):
    card = Stream()
    card.passage()
    take(ledger, card)
    for copies in ([], ["fork"], ["fork"]):
        take(ledger, Stream(before=card))
        assert seen(ledger) == copies
    for _ in range(2):
        card.passage()
        take(ledger, card)
        assert seen(ledger) == (["fork"] if card.last == 11 else []), "it goes on: that is known"
    for payload, alarmed in ((b"one", ["refused"]), (b"one", []), (b"two", ["refused"])):
        ledger.refuse("c01", "east", "not an array", payload, NOW)
        assert seen(ledger) == alarmed
    for kind, alarmed in (("closed", ["conflict"]), ("closed", []), ("plate", ["conflict"])):
        take(ledger, card, [changed(card.entries[1], kind=kind)])
        assert seen(ledger) == alarmed
    assert reading.summary(ledger.db)["forks"] == 1


def test_a_tombstone_is_lost_too(ledger):
    gate, next_ = Stream(), Stream()
    next_.put(contract.Tombstone, stream=gate.id, first=2, last=3, reason="disk bound")
    take(ledger, next_)
    take(ledger, gate)
    assert ledger.mark(gate.id).committed == 3
    assert gaps(ledger)["lost"][0]["reason"] == "disk bound"


def test_hello_is_always_answered(ledger):
    unknown = "f" * 32
    hello = Hello(v=1, boot="b", held=(Held(stream=unknown, first=1, last=9),))
    assert ledger.hello("c01", "east", hello, NOW) == (
        contract.Mark(stream=unknown, committed=0, safe=0),
    )
    assert ledger.hello("c01", "east", Hello(v=1, boot="b"), NOW) == ()


def test_an_absurd_lost_range_is_not_believed(ledger):
    hello = Hello(v=1, boot="b", lost=(Lost(stream="f" * 32, first=9, last=10**30),))
    assert ledger.hello("c01", "east", hello, NOW)[0].committed == 0
    assert reading.summary(ledger.db)["lost"] == 0


def test_a_stream_belongs_to_the_place_its_start_names(ledger):
    gate = Stream("c02", "south")
    gate.passage()
    take(ledger, gate, gate.entries[1:], place=("c01", "east"))
    assert ledger.figures(compound="c01").vehicles_in == 1
    take(ledger, gate, gate.entries[:1])
    assert ledger.figures(compound="c01").vehicles_in == 0
    assert ledger.figures(compound="c02").vehicles_in == 1
    assert whats(ledger) == ["place"]
    take(ledger, gate, gate.entries[:1], place=("c01", "east"))
    assert whats(ledger) == ["place"]


def test_a_successors_word_on_a_missing_end_is_a_hole(ledger):
    card = Stream()
    card.passage()
    successor = Stream(before=card)
    take(ledger, card, card.entries[:4])
    take(ledger, successor)
    assert [(one["first"], one["last"]) for one in gaps(ledger)["holes"]] == [(5, 6)]


def test_a_passage_that_goes_on_after_a_restart(ledger):
    before = Stream()
    ref = before.opened()
    after = Stream(before=before)
    after.decided(ref, "refer", 4)
    after.closed(ref, "interrupted")
    for gate in (after, before):
        take(ledger, gate)
    assert ledger.figures() == contract.Figures(vehicles_in=1, refer=1)


def test_a_later_kind_is_kept_acknowledged_and_counted_after_the_upgrade(tmp_path, monkeypatch):
    gate = Stream()
    ref = gate.opened()
    gate.put(b'{"decision":"refer","revision":2,"passage":"%s"}' % ref.encode(), kind="judged")
    gate.put(b'{"never":"known"}', kind="unheard_of")
    gate.decided(ref, "admit")
    one = Ledger(tmp_path / "ledger.db")
    found = take(one, gate)
    assert (found.new, found.not_understood, found.marks[0].committed) == (5, 2, 5)
    assert take(one, gate).repeats == 5
    assert one.figures().admit == 1
    one.close()
    # The upgrade: this version knows the kind.
    monkeypatch.setitem(contract.KINDS, "judged", contract.Decided)
    monkeypatch.setitem(contract._BODIES, "judged", msgspec.json.Decoder(contract.Decided))
    known = aggregate.FACT_KINDS | {"judged"}
    monkeypatch.setattr(understanding, "FACT_KINDS", known)
    two = Ledger(tmp_path / "ledger.db")
    assert two.figures() == contract.Figures(vehicles_in=1, refer=1)
    assert two.counters() == two.recount()
    assert reading.summary(two.db)["not_understood"] == 1
    two.close()
    Ledger(tmp_path / "ledger.db").close()


POISON = [
    {"at_ms": 10**30},
    {"mono_ms": -(10**25)},
    {"revision": 10**40},
    {"passage": "nonsense"},
    {"passage": "f" * 32 + "/" + "9" * 30},
    {"passage": None},
    {"decision": "wave through"},
    {"clock": "sundial"},
]


@pytest.mark.parametrize("fields", POISON)
def test_a_body_that_cannot_be_believed_never_harms_its_batch(ledger, fields):
    gate = Stream()
    ref = gate.opened()
    body = {"at_ms": T0, "clock": "ntp", "passage": ref, "decision": "refer", "revision": 3}
    gate.put(msgspec.json.encode({**body, **fields}), kind="decided")
    gate.decided(ref, "admit")
    found = take(ledger, gate)
    assert (found.new, found.not_understood, found.marks[0].committed) == (4, 1, 4)
    assert ledger.figures() == contract.Figures(vehicles_in=1, admit=1)


@pytest.mark.parametrize("fields", [{"v": -1}, {"v": 10**9}, {"seq": 10**18}, {"seq": 10**40}])
def test_an_envelope_that_cannot_be_kept_is_refused_and_said(ledger, fields):
    gate = Stream()
    gate.passage()
    bad = changed(gate.entries[5], **fields)
    found = take(ledger, gate, [*gate.entries[:5], bad])
    assert (found.new, found.marks[0].committed) == (5, 5)
    assert whats(ledger) == ["refused"]
    assert reading.summary(ledger.db)["refused"] == 1


def test_an_envelope_that_cannot_be_read_is_kept_and_gives_way_to_one_that_can(ledger):
    gate = Stream()
    gate.passage()
    garbled = contract.encode(gate.entries[3]).replace(b'"prev"', b'"perv"')
    parcel = Parcel("c01", "east", gate.entries[:3] + gate.entries[4:], [garbled])
    (found,) = ledger.absorb_all([parcel], NOW)
    assert (found.new, found.not_understood, found.marks[0].committed) == (6, 1, 6)
    assert ledger.absorb_all([parcel], NOW)[0].repeats == 6
    assert ledger.figures().persons == 0
    assert take(ledger, gate).new == 1
    assert ledger.figures().persons == 1
    told = reading.summary(ledger.db)
    assert (told["not_understood"], told["conflicts"]) == (0, 1)


@pytest.mark.parametrize("upgraded", [False, True])
def test_the_chain_is_not_called_broken_at_what_could_not_be_read(ledger, upgraded):
    gate = Stream()
    gate.passage()
    garbled = contract.encode(gate.entries[3]).replace(b'"prev"', b'"perv"')
    ledger.absorb_all([Parcel("c01", "east", gate.entries[:3], [garbled])], NOW)
    if upgraded:  # This version reads what the one before it could not.
        row = (contract.encode(gate.entries[3]), 4)
        ledger.db.execute("UPDATE entry SET open = ? WHERE key & 255 = ?", row)
        ledger._count_waiting()
    else:
        take(ledger, gate, gate.entries[3:4])
    take(ledger, gate, gate.entries[4:])
    assert whats(ledger) == []


def test_what_follows_an_entry_that_could_not_be_read_breaks_no_chain(ledger):
    gate = Stream()
    gate.passage()
    garbled = contract.encode(gate.entries[3]).replace(b'"prev"', b'"perv"')
    ledger.absorb_all([Parcel("c01", "east", gate.entries[:3], [garbled])], NOW)
    take(ledger, gate, gate.entries[4:5])
    garbled = contract.encode(gate.entries[5]).replace(b'"prev"', b'"perv"')
    gate.passage()
    ledger.absorb_all([Parcel("c01", "east", gate.entries[6:], [garbled])], NOW)
    take(ledger, gate)
    assert whats(ledger) == []
    assert ledger.mark(gate.id).committed == 11


def test_rubbish_without_a_name_is_refused(ledger):
    parcel = Parcel("c01", "east", (), [b'{"seq":1}', b"[]", b"7"])
    (found,) = ledger.absorb_all([parcel], NOW)
    assert (found.new, found.marks) == (0, ())
    assert reading.summary(ledger.db)["refused"] == 3


def test_a_void_that_comes_before_what_it_names(ledger):
    gate = Stream()
    ref = gate.opened()
    gate.decided(ref, "recheck", 1)
    wrong = gate.decided(ref, "refer", 2)
    later = Stream(before=gate)
    later.put(contract.Voided, entry=wrong, reason="typed for another")
    take(ledger, later)
    take(ledger, gate)
    assert ledger.figures().recheck == 1
    later.put(contract.Voided, entry=ref, reason="a cat")
    take(ledger, later)
    assert ledger.figures() == contract.Figures()


def test_a_boot_without_time_is_of_no_known_day_until_its_clock_is_set(ledger):
    gate = Stream(clock="unset")
    gate.at_ms = 5_000
    gate.passage()
    take(ledger, gate)
    assert ledger.figures("unknown").vehicles_in == 1
    gate.clock, gate.at_ms = "ntp", T0
    gate.put(contract.ClockJumped, boot="boot-1", jump_ms=T0 - 5_000, was="unset")
    gate.passage()
    take(ledger, gate)
    assert ledger.figures("unknown") == contract.Figures()
    assert ledger.figures("2020-02-11").vehicles_in == 2


def test_a_clock_entry_that_comes_first_mends_what_comes_later(ledger):
    gate = Stream(clock="unset")
    gate.at_ms = 5_000
    gate.passage()
    later = Stream(before=gate)
    later.mono_ms = gate.mono_ms
    later.put(contract.ClockJumped, boot="boot-1", jump_ms=T0 - 5_000, was="unset")
    for entries, stream in ((None, later), (gate.entries[1:], gate), (gate.entries[:1], gate)):
        take(ledger, stream, entries)
    assert ledger.figures("2020-02-11").vehicles_in == 1


@pytest.mark.parametrize("order", [1, -1], ids=["in order", "backwards"])
def test_a_clock_entry_tells_its_streams_boot_where_the_start_is_no_longer_held(ledger, order):
    """Central lost everything, and the gate has given up the first entries of its stream."""
    gate = Stream(clock="unset")
    gate.at_ms = 5_000
    gate.passage()
    gate.clock, gate.at_ms = "ntp", T0
    gate.put(contract.ClockJumped, boot="boot-1", jump_ms=T0 - 5_000, was="unset")
    for entry in gate.entries[1:][::order]:
        take(ledger, gate, [entry])
    assert ledger.figures("unknown") == contract.Figures()
    assert ledger.figures("2020-02-11").vehicles_in == 1
    assert ledger.recount() == ledger.counters()
    take(ledger, gate)
    assert ledger.recount() == ledger.counters()
    assert ledger.figures("2020-02-11").vehicles_in == 1


def test_late_entries_raise_a_closed_days_revision(ledger):
    gate = Stream()
    gate.passage()
    ledger.absorb("c01", "east", gate.entries, T0 + 10 * HOUR_MS + 1)
    assert [tuple(row) for row in ledger.db.execute("SELECT * FROM day")] == [
        ("c01", "east", "2020-02-11", 1)
    ]
    take(ledger, gate)
    assert ledger.db.execute("SELECT late FROM day").fetchone()[0] == 1


def test_sealed_parts_are_erased_and_the_chain_still_verifies(ledger):
    gate = Stream()
    gate.plate(gate.opened(), sealed=b"box")
    take(ledger, gate)
    assert ledger.erase_sealed(NOW) == 0
    assert ledger.erase_sealed(NOW + 1) == 1
    row = ledger.db.execute("SELECT seal, sealed FROM entry WHERE kind = 'plate'").fetchone()
    assert (row["seal"].hex(), row["sealed"]) == (gate.entries[2].seal, None)
    assert take(ledger, gate).repeats == 3


def test_a_full_disk_takes_nothing_and_loses_nothing(ledger):
    gate = Stream()
    for _ in range(40):
        gate.passage()
    take(ledger, gate, gate.entries[:50])
    pages = ledger.db.execute("PRAGMA page_count").fetchone()[0]
    ledger.db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LedgerUnwritable, match="full"):
        take(ledger, gate)
    assert ledger.mark(gate.id).committed == 50
    assert ledger.figures().vehicles_in == 10
    assert ledger.counters() == ledger.recount()
    ledger.db.execute("PRAGMA max_page_count = 1000000")
    assert take(ledger, gate).marks[0].committed == 201
    assert ledger.figures().vehicles_in == 40


@pytest.mark.parametrize("content", [b"not a database, but a shopping list" * 40, b"SQLite fo"])
def test_a_ledger_that_will_not_open_is_left_as_it_is(tmp_path, content):
    path = tmp_path / "ledger.db"
    path.write_bytes(content)
    with pytest.raises(LedgerUnreadable, match="restore a backup"):
        Ledger(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "word", ["SQLITE_FULL", "SQLITE_READONLY_DIRECTORY", "SQLITE_CANTOPEN", "SQLITE_IOERR_SHMSIZE"]
)
def test_a_disk_that_takes_nothing_is_no_reason_to_restore(tmp_path, monkeypatch, word):
    def refuse(_db):
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorname = word
        raise error

    monkeypatch.setattr(ledger_room, "lay", refuse)
    with pytest.raises(LedgerUnwritable, match="free the disk") as raised:
        Ledger(tmp_path / "ledger.db")
    assert "restore" not in str(raised.value)


def test_a_folder_without_room_for_the_index_is_no_reason_to_restore(tmp_path):
    """What SQLite needs beside the file cannot be made: a folder stands there."""
    (tmp_path / "ledger.db-shm").mkdir()
    with pytest.raises(LedgerUnwritable, match="free the disk"):
        Ledger(tmp_path / "ledger.db")


def test_a_reader_beside_the_writer(ledger):
    gate = Stream()
    gate.passage()
    db = reading.open_read_only(ledger.path)
    take(ledger, gate)
    assert reading.summary(db)["passages"] == {"c01": 1}
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        db.execute("DELETE FROM entry")
    db.close()
