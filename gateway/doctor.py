"""`gateway doctor`: try each device of a gate, and say in words what to do about it.

A room adds its devices by adding a function to CHECKS: settings in, findings out.
"""

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import cv2

from drivers.cameras import Fault, Frame, open_camera
from drivers.errors import SourceRefused
from gateway.camera.advice import advise
from gateway.camera.cameras import REASONS
from gateway.config import CameraSettings, Settings, camera_password
from gateway.devices.tables import GPIO
from gateway.devices.trying import try_device
from gateway.plates.reader import PlateReader
from gateway.plates.readers import open_reader

PICTURES: Final = 5
PATIENCE_S: Final = 8.0
LOOK_EVERY_S: Final = 0.2
_WORDS: Final = {Fault.STALE: "stalled"}
"""Where a fault's word is not the reason's."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one device."""

    device: str
    well: bool
    words: str


def examine(settings: Settings) -> Iterable[Finding]:
    """Try every device; the findings come one by one, as trying takes seconds."""
    for check in CHECKS:
        yield from check(settings)


def look_at_cameras(settings: Settings) -> Iterable[Finding]:
    """Take some pictures of each camera, and read the plates in them."""
    if not settings.camera:
        return
    # What OpenCV and FFmpeg print tells an installer nothing that is not said here.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    reader = open_reader(settings.plates.reader)
    for camera in settings.camera:
        yield from _look(camera, reader)


def _look(camera: CameraSettings, reader: PlateReader) -> Iterable[Finding]:
    try:
        source = open_camera(camera.source, password=camera_password(camera))
    except SourceRefused as error:
        yield Finding(camera.name, well=False, words=str(error))
        return
    try:
        frames, fault = _take(source.newest)
    finally:
        source.close()
    reason = "no_picture" if fault is None else _WORDS.get(fault, fault.value)
    if not frames:
        yield Finding(camera.name, well=False, words=REASONS[reason])
        return
    seen = [(frame.picture, reader.read(frame.picture, camera.region)) for frame in frames]
    advice = advise(seen)
    high, wide = frames[-1].picture.shape[:2]
    sure = sum(plate.confidence >= reader.accept for _, plates in seen for plate in plates[:1])
    found = sum(bool(plates) for _, plates in seen)
    words = f"{wide} x {high}, {found} of {len(seen)} pictures with a plate, {sure} read surely"
    yield Finding(camera.name, well=True, words=words)
    if fault is not None:
        yield Finding(camera.name, well=False, words=REASONS[reason])
    for each in advice:
        yield Finding(camera.name, well=False, words=each)


def _take(newest: Callable[[], Frame | Fault | None]) -> tuple[list[Frame], Fault | None]:
    """Look for some seconds; give the pictures that came, and the fault they ended with."""
    frames: list[Frame] = []
    fault: Fault | None = None
    tries = round(PATIENCE_S / LOOK_EVERY_S)
    for _ in range(tries):
        match newest():
            case Frame() as frame:
                frames.append(frame)
                fault = None
            case Fault() as told:
                fault = told
        if len(frames) == PICTURES or fault in {Fault.ENDED, Fault.DENIED, Fault.FOLDER_GONE}:
            break
        time.sleep(LOOK_EVERY_S)
    return frames, fault


def listen_to_wires(settings: Settings) -> Iterable[Finding]:
    """Listen to each wired device; a GPIO line would be moved by opening it, and is not."""
    for table, devices in settings.wired.items():
        for device in devices:
            if not device.port.startswith(GPIO):
                well, words = try_device(table, device)
                yield Finding(device.name, well, words)


CHECKS: Final[tuple[Callable[[Settings], Iterable[Finding]], ...]] = (
    listen_to_wires,
    look_at_cameras,
)
