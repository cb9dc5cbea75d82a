"""What a camera gives: a picture and when it was had, or why there is none."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Protocol, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Picture: TypeAlias = NDArray[np.uint8]

FILE_BYTES_MAX: Final = 20_000_000
PIXELS_MAX: Final = 40_000_000
SIDE_MIN: Final = 16
"""A picture narrower than this shows nothing."""
TAIL_BYTES: Final = 1024


class Fault(Enum):
    """Why there is no picture; a small closed set, counted per camera."""

    FOLDER_GONE = "folder_gone"
    FILE_GONE = "file_gone"
    NOT_A_PICTURE = "not_a_picture"
    STALE = "stale"
    ENDED = "ended"
    UNREACHABLE = "unreachable"
    DENIED = "denied"
    FROZEN = "frozen"


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture, blue-green-red, and when it was had."""

    picture: Picture = field(repr=False)
    taken_s: float
    """Monotonic."""
    name: str
    """The file, or the frame's number: for a log line, never shown."""


class Camera(Protocol):
    """A source of pictures."""

    fed_s: float | None
    """When the source last sent a picture, be it the same as before."""

    def newest(self) -> Frame | Fault | None:
        """Give the newest picture if it is not the one given before; never blocks above 3 s."""

    def close(self) -> None:
        """Let go of the source."""


def decode(data: bytes) -> Picture | None:
    """Decode a picture's file; None for what is none, is torn, or is absurdly large or small."""
    if not data or len(data) > FILE_BYTES_MAX or _is_torn(data):
        return None
    try:
        found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if found is None else checked(found)


def checked(found: NDArray[np.generic]) -> Picture | None:
    """Give what is a picture in three colours of eight bits, and neither absurdly large nor small.

    A camera at USB may give its raw numbers instead: temperatures, or what OpenCV cannot turn.
    """
    if found.ndim != 3 or found.shape[2] != 3 or found.dtype != np.uint8:
        return None
    high, wide = found.shape[:2]
    if min(high, wide) < SIDE_MIN or high * wide > PIXELS_MAX:
        return None
    return np.asarray(found, np.uint8)


def _is_torn(data: bytes) -> bool:
    """Find a picture cut short: a decoder would fill in grey and call it whole."""
    tail = data[-TAIL_BYTES:]
    if data.startswith(b"\xff\xd8"):
        return b"\xff\xd9" not in tail
    if data.startswith(b"\x89PNG"):
        return b"IEND" not in tail
    return False
