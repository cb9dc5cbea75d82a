"""The gate's half of the model: the real `gateway.uplink` over the model's card.

The uplink is no copy: every step thaws the real object, lets one thing happen to it, asks it what
is due, and freezes what it is then. Time is two truths, "the hello may go" and "patience may end":
each may come at any later step, in either order.
"""

import pickle
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import Any, NamedTuple, TypeAlias

from gateway import contract
from gateway.contract import Ack, Hello, Mark, Status
from gateway.uplink import Out, Pace, Uplink
from tests.model.card import Card, Item, Journal, item_of, name_of, wire_name

Message: TypeAlias = tuple[Any, ...]
"""("entries", items), ("alert", items), ("hello", held, lost), ("ack", boot, marks),
("status", boot) and ("will", boot)."""
PLACE = {"compound": "c01", "gate": "east"}
TOPIC = {word: contract.gate_topic("c01", "east", word) for word in ("ack", "hello")}
NEVER = 1e9
_FIXED = {"_journal", "_boot", "_version", "_jitter", "_pace", "_topics"}
_FEELINGS = {"_fruitless": 0, "_silent": False}
"""They change how long it waits and what the guard reads, and nothing else."""


class Rules(NamedTuple):
    """How the gate's half may be wrong; all false in the real protocol."""

    pace: Pace = Pace(window=2, batch=1)
    deletes_on_puback: bool = False
    deletes_committed: bool = False
    keeps_stream: bool = False
    hint_only_rises: bool = False
    deaf_to_boots: bool = False
    impatient_never: bool = False
    buries_silently: bool = False


class Gate(NamedTuple):
    """A gate at rest between two steps."""

    letter: str
    starts: int
    card: Card
    current: str | None
    link: bytes
    """The uplink, frozen."""
    connected: bool
    hello_waits: bool
    patience_waits: bool


class Step(NamedTuple):
    """What a step made of a gate."""

    gate: Gate
    sent: tuple[Message, ...]
    written: tuple[Item, ...] = ()


def new_gate(letter: str, card: Card, rules: Rules) -> Step:
    """Start a gate on a card; its link is made at once."""
    return _started(Gate(letter, 0, card, None, b"", False, False, False), rules)


def steps(gate: Gate) -> Iterable[str]:
    """Name what can happen to a gate by itself, beside what costs a fault."""
    if gate.hello_waits:
        yield "hello"
    if gate.patience_waits:
        yield "patience"
    if not gate.connected:
        yield "connect"


def step(gate: Gate, event: str, message: Message | None, rules: Rules) -> Step:
    """Let one thing happen to a gate."""
    if event == "restart":
        return _started(gate, rules)
    now = 1.0 if event in {"hello", "patience"} else 0.0
    journal, uplink = _thaw(gate, event, rules)
    written: tuple[Item, ...] = ()
    match event:
        case "record" | "alert":
            written = journal.append("a" if event == "alert" else "e")
            uplink.recorded(_entries(journal, written), now)
        case "bury":
            written = journal.bury()
            if rules.buries_silently:
                journal.card = journal.card._replace(graves=())
            uplink.recorded(_entries(journal, written), now)
            uplink.reloaded()
        case "prune":
            if journal.prune(deletable(uplink, rules)):
                uplink.reloaded()
        case "connect":
            uplink.connected(now)
        case "cut":
            uplink.disconnected(now)
        case "hear":
            assert message is not None
            if not (rules.deaf_to_boots and message[0] == "status"):
                uplink.heard(*_wire(message, uplink, rules), now)
    return _frozen(gate, journal, uplink, now, written, rules)


def deletable(uplink: Uplink, rules: Rules) -> dict[str, int]:
    """Say up to where the gate may delete: `safe`, unless the rules are wrong."""
    marks = {mark.stream: mark.safe for mark in uplink.marks}
    if rules.deletes_committed:
        marks = {mark.stream: mark.committed for mark in uplink.marks}
    if rules.deletes_on_puback:
        marks = {stream: course.sent for stream, course in uplink._courses.items()}
    return {name_of(stream): seq for stream, seq in marks.items()}


def belief(gate: Gate) -> dict[str, tuple[int, int, int, bool]]:
    """Say what a gate believes of each stream: committed, safe, sent, known."""
    courses = pickle.loads(gate.link)["_courses"]
    return {
        name_of(name): (course.committed, course.safe, course.sent, course.known)
        for name, course in courses.items()
    }


def waiting(gate: Gate) -> bool:
    """Say whether a gate still owes the centre anything, or waits for a word."""
    believed = belief(gate)
    owed = any(
        believed.get(one.name, (0, 0, 0, False))[0] < one.last
        for one in gate.card.streams
        if one.contents
    )
    return owed or gate.hello_waits or gate.patience_waits


# --- The real uplink, thawed and frozen ---


