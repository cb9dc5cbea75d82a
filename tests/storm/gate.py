"""One gate: the gateway's real loop, journal, recorder, upkeep and uplink in a simulated box.

What stands in for the world: the two clocks, the card, the link's wire. `Service.turn` itself runs
and keeps its own order: step, commit, and only then show, publish and act.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec

from gateway import clock, config, contract, service
from gateway.config import Settings
from gateway.core import events
from gateway.errors import GateError
from gateway.journal.journal import Journal, Stamp
from gateway.journal.recorder import Recorder
from gateway.service import Service
from gateway.starts import Starts
from gateway.upkeep import Upkeep
from gateway.uplink import Out, Pace, Uplink
from gateway.writing import Writing
from tests.storm.disk import Card, Crash, Mortal

RETRY_S: Final = 30.0
"""While nothing can be recorded the loop turns this often; the real one turns each second."""
RESTART_S: Final = 5.0
HEALTH_S: Final = 7200
"""How often a gate says how it fares, when nothing changes; the product's own is a minute."""
TURNS_MAX: Final = 8
_SEAL: Final = bytes((i + 77) % 256 for i in range(256))


def seal(plain: bytes) -> bytes:
    """Make a body unreadable; real sealing costs 100 µs."""
    return plain.translate(_SEAL)


def settings_of(compound: str, gate: str, folder: Path) -> Settings:
    """Tell a gate what it is told, scaled to a day of forty passages."""
    lanes = [{"name": f"{way}1", "way": way, "place": "indoors"} for way in ("in", "out", "foot")]
    settings = msgspec.convert(
        {
            "compound": compound, "gate": gate, "names": {"zh": gate, "en": gate},
            "data_dir": str(folder), "clock": "host", "lane": lanes,
            "broker": {"url": "mqtt://127.0.0.1:1"}, "seal": {"public_key_file": "none"},
        },
        Settings,
    )  # fmt: skip
    return msgspec.structs.replace(
        settings,
        uplink=config.UplinkSettings(
            batch=40, window=4, health_s=HEALTH_S, patience_s=120, patience_s_max=1200
        ),
        retention=config.Retention(entries_min=60, journal_mb_max=1024, ring=60),
    )


@dataclass(slots=True)
class Wall:
    """The gate's wall clock: no battery unless it has one, and set by whoever sets it."""

    off_ms: int = 0
    word: contract.Clock = "ntp"


class _Nothing:
    """Devices and the guard's page: there are none in this world."""

    alive = True

    def stop(self) -> None:
        """Stop nothing."""

    def ending(self) -> None:
        """Watch nothing."""

    def refuse_touches(self) -> None:
        """Refuse nobody."""

    def show(self, _view: bytes) -> None:
        """Show a view to nobody."""

    def health(self) -> tuple[()]:
        """Have no device."""
        return ()

    def first_used(self, _since: Any) -> list[Any]:
        """Have no calibration."""
        return []

    def news(self, _at_ms: int) -> list[Any]:
        """Have nothing to tell of an instrument."""
        return []

    def find(self, _ref: str) -> None:
        """Have no note."""

    def clear(self, _before_ms: int, _after_ms: int | None = None) -> int:
        """Keep no note."""
        return 0

    def shrink(self, _bytes_max: int) -> int:
        """Hold nothing."""
        return 0


class _Face:
    """What people see of the gate, without a page to draw; its health as the gateway tells it."""

    def __init__(self, recorder: Recorder, uplink: Uplink) -> None:
        self._recorder, self._uplink = recorder, uplink

    def remember(self, unfinished: Sequence[Any]) -> tuple[Any, ...]:
        """Know no plate of a passage that is taken up again."""
        return tuple(unfinished)

    def view(self, *_: Any) -> bytes:
        """Draw nothing."""
        return b""

    def recorded(self, *_: Any) -> None:
        """Keep no crops."""

    def health(self, boot: str, _equipment: Any, disk: Any, stamp: Stamp) -> contract.Health:
        """Say how the gate fares."""
        return contract.Health(
            v=contract.VERSION, boot=boot, at_ms=stamp.at_ms, clock=stamp.clock, version="storm",
            waiting=self._uplink.waiting_told, not_recorded=self._recorder.not_recorded, disk=disk,
        )  # fmt: skip


class _Writing(Writing):
    """The real writing, with the checker looking over its shoulder."""

    box: "Box"

    def record(
        self, records: Sequence[events.Record], now: float, stamp: Stamp
    ) -> tuple[contract.Entry, ...]:
        """Record as the gate does, and have it compared."""
        checker = self.box.site.checker
        checker.handed(self.box, records)
        entries = super().record(records, now, stamp)
        checker.recorded(self.box, records, entries, self._recorder)
        return entries


