"""The centre's loop, step by step, over a link that only writes down what is said."""

import pytest

from central import clock, config, understanding
from central.errors import LedgerUnwritable
from central.ledger import Ledger
from central.service import Centre
from central.subscriber import Arrived, LinkChanged
from gateway import contract
from gateway.contract import Ack, FeedNow, Health, Held, Hello, Status
from tests.central import places
from tests.central.gates import T0, Stream


class Link:
    """A link that is always there."""

    def __init__(self):
        self.connected = True
        self.said: dict[str, bytes] = {}
        self.acknowledged: list[Arrived] = []

    def publish(self, topic, payload, *, retain=False):
        self.said[topic] = payload

    def acknowledge(self, message):
        self.acknowledged.append(message)

    def stop_listening_to_feeds(self):
        pass


class Room:
    """A centre, its ledger and its link."""

    def __init__(self, folder):
        settings, site = config.read(places.settings(folder))
        settings.ledger_path.parent.mkdir()
        self.ledger = Ledger(settings.ledger_path, site.zone)
        self.link = Link()
        self.centre = Centre(settings, site, self.ledger, "boot")
        self.now = self.centre._tick_s

    def hear(self, place, word, payload, *, retained=False):
        topic = contract.gate_topic(*place, word)
        self.take(Arrived(topic, contract.encode(payload), retained, 1, 1))

    def take(self, item):
        self.centre._take(item, self.link)

    def work(self):
        self.centre._work(self.link)

    def feed(self, scope="gate/c01/east"):
        return contract.decode(self.link.said[contract.feed_topic(scope, "now")], FeedNow)

    def tick(self, after_s=10.0):
        self.now += after_s
        self.centre._tick(self.link, self.now)


@pytest.fixture
def room(tmp_path):
    found = Room(tmp_path)
    yield found
    found.ledger.close()


PLACE = ("c01", "east")


def test_an_alert_of_endless_words_is_kept_and_harms_nobody(room):
    gate = Stream()
    gate.alert(what="x" * 4000)
    room.hear(PLACE, "entries", gate.entries)
    room.work()
    room.tick()
    assert contract.alarm_topic(*PLACE, "t1-device-1") not in room.link.said
    assert room.link.said[contract.alarm_topic(*PLACE, "central-waiting")]
    assert room.ledger.mark(gate.id).committed == 2


def test_a_feed_that_is_too_long_is_left_out_and_said(room, monkeypatch, caplog):
    monkeypatch.setattr(understanding, "_TEXT_MAX", 5000)
    gate = Stream()
    gate.alert(what="x" * 4000)
    room.hear(PLACE, "entries", gate.entries)
    room.work()
    for _ in range(2):
        room.tick()
    assert room.link.said[contract.alarm_topic(*PLACE, "t1-device-1")] == b""
    assert room.link.said[contract.feed_topic("total", "now")]
    assert [one.message for one in caplog.records if one.levelname == "ERROR"] == [
        "A feed is too long and is left out."
    ]


def test_a_silent_gate_is_silent_though_the_centres_clock_was_set_back(room, monkeypatch):
    monkeypatch.setattr(clock, "at_ms", lambda: T0)
    room.hear(PLACE, "hello", Hello(v=1, boot="b"))
    room.work()
    room.tick()
    assert room.feed().gates_heard == 1
    monkeypatch.setattr(clock, "at_ms", lambda: T0 - 3 * 3_600_000)
    room.tick(places.HEARD_S + 1.0)
    assert room.feed().gates_heard == 0
    assert contract.alarm_topic("central", "central", "central-silent-together") in room.link.said


def test_a_restored_centre_calls_no_gate_complete_before_its_hello(room):
    gate = Stream()
    gate.passage()
    room.ledger.absorb(*PLACE, gate.entries[:3], T0)
    well = Health(v=1, boot="b", at_ms=T0, clock="ntp", version="1", waiting=0)
    room.hear(PLACE, "health", well)
    room.work()
    room.tick()
    assert room.feed().gates_heard == 0
    held = (Held(stream=gate.id, first=1, last=gate.last),)
    room.hear(PLACE, "hello", Hello(v=1, boot="b", held=held))
    room.work()
    room.tick()
    assert (room.feed().gates_heard, room.feed().waiting) == (1, 3)


def test_a_gate_of_which_something_lies_unread_is_not_called_complete(room):
    gate = Stream()
    room.hear(PLACE, "hello", Hello(v=1, boot="b"))
    room.work()
    room.tick()
    assert (room.feed().gates_heard, room.feed().waiting) == (1, 0)
    gate.passage()
    room.hear(PLACE, "entries", gate.entries)
    room.tick()
    assert (room.feed().gates_heard, room.feed().waiting) == (1, 1)
    room.work()
    room.tick()
    assert (room.feed().gates_heard, room.feed().waiting) == (1, 0)


def test_a_gate_that_did_not_greet_is_asked_until_it_does(room):
    ack = contract.gate_topic(*PLACE, "ack")
    well = Health(v=1, boot="b", at_ms=T0, clock="ntp", version="1", waiting=0)
    room.hear(PLACE, "health", well)
    room.work()
    assert contract.decode(room.link.said.pop(ack), Ack) == Ack(v=1, boot="boot", marks=())
    room.hear(PLACE, "hello", Hello(v=1, boot="b"))
    room.work()
    room.link.said.pop(ack)
    room.hear(PLACE, "health", well)
    room.work()
    assert ack not in room.link.said


def test_what_came_by_an_earlier_connection_is_kept_in_hand_no_longer(room, monkeypatch):
    def full(*_):
        raise LedgerUnwritable("full")

    monkeypatch.setattr(room.ledger, "absorb_all", full)
    for _ in range(3):
        room.take(LinkChanged(True, "connected"))
        for _ in range(200):
            room.hear(PLACE, "entries", Stream().entries)
        room.work()
    assert len(room.centre._in_hand) == 200
    assert room.link.acknowledged == []


def test_another_centre_is_an_alarm_until_it_says_farewell(room):
    def say(*, online):
        said = Status(v=1, online=online, boot="other", at_ms=T0, version="1")
        room.take(Arrived(contract.CENTRAL_STATUS, contract.encode(said), False, 1, 1))
        room.tick()

    say(online=True)
    assert room.centre.health()["holding"] == ["rival"]
    say(online=False)
    assert room.centre.health()["holding"] == []
    found = contract.decode(room.link.said[contract.CENTRAL_STATUS], Status)
    assert (found.online, found.boot) == (True, "boot"), "gates took the farewell for ours"
