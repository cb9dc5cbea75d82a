"""The site's processes, kept as systemd would keep them: watched, restarted, stopped in order.

Each runs in a session of its own, so a Ctrl-C in the terminal reaches only the demo, which stops
them in the right order; and each is told to die should the demo itself be killed.
"""

import contextlib
import ctypes
import json
import os
import random
import signal
import socket
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

RESTART_S = 0.5
DEATHS_MAX = 5
DEATHS_WITHIN_S = 30.0
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class ChildLost(Exception):  # noqa: N818 - it says what happened, as its neighbours do.
    """A process of the site keeps dying, or died where the demo cannot go on without it."""


@dataclass(slots=True)
class Child:
    """One process of the site."""

    name: str
    command: tuple[str, ...]
    log: Path
    environment: Mapping[str, str]
    restarts: bool
    notices: socket.socket | None
    process: subprocess.Popen[bytes] | None = None
    ready: bool = False
    start_at: float = 0.0
    deaths: deque[float] = field(default_factory=deque)
    unread: bytes = b""

    def lines(self) -> list[bytes]:
        """Take the whole lines that a piped process has said so far."""
        assert self.process is not None
        assert self.process.stdout is not None
        while True:
            try:
                chunk = os.read(self.process.stdout.fileno(), 65536)
            except BlockingIOError:
                break
            if not chunk:
                break
            self.unread += chunk
        *whole, self.unread = self.unread.split(b"\n")
        return whole

    def say(self, word: str) -> None:
        """Say a word to a piped process; one that is gone hears nothing."""
        assert self.process is not None
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(word.encode() + b"\n")
            self.process.stdin.flush()


class Children:
    """All processes of the site."""

    def __init__(self, folder: Path, note: Callable[[str], None]) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self._note = note
        self._all: dict[str, Child] = {}
        self.restarted: list[str] = []
        """Who was started again, in order."""

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        notifies: bool = False,
        restarts: bool = True,
        pipes: bool = False,
    ) -> Child:
        """Start a process; one that notifies is ready when it says READY=1."""
        notices = _notice_socket(name) if notifies else None
        environment = {k: v for k, v in os.environ.items() if k != "NOTIFY_SOCKET"}
        if notices is not None:
            environment["NOTIFY_SOCKET"] = "@" + notices.getsockname()[1:].decode()
        child = Child(
            name, tuple(command), self.logs / f"{name}.log", environment, restarts, notices
        )
        self._all[name] = child
        self._launch(child, pipes=pipes)
        return child

    def watch(self) -> None:
        """Take in what the processes said, and start again what died."""
        now = time.monotonic()
        for child in self._all.values():
            _hear(child)
            if child.process is None:
                if now >= child.start_at:
                    self._launch(child)
            elif child.process.poll() is not None:
                self._died(child, now)

    def ready(self) -> bool:
        """Tell whether every process that notifies has said that it is ready."""
        return all(c.ready for c in self._all.values() if c.notices is not None)

    def waiting_for(self) -> tuple[str, ...]:
        """Name the processes that have not said so yet."""
        return tuple(c.name for c in self._all.values() if c.notices is not None and not c.ready)

    def stop(self, prefix: str = "", bound_s: float = 15.0) -> tuple[str, ...]:
        """Ask the processes whose name begins so to end; name those that had to be killed."""
        chosen = [c for c in self._all.values() if c.name.startswith(prefix)]
        for child in chosen:
            _signal(child, signal.SIGTERM)
        until = time.monotonic() + bound_s
        killed = []
        for child in chosen:
            if child.process is not None:
                try:
                    child.process.wait(max(0.1, until - time.monotonic()))
                except subprocess.TimeoutExpired:
                    killed.append(child.name)
            _kill_group(child)
            if child.notices is not None:
                child.notices.close()
            del self._all[child.name]
        self._write_pids()
        return tuple(killed)

    def _launch(self, child: Child, *, pipes: bool = False) -> None:
        child.ready = False
        with child.log.open("ab") as log:
            child.process = subprocess.Popen(
                child.command,
                stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipes else log,
                stderr=log,
                env=dict(child.environment),
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - it calls one function of libc.
            )
        if pipes and child.process.stdout is not None:
            os.set_blocking(child.process.stdout.fileno(), False)
        self._write_pids()

    def _died(self, child: Child, now: float) -> None:
        assert child.process is not None
        code = child.process.returncode
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with status {code}"
        _kill_group(child)
        child.process = None
        child.ready = False
        child.deaths.append(now)
        while child.deaths[0] < now - DEATHS_WITHIN_S:
            child.deaths.popleft()
        if not child.restarts or len(child.deaths) > DEATHS_MAX:
            raise ChildLost(
                f"{child.name} ended {how}: read {child.log}\n{last_lines(child.log, 8)}"
            )
        self.restarted.append(child.name)
        child.start_at = now + RESTART_S
        self._note(f"{child.name} ended {how}; starting it again (its log: {child.log})")

    def _write_pids(self) -> None:
        pids = {n: c.process.pid for n, c in self._all.items() if c.process is not None}
        fresh = self.folder / "pids.json.new"
        fresh.write_text(json.dumps(pids))
        fresh.replace(self.folder / "pids.json")


def last_lines(log: Path, count: int) -> str:
    """Give a log's last lines, for whoever must act."""
    try:
        return "\n".join(
            f"    {line}" for line in log.read_text(errors="replace").splitlines()[-count:]
        )
    except OSError as error:
        return f"    ({error})"


def free_port() -> int:
    """Find a port on the loopback that nothing listens on now, and that nobody was given yet.

    As long as this process lives nobody else who asks here is given it: whoever was given a port
    may begin to listen late, or end and begin again, while another process looks for one.

    Below the range from which the kernel takes the ports of those who call: a page that calls
    before its gateway listens could otherwise be given that very port, and answer itself.
    """
    for _ in range(1000):
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if _claimed(port):
            return port
    raise ChildLost("no free port between 20000 and 32000 on 127.0.0.1")


def _claimed(port: int) -> bool:
    """Take the name that stands for a port on this machine; False when somebody has it already."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as claim:
        try:
            claim.bind(f"\0gatepost-port-{port}")
        except OSError:
            return False
        claim.detach()  # It stays open, and is the kernel's to take back.
    return True


def _notice_socket(name: str) -> socket.socket:
    notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    notices.bind(f"\0gatepost-demo-{os.getpid()}-{name}")
    return notices


def _hear(child: Child) -> None:
    if child.notices is None:
        return
    while True:
        try:
            said = child.notices.recv(4096)
        except BlockingIOError:
            return
        if b"READY=1" in said.splitlines():
            child.ready = True


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _signal(child: Child, number: int) -> None:
    if child.process is not None and child.process.poll() is None:
        child.process.send_signal(number)


def _kill_group(child: Child) -> None:
    """End what a process left behind: its session holds only its own children."""
    if child.process is None:
        return
    try:
        os.killpg(child.process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        child.process.wait()
