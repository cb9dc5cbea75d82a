"""What systemd wants to hear and gives: notify, watchdog, credentials, and its journal.

Written to the documented protocols, without libsystemd. Off systemd every call is quiet and the
log goes to stderr as `key=value`.

A log line is a fixed sentence; what varies are fields, given as `extra={"GATE_DEVICE": "t1"}`,
so that `journalctl -u gatepost-gateway GATE_DEVICE=t1` finds them. Nothing personal is logged:
of what ended a process the traceback shows places and kinds, and of its words those that no value
can stand in.
"""

import contextlib
import logging
import os
import re
import socket
import sys
import traceback
from pathlib import Path
from typing import Final, TextIO

from gateway.errors import GateError, SecretMissing

JOURNAL_SOCKET: Final = "/run/systemd/journal/socket"
NOTIFY_S: Final = 0.2
FIELD_PREFIX: Final = "GATE_"
_VALUES: Final = re.compile(
    r"'[^']*'|\"[^\"]*\"|=[^\s,)]+"  # quoted, and what a repr sets after its =
    r"|\S*[^\x00-\x7f]\S*"  # Chinese: provinces, names, reasons
    r"|\b(?=\w*\d)\w{4,}\b|\b\d+\.\d+\b"  # plates without a province, temperatures
)
"""What may be somebody's in an error's words."""
_PRIORITIES: Final = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4),
                      (logging.INFO, 6))  # fmt: skip


def notify(*lines: str) -> bool:
    """Send state lines, such as `READY=1`, to the service manager; False when it took none.

    A manager that does not read must not hold the gate up.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.settimeout(NOTIFY_S)
        try:
            sender.sendto("\n".join(lines).encode(), address)
        except OSError:
            return False
    return True


def watchdog_s() -> float | None:
    """Give the longest that the service manager waits for WATCHDOG=1; None when it does not."""
    pid = os.environ.get("WATCHDOG_PID", "")
    usec = os.environ.get("WATCHDOG_USEC", "")
    if not usec.isdigit() or (pid and pid != str(os.getpid())):
        return None
    return int(usec) / 1_000_000


def credential(name: str) -> bytes:
    """Read a credential that the unit loads with `LoadCredential=`."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    if not folder:
        raise SecretMissing(
            f"The credential {name!r} is not here: name it in the unit's LoadCredential=, or give"
            " a file in the settings instead."
        )
    try:
        return (Path(folder) / name).read_bytes()
    except OSError as error:
        raise SecretMissing(
            f"The credential {name!r} cannot be read ({error.strerror}): name it in the unit's"
            " LoadCredential=."
        ) from error


def death(error: BaseException | None) -> str:
    """Tell what ended a process, with what led to it, and nothing of whom it was about."""
    told: list[str] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        places = "".join(traceback.format_tb(error.__traceback__))
        told.insert(0, f"{places}{type(error).__qualname__}: {_words_of(error)}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n-> and then:\n".join(told)


def _words_of(error: BaseException) -> str:
    text = str(error)
    return text if isinstance(error, (GateError, OSError)) else _VALUES.sub("...", text)


class JournalHandler(logging.Handler):
    """Sends records to systemd's journal as native datagrams, with their fields."""

    def __init__(self, name: str, path: str = JOURNAL_SOCKET) -> None:
        super().__init__()
        self._name = name
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record; a journal that is not there loses the line, never the gate."""
        fields = {
            "MESSAGE": record.getMessage(),
            "PRIORITY": str(next((p for level, p in _PRIORITIES if record.levelno >= level), 7)),
            "SYSLOG_IDENTIFIER": self._name,
            "LOGGER": record.name,
            **_fields(record),
        }
        if record.exc_info:
            fields["TRACEBACK"] = death(record.exc_info[1])
        with contextlib.suppress(OSError):
            self._socket.sendto(b"".join(map(_native, fields.items())), self._path)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
        super().close()


class KeyValueFormatter(logging.Formatter):
    """One line a record: level, sentence, then the fields as `key=value`."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        pairs = "".join(
            f" {key.removeprefix(FIELD_PREFIX).lower()}={_quoted(value)}"
            for key, value in _fields(record).items()
        )
        line = f"{record.levelname.lower()}: {record.getMessage()}{pairs}"
        if record.exc_info:
            line += "\n" + death(record.exc_info[1])
        return line


def log_to_journal(name: str, stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Set logging up: the journal when stderr is connected to it, else stderr."""
    handler: logging.Handler
    if _stderr_is_journal():
        handler = JournalHandler(name)
    else:
        handler = logging.StreamHandler(stream or sys.stderr)
        handler.setFormatter(KeyValueFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)


def _stderr_is_journal() -> bool:
    """Compare stderr with $JOURNAL_STREAM, which names the journal's device and inode."""
    try:
        found = os.fstat(2)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM", "") == f"{found.st_dev}:{found.st_ino}"


def _fields(record: logging.LogRecord) -> dict[str, str]:
    return {key: str(value) for key, value in vars(record).items() if key.startswith(FIELD_PREFIX)}


def _native(field: tuple[str, str]) -> bytes:
    key, value = field[0].encode(), field[1].encode()
    if b"\n" in value:
        return key + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"
    return key + b"=" + value + b"\n"


def _quoted(value: str) -> str:
    plain = value and not any(c.isspace() or c in "\"'=" for c in value)
    return value if plain else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
