"""The modelled site: gates, the centre, everything on its way between them, and what may go wrong.

A message that was sent may arrive at any later step, any number of times, or never: that is
losing, repeating, reordering and delaying in one sentence, and all that is assumed of a broker.

What a gate or the centre does depends on itself and one message only, so each such step is worked
out once and kept; a state is six small numbers.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from tests.model import centre as centres
from tests.model import gate as gates
from tests.model.card import Card, Item
from tests.model.centre import Centre
from tests.model.gate import Gate, Message
from tests.model.laws import Rest, Truth, broken_at_rest, broken_now
from tests.model.settling import settle


class Budget(NamedTuple):
    """How often what may happen, at most."""

    records: int = 0
    alerts: int = 0
    gate_crashes: int = 0
    cuts: int = 0
    """The link, cut and made again."""
    burials: int = 0
    images: int = 0
    gate_restores: int = 0
    clones: int = 0
    backups: int = 0
    centre_crashes: int = 0
    restores_newest: int = 0
    restores_older: int = 0
    emptied: int = 0
    """The centre begins with nothing, backups gone too."""
    ledger_gone: int = 0
    """The centre begins with nothing beside the old backups."""
    wipes: int = 0
    """The broker forgets all that is on its way, and every link breaks."""


class World(NamedTuple):
    """One state; the numbers name what the site has seen so far."""

    gates: tuple[int, ...]
    centre: int
    net: int
    """Messages that were sent, as bits."""
    image: int
    """A copy of gate A's card that somebody made; -1 for none."""
    left: Budget
    truth: int


class Event(NamedTuple):
    """What happened, to whom, with which message."""

    what: str
    gate: int = -1
    message: int = -1


class Moved(NamedTuple):
    """What a step comes to, in numbers."""

    number: int
    mask: int
    sent: tuple[int, ...]
    written: frozenset[Item] = frozenset()


class Numbers:
    """Gives every different thing a small number."""

    def __init__(self) -> None:
        self.all: list[Any] = []
        self._of: dict[Any, int] = {}

    def of(self, thing: Any) -> int:
        number = self._of.setdefault(thing, len(self.all))
        if number == len(self.all):
            self.all.append(thing)
        return number


