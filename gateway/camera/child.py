"""The camera process: all cameras of a gate, presence and plate reading, apart from the gate.

It may hang in a driver or die in a decoder; then it is killed and started again, and the gate
goes on meanwhile. Its standard output belongs to messages alone: what a library prints goes to
standard error. It ends when its standard input closes, so it never outlives the gateway.
"""

import contextlib
import os
import select
import signal
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic  # noqa: TID251 - the edge: pictures are stamped where they come in.
from typing import Final, Literal, NoReturn, TypeAlias

# Read by OpenCV at its import: a picture's header may promise any size.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "40000000")
# FFmpeg tells where a stream broke, with its address; Health tells it without.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")

import cv2
import numpy as np

from drivers.cameras import Camera, Fault, Frame, open_camera
from drivers.errors import SourceRefused
from gateway.camera.blobs import View, Zone
from gateway.camera.ground import HEIGHT, WIDTH, Ground
from gateway.camera.tracks import Rules, Watch
from gateway.camera.wire import Beat, CameraOrder, Message, Orders, Seen, Unpacker, encode
from gateway.core.events import DeviceStateChanged
from gateway.plates.errors import PlateError
from gateway.plates.reader import Plate, PlateReader
from gateway.plates.readers import open_reader
from gateway.systemd import death

TURN_S: Final = 0.1
BEAT_S: Final = 0.5
BAD_S: Final = 2.0
"""A fault is counted; for so long without a good picture after it, it is said."""
FIRST_S: Final = 3.0
KEEP_GROUND_S: Final = 60.0
FOREIGN_VIEW: Final = 0.7
"""A kept ground from which so much differs may be another view's: it is not relied on."""
NICENESS: Final = 5
"""Reading plates never makes a thermometer's thread or the loop wait."""

State: TypeAlias = tuple[Literal["ok", "silent", "faulty", "lost"], str]
Tell: TypeAlias = Callable[[Message], None]

_LASTING: Final = {Fault.NOT_A_PICTURE, Fault.FROZEN}
"""These are said when a picture comes; between two pictures they stand."""
_EACH: Final = {Fault.NOT_A_PICTURE}
"""Of these each is counted, not each time that they begin."""
_STATE_OF: Final[dict[Fault, State]] = {
    Fault.FOLDER_GONE: ("lost", "folder_gone"),
    Fault.FILE_GONE: ("lost", "file_gone"),
    Fault.ENDED: ("lost", "ended"),
    Fault.STALE: ("silent", "stalled"),
    Fault.NOT_A_PICTURE: ("faulty", "not_a_picture"),
    Fault.UNREACHABLE: ("lost", "unreachable"),
    Fault.DENIED: ("lost", "denied"),
    Fault.FROZEN: ("faulty", "frozen"),
}
BLACK_LEVEL: Final = 12.0
BLACK_SPREAD: Final = 4.0
BLACK_S: Final = 5.0
"""Pictures below this level and this even, for so long: a cap, a lamp that is out, no exposure."""


@dataclass(slots=True)
class Health:
    """How one camera's pictures come."""

    opened_s: float
    state: State | None = None
    pictured_s: float | None = None
    bad_since_s: float | None = None
    black_since_s: float | None = None
    refusals: Counter[str] = field(default_factory=Counter)
    last: Fault | None = None

    def shows(self, view: View, now: float) -> None:
        """Note whether a picture shows anything at all."""
        dark = float(view.grey.mean()) < BLACK_LEVEL and float(view.grey.std()) < BLACK_SPREAD
        if not dark:
            self.black_since_s = None
        elif self.black_since_s is None:
            self.black_since_s = now

    def take(self, found: Frame | Fault | None, now: float) -> State | None:
        """Take what a look gave; say the state when it is another."""
        if isinstance(found, Fault):
            if found is not self.last or found in _EACH:
                self.refusals[found.value] += 1
            if self.bad_since_s is None:
                self.bad_since_s = now
        elif isinstance(found, Frame):
            self.pictured_s, self.bad_since_s = now, None
        if found is not None or self.last not in _LASTING:
            self.last = found if isinstance(found, Fault) else None
        state = self._state(now)
        if state is None or state == self.state:
            return None
        self.state = state
        return state

    def _state(self, now: float) -> State | None:
        black = self.black_since_s is not None and now - self.black_since_s >= BLACK_S
        if black and self.last in {None, Fault.FROZEN}:
            # Under a cap every picture is the same: the cap is what to look for.
            return "faulty", "black"
        if self.last is not None and self.bad_since_s is not None:
            # A stream that breaks and is there again in half a second is well: each change of a
            # camera's state is an entry in the journal, and an alert.
            return _STATE_OF[self.last] if now - self.bad_since_s >= BAD_S else None
        if self.pictured_s is not None:
            return "ok", ""
        return ("silent", "no_picture") if now - self.opened_s >= FIRST_S else None


