"""A thread that keeps one device's port open, whatever happens to it, and says how the device is.

A port that is gone is opened again with a bounded back-off. What is no fault of the line ends the
process.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import monotonic  # noqa: TID251 - the edge: a device's state has an age.
from typing import Final, Protocol

from gateway.contract import DeviceHealth
from gateway.core import events
from gateway.core.work import DeviceKind
from gateway.devices.hubs import TOGETHER_S, Hubs
from gateway.devices.lines import GONE, OK, REASONS, Verdict

BACK_OFF_S: Final = (0.25, 0.5, 1.0, 2.0)
"""Between tries to open a port; the last one stays. A plug put back is found within it."""

GRABBERS: Final = tuple(
    Path(folder, "udev/rules.d", rule)
    for folder in ("/usr/lib", "/lib", "/etc")
    for rule in ("85-brltty.rules", "90-brltty-device.rules", "90-brltty-usb-generic.rules")
)
"""What a brltty that is installed brings: its rule unbinds every CH340 (1a86:7523)."""

_LOG: Final = logging.getLogger(__name__)


class Sink(Protocol):
    """Where events go: the service's bounded queue."""

    def put(self, event: events.Event) -> None:
        """Take an event; never blocks for long."""


class PortThread:
    """One device on one port."""

    kind: DeviceKind

    def __init__(
        self, name: str, sink: Sink, fail: Callable[[BaseException], None], hubs: Hubs
    ) -> None:
        self.name = name
        self.beat_s = monotonic()
        """When the thread was last seen going round."""
        self.thread = threading.Thread(target=self._run, name=f"device-{name}", daemon=True)
        self._sink = sink
        self._fail = fail
        self._hubs = hubs
        self._stop = threading.Event()
        self._verdict: Verdict | None = None
        self._refusals: Counter[str] = Counter()
        self._told_s: float | None = None
        """When the device last said something that was believed."""

    def start(self) -> None:
        """Start the thread."""
        self.beat_s = monotonic()
        self.thread.start()

    def ask_to_stop(self) -> None:
        """Let the thread end at its next turn."""
        self._stop.set()

    def join(self) -> None:
        """Wait until the thread has ended."""
        self.thread.join(timeout=5.0)

    def health(self) -> DeviceHealth:
        """Say how the device is."""
        told_s = self._told_s
        return DeviceHealth(
            device=self.name,
            kind=self.kind,
            state=self._verdict.state if self._verdict else "silent",
            age_s=None if told_s is None else round(monotonic() - told_s, 1),
            refusals=dict(self._refusals),
        )

    def _run(self) -> None:
        try:
            tries = 0
            while not self._stop.is_set():
                self.beat_s = monotonic()
                if self._attend():
                    tries = 0
                self._hubs.closed(self.name)
                self._pause(BACK_OFF_S[min(tries, len(BACK_OFF_S) - 1)])
                tries += 1
        except BaseException as error:  # noqa: BLE001 - the thread's entry: the process ends.
            self._fail(error)

    def _pause(self, wait_s: float) -> None:
        """Wait before the port is tried again."""
        self._stop.wait(wait_s)

    def _attend(self) -> bool:
        """Open the port and work until it is lost; say whether the device was well meanwhile."""
        raise NotImplementedError

    def _refused(self, reason: str) -> None:
        """Say why the port cannot be opened; one that was unplugged is no other news."""
        if reason == "missing" and any(map(Path.exists, GRABBERS)):
            reason = "grabbed"
        is_news = self._verdict is None or self._verdict.reason not in GONE
        if is_news or reason not in ("missing", "grabbed"):
            self._say(Verdict("lost", reason))

    def _lost(self) -> None:
        """Say that the port is gone, alone or with its hub."""
        self._hubs.lost(self.name, monotonic())
        self._stop.wait(TOGETHER_S)
        hub = self._hubs.gone_with(self.name)
        self._say(Verdict("lost", "hub" if hub else "unplugged"), hub)

    def _say(self, verdict: Verdict, hub: str = "", heard: str = "") -> None:
        """Tell how the device is, if that is news; `heard` names what speaks in its place."""
        if verdict == self._verdict:
            return
        self._verdict = verdict
        fields = {"GATE_DEVICE": self.name, "GATE_REASON": verdict.reason or "ok"}
        if heard:
            fields["GATE_HEARD"] = heard
        level = logging.INFO if verdict == OK else logging.WARNING
        _LOG.log(level, REASONS[verdict.reason], extra=fields)
        self._sink.put(events.DeviceStateChanged(self.name, verdict.state, verdict.reason, hub=hub))


class Threads:
    """Some such threads as one."""

    def __init__(self, devices: tuple[PortThread, ...]) -> None:
        self._devices = devices

    def start(self) -> None:
        """Start a thread for each device."""
        for device in self._devices:
            device.start()

    def stop(self) -> None:
        """End all threads and close the ports."""
        for device in self._devices:
            device.ask_to_stop()
        for device in self._devices:
            device.join()

    def beats(self) -> dict[str, float]:
        """Give when each living thread last went round, by its name."""
        return {d.thread.name: d.beat_s for d in self._devices if d.thread.is_alive()}

    def health(self) -> tuple[DeviceHealth, ...]:
        """Say how each device is and what of its bytes was refused."""
        return tuple(device.health() for device in self._devices)