def _started(gate: Gate, rules: Rules) -> Step:
    gate = gate._replace(starts=gate.starts + 1, current=None)
    journal = _journal(gate, rules)
    uplink = _uplink(journal, rules)
    uplink.connected(0.0)
    return _frozen(gate, journal, uplink, 0.0, (), rules)


def _journal(gate: Gate, rules: Rules) -> Journal:
    epoch = f"{gate.letter}{gate.starts}"
    return Journal(gate.card, gate.current, epoch, keeps=rules.keeps_stream)


def _uplink(journal: Journal, rules: Rules) -> Uplink:
    return Uplink(journal, **PLACE, boot="boot", version="0", jitter=lambda: 0.5, pace=rules.pace)


def _thaw(gate: Gate, event: str, rules: Rules) -> tuple[Journal, Uplink]:
    journal = _journal(gate, rules)
    uplink = _uplink(journal, rules)
    uplink.__dict__.update(pickle.loads(gate.link))
    set_timer(uplink, "hello", 1.0 if event == "hello" else NEVER)
    set_timer(uplink, "patience", 1.0 if event == "patience" else NEVER)
    return journal, uplink


def set_timer(uplink: Uplink, which: str, at: float | None) -> None:
    """Have a timer that runs ring at a moment; None: never. Patience ends with all that is owed."""
    runs = [(uplink, "_hello_at")]
    if which == "patience":
        runs = [(uplink, "_away_until")]
        runs += [(course, "overdue_at") for course in uplink._courses.values()]
    for what, timer in runs:
        if getattr(what, timer) is not None:
            setattr(what, timer, at)


def _frozen(
    gate: Gate, journal: Journal, uplink: Uplink, now: float, written: tuple[Item, ...],
    rules: Rules,
) -> Step:  # fmt: skip
    sent = tuple(found for out in uplink.due(now) if (found := _message(out)) is not None)
    set_timer(uplink, "hello", NEVER)
    set_timer(uplink, "patience", None if rules.impatient_never else NEVER)
    kept = {name: value for name, value in vars(uplink).items() if name not in _FIXED}
    assert kept.keys() >= _FEELINGS.keys(), "the uplink has changed: look at this list again"
    kept |= _FEELINGS
    gate = gate._replace(
        card=journal.card, current=journal.current, link=_canonical(kept),
        connected=uplink.link != "down", hello_waits=uplink._hello_at is not None,
        patience_waits=uplink._overdue_at is not None,
    )  # fmt: skip
    return Step(gate, sent, written)


_CANONICAL: dict[Any, bytes] = {}


def _canonical(kept: dict[str, Any]) -> bytes:
    """Give equal uplinks equal bytes: pickles of equal things may differ by what they share."""
    key = _key(kept)
    if key not in _CANONICAL:
        _CANONICAL[key] = pickle.dumps(kept)
    return _CANONICAL[key]


def _key(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple((_key(name), _key(inner)) for name, inner in value.items())
    if isinstance(value, list | tuple):
        return tuple(_key(inner) for inner in value)
    if is_dataclass(value) and not isinstance(value, type):
        return tuple(_key(getattr(value, field.name)) for field in fields(value))
    return value


# --- Messages ---


def _entries(journal: Journal, written: tuple[Item, ...]) -> list[contract.Entry]:
    return [
        entry for name, seq, _ in written for entry in journal.pending(wire_name(name), seq - 1, 1)
    ]


def _message(out: Out) -> Message | None:
    word = out.topic.rpartition("/")[2]
    if word == "entries":
        return word, tuple(item_of(entry) for entry in contract.decode_batch(out.payload))
    if word == "alert":
        return word, (item_of(contract.decode_entry(out.payload)),)
    if word == "hello":
        hello = contract.decode(out.payload, Hello)
        held = tuple((name_of(one.stream), one.first, one.last) for one in hello.held)
        lost = tuple((name_of(one.stream), one.first, one.last) for one in hello.lost)
        return word, held, lost
    return None


def _wire(message: Message, uplink: Uplink, rules: Rules) -> tuple[str, bytes]:
    """Write a message of the centre as it comes over the wire."""
    word, boot, *rest = message
    if word != "ack":
        status = Status(v=1, online=word == "status", boot=str(boot), at_ms=0, version="0")
        return contract.CENTRAL_STATUS, contract.encode(status)
    if rules.deaf_to_boots:
        boot = 0
    now = {mark.stream: mark.committed for mark in uplink.marks}
    marks = []
    for name, committed, safe, lost in rest[0]:
        stream = wire_name(name)
        if rules.hint_only_rises:
            committed = max(committed, now.get(stream, 0))  # noqa: PLW2901 - the mutant's own.
        marks.append(Mark(stream=stream, committed=committed, safe=safe, lost=lost))
    return TOPIC["ack"], contract.encode(Ack(v=1, boot=str(boot), marks=tuple(marks)))
