"""The gateway's side of the camera process: starts it, listens, kills it when it hangs.

One process for all cameras. Without a beat for three seconds it is killed, and started again
after a back-off; until it has spoken again, each of its cameras is said to be lost.
"""

import logging
import os
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from time import monotonic  # noqa: TID251 - the edge: beats are timed here.
from typing import Any, Final

from gateway.camera.wire import (
    Beat,
    CameraOrder,
    Message,
    Orders,
    Seen,
    Unpacker,
    WireBroken,
    ZoneOrder,
    encode,
)
from gateway.config import Settings, camera_password
from gateway.contract import DeviceHealth
from gateway.core.events import DeviceStateChanged, PlateRead, VehicleGone, VehicleSeen
from gateway.devices.port_thread import Sink

BEAT_S_MAX: Final = 3.0
START_S_MAX: Final = 60.0
"""Until the first beat: a cold card reads OpenCV for a long while."""
BACK_OFF_S: Final = (0.2, 1.0, 3.0, 10.0)
GOOD_S: Final = 60.0
"""After so long without a death the back-off begins anew."""
STOP_S: Final = 2.0

REASONS: Final[Mapping[str, str]] = {
    "": "The camera is well.",
    "no_picture": "The camera has sent no picture yet: check that it is on and where it sends to.",
    "folder_gone": "The camera's folder is gone: make it again, or correct the source.",
    "file_gone": "The camera's file is gone: correct the source.",
    "not_a_picture": "What the camera sends is no picture: check its format and its disk.",
    "stalled": "The camera sends nothing new: check its power and network.",
    "ended": "The film is over: add loop=1 to its source to play it again.",
    "unreachable": "The camera does not answer: check its power, its cable and its address, and"
    " with rtsp:// its name and password.",
    "denied": "The camera refuses the name or password: correct them in the settings.",
    "frozen": "The camera sends the same picture again and again: switch it off and on.",
    "black": "The camera's picture is black: look for a cap or dirt, its lamp and its exposure.",
    "refused": "The camera's source is no address that can be opened: correct it in the settings.",
    "reader_missing": "The plate reader cannot be opened: install what it needs.",
    "child_died": "The camera process died; it is started again by itself.",
    "child_hung": "The camera process hung and was killed; it is started again by itself.",
}
"""The line for whoever must act, by reason code."""

NO_READER: Final = ("faulty", "reader_missing")
"""The process said itself why it ends."""

log = logging.getLogger(__name__)


