"""Reads an entry's body, and doubts what no honest gate would write.

Pure: no clock, no disk, no network. What is doubted is not refused: the ledger keeps it, says so,
and counts it when a later version understands it.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from central.aggregate import FACT_KINDS, Ref
from central.keys import SEQ_MAX
from gateway import contract
from gateway.contract import Body, Entry, NotUnderstood

_REF: Final = re.compile(r"([0-9a-f]{32})/([1-9][0-9]{0,12})")
_REF_MAX: Final = 32 + 1 + 13
_REFS: Final = 4096
"""Names kept as they were read: a passage's entries all name it."""
_TEXT_MAX: Final = 200
"""Characters in an alert's text: it must fit into a feed."""
_DOUBTED: Final[dict[str, Callable[[Any], bool]]] = {
    "started": lambda body: not 0 <= body.before_last <= SEQ_MAX,
    "tombstone": lambda body: not body.first <= body.last <= SEQ_MAX,
    "alert": lambda body: max(len(body.what), len(body.device or "")) > _TEXT_MAX,
}
"""By kind, what the contract allows and no ledger can name."""


def understand(entry: Entry) -> tuple[Body, Ref | None] | None:
    """Read an entry's body and the passage that it is a fact of; None when not understood."""
    try:
        body = contract.decode_body(entry)
    except NotUnderstood:
        return None
    kind = entry.kind
    if kind not in FACT_KINDS:
        doubted = _DOUBTED.get(kind)
        return None if doubted is not None and doubted(body) else (body, None)
    if kind == "opened":
        return body, (entry.stream, entry.seq)
    if body.passage is None:
        # A reading that nobody could assign is kept and counts for no passage.
        return (body, None) if kind == "reading" else None
    passage = ref_or_none(body.passage)
    return None if passage is None else (body, passage)


def ref_or_none(ref: str | None) -> Ref | None:
    """Read an entry's name from the wire; None when it is no name.

    >>> ref_or_none("ab" * 16 + "/7")
    ('abababababababababababababababab', 7)
    """
    return None if ref is None or len(ref) > _REF_MAX else _read_ref(ref)


@lru_cache(_REFS)
def _read_ref(ref: str) -> Ref | None:
    found = _REF.fullmatch(ref)
    if found is None or (seq := int(found[2])) > SEQ_MAX:
        return None
    return found[1], seq
