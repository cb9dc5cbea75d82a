"""Backups and retention, as the centre's loop has them done: what takes long on a thread.

Law: the gates are promised only what was read from backups that have just been checked whole, those
found at the start included. A backup that fails, hangs or is overdue is an alarm.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from central import backup
from central.config import Settings
from central.errors import BackupFailed, LedgerUnwritable
from central.ledger import Ledger

log = logging.getLogger(__name__)
_DAY_S: Final = 86_400.0
_RETRY_S: Final = 60.0
_SLACK_S: Final = 3600.0
"""A backup that is so late, or takes so long, has failed."""


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What the backups are now worth; None, and why, when the newest could not be made."""

    kept: backup.Kept | None
    failed: str = ""
    fresh: bool = True
    """Whether one was made; at the start those that are there are only looked at."""


class Keeping:
    """Keeps the ledger's copies, and erases what has reached its day."""

    def __init__(self, settings: Settings, ledger: Ledger, now: float) -> None:
        self.kept = backup.NOTHING
        self.failed = False
        self._settings = settings
        self._ledger = ledger
        self._directory = Path(settings.backup.directory)
        self._due_s = float("inf")
        self._good_s = self._began_s = now
        self._busy = False
        self._erase_s = now + 60.0
        self._erased: int | None = None
        """After which entry the sweep goes on; None: it rests."""

    @property
    def same_device(self) -> bool:
        """Whether one dead disk takes the ledger and its backups both."""
        return backup.same_device(self._settings.ledger_path, self._directory)

    def take_over(self, put: Callable[[Any], None], died: Callable[[BaseException], None]) -> None:
        """Look at the backups that are there; until that is done nothing is promised."""
        if self.same_device:
            log.warning("The backups are on the ledger's own device: one dead disk takes both.")
        self._start(lambda: put(BackedUp(backup.keep(self._directory), fresh=False)), died)

    def done(self, done: BackedUp, now: float, at_ms: int) -> None:
        """Take over what a backup came to."""
        self._busy = False
        every_s = self._settings.backup.every_s
        if done.kept is None:
            log.error("A backup failed.", extra={"CENTRAL_REASON": done.failed})
            self.failed = True
            self._due_s = now + min(every_s, _RETRY_S)
            return
        self.kept = done.kept
        self._ledger.promise(done.kept.safe, done.kept.lost)
        self._due_s = now + every_s if done.fresh else now
        if done.kept.newest and not done.fresh:
            age_s = (at_ms - backup.made_ms(done.kept.newest)) / 1000
            self._due_s = now + min(every_s, max(0.0, every_s - age_s))
        if done.fresh:
            self.failed, self._good_s = False, now

    def tick(
        self,
        now: float,
        at_ms: int,
        put: Callable[[Any], None],
        died: Callable[[BaseException], None],
    ) -> None:
        """Begin a backup when it is due, and erase a portion of what has reached its day."""
        if now >= self._due_s and not self._busy:
            self._start(lambda: put(self._back_up(at_ms)), died)
        self._erase(now, at_ms)

    def overdue(self, now: float) -> bool:
        """Tell whether backups fail, or one hangs or is long overdue."""
        late_s = 2 * self._settings.backup.every_s + _SLACK_S
        return self.failed or now - self._good_s > late_s

    def _start(self, work: Callable[[], None], died: Callable[[BaseException], None]) -> None:
        self._busy = True

        def run() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - a thread's entry: report and end.
                died(error)

        threading.Thread(target=run, name="backup", daemon=True).start()

    def _back_up(self, at_ms: int) -> BackedUp:
        count = self._settings.backup.count
        try:
            return BackedUp(backup.make(self._settings.ledger_path, self._directory, count, at_ms))
        except BackupFailed as error:
            return BackedUp(None, str(error))

    def _erase(self, now: float, at_ms: int) -> None:
        if self._erased is None and now < self._erase_s:
            return
        before_ms = at_ms - int(self._settings.retention.sealed_days * _DAY_S * 1000)
        after = -1 if self._erased is None else self._erased
        try:
            _, self._erased = self._ledger.erase_portion(before_ms, after)
        except LedgerUnwritable:
            return  # The next tick tries again; the absorbing loop says it loudly.
        if self._erased is None:
            self._erase_s = now + _DAY_S
            log.info("Sealed parts that had reached their day are erased.")
