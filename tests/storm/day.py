"""A fault day: the whole site from morning to the next morning, with everything that goes wrong."""

import contextlib
import hashlib
import logging
import shutil
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec

import central.backup
import central.ledger
import central.reading
import gateway.upkeep
import gateway.writing
from central.ledger import Ledger
from gateway import contract
from gateway.journal import file as journal_file
from gateway.journal import opening
from gateway.journal.journal import Journal
from tests.seeded import uncollected
from tests.storm import centre as centre_house
from tests.storm import gate, nemesis, traffic
from tests.storm.broker import Broker
from tests.storm.centre import House
from tests.storm.checker import MESSAGE_BYTES_MAX, Checker
from tests.storm.disk import Card, Crash, Engine, Os
from tests.storm.gate import Box
from tests.storm.nemesis import Action
from tests.world.clockwork import Clockwork

GATES: Final = 8
PASSAGES: Final = 40
DAY_S: Final = 20 * 3600.0
SETTLE_S: Final = 4 * 3600.0
EPOCH_MS: Final = 1_581_379_200_000
"""2020-02-11 08:00 in Shanghai: the day runs over midnight."""
ACTIONS: Final = 14
BACKUP_EVERY_S: Final = 4 * 3600.0
TICK_EVERY_S: Final = 5 * 3600.0
BURIED: Final = 40
"""Entries given up at a time, scaled to the day's journal; the product's own is 1000."""
UPKEEP_S: Final = 300.0
PROOF_S: Final = 900.0
"""How often a gate looks after its folder and proves its card, scaled to a passage each half hour;
the product's own are 10 s and 60 s."""
RAM: Final = Path("/dev/shm")


