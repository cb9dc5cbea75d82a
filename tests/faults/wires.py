"""A wire between a gate's network and the site's, of which every packet passes through our hands.

Two TUN devices, one of them in a network namespace made for one gate, and a thread that carries
packets from one to the other: late, seldom, or not at all. The kernel's own TCP is at both ends,
so what is dropped here is lost as on a real line, without a word (a kernel with netem would do;
the ones at hand have none).
"""

import contextlib
import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
from functools import lru_cache
from time import monotonic

_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_CLONE_NEWNET = 0x40000000
_PACKET_MAX = 65536
_LIBC = ctypes.CDLL(None, use_errno=True)


@lru_cache(1)
def obstacle():
    """Say why no wire can be laid on this machine; None when one was."""
    if os.geteuid() != 0:
        return "only root lays a wire"
    try:
        Wire().close()
    except (OSError, subprocess.SubprocessError) as error:
        return f"no wire can be laid here: TUN, network namespaces or ip(8) ({error})"
    return None


def enter(network):
    """Move the calling thread into a network namespace."""
    handle = os.open(f"/run/netns/{network}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _LIBC.setns(handle, _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns to {network}")
    finally:
        os.close(handle)


class Wire:
    """One gate's line; `near` is the site's address on it, `network` where the gate lives."""

    def __init__(self, seed=0):
        number = f"{os.getpid() & 0x3FFF:x}{id(self) >> 4 & 0xFFF:x}"
        self.network = f"gp{number}"
        a, b = random.randrange(1, 255), 4 * random.randrange(1, 63)
        self.near, self.far = f"10.213.{a}.{b + 1}", f"10.213.{a}.{b + 2}"
        self.loss, self.delay_s, self.cut = 0.0, 0.0, False
        self.carried = self.dropped = 0
        self._dice = random.Random(seed)
        self._ends = (f"gpn{number}", f"gpf{number}")
        _ip("netns", "add", self.network)
        try:
            self._near, self._far = (_tun(name) for name in self._ends)
            _ip("link", "set", self._ends[1], "netns", self.network)
            _ip("addr", "add", f"{self.near}/30", "dev", self._ends[0])
            _ip("link", "set", self._ends[0], "up")
            inside = ("-n", self.network)
            _ip(*inside, "addr", "add", f"{self.far}/30", "dev", self._ends[1])
            _ip(*inside, "link", "set", "lo", "up")
            self.plug()
        except BaseException:
            _ip("netns", "del", self.network)
            raise
        self._stop_r, self._stop_w = os.pipe()
        self._thread = threading.Thread(target=self._carry, name="wire", daemon=True)
        self._thread.start()

    def unplug(self):
        """Pull the cable at the gate: its kernel knows."""
        _ip("-n", self.network, "link", "set", self._ends[1], "down")

    def plug(self):
        _ip("-n", self.network, "link", "set", self._ends[1], "up")

    def mend(self):
        """Let everything pass again, at once."""
        self.plug()
        self.loss, self.delay_s, self.cut = 0.0, 0.0, False

    def close(self):
        os.write(self._stop_w, b"!")
        self._thread.join(5)
        for handle in (self._near, self._far, self._stop_r, self._stop_w):
            os.close(handle)
        _ip("netns", "del", self.network)

    def _carry(self):
        due, number = [], 0
        while True:
            wait_s = max(0.0, due[0][0] - monotonic()) if due else None
            ready, _, _ = select.select([self._near, self._far, self._stop_r], [], [], wait_s)
            if self._stop_r in ready:
                return
            for handle, other in ((self._near, self._far), (self._far, self._near)):
                if handle in ready:
                    with contextlib.suppress(OSError):  # Read while the cable is out.
                        packet = os.read(handle, _PACKET_MAX)
                        if self.cut or self._dice.random() < self.loss:
                            self.dropped += 1
                        else:
                            number += 1
                            heapq.heappush(due, (monotonic() + self.delay_s, number, other, packet))
            while due and due[0][0] <= monotonic():
                _, _, other, packet = heapq.heappop(due)
                self.carried += 1
                with contextlib.suppress(OSError):  # The other end is down: the packet is gone.
                    os.write(other, packet)


def _tun(name):
    handle = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(handle, _TUNSETIFF, struct.pack("16sH", name.encode(), _IFF_TUN | _IFF_NO_PI))
    return handle


def _ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)
