"""What the pages of a broken SQLite file still hold: rows, found without its trees.

Law: reads only, believes nothing, and raises nothing for a page's sake. A row is found by the shape
of its record's header, wherever on a page it stands; whether it is what was once recorded is for
the chain to say.

    cell     payload size, row id (varints), payload; what does not fit goes on in overflow pages
    payload  header size, a serial type a column (varints), then the columns' bytes
    overflow number of the next page (4 bytes), then more of the payload

Pages of the write-ahead log count in place of the file's as SQLite counts them: up to the last
commit whose salts and running checksum are right. Source: sqlite.org/fileformat2.html
"""

import contextlib
import os
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

Values: TypeAlias = tuple[Any, ...]
"""A record's columns; the row id's own column is None."""

PAGE_BYTES: Final = 4096
_MAGIC: Final = b"SQLite format 3\0"
_STREAM_ID: Final = re.compile(rb"[0-9a-f]{32}")
_ANY_INT: Final = rb"[\x01-\x06\x08\x09]"
HEADERS: Final = {
    "entry": re.compile(rb"(?=[\x09-\x10]\x00" + _ANY_INT + rb"\x4c[\x0f-\x7f])"),
    "stream": re.compile(rb"(?=[\x07\x08]\x00\x4d" + _ANY_INT + rb")"),
    "lost": re.compile(rb"(?=[\x05\x06]\x4d" + _ANY_INT + _ANY_INT + rb")"),
}
"""How the header of a row of each table begins: its size, and the types of its first columns."""
SHAPES: Final = {
    "entry": ("0", "i", "h", "t", "i0", "b", "h0", "b0", "o0"),
    "stream": ("0", "s", "i", "t", "i", "h0"),
    "lost": ("s", "i", "i", "t"),
}
"""The columns: null, int, text, blob, hash (32 bytes), own hash (8), stream id (32 letters)."""
OPTIONAL: Final = {"entry": 1, "stream": 0, "lost": 0}
"""Columns at the end that rows of an earlier version lack."""
_WIDTHS: Final = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)


class Pages:
    """A broken file and its write-ahead log, page by page from 1 on; a hole is an empty page."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY) if path.exists() else None
        self.size = self._page_size()
        self._logged = _committed(Path(f"{path}-wal"), self.size)
        length = 0 if self._file is None else os.fstat(self._file).st_size
        self.count = max(-(-length // self.size), *self._logged, 0)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)

    def page(self, number: int) -> bytes:
        """Read a page; what cannot be read is empty, what is cut off is short."""
        if number in self._logged:
            return self._logged[number]
        if self._file is None or not 1 <= number <= self.count:
            return b""
        try:
            return os.pread(self._file, self.size, (number - 1) * self.size)
        except OSError:
            return b""

    def rows(self, alive: Callable[[], object]) -> Iterator[tuple[str, int, Values]]:
        """Give all that looks like a row: its table, its row id, its columns."""
        for number in range(1, self.count + 1):
            if number % 1024 == 0:
                alive()
            page = self.page(number)
            for table, header in HEADERS.items():
                for match in header.finditer(page):
                    found = self._row(table, page, match.start())
                    if found is not None:
                        yield (table, *found)

    def stream_ids(self) -> set[str]:
        """Give every word that may be a stream's id."""
        found: set[str] = set()
        for number in range(1, self.count + 1):
            found.update(word.decode() for word in _STREAM_ID.findall(self.page(number)))
        return found

    def _page_size(self) -> int:
        """Read the page size, as long as it can be one."""
        try:
            head = b"" if self._file is None else os.pread(self._file, 18, 0)
        except OSError:
            head = b""
        size = int.from_bytes(head[16:18], "big") if head.startswith(_MAGIC) else 0
        return size if size >= 512 and size & (size - 1) == 0 else PAGE_BYTES

    def _row(self, table: str, page: bytes, at: int) -> tuple[int, Values] | None:
        """Read the row whose payload begins at a place of a page; None when there is none."""
        types = _types(page, at)
        shape = SHAPES[table]
        if not len(shape) - OPTIONAL[table] <= len(types) <= len(shape):
            return None
        if not all(_fits(serial, word) for serial, word in zip(types, shape, strict=False)):
            return None
        size = page[at] + sum(map(_width, types))
        row_id = _row_id(page, at, size)
        if row_id is None:
            return None
        payload = self._payload(page, at, size)
        if payload is None:
            return None
        values: list[Any] = []
        place = page[at]
        for serial in types:
            width = _width(serial)
            values.append(_value(serial, payload[place : place + width]))
            place += width
        values += [None] * (len(shape) - len(types))
        return row_id, tuple(values)

    def _payload(self, page: bytes, at: int, size: int) -> bytes | None:
        most = self.size - 35
        here = size
        if size > most:
            least = (self.size - 12) * 32 // 255 - 23
            here = least + (size - least) % (self.size - 4)
            here = here if here <= most else least
        payload = page[at : at + here]
        if len(payload) < here:
            return None
        following = int.from_bytes(page[at + here : at + here + 4], "big")
        while len(payload) < size:
            more = self.page(following)[: 4 + size - len(payload)]
            if len(more) <= 4:
                return None
            payload += more[4:]
            following = int.from_bytes(more[:4], "big")
        return payload


