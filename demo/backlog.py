"""`./gatepost bench backlog`: how fast a backlog drains, and how soon an alert in it is seen.

Real processes: mosquitto, `central run`, one `gateway run` whose journal was filled before, and a
watcher of the feeds. The centre has one core for itself; gate and broker share the others. While
the backlog drains, thermometers are unplugged one after the other: each raises an alert, which must
overtake what waits. In the same run a bare paho subscriber takes the same messages and does nothing
with them.
"""

import os
import random
import secrets
import socket
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import paho.mqtt.client as mqtt
from nacl.public import PublicKey, SealedBox
from paho.mqtt.enums import CallbackAPIVersion

from demo import broker, settings
from demo.children import ChildLost, Children, free_port
from demo.devices import SerialThermometer
from demo.live import say
from demo.plan import TEMPERATURE_DRIVER, Lane, Site
from gateway import contract
from gateway.core.events import Record
from gateway.journal.journal import Journal, Stamp

LANES: Final = 9
UP_S: Final = 60.0
ALARMS_S: Final = 20.0
TICK_S: Final = 0.02
PORTION: Final = 500
_SUBSCRIBER: Final = """
import sys, time, paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
wanted, seen = int(sys.argv[2]), []
client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
def heard(client, _, message):
    seen.append(time.monotonic())
    if len(seen) == wanted:
        client.disconnect()
def ready(client, *_):
    client.subscribe("bench/raw", 1)
client.on_connect, client.on_message = ready, heard
client.on_subscribe = lambda *_: print("ready", flush=True)
client.connect("127.0.0.1", int(sys.argv[1]))
client.loop_forever()
print(seen[-1] - seen[0], time.process_time(), flush=True)
"""


@dataclass(slots=True)
class Watcher:
    """Somebody at the wall: notes when an alarm and the feeds' figures come."""

    port: int
    alarms: dict[str, float] = field(default_factory=dict)
    """By device, when the alarm's topic came."""

    def start(self) -> mqtt.Client:
        """Watch the feeds' alarms."""
        client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        client.on_connect = lambda c, *_: c.subscribe(f"{contract.ROOT}/feed/alarm/#", 1)
        client.on_message = self._heard
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        return client

    def _heard(self, _client: object, _userdata: object, message: mqtt.MQTTMessage) -> None:
        if message.payload:
            alarm = contract.decode(message.payload, contract.FeedAlarm)
            if alarm.what == "device_lost" and alarm.device:
                self.alarms.setdefault(alarm.device, time.monotonic())


def fill(site: Site, entries: int) -> str:
    """Write a journal of whole passages, as a gate does over days; give its stream."""
    gate = site.gates[0]
    folder = site.gate_folder(gate) / "data"
    folder.mkdir(mode=0o700)
    box = SealedBox(PublicKey(bytes.fromhex((site.folder / "seal.pub").read_text())))
    journal = Journal.open(
        folder / "journal.db", compound=gate.compound, gate=gate.gate, boot="prepared",
        version="0", new_stream=lambda: secrets.token_hex(16), seal=box.encrypt,
    )  # fmt: skip
    now_ms, written, key = int(time.time() * 1000), 0, 0
    records: list[tuple[Record, Stamp]] = []
    while written < entries:
        key += 1
        at_ms = now_ms - (entries - written) * 100
        records += [(one, Stamp(at_ms, at_ms, "ntp")) for one in passage(key)]
        if len(records) >= PORTION:
            del records[max(0, entries - written - (written == 0)) :]
            written += len(journal.append_all(records))
            records.clear()
    assert journal.stream is not None
    stream = journal.stream
    journal.close()
    return stream


def passage(key: int) -> list[Record]:
    """Give what a gate writes down of one passage."""
    reading = contract.SealedReading(
        raw_centi_c=3412, estimate_centi_c=3645, uncertainty_centi_c=31, ambient_centi_c=1890
    )
    return [
        Record(contract.Opened(lane="in1", way="in", traveller="vehicle", witness="track"), key),
        Record(
            contract.PlateSeen(status="read", plate_kind="blue", confidence_pct=97),
            key,
            contract.SealedPlate(text="鲁M00000"),
        ),
        Record(contract.ReadingTaken(lane="in1", device="t1", person=1, result="NORMAL"),
               key, reading),
        Record(contract.Decided(decision="admit", revision=1, persons=1), key),
        Record(contract.Closed(how="left", persons=1), key),
    ]  # fmt: skip


