"""A pretended device of any kind: the driver's real bytes, and the faults that lines really have.

Read from an address, `sim://DRIVER?...`:

- what the driver's kind can be told (a thermometer: object, ambient, every_s, for_s, wobble);
  `option.NAME` for the driver's own options
- rate_hz: frames a second (a polled device answers polls); seed: of its dice
- fault: one or several, with commas, from FAULTS; after_frames: from this frame on
"""

import random  # noqa: TID251 - seeded by the address, so a fault can be had again.
from typing import Any, Final

from drivers.address import read_address
from drivers.driver import Driver, declared, load

PARAMETERS: Final = {"rate_hz": "10", "seed": "1", "fault": "", "after_frames": "0"}
OPTION: Final = "option."
FAULTS: Final = {
    "noise": "one byte in a hundred is another",
    "dropped": "one byte in a hundred is lost",
    "doubled": "one byte in a hundred comes twice",
    "burst": "one frame in ten has random bytes before it",
    "corrupt": "every frame has a wrong bit",
    "wrong_baud": "nothing but random bytes",
    "silent": "nothing comes",
    "stuck": "the value never moves",
    "drift": "the value rises by one unit a frame",
    "reset": "each fiftieth frame breaks off, ten more are missing, and a start's garbage follows",
    "torn": "a byte a read",
    "drip": "the bytes of a frame come one by one, all the time until the next",
    "unplug": "the port is gone",
}
BACKLOG_BYTES_MAX: Final = 16384
"""What a kernel holds for a reader that is away; the rest is lost."""
ONE_IN: Final = 100
BURST_BYTES_MAX: Final = 200
RESET_EVERY: Final = 50
RESET_FRAMES: Final = 10
START_GARBAGE: Final = bytes.fromhex("00ff00f8")


class Peer:
    """The device at the other end of a line: what it has sent by a moment."""

    def __init__(self, address: str) -> None:
        """Read an address; raises ValueError, DriverUnknown and OptionRefused."""
        name, values = self._read(address)
        self.period_s = 1 / float(values["rate_hz"])
        self.faults = frozenset(values["fault"].split(",")) - {""}
        for fault in self.faults - FAULTS.keys():
            raise ValueError(f"sim: unknown fault {fault!r}; known: {', '.join(FAULTS)}")
        self._name = name
        self._after = int(values["after_frames"])
        self._values = values
        self._dice = random.Random(values["seed"])  # noqa: S311 - not for secrets.
        self._requests = bytearray()
        self.frames = 0
        """How many the device has come to, sent or not."""
        self.driver.pretend(values, 0.0, self._rolled)  # a wrong value is said at once

    def _read(self, address: str) -> tuple[str, dict[str, str]]:
        name = address.partition("://")[2].partition("?")[0]
        driver: Driver[Any] = declared(name, Driver)
        options = {f"{OPTION}{option}": "" for option in driver.options}
        _, values = read_address(address, {**PARAMETERS, **driver.parameters, **options})
        given = {name: values.pop(OPTION + name) for name in driver.options}
        given = {option: value for option, value in given.items() if value}
        self.driver: Driver[Any] = load(name, Driver, given) if given else driver
        return name, values

    def faulty(self, fault: str) -> bool:
        """Say whether this fault is on by now."""
        return fault in self.faults and self.frames >= self._after

    def pushed_by(self, at_s: float) -> bytes:
        """Give what a device that speaks by itself has sent since it was last asked."""
        due = int(at_s / self.period_s)
        self.frames = max(self.frames, due - BACKLOG_BYTES_MAX)
        sent = bytearray()
        while self.frames < due and not self.driver.polls:
            sent += self._spoilt(self._frame(self.frames * self.period_s))
            self.frames += 1
        return bytes(sent[-BACKLOG_BYTES_MAX:])

    def answer(self, request: bytes, at_s: float) -> bytes:
        """Answer the polls in what came; what is no poll is the driver's to answer, or nobody's."""
        if not self.driver.polls:
            return self._spoilt(self.driver.reply(request))
        sent = bytearray()
        self._requests += request
        while (number := self._next_poll()) is not None:
            parts = self.driver.framing.parts(self._frame(at_s))
            sent += self._spoilt(parts[number] if number < len(parts) else b"")
            self.frames += number == len(self.driver.polls) - 1
        return bytes(sent)

    def _next_poll(self) -> int | None:
        """Take a whole poll out of what came; None: what is left may be the beginning of one."""
        requests, polls = self._requests, self.driver.polls
        while requests:
            for number, poll in enumerate(polls):
                if requests.startswith(poll):
                    del requests[: len(poll)]
                    return number
            if any(poll.startswith(requests) for poll in polls):
                return None
            del requests[:1]
        return None

    def _frame(self, at_s: float) -> bytes:
        dice = self._still if self.faulty("stuck") else self._rolled
        drift = self.frames - self._after + 1 if self.faulty("drift") else 0
        shown = self.driver.pretend(self._values, at_s, dice, drift)
        return b"" if shown is None else self.driver.write_frame(shown)

    def _rolled(self, low: int, high: int) -> int:
        return self._dice.randint(low, high)

    def _still(self, low: int, high: int) -> int:
        return (low + high) // 2

    def _spoilt(self, frame: bytes) -> bytes:
        dice, sent = self._dice, bytearray(frame)
        if self.faulty("wrong_baud"):
            return dice.randbytes(len(frame))
        if self.faulty("silent") or self.faulty("unplug"):
            return b""
        turn = (self.frames - self._after) % RESET_EVERY
        if self.faulty("reset") and turn <= RESET_FRAMES:
            del sent[len(sent) // 2 if turn == 0 else 0 :]
            sent += START_GARBAGE if turn == RESET_FRAMES else b""
        if self.faulty("corrupt") and sent:
            sent[dice.randrange(len(sent))] ^= 1 << dice.randrange(8)
        for fault in ("noise", "dropped", "doubled"):
            if self.faulty(fault):
                sent = bytearray(b"".join(self._one(fault, byte) for byte in sent))
        if self.faulty("burst") and dice.randrange(10) == 0:
            sent[:0] = dice.randbytes(dice.randint(1, BURST_BYTES_MAX))
        return bytes(sent)

    def _one(self, fault: str, byte: int) -> bytes:
        if self._dice.randrange(ONE_IN):
            return bytes((byte,))
        if fault == "noise":
            return self._dice.randbytes(1)
        return b"" if fault == "dropped" else bytes((byte, byte))
