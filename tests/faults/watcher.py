"""Somebody who watches the feeds all the while, and holds central to what it said.

What a feed says at its as-of T, of one gate:

- *never more than there was*: it counts no more passages than were recorded by T;
- *complete when it says so*: a gate that is heard and has nothing waiting has all of its passages
  counted that were recorded by T less the time for which a gate counts as heard, and by the moment
  at which the gate itself last said that nothing waits;
- *heard when it is*: a gate that nobody could hear for longer than that is not called heard;
- *no data is never zero*: a gate of which nothing was ever heard has no figures.
"""

import json
import threading
from dataclasses import dataclass

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from gateway import contract
from tests.faults.site import HEALTH_S, HEARD_S, UP_S

SLACK_MS = 2500
"""A busy machine's: a loop that turns late, a message that waits."""
LATE_MS = int((HEARD_S + HEALTH_S) * 1000) + SLACK_MS
_WAYS = ("vehicles_in", "vehicles_out", "bicycles_in", "bicycles_out", "on_foot", "unknown")


@dataclass(frozen=True, slots=True)
class Said:
    """One `now` feed of one gate."""

    place: tuple[str, str]
    at_ms: int
    day: str
    heard: bool
    waiting: int
    lost: int
    passages: int | None
    unknown: int
    """Passages of a day that nobody knows."""
    told_ms: int
    """When the gate last said that nothing waits, as far as was heard; 0 when something does."""


class Watcher:
    """Keeps every `now` feed of every gate, and the newest of all other topics."""

    def __init__(self, port):
        self.said = []
        self.newest = {}
        self.entries = []
        """What was seen of the gates' entries on the wire, once that is listened to."""
        self._told = {}
        self._granted = set()
        self.changed = threading.Condition()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_connect = self._connected
        self._client.on_message = self._heard
        self._client.on_subscribe = self._subscribed
        self._client.reconnect_delay_set(1, 1)
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()

    def listen_to_entries(self):
        """Witness what gates send from now on, too: for a file that cannot be read as it grows."""
        words = [(f"gatepost/v1/gate/+/+/{word}", 1) for word in ("entries", "alert")]
        _, asked = self._client.subscribe(words)
        with self.changed:
            heard = self.changed.wait_for(lambda: asked in self._granted, UP_S)
        assert heard, "the broker does not grant what is subscribed to"

    def _subscribed(self, _, __, asked, *___):
        with self.changed:
            self._granted.add(asked)
            self.changed.notify_all()

    def _connected(self, client, *_):
        client.subscribe(
            [("gatepost/v1/feed/#", 1), ("gatepost/v1/gate/+/+/health", 1),
             ("gatepost/v1/central/status", 1)]
        )  # fmt: skip

    def _heard(self, _, __, message):
        topic, payload = message.topic, bytes(message.payload)
        if topic.endswith("/entries"):
            self.entries += contract.decode_batch(payload)
            return
        if topic.endswith("/alert"):
            self.entries.append(contract.decode_entry(payload))
            return
        with self.changed:
            self.newest[topic] = payload
            self.changed.notify_all()
        words = topic.split("/")
        if not payload or message.retain:
            return  # Old news: what it says was so at its as-of, and was heard then.
        if words[2] == "gate" and words[-1] == "health":
            health = json.loads(payload)
            waits = health["waiting"] or health.get("not_recorded")
            sure = health["clock"] != "unset" and not waits
            self._told[words[3], words[4]] = health["at_ms"] if sure else 0
        if words[2:4] == ["feed", "gate"] and words[-1] == "now":
            place = (words[4], words[5])
            self.said.append(_said(place, json.loads(payload), self._told.get(place, 0)))

    def feed(self, scope, part, shape=contract.FeedNow):
        payload = self.newest.get(contract.feed_topic(scope, part))
        return contract.decode(payload, shape) if payload else None

    def health(self, place):
        payload = self.newest.get(contract.gate_topic(*place, "health"))
        return contract.decode(payload, contract.Health) if payload else None


def _said(place, feed, told_ms):
    figures = feed["figures"]
    return Said(
        place, feed["as_of_ms"], feed["day"], feed["gates_heard"] == 1, feed.get("waiting", 0),
        feed.get("lost", 0),
        None if figures is None else sum(figures[way] for way in _WAYS),
        feed.get("day_unknown", 0), told_ms,
    )  # fmt: skip


def untrue(said, arrivals, silences, *, exact=True):
    """Name what was said and was not so.

    `arrivals`: by place, (true UTC in ms, local day) of each recorded passage; `silences`: by
    place, spans in which nobody could hear it. Without `exact` the moments are not known, and
    only the totals are held against what was said.
    """
    found = []
    for one in said:
        moments = arrivals.get(one.place, ())
        if one.passages is None:
            if one.heard:
                found.append(f"{one.place} is heard at {one.at_ms} and has no figures")
            continue
        today = [at for at, day in moments if day == one.day] if exact else moments
        if one.passages > len([at for at in today if not exact or at <= one.at_ms + SLACK_MS]):
            found.append(
                f"{one.place} at {one.at_ms}: {one.passages} counted, more than there were"
            )
        by_ms = max(one.at_ms - LATE_MS, min(one.told_ms, one.at_ms) - SLACK_MS)
        due = len([at for at in today if at <= by_ms]) if exact else 0
        if one.heard and not one.waiting and not one.lost and one.passages + one.unknown < due:
            found.append(
                f"{one.place} at {one.at_ms}: called complete with {one.passages} of {due} passages"
            )
        for first, last in silences.get(one.place, ()):
            if one.heard and first + LATE_MS < one.at_ms < last:
                found.append(f"{one.place} at {one.at_ms}: called heard since {first}")
    return found
