"""Try one wired device as a gate would, and say in words what came: for `gateway doctor`.

Law: nothing is sent where another device speaks, and a relay is told nothing at all: one that can
be asked whether it is there is asked.
"""

from typing import Any, Final

from drivers.barrier import Barrier, Wiring
from drivers.driver import Driver, load
from drivers.errors import PortLost, PortRefused, RelaySilent
from drivers.ports import Port, open_port
from drivers.reader import Reader
from gateway.devices.detect import answers
from gateway.devices.hearing import (
    LISTEN_S,
    frames_in,
    is_stranger,
    is_stream,
    recognise,
)
from gateway.devices.lines import REASONS
from gateway.devices.tables import KINDS, Wired

SPEAKS_S: Final = 2.0
"""How long who speaks by itself is listened to."""
ASKED_S: Final = 3.0


def try_device(table: str, device: Wired) -> tuple[bool, str]:
    """Open a device's port with its own settings and listen; say whether it is well, and why."""
    driver = load(device.driver, KINDS[table], device.options)
    wiring = Wiring(
        device.port, device.baud or driver.baud, device.line or driver.line, device.echo
    )
    try:
        if isinstance(driver, Barrier):
            well, words = _try_relay(driver, wiring)
        else:
            assert isinstance(driver, Driver)
            well, words = _try_driver(driver, wiring)
    except (PortRefused, PortLost, RelaySilent) as error:
        return False, str(error)
    return well, f"{device.port}: {words}"


def _try_relay(driver: Barrier, wiring: Wiring) -> tuple[bool, str]:
    relay = driver.connect(driver, wiring)
    try:
        said = relay.hear(LISTEN_S)
        if is_stream(said):
            return False, _other(said)
        relay.look()
    finally:
        relay.close()
    if driver.confirms:
        return True, "the relay answers"
    return True, "silent, as this relay is: press and see"


def _try_driver(driver: Driver[Any], wiring: Wiring) -> tuple[bool, str]:
    port = open_port(wiring.port, wiring.baud, wiring.line, echo=wiring.echo)
    try:
        return _heard_of(driver, port)
    finally:
        port.close()


def _heard_of(driver: Driver[Any], port: Port) -> tuple[bool, str]:
    said = port.hear(LISTEN_S if driver.polls else SPEAKS_S)
    if not driver.polls:
        values, bytes_in = frames_in(driver, said), len(said)
    elif is_stranger(driver, said):
        return False, _other(said)
    else:
        values, bytes_in = answers(port, driver, ASKED_S)
    if values:
        return True, f"{values} {'answers' if driver.polls else 'frames'} understood"
    if bytes_in:
        return False, f"{bytes_in} bytes, none understood. {_other(said)}"
    if isinstance(driver, Reader) and not driver.speaks_unasked:
        return True, "silent, as this reader is while no pass is shown: show one"
    return False, REASONS["no_bytes"]


def _other(said: bytes) -> str:
    """Name who speaks, if it is known; else say what may be wrong."""
    models = " or ".join(sorted(recognise(said)))
    return f"{REASONS['other_device']} It is {models}." if models else REASONS["wrong_baud"]
