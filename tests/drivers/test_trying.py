"""What `gateway doctor` says of a wired device: as a gate opens it, listens, and asks."""

import termios

import pytest

from drivers.barrier import Barrier
from drivers.distance import Distance, Range
from drivers.driver import declared
from gateway.devices.tables import Wired
from gateway.devices.trying import try_device
from tests.drivers.lines import Wire
from tests.drivers.test_barrier import Board
from tests.drivers.test_wires import FRAME, Bus


def device(driver: str, port: str, **more) -> Wired:
    return Wired(name="x", driver=driver, port=port, **more)


@pytest.mark.parametrize(
    ("table", "driver", "port", "well", "words"),
    [
        ("thermometer", "gy_mcu90614", "sim://gy_mcu90614", True, "frames understood"),
        ("thermometer", "optris", "sim://optris", True, "answers understood"),
        ("thermometer", "optris", "sim://optris?fault=silent", False, "nothing comes"),
        ("thermometer", "gy_mcu90614", "sim://gy_mcu90614?fault=wrong_baud", False, "baud rate"),
        ("thermometer", "gy_mcu90614", "sim://gy_53", False, "It is gy_53."),
        ("thermometer", "optris", "sim://gy_53", False, "It is gy_53."),
        ("distance", "a02yyuw", "sim://a02yyuw", True, "frames understood"),
        ("reader", "rdm6300", "sim://rdm6300", True, "show one"),
        ("barrier", "lcus", "sim://gy_mcu90614", False, "It is gy_mcu90614."),
        ("barrier", "lcus", "sim://lcus", True, "press and see"),
        ("barrier", "modbus_coil", "sim://modbus_coil", True, "answers"),
        ("barrier", "modbus_coil", "sim://lcus", False, "no relay answers"),
        ("thermometer", "optris", "/dev/gate/none", False, "plug it in"),
    ],
)
def test_each_is_said_in_words(table, driver, port, well, words):
    found = try_device(table, device(driver, port))
    assert (found[0], words in found[1]) == (well, True), found


def test_nothing_is_sent_to_another_device_nor_told_to_a_relay():
    wire = Wire()
    wire.talk(lambda: FRAME, 0.02)
    for table, driver in (("thermometer", "e1_32x32"), ("barrier", "modbus_coil")):
        assert not try_device(table, device(driver, wire.path))[0]
    assert wire.receive() == b""
    wire.hush()
    board = Board(declared("modbus_coil", Barrier), wire)
    assert try_device("barrier", device("modbus_coil", wire.path))[0]
    assert board.contacts() == []
    wire.unplug()


def test_the_lines_own_settings_are_used():
    bus = Bus(declared("us_100", Distance), Range(700))
    set_so = device("us_100", bus.wire.path, baud=19200, line="8N2", echo=True)
    assert try_device("distance", set_so) == (True, f"{bus.wire.path}: 2 answers understood")
    *_, control, _, _, speed, _ = termios.tcgetattr(bus.wire._slave)
    assert (bool(control & termios.CSTOPB), speed) == (True, termios.B19200)
    assert not try_device("distance", device("us_100", bus.wire.path))[0]
    bus.wire.unplug()
