"""Planted bugs: each swaps one real function for a natural mistake; the checkers must catch it."""

from dataclasses import dataclass
from typing import Any, Final

from central import backup, hearing, ledger, service, spans, streams
from gateway import contract, uplink
from gateway.journal import file as journal_file
from gateway.journal import journal, recorder
from tests import seeded
from tests.storm.nemesis import Action


@dataclass(frozen=True, slots=True)
class Bug(seeded.Bug):
    """One planted bug of a day, and what the checkers say of it."""

    says: str
    actions: tuple[Action, ...] = ()
    """What the nemesis must do for it to matter."""


def _delete_on_puback(right: Any) -> Any:
    """What the broker took is delivered, hence safe."""

    def due(self: Any, now: float, at_ms: int = 0) -> Any:
        outs = right(self, now, at_ms)
        for course in self._courses.values():
            course.committed = course.safe = max(course.safe, course.sent)
        return outs

    return due


def _ack_before_commit(right: Any) -> Any:
    """Tell the broker that it is ours, then write it down."""

    def work(self: Any, link: Any) -> None:
        for message in self._in_hand[:64]:
            link.acknowledge(message)
        right(self, link)

    return work


def _count_before_dedup(right: Any) -> Any:
    """Count whatever comes; the database throws out what is there twice."""

    def sift(self: Any, stream: Any, group: Any) -> Any:
        fresh, same, differing = right(self, stream, group)
        new = {one.seq for one in fresh}
        for seq, one in group.items():
            if seq not in new and one.entry is not None and one.entry.kind == "opened":
                self._db.execute(
                    "UPDATE counter SET passages = passages + 1 WHERE compound = ?"
                    " AND hour = (SELECT max(hour) FROM counter WHERE compound = ?)",
                    (stream.compound, stream.compound),
                )
        return fresh, same, differing

    return sift


def _highest_seen(_right: Any) -> Any:
    """Acknowledge the highest sequence instead of the highest contiguous one."""
    return lambda held: held[-1][1] if held else 0


def _keeps_the_stream(right: Any) -> Any:
    """Go on with the stream that is in the file: why draw another?"""

    def begin(self: Any, stamp: Any) -> Any:
        if self._current is None and self._streams:
            self._current = list(self._streams.values())[-1]
            self._prev = contract.hash_of(self.newest(1)[0])
        return right(self, stamp)

    return begin


def _never_frees(_right: Any) -> Any:
    """Keep the reserve for worse days."""
    return lambda _path: False


def _safe_of_newest(right: Any) -> Any:
    """Promise what the newest backup holds: it is the better one."""

    def keep(directory: Any) -> Any:
        kept = right(directory)
        newest = backup.backups(directory)[-1:]
        if not newest:
            return kept
        with backup.checked(newest[0]) as db:
            return _with_safe(kept, backup.marks(db))

    return keep


def _with_safe(kept: Any, safe: Any) -> Any:
    return type(kept)(*[safe if name == "safe" else getattr(kept, name)
                        for name in kept.__slots__])  # fmt: skip


def _normal_is_enough(right: Any) -> Any:
    """NORMAL is thirteen times faster."""

    def prepare(connection: Any) -> None:
        right(connection)
        connection.execute("PRAGMA synchronous = NORMAL")

    return prepare


def _drops_the_ring(right: Any) -> Any:
    """What the journal refuses is shown anyway; say no more of it."""

    def record(self: Any, records: Any, stamp: Any) -> Any:
        entries = right(self, records, stamp)
        if self.fault is not None:
            self._ring.clear()
        return entries

    return record


def _ring_without_end(_right: Any) -> Any:
    """Memory is cheap: what waits for the card is kept, however much it is."""
    return lambda _self: None


def _not_understood_is_dropped(right: Any) -> Any:
    """What nobody understands is of no use to anybody."""

    def insert(self: Any, stream: Any, parcel: Any, fresh: Any, arrived_ms: int) -> Any:
        known = [one for one in fresh if one.entry and one.entry.kind in contract.KINDS]
        return right(self, stream, parcel, known, arrived_ms)

    return insert


