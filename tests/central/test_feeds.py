"""What staff watch: honest about what is not known, and no more often than wanted."""

import msgspec
import pytest

from central import alarms, config, feeds, picture
from central.hearing import Hearing
from central.ledger import Ledger
from gateway import contract
from gateway.contract import FEED_BYTES_MAX, FeedAlarm, FeedDays, FeedHours, FeedNow
from tests.central.gates import HOUR_MS, T0, Stream
from tests.central.places import example

NOW = T0 + HOUR_MS
DAY_MS = 24 * HOUR_MS
SITE = config._read(example("site"), config.Site)
SCOPES = feeds.scopes(SITE)


@pytest.fixture
def ledger():
    found = Ledger(":memory:")
    yield found
    found.close()


NOTHING = contract.Hello(v=1, boot="b")


def draw(ledger, hearing=None, at_ms=NOW, own=()):
    return picture.draw(
        ledger.db,
        ledger.calendar,
        at_ms,
        hearing=hearing or Hearing(),
        now=1000.0,
        heard_s=150.0,
        own=own,
    )


def now(composed, scope) -> FeedNow:
    return composed[contract.feed_topic(scope, "now")]


def test_there_is_a_feed_for_the_total_each_office_compound_and_gate(ledger):
    composed = feeds.compose(SCOPES, draw(ledger))
    names = {topic.split("/feed/")[1] for topic in composed}
    assert {"total/now", "office/shixi/hours", "compound/c08/days", "gate/c06/main/now"} <= names
    assert len(names) == 3 * (1 + 3 + 8 + 8)


def test_no_data_is_never_zero(ledger):
    composed = feeds.compose(SCOPES, draw(ledger))
    for feed in composed.values():
        if isinstance(feed, FeedNow):
            assert feed.figures is None
            assert feed.inside_estimate is None
        elif isinstance(feed, FeedHours):
            assert feed.hours == (None,) * 24
        else:
            assert isinstance(feed, FeedDays)
            assert feed.days == ()


