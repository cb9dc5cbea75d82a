"""Writes the site down for its processes: a TOML each, keys, and the folders they want."""

import csv
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

from nacl.public import PrivateKey

from demo.children import free_port
from demo.plan import TEMPERATURE_DRIVER, Gate, Lane, Site, lanes_of
from training.drawing import ZONE

EXAMPLE_SITE: Final = Path(__file__).resolve().parent.parent / "systemd" / "site.example.toml"
SHORT_WAITS: Final = {
    # Minutes at a real gate; a minute's demo would see nothing else.
    "probe_away_s": 0.5,
    "recheck_wait_s": 1.5,
    "shelter_wait_s": 2.0,
    "warm_up_s": 0.0,
}
PYTHON: Final = (sys.executable, "-P", "-m")
SUMMARY_WAIT_S: Final = 30.0


def site(folder: Path, *, gates: int, broker: str, websockets: str) -> Site:
    """Choose the site's gates: the first of the example site's compounds, a gate each."""
    found = tomllib.loads(EXAMPLE_SITE.read_text(encoding="utf-8"))["compound"][:gates]
    return Site(
        folder=folder,
        gates=tuple(
            Gate(
                number=number,
                compound=compound["id"],
                gate=compound["gate"][0]["id"],
                names=compound["names"],
                port=free_port(),
                lanes=lanes_of(number),
            )
            for number, compound in enumerate(found)
        ),
        broker=broker,
        websockets=websockets,
        central_port=free_port(),
    )


def write(site: Site) -> None:
    """Write all settings and keys."""
    central = site.folder / "central"
    central.mkdir()
    key = PrivateKey.generate()
    (central / "vault.key").write_text(bytes(key).hex())
    (central / "vault.key").chmod(0o600)
    (site.folder / "seal.pub").write_text(bytes(key.public_key).hex())
    for gate in site.gates:
        (site.gate_folder(gate) / "devices").mkdir(parents=True)
        site.settings(gate).write_text(_gateway_toml(site, gate), encoding="utf-8")


def _gateway_toml(site: Site, gate: Gate) -> str:
    parts = [
        f"compound = {_q(gate.compound)}",
        f"gate = {_q(gate.gate)}",
        f"names = {{ zh = {_q(gate.names['zh'])}, en = {_q(gate.names['en'])} }}",
        f"data_dir = {_q(site.gate_folder(gate) / 'data')}",
        # Whether NTP keeps this machine is not what the demo shows.
        'clock = "host"',
        f"[broker]\nurl = {_q(site.broker)}\nreconnect_s_max = 2",
        f"[seal]\npublic_key_file = {_q(site.folder / 'seal.pub')}",
        f'[screen]\nlisten = "127.0.0.1:{gate.port}"',
        "[screening]\n" + "\n".join(f"{key} = {value}" for key, value in SHORT_WAITS.items()),
        "[uplink]\npatience_s = 1\npatience_s_max = 4\nspread_s = 0.2\nhealth_s = 5",
        "[retention]\nentries_min = 1000000",
    ]
    for lane in gate.lanes:
        parts += _lane_tables(site, gate, lane)
    return "\n\n".join(parts) + "\n"


def _lane_tables(site: Site, gate: Gate, lane: Lane) -> list[str]:
    table = ["[[lane]]", f"name = {_q(lane.name)}", f"way = {_q(lane.way)}", 'place = "indoors"']
    devices = []
    if lane.thermometer is not None:
        table.append(f"thermometers = [{_q(lane.thermometer)}]")
        port = _q(site.device(gate, lane.thermometer))
        devices.append(
            f"[[thermometer]]\nname = {_q(lane.thermometer)}\n"
            f"driver = {_q(TEMPERATURE_DRIVER)}\nport = {port}"
        )
    if lane.camera is not None:
        corners = ", ".join(f"[{x}, {y}]" for x, y in ZONE)
        table += [f"cameras = [{_q(lane.camera)}]", f"zone = [{corners}]"]
        source = _q(f"folder://{site.device(gate, lane.camera)}")
        devices.append(f"[[camera]]\nname = {_q(lane.camera)}\nsource = {source}")
    return ["\n".join(table), *devices]


def _q(value: object) -> str:
    """Quote a string for TOML: JSON's rules are a subset of its own."""
    return json.dumps(str(value), ensure_ascii=False)


def labels(pictures: Path) -> dict[str, str]:
    """Read what stands on the plates of real frames, where an index says it."""
    index = pictures / "index.csv"
    if not index.exists():
        return {}
    with index.open(encoding="utf-8", newline="") as rows:
        return {Path(row["file"]).name: row["label"] for row in csv.DictReader(rows)}


def journals(site: Site) -> dict[str, Path]:
    """Find the gates' journals."""
    return {gate.compound: site.gate_folder(gate) / "data" / "journal.db" for gate in site.gates}


def ledger(site: Site) -> Path:
    """Find central's ledger."""
    return site.folder / "central" / "data" / "ledger.db"


def central_commands(site: Site) -> dict[str, list[str]]:
    """Name central's processes and how each is started."""
    return {"central": ["central", "run", "--config", str(site.central_settings)]}


def summary(site: Site) -> dict[str, int]:
    """Ask central, by its own command, how many passages it counted in each compound."""
    done = subprocess.run(
        [*PYTHON, "central", "summary", "--json", "--config", str(site.central_settings)],
        capture_output=True,
        check=True,
        timeout=SUMMARY_WAIT_S,
    )
    said: dict[str, Any] = json.loads(done.stdout)
    return {compound: int(n) for compound, n in said["passages"].items()}
