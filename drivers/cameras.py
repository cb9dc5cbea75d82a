"""Cameras as addresses: whatever stands behind one, the newest picture is what is asked for.

- `folder:///path?stale_s=0`: the newest picture in a folder. Pictures arrive whole, by rename;
  names that begin with a dot and other endings are passed over. With stale_s a camera that lays
  no new picture for so long is said to be stale; without it a picture may stand for ever.
- `video:///path?loop=0`: a file, played at its own rate; frames that come due while nobody looks
  are skipped, never queued.
- `rtsp://[NAME@]HOST/PATH`: a stream, over TCP.
- `http://[NAME@]HOST/PATH?every_s=0.5` or `https://`: a stream of JPEGs, or one picture for each
  question, asked so often; the camera's answer tells which. Other parameters go to the camera.
- `v4l2:///dev/video0?width=1280&height=720&rate=15`: a camera at USB or on the board.

The password of a stream is given beside its address, never in it. A picture is never waited for:
`newest` gives a Frame, a Fault, or None when there is nothing new.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from time import monotonic, time_ns  # noqa: TID251 - the edge: a frame is stamped where it comes in.
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

import cv2

from drivers.address import read_address
from drivers.errors import SourceRefused
from drivers.frames import FILE_BYTES_MAX, Camera, Fault, Frame, decode
from drivers.http_camera import HttpSource
from drivers.streams import StreamCamera, rtsp, v4l2

__all__ = ["Camera", "Fault", "Frame", "decode", "open_camera"]

ENDINGS: Final = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
OPEN_MS_MAX: Final = 3000
EVERY_S: Final = 0.5
REOPEN_S: Final = 2.0
FUTURE_NS: Final = 60 * 10**9
"""A file that came so long after now did so before the clock was set back."""


def open_camera(url: str, clock: Callable[[], float] = monotonic, password: str = "") -> Camera:
    """Open a camera's address; raises SourceRefused when it is none. A dead source is a Fault."""
    scheme = url.partition("://")[0]
    try:
        match scheme:
            case "folder":
                path, values = read_address(url, {"stale_s": "0"})
                stale_s = _number(values, "stale_s", 0, 86_400)
                return FolderCamera(Path(path), stale_s, clock)
            case "video":
                path, values = read_address(url, {"loop": "0"})
                return VideoCamera(Path(path), clock, loops=_number(values, "loop", 0, 1) > 0)
            case "v4l2":
                path, values = read_address(url, {"width": "1280", "height": "720", "rate": "15"})
                wide, high = (int(_number(values, key, 16, 8192)) for key in ("width", "height"))
                rate = int(_number(values, "rate", 1, 240))
                return StreamCamera(v4l2(path, wide, high, rate), clock)
            case "rtsp":
                place, name = _named(url)
                return StreamCamera(rtsp(_with_password(place, name, password)), clock)
            case "http" | "https":
                place, name = _named(url)
                place, every_s = _every(place)
                return StreamCamera(HttpSource(place, name, password, every_s), clock, every_s)
    except ValueError as error:
        raise SourceRefused(f"camera source {scheme}://...: {error}") from error
    raise SourceRefused(
        f"camera source {scheme!r}: folder:, video:, v4l2:, rtsp:, http: or https: is wanted"
    )


def _number(values: Mapping[str, str], key: str, least: int, most: int) -> float:
    number = float(values[key])
    if not least <= number <= most:  # nan is neither.
        raise ValueError(f"{key}={values[key]}: a number from {least} to {most} is wanted")
    return number


