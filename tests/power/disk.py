"""What is left of a folder's files when the power goes: what was synced, and some of the rest.

Pure. Synced means safe: data by the file's own sync, a name by its folder's. Of what was written
since, a disk may have put down nothing, everything, the first part of it in order with the last
sector torn, or any sectors in any order; names since the folder's sync come in order.
A card that calls a sync done which is not, is beyond this, and beyond every program.
"""

import os
from collections.abc import Iterable
from random import Random
from typing import Literal, TypeAlias, get_args

from tests.power.tape import Op

Kind: TypeAlias = Literal["nothing", "everything", "in order", "scattered"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SECTOR = 512


class Disk:
    """The files of a tape, as far as it has been played."""

    def __init__(self) -> None:
        self._data: dict[int, bytearray] = {}
        self._waiting: dict[int, list[Op]] = {}
        self._names: dict[str, int] = {}
        self._now: dict[str, int] = {}
        self._renamed: list[tuple[str, str, int | None]] = []
        """Folder, name and file of each change of a name that its folder has not synced."""

    def play(self, ops: Iterable[Op]) -> None:
        """Take what was asked of the files."""
        for op in ops:
            match op.what:
                case "create":
                    number = len(self._data)
                    self._data[number], self._waiting[number] = bytearray(), []
                    self._name(op.path, number)
                case "write" | "truncate":
                    self._waiting[self._now[op.path]].append(op)
                case "sync":
                    number = self._now[op.path]
                    for waiting in self._waiting[number]:
                        _put(self._data[number], waiting)
                    self._waiting[number].clear()
                case "delete":
                    self._name(op.path, None)
                case "rename":
                    number = self._now[op.path]
                    self._name(op.path, None)
                    self._name(op.to, number)
                case "syncdir":
                    self._sync_names(op.path)

    def left(self, kind: Kind, chance: Random) -> dict[str, bytes]:
        """Give the files as they are found when the power is back."""
        names = dict(self._names)
        for folder in dict.fromkeys(folder for folder, _, _ in self._renamed):
            changes = [one for one in self._renamed if one[0] == folder]
            for _, path, number in changes[: _share(kind, len(changes), chance)]:
                names[path] = number if number is not None else -1
        return {
            path: bytes(self._file(number, kind, chance))
            for path, number in names.items()
            if number >= 0
        }

    def _file(self, number: int, kind: Kind, chance: Random) -> bytearray:
        data, waiting = bytearray(self._data[number]), self._waiting[number]
        if kind == "scattered":
            share = chance.choice((0.1, 0.5, 0.9))
            for op in waiting:
                for part in _sectors(op):
                    if chance.random() < share:
                        _put(data, part)
            return data
        count = _share(kind, len(waiting), chance)
        for op in waiting[:count]:
            _put(data, op)
        if kind == "in order" and count < len(waiting):
            parts = list(_sectors(waiting[count]))
            for part in parts[: chance.randint(0, len(parts) - 1)]:
                _put(data, part)
        return data

    def _name(self, path: str, number: int | None) -> None:
        if number is None:
            self._now.pop(path, None)
        else:
            self._now[path] = number
        self._renamed.append((path.rpartition(os.sep)[0], path, number))

    def _sync_names(self, folder: str) -> None:
        for where, path, number in self._renamed:
            if where != folder:
                continue
            if number is None:
                self._names.pop(path, None)
            else:
                self._names[path] = number
        self._renamed = [one for one in self._renamed if one[0] != folder]


def _share(kind: Kind, count: int, chance: Random) -> int:
    """Say how many of some changes in order are down."""
    return {"nothing": 0, "everything": count}.get(kind, chance.randint(0, count))


def _sectors(op: Op) -> Iterable[Op]:
    if op.what == "truncate":
        yield op
        return
    start = 0
    while start < len(op.data):
        end = min(len(op.data), start + SECTOR - (op.at + start) % SECTOR)
        yield Op("write", op.path, op.at + start, op.data[start:end])
        start = end


def _put(data: bytearray, op: Op) -> None:
    if op.what == "truncate":
        del data[op.at :]
        data.extend(bytes(op.at - len(data)))
        return
    if len(data) < op.at:
        data.extend(bytes(op.at - len(data)))
    data[op.at : op.at + len(op.data)] = op.data
