"""The uplink as a table of steps, then against a lossy bus and a tiny centre."""

import sqlite3
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import contract as c
from gateway.journal.journal import Journal
from gateway.uplink import RETIRED_MAX, Pace, Uplink

from .journals import PLACE, alert, fill, open_journal, opened, stamp

ACK = c.gate_topic("c01", "east", "ack")
STATUS = c.gate_topic("c01", "east", "status")
COMMAND = c.gate_topic("c01", "east", "command")


def uplink(journal, **pace):
    return Uplink(
        journal, **PLACE, boot="boot-1", version="0", jitter=lambda: 0.5, pace=Pace(**pace)
    )


def words(outs):
    return [out.topic.rsplit("/", 1)[1] for out in outs]


def sequences(outs):
    """Give the sequences of each batch, and of each early alert."""
    found = []
    for out in outs:
        word = out.topic.rsplit("/", 1)[1]
        if word == "entries":
            found.append([entry.seq for entry in c.decode_batch(out.payload)])
        elif word == "alert":
            found.append(c.decode_entry(out.payload).seq)
    return found


def ack(stream, committed, safe=0, boot="central-1"):
    mark = c.Mark(stream=stream, committed=committed, safe=safe)
    return ACK, c.encode(c.Ack(v=1, boot=boot, marks=(mark,)))


def central(online=True, boot="central-1"):
    status = c.Status(v=1, online=online, boot=boot, at_ms=0, version="0")
    return c.CENTRAL_STATUS, c.encode(status)


def hellos(outs):
    return [c.decode(out.payload, c.Hello) for out in outs if out.topic.endswith("/hello")]


def told(entries, journal, **pace):
    """Give an uplink that is connected and has heard how far central is."""
    link = uplink(journal, **pace)
    link.connected(0.0)
    outs = link.due(0.0)
    assert words(outs) == ["status", "hello"]
    link.heard(*ack(journal.stream, 0), 0.1)
    return link


def test_a_journal_that_cannot_be_read_keeps_back_no_alert_and_no_word_of_health():
    """On a dead card this ended the gate, and what waited NOT RECORDED was gone."""
    journal = open_journal()
    fill(journal, 40)
    link = told([], journal)
    link.tell(c.Health(v=1, boot="b", at_ms=0, clock="ntp", version="0", waiting=0))
    link.recorded(journal.append([alert()], stamp(99)), 0.2)
    reading = journal._connection

    class Dead:
        def execute(self, *_):
            raise sqlite3.OperationalError("disk I/O error")

    journal._connection = Dead()
    assert words(link.due(0.2)) == ["alert", "health"]
    assert link.fault.state == "unwritable"
    journal._connection = reading
    assert words(link.due(0.3)) == ["entries"]
    assert link.fault is None


def test_a_line_that_carries_nothing_is_tried_with_smaller_batches():
    journal = open_journal()
    fill(journal, 40)
    link = told([], journal, batch=16, window=2)

    def connect(now):
        link.connected(now)
        link.due(now)
        link.heard(*ack(journal.stream, link.marks[0].committed), now)
        return [len(batch) for batch in sequences(link.due(now))]

    assert [len(batch) for batch in sequences(link.due(0.2))] == [16, 16]
    link.disconnected(30.0)
    assert connect(31.0) == [8, 8]
    link.disconnected(60.0)
    assert connect(61.0) == [4, 4]
    link.heard(*ack(journal.stream, 4), 70.0)
    link.disconnected(75.0)  # It carried something: so it goes on.
    assert connect(76.0) == [4, 4]
    link.heard(*ack(journal.stream, journal.last(journal.stream)), 80.0)
    link.recorded(fill(journal, 40, first=100), 81.0)
    assert [len(batch) for batch in sequences(link.due(81.0))] == [16, 16]


