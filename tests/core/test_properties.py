"""Whatever comes, in whatever order: no step fails, nothing grows, nothing stays open."""

from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import contract
from gateway.core import core, events
from gateway.core.alerts import ALERTS_MAX
from gateway.core.decision import REASONS
from gateway.core.faces import KEPT
from gateway.core.instrument import Calibration, Instrument
from gateway.core.passage import ASIDE_MAX, ATTEMPTS_KEPT, PERSONS_MAX, PRESENTED_MAX, TRACKS_MAX
from gateway.core.view import view
from gateway.core.windows import SAMPLES_MAX
from gateway.core.work import LOOSE_MAX
from tests.core.post import LIMITS, foot_lane, in_lane, out_lane

LANES = (
    in_lane(opens_by_itself=True, arrays=("a1",), distance="d1", readers=("q1",), barrier="b1"),
    out_lane(),
    foot_lane(),
    foot_lane(name="foot2", thermometers=("t1", "t3")),
)
lanes = st.sampled_from(["in1", "out1", "foot1", "foot2", "nowhere"])
cameras = st.sampled_from(["c1", "c2", "c9"])
devices = st.sampled_from(["t1", "t2", "t3", "c1", "c2", "t9"])
wired = st.sampled_from(["t1", "c1", "d1", "q1", "b1"])
tracks = st.integers(1, 4)
persons = st.integers(-1, 3)
keys = st.none() | st.integers(0, 6)
values = st.sampled_from([-500, 1800, 2600, 3340, 3640, 3700, 3760, 3800, 4800, 38221])
texts = st.sampled_from(["", "鲁MA1234", "鲁MB5678", "x" * 40])
plates = st.builds(
    events.PlateRead, cameras, lanes, tracks,
    st.sampled_from(["read", "unsure", "unread", "none"]), texts, st.integers(0, 100),
    crop=st.sampled_from([b"", b"jpeg"]),
)  # fmt: skip
results = st.lists(st.sampled_from(contract.Result.__args__), max_size=3).map(tuple)
unfinished = st.builds(
    events.Unfinished, st.integers(1, 6), lanes, st.sampled_from(contract.Traveller.__args__),
    st.just("track"), st.floats(-10, 100), st.integers(0, 3), results,
    st.lists(st.integers(1, 3), max_size=3).map(tuple), st.none() | plates,
    st.none() | st.sampled_from(["admit", "recheck", "refer"]), st.booleans(),
)  # fmt: skip
decisions = st.sampled_from(["admit", "recheck", "refer"])
states = st.sampled_from(["ok", "silent", "faulty", "lost"])
ordinary = st.one_of(
    st.builds(
        events.VehicleSeen, cameras, lanes, tracks, st.booleans(),
        st.sampled_from(["vehicle", "bicycle", "person"]),
    ),
    plates,
    st.builds(events.VehicleGone, cameras, lanes, tracks, st.booleans()),
    st.builds(events.PresenceChanged, lanes, st.sampled_from(["distance", "loop"]), st.booleans()),
    st.builds(events.DeviceStateChanged, devices, states, st.just("unplugged")),
    st.builds(
        events.DeviceStateChanged, wired, states, st.just("hub"), st.sampled_from(["1-1", "1-2"])
    ),
    st.builds(events.PassPresented, lanes, st.sampled_from(["q1", "q9"]), st.just("code"), texts),
    st.builds(events.FacesSeen, st.sampled_from(["a1", "a9"]), st.integers(0, 3), st.floats(0, 9)),
    st.builds(
        events.InstrumentTold, devices,
        st.builds(Instrument, st.none() | st.just(Calibration("x", 25)), st.booleans()),
    ),
    st.builds(events.NextTouched, lanes, keys),
    st.builds(events.ArrivalTouched, lanes, st.sampled_from(contract.Traveller.__args__)),
    st.builds(events.PersonTouched, lanes, keys),
    st.builds(events.AgainTouched, lanes, persons, keys),
    st.builds(events.ReadingAssigned, st.integers(0, 9), lanes, st.none() | persons, keys),
    st.builds(events.ReadingDismissed, st.integers(0, 9)),
    st.builds(
        events.TemperatureTyped, lanes, st.none() | persons, values,
        st.sampled_from(["forehead", "wrist", "neck", "contact"]), keys,
    ),
    st.builds(events.PlateTyped, lanes, texts, keys),
    st.builds(events.OverrideTouched, lanes, decisions, texts, texts, keys),
    st.builds(events.AsideTouched, lanes, keys),
    st.builds(events.OpenTouched, lanes, keys),
    st.builds(events.EmergencyTouched, lanes),
    st.builds(events.AlertAcknowledged, st.just("t1-device-1"), st.just("guard")),
    st.builds(events.Resumed, st.lists(unfinished, max_size=3).map(tuple)),
    st.builds(events.ClockChanged, st.sampled_from(["ntp", "rtc", "unset"])),
    st.builds(events.LinkChanged, st.sampled_from(["up", "down", "central_away"])),
    st.builds(events.DiskChanged, st.sampled_from(["ok", "low", "full", "unwritable"])),
    st.builds(events.RecordingChanged, st.integers(0, 3)),
    st.builds(events.DayBegan),
    st.just(events.Woke()),
)  # fmt: skip
windows = st.tuples(devices, values, st.integers(1, 18), st.none() | st.integers(10, 200))
moments = st.lists(st.tuples(st.floats(0, 12) | st.floats(0, 400), ordinary | windows), max_size=30)


