"""The journal as the one loop writes it: what it refuses is kept, said, tried again and mended.

Law: a journal that is not asked to write anything is asked all the same, once a minute: a card that
takes nothing more is found before a passage needs it.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from gateway.contract import Entry
from gateway.core.events import Record
from gateway.errors import JournalUnwritable
from gateway.journal.journal import Journal, Stamp
from gateway.journal.recorder import Recorder
from gateway.upkeep import Upkeep

RETRY_S: Final = 2.0
REOPEN_S: Final = 5.0
PROOF_S: Final = 60.0
"""A commit is at most so long ago; one that only proves writes 8 KB to the card."""

_LOG: Final = logging.getLogger(__name__)


class Writing:
    """Writes for the loop, and minds what is wrong with the journal."""

    def __init__(
        self, recorder: Recorder, upkeep: Upkeep, now: float, reopened: Callable[[], None]
    ) -> None:
        """`reopened` is called after the file was opened afresh."""
        self._recorder = recorder
        self._upkeep = upkeep
        self._reopened = reopened
        self._tried_s = now
        self._faulty_s: float | None = None

    @property
    def journal(self) -> Journal:
        """What is written to."""
        return self._recorder.journal

    @property
    def wake_at(self) -> float:
        """When it must be tried again, or asked for a proof."""
        return self._tried_s + (PROOF_S if self._recorder.fault is None else RETRY_S)

    def ailing(self, now: float) -> str | None:
        """Say that nothing was proven for too long; a fault that is known and said is no ailment.

        A gate whose card is dead works on, NOT RECORDED: to end it would lose what waits.
        """
        if self._recorder.fault is None and now - self._tried_s > 2 * PROOF_S:
            return f"nothing was committed for {now - self._tried_s:.0f} s"
        return None

    def record(self, records: Sequence[Record], now: float, stamp: Stamp) -> tuple[Entry, ...]:
        """Commit the round's entries in one transaction; what fails waits in the ring."""
        due = now >= self.wake_at
        if self._recorder.fault is not None and not due:
            self._recorder.keep(records, stamp)
            return ()
        if not records and not due:
            return ()
        if self._recorder.fault is not None:
            self._mend(now)
        self._tried_s = now
        entries: tuple[Entry, ...] = ()
        if records or self._recorder.not_recorded:
            entries = self._recorder.record(records, stamp)
        else:
            self._recorder.prove()
        fault = self._recorder.fault
        if fault is not None and fault.state == "full" and self._upkeep.make_room():
            entries += self._recorder.record((), stamp)
        if fault is not None and fault.torn:
            self._mend(now)
        self._note(now)
        return entries

    def unreadable(self, fault: JournalUnwritable, now: float) -> None:
        """Take note of a journal that gives nothing: it is mended as one that takes nothing."""
        if self._recorder.fault is None:
            self._recorder.fault = fault
            self._note(now)

    def _mend(self, now: float) -> None:
        """Open the journal afresh after a fault that lasts; a damaged one is set aside."""
        fault = self._recorder.fault
        lasting = self._faulty_s is not None and now - self._faulty_s > REOPEN_S
        if fault is None or not (fault.torn or lasting):
            return
        if fault.state == "full" and self.journal.fault is None:
            return  # It takes entries again by itself, once there is room.
        self._faulty_s = now
        try:
            self.journal.reopen()
        except JournalUnwritable:
            return
        self._reopened()

    def _note(self, now: float) -> None:
        fault = self._recorder.fault
        if fault is not None and self._faulty_s is None:
            self._faulty_s = now
            self._upkeep.note(fault)
            _LOG.critical("NOT RECORDED: the journal takes no entry.",
                          extra={"GATE_REASON": str(fault)})  # fmt: skip
        elif fault is None and self._faulty_s is not None:
            self._faulty_s = None
            self._upkeep.note(None)
            _LOG.warning("The journal takes entries again; what waited is recorded.")