@dataclass(frozen=True, slots=True)
class Plan:
    """A day: its seed, and which of the nemesis's actions it has; None: all that the seed draws."""

    seed: int
    passages: int = PASSAGES
    keep: tuple[int, ...] | None = None
    actions: int = ACTIONS
    only: tuple[Action, ...] | None = None
    """Just these, whatever the seed draws."""
    together: float = traffic.TOGETHER
    """How busy the gates' loops are."""

    def drawn(self) -> tuple[Action, ...]:
        """Draw the actions, and keep those that are wanted."""
        if self.only is not None:
            return self.only
        rng = Random(f"nemesis {self.seed}")
        count = rng.randint(self.actions // 2, self.actions + self.actions // 2)
        every = nemesis.draw(rng, GATES, DAY_S, count)
        return every if self.keep is None else tuple(every[n] for n in self.keep)


@dataclass(slots=True)
class Outcome:
    """What became of a day."""

    plan: Plan
    broken: list[str]
    digest: str
    figures: Counter[str]
    most: Counter[str]
    actions: Counter[str]
    cpu_s: float
    log: list[str] = field(default_factory=list)


class Site:
    """Everything of one day."""

    def __init__(self, plan: Plan, root: Path) -> None:
        self.plan = plan
        self.root = root
        self.epoch_ms = EPOCH_MS
        self.clock = Clockwork()
        self.cards: dict[str, Card] = {}
        self.digest = hashlib.sha256()
        self.lines: list[str] = []
        self.sessions = 0
        self.garbled: dict[bytes, tuple[str, int]] = {}
        """Messages in which an entry is not what a gate recorded, and the entry's name."""
        self.upgraded = False
        self.messages = 0
        self.healed = False
        self.settled_s = 0.0
        self.checker = Checker(self)
        self.broker = Broker(self, plan.seed * 1000 + 1)
        self.places = [(f"c{n + 1:02}", "gate") for n in range(GATES)]
        self.boxes: list[Box] = []
        for place in self.places:
            self._box(place)
        card = self._card("centre", "ledger.db")
        self.centre = House(self, self.places, root, card)

    def _card(self, name: str, database: str = "journal.db") -> Card:
        card = Card(self.root / name, database)
        self.cards[str(card.folder)] = card
        return card

    def _box(self, place: tuple[str, str]) -> Box:
        number = len(self.boxes)
        card = self._card(f"gate{number}")
        box = Box(self, number, place, card, self.plan.seed * 1000 + 100 + number * 2)
        self.boxes.append(box)
        return box

    # --- Time, and what is written down of it -----------------------------------------------

    def at_ms(self) -> int:
        """The true time."""
        return self.epoch_ms + round(self.clock.now * 1000.0)

    def after(self, delay_s: float, what: Callable[[], object]) -> None:
        """Have something done later."""
        self.clock.at(self.clock.now + delay_s, what)  # type: ignore[arg-type]

    def moment(self) -> str:
        """Say the time of the day."""
        return nemesis._clock(self.clock.now)

    def log(self, *words: object) -> None:
        """Write a line into the trace."""
        line = f"{self.clock.now:.3f} " + " ".join(map(str, words))
        self.digest.update(line.encode())
        self.lines.append(line)

    def seen(self, way: str, number: int, topic: str, payload: bytes) -> None:
        """Take a message into the trace."""
        self.messages += 1
        self.digest.update(f"{self.clock.now:.3f} {way} {number} {topic} ".encode() + payload)
        self.checker.more("bytes of a message", len(payload), MESSAGE_BYTES_MAX)

    # --- The day ----------------------------------------------------------------------------

    def live(self) -> None:
        """Let the day happen, then heal everything and wait until all is settled."""
        self.centre.start()
        for box in self.boxes:
            box.start()
        for box in list(self.boxes):
            self._bring(box, PASSAGES if self.plan.passages is None else self.plan.passages)
        for action in self.plan.drawn():
            self.clock.at(action.at_s, lambda action=action: nemesis.perform(self, action))
        for nth in range(1, int(DAY_S // BACKUP_EVERY_S) + 1):
            self.clock.at(nth * BACKUP_EVERY_S, self.centre.back_up)
        for nth in range(1, int(DAY_S // TICK_EVERY_S) + 1):
            self.clock.at(nth * TICK_EVERY_S - 60.0, self.centre.tick)
        self.clock.run(DAY_S)
        self.heal()
        self._settle()
        self.centre.tick()
        self.checker.final()

    def _bring(self, box: Box, passages: int) -> None:
        rng = Random(f"traffic {self.plan.seed} {box.number}")
        for nth, at in enumerate(traffic.plan(rng, passages, DAY_S)):
            seed = rng.getrandbits(60)
            passage = traffic.Traveller(box, 1000 + nth, seed, self.plan.together)
            if at < self.clock.now:
                continue
            self.clock.at(round(at, 3) + nth / 1e6, self._walk(passage))

    def _walk(self, passage: traffic.Traveller) -> Iterator[float]:
        box = passage.box
        for delay, records in passage.steps():
            if delay:
                yield delay
            if passage.starts < 0:
                passage.starts = box.starts
            if not box.up or box.starts != passage.starts:
                break
            box.happen(records)
            waiting = self.checker.waiting.get(box.number)
            if waiting and passage.starts == box.starts:
                passage.ref = waiting.refs.get(passage.key, passage.ref)
        if passage.ref is not None and passage.rng.random() < 0.06:
            yield 600.0 + passage.rng.random() * 7200.0
            if box.up and self.clock.now < DAY_S:
                box.happen(passage.correction())

    def clone(self, box: Box, image: dict[str, bytes]) -> None:
        """Put a copy of a gate's card into another box, and switch that on."""
        other = self._box(box.place)
        other.card.put(image)
        other.touched = True
        self.checker.forked.add(box.place)
        other.start()
        self._bring(other, 6)

    def calm(self) -> None:
        """Have fair weather again."""
        self.broker.weather.lost = self.broker.weather.doubled = self.broker.weather.late = 0.0

    def upgrade(self) -> None:
        """Bring the centre to the version of its newest gate."""
        if self.upgraded:
            return
        self.upgraded = True
        if self.centre.centre is not None:
            self.centre.die()
            self.after(20.0, self.centre.start)

    def heal(self) -> None:
        """Have everything in order again."""
        self.log("everything heals")
        self.healed = True
        self.calm()
        for box in self.boxes:
            box.trap = None
            if box.card.fault != "torn":
                box.card.fault = None
            box.card.empty()
            box.bound(1024)
            self.broker.mend(box)
            if not box.up:
                if not box.boot:
                    box.start_clock("soon", 60.0)
                box.start()
        self.centre.trap = None
        self.centre.card.fault = None
        if not self.broker.up:
            self.broker.start()
        if any(box.future for box in self.boxes):
            self.upgrade()
        self.centre.start()

    def _settle(self) -> None:
        """Wait until nothing waits any more, up to a bound; a clock may be set meanwhile."""
        until = self.clock.now + SETTLE_S
        while self.clock.now < until:
            self.clock.run(self.clock.now + 30.0)
            settled_s = self.clock.now - DAY_S
            if self._is_settled():
                self.clock.run(self.clock.now + 10.0)
                if self._is_settled():
                    self.settled_s = settled_s
                    return
        self.checker.fail(2, f"not settled {SETTLE_S:.0f} s after everything healed")

    def _is_settled(self) -> bool:
        if self.centre.centre is None or self.centre.centre._in_hand or not self.centre.connected:
            return False
        for box in self.boxes:
            if box.loop is None or box.loop.recorder.not_recorded:
                return False
            for name, bits in box.live.items():
                if bits & ~self.checker.shadow.get(name, 0) & ~self.checker.buried.get(name, 0):
                    return False
            if box.session and box.loop.uplink.waiting:
                return False
        return True


@uncollected()
def run_day(plan: Plan) -> Outcome:
    """Make a day, let it happen, judge it."""
    began = time.process_time()
    root = Path(tempfile.mkdtemp(prefix="storm-", dir=RAM if RAM.is_dir() else None))
    site = Site(plan, root)
    try:
        with edges(site):
            _lay(site)
            try:
                site.live()
            except (Exception, Crash) as error:  # noqa: BLE001 - whatever it dies of breaks a law.
                site.checker.fail(6, f"died of {_said(error)}")
            for box in site.boxes:
                if box.loop is not None:
                    box.loop.journal.close()
            if site.centre.ledger is not None:
                site.centre.ledger.close()
    finally:
        shutil.rmtree(root, ignore_errors=True)
    figures = site.checker.figures
    figures["messages"] = site.messages
    figures["process starts"] = sum(box.starts for box in site.boxes)
    figures["centre starts"] = site.centre.boots
    most = site.checker.most
    most["seconds until settled"] = round(site.settled_s)
    return Outcome(
        plan, site.checker.broken, site.digest.hexdigest(), figures, most,
        Counter(action.what for action in plan.drawn()), time.process_time() - began, site.lines,
    )  # fmt: skip


def _said(error: BaseException) -> str:
    """Say an error, and where in the product it came up."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{Path(one.filename).name}:{one.lineno}" for one in frames[:-5:-1])
    return f"{type(error).__name__}: {error} ({where})"


_BLANK: dict[str, bytes] = {}
"""A new journal's and a new ledger's file, made once by the product and then copied."""


def _lay(site: Site) -> None:
    """Give each gate and the centre a new file: laying tables anew costs 4 ms each."""
    if not _BLANK:
        with tempfile.TemporaryDirectory(dir=RAM if RAM.is_dir() else None) as folder:
            path = Path(folder) / "journal.db"
            Journal.open(
                path, compound="c", gate="g", boot="b", version="v", new_stream=str, seal=bytes
            ).close()
            _BLANK["journal"] = path.read_bytes()
            path = Path(folder) / "ledger.db"
            Ledger.open(path).close()
            _BLANK["ledger"] = path.read_bytes()
    for box in site.boxes:
        box.card.database.write_bytes(_BLANK["journal"])
    site.centre.card.database.write_bytes(_BLANK["ledger"])


@contextmanager
def edges(site: Site) -> Iterator[None]:
    """Have the product's edges lie in this world: its clocks, its SQLite, its room on the disk."""

    def now() -> float:
        return site.clock.now

    engine, system = Engine(site.cards), Os(site.cards)
    understand = central.ledger.understand

    def upgraded(entry: contract.Entry) -> Any:
        if site.upgraded and entry.kind == "decided2":
            entry = msgspec.structs.replace(entry, kind="decided")
        return understand(entry)

    replaced: list[tuple[Any, str, Any]] = [
        *gate.patched_service(now),
        *centre_house.patched_service(now),
        (centre_house.service.clock, "at_ms", site.at_ms),
        (journal_file, "sqlite3", engine),
        (opening, "sqlite3", engine),
        (central.ledger, "sqlite3", engine),
        (central.backup, "sqlite3", engine),
        (journal_file, "os", system),
        (gateway.upkeep, "os", system),
        (gateway.upkeep, "BURIED", BURIED),
        (gateway.upkeep, "EVERY_S", UPKEEP_S),
        (gateway.writing, "PROOF_S", PROOF_S),
        (central.ledger, "understand", upgraded),
        (central.reading, "understand", upgraded),
    ]
    before = [(room, name, getattr(room, name)) for room, name, _ in replaced]
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        for room, name, value in replaced:
            setattr(room, name, value)
        for body, kind in traffic.SECOND_KINDS.items():
            contract._KIND_OF[body] = kind
        yield
    finally:
        logging.disable(level)
        for room, name, value in before:
            setattr(room, name, value)
        for body in traffic.SECOND_KINDS:
            contract._KIND_OF.pop(body, None)


def run_some(plans: Sequence[Plan]) -> list[Outcome]:
    """Run several days in one process."""
    return [run_day(plan) for plan in plans]


__all__ = ["Outcome", "Plan", "Site", "contextlib", "run_day", "run_some"]
