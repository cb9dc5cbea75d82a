"""The bytes that manuals, captures and sums give, through a running gate, to its journal.

Each driver's own examples are played on a line of their own: who is idle, then every example that
reads as skin, as long as somebody stands there, then the room again, with every frame that must be
refused in between. What the journal then holds is what the examples say, and the refusals are
counted in the gate's health.
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
ROOM_CENTI_C = 2000
SKIN = range(2600, 4300)
LANE = """
[[lane]]
name = "lane-{name}"
way = "foot"
thermometers = ["{name}"]
place = "indoors"
[[thermometer]]
name = "{name}"
driver = "{driver}"
port = "replay://{capture}"
{options}
"""
OPTIONS = {
    "cjmcu_90614": '{ first = "object" }',
    "ascii_line": '{ template = "Ambient = {ambient}*C{}Object = {object}*C" }',
}


def spots() -> list[str]:
    """Name the thermometers that see one spot and need no file of the site."""
    found = ((name, declared(name, Thermometer)) for name in names(Thermometer))
    return [name for name, driver in found if not driver.is_array and name != "modbus"]


def is_skin(expected: object) -> bool:
    return isinstance(expected, Sample) and expected.object_centi_c in SKIN


def shown(name: str) -> list[int]:
    """Give the values that a person would see of a driver's examples, in their order."""
    return [
        example.expected.object_centi_c
        for example in declared(name, Thermometer).examples
        if is_skin(example.expected)
    ]


def played(name: str) -> str:
    """Write the capture of a driver: the room, its examples, its refused frames."""
    driver, chunks = declared(name, Thermometer), []

    def say(frame: bytes) -> None:
        parts = driver.framing.parts(frame) if driver.polls else (frame,)
        for poll, part in zip(driver.polls or (None,), parts, strict=False):
            at_s = BEGIN_S + FRAME_S * sum(not chunk.is_sent for chunk in chunks) / len(parts)
            if poll is not None:
                chunks.append(Chunk(at_s - 0.001, poll, is_sent=True))
            chunks.append(Chunk(at_s, part))

    refused = [e for e in driver.examples if isinstance(e.expected, Refusal)]
    for example in driver.examples:
        if not is_skin(example.expected):
            continue
        for count in range(IDLE):
            say(driver.write_frame(driver.sample(ROOM_CENTI_C + 10 * (count % 3), ROOM_CENTI_C)))
        for _ in range(PRESENT):
            say(bytes.fromhex(example.hex))
    for example in refused:
        for count in range(2):
            say(driver.write_frame(driver.sample(ROOM_CENTI_C + 10 * (count % 3), ROOM_CENTI_C)))
        say(bytes.fromhex(example.hex))
    for count in range(IDLE):
        say(driver.write_frame(driver.sample(ROOM_CENTI_C + 10 * (count % 3), ROOM_CENTI_C)))
    return "".join(chunk.written() for chunk in chunks)


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


def all_of(gate, expected: dict[str, set[int]]) -> bool:
    """Say whether each device's line has made a reading of a value that its examples hold."""
    time.sleep(1)  # a look costs as much as a second of the gate
    read = read_of(gate)
    return all(read.get(name, set()) & values for name, values in expected.items())


def test_every_wires_bytes_reach_the_journal_or_are_counted(gate, centre):
    expected = {name: set(shown(name)) for name in spots()}
    assert all(expected.values())
    gate.start(ready=False)
    until(lambda: all_of(gate, expected), wait_s=200)

    def counted() -> bool:
        told = {d.device.replace("-", "_"): d.refusals for d in centre.healths[-1].devices}
        return all(told[name] for name in spots())

    until(counted, wait_s=30)
    assert gate.stop() == 0