class Site:
    """A system for the checker: one space of faults, under one set of rules."""

    def __init__(
        self,
        budget: Budget,
        gate_rules: gates.Rules | None = None,
        centre_rules: centres.Rules | None = None,
    ) -> None:
        self.budget = budget
        self.gate_rules = gate_rules or gates.Rules()
        self.centre_rules = centre_rules or centres.Rules()
        self.gates, self.centres, self.messages = Numbers(), Numbers(), Numbers()
        self._cards, self._truths = Numbers(), Numbers()
        self._up = self._down = 0
        self._gate_moves: dict[tuple[int, str, int], Moved] = {}
        self._centre_moves: dict[tuple[int, str, int], Moved] = {}
        self._rests: dict[Any, Rest] = {}
        self._verdicts: dict[Any, str | None] = {}

    # --- The checker's three questions ---

    def first(self) -> World:
        begun = centres.new_centre()
        gate = gates.new_gate("A", Card(), self.gate_rules)
        net = self._sent(begun.sent) | self._sent(gate.sent)
        return World(
            (self.gates.of(gate.gate),), self.centres.of(begun.centre), net, -1, self.budget,
            self._truths.of(Truth()),
        )  # fmt: skip

    def after(self, world: World) -> Iterator[tuple[Event, World]]:
        for event, after in self.everything(world, idle=False):
            if after != world:
                yield event, after

    def broken(self, world: World) -> str | None:
        key = (world.gates, world.centre, world.truth)
        if key not in self._verdicts:
            self._verdicts[key] = self._judge(world)
        return self._verdicts[key]

    def _judge(self, world: World) -> str | None:
        truth: Truth = self._truths.all[world.truth]
        here = [self.gates.all[number] for number in world.gates]
        centre = self.centres.all[world.centre]
        now = broken_now(truth, [gate.card for gate in here], centre)
        if now is not None:
            return now
        key = (world.gates, world.centre)
        if key not in self._rests:
            self._rests[key] = settle(self, world)
        return broken_at_rest(truth, self._rests[key])

    # --- Everything that can happen ---

    def everything(self, world: World, *, idle: bool = True) -> Iterator[tuple[Event, World]]:
        """Give every event that can come and the world after it.

        `idle`: the messages that change nothing, too.
        """
        left = world.left
        for n, number in enumerate(world.gates):
            gate: Gate = self.gates.all[number]
            for what in gates.steps(gate):
                yield self._gate(world, Event(what, n))
            yield self._gate(world, Event("prune", n))
            if left.records:
                yield self._gate(world, Event("record", n), records=1)
            if left.alerts:
                yield self._gate(world, Event("alert", n), alerts=1)
            if left.gate_crashes:
                yield self._gate(world, Event("restart", n), gate_crashes=1)
            if left.cuts and gate.connected:
                yield self._gate(world, Event("cut", n), cuts=1)
            if left.burials:
                yield self._gate(world, Event("bury", n), burials=1)
            if gate.connected:
                for message in _bits(world.net & self._down):
                    move = self.gate_step(number, "hear", message)
                    if idle or move.number != number or move.mask & ~world.net:
                        yield Event("hear", n, message), self._gate_moved(world, n, move)
        for message in _bits(world.net & self._up):
            move = self.centre_step(world.centre, "take", message)
            if idle or move.number != world.centre or move.mask & ~world.net:
                yield Event("take", -1, message), self._centre_moved(world, move)
        yield from self._cards_copied(world)
        yield from self._centre_faults(world)
        if left.wipes:
            yield self._wiped(world)

    def _cards_copied(self, world: World) -> Iterator[tuple[Event, World]]:
        left, first = world.left, self.gates.all[world.gates[0]]
        if left.images and world.image < 0:
            spent = left._replace(images=left.images - 1)
            yield Event("image", 0), world._replace(image=self._cards.of(first.card), left=spent)
        if world.image < 0:
            return
        card = self._cards.all[world.image]
        if left.gate_restores:
            step = gates.step(first._replace(card=card), "restart", None, self.gate_rules)
            after = self._learned(self._gate_moved(world, 0, self._begun(step)), promised={})
            yield Event("restored", 0), _spent(after, gate_restores=1)
        if left.clones and len(world.gates) == 1:
            step = gates.new_gate("B", card, self.gate_rules)
            after = world._replace(gates=(*world.gates, -1))
            after = self._gate_moved(after, 1, self._begun(step))
            yield Event("cloned", 1), _spent(after, clones=1)

    def _centre_faults(self, world: World) -> Iterator[tuple[Event, World]]:
        left = world.left
        centre: Centre = self.centres.all[world.centre]
        if centre.in_hand:
            yield self._centre(world, "commit")
        if not centre.looked:
            yield self._centre(world, "look")
        if left.backups and centre.looked:
            yield self._centre(world, "backup", backups=1)
        if left.centre_crashes:
            yield self._centre(world, "centre crash", centre_crashes=1)
        if left.restores_newest and centre.backups:
            yield self._centre(world, "centre restored from newest", restores_newest=1)
        if left.restores_older and len(centre.backups) > 1:
            yield self._centre(world, "centre restored from oldest", restores_older=1)
        if left.emptied:
            yield self._centre(world, "centre emptied", emptied=1)
        if left.ledger_gone:
            yield self._centre(world, "ledger gone", ledger_gone=1)

    def _wiped(self, world: World) -> tuple[Event, World]:
        """Empty the broker; the centre comes back and says that it is there."""
        centre: Centre = self.centres.all[world.centre]
        after = world._replace(net=self._sent((("status", centre.boot),)))
        for n in range(len(world.gates)):
            after = self._gate(after, Event("cut", n))[1]
        return Event("wipe"), _spent(after, wipes=1)

    # --- One step ---

    def gate_step(self, number: int, what: str, message: int = -1) -> Moved:
        """Let one thing happen to a gate; each is worked out once."""
        key = (number, what, message)
        found = self._gate_moves.get(key)
        if found is None:
            said = self.messages.all[message] if message >= 0 else None
            step = gates.step(self.gates.all[number], what, said, self.gate_rules)
            found = self._gate_moves[key] = self._moved(self.gates.of(step.gate), step.sent, step)
        return found

    def centre_step(self, number: int, what: str, message: int = -1) -> Moved:
        """Let one thing happen to the centre; each is worked out once."""
        key = (number, what, message)
        found = self._centre_moves.get(key)
        if found is None:
            said = self.messages.all[message] if message >= 0 else None
            step = centres.step(self.centres.all[number], what, said, self.centre_rules)
            found = self._centre_moves[key] = self._moved(self.centres.of(step.centre), step.sent)
        return found

    def _moved(
        self, number: int, sent: tuple[Message, ...], step: gates.Step | None = None
    ) -> Moved:
        mask = self._sent(sent)
        numbers = tuple(self.messages.of(message) for message in sent)
        return Moved(number, mask, numbers, frozenset(step.written if step else ()))

    def _gate(self, world: World, event: Event, **spent: int) -> tuple[Event, World]:
        move = self.gate_step(world.gates[event.gate], event.what, event.message)
        after = self._gate_moved(world, event.gate, move)
        if event.what == "bury":
            before = self.gates.all[world.gates[event.gate]].card.items()
            buried = before - self.gates.all[move.number].card.items()
            after = self._learned(after, buried=buried)
        return event, _spent(after, **spent) if spent else after

    def _gate_moved(self, world: World, n: int, move: Moved) -> World:
        here, centre, net, image, left, truth = world
        fresh = (move.number,) if len(here) == 1 else (*here[:n], move.number, *here[n + 1 :])
        after = World(fresh, centre, net | move.mask, image, left, truth)
        return self._learned(after, move.written) if move.written else after

    def _centre_moved(self, world: World, move: Moved) -> World:
        here, _, net, image, left, truth = world
        return World(here, move.number, net | move.mask, image, left, truth)

    def _centre(self, world: World, what: str, **spent: int) -> tuple[Event, World]:
        after = self._centre_moved(world, self.centre_step(world.centre, what))
        if what in {"centre emptied", "ledger gone"}:
            after = self._learned(after, promised=self._promised(world))
        return Event(what), _spent(after, **spent) if spent else after

    def _begun(self, step: gates.Step) -> Moved:
        return self._moved(self.gates.of(step.gate), step.sent, step)

    def _learned(
        self,
        world: World,
        written: frozenset[Item] = frozenset(),
        buried: frozenset[Item] = frozenset(),
        promised: dict[str, int] | None = None,
    ) -> World:
        """Keep the truth: what was recorded, given up, or taken by a fault from outside.

        `promised` is what a gate may still delete on the word that a centre, now gone, has said.
        """
        truth: Truth = self._truths.all[world.truth]
        recorded, excused = truth.recorded | written, truth.excused
        excused |= buried - safe_items(self.centres.all[world.centre])
        if promised is not None:
            cards = [self.gates.all[number].card for number in world.gates]
            held = frozenset[Item]().union(*(card.items() for card in cards))
            excused |= recorded - held - safe_items(self.centres.all[world.centre])
            excused |= {item for item in recorded if item[1] <= promised.get(item[0], 0)}
        return world._replace(truth=self._truths.of(Truth(recorded, excused)))

    def _promised(self, world: World) -> dict[str, int]:
        """Collect every `safe` that a gate has heard or may still hear."""
        said = [
            (name, safe)
            for number in world.gates
            for name, (_, safe, *_) in gates.belief(self.gates.all[number]).items()
        ]
        for number in _bits(world.net & self._down):
            word, _, *marks = self.messages.all[number]
            if word == "ack":
                said += [(name, safe) for name, _, safe, _ in marks[0]]
        promised: dict[str, int] = {}
        for name, safe in said:
            promised[name] = max(safe, promised.get(name, 0))
        return promised

    def _sent(self, sent: tuple[Message, ...]) -> int:
        bits = 0
        for message in sent:
            bit = 1 << self.messages.of(message)
            bits |= bit
            if message[0] in {"ack", "status", "will"}:
                self._down |= bit
            else:
                self._up |= bit
        return bits


def safe_items(centre: Centre) -> frozenset[Item]:
    """Give what the ledger and every kept backup hold."""
    return centre.ledger.held.intersection(*(one.held for one in centre.backups))


def _spent(world: World, **spent: int) -> World:
    left = _less(world.left, tuple(spent.items()))
    return World(world.gates, world.centre, world.net, world.image, left, world.truth)


@cache
def _less(left: Budget, spent: tuple[tuple[str, int], ...]) -> Budget:
    return left._replace(**{name: getattr(left, name) - count for name, count in spent})


def _bits(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
