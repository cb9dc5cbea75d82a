"""Cameras that send by themselves: a thread takes whatever comes, the newest is what is given.

Whoever looks slowly gets the newest picture, never a queue of old ones; whoever looks never waits
for a camera that does not answer. What is lost is opened again after a back-off.

Here as nowhere else a source blocks, so each has a thread. It ends with its camera, at the latest
after the time limits of an opening and a read; closing waits for that, since a process that ends
while OpenCV is in either aborts.
"""

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from drivers.errors import CameraLost
from drivers.frames import Fault, Frame, checked, decode

BACK_OFF_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0)
STALE_S: Final = 3.0
"""A stream that sends nothing for so long has stalled."""
OLD_S: Final = 0.2
"""A picture that nobody took for so long is made anew, so that a slow looker gets no old one."""
FROZEN_S: Final = 10.0
"""No lens gives the very same picture for so long: what sends it hangs."""
OPEN_MS_MAX: Final = 3000
READ_MS_MAX: Final = 3000
CLOSE_S_MAX: Final = (OPEN_MS_MAX + READ_MS_MAX) / 1000 + 0.5


class Source(Protocol):
    """Something that sends pictures until it is lost."""

    def pictures(self, wanted: threading.Event) -> Iterator[bytes | NDArray[np.uint8]]:
        """Give each picture as it comes; raises CameraLost.

        Where making one costs much, only when it is `wanted`; an empty one says that it is alive.
        """

    def close(self) -> None:
        """Wait for no further picture."""


@dataclass(frozen=True, slots=True)
class _Slot:
    content: bytes | NDArray[np.uint8]
    came_s: float
    number: int


class StreamCamera:
    """The newest picture of a source that blocks."""

    def __init__(self, source: Source, clock: Callable[[], float], every_s: float = 0.0) -> None:
        """Open a source that sends a picture at least each `every_s`, and whenever it likes."""
        self._source = source
        self._clock = clock
        self._stale_s = STALE_S + every_s
        self._stop, self._wanted = threading.Event(), threading.Event()
        self._slot: _Slot | None = None
        self._given = 0
        self._fault: Fault | None = None
        self._died: list[BaseException] = []
        self._thread: threading.Thread | None = None
        self._alike: tuple[bytes, float] | None = None
        self._lost_s = clock()
        self.fed_s: float | None = None

    def newest(self) -> Frame | Fault | None:
        """Give the newest picture if it is another than before; never waits."""
        if self._thread is None:
            self._lost_s = self._clock()
            self._thread = threading.Thread(target=self._run, name="stream", daemon=True)
            self._thread.start()
        if self._died:
            raise self._died[0]
        self._wanted.set()
        slot, now = self._slot, self._clock()
        if slot is None or slot.number == self._given:
            if self._fault is not None:
                return self._fault
            last_s = self._lost_s if self.fed_s is None else self.fed_s
            return Fault.STALE if now - last_s > self._stale_s else None
        self._given = slot.number
        content = slot.content
        picture = decode(content) if isinstance(content, bytes) else checked(content)
        if picture is None:
            return Fault.NOT_A_PICTURE
        if self._is_frozen(picture, now):
            return Fault.FROZEN
        return Frame(picture, slot.came_s, f"#{slot.number}")

    def close(self) -> None:
        """End the thread, and wait for it."""
        self._stop.set()
        self._source.close()
        if self._thread is not None:
            self._thread.join(CLOSE_S_MAX)

    def _is_frozen(self, picture: NDArray[np.uint8], now: float) -> bool:
        mark = picture[::8, ::8].tobytes()
        if self._alike is None or self._alike[0] != mark:
            self._alike = (mark, now)
        return now - self._alike[1] >= FROZEN_S

    def _run(self) -> None:
        tries = 0
        try:
            while not self._stop.is_set():
                try:
                    for content in self._source.pictures(self._wanted):
                        if self._stop.is_set():
                            return
                        self._take(content)
                        tries = 0
                except CameraLost as lost:
                    self._fault = Fault(lost.reason)
                self._stop.wait(BACK_OFF_S[min(tries, len(BACK_OFF_S) - 1)])
                tries += 1
        except BaseException as error:  # noqa: BLE001 - the thread's entry: newest() raises it.
            self._died.append(error)

    def _take(self, content: bytes | NDArray[np.uint8]) -> None:
        now = self._clock()
        self.fed_s, self._fault = now, None
        slot = self._slot
        if len(content):
            self._wanted.clear()
            self._slot = _Slot(content, now, 1 if slot is None else slot.number + 1)
        elif slot is not None and now - slot.came_s >= OLD_S:
            self._wanted.set()


class CaptureSource:
    """RTSP and V4L2, by OpenCV: every frame is taken off, only wanted ones are made pictures."""

    def __init__(self, place: str, api: int, parameters: tuple[int, ...] = ()) -> None:
        self._place = place
        self._api = api
        self._parameters = parameters

    def pictures(self, wanted: threading.Event) -> Iterator[bytes | NDArray[np.uint8]]:
        """Take frame after frame; raises CameraLost."""
        film = cv2.VideoCapture(self._place, self._api, list(self._parameters))
        try:
            if not film.isOpened():
                raise CameraLost("unreachable", "the camera does not open")
            while film.grab():
                if not wanted.is_set():
                    yield b""
                    continue
                made, picture = film.retrieve()
                if made:
                    yield np.asarray(picture, np.uint8)
            raise CameraLost("stale", "the camera sends nothing more")
        finally:
            film.release()

    def close(self) -> None:
        """Leave a read that has begun to its own limit."""


def rtsp(url: str) -> CaptureSource:
    """Take an RTSP stream, over TCP: a lost packet is then late, and not a torn picture."""
    # Read by OpenCV at each opening.
    os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")
    limits = (
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_MS_MAX, cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_MS_MAX,
    )  # fmt: skip
    return CaptureSource(url, cv2.CAP_FFMPEG, limits)


def v4l2(device: str, width: int, height: int, rate: int) -> CaptureSource:
    """Take a camera at USB or on the board: what it compresses itself, each frame as it comes."""
    # Read by OpenCV at its first such camera; its own ten seconds are longer than closing waits.
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", str(READ_MS_MAX // 1000))
    wanted = (
        cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"), cv2.CAP_PROP_FRAME_WIDTH, width,
        cv2.CAP_PROP_FRAME_HEIGHT, height, cv2.CAP_PROP_FPS, rate,
    )  # fmt: skip
    return CaptureSource(device, cv2.CAP_V4L2, wanted)
