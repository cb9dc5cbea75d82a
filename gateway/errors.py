"""Operating errors of a gate: one sentence each, each also the standard error it is.

A message says what is wrong, where, and what to do. Doubtful data are values, never exceptions;
programmer errors are assertions.
"""

from typing import Literal


class GateError(Exception):
    """Something outside this program must be put right."""


class SettingsRefused(GateError, ValueError):  # noqa: N818 - named by what happened.
    """A setting is missing, unknown or absurd; the text names key, value and reason."""


class CalibrationRefused(GateError, ValueError):  # noqa: N818 - named by what happened.
    """The points do not make a calibration; the text says which, why and what to do."""


class SecretMissing(GateError, FileNotFoundError):  # noqa: N818 - named by what happened.
    """A key, password or certificate that the settings name cannot be read."""


class GateBusy(GateError, BlockingIOError):  # noqa: N818 - named by what happened.
    """Another process already runs this gate."""


class JournalUnwritable(GateError, OSError):  # noqa: N818 - named by what happened.
    """The journal did not take an entry; nothing of that transaction is in it."""

    def __init__(
        self, text: str, state: Literal["full", "unwritable"] = "unwritable", torn: bool = False
    ) -> None:
        super().__init__(text)
        self.state = state
        """`full` when room would help."""
        self.torn = torn
        """The file itself is damaged: only opening afresh, which sets it aside, helps."""


class PartHung(GateError, TimeoutError):  # noqa: N818 - named by what happened.
    """A thread of this process is dead or hangs; the text says which."""
