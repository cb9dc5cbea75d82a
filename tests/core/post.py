"""A gate on the test's own clock: say what happens, read what it wrote down."""

from collections.abc import Iterator

from gateway import contract
from gateway.core import core, events
from gateway.core.instrument import Calibration, Instrument
from gateway.core.limits import Limits
from gateway.core.passage import Lane, Passage
from gateway.core.view import view

AIR = 1800
LIMITS = Limits(warm_up_s=0.0)
CALIBRATED = Instrument(Calibration("test-1"))


def in_lane(**fields) -> Lane:
    """Give a car lane with camera and thermometer in a warm shelter."""
    known = {
        "name": "in1", "way": "in", "thermometers": ("t1",), "cameras": ("c1",),
        "place": "shelter", "ambient_centi_c": AIR, "heated_drivers": False,
    }  # fmt: skip
    return Lane(**(known | fields))


def foot_lane(**fields) -> Lane:
    """Give a foot lane with a thermometer and nothing else."""
    known = {"name": "foot1", "way": "foot", "thermometers": ("t2",), "place": "shelter",
             "ambient_centi_c": AIR}  # fmt: skip
    return Lane(**(known | fields))


def out_lane(**fields) -> Lane:
    """Give a lane out with a camera."""
    known = {"name": "out1", "way": "out", "cameras": ("c2",)}
    return Lane(**(known | fields))


class Post:
    """Drives `step` and keeps its effects."""

    def __init__(
        self, *lanes: Lane, limits: Limits = LIMITS, now: float = 1000.0, calibrated: bool = True
    ) -> None:
        self.gate = core.begin(lanes or (in_lane(),), limits)
        self.now = now
        self.effects: list[events.Effect] = []
        self.wake_at: float | None = None
        for device in self.gate.site.meter_of:
            if calibrated:
                self.do(events.InstrumentTold(device, CALIBRATED))
            self.idle(device)
        for camera in self.gate.site.watching:
            self.do(events.DeviceStateChanged(camera, "ok"))

    # --- Doing ------------------------------------------------------------------------------

    def do(self, event: events.Event) -> list[events.Effect]:
        """Let one thing happen now; give what the gate does about it."""
        step = core.step(self.gate, event, self.now)
        self.gate, self.wake_at = step.gate, step.wake_at
        self.effects += step.effects
        return list(step.effects)

    def wait(self, seconds: float) -> None:
        """Let time pass, and wake the gate when it asked for it."""
        until = self.now + seconds
        while self.wake_at is not None and self.wake_at <= until:
            self.now = max(self.now, self.wake_at)
            before = self.wake_at
            self.do(events.Woke())
            assert self.wake_at is None or self.wake_at > before, "a wake that never ends"
        self.now = until

    def sample(self, device: str, centi_c: int, die: int = 1900, mm: int | None = None) -> None:
        """Take one sample, a tenth of a second after the last."""
        self.wait(0.1)
        self.do(events.SampleTaken(device, centi_c, die, self.now, mm))

    def idle(self, device: str = "t1", count: int = 10) -> None:
        """Let a thermometer see nobody."""
        for n in range(count):
            self.sample(device, AIR + n % 3)

    def show(self, centi_c: int, device: str = "t1", count: int = 14) -> None:
        """Let a thermometer see somebody, and not yet end."""
        for n in range(count):
            self.sample(device, centi_c + (-3, 0, 3, 1, -1)[n % 5], die=1900 + n % 2)

    def measure(self, centi_c: int = 3640, device: str = "t1", count: int = 14) -> None:
        """Measure somebody, and take the probe away."""
        self.show(centi_c, device, count)
        self.idle(device, 6)

    def see(self, track: int, *, zone: bool, lane: str = "in1", what: str = "vehicle") -> None:
        """Let the lane's camera see a track."""
        camera = "c2" if lane == "out1" else "c1"
        self.do(events.VehicleSeen(camera, lane, track, zone, what))

    def gone(self, track: int, *, turned: bool = False, lane: str = "in1") -> None:
        """Let a track leave the view."""
        self.do(events.VehicleGone("c2" if lane == "out1" else "c1", lane, track, turned))

    def plate(self, track: int, text: str, status: str = "read", pct: int = 97) -> None:
        """Let a plate be read."""
        self.do(events.PlateRead("c1", "in1", track, status, text, pct))

    def arrive(self, track: int, text: str = "") -> None:
        """Let a vehicle come into view and drive up to the line."""
        self.see(track, zone=False)
        self.wait(1.0)
        self.see(track, zone=True)
        if text:
            self.wait(0.3)
            self.plate(track, text)
        self.wait(0.5)

    def leave(self, track: int) -> None:
        """Let a vehicle drive off."""
        self.see(track, zone=False)
        self.wait(1.0)
        self.gone(track)
        self.wait(2.0)

    # --- Reading ----------------------------------------------------------------------------

    def records(self, body: type[contract.Body]) -> list[events.Record]:
        """Give what was written down of one kind."""
        return [e for e in self.effects if isinstance(e, events.Record) and type(e.body) is body]

    def bodies(self, body: type[contract.Body]) -> list:
        """Give the bodies of one kind."""
        return [record.body for record in self.records(body)]

    def readings(self) -> list[tuple[int | None, int, str]]:
        """Give passage, person and result of each reading."""
        return [
            (record.passage, record.body.person, record.body.result)
            for record in self.records(contract.ReadingTaken)
        ]

    def passage(self, lane: int = 0) -> Passage | None:
        """Give the passage that stands in a lane."""
        return self.gate.lanes[lane].passage

    def decision(self, lane: int = 0) -> str | None:
        """Give what is decided of the passage in a lane."""
        passage = self.passage(lane)
        return passage.decision if passage else None

    def pulses(self) -> list[str]:
        """Give how the barrier was pulsed."""
        return [effect.how for effect in self.effects if isinstance(effect, events.PulseBarrier)]

    def screen(self) -> dict:
        """Give what the guard sees."""
        return view(self.gate, self.now)

    def closed(self) -> dict[int | None, str]:
        """Give how each passage was closed."""
        return {record.passage: record.body.how for record in self.records(contract.Closed)}


def people(passage: Passage) -> Iterator[tuple[int, str]]:
    """Give each person's number and result."""
    return ((person.number, person.result) for person in passage.persons)