class _Loop(Service):
    """The real service, opened over simulated parts."""

    box: "Box"

    def open_over(self, box: "Box", stamp: Stamp) -> None:
        """Do what `_open` does, without devices, page and network."""
        self.box = box
        self._boot, self._version = box.boot, "storm"
        self._clock = clock.Clock(box.wall_ms, box.mono_ms, lambda: box.wall.word)
        self._starts = Starts(box.card.folder / "starts.json", box.boot, stamp.mono_ms)
        journal = Journal.open(
            box.card.database, compound=self.settings.compound, gate=self.settings.gate,
            boot=box.boot, version="storm", new_stream=box.new_stream, seal=seal, or_refuse=True,
        )  # fmt: skip
        self.journal = journal
        self.recorder = Recorder(journal, self.settings.retention.ring)
        nothing: Any = _Nothing()
        self.desk = self.lessons = self.equipment = self.screen = self.instruments = nothing
        limits = self.settings.uplink
        pace = Pace(
            window=limits.window, batch=limits.batch, patience_s=limits.patience_s,
            patience_s_max=limits.patience_s_max, spread_s=limits.spread_s,
            health_s=limits.health_s,
        )  # fmt: skip
        self.uplink = Uplink(
            journal, compound=self.settings.compound, gate=self.settings.gate, boot=box.boot,
            version="storm", jitter=box.jitter.random, pace=pace,
        )  # fmt: skip
        self.upkeep = Upkeep(
            box.card.folder, journal, self.uplink, nothing, self.settings.retention, nothing
        )
        now = box.site.clock.now
        self.writing = _Writing(self.recorder, self.upkeep, now, self._reopened)
        self.writing.box = box
        self.panel: Any = _Face(self.recorder, self.uplink)
        self.link: Any = box
        self.watch: Any = nothing
        box.will = self._farewell(stamp)
        self._begin(stamp)

    def end(self) -> None:
        """Do what SIGTERM does."""
        self._end()

    @property
    def core_wake_at(self) -> float | None:
        """When the core wants to be woken."""
        return self._wake_at


