"""The closest peer, thingsboard-gateway 3.8.5, under the faults that it and Gatepost both meet.

    python3.11 -m venv FOLDER && FOLDER/bin/pip install thingsboard-gateway==3.8.5
    .venv/bin/python -m tests.faults.peer FOLDER/bin/python [--runs N] [--only NAME] [--json]

It is no dependency and never installed by us. Its whole process runs as it is shipped, with its
SQLite storage, an MQTT connector on a broker of its own, and in the platform's place a broker and
a stand-in that answers `getSessionLimits` (without that answer it connects and publishes nothing)
and notes what telemetry arrives. An event is *accepted* when the gateway has acknowledged it to
its own broker, as that broker's log says; each has a time stamp of its own, since it merges those
of one device within a millisecond. It is given until nothing has arrived for a quarter of a
minute, after which what was accepted and has not arrived is lost.
"""

import json
import random
import shutil
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import click
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.faults import disks, wires
from tests.faults.programs import Program, wait_for
from tests.faults.site import Broker

CLIENT = "peer-gateway"
QUIET_S = 15.0
SETTLE_S = 180.0


def _settings(folder, data, events_port, platform):
    host, port = platform
    general = {
        "thingsboard": {
            "host": host, "port": port, "remoteShell": False, "remoteConfiguration": False,
            "statistics": {"enable": False}, "minPackSendDelayMS": 50, "minPackSizeToSend": 500,
            "checkConnectorsConfigurationInSeconds": 60, "qos": 1,
            "reportStrategy": {"type": "ON_RECEIVED"},
            "security": {"type": "accessToken", "accessToken": "peer"},
        },
        "storage": {"type": "sqlite", "data_file_path": f"{data}/"},
        "grpc": {"enabled": False},
        "connectors": [{"type": "mqtt", "name": "events", "configuration": "mqtt.json"}],
    }  # fmt: skip
    mapping = {
        "topicFilter": "events", "subscriptionQos": 1,
        "converter": {
            "type": "json",
            "deviceInfo": {
                "deviceNameExpressionSource": "constant", "deviceNameExpression": "gate",
                "deviceProfileExpressionSource": "constant", "deviceProfileExpression": "default",
            },
            "sendDataOnlyOnChange": False, "timeout": 60000, "attributes": [],
            "timeseries": [{"type": "integer", "key": "n", "value": "${n}"}],
        },
    }  # fmt: skip
    connector = {
        "broker": {
            "host": "127.0.0.1", "port": events_port, "clientId": CLIENT, "version": 5,
            "maxMessageNumberPerWorker": 10, "maxNumberOfWorkers": 100, "cleanSession": True,
            "cleanStart": True, "sessionExpiryInterval": 0, "security": {"type": "anonymous"},
        },
        "mapping": [mapping],
    }  # fmt: skip
    logs = {
        "version": 1, "disable_existing_loggers": False,
        "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
        "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "plain"}},
        "root": {"handlers": ["out"], "level": "INFO"},
    }  # fmt: skip
    for name, said in (("tb_gateway", general), ("mqtt", connector), ("logs", logs)):
        (folder / f"{name}.json").write_text(json.dumps(said))


class Platform:
    """What stands in for the platform: answers, and remembers which events came how often."""

    def __init__(self, port):
        self.came = Counter()
        self.newest_s = time.monotonic()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe("v1/#", qos=1)
        self._client.on_message = self._heard
        self._client.reconnect_delay_set(1, 1)
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()

    def _heard(self, client, _, message):
        words = message.topic.split("/")
        if words[-2] == "request" and b"getSessionLimits" in message.payload:
            limits = {
                "maxPayloadSize": 65536, "maxInflightMessages": 100, "rateLimits": {},
                "gatewayRateLimits": {},
            }  # fmt: skip
            answer = f"v1/devices/me/rpc/response/{words[-1]}"
            client.publish(answer, json.dumps(limits), qos=1)
        elif message.topic == "v1/gateway/telemetry":
            for row in json.loads(message.payload).get("gate", []):
                self.came[row["values"]["n"]] += 1
            self.newest_s = time.monotonic()

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


