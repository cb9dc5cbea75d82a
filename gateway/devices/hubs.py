"""Which ports hang on the same hub, so that a hub that fails is one thing to be told, not six.

A hub that resets (its power dips, its plug is kicked) takes all its ports with it within moments.
Each port's thread waits that long before it says why its device is gone.
"""

import re
import threading
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

TOGETHER_S: Final = 0.5
"""Ports that are lost within this of each other went together."""
TTYS: Final = Path("/sys/class/tty")

_USB: Final = re.compile(r"(\d+)-(\d+(?:\.\d+)*)")
"""A device's place on USB, such as 1-1.2: bus, then the ports from hub to hub."""


def hub_of(port: str, ttys: Path = TTYS) -> str:
    """Name what a port hangs on: its USB hub, or its serial server; empty when it is neither.

    >>> hub_of("socket://10.0.0.7:4001")
    '10.0.0.7'
    """
    if "://" in port:
        parts = urlsplit(port)
        return parts.hostname or "" if parts.scheme in {"socket", "rfc2217"} else ""
    device = ttys / Path(port).resolve().name / "device"
    for place in reversed(device.resolve().parts):
        found = _USB.fullmatch(place)
        if found:
            bus, _, ports = place.partition("-")
            above = ports.rpartition(".")[0]
            return f"{bus}-{above}" if above else f"usb{bus}"
    return ""


class Hubs:
    """What each open port hangs on, and which were lost when; its threads share it."""

    def __init__(self, ttys: Path = TTYS) -> None:
        self._ttys = ttys
        self._known = threading.Lock()
        self._hub: dict[str, str] = {}
        self._lost_s: dict[str, float] = {}

    def opened(self, device: str, port: str) -> None:
        """Note where a device hangs, now that its port is there."""
        hub = hub_of(port, self._ttys)
        with self._known:
            self._hub[device] = hub
            self._lost_s.pop(device, None)

    def lost(self, device: str, now: float) -> None:
        """Note that a device's port is gone."""
        with self._known:
            self._lost_s[device] = now

    def closed(self, device: str) -> None:
        """Forget where a device hangs whose port we closed: its going would not be noticed."""
        with self._known:
            if device not in self._lost_s:
                self._hub.pop(device, None)

    def gone_with(self, device: str) -> str:
        """Name the hub with which this device went, if all on it went together; else nothing."""
        with self._known:
            hub = self._hub.get(device, "")
            behind = [name for name, its in self._hub.items() if its == hub]
            if not hub or len(behind) < 2 or any(name not in self._lost_s for name in behind):
                return ""
            moments = [self._lost_s[name] for name in behind]
            return hub if max(moments) - min(moments) <= 2 * TOGETHER_S else ""