class Box(Mortal):
    """The hardware, its power, its card and its wire."""

    def __init__(self, site: Any, number: int, place: tuple[str, str], card: Card, seed: int):
        self.site = site
        self.number, self.place, self.card = number, place, card
        self.settings = settings_of(*place, card.folder)
        self.jitter = Random(seed)
        self._ids = Random(seed + 1)
        self.wall = Wall()
        self.boot, self.boots, self.starts = "", 0, 0
        self.boot_s = 0.0
        self.loop: _Loop | None = None
        self.will: Out | None = None
        self.session = 0
        """Which connection to the broker this is; 0: none."""
        self.touched = False
        """Whether somebody changed the card while the gate was down."""
        self.live: dict[str, int] = {}
        """The entries that lie on this card, by stream, as bits."""
        self.sync_after_s: float | None = 60.0
        """How long after power-up the network sets the clock; None: never."""
        self.future = False
        self._wake: float | None = None
        self._turned_s = 0.0
        card.trap = self._pass

    # --- Clocks and chance ------------------------------------------------------------------

    def wall_ms(self) -> int:
        """UTC, as this gate has it."""
        return self.site.epoch_ms + round(self.site.clock.now * 1000.0) + self.wall.off_ms

    def mono_ms(self) -> int:
        """Milliseconds since the boot."""
        return round((self.site.clock.now - self.boot_s) * 1000.0)

    def new_stream(self) -> str:
        """Draw a stream's id."""
        return f"{self._ids.getrandbits(128):032x}"

    @property
    def up(self) -> bool:
        """Whether the process runs."""
        return self.loop is not None

    # --- Life and death ---------------------------------------------------------------------

    def start(self) -> None:
        """Start the process; after a power cut the machine with it."""
        if self.loop is not None:
            return
        if not self.boot:
            self.boots += 1
            self.boot, self.boot_s = f"boot-{self.number}-{self.boots}", self.site.clock.now
        self.starts += 1
        loop = _Loop(self.settings)
        try:
            loop.open_over(self, Stamp(self.wall_ms(), self.mono_ms(), self.wall.word))
        except Crash:
            self._gone()
            return
        except GateError as error:
            self._ended(error)
            return
        self.loop = loop
        self.site.log("starts", self.number, self.boot)
        self.site.checker.started(self, loop.journal)
        self.turn()
        self.site.broker.wants(self)

    def die(self, *, power: bool = False) -> None:
        """Die at once: what was not on the card is gone."""
        if self.loop is not None:
            self.card.cut_off(self.loop.journal.close)
            self.loop = None
        self.trap = None
        self.site.broker.drop(self, will=True)
        self._wake = None
        if power:
            self.card.lose_power()
            self.boot = ""

    def end(self) -> None:
        """Have the process end as it does on SIGTERM."""
        if self.loop is not None:
            try:
                self.loop.end()
            except Crash:
                self.site.log("died of its end", self.number)

    def _gone(self) -> None:
        """Died at a trap; systemd starts it again."""
        self.site.log("died", self.number)
        self.die()
        self.site.after(RESTART_S, self.start)

    def _ended(self, error: GateError) -> None:
        """Ended with a sentence; systemd starts it again."""
        self.site.log("ended", self.number, type(error).__name__)
        self.die()
        self.site.after(RESTART_S * 6, self.start)

    def start_clock(self, how: str, away_s: float) -> None:
        """Have the wall clock as it is after a power-up, and the network set it, or not."""
        self.wall.word = "rtc" if how.startswith("battery") else "unset"
        if how == "1970":
            self.wall.off_ms = -self.site.at_ms()
        elif how == "battery":
            self.wall.off_ms = round((away_s % 7 - 3) * 600_000)
        elif how == "battery never":
            self.wall.off_ms = 0
        else:
            self.wall.off_ms -= round(away_s * 1000.0)
        if "never" not in how:
            wait_s = 7200.0 if how == "late" else 60.0
            boots = self.boots + 1
            self.site.after(wait_s, lambda: self._synchronise(boots))

    def _synchronise(self, boots: int) -> None:
        if self.boots == boots and self.boot:
            self.wall.off_ms, self.wall.word = 0, "ntp"
            self.turn()

    def bound(self, journal_mb_max: float) -> None:
        """Set the journal's high-water mark."""
        retention = msgspec.structs.replace(self.settings.retention, journal_mb_max=journal_mb_max)
        self.settings = msgspec.structs.replace(self.settings, retention=retention)
        if self.loop is not None:
            self.loop.upkeep.retention = retention

    # --- The loop ---------------------------------------------------------------------------

    def happen(self, records: Sequence[events.Record]) -> None:
        """Have something happen at the gate."""
        if self.loop is not None:
            for record in records:
                self.loop.inbox.put(record)
            self.turn()

    def turn(self, first: Sequence[Any] = ()) -> None:
        """Let the loop go round until its queue is empty."""
        if self.loop is None:
            return
        for item in first:
            self.loop.inbox.put(item)
        try:
            for _ in range(TURNS_MAX):
                self.loop.turn(self.loop.inbox.take(0.0))
                if self.loop is None or not len(self.loop.inbox._items):
                    break
        except Crash:
            self._gone()
            return
        if self.loop is not None:
            self._turned_s = self.site.clock.now
            self.site.checker.looked(self)
            self._sleep()

    def _wanted(self) -> float | None:
        """Tell when the loop wants to go round by itself."""
        assert self.loop is not None
        moments = [self.loop.core_wake_at, self.loop.uplink.wake_at]
        if self.loop.recorder.not_recorded:
            moments.append(self._turned_s + RETRY_S)
        return min((at for at in moments if at is not None), default=None)

    def _sleep(self) -> None:
        wake, now = self._wanted(), self.site.clock.now
        if wake is None:
            return
        wake = max(wake, now + 0.05)
        if self._wake is None or self._wake <= now or wake < self._wake:
            self._wake = wake
            self.site.clock.at(wake, self._woke)

    def _woke(self) -> None:
        if self._wake is None or self.site.clock.now < self._wake or self.loop is None:
            return
        self._wake = None
        wanted = self._wanted()
        if wanted is not None and wanted <= self.site.clock.now:
            self.turn()
        else:
            self._sleep()

    # --- The wire: what the service takes for its link ---------------------------------------

    alive = True

    def send(self, outs: Sequence[Out]) -> None:
        """Publish; the process may die before, between and after."""
        if outs and self.trap is not None:
            self._pass("before send")
        for out in outs:
            self.site.broker.from_gate(self, out)
            if self.trap is not None:
                self._pass("after send")


def patched_service(now: Any) -> Any:
    """Name what of the service's module the world replaces: its steady clock and its version."""
    return [(service, "monotonic", now), (service, "installed_version", lambda: "storm")]
