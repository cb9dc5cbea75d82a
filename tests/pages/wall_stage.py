"""A real broker with WebSockets, central's own page server, and feeds that fit the contract."""

import contextlib
import queue
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt

from central import config
from central.api import Pages
from demo.children import free_port
from gateway import contract
from gateway.contract import FeedAlarm, FeedDays, FeedHours, FeedNow, Figures, HourFigures
from tests.pages.stage import WAIT_S, wait_until

ROOT = Path(__file__).parents[2]
MOSQUITTO = "/usr/sbin/mosquitto"


def answers(port: int) -> bool:
    """Whether something listens there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
        return True
    return False


class Broker:
    """mosquitto on two loopback ports, that can die and come back."""

    def __init__(self, folder: Path) -> None:
        self.port, self.ws_port = free_port(), free_port()
        self._conf = folder / "mosquitto.conf"
        self._conf.write_text(
            f"listener {self.port} 127.0.0.1\n"
            f"listener {self.ws_port} 127.0.0.1\nprotocol websockets\n"
            "allow_anonymous true\npersistence false\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        self._process = subprocess.Popen(
            [shutil.which("mosquitto") or MOSQUITTO, "-c", str(self._conf)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._ready, what="mosquitto")

    def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "mosquitto did not start"
        return answers(self.port) and answers(self.ws_port)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def publish(self, messages: dict[str, bytes]) -> None:
        """Publish retained messages, and see each acknowledged."""
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        joined = threading.Event()
        client.on_connect = lambda *_: joined.set()
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        try:
            assert joined.wait(WAIT_S)
            for topic, payload in messages.items():
                said = client.publish(topic, payload, qos=1, retain=True)
                said.wait_for_publish(WAIT_S)
                assert said.is_published(), topic
        finally:
            client.disconnect()
            client.loop_stop()


@contextmanager
def wall(folder: Path) -> Iterator[tuple[Broker, str, config.Site]]:
    """The broker, and the wall page served by central's own server for the example site."""
    broker = Broker(folder)
    shutil.copy(ROOT / "systemd" / "site.example.toml", folder / "site.toml")
    (folder / "central.toml").write_text(
        f'site_file = "site.toml"\ndata_dir = "{folder}"\n'
        f'[broker]\nurl = "mqtt://127.0.0.1:{broker.port}"\n'
        f'websockets_url = "ws://127.0.0.1:{broker.ws_port}"\n'
        f'[backup]\ndirectory = "{folder}/backup"\n'
        f'[http]\nlisten = "127.0.0.1:0"\n'
    )
    settings, site = config.read(folder / "central.toml")
    died: queue.SimpleQueue[Any] = queue.SimpleQueue()
    pages = Pages(settings, site, lambda: {"ok": True}, died)
    pages.start()
    try:
        broker.start()
        yield broker, f"http://127.0.0.1:{pages.port}/", site
    finally:
        pages.stop()
        broker.kill()
    assert died.empty()


# --- Feeds ----------------------------------------------------------------------------------


def now_feed(scope: str, names: Any, at_ms: int, scale: int = 1, **other: Any) -> FeedNow:
    """Today so far, for one scope."""
    figures = Figures(
        vehicles_in=212 * scale,
        vehicles_out=187 * scale,
        bicycles_in=31 * scale,
        bicycles_out=28 * scale,
        on_foot=64 * scale,
        unknown=2 * scale,
        persons=340 * scale,
        admit=300 * scale,
        recheck=3 * scale,
        refer=scale,
        undecided=2,
        overrides=1,
        plates_read=380 * scale,
        plates_unread=19 * scale,
    )
    return FeedNow(
        **{
            "v": 1,
            "scope": scope,
            "name": {"zh": names.zh, "en": names.en},
            "day": "2020-02-11",
            "as_of_ms": at_ms,
            "gates_heard": scale,
            "gates_expected": scale,
            "figures": figures,
            "inside_estimate": 25 * scale,
        }
        | other
    )


