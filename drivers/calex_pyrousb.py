"""Calex PyroUSB infrared sensor, over Modbus RTU on its own USB port.

Source: maker's manual. A serial port over USB, 9600 8N1. Never yet seen by us on a real unit.

Two questions and their answers, Modbus RTU as registers.py has it; tenths of a degree:

    01 04 00 00 00 01 31 CA  ->  01 04 02 TT TT CC CC
    01 04 00 12 00 04 51 CC  ->  01 04 08 OO OO .. .. AA AA SS SS CC CC

- T: what it is, 21 to 23: the two Calex maps overlap, and the same register is a temperature in the
  one and an averaging time in the other; so nothing is believed of another device
- O: object temperature, filtered; A: the sensor's own
- S: bit 0 measurement error, 1 and 2 the sensor too cold or hot, 3 and 4 the object: refused

Nothing is ever written.
"""

from dataclasses import replace

from drivers import modbus
from drivers.framing import Refusal
from drivers.thermometer import Example, Sample, Thermometer

MAP = """
model = "Calex PyroUSB"
source = "maker's manual"
[identity]
function = 4
address = 0x00
values = [21, 22, 23]
[object]
function = 4
address = 0x12
step_centi_c = 10
[ambient]
function = 4
address = 0x14
step_centi_c = 10
[status]
function = 4
address = 0x15
faults = 0x1F
"""


DRIVER: Thermometer = replace(
    modbus.at_slave(MAP, {}),
    examples=(
        Example("computed", "0104020015 78ff 010408 016d016c00f10000 992c", Sample(3650, 2410)),
        Example(
            "computed, the object too cold to tell",
            "0104020015 78ff 010408 016d016c00f10008 98ea",
            Refusal.STATUS,
        ),
        Example(
            "computed, the other Calex",
            "0104020011 793c 010408 016d016c00f10000 992c",
            Refusal.HEADER,
        ),
        Example(
            "computed, another slave",
            "0104020015 78ff 020408 016d016c00f10000 9668",
            Refusal.HEADER,
        ),
        Example(
            "computed, the CRC off by one",
            "0104020015 78ff 010408 016d016c00f10000 992d",
            Refusal.CHECKSUM,
        ),
        Example(
            "computed, cut short", "0104020015 78ff 010408 016d016c00f10000 99", Refusal.LENGTH
        ),
        Example(
            "computed, 3276.7 degrees",
            "0104020015 78ff 010408 7fff016c00f10000 ac4d",
            Refusal.RANGE,
        ),
    ),
)
