"""`./gatepost bench lines`: from a frame's last byte on its line to the event in the core.

One gate as a process of its own, ten lines at 115200 on pseudo-terminals: nine GY-MCU90614, and one
GY-MCU90640 array whose pictures come at the pace of its line. Each frame says its own number, so
that a frame which is lost, or comes twice, is known. Both processes read the same monotonic clock.
"""

import json
import os
import shutil
import statistics
import sys
import tempfile
import time
import tty
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from nacl.public import PrivateKey

from demo.bench import use_of, wait_for
from demo.children import Children, free_port
from demo.live import say
from demo.settings import PYTHON
from drivers.driver import load
from drivers.thermometer import Sample, Thermometer
from gateway import config
from gateway.core import events
from gateway.service import Service

SPOTS = 9
PICTURES_HZ = 4.0
BAUD = 115200
BYTES_S = BAUD / 10
PIECE_BYTES = 115
COLD_CENTI_C = 1000
"""From here on frames are numbered, below skin: nobody is measured."""
NUMBERS = 1400
SETTLE_S = 3.0
DRAIN_S = 2.0

GATE = """
compound = "bench"
gate = "lines"
names = {{ zh = "测", en = "Bench" }}
data_dir = "{folder}/data"
clock = "host"
[broker]
url = "mqtt://127.0.0.1:{broker}"
[seal]
public_key_file = "{folder}/seal.pub"
[screen]
listen = "127.0.0.1:0"
[[lane]]
name = "in1"
way = "in"
thermometers = [{names}]
place = "indoors"
"""
THERMOMETER = """
[[thermometer]]
name = "{name}"
driver = "{driver}"
port = "{port}"
baud = 115200
"""


class Probed(Service):
    """A gate that also notes when each sample reached its core."""

    def __init__(self, settings: config.Settings) -> None:
        super().__init__(settings)
        self.heard: list[tuple[str, int, float]] = []

    def _step(self, event: events.Event, now: float, turn: Any) -> None:
        if isinstance(event, events.SampleTaken):
            number = event.object_centi_c - COLD_CENTI_C
            number += (event.ambient_centi_c - COLD_CENTI_C) * NUMBERS
            self.heard.append((event.device, number, time.monotonic()))
        elif isinstance(event, events.FacesSeen):
            self.heard.append((event.device, -1, time.monotonic()))
        super()._step(event, now, turn)


@dataclass
class Wire:
    """A pseudo-terminal, and what was sent down it."""

    name: str
    driver: str
    rate_hz: float
    due_s: float = 0.0
    sent: list[float] = field(default_factory=list)
    lost_bytes: int = 0

    def __post_init__(self) -> None:
        """Open it."""
        self._thermometer = load(self.driver, Thermometer)
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        self._rest = b""

    def tick(self, now: float) -> None:
        """Send what is due: a frame, or the next piece of a long one at the line's pace."""
        if now < self.due_s:
            return
        if not self._rest:
            number = len(self.sent)
            faces = 1 if self._thermometer.is_array else None
            self._rest = self._thermometer.write_frame(
                Sample(
                    COLD_CENTI_C + number % NUMBERS, COLD_CENTI_C + number // NUMBERS, faces=faces
                )
            )
            self._began_s = self.due_s
        piece, self._rest = self._rest[:PIECE_BYTES], self._rest[PIECE_BYTES:]
        self.lost_bytes += len(piece) - os.write(self.master, piece)
        if self._rest:
            self.due_s += len(piece) / BYTES_S
        else:
            self.sent.append(time.monotonic())
            self.due_s = self._began_s + 1 / self.rate_hz