def test_a_late_word_of_a_centre_that_is_gone_lets_nothing_be_deleted():
    """It was lost with its backups; what it called safe only this gate holds."""
    journal = open_journal()
    last = fill(journal, 40)[-1].seq
    link = told([], journal)
    link.heard(*central(boot="central-1"), 0.2)
    link.heard(*ack(journal.stream, last), 0.3)
    link.heard(*central(boot="central-2"), 10.0)
    link.due(11.0)
    link.heard(*ack(journal.stream, 0, boot="central-2"), 11.1)
    link.heard(*ack(journal.stream, last, safe=last, boot="central-1"), 12.0)
    assert link.marks == (c.Mark(stream=journal.stream, committed=0, safe=0),)
    assert link.link == "up"


def test_a_late_word_makes_the_gate_deaf_to_no_centre():
    """To a gate that has just started it looks like the first of a new one."""
    journal = open_journal()
    last = fill(journal, 40)[-1].seq
    link = told([], journal)
    link.heard(*ack(journal.stream, 0, boot="central-2"), 0.2)
    link.heard(*ack(journal.stream, 0, boot="central-0"), 0.3)  # late
    now = 0.4
    while link.waiting:
        now += 1.0
        for out in link.due(now):
            if not out.topic.endswith("/status"):
                link.heard(*ack(journal.stream, last, boot="central-2"), now)
        assert now < 60.0


def test_the_ends_of_many_centres_are_remembered_within_a_bound():
    journal = open_journal()
    fill(journal, 4)
    link = told([], journal)
    for number in range(100):
        link.heard(*central(boot=f"central-{number}"), float(number))
    assert len(link._retired) == RETIRED_MAX


def test_progress_of_one_stream_makes_up_for_no_word_on_another(tmp_path):
    """The hello that named the stream of before, or its answer, was lost."""
    journal = open_journal(tmp_path / "journal.db")
    before = fill(journal, 40)[0].stream
    journal.close()
    journal = open_journal(tmp_path / "journal.db", first=50)
    link = uplink(journal, patience_s=5.0)
    link.connected(0.0)
    assert len(hellos(link.due(0.0))) == 1
    now = 0.0
    while now < 60.0:
        now += 1.0
        link.recorded(journal.append([opened(int(now))], stamp(int(now))), now)
        outs = link.due(now)
        if asked := hellos(outs):
            break
        for out in outs:
            newest = c.decode_batch(out.payload)[-1]
            link.heard(*ack(newest.stream, newest.seq), now)
    assert before in {held.stream for held in asked[0].held}
    assert now <= 10.0
    journal.close()


def test_on_connecting_it_says_who_it_is_and_what_it_holds_and_then_waits():
    journal = open_journal()
    entries = fill(journal, 8)
    link = uplink(journal)
    assert link.due(0.0) == []
    assert link.link == "down"
    link.connected(0.0)
    outs = link.due(0.0, at_ms=5)
    assert words(outs) == ["status", "hello"]
    assert outs[0].retain
    assert c.decode(outs[0].payload, c.Status).online
    assert hellos(outs)[0].held == (
        c.Held(stream=journal.stream, first=1, last=len(entries)),
    )  # fmt: skip
    assert link.due(1.0) == []
    link.heard(*ack(journal.stream, 4), 1.0)
    assert sequences(link.due(1.0)) == [[5, 6, 7, 8, 9]]
    assert link.waiting == 5
    link.heard(*ack(journal.stream, 9), 1.1)
    assert (link.waiting, link.wake_at, link.due(1.1)) == (0, None, [])


def test_a_stream_begun_while_connected_needs_no_hello():
    journal = open_journal()
    link = uplink(journal)
    link.connected(0.0)
    link.due(0.0)
    link.recorded(journal.append([opened(1)], stamp()), 1.0)
    assert sequences(link.due(1.0)) == [[1, 2]]


def test_the_window_counts_batches_above_committed():
    journal = open_journal()
    entries = fill(journal, 95)
    link = told(entries, journal, window=3, batch=10)
    assert [batch[-1] for batch in sequences(link.due(0.1))] == [10, 20, 30]
    assert link.due(0.2) == []
    link.heard(*ack(journal.stream, 15), 0.3)
    assert [batch[0] for batch in sequences(link.due(0.3))] == [31]
    link.heard(*ack(journal.stream, 40), 0.4)
    assert [batch[0] for batch in sequences(link.due(0.4))] == [41, 51, 61]


