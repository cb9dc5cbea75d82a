"""All devices of a gate, started and stopped together: serial lines, and the cameras' child."""

import threading
from collections.abc import Callable
from typing import Any, Final, Protocol

from gateway.camera import Cameras
from gateway.config import Settings
from gateway.contract import DeviceHealth
from gateway.devices import Line, SerialDevices
from gateway.inbox import Inbox

THREADS: Final = "device-"
"""What the name of a serial device's thread begins with."""


class Devices(Protocol):
    """Some devices that run on threads of their own."""

    def start(self) -> None:
        """Start."""

    def stop(self) -> None:
        """End, and give the devices back."""

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
        lines = [Line(item.name, item.driver, item.port) for item in settings.thermometer]
        self._parts: list[Devices] = [SerialDevices(lines, inbox, ended("devices"))]
        self._threads = {f"{THREADS}{line.name}" for line in lines}
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

    def health(self) -> tuple[DeviceHealth, ...]:
        """Say how each device is."""
        return tuple(health for part in self._parts for health in part.health())

    @property
    def alive(self) -> bool:
        """Whether all devices still have their threads."""
        return self._threads <= {thread.name for thread in threading.enumerate()}
