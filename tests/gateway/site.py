"""A gate as a process, a real broker, and a small centre that acknowledges: all on loopback."""

import base64
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time

from nacl.public import PrivateKey
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from demo.children import free_port
from gateway import contract as c
from gateway.journal.journal import Journal

MOSQUITTO = "/usr/sbin/mosquitto"

SETTINGS = """
compound = "c01"
gate = "east"
names = {{ zh = "东门", en = "East gate" }}
data_dir = "{folder}/data"
clock = "host"
time_zone = "{zone}"
[broker]
url = "mqtt://127.0.0.1:{broker}"
reconnect_s_max = 1
[seal]
public_key_file = "{folder}/seal.pub"
[screen]
listen = "127.0.0.1:0"
[uplink]
patience_s = 0.5
spread_s = 0.1
health_s = 1
[[lane]]
name = "in1"
way = "in"
thermometers = ["t1"]
ambient_centi_c = 2000
place = "indoors"
{lane}
[[thermometer]]
name = "t1"
driver = "gy_mcu90614"
port = "sim://gy_mcu90614?object=36.4&every_s={every_s}&for_s={for_s}{port}"
"""


def until(what, wait_s=60.0, said=""):
    """Wait until something is so; give what it gave."""
    deadline = time.monotonic() + wait_s
    while not (found := what()):
        assert time.monotonic() < deadline, said or f"never came true: {what}"
        time.sleep(0.02)
    return found


def zone_of_noon():
    """Name a zone where it is about noon: what is counted by the day counts on in every test."""
    east = 12 - time.gmtime().tm_hour
    return f"Etc/GMT{-east:+d}" if east else "Etc/UTC"