def play(happenings) -> tuple[core.Gate, list[events.Effect], float]:
    """Let things happen, as a shell would; give what became of it."""
    gate, now, effects = core.begin(LANES, LIMITS, first_key=7), 1000.0, []
    for wait_s, what in happenings:
        now += wait_s
        if not isinstance(what, tuple):
            gate, now = step(gate, what, now, effects)
            continue
        device, value, count, mm = what
        around = [1800] * 3, [1801] * 7
        for n, centi_c in enumerate((*around[0], *[value] * count, *around[1])):
            now += 0.1
            sample = events.SampleTaken(device, centi_c + n % 3, 1900, now, mm)
            gate, now = step(gate, sample, now, effects)
    return gate, effects, now


def step(gate, event, now, effects):
    done = core.step(gate, event, now)
    effects += done.effects
    assert done.wake_at is None or done.wake_at > now, (event, done.wake_at, now)
    bounded(done.gate)
    return done.gate, now


def bounded(gate: core.Gate) -> None:
    """Law 6: every state is within its bound."""
    assert len(gate.desk.loose) <= LOOSE_MAX
    assert len(gate.desk.alerts) <= ALERTS_MAX
    for state in gate.lanes:
        assert len(state.aside) <= ASIDE_MAX
        assert len(state.tracks) <= TRACKS_MAX
        assert len(state.presented) <= PRESENTED_MAX
        for passage in (state.passage, *state.aside):
            if passage is not None:
                assert len(passage.persons) <= PERSONS_MAX
                assert all(len(p.attempts) <= ATTEMPTS_KEPT for p in passage.persons)
    assert all(len(one.seen) <= KEPT for one in gate.desk.faces)
    for meter in gate.meters:
        assert len(meter.idle) < 16
        assert meter.open is None or len(meter.open.accepted) <= SAMPLES_MAX


def quiet(gate: core.Gate, now: float, effects: list[events.Effect]) -> core.Gate:
    """Let everybody go home: tracks end, loops let go, and time passes."""
    for state in gate.lanes:
        for track in state.tracks:
            gone = events.VehicleGone(track.camera, state.lane.name, track.track)
            gate, _ = step(gate, gone, now, effects)
        for witness, present in state.loops:
            if present:
                free = events.PresenceChanged(state.lane.name, witness, present=False)
                gate, _ = step(gate, free, now, effects)
    for _ in range(200):
        done = core.step(gate, events.Woke(), now)
        gate = done.gate
        effects += done.effects
        if done.wake_at is None:
            return gate
        now = max(now, done.wake_at)
    raise AssertionError("the gate never comes to rest")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(moments)
def test_whatever_happens(happenings):
    gate, effects, now = play(happenings)
    view(gate, now)
    gate = quiet(gate, now, effects)
    assert all(state.passage is None and not state.aside for state in gate.lanes)
    records = [effect for effect in effects if isinstance(effect, events.Record)]
    _every_passage_closes_once(records)
    _decisions_have_reasons(records)
    _pulses_are_recorded(effects)
    for record in records:
        assert contract.encode(record.body)
    _, same, _ = play(happenings)
    assert same == effects[: len(same)], "the same events give the same effects"