class Peer:
    """The gateway, the broker of its events, and the platform's."""

    def __init__(self, python, folder, *, card=None, wire=None):
        self.folder, self.card, self.wire = folder, card, wire
        self.data = card.folder if card else folder / "data"
        self.data.mkdir(exist_ok=True)
        hosts = [wire.near] if wire else []
        self.events = Broker(folder / "events", [], persistent=False)
        self.platform_broker = Broker(folder / "platform", hosts, persistent=False)
        with (folder / "events" / "mosquitto.conf").open("a") as conf:
            conf.write("log_type all\n")
        if wire:  # Its own broker lives beside it, on the loopback of its network.
            self.events.network = wire.network
            self.events._answers = lambda: "running" in self.events.said()
        config = folder / "config"
        config.mkdir()
        platform = (wire.near if wire else "127.0.0.1", self.platform_broker.port)
        _settings(config, self.data, self.events.port, platform)
        (folder / "logs").mkdir()
        self.gateway = Program(
            "peer",
            [str(python), "-c", "from thingsboard_gateway.tb_gateway import main; main()"],
            folder / "gateway.log", environment={"TB_GW_CONFIG_DIR": f"{config}/"},
            network=wire.network if wire else None,
        )  # fmt: skip
        self.sent = 0
        self.platform = Platform(self.platform_broker.port)
        self._source = None

    def start(self):
        self.platform_broker.start()
        self.events.start()
        self.start_gateway()

    def start_gateway(self):
        before = self.events.said().count(f"Received SUBSCRIBE from {CLIENT}")
        self.gateway.start()
        wait_for(
            lambda: self.events.said().count(f"Received SUBSCRIBE from {CLIENT}") > before,
            90, "the peer subscribes to its events",
        )  # fmt: skip
        time.sleep(3.0)  # It begins to send some seconds after.

    def accepted(self):
        return self.events.said().count(f"Received PUBACK from {CLIENT}")

    def send(self, count, each_s):
        """Publish events one at a time, on a thread; give the thread."""

        def go():
            if self.wire:
                wires.enter(self.wire.network)
            client = mqtt.Client(CallbackAPIVersion.VERSION2)
            client.max_inflight_messages_set(1000)
            client.connect("127.0.0.1", self.events.port)
            client.loop_start()
            for _ in range(count):
                self.sent += 1
                event = {"n": self.sent, "ts": 1_700_000_000_000 + self.sent * 10}
                client.publish("events", json.dumps(event), qos=1).wait_for_publish(10)
                time.sleep(each_s)
            client.disconnect()
            client.loop_stop()

        thread = threading.Thread(target=go)
        thread.start()
        return thread

    def settle(self):
        """Wait until nothing has come for a while."""
        began = time.monotonic()
        self.platform.newest_s = max(self.platform.newest_s, began)
        wait_for(
            lambda: time.monotonic() - self.platform.newest_s > QUIET_S
            or len(self.platform.came) >= self.sent,
            SETTLE_S, "the peer settles",
        )  # fmt: skip
        return time.monotonic() - began

    def close(self):
        self.platform.close()
        for program in (self.gateway, self.events, self.platform_broker):
            program.kill()
        if self.card:
            self.card.close()
        if self.wire:
            self.wire.close()


# --- Faults ---


def killed(peer, dice):
    """Platform away, 50 events a second for 10 s, kill -9 while they come."""
    peer.platform_broker.kill()
    source = peer.send(500, 0.02)
    time.sleep(dice.uniform(6.0, 9.0))
    peer.gateway.kill()
    accepted = peer.accepted()
    source.join()
    peer.start_gateway()
    peer.platform_broker.start()
    return accepted


def stopped(peer, dice):
    """SIGTERM in a burst: events as fast as its broker takes them, the platform there."""
    source = peer.send(5000, 0.0)
    time.sleep(dice.uniform(1.0, 2.0))
    peer.gateway.stop()
    accepted = peer.accepted()
    source.join()
    peer.start_gateway()
    return accepted


