"""`./gatepost fuzz`: hostile bytes for every driver, counted against the odds that each states.

Four sorts, a quarter of the bytes each, all from one seed:

- random: nothing but dice
- alphabet: dice over the bytes that the driver's own frames are made of, which reaches farther
- forged: frames whose marks are right and whose every other byte is dice: how many are read is the
  check's own odds, and must not exceed those that the driver states
- mutated: true frames with bytes changed, lost, doubled, put in, and frames cut and joined; a value
  that was never sent is wrong

Whatever comes, nothing is raised, and what is held stays bounded by the longest frame.
"""

import json
import math
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import click

from drivers.decoder import Decoder
from drivers.driver import Driver
from drivers.framing import Refusal
from tests.drivers.conversation import alone, every_driver

SORTS = ("random", "alphabet", "forged", "mutated")
BLOCK_BYTES = 20_000
SENT_KEPT = 16
SPOILT_SHARE = 0.5
EVERY = every_driver()
WRONG = {"checksum": 1 / 256, "crc": 1 / 65536, "none": 1e-3}
"""Of spoilt frames, the share that may say what was never sent. Most of such a frame is as it was,
so that only the check is left to tell, and mostly it has eight bits. Without one two spoilt values
may agree."""


@dataclass
class Found:
    """What one driver made of its bytes."""

    driver: str
    odds: float
    bytes: int = 0
    held_max: int = 0
    held_allowed: int = 0
    random_bytes: int = 0
    random_read: int = 0
    """Single frames read out of bytes that hold none; before any agreement."""
    forged: int = 0
    forged_read: int = 0
    mutated: int = 0
    wrong: int = 0
    """Values believed that were never sent."""
    refusals: Counter = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0


def allowed(tried: float, odds: float) -> float:
    """Say how many chance may find, six deviations above the mean, and one."""
    mean = tried * odds
    return mean + 6 * math.sqrt(mean) + 1