def _every_passage_closes_once(records: list[events.Record]) -> None:
    opened = [r.passage for r in records if isinstance(r.body, contract.Opened)]
    closed = [r.passage for r in records if isinstance(r.body, contract.Closed)]
    assert len(set(opened)) == len(opened)
    assert len(set(closed)) == len(closed)
    assert set(opened) <= set(closed)
    over: set[int | None] = set()
    for record in records:
        late = record.passage is not None and record.passage in over
        assert not late or isinstance(record.body, contract.AlertChanged), record
        if isinstance(record.body, contract.Closed):
            over.add(record.passage)


def _decisions_have_reasons(records: list[events.Record]) -> None:
    revisions: dict[int | None, int] = {}
    for record in records:
        if not isinstance(record.body, contract.Decided):
            continue
        said = record.body
        assert said.reasons
        assert set(said.reasons) <= set(REASONS)
        assert said.revision > revisions.get(record.passage, 0)
        revisions[record.passage] = said.revision
        if isinstance(record.sealed, contract.SealedOverride):
            assert record.sealed.operator
            assert record.sealed.reason
        if said.decision == "admit" and "override" not in said.reasons:
            assert set(said.reasons) <= {"normal", "cleared", "temperature_not_taken"}


def _pulses_are_recorded(effects: list[events.Effect]) -> None:
    for before, effect in pairwise(effects):
        if isinstance(effect, events.PulseBarrier):
            assert isinstance(before, events.Record)
            assert before.body == contract.BarrierPulsed(lane=effect.lane, how=effect.how)
    assert not effects or not isinstance(effects[0], events.PulseBarrier)


others = st.sampled_from(["vehicle", "bicycle", "person"])
meddling = st.lists(
    st.tuples(
        st.integers(0, 40), st.integers(2, 4),
        st.sampled_from(["seen", "zone", "out", "gone"]), others,
    ),
    max_size=6,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(meddling, st.integers(0, 25), st.integers(0, 25))
def test_no_window_is_joined_when_two_could_own_it(meddle, first, second):
    """Law 3: an unmarked window has one possible owner, or none.

    A car stands in the zone all along; others come, go, enter the zone and leave it at any moment.
    """
    gate, now = core.begin((in_lane(),), LIMITS), 1000.0
    joined = []
    plan = sorted(meddle)
    present: dict[int, tuple[str, bool]] = {}
    history: list[dict[int, tuple[str, bool]]] = []
    line = [1800] * 10 + [3640] * 10 + [1800] * (8 + first) + [3650] * 10 + [1800] * (8 + second)
    gate = core.step(gate, events.VehicleSeen("c1", "in1", 1, True), now).gate
    for tick, value in enumerate(line):
        now += 0.1
        for when, track, what, who in plan:
            if when * 2 == tick:
                gate = _meddle(gate, track, what, who, present, now)
        history.append(dict(present))
        sample = events.SampleTaken("t1", value + tick % 3, 1900, now)
        done = core.step(gate, sample, now)
        gate = done.gate
        joined += [
            (tick, r.passage)
            for r in done.effects
            if isinstance(r, events.Record) and isinstance(r.body, contract.ReadingTaken)
        ]
    starts = (10, 28 + first)
    for nth, (_, passage) in enumerate(joined):
        seen = [who for at in history[starts[nth] : starts[nth] + 10] for who in at.values()]
        if any(zone or (what != "vehicle") for what, zone in seen):
            assert passage is None, "somebody else stood in the zone or beside the car"
        if nth == 1 and seen:
            assert passage is None, "the guard may have walked ahead"
    assert len(joined) == 2


def _meddle(gate, track, what, who, present, now):
    if what == "gone":
        present.pop(track, None)
        return core.step(gate, events.VehicleGone("c1", "in1", track, turned=True), now).gate
    present[track] = (who, what == "zone")
    seen = events.VehicleSeen("c1", "in1", track, what == "zone", who)
    return core.step(gate, seen, now).gate