def hours_feed(scope: str, at_ms: int, scale: int = 1) -> FeedHours:
    """Today by hour; nobody was heard from 03 to 05, and the day ends at 15."""
    shape = [4, 2, 1, 0, 0, 0, 9, 22, 31, 18, 12, 14, 16, 11, 13]
    hours = [
        None if at in (3, 4) or at >= len(shape)
        else HourFigures(
            shape[at] * scale, shape[::-1][at] * scale, shape[at] * scale // 3, 0, scale
        )
        for at in range(24)
    ]  # fmt: skip
    return FeedHours(
        v=1, scope=scope, day="2020-02-11", as_of_ms=at_ms, gates_expected=scale, hours=tuple(hours)
    )


def days_feed(scope: str, at_ms: int, scale: int = 1) -> FeedDays:
    """Some days, one of them revised."""
    days = tuple(
        contract.DayFigures(
            f"2020-02-{11 - n:02}", 1 + (n == 2), 200 * scale + n, 190 * scale, 60 * scale, 1, scale
        )
        for n in range(10)
    )
    return FeedDays(v=1, scope=scope, as_of_ms=at_ms, gates_expected=scale, days=days)


def alarm(compound: str, gate: str, name: str, what: str, at_ms: int, **other: Any) -> FeedAlarm:
    """One open alarm."""
    return FeedAlarm(
        **{
            "v": 1,
            "alert": name,
            "compound": compound,
            "gate": gate,
            "what": what,
            "priority": 2,
            "state": "unack",
            "since_ms": at_ms - 95_000,
        }
        | other
    )


def central_status(at_ms: int, *, online: bool = True) -> dict[str, bytes]:
    """The centre's birth or will."""
    status = contract.Status(v=1, online=online, boot="b1", at_ms=at_ms, version="0.1.0")
    return {contract.CENTRAL_STATUS: contract.encode(status)}


def whole_site(site: config.Site, at_ms: int) -> dict[str, bytes]:
    """A day at the example site: c02 has an alarm, c05 was never heard, c07 is silent."""
    feeds: list[Any] = []
    count = len(site.compound)
    odd = {"c05": {"gates_heard": 0, "figures": None, "inside_estimate": None},
           "c07": {"gates_heard": 0, "waiting": 310, "lost": 2}}  # fmt: skip
    feeds.append(
        now_feed(
            "total", site.names, at_ms, count - 1, gates_heard=count - 2, gates_expected=count,
            alarms_active=3, alarms_unacknowledged=2, waiting=312, lost=2,
        )
    )  # fmt: skip
    feeds += [hours_feed("total", at_ms, count), days_feed("total", at_ms, count)]
    for office in site.office:
        under = [one for one in site.compound if one.office == office.id]
        heard = sum(one.id not in odd for one in under)
        scope = f"office/{office.id}"
        feeds.append(
            now_feed(
                scope, office.names, at_ms, heard, gates_heard=heard, gates_expected=len(under)
            )
        )
        feeds.append(hours_feed(scope, at_ms, heard))
    for place in site.compound:
        other = odd.get(place.id, {})
        scope = f"compound/{place.id}"
        if place.id == "c02":
            other = other | {"alarms_active": 2, "alarms_unacknowledged": 1}
        feeds.append(now_feed(scope, place.names, at_ms, **other))
        if place.id != "c05":
            feeds.append(hours_feed(scope, at_ms))
        feeds += [
            now_feed(f"gate/{place.id}/{gate.id}", gate.names, at_ms, **other)
            for gate in place.gate
        ]
    messages = {
        contract.feed_topic(feed.scope, _part(feed)): contract.encode(feed) for feed in feeds
    }
    for one in (
        alarm("c02", "south", "in1-fever-9", "fever_confirmed", at_ms, priority=1, lane="in1"),
        alarm("c02", "south", "t1-device-4", "device_lost", at_ms, state="acked", device="t1"),
        alarm("c07", "east", "silent", "gate_silent", at_ms, priority=2),
        alarm("c01", "east", "clock-2", "clock_unset", at_ms, priority=3, state="rtnun"),
    ):
        messages[contract.alarm_topic(one.compound, one.gate, one.alert)] = contract.encode(one)
    return messages | central_status(at_ms)


def _part(feed: Any) -> str:
    return {FeedNow: "now", FeedHours: "hours", FeedDays: "days"}[type(feed)]