def test_a_gate_that_is_there_and_counted_nothing_says_zero(ledger):
    hearing = Hearing()
    hearing.spoke(("c01", "east"), 999.0)
    hearing.hello(("c01", "east"), NOTHING)
    ledger.heard([("c01", "east", NOW // HOUR_MS)])
    composed = feeds.compose(SCOPES, draw(ledger, hearing))
    assert now(composed, "gate/c01/east").figures == contract.Figures()
    assert now(composed, "gate/c02/south").figures is None
    total = now(composed, "total")
    assert (total.gates_heard, total.gates_expected) == (1, 8)
    hours = composed[contract.feed_topic("compound/c01", "hours")].hours
    assert hours[15] == contract.HourFigures(0, 0, 0, 0, 1)
    assert hours[14] is None
    assert hours[16] is None


def test_figures_add_up_through_the_scopes(ledger):
    for compound, gate, ways in (("c01", "east", ("in", "in")), ("c02", "south", ("in", "out"))):
        stream = Stream(compound, gate)
        for way in ways:
            stream.passage(way=way)
        ledger.absorb(compound, gate, stream.entries, NOW)
    composed = feeds.compose(SCOPES, draw(ledger))
    assert now(composed, "gate/c01/east").figures.vehicles_in == 2
    for scope in ("total", "office/shizhong"):
        found = now(composed, scope)
        assert (found.figures.vehicles_in, found.figures.vehicles_out) == (3, 1)
        assert found.inside_estimate == 2
    assert now(composed, "office/shixi").figures is None


def test_a_journal_that_came_later_tells_of_its_quiet_hours(ledger):
    stream = Stream()
    stream.passage()
    stream.at_ms += 3 * HOUR_MS
    stream.passage(way="out")
    ledger.absorb("c01", "east", stream.entries[:6], T0 + 5 * HOUR_MS)
    topic = contract.feed_topic("gate/c01/east", "hours")
    later = T0 + 5 * HOUR_MS
    before = feeds.compose(SCOPES, draw(ledger, at_ms=later))[topic].hours
    assert (before[14].vehicles_in, before[15]) == (1, None)
    # An alert that overtakes says nothing of what lies between.
    ledger.absorb("c01", "east", stream.entries[10:], later)
    assert feeds.compose(SCOPES, draw(ledger, at_ms=later))[topic].hours[15] is None
    ledger.absorb("c01", "east", stream.entries, later)
    after = feeds.compose(SCOPES, draw(ledger, at_ms=later))[topic].hours
    assert [one and one.gates_heard for one in after[13:19]] == [None, 1, 1, 1, 1, None]


def test_days_carry_their_revision(ledger):
    stream = Stream()
    stream.passage()
    ledger.absorb("c01", "east", stream.entries, NOW)
    late = Stream(before=stream)
    late.passage(decision="refer")
    ledger.absorb("c01", "east", late.entries, NOW + DAY_MS)
    composed = feeds.compose(SCOPES, draw(ledger, at_ms=NOW + DAY_MS))
    found = composed[contract.feed_topic("total", "days")].days
    assert found == (contract.DayFigures("2020-02-11", 2, 2, 0, 0, 1, 1),)
    assert now(composed, "total").figures == contract.Figures()


def test_a_gate_in_the_year_30000_takes_no_time(ledger):
    stream = Stream()
    stream.at_ms = 9 * 10**14
    stream.passage()
    ledger.absorb("c01", "east", stream.entries, NOW)
    composed = feeds.compose(SCOPES, draw(ledger))
    assert now(composed, "total").day_unknown == 1


def test_every_feed_fits(ledger):
    for compound, gate in SITE.gates:
        for day in range(16):
            stream = Stream(compound, gate)
            stream.at_ms = T0 - day * DAY_MS
            stream.passage()
            ledger.absorb(compound, gate, stream.entries, NOW)
    ledger._db.execute("UPDATE counter SET vehicles_in = 99999, refer = 9999, persons = 99999")
    composed = feeds.compose(SCOPES, draw(ledger))
    assert max(len(contract.encode(feed)) for feed in composed.values()) < FEED_BYTES_MAX
    assert len(composed[contract.feed_topic("total", "days")].days) == 14


def test_a_feed_is_due_when_it_changed_and_not_too_often(ledger):
    book = feeds.Book(every_s=2.0, refresh_s=60.0)
    first = feeds.compose(SCOPES, draw(ledger))
    assert len(list(book.due(first, 0.0))) == len(first)
    later = feeds.compose(SCOPES, draw(ledger, at_ms=NOW + 1000))
    assert list(book.due(later, 10.0)) == []  # Only as-of differs.
    stream = Stream()
    stream.passage()
    ledger.absorb("c01", "east", stream.entries, NOW)
    changed = feeds.compose(SCOPES, draw(ledger))
    due = dict(book.due(changed, 11.0))
    assert len(due) == 3 * 4  # Total, office, compound, gate.
    stream.passage()
    ledger.absorb("c01", "east", stream.entries, NOW)
    more = feeds.compose(SCOPES, draw(ledger))
    assert list(book.due(more, 12.0)) == []
    assert contract.feed_topic("total", "now") in dict(book.due(more, 13.0))
    refreshed = {topic for topic, _ in book.due(more, 75.0)}
    assert refreshed == {topic for topic in more if topic.endswith("/now")}
    book.forget()
    assert len(list(book.due(more, 75.0))) == len(more)


def test_a_topic_that_should_not_be_there_is_emptied_once(ledger):
    book = feeds.Book(every_s=2.0, refresh_s=60.0)
    stray = contract.alarm_topic("c01", "east", "fever-12")
    book.found(stray)
    composed = feeds.compose(SCOPES, draw(ledger))
    assert dict(book.due(composed, 0.0))[stray] == b""
    assert stray not in dict(book.due(composed, 100.0))


def test_an_alarm_is_shown_until_it_closes(ledger):
    stream = Stream()
    stream.alert(state="unack")
    ledger.absorb("c01", "east", stream.entries, NOW)
    composed = feeds.compose(SCOPES, draw(ledger))
    topic = contract.alarm_topic("c01", "east", "t1-device-1")
    assert composed[topic] == FeedAlarm(
        v=1, alert="t1-device-1", compound="c01", gate="east", what="device_lost", priority=2,
        state="unack", since_ms=T0 + 1000,
    )  # fmt: skip
    assert now(composed, "office/shizhong").alarms_unacknowledged == 1
    # The closing overtakes the acknowledgement, which then changes nothing.
    stream.alert(state="acked")
    stream.alert(state="normal")
    ledger.absorb("c01", "east", stream.entries[3:], NOW)
    ledger.absorb("c01", "east", stream.entries, NOW)
    assert topic not in feeds.compose(SCOPES, draw(ledger))


@pytest.mark.parametrize(("state", "expected"), [("unack", "rtnun"), ("acked", None)])
def test_a_restarted_gate_cannot_close_what_it_raised(ledger, state, expected):
    before = Stream()
    before.alert(state=state)
    after = Stream(before=before)
    for stream in (before, after):
        ledger.absorb("c01", "east", stream.entries, NOW)
    topic = contract.alarm_topic("c01", "east", "t1-device-1")
    found = feeds.compose(SCOPES, draw(ledger)).get(topic)
    assert (found and found.state) == expected
    assert topic not in feeds.compose(SCOPES, draw(ledger, at_ms=NOW + 2 * DAY_MS))


def test_the_name_that_is_raised_again_hides_the_former(ledger):
    before = Stream()
    before.alert(state="unack", priority=3)
    after = Stream(before=before)
    after.alert(state="acked", priority=1)
    for stream in (before, after):
        ledger.absorb("c01", "east", stream.entries, NOW)
    (found,) = draw(ledger).alarms
    assert (found.state, found.priority) == ("acked", 1)


def test_centrals_own_alarms_name_the_gate_they_concern(ledger):
    stream = Stream()
    stream.put(b"{}", kind="unheard_of")
    stream.passage()
    ledger.absorb("c01", "east", stream.entries[:4], NOW)
    lost = contract.Lost(stream=stream.id, first=5, last=6)
    ledger.hello("c01", "east", contract.Hello(v=1, boot="b", lost=(lost,)), NOW)
    other = msgspec.structs.replace(stream.entries[3], kind="closed")
    ledger.absorb("c01", "east", [other], NOW)
    silent = alarms.of_condition("silent", "c02", "south", NOW)
    drawn = draw(ledger, own=[silent])
    found = {(one.compound, one.gate, one.alert): one.what for one in drawn.alarms}
    assert found == {
        ("c01", "east", "central-conflict"): "ledger_conflict",
        ("c01", "east", "central-lost"): "entries_lost",
        ("c01", "east", "central-waiting"): "entries_not_understood",
        ("c02", "south", "central-silent"): "gate_silent",
    }
    told = now(feeds.compose(SCOPES, drawn), "compound/c01")
    assert (told.lost, told.conflicts, told.not_understood) == (2, 1, 1)
    for topic, feed in feeds.compose(SCOPES, drawn).items():
        if isinstance(feed, FeedAlarm):
            assert msgspec.json.decode(contract.encode(feed), type=FeedAlarm) == feed, topic


def test_a_retained_word_is_as_old_as_it_says():
    hearing, place = Hearing(), ("c01", "east")
    hearing.hello(place, NOTHING)
    status = contract.Status(v=1, online=True, boot="b", at_ms=NOW - 10**6, version="1")
    hearing.status(place, status, 0.0, retained=True)
    assert not hearing.heard(place, 0.0, 150.0)
    hearing.status(place, status, 0.0, retained=False)
    hearing.hello(place, NOTHING)
    assert hearing.heard(place, 0.0, 150.0)
    gone = msgspec.structs.replace(status, online=False)
    hearing.status(place, gone, 0.1, retained=False)
    assert not hearing.heard(place, 0.1, 150.0)
    hearing.spoke(place, 0.2)
    assert hearing.heard(place, 0.2, 150.0)
    assert not hearing.heard(place, 150.3, 150.0)


@pytest.mark.parametrize("word", ["hello", "health"])
def test_a_gate_that_comes_back_is_heard_when_it_has_said_what_it_holds_by_now(word):
    """Its birth, or an alert that overtakes, says nothing of what it wrote down meanwhile."""
    hearing, place = Hearing(), ("c01", "east")
    hearing.hello(place, NOTHING)
    hearing.spoke(place, 0.0)
    assert hearing.heard(place, 0.0, 150.0)
    birth = contract.Status(v=1, online=True, boot="b", at_ms=NOW, version="1")
    hearing.status(place, birth, 200.0, retained=False)
    hearing.spoke(place, 200.1)
    assert not hearing.heard(place, 200.1, 150.0)
    if word == "hello":
        held = (contract.Held(stream="c01-east-1", first=1, last=37),)
        hearing.hello(place, contract.Hello(v=1, boot="b", held=held))
    else:
        health = contract.Health(v=1, boot="b", at_ms=NOW, clock="ntp", version="1", waiting=37)
        hearing.health(place, health, 200.2, retained=False)
    assert hearing.heard(place, 200.2, 150.0)
    assert hearing.of(place).waiting == 37


def test_a_gates_waiting_entries_are_told(ledger):
    hearing, place = Hearing(), ("c01", "east")
    health = contract.Health(v=1, boot="b", at_ms=NOW, clock="ntp", version="1", waiting=17)
    hearing.health(place, health, 1000.0, retained=False)
    assert now(feeds.compose(SCOPES, draw(ledger, hearing)), "office/shizhong").waiting == 17


def test_what_a_gates_card_does_not_take_waits_too(ledger):
    hearing, place = Hearing(), ("c01", "east")
    health = contract.Health(
        v=1, boot="b", at_ms=NOW, clock="ntp", version="1", waiting=2, not_recorded=20
    )
    hearing.health(place, health, 1000.0, retained=False)
    assert now(feeds.compose(SCOPES, draw(ledger, hearing)), "office/shizhong").waiting == 22
