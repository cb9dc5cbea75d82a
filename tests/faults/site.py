"""A site of real processes: mosquitto, `central run`, and gates with guards who work at them."""

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

from nacl.public import PrivateKey

from demo.broker import find_mosquitto
from demo.children import free_port
from tests.faults.guard import Guard
from tests.faults.programs import Program, wait_for
from tests.faults.walls import Wall
from tests.faults.wires import Wire

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE_SITE = ROOT / "systemd" / "site.example.toml"
PYTHON = (sys.executable, "-P", "-m")
HEARD_S = 5.0
"""A gate that did not speak for so long is not heard: what the feeds' completeness is held to."""
HEALTH_S = 1.0
UP_S = 60.0

_GATE = """\
compound = {compound}
gate = {gate}
names = {{ zh = "门", en = "Gate" }}
data_dir = {data}
clock = {clock}
[broker]
url = {url}
keepalive_s = 5
reconnect_s_max = 1
[seal]
public_key_file = {seal}
[screen]
listen = "127.0.0.1:{port}"
[uplink]
patience_s = 0.5
patience_s_max = {patience_s_max}
spread_s = 0.2
health_s = {health_s}
[retention]
entries_min = {entries_min}
ring = {ring}
[[lane]]
name = "in1"
way = "in"
place = "indoors"
[[lane]]
name = "out1"
way = "out"
place = "indoors"
[[lane]]
name = "foot1"
way = "foot"
place = "indoors"
"""

_CENTRAL = """\
site_file = "site.toml"
data_dir = {data}
[broker]
url = {url}
websockets_url = "ws://127.0.0.1:9001"
keepalive_s = 5
reconnect_s_max = 1
[backup]
directory = {backup}
count = 2
every_s = {backup_s}
[http]
listen = "127.0.0.1:{http}"
[feeds]
every_s = 0.5
refresh_s = 5
heard_s = {heard_s}
silent_s = {heard_s}
"""


def _toml(template, **values):
    quoted = {
        name: json.dumps(str(value)) if isinstance(value, str | Path) else value
        for name, value in values.items()
    }
    return template.format(**quoted)


class Broker(Program):
    """The distribution's mosquitto, on the loopback and on the wires' near ends."""

    def __init__(self, folder, hosts, *, persistent):
        folder.mkdir(parents=True)
        self.port, self.store = free_port(), folder
        lines = [f"listener {self.port} {host}" for host in ("127.0.0.1", *hosts)]
        lines += ["allow_anonymous true", "max_queued_messages 100000", "log_dest stderr"]
        lines += ["user root"] if os.geteuid() == 0 else []
        lines += [f"persistence {str(persistent).lower()}"]
        if persistent:
            lines += [f"persistence_location {folder}/", "autosave_interval 1"]
        conf = folder / "mosquitto.conf"
        conf.write_text("\n".join(lines) + "\n")
        super().__init__("broker", [find_mosquitto(), "-c", str(conf)], folder / "broker.log")

    def start(self):
        super().start()
        wait_for(self._answers, UP_S, "the broker listens")

    def _answers(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def wipe(self):
        """Take away all that it may remember; it must not run."""
        for kept in self.store.glob("mosquitto.db*"):
            kept.unlink()


class Central(Program):
    """`central run`, its ledger and its backups."""

    def __init__(self, folder, broker_port, gates, *, backup_s, wall, data):
        folder.mkdir(parents=True)
        self.data, self.backup = data or folder / "data", folder / "backup"
        self.config = folder / "central.toml"
        self.config.write_text(
            _toml(
                _CENTRAL, data=self.data, url=f"mqtt://127.0.0.1:{broker_port}",
                backup=self.backup, backup_s=backup_s, http=free_port(), heard_s=HEARD_S,
            )
        )  # fmt: skip
        head, *compounds = EXAMPLE_SITE.read_text(encoding="utf-8").split("[[compound]]")
        text = "[[compound]]".join([head, *compounds[:gates]])
        (folder / "site.toml").write_text(text, encoding="utf-8")
        super().__init__(
            "central", [*PYTHON, "central", "run", "--config", str(self.config)],
            folder / "central.log", environment=wall.environment if wall else None,
        )  # fmt: skip

    @property
    def ledger(self):
        return self.data / "ledger.db"

    def start(self):
        assert self.try_to_start(), f"{self.name} ended:\n{self.ended_with()}"

    def try_to_start(self):
        """Start it; tell whether it came to the broker before it ended."""
        before = self.said().count("The broker's link changed. reason=connected")
        super().start()
        wait_for(
            lambda: self.said().count("The broker's link changed. reason=connected") > before
            or not self.runs,
            UP_S, "central's link",
        )  # fmt: skip
        return self.runs

    def backups(self):
        return sorted(self.backup.glob("ledger-*Z.db"))

    def restore(self, backup):
        """Put a backup in the ledger's place, or nothing; it must not run."""
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.ledger}{suffix}").unlink(missing_ok=True)
        if backup is not None:
            shutil.copy(backup, self.ledger)

    def ask(self, command):
        """Ask one of central's own commands, as staff would."""
        done = subprocess.run(
            [*PYTHON, "central", command, "--json", "--config", str(self.config)],
            capture_output=True, check=True, timeout=60, cwd=ROOT,
        )  # fmt: skip
        return json.loads(done.stdout)