def _named(url: str) -> tuple[str, str]:
    """Take the user's name out of an address; raises ValueError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # Python's own words would repeat it, and it may be a password with a slash, or one that was
        # typed with a Chinese keyboard's wide marks.
        raise ValueError("what stands before its path is no host and port") from None
    if parts.password is not None:
        raise ValueError("it holds a password, which belongs into password_credential")
    if not parts.hostname:
        raise ValueError("it names no host")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    place = host if port is None else f"{host}:{port}"
    return urlunsplit((parts.scheme, place, parts.path, parts.query, "")), parts.username or ""


def _with_password(place: str, name: str, password: str) -> str:
    if not name:
        return place
    own = f"{quote(name, safe='')}:{quote(password, safe='')}@"
    return place.replace("://", f"://{own}", 1)


def _every(place: str) -> tuple[str, float]:
    """Take our own parameter out of what goes to the camera."""
    parts = urlsplit(place)
    kept = [each for each in parts.query.split("&") if not each.startswith("every_s=")]
    own = [each[8:] for each in parts.query.split("&") if each.startswith("every_s=")]
    every_s = float(own[0]) if own else EVERY_S
    if not 0.05 <= every_s <= 60:
        raise ValueError(f"every_s={own[0]}: seconds from 0.05 to 60 are wanted")
    return urlunsplit(parts._replace(query="&".join(kept))), every_s


# --- A folder -------------------------------------------------------------------------------


class FolderCamera:
    """The newest picture of a folder; looking costs two `stat` while nothing changes."""

    def __init__(self, folder: Path, stale_s: float, clock: Callable[[], float]) -> None:
        self._folder = folder
        self._stale_s = stale_s
        self._clock = clock
        self._folder_mark: tuple[int, int] | None = None
        self._settled = False
        self._file: Path | None = None
        self._file_mark: tuple[int, int, int] | None = None
        self._bytes: bytes | None = None
        self._changed_s = clock()
        self.fed_s: float | None = None

    def newest(self) -> Frame | Fault | None:
        """Give the folder's newest picture if it is another than before."""
        try:
            fresh = self._look()
        except OSError:
            self._folder_mark = self._file_mark = None
            self._bytes = None
            return Fault.FOLDER_GONE
        now = self._clock()
        if not fresh or self._file is None:
            aged = self._stale_s and now - self._changed_s > self._stale_s
            return Fault.STALE if aged else None
        self._changed_s = now
        try:
            seen = _read_bounded(self._file)
        except FileNotFoundError:
            return None  # Replaced since: the next look finds what came.
        except OSError:
            return Fault.NOT_A_PICTURE
        if seen == self._bytes:
            self.fed_s = now
            return None
        picture = decode(seen)
        if picture is None:
            return Fault.NOT_A_PICTURE
        self._bytes, self.fed_s = seen, now
        return Frame(picture, now, self._file.name)

    def close(self) -> None:
        """Nothing is held open."""

    def _look(self) -> bool:
        """Find the newest file; say whether it is another, or was written again."""
        found = self._folder.stat()
        mark = (found.st_ino, found.st_mtime_ns)
        if mark != self._folder_mark or not self._settled:
            # A folder's time has the grain of a kernel tick: look once more after each change.
            self._settled = mark == self._folder_mark
            self._folder_mark = mark
            self._file = self._find()
        if self._file is None:
            return False
        try:
            there = self._file.stat()
        except FileNotFoundError:
            self._settled = False
            return False
        file_mark = (there.st_ino, there.st_mtime_ns, there.st_size)
        if file_mark == self._file_mark:
            return False
        self._file_mark = file_mark
        return True

    def _find(self) -> Path | None:
        assert self._folder_mark is not None
        # A server that the folder lies on has a clock of its own, and marks the folder by it.
        now_ns = max(self._folder_mark[1], time_ns())
        with os.scandir(self._folder) as entries:
            name = newest_of(entries, now_ns)
        return None if name is None else self._folder / name


def newest_of(entries: Iterable[os.DirEntry[str]], now_ns: int) -> str | None:
    """Name the newest picture; one that came in the future is older than any other.

    A board without a clock of its own laid that before its time was set back. A camera whose clock
    is fast does no harm: its files' own time is ahead, and not the mark of when they came.
    """
    newest: tuple[bool, int, str] | None = None
    for entry in entries:
        if entry.name.startswith(".") or not entry.name.lower().endswith(ENDINGS):
            continue
        try:
            if not entry.is_file():
                continue  # A pipe of such a name would be waited for.
            found = entry.stat()
        except FileNotFoundError:
            continue
        age = (found.st_ctime_ns <= now_ns + FUTURE_NS, found.st_mtime_ns, entry.name)
        if newest is None or age > newest:
            newest = age
    return None if newest is None else newest[2]


def _read_bounded(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(FILE_BYTES_MAX + 1)


# --- A video --------------------------------------------------------------------------------


class VideoCamera:
    """A video file at its own rate, in real time."""

    def __init__(self, file: Path, clock: Callable[[], float], *, loops: bool) -> None:
        self._file = file
        self._clock = clock
        self._loops = loops
        self._film: cv2.VideoCapture | None = None
        self._rate = 25.0
        self._began_s = 0.0
        self._shown = 0
        self._ended = False
        self._retry_s = float("-inf")
        self.fed_s: float | None = None

    def newest(self) -> Frame | Fault | None:
        """Give the frame that is due now, if it is another than before."""
        if self._ended:
            return Fault.ENDED
        now = self._clock()
        if self._film is None:
            if now < self._retry_s and self._file.is_file():
                return None
            fault = self._open(now)
            if fault is not None:
                return fault
        assert self._film is not None
        due = int((now - self._began_s) * self._rate + 1e-6) + 1
        if due <= self._shown:
            return None
        behind = due - self._shown - 1
        if behind > self._rate:
            # A second and more behind: leave the film where it is and go on from here.
            self._began_s += behind / self._rate
            behind = 0
        for _ in range(behind):
            self._film.grab()
            self._shown += 1
        read, picture = self._film.read()
        self._shown += 1
        if read:
            self.fed_s = now
            return Frame(picture, now, f"{self._file.name}#{self._shown}")
        self.close()
        if not self._loops or self._shown <= 1:
            self._ended = self._shown > 1
            self._retry_s = now + REOPEN_S
            return Fault.ENDED if self._ended else Fault.NOT_A_PICTURE
        return None

    def close(self) -> None:
        """Close the file."""
        if self._film is not None:
            self._film.release()
        self._film = None

    def _open(self, now: float) -> Fault | None:
        if not self._file.is_file():
            return Fault.FILE_GONE
        limits = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_MS_MAX,
            cv2.CAP_PROP_READ_TIMEOUT_MSEC, OPEN_MS_MAX,
        ]  # fmt: skip
        film = cv2.VideoCapture(str(self._file), cv2.CAP_FFMPEG, limits)
        if not film.isOpened():
            film.release()
            self._retry_s = now + REOPEN_S
            return Fault.NOT_A_PICTURE
        rate = film.get(cv2.CAP_PROP_FPS)
        self._film, self._began_s, self._shown = film, now, 0
        self._rate = rate if 0.5 <= rate <= 240 else 25.0
        return None
