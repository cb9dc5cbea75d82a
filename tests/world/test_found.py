"""What the world found, each in small, so that it stays found."""

from msgspec import Raw

from gateway.contract import Decided, Entry, Opened, encode
from gateway.core import core, events, limits, passage
from gateway.journal import folding


def lane_that_opens():
    return passage.Lane(
        "in1",
        "in",
        ("t1",),
        ("c1",),
        place="indoors",
        opens_by_itself=True,
        heated_drivers=False,
        ambient_centi_c=2000,
    )


class Gate:
    """A core with its moments; keeps every effect."""

    def __init__(self):
        self.gate = core.begin((lane_that_opens(),), limits.Limits())
        self.now = 1000.0
        self.effects = []

    def tell(self, event, after_s=1.0):
        self.now += after_s
        step = core.step(self.gate, event, self.now)
        self.gate = step.gate
        self.effects += step.effects

    def arrive(self, track):
        self.tell(events.VehicleSeen("c1", "in1", track, in_zone=False))
        self.tell(events.VehicleSeen("c1", "in1", track, in_zone=True))

    def measure(self, centi_c):
        for value in [1500] * 3 + [centi_c] * 10 + [1500] * 4:
            jitter = int(self.now * 10) % 3
            self.tell(events.SampleTaken("t1", value + jitter, 1600 + jitter, self.now + 0.1), 0.1)

    def pulses(self):
        return [effect for effect in self.effects if isinstance(effect, events.PulseBarrier)]

    def decisions(self):
        return [
            effect.body.decision
            for effect in self.effects
            if isinstance(effect, events.Record) and isinstance(effect.body, Decided)
        ]


def test_a_tap_on_a_feverish_reading_admits_nobody_for_a_moment():
    """Between dropping the unassigned reading and giving it, the passage looked admitted."""
    gate = Gate()
    gate.arrive(1)
    gate.measure(3712)
    gate.tell(events.VehicleSeen("c1", "in1", 2, in_zone=False))
    gate.measure(3850)
    loose = gate.gate.desk.loose
    assert len(loose) == 1
    gate.tell(events.TemperatureTyped("in1", 1, 3650, "contact"))
    assert gate.decisions()[-1] == "recheck"
    gate.tell(events.ReadingAssigned(loose[0].number, "in1"))
    assert "admit" not in gate.decisions()
    assert not gate.pulses()


def test_an_override_outlives_a_restart():
    """The screen came back with advice that the journal did not hold."""
    stream = "a" * 32
    bodies = [
        ("opened", Opened(lane="in1", way="in", traveller="vehicle", witness="track")),
        ("decided", Decided(decision="recheck", revision=1, passage=f"{stream}/1")),
        (
            "decided",
            Decided(decision="admit", revision=2, advice="recheck", passage=f"{stream}/1"),
        ),
    ]
    entries = [
        Entry(v=1, stream=stream, seq=seq, prev="0" * 64, kind=kind, open=Raw(encode(body)))
        for seq, (kind, body) in enumerate(bodies, 1)
    ]
    (found,) = folding.fold(entries)
    unfinished = found.as_unfinished(1, 5.0)
    assert (unfinished.decision, unfinished.overridden, unfinished.revision) == ("admit", True, 2)


def test_a_vehicle_found_at_the_line_may_have_been_measured_already():
    """It came while the gateway was down; the guard had measured it, and walked on."""
    gate = Gate()
    gate.tell(events.VehicleSeen("c1", "in1", 1, in_zone=True))
    gate.tell(events.VehicleSeen("c1", "in1", 2, in_zone=False), 0.0)
    gate.measure(3650)
    assert len(gate.gate.desk.loose) == 1
    assert "admit" not in gate.decisions()


def test_a_feverish_reading_keeps_a_passage_from_admission_while_it_waits_aside():
    """Its two minutes ran out, and the contact thermometer cleared only the driver."""
    gate = Gate()
    gate.arrive(1)
    gate.measure(3300)
    gate.tell(events.VehicleSeen("c1", "in1", 2, in_zone=False))
    gate.measure(3850)
    gate.tell(events.AsideTouched("in1"))
    (aside,) = gate.gate.lanes[0].aside
    gate.tell(events.VehicleGone("c1", "in1", 1))
    gate.tell(events.Woke(), 400.0)
    assert len(gate.gate.desk.loose) == 1
    gate.tell(events.TemperatureTyped("in1", 1, 3650, "contact", passage=aside.key))
    assert "admit" not in gate.decisions()
    assert not gate.pulses()


def test_a_window_after_a_feverish_one_opens_no_passage_where_no_camera_tells():
    """The driver was hot, his passenger was not; the two looked like two vehicles."""
    gate = Gate()
    gate.tell(events.DeviceStateChanged("c1", "lost"))
    gate.measure(3850)
    gate.measure(3650)
    assert [loose.why for loose in gate.gate.desk.loose] == ["unwitnessed"]
    assert "admit" not in gate.decisions()
    assert not gate.pulses()


def test_what_the_camera_finds_on_coming_back_may_be_whom_time_sent_aside():
    """Two of its people were hot; the guard waited with them, and the camera came back."""
    gate = Gate()
    gate.tell(events.DeviceStateChanged("c1", "lost"))
    gate.measure(3850)
    gate.tell(events.Woke(), 60.0)
    assert gate.gate.lanes[0].passage is None
    gate.tell(events.DeviceStateChanged("c1", "ok"))
    gate.tell(events.VehicleSeen("c1", "in1", 7, in_zone=True))
    gate.measure(3650)
    for loose in gate.gate.desk.loose:
        gate.tell(events.ReadingAssigned(loose.number, "in1"))
    assert gate.gate.lanes[0].passage.persons
    assert gate.decisions()[-1] == "recheck"
    assert not gate.pulses()
    gate.tell(events.TemperatureTyped("in1", 1, 3650, "contact"))
    assert gate.decisions()[-1] == "admit"
