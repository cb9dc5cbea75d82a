"""What a passage's entries add up to: counters are a function of the *set* of entries.

Pure: no clock, no disk, no network. Law: order, repetition and batching change nothing. A fact is
what counting needs of one entry; a passage's facts are joined as a set, and its contribution is
worked out anew from the whole set whenever the set has changed, so a correction that came before
its original simply waits in the set. A counter moves by `after - before`.

What counts, and when:

- a passage counts once, by its `opened`, on that entry's day and hour in the site's zone;
- its decision is the `decided` with the highest revision; of equal revisions the one whose name
  (stream, sequence) sorts last;
- its plate is the last `plate` of a stream; of several streams that of the latest time;
- persons are the distinct numbers of its readings;
- `closed` as *turned* counts as turned, and neither as in nor as out; its decision still counts;
- an entry that a `voided` names counts for nothing; a void is itself never undone;
- a passage whose clock was unset belongs to the unknown day until a `clock` entry of the same
  boot mends it; then every earlier entry of that boot moves by the same jump.

The facts below are stored as bare arrays: see `central.counting`.
"""

import operator
from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from msgspec import Struct

from gateway import contract
from gateway.contract import Figures

F = TypeVar("F")

COUNTERS: Final = (
    "passages", "vehicles_in", "vehicles_out", "bicycles_in", "bicycles_out", "on_foot",
    "unknown", "turned", "persons", "admit", "recheck", "refer", "undecided", "overrides",
    "plates_read", "plates_unread",
)  # fmt: skip
"""The columns of every count, in this order."""
_AT: Final = {name: place for place, name in enumerate(COUNTERS)}
_FIGURES: Final = tuple(name for name in COUNTERS if name in Figures.__struct_fields__)
Counts: TypeAlias = tuple[int, ...]
NONE: Final[Counts] = (0,) * len(COUNTERS)

UNKNOWN: Final = "unknown"
"""The day of a passage whose gate never knew the time."""
_YEAR_2100_MS: Final = 4_102_444_800_000
_QUARTER_MS: Final = 900_000
"""Every zone's offset is a multiple of a quarter of an hour."""

# --- Facts ----------------------------------------------------------------------------------


class OpenedFact(Struct, frozen=True, array_like=True, gc=False):
    """When the passage came, and as what."""

    at_ms: int
    mono_ms: int
    clock: str
    way: str
    traveller: str


class ReadingFact(Struct, frozen=True, array_like=True, gc=False):
    """A reading of the passage; stream "" is the passage's own."""

    stream: str
    seq: int
    person: int


class PlateFact(Struct, frozen=True, array_like=True, gc=False):
    """What was known of the plate, and when."""

    stream: str
    seq: int
    at_ms: int
    status: str


class DecidedFact(Struct, frozen=True, array_like=True, gc=False):
    """A decision and its revision; overridden when the guard went against advice."""

    stream: str
    seq: int
    revision: int
    decision: str
    overridden: bool


class ClosedFact(Struct, frozen=True, array_like=True, gc=False):
    """An end of the passage."""

    stream: str
    seq: int
    turned: bool


class Facts(Struct, frozen=True, array_like=True, gc=False):
    """All that is known of one passage so far, in no order."""

    opened: OpenedFact | None = None
    readings: tuple[ReadingFact, ...] = ()
    plates: tuple[PlateFact, ...] = ()
    decisions: tuple[DecidedFact, ...] = ()
    closings: tuple[ClosedFact, ...] = ()


NO_FACTS: Final = Facts()
Ref: TypeAlias = tuple[str, int]
"""An entry's name: stream and sequence."""
FACT_KINDS: Final = frozenset({"opened", "reading", "plate", "decided", "closed"})


def join(facts: Facts, own: str, stream: str, seq: int, body: contract.Body) -> Facts:
    """Join one entry's fact to a passage's; the same entry twice changes nothing."""
    return join_all(facts, own, [(stream, seq, body)])


