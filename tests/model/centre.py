"""The centre's half of the model: `central.ledger`, `central.noticing`, `central.backup` and the
answers of `central.service`, without SQLite. Pure.

Law: what arrives is held, counted and acknowledged in one step; `test_same_as_code.py` walks this
beside the real ledger and its real backups and compares after every step.
"""

from typing import NamedTuple

from tests.model.card import Item
from tests.model.gate import Message

KEPT = 2
"""Backups that are kept."""


class Rules(NamedTuple):
    """How the centre's half may be wrong; all false in the real protocol."""

    acks_before_commit: bool = False
    acks_highest: bool = False
    counts_repeats: bool = False
    safe_of_newest: bool = False
    safe_of_oldest_alone: bool = False
    safe_unbounded: bool = False
    steps_over_nothing: bool = False
    loses_what_it_holds: bool = False
    keeps_lost_lost: bool = False
    silent_on_lost: bool = False
    looks_for_forks_at_starts_only: bool = False


class Ledger(NamedTuple):
    """What stands in the ledger's file."""

    held: frozenset[Item] = frozenset()
    lost: frozenset[tuple[str, int]] = frozenset()
    conflicts: frozenset[Item] = frozenset()
    forks: frozenset[str] = frozenset()
    counted: int = 0

    def committed(self, name: str, *, highest: bool = False) -> int:
        """Give the highest sequence up to which every entry is held or known to be lost."""
        filled = {item[1] for item in self.held if item[0] == name}
        if highest:
            return max(filled, default=0)
        filled |= {seq for stream, seq in self.lost if stream == name}
        seq = 0
        while seq + 1 in filled:
            seq += 1
        return seq

    def taken_for_lost(self, name: str, committed: int) -> tuple[tuple[int, int], ...]:
        """Give the ranges up to `committed` that are taken for lost."""
        found: list[tuple[int, int]] = []
        for seq in sorted(seq for stream, seq in self.lost if stream == name):
            if found and found[-1][1] == seq - 1:
                found[-1] = (found[-1][0], seq)
            else:
                found.append((seq, seq))
        return tuple(one for one in found if one[1] <= committed)

    def streams(self) -> set[str]:
        return {item[0] for item in self.held} | {name for name, _ in self.lost}


class Centre(NamedTuple):
    """The centre between two steps."""

    boot: int = 1
    ledger: Ledger = Ledger()
    backups: tuple[Ledger, ...] = ()
    safe: tuple[tuple[str, int], ...] = ()
    """What was promised, by stream; in the running process only."""
    looked: bool = True
    """The backups that were there at the start have been checked."""
    spoken: tuple[str, ...] | None = None
    """Streams that the gate spoke of since the process began; None: it did not speak."""
    in_hand: tuple[tuple[Item, ...], ...] = ()
    """Acknowledged and not yet committed: only the mutant has such."""


class Step(NamedTuple):
    """What a step made of the centre."""

    centre: Centre
    sent: tuple[Message, ...]


def new_centre() -> Step:
    """Begin a centre."""
    return Step(Centre(), (("status", 1),))


def step(centre: Centre, event: str, message: Message | None, rules: Rules) -> Step:
    """Let one thing happen to the centre."""
    match event:
        case "take":
            assert message is not None
            return _take(centre, message, rules)
        case "commit":
            return _commit(centre, rules)
        case "look":
            return _look(centre, rules)
        case "backup":
            return _back_up(centre, rules)
        case "centre crash":
            return _begun_again(centre, centre.ledger, centre.backups)
        case "centre restored from newest":
            return _begun_again(centre, centre.backups[-1], centre.backups)
        case "centre restored from oldest":
            return _begun_again(centre, centre.backups[0], centre.backups)
        case "centre emptied":
            return _begun_again(centre, Ledger(), ())
        case "ledger gone":
            return _begun_again(centre, Ledger(), centre.backups)
    raise ValueError(event)


# --- Within ---


def _take(centre: Centre, message: Message, rules: Rules) -> Step:
    """Take a gate's message: commit, then answer."""
    word, said, *more = message
    if word == "hello":
        gone = [*more[0], *((name, 1, first - 1) for name, first, _ in said)]
        ledger = centre.ledger
        for name, first, last in gone:
            ledger = _lose(ledger, name, first, last, rules)
        named = dict.fromkeys([one[0] for one in said] + [one[0] for one in more[0]])
        return _answer(centre._replace(ledger=ledger), named, rules)
    named = dict.fromkeys(item[0] for item in said)
    if rules.acks_before_commit:
        in_hand = (*centre.in_hand, said) if said not in centre.in_hand else centre.in_hand
        later = _commit(centre._replace(in_hand=in_hand), rules).centre
        answered = _answer(later, named, rules)
        held = answered.centre._replace(ledger=centre.ledger, in_hand=in_hand)
        return Step(held, answered.sent)
    return _answer(centre._replace(ledger=_absorb(centre.ledger, said, rules)), named, rules)