class Broker:
    """A mosquitto that can be killed and started again on its port."""

    def __init__(self, folder, extra="allow_anonymous true"):
        self.port = free_port()
        self._folder = folder
        self._conf = folder / "mosquitto.conf"
        user = "user root\n" if os.geteuid() == 0 else ""
        self._conf.write_text(f"listener {self.port} 127.0.0.1\n{user}{extra}\n")
        self._process = None

    def start(self):
        with (self._folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(
                [MOSQUITTO, "-c", str(self._conf)], stdout=log, stderr=subprocess.STDOUT
            )
        until(self._answers, said="mosquitto never listened")
        return self

    def _answers(self):
        assert self._process.poll() is None, (self._folder / "mosquitto.log").read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def freeze(self):
        """Let it hang as a machine does: connections stand, and nothing is answered."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self._process.send_signal(signal.SIGCONT)

    def kill(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)
            self._process = None


class Centre:
    """Keeps what it hears, by key, and acknowledges what is contiguous."""

    def __init__(self, port):
        self.entries = {}
        self.copies = 0
        self.statuses = []
        self.healths = []
        self.quiet = False
        self._sent = []
        self._lock = threading.Lock()
        self._client = Client(
            CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5, client_id="centre"
        )
        self._client.on_connect = lambda client, *_: client.subscribe("gatepost/v1/gate/#", qos=1)
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()

    def keys(self):
        with self._lock:
            return set(self.entries)

    def kinds(self):
        with self._lock:
            return [self.entries[key].kind for key in sorted(self.entries)]

    def deaf(self, payload):
        """Leave alone what a test itself sent to be refused."""
        return payload in self._sent

    def send(self, topic, payload):
        self._sent.append(payload)
        self._client.publish(topic, payload, qos=1)

    def _on_message(self, _client, _userdata, message):
        word = c.read_gate_topic(message.topic)[2]
        if self.deaf(message.payload):
            return
        if word in ("entries", "alert"):
            entries = (
                c.decode_batch(message.payload)
                if word == "entries"
                else [c.decode_entry(message.payload)]
            )
            with self._lock:
                for entry in entries:
                    self.copies += 1
                    kept = self.entries.setdefault((entry.stream, entry.seq), entry)
                    assert c.hash_of(kept) == c.hash_of(entry)
            self._answer({entry.stream for entry in entries})
        elif word == "hello":
            self._answer({held.stream for held in c.decode(message.payload, c.Hello).held})
        elif word == "status":
            self.statuses.append(c.decode(message.payload, c.Status))
        elif word == "health":
            self.healths.append(c.decode(message.payload, c.Health))

    def _answer(self, streams):
        if self.quiet or not streams:
            return
        with self._lock:
            marks = []
            for stream in sorted(streams):
                committed = 0
                while (stream, committed + 1) in self.entries:
                    committed += 1
                marks.append(c.Mark(stream=stream, committed=committed, safe=0))
        ack = c.Ack(v=1, boot="centre", marks=tuple(marks))
        self.send(c.gate_topic("c01", "east", "ack"), c.encode(ack))


class Gate:
    """One `gateway run`, as systemd would run it; unless told otherwise nobody is measured."""

    def __init__(self, folder, port, *, every_s=3600, for_s=0, port_more="", lane="", extra=""):
        self.folder = folder
        key = bytes(PrivateKey.generate().public_key)
        (folder / "seal.pub").write_bytes(base64.b64encode(key))
        self.config = folder / "gateway.toml"
        self.config.write_text(
            SETTINGS.format(
                folder=folder,
                broker=port,
                every_s=every_s,
                for_s=for_s,
                lane=lane,
                port=port_more,
                zone=zone_of_noon(),
            )
            + extra
        )
        self.log = folder / "gateway.log"
        self.journal = folder / "data" / "journal.db"
        self.notes = []
        self.process = None
        self._pages = []

    def start(self, *, ready=True, watchdog_s=None, program=("-m", "gateway", "run", "--config")):
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind("")  # Linux draws an abstract name.
        self._notify.settimeout(60)
        environment = dict(os.environ)
        environment["NOTIFY_SOCKET"] = "@" + self._notify.getsockname()[1:].decode()
        if watchdog_s:
            environment["WATCHDOG_USEC"] = str(int(watchdog_s * 1e6))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *program, str(self.config)],
                stdout=log, stderr=log, env=environment,
            )  # fmt: skip
        if ready:
            self.url = self.wait_note("STATUS=http").removeprefix("STATUS=")
        return self

    def wait_note(self, start):
        """Wait until the gate notifies a line that starts so."""
        while True:
            lines = self._notify.recv(65536).decode().splitlines()
            self.notes += lines
            for line in lines:
                if line.startswith(start):
                    return line

    def said(self):
        return self.log.read_text()

    def kill(self):
        self._end(signal.SIGKILL)

    def stop(self):
        """End it cleanly; give its exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, number):
        if self.process is None:
            return None
        self.process.send_signal(number)
        status = self.process.wait(60)
        self._notify.close()
        while self._pages:
            self._pages.pop().close()
        self.process = None
        return status

    # --- The guard ---

    def page(self):
        self._pages.append(Page(self.url))
        return self._pages[-1]

    def entries(self):
        """Read the journal as `gateway journal` does."""
        look = Journal.look(self.journal)
        try:
            return look.newest(100_000)
        finally:
            look.close()

    def keys(self):
        try:
            return {(entry.stream, entry.seq) for entry in self.entries()}
        except (sqlite3.Error, OSError):
            return set()

    def bodies(self, kind):
        return [c.decode_body(entry) for entry in self.entries() if entry.kind == kind]


class Page:
    """The guard's page, without a browser."""

    def __init__(self, url):
        self._host = re.fullmatch(r"http://([^/]+)/", url)[1]
        page = self._ask("GET", "/")
        self._token = re.search(r'data-token="([^"]+)"', page)[1]
        self._newest = None
        self._live = http.client.HTTPConnection(self._host, timeout=60)
        self._live.request("GET", "/live", headers={"Connection": "keep-alive"})
        self._sock = self._live.sock
        self._answer = self._live.getresponse()
        assert self._answer.status == 200, self._answer.status
        self._watching = threading.Thread(target=self._watch)
        self._watching.start()

    def touch(self, name, **fields):
        """Touch something; it is in the gate's hands when this returns."""
        headers = {
            "X-Gatepost-Token": self._token, "Origin": f"http://{self._host}",
            "Content-Type": "application/json",
        }  # fmt: skip
        self._ask("POST", "/touch", json.dumps({"touch": name, **fields}), headers)

    def view(self):
        """Give the newest view."""
        return until(lambda: self._newest, said="the page never got a view")

    def close(self):
        """Hang up and wait for the watching thread."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._watching.join(10)
        self._answer.close()
        self._live.close()
        self._sock.close()

    def _watch(self):
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            while line := self._answer.readline():
                if line.startswith(b"data: {"):
                    self._newest = json.loads(line[6:])

    def _ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(self._host, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            text = answer.read().decode()
            assert answer.status in (200, 204), (answer.status, text)
            return text
        finally:
            connection.close()