def test_committed_may_fall_and_is_believed():
    journal = open_journal()
    entries = fill(journal, 30)
    link = told(entries, journal, batch=10)
    assert len(sequences(link.due(0.1))) == 4
    link.heard(*ack(journal.stream, 30, safe=20), 0.2)
    link.heard(*ack(journal.stream, 12, safe=0), 0.3)
    assert sequences(link.due(0.3))[0][0] == 13
    assert link.marks == (c.Mark(stream=journal.stream, committed=12, safe=0),)


def test_without_progress_it_says_hello_ever_more_rarely():
    journal = open_journal()
    entries = fill(journal, 30)
    link = told(entries, journal, patience_s=5.0, patience_s_max=40.0)
    link.due(0.1)
    gaps, now = [], 0.1
    for _ in range(6):
        before = now
        now = link.wake_at
        gaps.append(round(now - before, 3))
        outs = link.due(now)
        assert words(outs) == ["hello"]
        assert link.link == "central_away"
    assert gaps == [5.0, 10.0, 20.0, 40.0, 40.0, 40.0]
    link.heard(*ack(journal.stream, 0), now + 1)
    assert link.link == "up"
    assert sequences(link.due(now + 1)) == [list(range(1, len(entries) + 1))]
    # It answers but nothing moves on: still ever more rarely.
    assert link.wake_at == pytest.approx(now + 41)


def test_a_lost_batch_is_sent_again_after_the_hello():
    journal = open_journal()
    entries = fill(journal, 40)
    link = told(entries, journal, batch=10, window=8)
    link.due(0.1)
    link.heard(*ack(journal.stream, 10), 0.2)  # the second batch was lost; the rest arrived
    assert link.due(0.2) == []
    assert words(link.due(link.wake_at)) == ["hello"]
    link.heard(*ack(journal.stream, 10), 6.0)
    assert sequences(link.due(6.0))[0][0] == 11


def test_a_new_boot_of_central_is_greeted_within_the_spread():
    journal = open_journal()
    fill(journal, 4)
    link = uplink(journal, spread_s=2.0)
    link.connected(0.0)
    link.heard(*central(), 0.0)
    assert words(link.due(0.0)) == ["status", "hello"]
    link.heard(*ack(journal.stream, 5), 0.1)
    link.heard(*central(), 0.2)
    assert link.wake_at is None
    link.heard(*central(boot="central-2"), 10.0)
    assert link.wake_at == 11.0
    assert words(link.due(11.0)) == ["hello"]


def test_an_answer_that_marks_nothing_tells_a_quiet_gate_of_another_boot():
    journal = open_journal()
    link = told(fill(journal, 4), journal, spread_s=2.0)
    link.due(0.1)
    link.heard(*ack(journal.stream, 5, safe=5), 0.2)
    unmarked = c.encode(c.Ack(v=1, boot="central-2", marks=()))
    for at in (10.0, 10.1):
        link.heard(ACK, unmarked, at)
        assert link.wake_at == 11.0
    assert words(link.due(11.0)) == ["hello"]
    link.heard(*ack(journal.stream, 2, boot="central-2"), 11.1)
    assert sequences(link.due(11.1)) == [[3, 4, 5]]


def test_a_central_that_takes_leave_gets_no_entries_but_alerts():
    journal = open_journal()
    entries = fill(journal, 4)
    link = told(entries, journal)
    link.heard(*central(online=False), 0.2)
    assert link.link == "central_away"
    assert link.due(0.3) == []
    link.recorded(journal.append([alert()], stamp()), 0.4)
    assert words(link.due(0.4)) == ["alert"]
    link.heard(*central(boot="central-2"), 50.0)
    assert words(link.due(50.5)) == ["hello"]


