"""What systemd wants to hear from the centre, and its log lines.

Written to the documented protocol, without libsystemd. Off systemd every call is quiet.
"""

import logging
import os
import socket
import sys


def notify(*lines: str) -> bool:
    """Send state lines, such as `READY=1`, to the service manager; False when there is none."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
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


class KeyValueFormatter(logging.Formatter):
    """One line a record: level, sentence, then the fields as `key=value`."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        pairs = "".join(
            f" {key.removeprefix('CENTRAL_').lower()}={value!s}"
            for key, value in vars(record).items()
            if key.startswith("CENTRAL_")
        )
        line = f"{record.levelname.lower()}: {record.getMessage()}{pairs}"
        return line + ("\n" + self.formatException(record.exc_info) if record.exc_info else "")


def log_to_stderr() -> None:
    """Set logging up: fixed sentences, with what varies as fields."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(KeyValueFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
