"""Tells a trace so that a person can follow it."""

from collections.abc import Iterator

from tests.model.checker import Found
from tests.model.gate import Message
from tests.model.site import Event, Site, World

WORDS = {
    "hello": "gate {g}: the time for a hello has come",
    "patience": "gate {g}: patience ends",
    "connect": "gate {g}: the link is made again",
    "cut": "gate {g}: the link is cut",
    "record": "gate {g} records an entry",
    "alert": "gate {g} records an alert",
    "bury": "gate {g} is full and gives up its oldest entry",
    "prune": "gate {g} deletes what is safe",
    "restart": "gate {g} crashes and starts again",
    "hear": "gate {g} hears {m}",
    "image": "somebody makes an image of gate {g}'s card",
    "restored": "gate {g} is restored from the image, and starts",
    "cloned": "the image is put into a second gate, {g}, which starts beside the first",
    "take": "the centre takes {m}",
    "commit": "the centre commits what it had in hand",
    "look": "the centre has checked the backups that it found",
    "backup": "the centre makes a backup",
    "centre crash": "the centre crashes and starts again",
    "centre restored from newest": "the centre is restored from its newest backup",
    "centre restored from oldest": "the centre is restored from its oldest backup",
    "centre emptied": "the centre begins with nothing; its backups are gone too",
    "ledger gone": "the centre begins with nothing beside its old backups",
    "wipe": "the broker forgets everything, and every link breaks",
}


def told(site: Site, found: Found) -> Iterator[str]:
    """Give the lines of a trace, and the law that its end breaks."""
    before = site.first()
    for number, (event, after) in enumerate(found.trace, 1):
        yield f"{number:3}. {_event(site, event)}"
        for line in _changes(site, before, after):
            yield f"       {line}"
        before = after
    yield f"  => {found.broken}"


def _event(site: Site, event: Event) -> str:
    message = _message(site.messages.all[event.message]) if event.message >= 0 else ""
    return WORDS[event.what].format(g="AB"[max(event.gate, 0)], m=message)


def _changes(site: Site, before: World, after: World) -> Iterator[str]:
    fresh = after.net & ~before.net
    for number, message in enumerate(site.messages.all):
        if fresh >> number & 1:
            yield f"sent: {_message(message)}"
    for n, number in enumerate(after.gates):
        card = site.gates.all[number].card
        was = site.gates.all[before.gates[n]].card if n < len(before.gates) else None
        if card != was:
            held = ", ".join(
                f"{one.name}:{one.anchor + 1}-{one.last}" for one in card.streams if one.contents
            )
            yield f"card {'AB'[n]}: {held or 'empty'}"
    ledger = site.centres.all[after.centre].ledger
    if ledger != site.centres.all[before.centre].ledger:
        held = ", ".join(f"{name}:{seq}" for name, seq, _ in sorted(ledger.held, key=_place))
        lost = ", ".join(f"{name}:{seq}" for name, seq in sorted(ledger.lost))
        yield f"ledger: {held or 'empty'}{' lost ' + lost if lost else ''}"


def _place(item: tuple[str, int, object]) -> tuple[str, int]:
    return item[:2]


def _message(message: Message) -> str:
    word, said, *more = message
    if word in {"entries", "alert"}:
        return f"{word} {', '.join(f'{name}:{seq}' for name, seq, _ in said)}"
    if word == "hello":
        held = ", ".join(f"{name}:{first}-{last}" for name, first, last in said)
        lost = ", ".join(f"{name}:{first}-{last}" for name, first, last in more[0])
        return f"hello holding {held or 'nothing'}{', without ' + lost if lost else ''}"
    if word == "ack":
        marks = ", ".join(
            f"{name} committed {high}, safe {safe}"
            + "".join(f", {first}-{last} taken for lost" for first, last in lost)
            for name, high, safe, lost in more[0]
        )
        return f"ack of boot {said}: {marks}"
    return f"that centre's boot {said} is {'there' if word == 'status' else 'gone'}"