def test_a_central_whose_return_nobody_told_of_is_found_by_the_next_entry():
    """All was safe when it left, so the hello asked nothing; its word online never arrived."""
    journal = open_journal()
    fill(journal, 4)
    link = told([], journal)
    link.heard(*ack(journal.stream, 5, safe=5), 0.2)
    link.heard(*central(online=False), 0.3)
    now = link.wake_at
    assert words(link.due(now)) == ["hello"]
    assert link.link == "central_away"
    link.recorded(journal.append([opened(9)], stamp(9)), now + 1)
    assert words(link.due(now + 1)) == ["entries"]
    assert link.wake_at is not None
    link.heard(*ack(journal.stream, 6, safe=5), now + 2)
    assert link.link == "up"


def test_alerts_overtake_byte_for_byte_and_are_sent_again_in_order():
    journal = open_journal()
    entries = fill(journal, 30)
    link = told(entries, journal, batch=10, window=1)
    link.due(0.1)
    made = journal.append([opened(99), alert("a1")], stamp())
    link.recorded(made, 0.2)
    outs = link.due(0.2)
    assert words(outs) == ["alert"]
    assert outs[0].payload == c.encode(made[1])
    link.heard(*ack(journal.stream, 30), 0.3)
    batch = link.due(0.3)[0].payload
    assert outs[0].payload in batch


def test_alerts_of_before_a_restart_go_out_first():
    journal = open_journal()
    fill(journal, 300)
    made = journal.append([alert("a9")], stamp())
    link = uplink(journal)
    link.connected(0.0)
    link.due(0.0)
    link.heard(*ack(journal.stream, 100), 0.1)
    outs = link.due(0.1)
    assert words(outs)[0] == "alert"
    assert outs[0].payload == c.encode(made[-1])
    link.heard(*ack(journal.stream, made[-1].seq), 0.2)
    link.disconnected(1.0)
    link.connected(2.0)
    link.due(2.0)
    link.heard(*ack(journal.stream, made[-1].seq), 2.1)
    assert link.due(2.1) == []


def test_older_streams_go_first(tmp_path):
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    first = fill(journal, 8)[0].stream
    journal.close()
    journal = open_journal(path, first=2)
    second = fill(journal, 8)[0].stream
    link = uplink(journal)
    link.connected(0.0)
    assert [held.stream for held in hellos(link.due(0.0))[0].held] == [first, second]
    marks = tuple(c.Mark(stream=stream, committed=0, safe=0) for stream in (second, first))
    link.heard(ACK, c.encode(c.Ack(v=1, boot="b", marks=marks)), 0.1)
    batches = [c.decode_batch(out.payload) for out in link.due(0.1)]
    assert [batch[0].stream for batch in batches] == [first, second]


def test_what_is_safe_is_named_in_no_hello():
    journal = open_journal()
    entries = fill(journal, 8)
    link = told(entries, journal)
    link.heard(*ack(journal.stream, 9, safe=9), 0.2)
    link.disconnected(1.0)
    link.connected(2.0)
    assert hellos(link.due(2.0))[0].held == ()
    assert link.wake_at is None


def test_what_another_start_of_central_promised_is_not_its_word():
    journal = open_journal()
    entries = fill(journal, 8)
    link = told(entries, journal)
    link.heard(*ack(journal.stream, 9, safe=9), 0.2)
    link.heard(*central(boot="central-2"), 1.0)  # emptied, with all its backups
    assert link.marks[0].safe == 0
    assert [held.last for held in hellos(link.due(2.0))[0].held] == [9]
    link.heard(*ack(journal.stream, 0, boot="central-2"), 2.1)
    assert sequences(link.due(2.1)) == [list(range(1, 10))]


def test_a_quiet_gate_learns_on_reconnecting_that_central_is_another():
    journal = open_journal()
    entries = fill(journal, 8)
    link = told(entries, journal)
    link.heard(*ack(journal.stream, 9, safe=9), 0.2)
    link.disconnected(1.0)
    link.connected(2.0)
    assert hellos(link.due(2.0))[0].held == ()
    link.heard(ACK, c.encode(c.Ack(v=1, boot="central-2", marks=())), 2.1)
    assert [held.last for held in hellos(link.due(link.wake_at))[0].held] == [9]
    assert link.marks[0].safe == 0


