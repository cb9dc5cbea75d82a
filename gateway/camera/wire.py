"""What the camera process and the gateway say to each other over its two pipes.

Down goes one message, the orders; when that pipe closes, the camera process ends. Up come events
and beats, each behind its length in four bytes. Frames never cross: the largest thing is a plate's
crop of at most 32 KB. Pure, a leaf beside events.
"""

from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

import msgspec

from gateway.core.events import DeviceStateChanged, PlateRead, VehicleGone, VehicleSeen

MESSAGE_BYTES_MAX: Final = 65_536
_HEAD: Final = 4


class WireBroken(ValueError):  # noqa: N818 - named by what happened.
    """The other end sent what is no message of ours."""


@dataclass(frozen=True, slots=True)
class ZoneOrder:
    """A lane's stop zone in a camera's picture; no corners is the lower half."""

    lane: str
    corners: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class CameraOrder:
    """One camera to watch."""

    name: str
    source: str
    zones: tuple[ZoneOrder, ...]
    approach: Literal["top", "bottom", "left", "right"] = "top"
    reads_max: int = 8
    parked_s: float = 1800.0
    region: tuple[tuple[float, float], ...] = ()
    """Where plates are read; no corners is everywhere."""
    password: str = field(default="", repr=False)
    ground_file: str = ""
    """Where the learnt empty lane is kept over restarts; empty: nowhere."""


@dataclass(frozen=True, slots=True)
class Orders:
    """Everything the camera process is told."""

    cameras: tuple[CameraOrder, ...]
    reader: str = "net"
    first_track: int = 1
    """Tracks are numbered from here: the numbers before were used by the process before."""


@dataclass(frozen=True, slots=True)
class Seen:
    """How one camera fares."""

    camera: str
    age_s: float | None
    """Since its newest picture."""
    refusals: dict[str, int]


@dataclass(frozen=True, slots=True)
class Beat:
    """The camera process is alive, and not inside a blocked call."""

    cameras: tuple[Seen, ...] = ()


Message: TypeAlias = (
    VehicleSeen | PlateRead | VehicleGone | DeviceStateChanged | Beat | Orders
)  # fmt: skip
_KINDS: Final[dict[str, type[Any]]] = {
    kind.__name__: kind
    for kind in (VehicleSeen, PlateRead, VehicleGone, DeviceStateChanged, Beat, Orders)
}


def encode(message: Message) -> bytes:
    """Put a message behind its length."""
    body = msgspec.msgpack.encode((type(message).__name__, message))
    assert len(body) <= MESSAGE_BYTES_MAX, type(message).__name__
    return len(body).to_bytes(_HEAD, "big") + body


class Unpacker:
    """Bytes in, whole messages out; keeps what is left over."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> list[Message]:
        """Take bytes as they came; raises WireBroken."""
        self._buffer += chunk
        messages: list[Message] = []
        while len(self._buffer) >= _HEAD:
            length = int.from_bytes(self._buffer[:_HEAD], "big")
            if length > MESSAGE_BYTES_MAX:
                raise WireBroken(f"a message of {length} bytes")
            if len(self._buffer) < _HEAD + length:
                break
            messages.append(_decode(bytes(self._buffer[_HEAD : _HEAD + length])))
            del self._buffer[: _HEAD + length]
        return messages


def _decode(body: bytes) -> Message:
    try:
        kind, raw = msgspec.msgpack.decode(body, type=tuple[str, msgspec.Raw])
        message: Message = msgspec.msgpack.decode(raw, type=_KINDS[kind])
    except (msgspec.DecodeError, KeyError) as error:
        raise WireBroken(f"no message of ours: {type(error).__name__}") from error
    return message