def _loses_too_much(right: Any) -> Any:
    """A range that ends further on harms nobody."""
    return lambda self, stream, first, last, why, at_ms: right(
        self, stream, first, last + 400, why, at_ms
    )


def _nothing_waits(_right: Any) -> Any:
    """Who is there has sent what it has."""
    return property(lambda _self: 0)


def _asks_no_stranger(right: Any) -> Any:
    """A gate that did not greet will do so by itself."""

    def read(self: Any, batch: Any, at_ms: int) -> Any:
        parcels, hellos, _ = right(self, batch, at_ms)
        return parcels, hellos, []

    return read


HOUR: Final = 3600.0
OLDER_IN_THE_RAIN: Final = (
    Action(8 * HOUR, "weather", -1, "lossy", 11 * HOUR),
    Action(15 * HOUR, "centre restored", -1, "older backup", 120.0),
)
"""The centre comes back with less than it had, and some of its gates do not hear that it did."""
BUGS: Final = (
    Bug(
        "delete on PUBACK",
        uplink.Uplink,
        "due",
        _delete_on_puback,
        "not safe",
        (Action(2 * HOUR, "weather", -1, "lossy", 2 * HOUR),),
    ),
    Bug(
        "acknowledge before commit",
        service.Centre,
        "_work",
        _ack_before_commit,
        "let the broker forget",
        tuple(Action(n * HOUR, "centre crash", -1, "before commit", 0.0, 1) for n in (4, 6, 8)),
    ),
    Bug(
        "count before deduplication",
        ledger.Ledger,
        "_sift",
        _count_before_dedup,
        "truly",
        (Action(2 * HOUR, "weather", -1, "doubling", 6 * HOUR),),
    ),
    Bug(
        "acknowledge the highest seen",
        spans,
        "contiguous",
        _highest_seen,
        "calls",
        (Action(2 * HOUR, "weather", -1, "all of it", 6 * HOUR),),
    ),
    Bug(
        "a restore keeps the stream's id",
        journal.Journal,
        "_begin",
        _keeps_the_stream,
        "again",
        (Action(5 * HOUR, "older image", 2, "", 2 * HOUR),),
    ),
    Bug(
        "the reserve is never freed",
        journal_file,
        "free_reserve",
        _never_frees,
        "reserve",
        (Action(5 * HOUR, "disk", 3, "full", 3 * HOUR),),
    ),
    Bug(
        "safe is the newest backup's word",
        backup,
        "keep",
        _safe_of_newest,
        "safe",
        (Action(9 * HOUR, "centre restored", -1, "older backup", 120.0),),
    ),
    Bug(
        "synchronous is NORMAL",
        journal_file,
        "prepare",
        _normal_is_enough,
        "deleted",
        (Action(6 * HOUR, "power cut", 4, "soon", 300.0),),
    ),
    Bug(
        "what is refused is forgotten",
        recorder.Recorder,
        "record",
        _drops_the_ring,
        "not recorded",
        (Action(5 * HOUR, "disk", 3, "readonly", HOUR),),
    ),
    Bug(
        "what waits for the card has no bound",
        recorder.Recorder,
        "_overflow",
        _ring_without_end,
        "the bound is 60",
        (Action(HOUR, "disk", 3, "readonly", 11 * HOUR),),
    ),
    Bug(
        "what is not understood is dropped",
        ledger.Ledger,
        "_insert",
        _not_understood_is_dropped,
        "does not hold it",
        (Action(2 * HOUR, "new version", 1),),
    ),
    Bug(
        "LOST goes too far",
        streams.Streams,
        "lose",
        _loses_too_much,
        "never was",
        (
            Action(4 * HOUR, "link cut", 5, "", 8 * HOUR),
            Action(5 * HOUR, "high-water mark", 5, "", 6 * HOUR),
        ),
    ),
    Bug(
        "whoever is heard is complete",
        hearing.Heard,
        "waiting",
        _nothing_waits,
        "complete without",
        OLDER_IN_THE_RAIN,
    ),
    Bug(
        "a gate that did not greet is not asked",
        service.Centre,
        "_read",
        _asks_no_stranger,
        "never came",
        OLDER_IN_THE_RAIN,
    ),
)