class Cameras:
    """All cameras of a gate."""

    def __init__(
        self, orders: Orders, sink: Sink, fail: Callable[[BaseException], Any],
        beat_s_max: float = BEAT_S_MAX,
    ) -> None:  # fmt: skip
        self._orders = orders
        self._sink = sink
        self._fail = fail
        self._beat_s_max = beat_s_max
        self._stop = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._states: dict[str, tuple[str, str]] = {}
        self._seen: dict[str, Seen] = {}
        self._heard_s = 0.0
        self.deaths = 0
        self._beat_s = monotonic()
        self._thread = threading.Thread(target=self._run, name="cameras", daemon=True)

    @classmethod
    def of(cls, settings: Settings, sink: Sink, fail: Callable[[BaseException], Any]) -> "Cameras":
        """Make the cameras that the settings name."""
        return cls(orders_of(settings), sink, fail)

    def start(self) -> None:
        """Start the process and listen to it."""
        self._beat_s = monotonic()
        self._thread.start()

    def stop(self) -> None:
        """End the process."""
        self._stop.set()
        self._thread.join(timeout=STOP_S * 3)

    @property
    def child_id(self) -> int | None:
        """The process's id while it runs."""
        child = self._child
        return child.pid if child is not None else None

    def beats(self) -> dict[str, float]:
        """Give when the living thread last went round, by its name."""
        return {self._thread.name: self._beat_s} if self._thread.is_alive() else {}

    def health(self) -> tuple[DeviceHealth, ...]:
        """Say how each camera is."""
        return tuple(self._health(order.name) for order in self._orders.cameras)

    def _health(self, name: str) -> DeviceHealth:
        state, _ = self._states.get(name, ("silent", "no_picture"))
        seen = self._seen.get(name)
        age_s = None
        if seen is not None and seen.age_s is not None:
            age_s = round(seen.age_s + monotonic() - self._heard_s, 1)
        refusals = dict(seen.refusals) if seen is not None else {}
        if self.deaths:
            refusals["child"] = self.deaths
        return DeviceHealth(device=name, kind="camera", state=state, age_s=age_s, refusals=refusals)

    # --- The thread -------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            tries = 0
            while not self._stop.is_set():
                began_s = self._beat_s = monotonic()
                reason = self._live_once()
                if self._stop.is_set():
                    return
                self.deaths += 1
                for order in self._orders.cameras:
                    if self._states.get(order.name) != NO_READER:
                        self._say(DeviceStateChanged(order.name, "lost", reason))
                tries = 0 if monotonic() - began_s >= GOOD_S else tries
                self._stop.wait(BACK_OFF_S[min(tries, len(BACK_OFF_S) - 1)])
                tries += 1
        except BaseException as error:  # noqa: BLE001 - the thread's entry: the process ends.
            self._fail(error)

    def _live_once(self) -> str:
        """Start the process and listen until it is over; give the reason of its end."""
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        safe = ["-P"] if sys.flags.safe_path else []
        child = subprocess.Popen(  # noqa: S603 - our own module, under our own interpreter.
            [sys.executable, *safe, "-m", "gateway.camera.child"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment,
        )  # fmt: skip
        self._child = child
        try:
            assert child.stdin is not None
            try:
                child.stdin.write(encode(self._orders))
                child.stdin.flush()
            except BrokenPipeError:
                return "child_died"
            return self._listen(child)
        finally:
            self._end(child)
            self._child = None

    def _listen(self, child: subprocess.Popen[bytes]) -> str:
        assert child.stdout is not None
        pipe, unpacker = child.stdout.fileno(), Unpacker()
        deadline_s = monotonic() + START_S_MAX
        while not self._stop.is_set():
            self._beat_s = monotonic()
            ready, _, _ = select.select([pipe], [], [], 0.2)
            if ready:
                chunk = os.read(pipe, 65_536)
                if not chunk:
                    return "child_died"
                try:
                    messages = unpacker.feed(chunk)
                except WireBroken:
                    return "child_died"
                if messages:
                    deadline_s = monotonic() + self._beat_s_max
                for message in messages:
                    self._take(message)
            elif monotonic() > deadline_s:
                return "child_hung"
        return ""

    def _take(self, message: Message) -> None:
        match message:
            case Beat(cameras):
                if cameras:
                    self._heard_s = monotonic()
                self._seen.update({seen.camera: seen for seen in cameras})
            case DeviceStateChanged():
                self._say(message)
            case VehicleSeen() | PlateRead() | VehicleGone():
                if message.track >= self._orders.first_track:
                    self._orders = replace(self._orders, first_track=message.track + 1)
                self._sink.put(message)
            case Orders():
                raise WireBroken("the camera process gives no orders")

    def _say(self, change: DeviceStateChanged) -> None:
        told = (change.state, change.reason)
        if self._states.get(change.device) == told:
            return
        self._states[change.device] = told
        fields = {"GATE_DEVICE": change.device, "GATE_REASON": change.reason or "ok"}
        level = logging.INFO if change.state == "ok" else logging.WARNING
        log.log(level, REASONS[change.reason], extra=fields)
        self._sink.put(change)

    def _end(self, child: subprocess.Popen[bytes]) -> None:
        """Close its input, on which it ends by itself; kill it when it does not."""
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.close()
        except BrokenPipeError:
            child.kill()
        if not self._stop.is_set():
            child.kill()
        try:
            child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        child.stdout.close()


def orders_of(settings: Settings) -> Orders:
    """Say to the camera process what the settings say of cameras and zones."""
    cameras = tuple(
        CameraOrder(
            name=camera.name,
            source=camera.source,
            zones=tuple(
                ZoneOrder(lane.name, lane.zone)
                for lane in settings.lane
                if camera.name in lane.cameras
            ),
            approach=camera.approach,
            reads_max=camera.reads_max,
            parked_s=camera.parked_s,
            region=camera.region,
            password=camera_password(camera),
            ground_file=str(Path(settings.data_dir) / f"ground-{camera.name}.png"),
        )
        for camera in settings.camera
    )
    return Orders(cameras=cameras, reader=settings.plates.reader)
