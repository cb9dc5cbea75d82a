"""The bytes that manuals, captures and sums give, through a running gate, to its journal.

Each driver's own examples are played on a line of their own: who is idle, then every example that
reads as skin, as long as somebody stands there, then the room again, with every frame that must be
refused in between. What the journal then holds is what the examples say, and the refusals are
counted in the gate's health. An array makes no reading: its pictures go beside a thermometer's, and
what they take away is in the journal.
"""

import json
import time

import msgspec
import pytest
from nacl.public import PrivateKey, SealedBox

from drivers.driver import declared, names
from drivers.framing import Refusal
from drivers.ports.protocol_replay import Chunk
from drivers.thermometer import Sample, Thermometer
from tests.gateway.site import until

PRIVATE = PrivateKey.generate()
FRAME_S = 0.1
BEGIN_S = 2.0
"""The gate opens its ports, and throws away what waits in them."""
IDLE, PRESENT = 8, 12
LOOK_S, LOOKS = 0.3, 20
"""An array's pictures, and how many in a row show the same: some of a thermometer's windows."""
ROOM_CENTI_C = 2000
SKIN = range(2600, 4300)
LANE = """
[[lane]]
name = "lane-{name}"
way = "foot"
thermometers = ["{name}"]
place = "indoors"
ambient_centi_c = 2000
[[thermometer]]
name = "{name}"
driver = "{driver}"
port = "replay://{capture}"
{options}
"""
BESIDE = """
[[lane]]
name = "lane-{name}"
way = "foot"
thermometers = ["{name}", "spot-{name}"]
place = "indoors"
ambient_centi_c = 2000
[[thermometer]]
name = "{name}"
driver = "{driver}"
port = "replay://{capture}"
[[thermometer]]
name = "spot-{name}"
driver = "gy_mcu90614"
port = "sim://gy_mcu90614?object=36.5&every_s=3&for_s=1.5&seed={seed}"
"""
OPTIONS = {
    "cjmcu_90614": '{ first = "object" }',
    "ascii_line": '{ template = "Ambient = {ambient}*C{}Object = {object}*C" }',
}


def spots() -> list[str]:
    """Name the thermometers that see one spot and need no file of the site."""
    found = ((name, declared(name, Thermometer)) for name in names(Thermometer))
    return [name for name, driver in found if not driver.is_array and name != "modbus"]


def arrays() -> list[str]:
    """Name those that see a picture."""
    return [name for name in names(Thermometer) if declared(name, Thermometer).is_array]


def is_skin(expected: object) -> bool:
    return isinstance(expected, Sample) and expected.object_centi_c in SKIN


def shown(name: str) -> list[int]:
    """Give the values that a person would see of a driver's examples, in their order."""
    return [
        example.expected.object_centi_c
        for example in declared(name, Thermometer).examples
        if is_skin(example.expected)
    ]


class Capture:
    """What a driver's device said, one frame after the other."""

    def __init__(self, driver: Thermometer, frame_s: float = FRAME_S) -> None:
        self.driver = driver
        self._frame_s = frame_s
        self._chunks: list[Chunk] = []

    def say(self, frame: bytes) -> None:
        driver = self.driver
        parts = driver.framing.parts(frame) if driver.polls else (frame,)
        for poll, part in zip(driver.polls or (None,), parts, strict=False):
            said = sum(not chunk.is_sent for chunk in self._chunks)
            at_s = BEGIN_S + self._frame_s * said / len(parts)
            if poll is not None:
                self._chunks.append(Chunk(at_s - 0.001, poll, is_sent=True))
            self._chunks.append(Chunk(at_s, part))

    def rest(self, count: int) -> None:
        """Show the room, which trembles."""
        for number in range(count):
            shown = ROOM_CENTI_C + 10 * (number % 3)
            self.say(self.driver.write_frame(self.driver.sample(shown, ROOM_CENTI_C)))

    def written(self) -> str:
        return "".join(chunk.written() for chunk in self._chunks)