def join_all(facts: Facts, own: str, entries: Iterable[tuple[str, int, contract.Body]]) -> Facts:
    """Join the facts of several entries to a passage's, whose `opened` is of the stream `own`."""
    opened, readings, plates = facts.opened, facts.readings, facts.plates
    decisions, closings = facts.decisions, facts.closings
    for stream, seq, body in entries:
        where = "" if stream == own else stream
        # By type: a `match` asks msgspec's metaclass of every class that it tries.
        if type(body) is contract.Opened:
            opened = OpenedFact(body.at_ms, body.mono_ms, body.clock, body.way, body.traveller)
        elif type(body) is contract.ReadingTaken:
            readings = _with(readings, ReadingFact(where, seq, body.person))
        elif type(body) is contract.PlateSeen:
            plates = _with(plates, PlateFact(where, seq, body.at_ms, body.status))
        elif type(body) is contract.Decided:
            overridden = body.advice is not None and body.advice != body.decision
            decided = DecidedFact(where, seq, body.revision, body.decision, overridden)
            decisions = _with(decisions, decided)
        elif type(body) is contract.Closed:
            closings = _with(closings, ClosedFact(where, seq, body.how == "turned"))
        else:
            raise AssertionError(type(body))
    return Facts(opened, readings, plates, decisions, closings)


def _with(facts: tuple[F, ...], fact: F) -> tuple[F, ...]:
    return facts if fact in facts else (*facts, fact)


# --- Contributions --------------------------------------------------------------------------


def contribution(own: Ref, facts: Facts, voided: Collection[Ref] = ()) -> Counts:
    """Work out what one passage adds to the counters; nothing while its `opened` is missing."""
    opened = facts.opened
    if opened is None or own in voided:
        return NONE
    if voided:
        facts = _without(own[0], facts, voided)
    counts = [0] * len(COUNTERS)
    counts[0] = 1
    turned = any(closed.turned for closed in facts.closings)
    counts[_AT["turned"] if turned else _AT[_direction(opened)]] = 1
    counts[_AT["persons"]] = len({reading.person for reading in facts.readings})
    if facts.decisions:
        latest = _latest_decision(own[0], facts.decisions)
        counts[_AT[latest.decision]] = 1
        counts[_AT["overrides"]] = int(latest.overridden)
    else:
        counts[_AT["undecided"]] = 1
    if facts.plates:
        read = _latest_plate(own[0], facts.plates).status in {"read", "typed"}
        counts[_AT["plates_read" if read else "plates_unread"]] = 1
    return tuple(counts)


def _direction(opened: OpenedFact) -> str:
    if opened.way == "foot" or opened.traveller == "person":
        return "on_foot"
    if opened.traveller == "vehicle":
        return "vehicles_in" if opened.way == "in" else "vehicles_out"
    if opened.traveller == "bicycle":
        return "bicycles_in" if opened.way == "in" else "bicycles_out"
    return "unknown"


def _latest_decision(own: str, decisions: tuple[DecidedFact, ...]) -> DecidedFact:
    if len(decisions) == 1:
        return decisions[0]
    return max(decisions, key=lambda fact: (fact.revision, fact.stream or own, fact.seq))


def _latest_plate(own: str, plates: tuple[PlateFact, ...]) -> PlateFact:
    if len(plates) == 1:
        return plates[0]
    # Within a stream the sequence is the order, whatever its clock did; between streams only time.
    last: dict[str, PlateFact] = {}
    for plate in plates:
        if plate.stream not in last or plate.seq > last[plate.stream].seq:
            last[plate.stream] = plate
    return max(last.values(), key=lambda fact: (fact.at_ms, fact.stream or own))


