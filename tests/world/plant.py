"""Planted bugs: each swaps one real function for a natural mistake; the checker must catch it."""

from dataclasses import dataclass
from typing import Any, Final

from msgspec.structs import replace

from central import ledger, spans
from gateway.core import passage, screening
from gateway.journal import folding
from tests import seeded
from tests.world import cases
from tests.world.cases import Case


@dataclass(frozen=True, slots=True)
class Bug(seeded.Bug):
    """One planted bug, and what it takes to notice."""

    law: int
    only: Case | None = None
    passages: int = 400


def _never_doubts(_right: Any) -> Any:
    """Whoever stands in the zone owns every window: the guard never walks ahead."""
    return lambda *_: ""


def _cold_is_normal(right: Any) -> Any:
    """A forehead too cold to judge is below the limit, hence normal."""

    def judge(*known: Any) -> Any:
        reading = right(*known)
        return replace(reading, result="NORMAL") if reading.result == "INVALID_COLD" else reading

    return judge


def _high_water(_right: Any) -> Any:
    """What is not above the highest sequence seen must be a repeat."""

    def sift(_ledger: Any, stream: Any, group: Any) -> Any:
        fresh = [group[seq] for seq in sorted(group) if seq > stream.top]
        return fresh, len(group) - len(fresh), []

    return sift


def _highest_seen(_right: Any) -> Any:
    """Acknowledge the highest sequence instead of the highest contiguous one."""
    return lambda held: held[-1][1] if held else 0


def _forgets(_right: Any) -> Any:
    """After a restart nothing is unfinished."""
    return lambda _entries: ()


BUGS: Final = (
    Bug("pairing", passage, "_doubt", _never_doubts, 3, cases.guard_ahead),
    Bug("screening", screening, "judge", _cold_is_normal, 4),
    Bug("deduplication", ledger.Ledger, "_sift", _high_water, 2),
    Bug("acknowledgement", spans, "contiguous", _highest_seen, 2),
    Bug("restart", folding, "fold", _forgets, 2, cases.restart),
)
