"""A process of the site: started, killed, asked to end; in a network of its own if need be."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time

from tests.faults.wires import enter

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
END_S = 20.0


class Stuck(AssertionError):  # noqa: N818 - it says what is so.
    """Something that must come did not come in time."""


def wait_for(come, wait_s, what):
    """Wait until something is so; give what it gave."""
    until = time.monotonic() + wait_s
    while True:
        began = time.monotonic()
        if found := come():
            return found
        if time.monotonic() > until:
            raise Stuck(f"{what}: not within {wait_s:g} s")
        time.sleep(max(0.05, 2 * (time.monotonic() - began)))  # Looking must not slow what comes.


class Program:
    """One command that is run again and again."""

    def __init__(self, name, command, log, *, environment=None, network=None):
        self.name, self.command, self.log, self.network = name, command, log, network
        self.environment = environment or {}
        self.process = None

    @property
    def runs(self):
        return self.process is not None and self.process.poll() is None

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **self.environment}, start_new_session=True,
                preexec_fn=self._begin,  # noqa: PLW1509 - two calls of libc.
            )  # fmt: skip

    def _begin(self):
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if self.network is not None:
            enter(self.network)

    def said(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def ended_with(self):
        """Give the last it said, for whoever must act."""
        return "\n".join(self.said().splitlines()[-6:])

    def kill(self):
        """End it as a power cut would: at once, and all that it started."""
        return self._end(signal.SIGKILL)

    def stop(self):
        """Ask it to end, as systemd does; give its exit status."""
        return self._end(signal.SIGTERM)

    def freeze(self):
        os.killpg(self.process.pid, signal.SIGSTOP)

    def thaw(self):
        os.killpg(self.process.pid, signal.SIGCONT)

    def _end(self, number):
        if self.process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        try:
            status = self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            raise Stuck(f"{self.name} did not end in {END_S:g} s") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None
        return status