def test_what_is_buried_while_connected_is_said_at_once_and_alerts_are_spared():
    journal = open_journal()
    fill(journal, 8)
    journal.append([alert("a1")], stamp(5))
    entries = fill(journal, 8, first=10)
    link = told(entries, journal, batch=4, window=2)
    link.due(0.2)
    stones = journal.bury(11, "disk_bound", stamp(9))
    link.recorded(stones, 0.3)
    link.reloaded()
    outs = link.due(0.3)
    assert [(lost.first, lost.last) for lost in hellos(outs)[0].lost] == [(1, 9), (11, 12)]
    link.heard(*ack(journal.stream, 9), 0.4)
    assert sequences(link.due(0.4)) == [10, [10, 13, 14, 15], [16, 17, 18, 19]]
    link.reloaded()
    assert link.due(0.5) == []


def test_graves_of_streams_that_are_wholly_gone_are_forgotten_when_safe():
    connection = sqlite3.connect(":memory:")
    ids = iter(["a" * 32, "b" * 32])

    def start():
        return Journal.over(
            connection, **PLACE, boot="b", version="0", new_stream=lambda: next(ids), seal=bytes
        )

    fill(start(), 4)
    journal = start()
    fill(journal, 4)
    journal.bury(5, "disk_bound", stamp(9))
    assert [lost.stream for lost in journal.lost()] == ["a" * 32]
    link = uplink(journal)
    link.connected(0.0)
    link.due(0.0)
    marks = (c.Mark(stream="a" * 32, committed=5, safe=5),)
    link.heard(ACK, c.encode(c.Ack(v=1, boot="c", marks=marks)), 0.1)
    journal.prune(link.marks)
    assert journal.lost() == ()


def test_what_central_took_for_lost_and_is_held_all_the_same_is_sent():
    """A card of before: it still holds what was buried after its image was made."""
    journal = open_journal()
    entries = fill(journal, 12)
    link = told(entries, journal)
    link.heard(*ack(journal.stream, 13), 0.1)
    mark = c.Mark(stream=journal.stream, committed=13, safe=13, lost=((3, 5), (8, 9)))
    link.heard(ACK, c.encode(c.Ack(v=1, boot="central-1", marks=(mark,))), 0.2)
    assert link.marks == (c.Mark(stream=journal.stream, committed=2, safe=2),)
    assert sequences(link.due(0.2)) == [list(range(3, 14))]


def test_what_is_truly_gone_stays_lost():
    journal = open_journal()
    journal.append([alert("a1")], stamp(1))
    entries = fill(journal, 12)
    journal.bury(8, "disk_bound", stamp(9))  # 1 and 3 to 9, around the alert
    link = told(entries, journal)
    mark = c.Mark(stream=journal.stream, committed=15, safe=0, lost=((1, 1), (3, 9)))
    link.heard(ACK, c.encode(c.Ack(v=1, boot="central-1", marks=(mark,))), 0.2)
    assert link.marks[0].committed == 15


def test_many_streams_make_several_hellos(tmp_path):
    path = tmp_path / "journal.db"
    for start in range(1, 121):
        journal = open_journal(path, first=start)
        journal.append([alert()], stamp(start))
        journal.close()
    link = uplink(open_journal(path, first=999))
    link.connected(0.0)
    found = hellos(link.due(0.0))
    assert [(len(hello.held), hello.more) for hello in found] == [(100, True), (20, False)]


def test_what_was_pruned_or_buried_is_said_when_central_asks_for_it():
    journal = open_journal()
    entries = fill(journal, 8)
    link = told(entries, journal)
    stream = journal.stream
    link.heard(*ack(stream, 9, safe=6), 0.2)
    journal.prune(link.marks)
    link.reloaded()
    link.heard(*ack(stream, 0), 1.0)  # central lost all, and its backups
    link.due(1.0)
    outs = link.due(10.0)
    assert hellos(outs)[0].lost == (c.Lost(stream=stream, first=1, last=6, reason="pruned"),)
    journal.bury(2, "disk_bound", stamp(9))
    link.disconnected(11.0)
    link.connected(12.0)
    assert c.Lost(stream=stream, first=7, last=8, reason="disk_bound") in (
        hellos(link.due(12.0))[0].lost
    )


