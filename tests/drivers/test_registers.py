"""Modbus RTU by register map: against pymodbus' own server on a line, and maps that are wrong."""

import asyncio
import os
import re
import threading
import tty

import pytest
from pymodbus.datastore import (
    ModbusDeviceContext,
    ModbusSequentialDataBlock,
    ModbusServerContext,
)  # fmt: skip
from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer

from drivers import modbus, registers
from drivers.decoder import Decoder, Polling
from drivers.driver import load
from drivers.errors import OptionRefused
from drivers.framing import Refusal
from drivers.thermometer import Sample, Thermometer
from tests.drivers.conversation import parts_of, said, values
from tests.drivers.test_peers import listen

CALEX = load("calex_pyrominibus", Thermometer)
GOOD = """
model = "Test head"
source = "nobody's manual"
slave = 7
[object]
function = 3
address = 0x100
type = "int32"
words = "low_first"
step_centi_c = 1
[ambient]
function = 4
address = 2
step_centi_c = 10
offset_centi_c = -4000
"""


@pytest.fixture
def map_file(tmp_path):
    def write(text: str) -> dict[str, str]:
        file = tmp_path / "head.toml"
        file.write_text(text)
        return {"map": str(file)}

    return write


def test_a_map_reads_what_pymodbus_own_server_says():
    """The other end is a server that this project has not written."""
    values_at = [0] * 32
    values_at[0] = 17  # what it is
    values_at[14:18] = [365, 364, 241, 0]
    block = ModbusSequentialDataBlock(1, values_at)
    context = ModbusServerContext(devices={1: ModbusDeviceContext(ir=block)}, single=False)
    ours, theirs = os.openpty()
    far, near = os.openpty()
    for end in (ours, theirs, far, near):
        tty.setraw(end)
    loop = asyncio.new_event_loop()
    stop = threading.Event()

    def relay(source: int, sink: int) -> None:
        while not stop.is_set():
            try:
                os.write(sink, os.read(source, 256))
            except OSError:
                return

    async def serve() -> None:
        server = ModbusSerialServer(
            context, framer=FramerType.RTU, port=os.ttyname(theirs), baudrate=9600
        )
        await server.serve_forever(background=True)
        while not stop.is_set():  # noqa: ASYNC110 - set from another thread
            await asyncio.sleep(0.05)
        await server.shutdown()

    threads = [
        threading.Thread(target=relay, args=(ours, far), daemon=True),
        threading.Thread(target=relay, args=(far, ours), daemon=True),
        threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        found = listen(os.ttyname(near), CALEX, 3)
    finally:
        stop.set()
        threads[2].join(10)
        loop.close()
        for end in (theirs, near):  # Each relay now reads a hang-up, or its last bytes.
            os.close(end)
        for thread in threads[:2]:
            thread.join(10)
        for end in (ours, far):
            os.close(end)
    assert values(found)
    assert set(values(found)) == {Sample(3650, 2410)}


def test_registers_of_32_bits_and_offsets(map_file):
    driver = load("modbus", Thermometer, map_file(GOOD))
    assert (driver.model, driver.polls[0][:2]) == ("Test head", b"\x07\x03")
    assert len(driver.polls) == 2
    for sample in (Sample(3650, 2130), Sample(-250, -250)):
        assert values(said(driver, [parts_of(driver, sample)])) == [sample]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("slave = 7", "slave = 0", "slave: Expected `int` >= 1"),
        ("function = 4", "function = 5", "ambient.function: Invalid enum value 5"),
        ("address = 2", "addres = 2", "ambient: Object contains unknown field `addres`"),
        ("address = 2", "", "ambient: Object missing required field `address`"),
        ("int32", "int31", "object.type: Invalid enum value 'int31'"),
        ("step_centi_c = 10", "step_centi_c = 0", "ambient.step_centi_c: Expected `int` >= 1"),
        ("address = 0x100", "address = 70000", "object.address: Expected `int` <= 65535"),
        ('model = "Test head"', "", "missing required field `model`"),
        ("[ambient]", "[ambient", "is no TOML"),
    ],
)
def test_a_wrong_map_is_refused_with_place_and_reason(map_file, old, new, words):
    assert old in GOOD
    with pytest.raises(OptionRefused) as refused:
        load("modbus", Thermometer, map_file(GOOD.replace(old, new)))
    assert words in str(refused.value)
    assert "head.toml" in str(refused.value)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("poll_s = 0.3", "2 polls a value make 0.60 s"),
        ("poll_s = 5", "0.25 or less is wanted"),
        ("baud = 1200", "an answer at 1200 baud takes longer: 0.175 or more is wanted"),
        ("baud = 300", "baud = 300 is too slow to measure anybody"),
        (
            'baud = 2400\nline = "8E2"\npoll_s = 0.1',
            "at 2400 baud takes longer: 0.105 or more",
        ),
    ],
)
def test_a_map_that_would_measure_nobody_is_refused(map_file, more, words):
    """A window is over after a second without a value, and an answer takes its time on the wire."""
    with pytest.raises(OptionRefused, match=re.escape(words)) as refused:
        load("modbus", Thermometer, map_file(more + GOOD))
    assert "head.toml, poll_s = " in str(refused.value)


