"""What staff see, watched as they watch it: the feeds, over MQTT."""

import json
import threading
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from demo.plan import Site
from gateway import contract


class Feeds:
    """The newest word on each compound, as the broker has it."""

    def __init__(self, site: Site) -> None:
        self._lock = threading.Lock()
        self._now: dict[str, dict[str, Any]] = {}
        where = urlsplit(site.broker)
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_connect = self._connected
        self._client.on_message = self._heard
        self._client.suppress_exceptions = True
        self._client.reconnect_delay_set(1, 2)
        if site.username is not None:
            self._client.username_pw_set(site.username, site.password)
        self._client.connect_async(where.hostname or "127.0.0.1", where.port or 1883)
        self._client.loop_start()

    def now(self, compound: str) -> dict[str, Any]:
        """Give the newest feed of a compound; empty when none came yet."""
        with self._lock:
            return self._now.get(compound, {})

    def close(self) -> None:
        """Stop watching."""
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe(contract.feed_topic("compound/+", "now"), qos=1)

    def _heard(self, _: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        if message.payload:
            with self._lock:
                self._now[message.topic.split("/")[-2]] = json.loads(message.payload)
