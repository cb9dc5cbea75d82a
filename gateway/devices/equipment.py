"""All devices of a gate, started and stopped together: serial lines, and the cameras' child."""

from collections.abc import Callable
from typing import Any, Final, Protocol

from drivers.distance import Distance
from drivers.driver import Driver
from drivers.reader import Reader
from drivers.thermometer import Thermometer
from gateway.camera.cameras import Cameras
from gateway.config import Settings
from gateway.contract import DeviceHealth
from gateway.devices.barrier import Barriers, Gate
from gateway.devices.devices import Line, SerialDevices
from gateway.devices.ears import DistanceEar, Ear, ReaderEar, ThermometerEar
from gateway.devices.hubs import Hubs
from gateway.devices.lines import Patience
from gateway.devices.tables import DistanceSettings, ReaderSettings, Wired
from gateway.inbox import Inbox

THREADS: Final = "device-"
"""What the name of a serial device's thread begins with."""
BEAT_S_MAX: Final = 30.0
"""A device's thread that has not gone round for so long hangs: none waits for longer than 10 s."""


class Devices(Protocol):
    """Some devices that run on threads of their own."""

    def start(self) -> None:
        """Start."""

    def stop(self) -> None:
        """End, and give the devices back."""

    def beats(self) -> dict[str, float]:
        """Give when each living thread last went round, by its name."""

    def health(self) -> tuple[DeviceHealth, ...]:
        """Say how they are."""


class Equipment:
    """A gate's devices as one."""

    def __init__(
        self,
        settings: Settings,
        inbox: Inbox,
        ended: Callable[[str], Callable[[BaseException], Any]],
    ) -> None:
        hubs = Hubs()
        gates = [
            Gate(lane.name, lane.barrier, lane.barrier_channel)
            for lane in settings.lane
            if lane.barrier is not None
        ]
        self._barriers = Barriers(settings.barrier, gates, inbox, ended("devices"), hubs)
        self._parts: list[Devices] = [
            SerialDevices(_lines(settings), inbox, ended("devices"), hubs, _patience(settings)),
            self._barriers,
        ]
        self._threads = {
            f"{THREADS}{device.name}" for table in settings.wired.values() for device in table
        }
        if settings.camera:
            self._parts.append(Cameras.of(settings, inbox, ended("camera")))
            self._threads.add("cameras")
        self._running = False

    def start(self) -> None:
        """Start all."""
        self._running = True
        for part in self._parts:
            part.start()

    def stop(self) -> None:
        """End all; more than once does no harm."""
        if self._running:
            self._running = False
            for part in self._parts:
                part.stop()

    def pulse(self, lane: str, ordered_s: float) -> None:
        """Open a lane's barrier once, if the relay can be told soon; never blocks."""
        self._barriers.pulse(lane, ordered_s)

    def health(self) -> tuple[DeviceHealth, ...]:
        """Say how each device is."""
        return tuple(health for part in self._parts for health in part.health())

    def ailing(self, now: float) -> str | None:
        """Say which of the devices' threads is dead or hangs; None when all are well."""
        beats = {name: at for part in self._parts for name, at in part.beats().items()}
        for name in sorted(self._threads):
            if name not in beats:
                return f"the thread {name} is dead"
            if now - beats[name] > BEAT_S_MAX:
                return f"the thread {name} has hung for {now - beats[name]:.0f} s"
        return None


def _patience(settings: Settings) -> Patience:
    limits = settings.limits
    return Patience(limits.silent_s, limits.spoilt_pct, limits.spoilt_s)


def _lines(settings: Settings) -> list[Line]:
    """Make a line of each device that says something, with the ear for it."""
    found = []
    for device in (*settings.thermometer, *settings.distance, *settings.reader):
        kind, ear = _ear(device, settings)
        found.append(
            Line(
                device.name,
                device.driver,
                device.port,
                device.baud,
                device.options,
                device.line,
                device.echo,
                kind,
                ear,
            )
        )
    return found


def _ear(device: Wired, settings: Settings) -> tuple[type[Driver[Any]], Ear]:
    match device:
        case DistanceSettings():
            lanes = tuple(lane.name for lane in settings.lane if lane.distance == device.name)
            ear = DistanceEar(lanes, device.near_mm, device.far_mm, device.settle_s)
            return Distance, ear
        case ReaderSettings():
            lane = next(lane.name for lane in settings.lane if device.name in lane.readers)
            return Reader, ReaderEar(device.name, lane, device.again_s)
        case _:
            return Thermometer, ThermometerEar(device.name)
