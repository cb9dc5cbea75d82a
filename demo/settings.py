"""Writes the site down for its processes: a TOML each, keys, and the folders they want."""

import csv
import json
import re
import secrets
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from nacl.public import PrivateKey

from demo.children import free_port
from demo.plan import TEMPERATURE_DRIVER, Gate, Lane, Site, lanes_of
from training.drawing import ZONE

EXAMPLE_SITE: Final = Path(__file__).resolve().parent.parent / "systemd" / "site.example.toml"
SCREENING: Final = {
    # Minutes at a real gate; a minute's demo would see nothing else.
    "probe_away_s": 0.5,
    "recheck_wait_s": 1.5,
    "shelter_wait_s": 2.0,
    "warm_up_s": 0.0,
    # Nobody comes in from the cold: unset, the air counts as cold.
    "ambient_centi_c": 2000,
}
PYTHON: Final = (sys.executable, "-P", "-m")
SUMMARY_WAIT_S: Final = 30.0


def site(folder: Path, *, gates: int, broker: str, websockets: str) -> Site:
    """Choose the site's gates: the first of the example site's compounds, a gate each."""
    where = urlsplit(broker)
    named, _, place = where.netloc.rpartition("@")
    username, _, password = (unquote(word) for word in named.partition(":"))
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
        broker=f"mqtt://{place}",
        websockets=websockets,
        central_port=free_port(),
        username=username or None,
        password=password or None,
    )


def check_address(url: str, *schemes: str) -> None:
    """See that a broker may be there; raises ValueError, without what may be a password."""
    try:
        where = urlsplit(url)
        port = where.port
    except ValueError:
        raise ValueError("a port from 1 to 65535 is wanted, and a host before it") from None
    if where.scheme not in schemes or not where.hostname or port == 0 or re.search(r"\s", url):
        raise ValueError(f"{schemes[0]}://HOST:PORT is wanted")
    if where.query or where.fragment or (where.path.strip("/") and "mqtt" in schemes):
        raise ValueError("nothing may follow the port")


def write(site: Site) -> None:
    """Write all settings and keys."""
    key = PrivateKey.generate()
    _write_secret(site.folder / "vault.key", bytes(key).hex())
    _write_secret(site.folder / "table.key", secrets.token_hex(32))
    _write_secret(site.folder / "desk.key", secrets.token_hex(32))
    (site.folder / "seal.pub").write_text(bytes(key.public_key).hex())
    if site.password is not None:
        _write_secret(site.folder / "password", site.password)
    for part in ("data", "backup", "vault"):
        (site.central_settings.parent / part).mkdir(parents=True)
    site.central_settings.write_text(_central_toml(site), encoding="utf-8")
    (site.central_settings.parent / "site.toml").write_text(
        _site_toml(len(site.gates)), encoding="utf-8"
    )
    for gate in site.gates:
        (site.gate_folder(gate) / "devices").mkdir(parents=True)
        site.settings(gate).write_text(_gateway_toml(site, gate), encoding="utf-8")


def _write_secret(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


def _site_toml(gates: int) -> str:
    """Take the example site with its first compounds only."""
    head, *compounds = EXAMPLE_SITE.read_text(encoding="utf-8").split("[[compound]]")
    return "[[compound]]".join([head, *compounds[:gates]])


def _central_toml(site: Site) -> str:
    folder = site.central_settings.parent
    return f"""\
site_file = "site.toml"
data_dir = {_q(folder / "data")}

[broker]
url = {_q(site.broker)}
websockets_url = {_q(site.websockets)}
reconnect_s_max = 2{_login(site)}

[backup]
directory = {_q(folder / "backup")}
count = 2
every_s = 10

[http]
listen = "127.0.0.1:{site.central_port}"

[feeds]
every_s = 1
refresh_s = 5
heard_s = 20
silent_s = 20

[vault]
private_key_file = {_q(site.folder / "vault.key")}
table_key_file = {_q(site.folder / "table.key")}
database = {_q(folder / "vault" / "vault.db")}
every_s = 2
"""


def _login(site: Site) -> str:
    if site.username is None:
        return ""
    named = f"\nusername = {_q(site.username)}"
    if site.password is None:
        return named
    return f"{named}\npassword_file = {_q(site.folder / 'password')}"


def _gateway_toml(site: Site, gate: Gate) -> str:
    waits = "\n".join(f"{key} = {value}" for key, value in SCREENING.items())
    tables = "\n\n".join(table for lane in gate.lanes for table in _lane_tables(site, gate, lane))
    # Whether NTP keeps this machine's clock is not what the demo shows: hence clock = "host".
    return f"""\
compound = {_q(gate.compound)}
gate = {_q(gate.gate)}
names = {{ zh = {_q(gate.names["zh"])}, en = {_q(gate.names["en"])} }}
data_dir = {_q(site.gate_folder(gate) / "data")}
clock = "host"

[broker]
url = {_q(site.broker)}
reconnect_s_max = 2{_login(site)}

[seal]
public_key_file = {_q(site.folder / "seal.pub")}

[desk]
key_file = {_q(site.folder / "desk.key")}

[screen]
listen = "127.0.0.1:{gate.port}"

[screening]
{waits}

[uplink]
patience_s = 1
patience_s_max = 4
spread_s = 0.2
health_s = 5

[retention]
entries_min = 1000000

{tables}
"""


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
    """Read what stands on the plates of real frames, where an index says it; raises ValueError."""
    index = pictures / "index.csv"
    if not index.exists():
        return {}
    with index.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, restval="")
        if not {"file", "label"} <= set(rows.fieldnames or ()):
            raise ValueError("index.csv has no columns `file` and `label`")
        return {Path(row["file"]).name: row["label"] for row in rows if row["label"]}


def journals(site: Site) -> dict[str, Path]:
    """Find the gates' journals."""
    return {gate.compound: site.gate_folder(gate) / "data" / "journal.db" for gate in site.gates}


def ledger(site: Site) -> Path:
    """Find central's ledger."""
    return site.folder / "central" / "data" / "ledger.db"


def central_commands(site: Site) -> dict[str, list[str]]:
    """Name the centre's processes and how each is started."""
    settings = ["--config", str(site.central_settings)]
    return {
        "central": ["central", "run", *settings],
        "vault": ["central", "vault", "run", *settings],
    }


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
