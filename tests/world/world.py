"""One world: a site, its traffic, its misfortunes, from a seed to a verdict."""

import hashlib
import re
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec

from central import config, feeds, hearing, picture
from gateway import contract
from gateway.core import limits, passage
from tests.seeded import uncollected
from tests.world import checker
from tests.world.cases import Case, Script, crash
from tests.world.clockwork import Clockwork, Process
from tests.world.guard import Guard, Habits
from tests.world.lanes import Post, Street
from tests.world.site import Bus, Centre, House, Watch, Weather, note
from tests.world.traffic import Lane, Quota, open_gate
from tests.world.truth import TruthLog

EPOCH_MS: Final = 1_581_328_800_000
"""2020-02-10, 18:00 in Shanghai: every world sees a midnight."""
HOUR_S: Final = 3600.0
RAM: Final = Path("/dev/shm")

POSTS: Final = (
    Post(0, "c01", "east"),
    Post(1, "c02", "east", witness="loop"),
    Post(2, "c03", "north", place="outdoors", around_centi_c=600, cold_share=0.15),
    Post(3, "c04", "south", shared_thermometer=True),
    Post(4, "c05", "east", witness="distance"),
    Post(5, "c06", "west", out_measured=True),
    Post(6, "c07", "east", place="indoors"),
    Post(7, "c08", "main", hot_share=0.05),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What world to make."""

    passages: int
    seed: int
    rate_h: float = 60.0
    """Vehicles an hour into each gate; four fifths as many out, two fifths on foot."""
    hard_share: float = 0.1
    misfortunes: bool = True
    """Broker, link, central, disk: delays, losses, outages, restarts, a restore."""
    only: Case | None = None


@dataclass(slots=True)
class Outcome:
    """What came of it."""

    plan: Plan
    broken: list[str]
    broken_by_law: Counter[int]
    cases: Counter[str]
    figures: Counter[str]
    most: dict[str, int]
    digest: str
    cpu_s: float
    world_s: float


@dataclass(eq=False)
class World:
    """Everything of one seed."""

    plan: Plan
    folder: Path
    clock: Clockwork = field(default_factory=Clockwork)
    watch: Watch = field(default_factory=Watch)
    houses: list[House] = field(default_factory=list)
    lanes: list[Lane] = field(default_factory=list)
    healed: bool = False

    def __post_init__(self) -> None:
        self.rng = Random(self.plan.seed)
        self.log = TruthLog(EPOCH_MS)
        weather = Weather() if self.plan.misfortunes else Weather(0.0, 0.0, 0.0)
        self.bus = Bus(self.clock, self._chance(), self.watch, weather)
        self.centre = Centre(
            self.clock, self._chance(), self.bus, self.folder / "ledger.db", EPOCH_MS
        )
        self.bus.centre = self.centre
        self.quota = Quota(self.plan.passages)

    def _chance(self) -> Random:
        return Random(self.rng.getrandbits(64))

    def build(self) -> None:
        """Set up central, the gates and their streets."""
        self.centre.start()
        script = Script(self.plan.hard_share, self.plan.only)
        for post in POSTS:
            house = House(
                post, self.clock, self._chance(), self.log, self.bus, lanes_of(post),
                limits_of(post), self.watch,
            )  # fmt: skip
            self.bus.houses[post.compound, post.name] = house
            self.houses.append(house)
            street = Street(post, self.clock, self._chance(), house, self.log)
            rows = open_gate(
                street, self.quota, self.plan.rate_h,
                lambda street, lane, gun: Guard(street, lane, gun, Habits()),
            )  # fmt: skip
            house.start()
            for lane in rows:
                lane.worker = lane.work(script)
                self.clock.start(lane.worker)
                self.clock.start(lane.arrivals())
            self.lanes += rows
        if self.plan.misfortunes:
            self.misfortunes()

    # --- Misfortunes ------------------------------------------------------------------------

    def misfortunes(self) -> None:
        """Let broker, links, central and cards fail now and then."""
        for house in self.houses:
            self.clock.start(self._bad_link(house, self._chance()))
            self.clock.start(self._bad_card(house, self._chance()))
        self.clock.start(self._bad_centre(self._chance()))
        self.clock.start(self._bad_broker(self._chance()))
        self.houses[6].never_set = True
        self.clock.start(crash(self.lanes[6 * 3], power=True), 2000.0)

    def _bad_link(self, house: House, rng: Random) -> Process:
        while not self.healed:
            yield rng.expovariate(1 / (2 * HOUR_S))
            if self.healed:
                return
            house.linked = False
            self.bus.joined.discard(house.post.gate)
            yield 20.0  # Half open: nobody has noticed yet.
            self.bus.drop(house)
            yield rng.uniform(10.0, 1200.0)
            house.linked = True
            if house.up:
                self.bus.join(house)

    def _bad_card(self, house: House, rng: Random) -> Process:
        while not self.healed:
            yield rng.expovariate(1 / (3 * HOUR_S))
            if self.healed:
                return
            from_s, house.disk.broken = self.clock.now, True
            yield rng.uniform(3.0, 60.0)
            house.disk.broken = False
            note(self.log, house.post.gate, "card", from_s, self.clock.now)
            house.retry()

    def _bad_centre(self, rng: Random) -> Process:
        nights = 0
        while not self.healed:
            yield rng.expovariate(1 / HOUR_S)
            if self.healed:
                return
            self.centre.back_up()
            nights += 1
            if nights % 3:
                continue
            self.centre.stop()
            yield rng.uniform(5.0, 400.0)
            if nights % 2:
                self.centre.restore()
            else:
                self.centre.start()

    def _bad_broker(self, rng: Random) -> Process:
        while not self.healed:
            yield rng.expovariate(1 / (4 * HOUR_S))
            if self.healed:
                return
            for house in self.houses:
                if house.linked and house.up:
                    self.bus.drop(house)
            yield rng.uniform(1.0, 30.0)
            for house in self.houses:
                if house.linked and house.up:
                    self.bus.join(house)

    # --- The day ----------------------------------------------------------------------------

    def live(self) -> None:
        """Let it all happen, and then let everything heal."""
        self.build()
        while self.quota.left >= 0 or any(lane.busy for lane in self.lanes):
            self.clock.run(self.clock.now + 300.0)
            assert self.clock.now < 400 * 24 * HOUR_S, "the world does not come to an end"
        self.heal()

    def heal(self) -> None:
        """Let nothing more break, and give the entries time to arrive."""
        self.healed = True
        self.clock.run(self.clock.now + HOUR_S)  # What is broken now is mended within this.
        self.bus.weather = Weather(0.0, 0.0, 0.0)
        for house in self.houses:
            house.retry()
        for _ in range(60):
            # Patience grows to five minutes, and half as much again.
            self.clock.run(self.clock.now + 600.0)
            if not any(house.uplink.waiting for house in self.houses):
                return

    # --- The verdict ------------------------------------------------------------------------

    def judge(self) -> tuple[checker.Verdict, str]:
        """Have the checker hold everything against the truth."""
        check = checker.Checker(
            self.log,
            self.watch.written,
            self.watch.shown,
            self.clock.now,
            self.watch.pulses,
            readable_reasons(),
        )
        verdict = check.check()
        ledger = self.centre.ledger
        assert ledger is not None
        for house in self.houses:
            if house.uplink.waiting:
                verdict.breaks(2, f"gate {house.post.gate} still waits for central at the end")
        compounds = {post.gate: post.compound for post in POSTS}
        expected = checker.expected_counts(check, compounds, self._timeless())
        checker.compare_counts(verdict, expected, self._counted())
        checker.compare_entries(verdict, self.watch.all_hashes(), self._held())
        alerts = ledger.db.execute(
            "SELECT s.id, a.alert, a.state FROM alert a JOIN stream s ON s.no = a.stream"
        )
        checker.compare_alerts(verdict, self.watch.written, {(r[0], r[1]): r[2] for r in alerts})
        checker.compare_feeds(verdict, self._feeds(), expected)
        checker.compare_bounds(verdict, self.watch.most)
        for topic in self.watch.personal[:3]:
            verdict.breaks(7, f"something personal in the clear on {topic}")
        for house in self.houses:
            found = house.journal.verify()
            if found.faults:
                verdict.breaks(2, f"the chain of gate {house.post.gate}: {found.faults[0]}")
        digest = hashlib.sha256()
        for ref, hash_ in self.watch.all_hashes():
            digest.update(ref.encode() + hash_)
        for one in self.watch.shown:
            digest.update(repr((one.gate, one.at_s, one.recorded, one.decision)).encode())
        digest.update(repr(sorted(self._counted().items())).encode())
        return verdict, digest.hexdigest()

    def _timeless(self) -> set[str]:
        """Name the streams of boots whose clock was never set."""
        boots = {house.boot for house in self.houses if house.wall.word == "unset"}
        boots |= {boot for house in self.houses for boot in house.timeless}
        return {w.ref[:32] for w in self.watch.written
                if w.kind == "started" and w.open["boot"] in boots}  # fmt: skip

    def _counted(self) -> dict[tuple[str, str], dict[str, int]]:
        ledger = self.centre.ledger
        assert ledger is not None
        names = ", ".join(f"sum({name}) AS {name}" for name in checker.COUNTED)
        rows = ledger.db.execute(
            f"SELECT compound, day, {names} FROM counter GROUP BY compound, day"
        )
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for row in rows:
            counts = {name: row[name] for name in checker.COUNTED}
            if any(counts.values()):
                found[row["compound"], row["day"]] = counts
        return found

    def _feeds(self) -> dict[str, bytes]:
        """Compose what staff would watch at the end."""
        ledger = self.centre.ledger
        assert ledger is not None
        at_ms = EPOCH_MS + round(self.clock.now * 1000)
        drawn = picture.draw(
            ledger.db, ledger.calendar, at_ms, hearing=hearing.Hearing(), now=0.0, heard_s=60.0
        )
        composed = feeds.compose(feeds.scopes(site_of()), drawn)
        return {topic: contract.encode(feed) for topic, feed in composed.items()}

    def _held(self) -> list[tuple[str, bytes]]:
        ledger = self.centre.ledger
        assert ledger is not None
        streams = dict(ledger.db.execute("SELECT no, id FROM stream").fetchall())
        rows = ledger.db.execute("SELECT key, hash FROM entry")
        return [(f"{streams[key >> 40]}/{key & ((1 << 40) - 1)}", bytes(h)) for key, h in rows]


def lanes_of(post: Post) -> tuple[passage.Lane, ...]:
    """Set a gate's lanes as an installer would."""
    ambient = 800 if post.place == "outdoors" else 1900
    # Where it is cold, people have stood in the heated tent before they are measured.
    sheltered = 300.0 if post.place == "outdoors" else 0.0
    common: dict[str, Any] = {
        "place": post.place,
        "ambient_centi_c": ambient,
        "shelter_s": sheltered,
    }
    foot_device = "t1" if post.shared_thermometer else "t2"
    out_devices = ("t3",) if post.out_measured else ()
    return (
        passage.Lane(
            "in1", "in", ("t1",), ("c1",), opens_by_itself=post.gate in {0, 1, 7}, **common
        ),
        passage.Lane(
            "out1", "out", out_devices, ("c2",), takes_temperature=post.out_measured, **common
        ),
        passage.Lane("foot1", "foot", (foot_device,), (), **common),
    )


def limits_of(post: Post) -> limits.Limits:
    """Set a gate's limits; its thermometers are warm."""
    del post
    return limits.Limits(warm_up_s=0.0)


def site_of() -> config.Site:
    """Describe the site to central: 8 compounds, three offices, two cities."""

    def words(text: str) -> dict[str, str]:
        return {"zh": text, "en": text}

    return msgspec.convert(
        {
            "names": words("site"), "zone": "Asia/Shanghai",
            "city": [{"id": "bz", "names": words("bz")}, {"id": "dy", "names": words("dy")}],
            "office": [{"id": f"o{n}", "names": words(f"o{n}")} for n in range(3)],
            "compound": [
                {
                    "id": post.compound, "office": f"o{post.gate % 3}",
                    "city": "bz" if post.gate < 5 else "dy", "names": words(post.compound),
                    "gate": [{"id": post.name, "names": words(post.name)}],
                }
                for post in POSTS
            ],
        },
        config.Site,
    )  # fmt: skip


def readable_reasons() -> frozenset[str]:
    """Read off the guard's page for which reasons it has words, in both languages."""
    text = (resources.files("gateway") / "web" / "words.js").read_text(encoding="utf-8")
    tables = re.findall(r"\breason: \{(.*?)\}", text, re.DOTALL)
    assert len(tables) == 2, "one table a language"
    chinese, english = (frozenset(re.findall(r"(\w+): \"", table)) for table in tables)
    return chinese & english


@uncollected()
def run_world(plan: Plan) -> Outcome:
    """Make a world, let it live, judge it."""
    began = time.process_time()
    with tempfile.TemporaryDirectory(dir=RAM if RAM.is_dir() else None) as folder:
        world = World(plan, Path(folder))
        world.live()
        verdict, digest = world.judge()
        if world.centre.ledger is not None:
            world.centre.ledger.close()
        for house in world.houses:
            house.disk.close()
    figures = verdict.figures
    figures["entries recorded"] = len(world.watch.written)
    figures["messages over the broker"] = world.watch.messages
    figures["barriers opened by themselves"] = len(world.watch.pulses)
    figures["repeats at central"] = world.centre.repeats
    figures["commits refused by the card"] = world.watch.refused
    figures["central restarts"] = world.centre.boots - 1
    return Outcome(
        plan, verdict.broken, verdict.broken_by_law, Counter(world.log.cases), figures,
        dict(world.watch.most), digest, time.process_time() - began, world.clock.now,
    )  # fmt: skip