def played(name: str) -> str:
    """Write the capture of a driver: the room, its examples, its refused frames."""
    capture = Capture(declared(name, Thermometer))
    refused = [e for e in capture.driver.examples if isinstance(e.expected, Refusal)]
    for example in capture.driver.examples:
        if not is_skin(example.expected):
            continue
        capture.rest(IDLE)
        for _ in range(PRESENT):
            capture.say(bytes.fromhex(example.hex))
    for example in refused:
        capture.rest(2)
        capture.say(bytes.fromhex(example.hex))
    capture.rest(IDLE)
    return capture.written()


def looked(name: str) -> str:
    """Write the capture of an array: each picture of its examples for a while, and the refused."""
    capture = Capture(declared(name, Thermometer), LOOK_S)
    for example in capture.driver.examples:
        for _ in range(1 if isinstance(example.expected, Refusal) else LOOKS):
            capture.say(bytes.fromhex(example.hex))
    return capture.written()


@pytest.fixture
def gate(broker, tmp_path, make_gate):
    gate = make_gate(broker.port)
    (tmp_path / "seal.pub").write_bytes(bytes(PRIVATE.public_key))
    text = gate.config.read_text()
    text = text[: text.index("[[lane]]")]
    for name in spots():
        capture = tmp_path / f"{name}.capture"
        capture.write_text(played(name))
        options = f"options = {OPTIONS[name]}" if name in OPTIONS else ""
        text += LANE.format(
            name=name.replace("_", "-"), driver=name, capture=capture, options=options
        )
    for seed, name in enumerate(arrays()):
        capture = tmp_path / f"{name}.capture"
        capture.write_text(looked(name))
        text += BESIDE.format(name=name.replace("_", "-"), driver=name, capture=capture, seed=seed)
    gate.config.write_text(text)
    return gate


def read_of(gate) -> dict[str, set[int]]:
    """Give the raw values in the journal, by device: a capture that is over is played again."""
    box, found = SealedBox(PRIVATE), {}
    for entry in gate.entries() if gate.keys() else ():
        if entry.kind == "reading" and entry.sealed is not msgspec.UNSET:
            device = json.loads(bytes(entry.open))["device"].replace("-", "_")
            raw = json.loads(box.decrypt(bytes(entry.sealed))).get("raw_centi_c")
            found.setdefault(device, set()).update({raw} - {None})
    return found


def seen_of(gate) -> dict[str, set[bool]]:
    """Say of each thermometer beside an array whether it was ever looked at without a face."""
    found: dict[str, set[bool]] = {}
    for entry in gate.entries() if gate.keys() else ():
        if entry.kind == "reading":
            body = json.loads(bytes(entry.open))
            if body["result"] in ("NOT_SKIN", "NORMAL"):
                faceless = "no_face" in body["flags"]
                assert faceless == (body["result"] == "NOT_SKIN"), body
                found.setdefault(body["device"], set()).add(faceless)
    return found


def all_of(gate, expected: dict[str, set[int]]) -> bool:
    """Say whether each device's line has made a reading of a value that its examples hold."""
    time.sleep(1)  # a look costs as much as a second of the gate
    read, seen = read_of(gate), seen_of(gate)
    beside = [seen.get(f"spot-{name.replace('_', '-')}", set()) for name in arrays()]
    return all(read.get(name, set()) & values for name, values in expected.items()) and all(
        one == {True, False} for one in beside
    )


def test_every_wires_bytes_reach_the_journal_or_are_counted(gate, centre):
    expected = {name: set(shown(name)) for name in spots()}
    assert all(expected.values())
    assert {"gy_mcu90640", "e1_32x32"} <= set(arrays())
    gate.start()
    until(lambda: all_of(gate, expected), wait_s=200)
    assert not {name for name in read_of(gate) if name in arrays()}, "an array measures nobody"

    def counted() -> bool:
        told = {d.device.replace("-", "_"): d.refusals for d in centre.healths[-1].devices}
        return all(told[name] for name in (*spots(), *arrays()))

    until(lambda: centre.healths)
    until(counted, wait_s=60)
    assert gate.stop() == 0
