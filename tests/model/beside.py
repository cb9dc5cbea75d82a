"""Walks the model and the real site side by side, at random, and says where they part."""

from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any

from tests.model import gate as gates
from tests.model.centre import Centre
from tests.model.gate import Message
from tests.model.real import RealCentre, RealGate, message_of
from tests.model.site import Budget, Event, Site, World

EVERYTHING = Budget(
    records=4, alerts=2, gate_crashes=2, cuts=2, burials=1, images=1, gate_restores=1, clones=1,
    backups=4, centre_crashes=1, restores_newest=1, restores_older=1, emptied=1, ledger_gone=1,
    wipes=1,
)  # fmt: skip
STEPS = 60
"""How far model and code go beside each other in the tests."""


class PartedError(AssertionError):
    """The model and the code are no longer the same."""


class Walk:
    """One walk, given by its seed."""

    def __init__(self, folder: Path, seed: int, site: Site) -> None:
        self.events: list[Event] = []
        self._chance = Random(seed)
        self._site = site
        self._world: World = site.first()
        self._pace = site.gate_rules.pace
        self._gates = [RealGate("A", None, self._pace, self._chance)]
        self._image: bytes | None = None
        self._payloads: dict[Message, tuple[str, bytes]] = {}
        self._centre = RealCentre(folder)
        self._centre.centre._say_online(self._centre.link)
        self._collect(self._centre.link.said)
        self._collect(self._gates[0].due())
        self._compare()

    def go(self, steps: int) -> None:
        """Take steps, those that should change nothing too; raises PartedError."""
        for _ in range(steps):
            kinds: dict[str, list[tuple[Event, World]]] = {}
            for event, after in self._site.everything(self._world):
                kinds.setdefault(event.what, []).append((event, after))
            event, after = self._chance.choice(kinds[self._chance.choice(sorted(kinds))])
            self._step(event, after)

    def follow(self, trace: Iterable[tuple[Event, World]]) -> None:
        """Take the steps of a trace; raises PartedError."""
        for event, after in trace:
            self._step(event, after)

    def _step(self, event: Event, after: World) -> None:
        self.events.append(event)
        before, self._world = self._world, after
        self._centre.link.said.clear()
        sent: list[tuple[str, bytes]] = []
        if event.gate >= 0:
            sent = self._gate_step(event)
        elif event.what == "take":
            self._centre.take(*self._payloads[self._site.messages.all[event.message]])
        elif event.what == "backup":
            self._centre.back_up()
        elif event.what == "look":
            self._centre.look()
        elif event.what == "wipe":
            for gate in self._gates:
                gate.happen("cut")
            self._centre.centre._say_online(self._centre.link)
        else:
            self._centre.begin_again(event.what)
        said = self._collect(sent + self._centre.link.said)
        fresh = after.net & ~before.net
        known = {self._site.messages.all[n] for n in range(fresh.bit_length()) if fresh >> n & 1}
        if known - said:
            raise PartedError(f"{event}: the model says {known - said}, the code {said}")
        there = {m for n, m in enumerate(self._site.messages.all) if after.net >> n & 1}
        if said - there:
            raise PartedError(f"{event}: the code says {said - there}, the model does not")
        self._compare()

    def _gate_step(self, event: Event) -> list[tuple[str, bytes]]:
        if event.what == "cloned":
            self._gates.append(RealGate("B", self._image, self._pace, self._chance))
        gate = self._gates[event.gate]
        if event.what == "image":
            self._image = gate.image()
        elif event.what == "restored":
            gate.insert(self._image)
            gate.restart()
        elif event.what == "hear":
            message = self._site.messages.all[event.message]
            gate.uplink.heard(*self._payloads[message], gate.now)
        elif event.what != "cloned":
            gate.happen(event.what)
        return gate.due()

    def _collect(self, sent: list[tuple[str, bytes]]) -> set[Message]:
        said = set()
        for to, payload in sent:
            if (message := message_of(to, payload)) is not None:
                self._payloads[message] = (to, payload)
                said.add(message)
        return said

    def _compare(self) -> None:
        for number, gate in zip(self._world.gates, self._gates, strict=True):
            self._same(f"gate {gate.letter}", _gate_state(self._site.gates.all[number]), gate)
        centre = self._site.centres.all[self._world.centre]
        self._same("centre", _centre_state(centre), self._centre)

    def _same(self, who: str, model: dict[str, Any], real: RealGate | RealCentre) -> None:
        for what, found in real.state().items():
            if found != model[what]:
                last = self.events[-1].what if self.events else "the beginning"
                raise PartedError(
                    f"after {last}, {who}'s {what}: the model has {model[what]}, the code {found}"
                )


def _gate_state(gate: gates.Gate) -> dict[str, Any]:
    timers = {"hello": gate.hello_waits, "patience": gate.patience_waits}
    return {
        "card": gate.card.items(), "graves": gate.card.graves, "belief": gates.belief(gate),
        "timers": {name for name, waits in timers.items() if waits}, "whole": True,
    }  # fmt: skip


def _centre_state(centre: Centre) -> dict[str, Any]:
    ledger = centre.ledger
    committed = {name: ledger.committed(name) for name in ledger.streams()}
    committed = {name: seq for name, seq in committed.items() if seq}
    bounded = {name: min(seq, committed.get(name, 0)) for name, seq in centre.safe}
    return {
        "held": {item[:2] for item in ledger.held}, "lost": set(ledger.lost),
        "committed": committed, "safe": {name: seq for name, seq in bounded.items() if seq},
        "forks": set(ledger.forks), "conflicts": len(ledger.conflicts),
        "passages": sum(item[2][0] == "e" for item in ledger.held) + ledger.counted
        - len(ledger.held),
        "recount": True,
    }  # fmt: skip
