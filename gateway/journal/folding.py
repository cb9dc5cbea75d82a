"""Fold entries back into the passages they leave open. Pure: entries in, passages out."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway import contract
from gateway.core.events import Tally, Unfinished


@dataclass(slots=True)
class OpenPassage:
    """A passage that has an `opened` and no `closed`."""

    ref: str
    opened: contract.Opened
    last_stream: str
    at_ms: int
    mono_ms: int
    revision: int = 0
    decision: contract.Decision | None = None
    overridden: bool = False
    results: dict[int, contract.Result] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)

    def as_unfinished(self, key: int, away_s: float) -> Unfinished:
        """Say it as the core's event does."""
        persons = sorted(self.results)
        return Unfinished(
            passage=key,
            lane=self.opened.lane,
            traveller=self.opened.traveller,
            witness=self.opened.witness,
            away_s=away_s,
            revision=self.revision,
            results=tuple(self.results[person] for person in persons),
            attempts=tuple(self.attempts[person] for person in persons),
            decision=self.decision,
            overridden=self.overridden,
        )


def fold(entries: Iterable[contract.Entry]) -> tuple[OpenPassage, ...]:
    """Give the passages that entries, in order, leave open.

    A body that is not understood, of an older or newer program, is passed over.
    """
    open_: dict[str, OpenPassage] = {}
    for entry in entries:
        try:
            body = contract.decode_body(entry)
        except contract.NotUnderstood:
            continue
        if isinstance(body, contract.Opened):
            ref = contract.entry_ref(entry.stream, entry.seq)
            open_[ref] = OpenPassage(ref, body, entry.stream, body.at_ms, body.mono_ms)
        elif body.passage in open_:
            if isinstance(body, contract.Closed):
                del open_[body.passage]
            else:
                _add(open_[body.passage], entry.stream, body)
    return tuple(open_.values())


TALLIED = ("opened", "decided", "pass")
"""Kinds that `tally` reads."""


def tally(entries: Iterable[contract.Entry]) -> Tally:
    """Count a day's passages from its entries."""
    ways = {"in": 0, "out": 0, "foot": 0}
    decisions: dict[str | None, tuple[int, contract.Decision]] = {}
    passes = 0
    for entry in entries:
        try:
            body = contract.decode_body(entry)
        except contract.NotUnderstood:
            continue
        if isinstance(body, contract.Opened):
            ways[body.way] += 1
        elif isinstance(body, contract.PassPresented):
            passes += 1
        elif isinstance(body, contract.Decided):
            latest = (body.revision, body.decision)
            decisions[body.passage] = max(latest, decisions.get(body.passage, latest))
    return Tally(
        passages_in=ways["in"],
        passages_out=ways["out"],
        on_foot=ways["foot"],
        refer=sum(decision == "refer" for _, decision in decisions.values()),
        passes=passes,
    )


def _add(passage: OpenPassage, stream: str, body: contract.Body) -> None:
    passage.last_stream = stream
    passage.at_ms, passage.mono_ms = body.at_ms, body.mono_ms
    if isinstance(body, contract.Decided) and body.revision >= passage.revision:
        passage.revision, passage.decision = body.revision, body.decision
        passage.overridden = body.advice is not None
    elif isinstance(body, contract.ReadingTaken) and body.person:
        passage.results[body.person] = body.result
        before = passage.attempts.get(body.person, 0)
        passage.attempts[body.person] = max(before, body.attempt)
