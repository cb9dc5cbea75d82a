"""What a gate finds around it at its start: its folder held, its desk's key, its clock's word."""

import contextlib
import fcntl
import os
import secrets  # noqa: TID251 - the desk's key.
from collections.abc import Callable
from pathlib import Path

from gateway import clock, contract, seal, systemd
from gateway.config import Settings
from gateway.errors import GateBusy, GateError


def clock_state(settings: Settings) -> Callable[[], contract.Clock]:
    """Give the function that says whether the wall clock may be believed."""
    if settings.clock == "kernel":
        return clock.kernel_clock
    return lambda: "rtc" if clock.kernel_clock() == "unset" else clock.kernel_clock()


def lock(folder: Path) -> int:
    """Hold the gate's folder for this process alone; raises GateBusy."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise GateBusy(
            f"Another gateway runs on {folder}: end it first, or give this one another data_dir."
        ) from error
    return handle


def desk_key(settings: Settings) -> bytes:
    """Read the desk's key, or draw one that does not outlive the machine's power.

    Under systemd it is kept in the unit's runtime folder, in memory; else in this process only.
    """
    if settings.desk.key_file:
        return seal.read_key(Path(settings.desk.key_file), "desk.key_file")
    if settings.desk.key_credential:
        key = systemd.credential(settings.desk.key_credential)
        return key if len(key) == seal.KEY_BYTES else seal.parse_key(key, "the desk's credential")
    runtime = os.environ.get("RUNTIME_DIRECTORY", "")
    if not runtime:
        return secrets.token_bytes(seal.KEY_BYTES)
    path = Path(runtime) / "desk.key"
    with contextlib.suppress(GateError):
        return seal.read_key(path, "desk")
    path.write_bytes(secrets.token_bytes(seal.KEY_BYTES))
    path.chmod(0o600)
    return path.read_bytes()