def test_a_stream_that_was_never_ours_is_nothing_to_speak_of():
    """Or two gates on one card's clones would toss hellos to and fro for ever."""
    journal = open_journal()
    entries = fill(journal, 8)
    link = told(entries, journal)
    link.heard(*ack(journal.stream, 9), 0.1)
    link.heard(*ack("ee" * 16, 3), 0.2)
    assert (link.wake_at, link.due(100.0)) == (None, [])


def test_a_late_will_of_our_own_is_overwritten():
    journal = open_journal()
    link = uplink(journal)
    link.connected(0.0)
    link.due(0.0)
    offline = c.Status(v=1, online=False, boot="boot-1", at_ms=0, version="0")
    link.heard(STATUS, c.encode(offline), 1.0)
    assert words(link.due(1.0)) == ["status"]
    online = c.Status(v=1, online=True, boot="boot-1", at_ms=0, version="0")
    link.heard(STATUS, c.encode(online), 1.1)
    assert link.due(1.2) == []


def test_health_is_sent_on_change_and_each_minute():
    link = uplink(open_journal(), health_s=60.0, health_s_min=1.0)
    link.connected(0.0)
    health = c.Health(v=1, boot="b", at_ms=0, clock="ntp", version="0", waiting=0)
    link.tell(health)
    assert words(link.due(0.0)) == ["status", "hello", "health"]
    link.tell(c.Health(v=1, boot="b", at_ms=9, clock="ntp", version="0", waiting=0))
    assert link.due(10.0) == []
    changed = c.Health(v=1, boot="b", at_ms=10, clock="unset", version="0", waiting=0)
    link.tell(changed)
    assert words(link.due(10.0)) == ["health"]
    assert link.wake_at == 70.0
    assert words(link.due(70.0)) == ["health"]


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"[]", b'{"v":99,"boot":"x","marks":[]}', b"\xff\xfe"]
)
def test_what_is_not_understood_is_counted_and_changes_nothing(payload):
    journal = open_journal()
    entries = fill(journal, 8)
    link = told(entries, journal)
    before = link.marks
    for topic in (ACK, COMMAND, c.CENTRAL_STATUS, STATUS):
        assert link.heard(topic, payload, 1.0) is None
    assert link.refused == 4
    assert link.marks == before


def test_a_command_is_handed_on():
    link = uplink(open_journal())
    command = c.Command(v=1, id="x1", expires_ms=5, what="acknowledge", alert="a1")
    assert link.heard(COMMAND, c.encode(command), 0.0) == command


# --- A lossy bus ----------------------------------------------------------------------------


@dataclass
class Centre:
    """A tiny ledger: keeps what it hears, acknowledges the contiguous part."""

    boot: int = 1
    held: dict = field(default_factory=dict)
    lost: dict = field(default_factory=dict)
    backup: dict = field(default_factory=dict)
    safe: dict = field(default_factory=dict)

    def committed(self, stream):
        have = self.held.get(stream, {}).keys() | self.lost.get(stream, set())
        n = 0
        while n + 1 in have:
            n += 1
        return n

    def take(self, out):
        """Give the marks that answer a message."""
        word = out.topic.rsplit("/", 1)[1]
        if word == "hello":
            hello = c.decode(out.payload, c.Hello)
            for lost in hello.lost:
                self.lost.setdefault(lost.stream, set()).update(range(lost.first, lost.last + 1))
            return {held.stream for held in hello.held} | {lost.stream for lost in hello.lost}
        if word in ("entries", "alert"):
            entries = (
                c.decode_batch(out.payload) if word == "entries" else [c.decode_entry(out.payload)]
            )
            for entry in entries:
                kept = self.held.setdefault(entry.stream, {}).setdefault(entry.seq, out and entry)
                assert c.hash_of(kept) == c.hash_of(entry), "the same key with another body"
            return {entry.stream for entry in entries}
        return set()

    def back_up(self):
        self.backup = {stream: dict(entries) for stream, entries in self.held.items()}
        self.safe = {stream: self.committed(stream) for stream in self.held}

    def restore(self):
        self.held = {stream: dict(entries) for stream, entries in self.backup.items()}
        self.boot += 1

    def ack(self, streams):
        marks = tuple(
            c.Mark(stream=s, committed=self.committed(s), safe=self.safe.get(s, 0))
            for s in sorted(streams)
        )
        return ACK, c.encode(c.Ack(v=1, boot=f"central-{self.boot}", marks=marks))


