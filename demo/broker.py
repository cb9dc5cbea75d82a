"""The broker of the demo: the distribution's mosquitto, on the loopback only."""

import os
import shutil
from pathlib import Path

PLACES = "/usr/local/sbin:/usr/sbin:/sbin"
"""Debian keeps it where no ordinary user's path leads."""


class BrokerMissing(Exception):  # noqa: N818 - it says what is so.
    """No mosquitto on this machine."""


def find_mosquitto() -> str:
    """Find mosquitto, also where ./gatepost unpacked it without root."""
    beside = Path(__file__).resolve().parent.parent / ".cache" / "mosquitto" / "bin"
    found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:{PLACES}:{beside}")
    if found is None:
        raise BrokerMissing(
            "no mosquitto on this machine: run ./gatepost demo, which sets it up, "
            "or name another broker with --broker mqtt://HOST:PORT"
        )
    return found


def write_configuration(path: Path, *, mqtt_port: int, websockets_port: int) -> None:
    """Write mosquitto's configuration: two listeners, nothing kept, nobody from outside.

    Nothing is kept on purpose: the broker's memory appears nowhere in the counts' argument.
    The queue is long because it is one for all listeners, and a burst overflows the default.
    """
    path.write_text(
        f"listener {mqtt_port} 127.0.0.1\n"
        f"listener {websockets_port} 127.0.0.1\n"
        "protocol websockets\n"
        "allow_anonymous true\n"
        "persistence false\n"
        "max_queued_messages 100000\n"
        "set_tcp_nodelay true\n"
        "log_dest stderr\n"
    )