def measure(folder: Path, rate_hz: float, seconds: float) -> dict[str, Any]:
    """Run one gate with ten lines for so long; say what came of every frame."""
    wires = [Wire(f"t{n}", "gy_mcu90614", rate_hz) for n in range(SPOTS)]
    wires.append(Wire("array", "gy_mcu90640", PICTURES_HZ))
    names = ", ".join(f'"{wire.name}"' for wire in wires)
    (folder / "seal.pub").write_text(bytes(PrivateKey.generate().public_key).hex())
    toml = GATE.format(folder=folder, broker=free_port(), names=names) + "".join(
        THERMOMETER.format(name=wire.name, driver=wire.driver, port=os.ttyname(wire.slave))
        for wire in wires
    )
    settings, heard = folder / "gateway.toml", folder / "heard.json"
    settings.write_text(toml, encoding="utf-8")
    children = Children(folder, say)
    try:
        command = [*PYTHON, "demo.bench_lines", "--gate", str(settings), str(heard)]
        gate = children.start("gateway", command, notifies=True, restarts=False)
        wait_for(children, children.ready)
        time.sleep(SETTLE_S)
        assert gate.process is not None
        before, began_s = use_of(gate.process.pid), time.monotonic()
        _send(wires, began_s, seconds)
        after = use_of(gate.process.pid)
        time.sleep(DRAIN_S)
    finally:
        children.stop()
        for wire in wires:
            os.close(wire.master)
            os.close(wire.slave)
    found = {"rate_hz": rate_hz, "seconds": seconds}
    found |= _judge(wires, json.loads(heard.read_text()))
    return found | {"cpu_percent_of_a_core": round(100 * (after.cpu_s - before.cpu_s) / seconds, 1)}


def _send(wires: list[Wire], began_s: float, seconds: float) -> None:
    for number, wire in enumerate(wires):
        wire.due_s = began_s + number / len(wires) / wire.rate_hz
    while (now := time.monotonic()) < began_s + seconds:
        for wire in wires:
            wire.tick(now)
        time.sleep(max(0.0, min(wire.due_s for wire in wires) - time.monotonic()))


def _judge(wires: list[Wire], heard: list[tuple[str, int, float]]) -> dict[str, Any]:
    """Match what was heard with what was sent."""
    late, lost, twice = [], 0, 0
    for wire in wires:
        came = [(number, at_s) for name, number, at_s in heard if name == wire.name]
        if wire.driver == "gy_mcu90640":
            came = [(n, at_s) for n, (_, at_s) in enumerate(came)]
        numbers = {number for number, _ in came}
        twice += len(came) - len(numbers)
        lost += len(set(range(len(wire.sent))) - numbers)
        late += [1000 * (at_s - wire.sent[n]) for n, at_s in came if n < len(wire.sent)]
    late.sort()
    return {
        "lines": len(wires),
        "sent": sum(len(wire.sent) for wire in wires),
        "heard": len(heard),
        "lost": lost,
        "twice": twice,
        "lost_bytes": sum(wire.lost_bytes for wire in wires),
        "median_ms": round(statistics.median(late), 2) if late else None,
        "p99_ms": round(late[int(len(late) * 0.99)], 2) if late else None,
        "longest_ms": round(late[-1], 2) if late else None,
    }


@click.command()
@click.option("--seconds", type=click.FloatRange(min=1), default=20.0, show_default=True,
              help="Measure each rate for so long.")  # fmt: skip
@click.option("--rate", "rates", multiple=True, type=click.FloatRange(0.5, 500),
              help="Frames a second on each of nine lines; may be given again.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a rate, a line each.")
@click.option("--gate", "gate", nargs=2, hidden=True, type=click.Path(path_type=Path),
              help="Be the gate of these settings, and write what was heard there.")  # fmt: skip
def main(
    *, seconds: float, rates: tuple[float, ...], as_json: bool, gate: tuple[Path, Path] | None
) -> None:
    """Measure ten lines at 115200 on one gate: frames lost, and how late each is in the core."""
    if gate:
        probed = Probed(config.read(gate[0]))
        probed.run()
        gate[1].write_text(json.dumps(probed.heard))
        return
    lost = 0
    for rate_hz in rates or (10.0, 100.0):
        folder = Path(tempfile.mkdtemp(prefix="gatepost-bench-"))
        try:
            found = measure(folder, rate_hz, seconds)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        lost += found["lost"] + found["twice"]
        if as_json:
            click.echo(json.dumps(found))
        else:
            click.echo(", ".join(f"{key} {value}" for key, value in found.items()))
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main(prog_name="./gatepost bench lines")