class Fuzz:
    """One driver under fire."""

    def __init__(self, name: str, seed: int) -> None:
        self.driver: Driver = EVERY[name]
        self._dice = random.Random(f"{seed}/{name}")
        self._alone = alone(self.driver)
        frames = [self._frame() for _ in range(20)]
        longest = max(map(len, frames))
        self._letters = bytes(sorted(set(b"".join(frames))))
        self.found = Found(name, self.driver.odds, held_allowed=2 * longest + 64)

    def run(self, bytes_max: int, tell: Callable[[Found], None] = lambda _: None) -> Found:
        """Feed so many bytes, all sorts in turn."""
        began_s, turn = time.monotonic(), 0
        block = min(BLOCK_BYTES, 1 + bytes_max // len(SORTS))
        while self.found.bytes < bytes_max:
            sort = SORTS[turn % len(SORTS)]
            getattr(self, f"_{sort}")(min(block, bytes_max - self.found.bytes))
            turn += 1
            tell(self.found)
        self.found.seconds = round(time.monotonic() - began_s, 1)
        self._judge()
        return self.found

    # --- The four sorts ---

    def _random(self, count: int) -> None:
        self.found.random_bytes += count
        self.found.random_read += len(self._feed(self._alone, [self._dice.randbytes(count)]))

    def _alphabet(self, count: int) -> None:
        self._feed(self.driver, [bytes(self._dice.choices(self._letters, k=count))])

    def _forged(self, count: int) -> None:
        sent = 0
        while sent < count:
            frame = bytearray(self._frame())
            for at in self.driver.framing.free(bytes(frame)):
                frame[at] = self._dice.randrange(256)
            self.found.forged += 1
            self.found.forged_read += not isinstance(self.driver.read_frame(bytes(frame)), Refusal)
            self._feed(self.driver, self.driver.framing.parts(bytes(frame)))
            sent += len(frame)

    def _mutated(self, count: int) -> None:
        values, rounds, sent = [], [], 0
        value = self._value()
        while sent < count:
            if self._dice.random() < 0.1:
                value = self._value()
            values.append(value)
            parts = self.driver.framing.parts(self.driver.write_frame(value))
            if self._dice.random() < SPOILT_SHARE:
                parts = tuple(self._spoil(part) for part in parts)
                self.found.mutated += 1
            rounds.append(parts)
            sent += sum(map(len, parts))
        believed = self._converse(rounds)
        if self.driver.integrity == "none" and self.driver.agreement is None:
            return
        within = self.driver.agreement.within if self.driver.agreement else 0
        known = list(dict.fromkeys(values))
        self.found.wrong += sum(
            not any(self.driver.near(one, true, within) for true in known) for one in believed
        )

    # --- How bytes are made and fed ---

    def _value(self):
        return self.driver.draw(self._dice.randint)

    def _frame(self) -> bytes:
        return self.driver.write_frame(self._value())

    def _spoil(self, part: bytes) -> bytes:
        dice, spoilt = self._dice, bytearray(part)
        for _ in range(dice.randint(1, 3)):
            at = dice.randrange(len(spoilt) + 1) if spoilt else 0
            how = dice.randrange(5)
            if how == 0 and at < len(spoilt):
                spoilt[at] = dice.randrange(256)
            elif how == 1:
                del spoilt[at : at + 1]
            elif how == 2:
                spoilt[at:at] = spoilt[at : at + 1]
            elif how == 3:
                spoilt[at:at] = dice.randbytes(dice.randint(1, 4))
            else:
                del spoilt[at:]
        return bytes(spoilt)

    def _feed(self, driver: Driver, parts) -> list:
        return self._say(Decoder(driver), [tuple(parts)])

    def _converse(self, rounds) -> list:
        return self._say(Decoder(self.driver), rounds)

    def _say(self, decoder: Decoder, rounds) -> list:
        polls, believed = len(decoder.driver.polls), []
        for parts in rounds:
            for number, part in enumerate(parts):
                decoder.ask(number if number < polls else None)
                for chunk in self._chunks(part):
                    believed += self._take(decoder, chunk, quiet=False)
        decoder.ask(None)
        return believed + self._take(decoder, b"", quiet=True)

    def _take(self, decoder: Decoder, chunk: bytes, *, quiet: bool) -> list:
        self.found.bytes += len(chunk)
        found = decoder.feed(chunk, quiet=quiet)
        self.found.held_max = max(self.found.held_max, decoder.held)
        self.found.refusals.update(one.value for one in found if isinstance(one, Refusal))
        return [one for one in found if not isinstance(one, Refusal)]

    def _chunks(self, part: bytes) -> Iterator[bytes]:
        at = 0
        while at < len(part):
            size = self._dice.choice((1, 3, 16, 64, 512, 4096))
            yield part[at : at + size]
            at += size

    def _judge(self) -> None:
        found = self.found
        if found.held_max > found.held_allowed:
            found.faults.append(f"held {found.held_max} bytes, {found.held_allowed} are allowed")
        for what, tried, came in (
            ("read in random bytes", found.random_bytes, found.random_read),
            ("forged frames read", found.forged, found.forged_read),
        ):
            if came > allowed(tried, found.odds):
                found.faults.append(f"{came} of {tried} {what}: the odds stated are {found.odds}")
        if found.wrong > allowed(found.mutated, WRONG[self.driver.integrity]):
            found.faults.append(f"{found.wrong} wrong values from {found.mutated} spoilt frames")


@click.command()
@click.option("--bytes", "bytes_max", default=10_000_000, show_default=True,
              type=click.IntRange(min=1), help="For each driver.")  # fmt: skip
@click.option("--driver", "only", multiple=True, help="Only this one; may be given again.")
@click.option("--seed", default=1, show_default=True, help="The same seed is the same run.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a driver, a line each.")
def main(bytes_max: int, only: tuple[str, ...], seed: int, *, as_json: bool) -> None:
    """Feed hostile bytes to every driver; exit 1 when one does not hold what it states."""
    for name in only:
        if name not in EVERY:
            raise click.UsageError(f"no driver {name!r}; there are: {', '.join(EVERY)}")
    failed = False
    if not as_json:
        click.echo(ROW.format(*HEADS))
    for name in only or EVERY:
        found = Fuzz(name, seed).run(bytes_max, _progress)
        failed = failed or bool(found.faults)
        sys.stderr.write("\r\033[K" if sys.stderr.isatty() else "")
        if as_json:
            click.echo(json.dumps(vars(found)))
            continue
        click.echo(ROW.format(*row(found)))
        for fault in found.faults:
            click.echo(f"  {name}: {fault}", err=True)
    sys.exit(1 if failed else 0)


HEADS = (
    "driver", "bytes", "forged", "read", "chance", "of random", "spoilt", "wrong", "held", "s",
)  # fmt: skip
ROW = "{:<40}{:>12}{:>9}{:>8}{:>9}{:>10}{:>9}{:>7}{:>7}{:>7}"


def row(found: Found) -> tuple:
    """Give what the table shows: `chance` is what the stated odds allow on the average."""
    return (
        found.driver, f"{found.bytes:,}", found.forged, found.forged_read,
        f"{found.forged * found.odds:.1f}", found.random_read, found.mutated, found.wrong,
        found.held_max, found.seconds,
    )  # fmt: skip


def _progress(found: Found) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{found.driver}: {found.bytes:,} bytes")


if __name__ == "__main__":
    main(prog_name="./gatepost fuzz")
