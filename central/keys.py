"""How an entry's row is named: `stream number << 40 | sequence`, one integer.

Pure. SQLite keeps the rows of such a table in one b-tree in that order, so the primary key costs no
second index and a stream's entries lie side by side. A stream's number is the ledger's own; a
stream is known elsewhere by its 128 bits.
"""

from typing import Final

SEQ_BITS: Final = 40
SEQ_MAX: Final = (1 << SEQ_BITS) - 1
STREAMS_MAX: Final = (1 << (63 - SEQ_BITS)) - 1


def key_of(number: int, seq: int) -> int:
    """Name an entry's row.

    >>> read_key(key_of(3, 7))
    (3, 7)
    """
    return number << SEQ_BITS | seq


def read_key(key: int) -> tuple[int, int]:
    """Read stream number and sequence back from a row's key."""
    return key >> SEQ_BITS, key & SEQ_MAX
