"""What must be done now and then: retention, room on the disk, deleting what is safe.

Law: sealed parts and the desk's notes go on their day, delivered or not; entries go only when
safe, or with a tombstone when the bound forces it. Of a clock that is not set no sealed part is
erased by: it may be years off. Notes are, for they cost a picture at most, and a gate that never
knows the time keeps none for ever.
"""

import logging
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from gateway.config import Retention
from gateway.desk import Desk
from gateway.errors import JournalUnwritable
from gateway.journal import file as journal_file
from gateway.journal.journal import Journal, Stamp
from gateway.uplink import Uplink

Disk = Literal["ok", "low", "full", "unwritable"]
EVERY_S: Final = 10.0
RETENTION_EVERY_S: Final = 3600.0
LOW_BYTES: Final = 64 * 2**20
HIGH_WATER: Final = 0.8
"""Of journal_mb_max: from here on the guard and central are told, before anything is given up."""
BURIED: Final = 1000
"""Entries given up at a time."""
DAY_MS: Final = 86_400_000

_LOG: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class Upkeep:
    """Looks after one gate's folder."""

    folder: Path
    journal: Journal
    uplink: Uplink
    desk: Desk
    retention: Retention
    lessons: Desk | None = None
    disk: Disk = "ok"
    _next_s: float = 0.0
    _retention_s: float = 0.0
    _reserve: Path = field(init=False)

    def __post_init__(self) -> None:
        """Have the reserve in place from the first moment."""
        self._reserve = self.folder / "reserve"
        journal_file.keep_reserve(self._reserve)

    @property
    def wake_at(self) -> float:
        """When there is something to look after."""
        return self._next_s

    def look(self, now: float, stamp: Stamp, fault: JournalUnwritable | None) -> None:
        """Do what is due."""
        if now < self._next_s:
            return
        self._next_s = now + EVERY_S
        self._look_at_disk(fault)
        try:
            if self.journal.prune(self.uplink.marks, keep=self.retention.entries_min):
                self.uplink.reloaded()
            if self.journal.bytes_used() > self.retention.journal_mb_max * 2**20:
                self._bury(now, stamp)
            if now >= self._retention_s:
                self._expire(now, stamp)
        except JournalUnwritable as error:
            self._look_at_disk(error)

    def note(self, fault: JournalUnwritable | None) -> None:
        """Take note at once of a journal that refuses, or takes entries again."""
        self._look_at_disk(fault)

    def make_room(self) -> bool:
        """Give the reserve up to a full disk; False when it is gone already."""
        self.disk = "full"
        freed = journal_file.free_reserve(self._reserve)
        if freed:
            _LOG.error("The disk is full: the reserve was given up.")
        return freed

    def _look_at_disk(self, fault: JournalUnwritable | None) -> None:
        if fault is not None:
            self.disk = fault.state
            return
        try:
            room = os.statvfs(self.folder)
        except OSError:
            self.disk = "unwritable"
            return
        free = room.f_bavail * room.f_frsize
        kept = self._reserve.exists()
        if not kept and free > 2 * journal_file.RESERVE_BYTES:
            kept = journal_file.keep_reserve(self._reserve)
        if not kept:
            self.disk = "full"
        else:
            self.disk = "low" if free < LOW_BYTES or self._is_high() else "ok"

    def _is_high(self) -> bool:
        bound = self.retention.journal_mb_max * 2**20
        try:
            return self.journal.bytes_used() > HIGH_WATER * bound
        except JournalUnwritable:
            return False

    def _bury(self, now: float, stamp: Stamp) -> None:
        tombstones = self.journal.bury(BURIED, "disk_bound", stamp)
        self.uplink.recorded(tombstones, now)
        self.uplink.reloaded()
        _LOG.error(
            "Entries that the centre may lack were given up, to stay under journal_mb_max.",
            extra={"GATE_ENTRIES": BURIED},
        )

    def _expire(self, now: float, stamp: Stamp) -> None:
        """Erase what has reached its day, and say in the log how much that was."""
        self._retention_s = now + RETENTION_EVERY_S
        days = self.retention
        is_set = stamp.clock != "unset"
        latest_ms = stamp.at_ms + DAY_MS if is_set else None
        notes = 0
        for desk, kept_days in ((self.desk, days.crop_days), (self.lessons, days.lesson_days)):
            if desk is not None:
                notes += desk.clear(stamp.at_ms - int(kept_days * DAY_MS), latest_ms)
                if given_up := desk.shrink(days.notes_mb_max * 2**20):
                    _LOG.warning(
                        "The oldest pictures were given up, to stay under notes_mb_max.",
                        extra={"GATE_NOTES": given_up},
                    )
                    self._retention_s = now  # There may be more: at the next look.
        sealed = None
        if is_set:
            sealed = self.journal.erase_sealed(stamp.at_ms - int(days.sealed_days * DAY_MS))
        if sealed is not None:
            self._retention_s = now
        if sealed or notes:
            _LOG.info(
                "Retention erased what had reached its day.",
                extra={"GATE_SEALED": sealed or 0, "GATE_NOTES": notes},
            )