def payloads(site: Site, stream: str) -> list[bytes]:
    """Give the journal's entries as the messages in which a gate sends them."""
    path = site.gate_folder(site.gates[0]) / "data" / "journal.db"
    reader = Journal.look(path)
    found, after = [], 0
    while entries := reader.pending(stream, after):
        after = entries[-1].seq
        found.append(contract.encode(entries))
    reader.close()
    return found


def raw(port: int, messages: list[bytes], core: int) -> dict[str, float]:
    """Let a bare paho subscriber take the same messages on the centre's core."""
    command = ["taskset", "-c", str(core), sys.executable, "-c", _SUBSCRIBER]
    taker = subprocess.Popen(
        [*command, str(port), str(len(messages))], stdout=subprocess.PIPE, text=True
    )
    assert taker.stdout is not None
    assert taker.stdout.readline().strip() == "ready"
    sender = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    sender.max_inflight_messages_set(100)
    sender.connect("127.0.0.1", port)
    sender.loop_start()
    for message in messages:
        sender.publish("bench/raw", message, 1)
    took_s, cpu_s = map(float, taker.stdout.readline().split())
    taker.wait()
    sender.disconnect()
    sender.loop_stop()
    return {"seconds": took_s, "cpu_s": cpu_s}


def cpu_s(pid: int) -> float:
    """Tell what processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Lines:
    """The gate's thermometers, each of which can be unplugged."""

    def __init__(self, site: Site) -> None:
        gate = site.gates[0]
        self._all = {
            lane.thermometer: SerialThermometer(
                TEMPERATURE_DRIVER, site.device(gate, lane.thermometer), random.Random(7)
            )
            for lane in gate.lanes
            if lane.thermometer
        }
        self.unplugged: dict[str, float] = {}
        self._held = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def unplug(self) -> None:
        """Pull the next plug."""
        with self._held:
            name, line = self._all.popitem()
            self.unplugged[name] = time.monotonic()
            line.close()

    def close(self) -> None:
        """Send nothing any more."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(TICK_S):
            with self._held:
                for line in self._all.values():
                    line.tick(time.monotonic())


def run(folder: Path, entries: int, alerts: int) -> dict[str, Any]:
    """Drain a backlog once, with alerts in its midst."""
    ports = free_port(), free_port()
    site = settings.site(
        folder, gates=1, broker=f"mqtt://127.0.0.1:{ports[0]}",
        websockets=f"ws://127.0.0.1:{ports[1]}",
    )  # fmt: skip
    lanes = tuple(Lane(f"in{n}", None, f"t{n}") for n in range(1, LANES + 1))
    site = replace(site, gates=(replace(site.gates[0], lanes=lanes),))
    settings.write(site)
    _as_delivered(site)
    configuration = folder / "mosquitto.conf"
    broker.write_configuration(configuration, mqtt_port=ports[0], websockets_port=ports[1])
    say(f"Writing a journal of {entries} entries.")
    stream = fill(site, entries)
    cores = sorted(os.sched_getaffinity(0))
    centre_core, others = cores[-1], ",".join(map(str, cores[:-1] or cores))
    children = Children(folder, say)
    children.start("broker", ["taskset", "-c", others, broker.find_mosquitto(), "-c",
                              str(configuration)])  # fmt: skip
    lines = None
    try:
        _until(children, lambda: _answers(ports[0]))
        messages = payloads(site, stream)
        bare = raw(ports[0], messages, centre_core)
        lines = Lines(site)
        return {
            "entries": entries, "messages": len(messages),
            "bytes_an_entry": round(sum(map(len, messages)) / entries),
            "bare_subscriber": {
                "entries_s": round(entries / bare["seconds"]),
                "messages_s": round(len(messages) / bare["seconds"]),
                "entries_per_core_s": round(entries / bare["cpu_s"]),
            },
            **_drain(site, children, lines, entries, alerts, centre_core, others),
        }  # fmt: skip
    finally:
        if lines is not None:
            lines.close()
        children.stop("gateway")
        children.stop()


def _drain(  # noqa: PLR0917 - one run's parts.
    site: Site, children: Children, lines: Lines, entries: int, alerts: int, core: int, others: str
) -> dict[str, Any]:
    gate = [*settings.PYTHON, "gateway", "run", "--config", str(site.settings(site.gates[0]))]
    gateway = children.start("gateway", ["taskset", "-c", others, *gate], notifies=True,
                             restarts=False)  # fmt: skip
    _until(children, children.ready)
    watcher = Watcher(int(site.broker.rpartition(":")[2]))
    client = watcher.start()
    time.sleep(3.0)  # All lines have been heard: what follows is an unplugging.
    say("The gate is up; starting the centre, which knows nothing yet.")
    run_central = settings.central_commands(site)["central"]
    central = children.start(
        "central", ["taskset", "-c", str(core), *settings.PYTHON, *run_central], notifies=True,
        restarts=False,
    )  # fmt: skip
    assert central.process is not None
    assert gateway.process is not None
    pids = {"central": central.process.pid, "gateway": gateway.process.pid}
    ledger = settings.ledger(site)
    _until(children, lambda: committed(ledger) > 0)
    before = {name: cpu_s(pid) for name, pid in pids.items()}
    first, began = committed(ledger), time.monotonic()
    at = [first + (entries - first) * (n + 1) // (alerts + 1) for n in range(alerts)]
    backlog_at = []
    while (now_at := committed(ledger)) < entries:
        children.watch()
        if at and now_at >= at[0]:
            at.pop(0)
            backlog_at.append(entries - now_at)
            lines.unplug()
        time.sleep(TICK_S)
    took_s = time.monotonic() - began
    spent = {name: cpu_s(pid) - before[name] for name, pid in pids.items()}
    wanted = len(lines.unplugged)
    _until(children, lambda: len(watcher.alarms) >= wanted, ALARMS_S)
    client.disconnect()
    client.loop_stop()
    delays = sorted(round(watcher.alarms[name] - at_s, 3) for name, at_s in lines.unplugged.items())
    drained = entries - first
    return {
        "drain": {
            "seconds": round(took_s, 2),
            "entries_s": round(drained / took_s),
            "centre_entries_per_core_s": round(drained / spent["central"]),
            "gate_entries_per_core_s": round(drained / spent["gateway"]),
        },
        "alerts": {
            "behind_entries": backlog_at,
            "seconds": delays,
            "median_s": statistics.median(delays),
        },
    }


def _as_delivered(site: Site) -> None:
    """Take the demo's short times out of the settings: what is measured is what is delivered."""
    for path, words in (
        (site.central_settings, ("backup", "feeds")),
        (site.settings(site.gates[0]), ("uplink",)),
    ):
        tables = path.read_text(encoding="utf-8").split("\n[")
        kept = [one for one in tables if not one.startswith(tuple(f"{w}]" for w in words))]
        if path == site.central_settings:
            kept.append(f'backup]\ndirectory = "{path.parent / "backup"}"\n')
        path.write_text("\n[".join(kept), encoding="utf-8")


def committed(ledger: Path) -> int:
    """Ask the ledger itself how far it has come."""
    try:
        db = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, timeout=1.0)
    except sqlite3.Error:
        return 0
    try:
        return int(db.execute("SELECT coalesce(max(committed), 0) FROM stream").fetchone()[0])
    except sqlite3.Error:
        return 0
    finally:
        db.close()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _until(children: Children, come: Any, wait_s: float = UP_S) -> None:
    until = time.monotonic() + wait_s
    while not come():
        children.watch()
        if time.monotonic() > until:
            raise ChildLost(f"not within {wait_s:.0f} s: read {children.logs}")
        time.sleep(TICK_S)
