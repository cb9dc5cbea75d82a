"""Reads an entry's body, and doubts what no honest gate would write.

Pure: no clock, no disk, no network. What is doubted is not refused: the ledger keeps it, says so,
and counts it when a later version understands it.
"""

import re
from typing import Final

from central.aggregate import FACT_KINDS, Ref
from central.keys import SEQ_MAX
from gateway import contract
from gateway.contract import Body, Entry, NotUnderstood

_NUMBER_MAX: Final = 1 << 53
"""No honest number is beyond what every JSON reader holds exactly."""
_REF: Final = re.compile(r"([0-9a-f]{32})/([1-9][0-9]{0,12})")


def understand(entry: Entry) -> tuple[Body, Ref | None] | None:
    """Read an entry's body and the passage that it is a fact of; None when not understood."""
    try:
        body = contract.decode_body(entry)
    except NotUnderstood:
        return None
    if not _sound(body):
        return None
    if entry.kind not in FACT_KINDS:
        return body, None
    if entry.kind == "opened":
        return body, (entry.stream, entry.seq)
    if body.passage is None:
        # A reading that nobody could assign is kept and counts for no passage.
        return (body, None) if entry.kind == "reading" else None
    passage = ref_or_none(body.passage)
    return None if passage is None else (body, passage)


def _sound(body: Body) -> bool:
    if abs(body.at_ms) > _NUMBER_MAX or abs(body.mono_ms) > _NUMBER_MAX:
        return False
    match body:
        case contract.Decided():
            return body.revision <= _NUMBER_MAX
        case contract.ReadingTaken():
            return abs(body.person) <= _NUMBER_MAX
        case contract.Started():
            return 0 <= body.before_last <= SEQ_MAX
        case contract.ClockJumped():
            return abs(body.jump_ms) <= _NUMBER_MAX
        case contract.Tombstone():
            return body.first <= body.last <= SEQ_MAX
        case _:
            return True


def ref_or_none(ref: object) -> Ref | None:
    """Read an entry's name from the wire; None when it is no name.

    >>> ref_or_none("ab" * 16 + "/7")
    ('abababababababababababababababab', 7)
    """
    found = _REF.fullmatch(ref) if isinstance(ref, str) else None
    if found is None or (seq := int(found[2])) > SEQ_MAX:
        return None
    return found[1], seq
