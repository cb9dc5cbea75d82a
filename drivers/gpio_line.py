"""A relay, or the barrier's own open input behind an optocoupler, on a Raspberry Pi's GPIO line.

Source: gpiozero's documentation of DigitalOutputDevice; the line is driven by lgpio. Never yet
seen by us on a real barrier.

Wiring, one line a port: `port = "gpio://17"` is GPIO17 in Broadcom's numbers, pin 11 of the header;
`gpio://J8:11` names the pin:

    3V3 --- relay module VCC
    GPIO17 - relay module IN      active = "high", or "low" for modules that close on low
    GND --- relay module GND      NO and COM to the barrier's open input

No bytes pass, and nothing confirms: what the line was told is known. A process that dies lets go
of its lines, and a module whose input floats then must be one that stays open: try it.
"""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from drivers.barrier import Barrier, Relay, Wiring
from drivers.errors import OptionRefused, PortLost, PortRefused

SCHEME = "gpio://"


class _Line:
    """A line that this process holds."""

    def __init__(self, name: str, *, active_high: bool) -> None:
        # lgpio lays a pipe into its working folder when it is imported; a service's is read-only.
        os.environ.setdefault("LG_WD", tempfile.gettempdir())
        import gpiozero  # noqa: PLC0415 - takes a second on a Pi; only who has such a line pays.

        if gpiozero.Device.pin_factory is None:
            from gpiozero.pins.lgpio import LGPIOFactory  # noqa: PLC0415

            gpiozero.Device.pin_factory = LGPIOFactory()
        self._errors = _errors()
        self._name = name
        pin = int(name) if name.isdecimal() else name
        self._device = gpiozero.DigitalOutputDevice(pin, active_high=active_high)

    def press(self, channel: int) -> None:
        del channel
        self._set(is_closed=True)

    def release(self, channel: int) -> None:
        del channel
        self._set(is_closed=False)

    def _set(self, *, is_closed: bool) -> None:
        try:
            self._device.value = is_closed
        except self._errors as error:
            raise PortLost(f"{SCHEME}{self._name} is gone ({error})") from error

    def hear(self, for_s: float) -> bytes:
        """Hear nothing: no bytes pass."""
        del for_s
        return b""

    def look(self) -> None:
        """Trust the line: a chip on the board is not unplugged."""

    def close(self) -> None:
        self._device.close()


def _errors() -> tuple[type[Exception], ...]:
    """Name what gpiozero and lgpio raise."""
    import gpiozero  # noqa: PLC0415

    try:
        import lgpio  # noqa: PLC0415
    except ImportError:
        return (gpiozero.GPIOZeroError, OSError)
    return (gpiozero.GPIOZeroError, OSError, lgpio.error)


def connect(barrier: Barrier, wiring: Wiring, *, active_high: bool = True) -> Relay:
    """Take the line, not pressed; raises PortRefused."""
    del barrier
    name = wiring.port.removeprefix(SCHEME)
    if name == wiring.port or not name:
        raise PortRefused("refused", f"{wiring.port}: gpio://LINE is wanted, such as gpio://17")
    try:
        return _Line(name, active_high=active_high)
    except ImportError as error:
        raise PortRefused(
            "missing", f"{wiring.port}: this machine has no GPIO that gpiozero knows ({error})"
        ) from error
    except _errors() as error:
        taken = any(word in str(error).lower() for word in ("busy", "in use"))
        reason = "busy" if taken else "refused"
        raise PortRefused(reason, f"{wiring.port} cannot be taken ({error})") from error


def configure(options: Mapping[str, str]) -> Barrier:
    """Take the level that closes the relay."""
    if options["active"] not in {"high", "low"}:
        raise OptionRefused(f"active = {options['active']!r}: high or low is wanted")
    return replace(DRIVER, connect=partial(connect, active_high=options["active"] == "high"))


DRIVER = Barrier(
    model="GPIO line",
    baud=9600,
    source="gpiozero's documentation",
    mark="C",
    channels=range(1, 2),
    confirms=False,
    connect=connect,
    options={"active": "the level that closes the relay: high or low; without: high"},
    configure=configure,
    variants=({"active": "low"},),
)
