"""The spaces of faults that are walked, and the wrong protocols that must be refuted. A table.

A space names how often each thing may happen. Losing, repeating, reordering and delaying are in
every one of them, and are never used up.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from gateway.uplink import Pace
from tests.model import centre as centres
from tests.model import gate as gates
from tests.model.site import Budget, Site

SINGLE: Final = Pace(window=2, batch=1)
"""Each entry is a message: the most orders."""
PAIRS: Final = Pace(window=2, batch=2)
"""A start and its first entry go together: fewer orders, so that more faults fit."""


class Space(NamedTuple):
    """What may happen, and how entries are put together."""

    budget: Budget
    pace: Pace = SINGLE


SMALL: Final[dict[str, Space]] = {
    "gate crash": Space(Budget(records=2, gate_crashes=1), PAIRS),
    "alert overtakes": Space(Budget(records=1, alerts=1, cuts=1)),
    "old image": Space(Budget(records=2, images=1, gate_restores=1), PAIRS),
    "cloned card": Space(Budget(records=2, images=1, clones=1), PAIRS),
    "tombstone": Space(Budget(records=1, burials=1)),
    "tombstone, then the card of before": Space(
        Budget(records=1, burials=1, images=1, gate_restores=1), PAIRS
    ),
    "centre crash": Space(Budget(records=1, centre_crashes=1)),
    "restored from the last backup": Space(
        Budget(records=1, backups=2, restores_newest=1), PAIRS
    ),
    "restored from an older backup": Space(
        Budget(records=1, backups=3, restores_older=1), PAIRS
    ),
    "centre emptied": Space(Budget(records=1, backups=1, emptied=1), PAIRS),
    "ledger gone, backups there": Space(Budget(records=1, backups=2, ledger_gone=1), PAIRS),
    "broker wiped": Space(Budget(records=2, wipes=1, cuts=1)),
}  # fmt: skip
"""Complete in seconds: walked by the tests."""

DEEP: Final[dict[str, Space]] = {
    "two gate crashes": Space(Budget(records=2, gate_crashes=2)),
    "two alerts, crash": Space(Budget(records=1, alerts=2, gate_crashes=1, cuts=1)),
    "old image, single": Space(Budget(records=2, images=1, gate_restores=1)),
    "old image, crash": Space(Budget(records=2, images=1, gate_restores=1, gate_crashes=1), PAIRS),
    "cloned card, crash": Space(Budget(records=2, images=1, clones=1, gate_crashes=1), PAIRS),
    "cloned card, single": Space(Budget(records=2, images=1, clones=1)),
    "tombstone and centre restored": Space(
        Budget(records=1, burials=1, backups=1, restores_newest=1), PAIRS
    ),
    "two tombstones": Space(Budget(records=2, burials=2), PAIRS),
    "two centre crashes": Space(Budget(records=1, centre_crashes=2)),
    "both crash": Space(Budget(records=1, gate_crashes=1, centre_crashes=1), PAIRS),
    "last backup, single": Space(Budget(records=1, backups=2, restores_newest=1)),
    "older backup, single": Space(Budget(records=1, backups=3, restores_older=1)),
    "older backup twice": Space(Budget(records=1, backups=3, restores_older=2), PAIRS),
    "older backup, gate crash": Space(
        Budget(records=2, backups=3, restores_older=1, gate_crashes=1), PAIRS
    ),
    "old image and restored centre": Space(
        Budget(records=2, images=1, gate_restores=1, backups=1, restores_newest=1), PAIRS
    ),
    "clone and restored centre": Space(
        Budget(records=2, images=1, clones=1, backups=1, restores_newest=1), PAIRS
    ),
    "emptied, single": Space(Budget(records=1, backups=1, emptied=1)),
    "ledger gone, single": Space(Budget(records=1, backups=2, ledger_gone=1)),
    "everything once": Space(
        Budget(records=2, alerts=1, gate_crashes=1, burials=1, backups=2, centre_crashes=1,
               restores_newest=1, wipes=1), PAIRS,
    ),
}  # fmt: skip
"""Minutes to hours: `./gatepost model --deep`."""


class Mutant(NamedTuple):
    """A wrong protocol, where it breaks, and the law that it must break."""

    wrong: str
    space: Space
    law: str
    gate: Callable[[gates.Rules], gates.Rules] = lambda rules: rules
    centre: centres.Rules = centres.Rules()


def _gate(**wrong: bool) -> Callable[[gates.Rules], gates.Rules]:
    return lambda rules: rules._replace(**wrong)


MUTANTS: Final[dict[str, Mutant]] = {
    "delete-on-puback": Mutant(
        "the gate deletes what the broker took", Space(Budget(records=1)), "HELD",
        _gate(deletes_on_puback=True),
    ),
    "ack-before-commit": Mutant(
        "the centre acknowledges, then commits, and the gate deletes on that word",
        Space(Budget(records=1, centre_crashes=1)), "HELD",
        _gate(deletes_committed=True), centres.Rules(acks_before_commit=True),
    ),
    "ack-highest-seen": Mutant(
        "committed is the highest sequence seen, not the highest without a gap",
        Space(Budget(records=1)), "SETTLES",
        centre=centres.Rules(acks_highest=True),
    ),
    "count-before-dedup": Mutant(
        "the centre counts what arrives, then looks whether it has it",
        Space(Budget(records=1)), "ONCE", centre=centres.Rules(counts_repeats=True),
    ),
    "one-watermark": Mutant(
        "the gate deletes what is committed, backup or not",
        Space(Budget(records=1, backups=1, restores_newest=1)), "HELD",
        _gate(deletes_committed=True),
    ),
    "stream-kept": Mutant(
        "a start goes on with the stream that it finds on the card",
        Space(Budget(records=3, images=1, gate_restores=1), PAIRS), "SETTLES",
        _gate(keeps_stream=True),
    ),
    "safe-of-newest": Mutant(
        "safe is read from the newest backup, and an older one is restored",
        Space(Budget(records=1, backups=2, restores_older=1), PAIRS), "HELD",
        centre=centres.Rules(safe_of_newest=True),
    ),
    "safe-of-oldest-alone": Mutant(
        "safe is read from the oldest backup, though the ledger was restored from before it",
        Space(Budget(records=1, backups=3, restores_older=1)), "HELD",
        centre=centres.Rules(safe_of_oldest_alone=True, safe_unbounded=True),
    ),
    "safe-beyond-ledger": Mutant(
        "safe is what every backup holds, though the ledger beside them was begun anew",
        Space(Budget(records=1, backups=1, centre_crashes=1, ledger_gone=1), PAIRS), "HELD",
        centre=centres.Rules(safe_unbounded=True),
    ),
    "hint-only-rises": Mutant(
        "the gate believes a lower committed never",
        Space(Budget(records=1, backups=1, restores_newest=1), PAIRS), "SETTLES",
        _gate(hint_only_rises=True),
    ),
    "deaf-to-boots": Mutant(
        "a quiet gate takes no note of a new centre",
        Space(Budget(records=1, backups=1, restores_newest=1), PAIRS), "SETTLES",
        _gate(deaf_to_boots=True),
    ),
    "no-patience": Mutant(
        "the gate waits for ever for an answer that was lost",
        Space(Budget(records=1)), "SETTLES", _gate(impatient_never=True),
    ),
    "not-stepped-over": Mutant(
        "the centre waits for ever for what the gate says is gone",
        Space(Budget(records=1, burials=1)), "SETTLES",
        centre=centres.Rules(steps_over_nothing=True),
    ),
    "called-lost-unlooked": Mutant(
        "a range that a gate no longer holds is called lost, held here or not",
        Space(Budget(records=1, burials=1)), "LOST",
        centre=centres.Rules(loses_what_it_holds=True),
    ),
    "lost-stays-lost": Mutant(
        "an entry that arrives after it was called lost stays called so",
        Space(Budget(records=1, burials=1)), "LOST",
        centre=centres.Rules(keeps_lost_lost=True),
    ),
    "silent-on-lost": Mutant(
        "the centre does not name what it took for lost: a card of before is never asked for it",
        Space(Budget(records=1, burials=1, images=1, gate_restores=1), PAIRS), "SETTLES",
        centre=centres.Rules(silent_on_lost=True),
    ),
    "forks-at-starts-only": Mutant(
        "a fork is looked for when a start arrives, and never when the old stream goes on",
        Space(Budget(records=3, images=1, clones=1), PAIRS), "FORK",
        centre=centres.Rules(looks_for_forks_at_starts_only=True),
    ),
}  # fmt: skip


def site_of(space: Space, mutant: Mutant | None = None) -> Site:
    """Lay out a space, under the rules of the protocol or of a mutant of it."""
    rules = gates.Rules(pace=space.pace)
    if mutant is None:
        return Site(space.budget, rules)
    return Site(space.budget, mutant.gate(rules), mutant.centre)