def _without(own: str, facts: Facts, voided: Collection[Ref]) -> Facts:
    def stands(fact: ReadingFact | PlateFact | DecidedFact | ClosedFact) -> bool:
        return (fact.stream or own, fact.seq) not in voided

    return Facts(
        opened=facts.opened,
        readings=tuple(fact for fact in facts.readings if stands(fact)),
        plates=tuple(fact for fact in facts.plates if stands(fact)),
        decisions=tuple(fact for fact in facts.decisions if stands(fact)),
        closings=tuple(fact for fact in facts.closings if stands(fact)),
    )


def plus(one: Counts, other: Counts) -> Counts:
    """Add two counts."""
    return tuple(map(operator.add, one, other))


def minus(one: Counts, other: Counts) -> Counts:
    """Subtract the second count from the first."""
    return tuple(map(operator.sub, one, other))


def total(counts: Iterable[Counts]) -> Counts:
    """Add up any number of counts."""
    return tuple(map(sum, zip(NONE, *counts, strict=True)))


def figures(counts: Counts) -> Figures:
    """Name the figures of a count as the feeds do."""
    return Figures(**{name: counts[_AT[name]] for name in _FIGURES})


# --- Days -----------------------------------------------------------------------------------


class Jump(NamedTuple):
    """A `clock` entry: by how much the wall clock was set, at this moment of the boot."""

    mono_ms: int
    jump_ms: int
    clock: str
    """As it was after the jump."""


def mended(at_ms: int, mono_ms: int, clock: str, jumps: Iterable[Jump]) -> int | None:
    """Tell an entry's true time, or None when nobody can.

    A clock that the kernel calls synchronised is believed as it stands. Any other moves by all
    later jumps of its boot up to the one that landed on ntp; failing that, a clock set from the
    hardware is believed, and an unset one moves up to the first jump that landed on that. In
    a jump's own millisecond, what does not yet speak of the clock as it was after it came before.
    """
    if clock == "ntp":
        return at_ms
    moved, from_hardware = at_ms, at_ms if clock == "rtc" else None
    for jump in sorted(jumps):
        if jump.mono_ms < mono_ms or (jump.mono_ms == mono_ms and jump.clock == clock):
            continue
        moved += jump.jump_ms
        if jump.clock == "ntp":
            return moved
        if jump.clock == "rtc" and from_hardware is None:
            from_hardware = moved
    return from_hardware


Hour: TypeAlias = tuple[str, int]
"""A local date and an hour, or (UNKNOWN, -1)."""
UNKNOWN_HOUR: Final[Hour] = (UNKNOWN, -1)


class Calendar:
    """The site's days: local dates and hours in its zone."""

    def __init__(self, zone: str) -> None:
        self.zone = ZoneInfo(zone)
        self._quarter = lru_cache(4096)(self._of_quarter)

    def hour_of(self, at_ms: int | None) -> Hour:
        """Name the local day and hour of a moment; a moment that cannot be is unknown."""
        if at_ms is None or not 0 <= at_ms < _YEAR_2100_MS:
            return UNKNOWN_HOUR
        return self._quarter(at_ms // _QUARTER_MS)

    def day_of(self, at_ms: int) -> str:
        """Name the local day of a moment."""
        return self.hour_of(at_ms)[0]

    def _of_quarter(self, quarter: int) -> Hour:
        local = datetime.fromtimestamp(quarter * _QUARTER_MS / 1000, UTC).astimezone(self.zone)
        return local.date().isoformat(), local.hour

    def begin_ms(self, day: str) -> int:
        """Tell when a local day begins."""
        begin = datetime.combine(date.fromisoformat(day), datetime.min.time(), self.zone)
        return int(begin.timestamp() * 1000)

    def day_after(self, day: str) -> str:
        """Name the day after a day."""
        return (date.fromisoformat(day) + timedelta(days=1)).isoformat()

    def days_before(self, day: str, count: int) -> tuple[str, ...]:
        """Name a day and those before it, newest first."""
        newest = date.fromisoformat(day)
        return tuple((newest - timedelta(days=back)).isoformat() for back in range(count))
