"""Any thermometer that speaks Modbus RTU, by a map of its registers that the site writes.

Source: the Modbus application protocol for the frames, as pymodbus has them; for the registers
whatever the map names as its own. There is no trustworthy map of the nameless "RS485 infrared"
sensors, so none is shipped: read the maker's sheet and write it down as registers.py shows. The
Calex drivers are such maps.

Request and answer, for each block of registers that lie together:

    SS FF AA AA NN NN CC CC  ->  SS FF BB DD DD ... CC CC

- S: slave; F: function 03 or 04; A: first register; N: how many; C: CRC-16, low byte first
- B: bytes of data; D: the registers, high byte first
- an exception answers S, F with its highest bit set, a code, and the CRC: refused as status
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from drivers import registers
from drivers.errors import OptionRefused
from drivers.framing import Refusal
from drivers.thermometer import Example, Sample, Thermometer

EXAMPLE = """
model = "Modbus RTU by register map"
source = "the site's own map; Modbus application protocol for the frames"
[object]
function = 3
address = 0
type = "float32"
[ambient]
function = 3
address = 2
step_centi_c = 10
"""


def thermometer(found: registers.Map) -> Thermometer:
    """Make the declaration of a map."""
    reading = registers.Reading(found)
    return Thermometer(
        model=found.model,
        baud=found.baud,
        line=found.line,
        integrity="crc",
        odds=1 / 65536,
        framing=reading.framing,
        read_frame=reading.read_frame,
        write_frame=reading.write_frame,
        source=found.source,
        mark="D",
        step_centi_c=max(
            1 if one.type == "float32" else one.step_centi_c
            for one in (found.object, found.ambient)
        ),
        polls=reading.polls,
        poll_s=found.poll_s,
        options={
            "map": "the TOML file of the sensor's registers",
            "slave": "the sensor's number on the bus, 1 to 247; unset: the map's",
        },
        configure=configure,
        examples=(),
    )


def configure(options: Mapping[str, str]) -> Thermometer:
    """Read the map, and speak to the slave that is named."""
    file = options.get("map", "")
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OptionRefused(f"map = {file!r} cannot be read ({error}): name a TOML file") from error
    return thermometer(registers.parse(text, f"map {file}").on_slave(options))


def at_slave(text: str, options: Mapping[str, str]) -> Thermometer:
    """Declare a sensor whose map a driver carries: only its slave's number is left to say."""
    return replace(
        thermometer(registers.parse(text).on_slave(options)),
        mark="C",
        options={"slave": "the sensor's number on the bus, 1 to 247; unset: 1"},
        configure=partial(at_slave, text),
        variants=({"slave": "247"},),
    )


DRIVER: Thermometer = replace(
    thermometer(registers.parse(EXAMPLE)),
    needed=("map",),
    examples=(
        Example("computed", "010306 42120000 00f1 57d0", Sample(3650, 2410)),
        Example("computed, frost", "010306 c0200000 ffe7 b008", Sample(-250, -250)),
        Example("computed, the CRC off by one", "010306 42120000 00f1 57d1", Refusal.CHECKSUM),
        Example("computed, another slave", "020306 42120000 00f1 57d0", Refusal.HEADER),
        Example("computed, cut short", "010306 42120000 00f1", Refusal.LENGTH),
        Example("computed, not a number", "010306 7fc00000 00f1 eb2f", Refusal.RANGE),
    ),
)