FAULTS = st.lists(
    st.sampled_from(
        ["append", "append", "alert", "turn", "turn", "lose up", "lose down", "twice", "swap",
         "break", "restart", "back up", "restore", "prune", "wipe"]
    ),
    max_size=60,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(FAULTS)
def test_whatever_the_bus_and_both_ends_suffer_everything_arrives(faults):
    """Entries are at the centre or in the journal at every moment, and at the centre in the end."""
    connection = sqlite3.connect(":memory:")
    ids = iter(f"{n:032x}" for n in range(1, 1000))

    def begin():
        journal = Journal.over(
            connection, **PLACE, boot="b", version="0", new_stream=lambda: next(ids), seal=bytes
        )
        link = uplink(journal, window=2, batch=3, spread_s=0.5)
        return journal, link

    journal, link = begin()
    centre, made, now, key = Centre(), {}, 0.0, 0
    up, down = [], []
    link.connected(now)

    def turn(limit=100):
        up.extend(link.due(now))
        for out in up[:limit]:
            streams = centre.take(out)
            if streams:
                down.append(centre.ack(streams))
        del up[:limit]
        for message in down[:limit]:
            link.heard(*message, now)
        del down[:limit]

    for fault in faults:
        now += 0.7
        if fault in ("append", "alert"):
            key += 1
            entries = journal.append([alert(f"a{key}") if fault == "alert" else opened(key)],
                                     stamp(key))  # fmt: skip
            made.update({(e.stream, e.seq): c.hash_of(e) for e in entries})
            link.recorded(entries, now)
            up.extend(link.due(now))
        elif fault == "turn":
            turn()
        elif fault == "lose up":
            up.extend(link.due(now))
            del up[::2]
        elif fault == "lose down":
            del down[::2]
        elif fault == "twice":
            up.extend(link.due(now))
            up.extend(list(up))
            down.extend(list(down))
        elif fault == "swap":
            up.reverse()
            down.reverse()
        elif fault == "break":
            link.disconnected(now)
            link.connected(now)
        elif fault == "restart":
            journal, link = begin()
            link.connected(now)
        elif fault == "back up":
            centre.back_up()
        elif fault == "restore":
            centre.restore()
        elif fault == "prune":
            journal.prune(link.marks)
        elif fault == "wipe":
            up.clear()
            down.clear()
        here = {
            (entry.stream, entry.seq)
            for held in journal.held()
            for entry in journal.pending(held.stream, 0, limit=10_000)
        }
        there = {(stream, seq) for stream, entries in centre.backup.items() for seq in entries}
        assert made.keys() <= here | there, "an entry is neither in the journal nor in a backup"

    for _ in range(400):
        turn()
        now += 0.7
        if link.waiting == 0 and not up and not down:
            break
    # A centre restored behind our back is found out by the next hello.
    link.disconnected(now)
    link.connected(now)
    for _ in range(400):
        turn()
        now += 0.7
    counted = {
        (stream, seq): c.hash_of(entry)
        for stream, entries in centre.held.items()
        for seq, entry in entries.items()
    }
    assert counted == made
    assert not any(centre.lost.values())
    assert link.waiting == 0
    connection.close()