def _types(page: bytes, at: int) -> list[int]:
    """Read a header's serial types; none when it is no header."""
    place, end = at + 1, at + page[at]
    types: list[int] = []
    while place < end:
        serial, place = _varint(page, place)
        types.append(serial)
    return types if place == end else []


def _row_id(page: bytes, at: int, size: int) -> int | None:
    """Read the row id before a payload, if the payload's size stands before that."""
    told = _as_varint(size)
    for length in range(1, 10):
        start = at - length
        if start < len(told):
            return None
        row_id, end = _varint(page, start)
        if end == at and page[start - len(told) : start] == told:
            return row_id
    return None


def _varint(page: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(at, min(at + 8, len(page))):
        value = value << 7 | page[place] & 0x7F
        if page[place] < 0x80:
            return value, place + 1
    if at + 8 < len(page):
        return value << 8 | page[at + 8], at + 9
    return 0, len(page) + 1


def _as_varint(value: int) -> bytes:
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(value & 0x7F | 0x80)
    return bytes(reversed(parts))


def _width(serial: int) -> int:
    return _WIDTHS[serial] if serial < len(_WIDTHS) else (serial - 12) // 2


def _fits(serial: int, word: str) -> bool:
    """Tell whether a column of this serial type may stand there."""
    if serial == 0:
        return "0" in word
    match word[0]:
        case "i":
            return serial <= 6 or serial in {8, 9}
        case "h":
            return serial == 12 + 2 * 32
        case "o":
            return serial == 12 + 2 * 8
        case "s":
            return serial == 13 + 2 * 32
        case "t":
            return serial >= 13 and serial % 2 == 1
        case _:
            return serial >= 12 and serial % 2 == 0


def _value(serial: int, part: bytes) -> Any:
    if serial == 0:
        return None
    if serial in {8, 9}:
        return serial - 8
    if serial <= 6:
        return int.from_bytes(part, "big", signed=True)
    return part.decode(errors="replace") if serial % 2 else part


# --- The write-ahead log ----------------------------------------------------------------------


def _committed(path: Path, page_size: int) -> dict[int, bytes]:
    """Read the pages of a write-ahead log up to its last whole commit; by their numbers."""
    log = _up_to_a_fault(path)
    if len(log) < 32:
        return {}
    magic, version, size, _, *salts, one, two = struct.unpack(">8I", log[:32])
    order = {0x377F0682: "<", 0x377F0683: ">"}.get(magic)
    if order is None or version != 3_007_000 or size != page_size:
        return {}
    if (sums := _checksum(order, (0, 0), log[:24])) != (one, two):
        return {}
    whole: dict[int, bytes] = {}
    waiting: dict[int, bytes] = {}
    for at in range(32, len(log) - 23 - size, 24 + size):
        number, commit, *frame_salts, one, two = struct.unpack(">6I", log[at : at + 24])
        page = log[at + 24 : at + 24 + size]
        sums = _checksum(order, sums, log[at : at + 8] + page)
        if frame_salts != salts or sums != (one, two):
            break
        waiting[number] = page
        if commit:
            whole |= waiting
            waiting.clear()
    return whole


def _up_to_a_fault(path: Path) -> bytes:
    """Read a file as far as it can be read."""
    parts = []
    with contextlib.suppress(OSError), path.open("rb", buffering=0) as file:
        while part := file.read(PAGE_BYTES):
            parts.append(part)
    return b"".join(parts)


def _checksum(order: str, sums: tuple[int, int], data: bytes) -> tuple[int, int]:
    one, two = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for first, second in zip(words[::2], words[1::2], strict=True):
        one = one + first + two & 0xFFFFFFFF
        two = two + second + one & 0xFFFFFFFF
    return one, two