class Eye:
    """One camera, watched."""

    def __init__(
        self, order: CameraOrder, camera: Camera, reader: PlateReader, first_track: int, now: float
    ) -> None:
        self.order = order
        self._camera = camera
        self._reader = reader
        self._file = Path(order.ground_file) if order.ground_file else None
        self._kept_s: float | None = None
        self.health = Health(now)
        rules = Rules(
            approach=order.approach, reads_max=order.reads_max, accept=reader.accept,
            parked_s=order.parked_s,
        )  # fmt: skip
        zones = [Zone.of(zone.lane, zone.corners) for zone in order.zones]
        ground = load_ground(self._file)
        self._watch = Watch(order.name, zones, rules, ground, first_track)
        self._is_kept_ground = ground is not None

    def turn(self, now: float, tell: Tell) -> None:
        """Look once, and tell what is new."""
        found = self._camera.newest()
        state = self.health.take(found, now)
        if state is not None:
            tell(DeviceStateChanged(self.order.name, *state))
        if isinstance(found, Frame):
            view = View(found.picture)
            self.health.shows(view, now)
            if self._is_kept_ground and self._watch.scene.ground is not None:
                differs = self._watch.scene.ground.compare(view.colours)
                self._watch.scene.ground.sure = float(differs.mean()) < FOREIGN_VIEW
                self._is_kept_ground = False
            told = self._watch.look(view, now, lambda: self._read(view, tell))
        else:
            told = self._watch.tick(now)
        for event in told:
            tell(event)
        self._keep_ground(now)

    @property
    def fed_s(self) -> float | None:
        """When the camera last sent a picture."""
        return self._camera.fed_s

    def _read(self, view: View, tell: Tell) -> tuple[Plate, ...]:
        tell(Beat())
        plates = self._reader.read(view.picture, self.order.region)
        tell(Beat())
        return plates

    def _keep_ground(self, now: float) -> None:
        ground = self._watch.scene.ground
        if self._file is None or ground is None or not ground.sure or self._watch.tracks:
            return
        if self._kept_s is None or now - self._kept_s >= KEEP_GROUND_S:
            self._kept_s = now
            with contextlib.suppress(OSError):  # A full disk costs a ground, never a picture.
                save_ground(self._file, ground)


def save_ground(file: Path, ground: Ground) -> None:
    """Keep the empty lane, whole or not at all."""
    done, encoded = cv2.imencode(".png", np.clip(ground.layers[0], 0, 255).astype(np.uint8))
    assert done
    fresh = file.with_suffix(".part")
    fresh.write_bytes(bytes(encoded))
    fresh.replace(file)


def load_ground(file: Path | None) -> Ground | None:
    """Take the kept empty lane; None when there is none, or none that can be read."""
    if file is None:
        return None
    try:
        found = cv2.imdecode(np.frombuffer(file.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    except (OSError, cv2.error):
        return None
    if found is None or found.shape != (HEIGHT, WIDTH, 3):
        return None
    return Ground(found.astype(np.float32), sure=True)


def watch(orders: Orders, tell: Tell, wait: Callable[[float], bool]) -> None:
    """Watch all cameras until `wait` says that the gateway has gone."""
    eyes: list[Eye] = []
    try:
        reader = open_reader(orders.reader, beat=lambda: tell(Beat()))
    except PlateError:
        for order in orders.cameras:
            tell(DeviceStateChanged(order.name, "faulty", "reader_missing"))
        raise
    for order in orders.cameras:
        try:
            camera = open_camera(order.source, password=order.password)
        except SourceRefused:
            tell(DeviceStateChanged(order.name, "lost", "refused"))
            continue
        eyes.append(Eye(order, camera, reader, orders.first_track, monotonic()))
    beat_due_s = 0.0
    while True:
        began_s = monotonic()
        if began_s >= beat_due_s:
            beat_due_s = began_s + BEAT_S
            tell(Beat(tuple(_seen(eye, began_s) for eye in eyes)))
        for eye in eyes:
            eye.turn(monotonic(), tell)
        if wait(max(0.0, began_s + TURN_S - monotonic())):
            break


def _seen(eye: Eye, now: float) -> Seen:
    fed_s = eye.fed_s
    age_s = None if fed_s is None else round(now - fed_s, 1)
    return Seen(eye.order.name, age_s, dict(eye.health.refusals))


def _read_orders(stdin: int) -> Orders | None:
    unpacker = Unpacker()
    while chunk := os.read(stdin, 65_536):
        for message in unpacker.feed(chunk):
            assert isinstance(message, Orders)
            return message
    return None


def teller(descriptor: int) -> Tell:
    """Tell into a pipe, each message whole though a signal is heard in the middle of it."""
    pipe = os.fdopen(descriptor, "wb", closefd=False)

    def tell(message: Message) -> None:
        pipe.write(encode(message))
        pipe.flush()

    return tell


def main() -> None:
    """Take orders from standard input, and tell on what was standard output."""
    tell = teller(os.dup(1))
    os.dup2(2, 1)
    # A stop goes to the whole group; the gateway ends this process itself, and kills what hangs.
    # Heard and not ignored: a program that it starts would ignore them too, and its own end.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: None)
    with contextlib.suppress(OSError):  # A unit's filter may refuse it: then without.
        os.nice(NICENESS)
    sys.excepthook = _die
    cv2.setNumThreads(1)
    orders = _read_orders(0)
    if orders is None:
        return

    def wait(wait_s: float) -> bool:
        ready, _, _ = select.select([0], [], [], wait_s)
        return bool(ready) and not os.read(0, 4096)

    with contextlib.suppress(BrokenPipeError):  # The gateway has gone.
        watch(orders, tell, wait)
    _end(0)


def _die(_kind: type[BaseException], error: BaseException, _trace: object) -> None:
    """Say last words into the gateway's log: where it died, and nothing of whose plate."""
    sys.stderr.write(f"{death(error)}\n")
    sys.stderr.flush()
    _end(1)


def _end(code: int) -> NoReturn:
    """End at once: Python's own end aborts, with a dump, while a camera's thread is in OpenCV."""
    os._exit(code)


if __name__ == "__main__":
    main()