def away(peer, dice):
    """The platform's broker dies under 10 events a second and comes back 10 s later."""
    source = peer.send(250, 0.1)
    time.sleep(dice.uniform(4.0, 8.0))
    peer.platform_broker.kill()
    time.sleep(10.0)
    peer.platform_broker.start()
    source.join()
    time.sleep(2.0)
    return peer.accepted()


def half_open(peer, dice):
    """A half-open link for 19 s at 10 events a second, then kill -9; link back, started again."""
    source = peer.send(250, 0.1)
    time.sleep(dice.uniform(4.0, 5.0))
    peer.wire.cut = True
    time.sleep(19.0)
    peer.gateway.kill()
    accepted = peer.accepted()
    source.join()
    peer.wire.mend()
    peer.start_gateway()
    return accepted


def full(peer, dice):
    """Its card fills up under 50 events a second, platform away; then there is room again."""
    peer.platform_broker.kill()
    source = peer.send(600, 0.02)
    time.sleep(dice.uniform(2.0, 3.0))
    for _ in range(3):
        peer.card.fill()
        time.sleep(1.0)
    source.join()
    time.sleep(3.0)
    peer.card.empty()
    time.sleep(3.0)
    peer.platform_broker.start()
    return peer.accepted()


def power_cut(peer, dice):
    """Platform away, 5 events a second; power is cut: what had not reached the card is gone."""
    peer.platform_broker.kill()
    source = peer.send(125, 0.2)
    time.sleep(dice.uniform(23.0, 25.0))
    peer.gateway.freeze()
    image = peer.card.copy()
    accepted = peer.accepted()
    peer.gateway.kill()
    source.join()
    peer.card.put(image)
    peer.start_gateway()
    peer.platform_broker.start()
    return accepted


FAULTS = {
    "gate killed": (killed, {}),
    "gate stopped in a burst": (stopped, {}),
    "broker killed": (away, {}),
    "link half-open, then killed": (half_open, {"wire": wires.Wire}),
    "disk full": (full, {"card": disks.Card}),
    "power cut": (power_cut, {"card": disks.Card}),
}


def perform(python, name, seed):
    """Do one fault to the peer; give what it accepted, what arrived, lost and doubled."""
    body, parts = FAULTS[name]
    folder = Path(tempfile.mkdtemp(prefix="gatepost-peer-"))
    made = {
        word: make(folder / "card") if word == "card" else make(seed)
        for word, make in parts.items()
    }
    peer = Peer(python, folder, **made)
    try:
        peer.start()
        accepted = body(peer, random.Random(f"{name}/{seed}"))
        settled_s = peer.settle()
        came = [peer.platform.came[n] for n in range(1, accepted + 1)]
        return {
            "fault": name, "seed": seed, "accepted": accepted,
            "arrived": sum(map(bool, came)), "lost": came.count(0),
            "double": sum(max(0, n - 1) for n in came), "settled_s": round(settled_s, 1),
        }  # fmt: skip
    finally:
        peer.close()
        shutil.rmtree(folder, ignore_errors=True)


@click.command()
@click.argument("python", type=click.Path(exists=True, path_type=Path))
@click.option("--runs", default=1, show_default=True)
@click.option("--only", "names", multiple=True, metavar="NAME")
@click.option("--json", "as_json", is_flag=True)
def main(python, runs, names, as_json):
    """Measure the peer whose PYTHON has thingsboard-gateway installed."""
    python = python.absolute()
    click.echo("| fault | runs | accepted | arrived | lost | double |\n|---|---|---|---|---|---|")
    for name in FAULTS:
        if names and not any(word in name for word in names):
            continue
        found = [perform(python, name, seed) for seed in range(1, runs + 1)]
        if as_json:
            click.echo("\n".join(map(json.dumps, found)))
        sums = [sum(one[word] for one in found) for word in ("accepted", "arrived", "lost")]
        double = sum(one["double"] for one in found)
        click.echo(f"| {name} | {runs} | {' | '.join(map(str, sums))} | {double} |")


if __name__ == "__main__":
    main()
