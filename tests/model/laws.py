"""What must be so: in every state, and wherever faults stop. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from tests.model import centre as centres
from tests.model.card import Card, Item
from tests.model.centre import Centre
from tests.model.gate import Gate, waiting


class Truth(NamedTuple):
    """What nobody in the model knows, and the laws are held against."""

    recorded: frozenset[Item] = frozenset()
    """Everything that a gate ever showed as recorded."""
    excused: frozenset[Item] = frozenset()
    """What a fault from outside took from every place that held it safe."""

    @property
    def owed(self) -> frozenset[Item]:
        return self.recorded - self.excused


class Rest(NamedTuple):
    """Where it comes to when faults stop."""

    gates: tuple[Gate, ...]
    centre: Centre
    quiet: bool
    """Nobody has anything more to say."""
    cards_after_nights: tuple[Card, ...]
    """What the gates still hold when as many backups were made as are kept, and one more."""


def broken_now(truth: Truth, cards: Sequence[Card], centre: Centre) -> str | None:
    """Name the law that a state breaks."""
    ledger = centre.ledger
    on_cards = frozenset[Item]().union(*(card.items() for card in cards))
    safe = ledger.held.intersection(*(one.held for one in centre.backups))
    if gone := truth.owed - on_cards - safe:
        return (
            f"HELD: {_named(gone)} was deleted at the gate, and is not in the ledger and in every"
            " backup that it may be restored from"
        )
    if ledger.counted != len(ledger.held):
        return f"ONCE: {ledger.counted} counted, {len(ledger.held)} are held"
    if ledger.conflicts:
        return f"ONCE: {_named(ledger.conflicts)} has the name of another entry and is not counted"
    named = {item[:2]: item for item in truth.recorded}
    for key in sorted(ledger.lost):
        item = named.get(key)
        if item is None or item in ledger.held:
            return f"LOST: {key[0]}:{key[1]} is called lost and never was"
        if item not in truth.excused and item not in on_cards:
            return f"LOST: {key[0]}:{key[1]} is called lost, and no fault took it"
    if hidden := _forked(ledger.held) - ledger.forks:
        return f"FORK: {', '.join(sorted(hidden))} has two ways on in the ledger, nobody is told"
    return None


def broken_at_rest(truth: Truth, rest: Rest) -> str | None:
    """Name the law that is broken where it all comes to rest."""
    ledger = rest.centre.ledger
    if missing := truth.owed - ledger.held:
        return f"SETTLES: {_named(missing)} is never counted though faults stop"
    on_cards = frozenset[Item]().union(*(gate.card.items() for gate in rest.gates))
    if missing := on_cards - ledger.held:
        return f"SETTLES: {_named(missing)} lies at a gate and is never counted"
    if wrong := {item[:2] for item in on_cards} & ledger.lost:
        return f"LOST: {sorted(wrong)} is called lost, and lies at a gate"
    if hidden := _forked(truth.owed) - ledger.forks:
        return f"FORK: {', '.join(sorted(hidden))} went two ways, and nobody is ever told"
    if not rest.quiet:
        return "SETTLES: the ends never stop asking each other"
    if any(waiting(gate) for gate in rest.gates):
        return "SETTLES: the gate never learns that all of it is counted"
    for card in rest.cards_after_nights:
        if kept := card.items():
            return f"SETTLES: {_named(kept)} can never be deleted: the card fills up"
    return None


def _forked(items: frozenset[Item]) -> frozenset[str]:
    """Name the streams from which two cards went on."""
    before = {str(content[1]) for _, _, content in items if content[0] == "s" and content[1]}
    return frozenset(
        name
        for name in before
        if len(centres.naming(items, name)) > 1 or centres.went_on(items, name)
    )


def _named(items: frozenset[Item]) -> str:
    return ", ".join(f"{name}:{seq}" for name, seq, _ in sorted(items, key=lambda i: i[:2]))
