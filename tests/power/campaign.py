"""Runs what is running once, then cuts the power at its writes and looks each time."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.power import finding, work
from tests.power.disk import KINDS, Disk, Kind
from tests.power.tape import Tape
from tests.power.work import Planted

RAM = Path("/dev/shm")
"""The disk is the tape: the files themselves need none."""
TRANSACTIONS = 120


@dataclass(slots=True)
class Place:
    """One of the two ends."""

    name: str
    run: Callable[[Path, Tape, Random, int, Planted], None]
    faults: Callable[[Path, finding.Known], Iterator[str]]


PLACES = {
    place.name: place
    for place in (
        Place("gate", work.gate, finding.gate_faults),
        Place("centre", work.centre, finding.centre_faults),
    )
}


@dataclass(slots=True)
class Result:
    """What came of cuts at one end."""

    name: str
    writes: int = 0
    """Places at which the power could go."""
    syncs: int = 0
    written_bytes: int = 0
    cuts: Counter[str] = field(default_factory=Counter)
    losses: Counter[str] = field(default_factory=Counter)
    first: list[str] = field(default_factory=list)
    """The first losses, each with how to see it again."""

    def as_data(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            "place": self.name, "writes": self.writes, "syncs": self.syncs,
            "written_bytes": self.written_bytes, "cuts": dict(self.cuts),
            "losses": {kind: self.losses[kind] for kind in self.cuts}, "first": self.first,
        }  # fmt: skip


def taped(place: Place, seed: int, planted: Planted = "", size: int = TRANSACTIONS) -> Tape:
    """Run one end with a tape beside it."""
    with _folder() as folder:
        tape = Tape(folder)
        with tape.running():
            place.run(Path(folder), tape, Random(seed), size, planted)
        work.spoiled(tape, planted)
    return tape


def cut(
    place: Place,
    seed: int,
    cuts: int,
    planted: Planted = "",
    said: Callable[[str, int, int], None] | None = None,
    size: int = TRANSACTIONS,
) -> Result:
    """Cut the power so many times, over all writes and all that a disk may have put down.

    `cuts` 0 is every write, in each of the four kinds.
    """
    tape = taped(place, seed, planted, size)
    result = Result(place.name)
    asked = [n for n, op in enumerate(tape.ops, 1) if op.what != "mark"]
    result.writes = len(asked)
    result.syncs = sum(op.what == "sync" for op in tape.ops)
    result.written_bytes = sum(len(op.data) for op in tape.ops)
    chance = Random(seed)
    todo = [(at, kind) for at in asked for kind in KINDS]
    if cuts and cuts < len(todo):
        todo = _spread(todo, cuts, chance)
    disk, known, played = Disk(), finding.Known(), 0
    for done, (at, kind) in enumerate(todo, 1):
        fresh = tape.ops[played:at]
        disk.play(fresh)
        known.hear(fresh)
        played = at
        what = _look(place, tape, disk, known, kind, Random(f"{seed} {at} {kind}"))
        result.cuts[kind] += 1
        if what:
            result.losses[kind] += 1
            if len(result.first) < 5:
                result.first.append(f"write {at} of {len(tape.ops)}, {kind}: {'; '.join(what)}")
        if said is not None:
            said(place.name, done, len(todo))
    return result


def _spread(todo: list[tuple[int, Kind]], cuts: int, chance: Random) -> list[tuple[int, Kind]]:
    """Choose so many, evenly over the tape and over the kinds."""
    step = len(todo) / cuts
    return [todo[int(n * step) + chance.randrange(int(step))] for n in range(cuts)]


def _look(
    place: Place, tape: Tape, disk: Disk, known: finding.Known, kind: Kind, chance: Random
) -> list[str]:
    with _folder() as folder:
        finding.lay_out(disk.left(kind, chance), Path(tape.folder), Path(folder))
        return list(place.faults(Path(folder), known))


def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(dir=RAM if RAM.is_dir() else None, prefix="gatepost-power-")