def test_the_slowest_map_that_can_measure_is_taken(map_file):
    assert load("modbus", Thermometer, map_file("baud = 1200\npoll_s = 0.175" + GOOD)).baud == 1200


def test_a_map_that_is_not_there_is_said(tmp_path):
    with pytest.raises(OptionRefused, match="cannot be read"):
        load("modbus", Thermometer, {"map": str(tmp_path / "none.toml")})
    with pytest.raises(OptionRefused, match="slave = '300'"):
        load("calex_pyrousb", Thermometer, {"slave": "300"})


def test_the_example_in_the_docs_is_a_map():
    text = registers.__doc__.split("program:\n\n")[1].split("\n\nTwo words")[0]
    found = registers.parse("\n".join(line[4:] for line in text.splitlines()))
    assert (found.identity.values, found.status.faults) == ((17,), 0x1F)
    assert modbus.thermometer(found).polls == CALEX.polls


# --- F31 -----------------------------------------------------------------------------------------

IDENTITY, READ = parts_of(CALEX, Sample(3650, 2410))
OTHER = parts_of(load("calex_pyrousb", Thermometer), Sample(3650, 2410))[0]
EXCEPTION = bytes.fromhex("018402c2c1")


@pytest.mark.parametrize(
    ("answers", "refusal"),
    [
        ((IDENTITY, EXCEPTION), Refusal.STATUS),
        ((IDENTITY, b"\x02" + READ[1:]), Refusal.HEADER),
        ((IDENTITY, READ[:-1]), Refusal.LENGTH),
        ((IDENTITY, READ[:-1] + b"\x00"), Refusal.CHECKSUM),
        ((IDENTITY, IDENTITY), Refusal.LENGTH),
        ((IDENTITY, READ + READ), Refusal.LENGTH),
        ((OTHER, READ), Refusal.HEADER),
    ],
)  # fmt: skip
def test_an_answer_that_is_not_to_the_question_is_refused(answers, refusal):
    """F31: Modbus exception, wrong slave, short, spoilt, late, doubled; and another device."""
    good = (IDENTITY, READ)
    found = said(CALEX, [good, answers, good])
    assert values(found) == [Sample(3650, 2410)] * 2
    assert refusal in found


def test_a_late_answer_falls_into_the_pause_and_is_never_the_next_questions():
    decoder = Decoder(CALEX)
    polling, now, found = Polling(decoder), 0.0, []
    asked = []
    late = {3: READ}  # the answer to the second question comes two polls late
    for turn in range(12):
        poll = polling.due(now)
        asked.append(poll)
        if turn in late:
            found += decoder.feed(late[turn])
        elif poll is not None and turn != 1:
            found += decoder.feed(IDENTITY if poll == CALEX.polls[0] else READ)
        found += decoder.feed(b"", quiet=True)
        now += CALEX.poll_s
    assert asked[:3] == [*CALEX.polls, None]
    assert values(found)
    assert set(values(found)) == {Sample(3650, 2410)}
