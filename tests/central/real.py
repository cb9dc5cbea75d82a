"""The real things: a mosquitto, a centre's process, a gate's client, and a relay that can hold."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import ClassVar

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from demo.children import free_port
from gateway import contract
from tests.central import places

WAIT_S = 60.0
_RUN = "from central.cli import main; main()"


def wait_for(condition, wait_s=WAIT_S, what="it"):
    """Wait until a condition holds; give what it gave."""
    until = time.monotonic() + wait_s
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.01)
    raise AssertionError(f"{what} did not happen within {wait_s} s")


class Broker:
    """A mosquitto without persistence, on a port that stays its own."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._settings = folder / "mosquitto.conf"
        self._settings.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["/usr/sbin/mosquitto", "-c", str(self._settings)], stderr=subprocess.DEVNULL
        )
        wait_for(self._answers, what="the broker")

    def _answers(self) -> bool:
        assert self._process.poll() is None, "mosquitto did not start"
        with closing(socket.socket()) as found:
            return found.connect_ex(("127.0.0.1", self.port)) == 0

    def hold(self) -> None:
        """Have it take nothing more, without a word."""
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


class Central:
    """`central run`, as a process."""

    started: ClassVar[list["Central"]] = []

    def __init__(self, folder: Path, broker_port: int, more: str = "") -> None:
        self.folder = folder
        self.http_port = free_port()
        self.config = places.settings(
            folder, broker_port=broker_port, http_port=self.http_port, more=more
        )
        self.ledger = folder / "data" / "ledger.db"

    def start(self, program: str = _RUN, *words: str, **environment: str) -> "Central":
        """Start `central run`, or a program that breaks something in it first."""
        with (self.folder / "central.log").open("ab") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-c", program, *(words or ("run",)), "--config", str(self.config)],
                cwd=places.ROOT, stderr=said, stdout=said, env={**os.environ, **environment},
            )  # fmt: skip
        self.started.append(self)
        return self

    def said(self) -> str:
        return (self.folder / "central.log").read_text()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WAIT_S)

    def ended(self) -> int:
        return self.process.wait(1.5 * WAIT_S)


class Client:
    """A gate's or a watcher's connection."""

    def __init__(self, port: int, *topics: str) -> None:
        self.retained: dict[str, bytes] = {}
        self.acks: list[contract.Ack] = []
        self._topics = topics or ("gatepost/v1/#",)
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_connect = self._connected
        self._client.on_message = self._heard
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        wait_for(self._client.is_connected, what="the connection")

    def _connected(self, client, *_):
        client.subscribe([(topic, 1) for topic in self._topics])

    def _heard(self, _, __, message):
        if message.topic.endswith("/ack"):
            self.acks.append(contract.decode(message.payload, contract.Ack))
        self.retained[message.topic] = bytes(message.payload)

    def send(self, stream, word, payload, *, retain=False):
        place = (stream.compound, stream.gate) if hasattr(stream, "compound") else stream
        topic = contract.gate_topic(*place, word)
        self._client.publish(topic, payload, qos=1, retain=retain)

    def send_entries(self, stream, entries=None, size=200):
        entries = stream.entries if entries is None else entries
        for first in range(0, len(entries), size):
            self.send(stream, "entries", contract.encode(entries[first : first + size]))

    def mark(self, stream) -> contract.Mark | None:
        """Give the newest word on a stream."""
        for ack in reversed(self.acks):
            for mark in ack.marks:
                if mark.stream == stream.id:
                    return mark
        return None

    def committed(self, stream, last=None):
        """Wait until a stream's end, or another of its entries, is acknowledged."""
        last = stream.last if last is None else last

        def there():
            mark = self.mark(stream)
            return mark is not None and mark.committed >= last

        wait_for(there, what=f"the acknowledgement of {last}")

    def feed(self, scope="total", part="now", shape=contract.FeedNow):
        payload = self.retained.get(contract.feed_topic(scope, part))
        return contract.decode(payload, shape) if payload else None

    def status(self) -> contract.Status | None:
        payload = self.retained.get(contract.CENTRAL_STATUS)
        return contract.decode(payload, contract.Status) if payload else None

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Relay:
    """A TCP relay that can hold what goes to the broker, and only that."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.flowing = threading.Event()
        self.flowing.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._sockets = [self._listener]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self):
        with suppress(OSError):
            while True:
                inner, _ = self._listener.accept()
                outer = socket.create_connection(("127.0.0.1", self._to))
                self._sockets += [inner, outer]
                for one, other, held in ((inner, outer, True), (outer, inner, False)):
                    thread = threading.Thread(target=self._pump, args=(one, other, held))
                    self._threads.append(thread)
                    thread.start()

    def _pump(self, one, other, held):
        with suppress(OSError):
            while data := one.recv(65536):
                if held:
                    self.flowing.wait()
                other.sendall(data)
        with suppress(OSError):
            other.shutdown(socket.SHUT_WR)

    def close(self):
        self.flowing.set()
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join(5)