class Gate(Program):
    """`gateway run`, its journal, its guard, and the wire it hangs on, if it has one."""

    def __init__(self, folder, place, broker_port, *, wire, wall, clock, data, **limits):
        folder.mkdir(parents=True, exist_ok=True)
        self.compound, self.gate = place
        self.wire, self.wall, self.data = wire, wall, data or folder / "data"
        self.port, self.config = free_port(), folder / "gateway.toml"
        (folder / "seal.pub").write_bytes(base64.b64encode(bytes(PrivateKey.generate().public_key)))
        values = {
            "patience_s_max": 4, "health_s": HEALTH_S, "entries_min": 1_000_000, "ring": 2000,
        } | limits  # fmt: skip
        self.config.write_text(
            _toml(
                _GATE, compound=self.compound, gate=self.gate, data=self.data, clock=clock,
                url=f"mqtt://{wire.near if wire else '127.0.0.1'}:{broker_port}",
                seal=folder / "seal.pub", port=self.port, **values,
            )
        )  # fmt: skip
        super().__init__(
            f"gate {self.compound}", [*PYTHON, "gateway", "run", "--config", str(self.config)],
            folder / "gateway.log", network=wire.network if wire else None,
            environment={"PYTHONPATH": str(ROOT)} | (wall.environment if wall else {}),
        )  # fmt: skip

    @property
    def journal(self):
        return self.data / "journal.db"

    def start(self):
        before = self.said().count("The gate is open for work.")
        super().start()
        wait_for(
            lambda: self.said().count("The gate is open for work.") > before or not self.runs,
            UP_S, f"{self.name} opens",
        )  # fmt: skip
        assert self.runs, f"{self.name} ended:\n{self.ended_with()}"


class Site:
    """All of it, in one folder."""

    def __init__(
        self, folder, seed, *, gates=2, persistent=False, wired=0, disk=None, central_disk=None,
        walls=False, clock="host", backup_s=3, **limits,
    ):  # fmt: skip
        self.folder, self.seed = folder, seed
        self._limits, self._clock = limits, clock
        self.wires = [Wire(seed) for _ in range(wired)]
        self.walls = walls
        self.disk, self.central_disk = disk, central_disk
        self.broker = Broker(
            folder / "broker", [wire.near for wire in self.wires], persistent=persistent
        )
        wall = Wall(folder / "central.wall") if walls else None
        self.central = Central(
            folder / "central", self.broker.port, gates, backup_s=backup_s, wall=wall,
            data=central_disk.folder if central_disk else None,
        )  # fmt: skip
        self.central.wall = wall
        compounds = tomllib.loads(EXAMPLE_SITE.read_text(encoding="utf-8"))["compound"][:gates]
        places = [(one["id"], one["gate"][0]["id"]) for one in compounds]
        self.gates = [self._gate(number, place) for number, place in enumerate(places)]
        self.guards = [Guard(gate, f"{seed}/{gate.compound}") for gate in self.gates]

    def _gate(self, number, place, name=None, wire=None):
        folder = self.folder / (name or place[0])
        return Gate(
            folder, place, self.broker.port,
            wire=self.wires[number] if number < len(self.wires) else wire,
            wall=Wall(folder / "wall") if self.walls else None, clock=self._clock,
            data=self.disk.folder if self.disk and number == 0 else None, **self._limits,
        )  # fmt: skip

    def clone(self, gate):
        """Put a copy of a gate's card into another box, with the same settings; it is not run."""
        number = len(self.gates)
        again = self._gate(number, (gate.compound, gate.gate), f"{gate.compound}-clone")
        shutil.copytree(gate.data, again.data)
        self.gates.append(again)
        self.guards.append(Guard(again, f"{self.seed}/clone"))
        return again, self.guards[-1]

    def start(self):
        self.broker.start()
        self.central.start()
        for gate in self.gates:
            gate.start()

    def stop(self):
        """Ask all to end, in the order in which a site is shut."""
        for guard in self.guards:
            guard.end()
        for program in (*self.gates, self.central, self.broker):
            program.stop()

    def close(self):
        """Leave nothing behind, whatever happened."""
        for guard in self.guards:
            guard.end()
        for program in (*self.gates, self.central, self.broker):
            program.kill()
        for wire in self.wires:
            wire.close()
        for disk in (self.disk, self.central_disk):
            if disk is not None:
                disk.close()
