"""On which pages of a sound journal each entry lies: what noise on a page can have taken.

Read off the b-tree of the table, page by page, before the harm; no code of the gateway's has a say.

    page     at byte 0 (of page 1: 100) its type: 5 has children, 13 has rows; at 3 how many cells,
             at 8 (type 5) its last child; then, 2 bytes each, where the cells stand
    cell     type 5: a child (4 bytes), a row id; type 13: payload size, row id (varints), payload
    payload  what does not fit goes on in a chain of overflow pages, each begun by the next's number

Source: sqlite.org/fileformat2.html
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.faults import evidence

_CHILDREN, _ROWS = 5, 13


def pages_of(path):
    """Give, by entry, the pages without which it cannot be read whole; from 1 on.

    The file must be at rest: what stands in a write-ahead log would count before its pages.
    """
    log = Path(f"{path}-wal")
    assert not log.exists() or not log.stat().st_size, "the journal has a write-ahead log"
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'entry'").fetchone()
    found = dict(_File(path.read_bytes()).rows(root))
    rows = evidence.journal_rows(path)
    return {
        (row.stream, row.seq): found[row_id]
        for row, row_id in zip(rows, sorted(found), strict=True)
    }


class _File:
    def __init__(self, content):
        self._content = content
        self._size = int.from_bytes(content[16:18], "big")
        self._usable = self._size - content[20]

    def _page(self, number):
        return self._content[(number - 1) * self._size : number * self._size]

    def rows(self, number):
        """Give the row ids below a page, each with the pages that it lies on."""
        page = self._page(number)
        head = 100 if number == 1 else 0
        kind, cells = page[head], _int(page, head + 3, 2)
        first = head + (12 if kind == _CHILDREN else 8)
        places = [_int(page, first + 2 * nth, 2) for nth in range(cells)]
        if kind == _CHILDREN:
            for child in (*(_int(page, at, 4) for at in places), _int(page, head + 8, 4)):
                yield from self.rows(child)
            return
        assert kind == _ROWS, f"page {number} is of no table"
        for at in places:
            size, at_id = _varint(page, at)
            row_id, payload = _varint(page, at_id)
            yield row_id, {number, *self._overflow(page, payload, size)}

    def _overflow(self, page, at, size):
        if size <= self._usable - 35:
            return
        least = (self._usable - 12) * 32 // 255 - 23
        here = least + (size - least) % (self._usable - 4)
        here = here if here <= self._usable - 35 else least
        following = _int(page, at + here, 4)
        while following:
            yield following
            following = _int(self._page(following), 0, 4)


def _int(page, at, width):
    return int.from_bytes(page[at : at + width], "big")


def _varint(page, at):
    value = 0
    for place in range(at, at + 8):
        value = value << 7 | page[place] & 0x7F
        if page[place] < 0x80:
            return value, place + 1
    return value << 8 | page[at + 8], at + 9