def _commit(centre: Centre, rules: Rules) -> Step:
    """Commit late what was acknowledged early: only the mutant does."""
    ledger = centre.ledger
    for items in centre.in_hand:
        ledger = _absorb(ledger, items, rules)
    return Step(centre._replace(ledger=ledger, in_hand=()), ())


def _begun_again(centre: Centre, ledger: Ledger, backups: tuple[Ledger, ...]) -> Step:
    """Begin the process again over a ledger and the backups that are there."""
    fresh = Centre(centre.boot + 1, ledger, backups, looked=not backups)
    return Step(fresh, (("will", centre.boot), ("status", fresh.boot)))


def _back_up(centre: Centre, rules: Rules) -> Step:
    """Make a backup and keep the newest."""
    backups = (*centre.backups, centre.ledger)[-KEPT:]
    return _look(centre._replace(backups=backups), rules)


def _look(centre: Centre, rules: Rules) -> Step:
    """Check the backups that are there, promise what they are worth, and tell the gate."""
    centre = centre._replace(safe=_promised(centre, rules), looked=True)
    if centre.spoken is None:
        return Step(centre, ())
    return _answer(centre, dict.fromkeys(centre.spoken), rules)


def _answer(centre: Centre, named: dict[str, None], rules: Rules) -> Step:
    spoken = tuple(sorted({*(centre.spoken or ()), *named}))
    centre = centre._replace(spoken=spoken)
    safe = dict(centre.safe)
    marks = tuple(
        (
            name,
            committed,
            min(committed, safe.get(name, 0)) if not rules.safe_unbounded else safe.get(name, 0),
            () if rules.silent_on_lost else centre.ledger.taken_for_lost(name, committed),
        )
        for name in sorted(named)
        for committed in [centre.ledger.committed(name, highest=rules.acks_highest)]
    )
    return Step(centre, (("ack", centre.boot, marks),))


def _promised(centre: Centre, rules: Rules) -> tuple[tuple[str, int], ...]:
    """Promise what every kept backup holds; what the ledger lacks is left out when it answers."""
    if not centre.backups:
        return ()
    worth = centre.backups
    if rules.safe_of_newest:
        worth = centre.backups[-1:]
    if rules.safe_of_oldest_alone:
        worth = centre.backups[:1]
    names = sorted(worth[0].streams())
    marks = ((name, min(ledger.committed(name) for ledger in worth)) for name in names)
    return tuple((name, seq) for name, seq in marks if seq)


def _absorb(ledger: Ledger, items: tuple[Item, ...], rules: Rules) -> Ledger:
    held = {item[:2]: item for item in ledger.held}
    for item in items:
        other = held.get(item[:2])
        if other is None:
            held[item[:2]] = item
            ledger = ledger._replace(held=ledger.held | {item}, counted=ledger.counted + 1)
            if not rules.keeps_lost_lost:
                ledger = ledger._replace(lost=ledger.lost - {item[:2]})
            if item[2][0] == "t":
                ledger = _lose(ledger, *item[2][1:], rules)
            ledger = _after_start(ledger, item)
        elif other != item:
            ledger = ledger._replace(conflicts=ledger.conflicts | {item})
        if other == item and rules.counts_repeats:
            ledger = ledger._replace(counted=ledger.counted + 1)
    if not rules.looks_for_forks_at_starts_only:
        for name in {item[0] for item in items}:
            ledger = _went_on(ledger, name)
    return ledger


def _lose(ledger: Ledger, name: str, first: int, last: int, rules: Rules) -> Ledger:
    """Fill with LOST what of a range the ledger does not hold."""
    if rules.steps_over_nothing:
        return ledger
    held = {item[:2] for item in ledger.held}
    if rules.loses_what_it_holds:
        held = set()
    holes = {(name, seq) for seq in range(first, last + 1)} - held
    return ledger._replace(lost=ledger.lost | holes)


def _after_start(ledger: Ledger, item: Item) -> Ledger:
    """Look for a fork: two starts that go on from one stream, or one that went on itself."""
    kind, before, *_ = item[2]
    if kind != "s" or before is None:
        return ledger
    if len(naming(ledger.held, str(before))) > 1:
        ledger = ledger._replace(forks=ledger.forks | {str(before)})
    return _went_on(ledger, str(before))


def _went_on(ledger: Ledger, name: str) -> Ledger:
    if went_on(ledger.held, name):
        return ledger._replace(forks=ledger.forks | {name})
    return ledger


def naming(items: frozenset[Item], name: str) -> list[int]:
    """Give the last sequences that starts name of the stream before them."""
    return [int(c[2]) for _, _, c in items if c[0] == "s" and c[1] == name]


def went_on(items: frozenset[Item], name: str) -> bool:
    """Say whether a stream goes beyond what a successor names as its last."""
    named = naming(items, name)
    return bool(named) and max((i[1] for i in items if i[0] == name), default=0) > min(named)
