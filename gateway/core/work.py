"""The gate's whole state, frozen, and the draft on which one step works.

Law: a `Gate` never changes. A step copies what it touches into a `Work`, changes that, and freezes
it again; nothing of a `Work` outlives its step. Pure.
"""

from collections.abc import Mapping
from math import inf
from typing import Final, Literal, TypeAlias

from msgspec.structs import replace

from gateway import contract
from gateway.contract import Clock
from gateway.core import alerts
from gateway.core.alerts import Alert
from gateway.core.decision import Advice, advise, in_force
from gateway.core.events import (
    NOTHING_YET,
    Effect,
    KeepCrop,
    PlateRead,
    PulseBarrier,
    Record,
    Tally,
)
from gateway.core.instrument import HAND, UNCALIBRATED, Instrument
from gateway.core.limits import Limits
from gateway.core.passage import ALARMING, UNSEEN, How, LaneState, Last, Passage, Track, Witness
from gateway.core.screening import Reading, Window
from gateway.core.values import Value
from gateway.core.windows import Meter, is_stuck

LOOSE_MAX: Final = 16
"""Unassigned readings that are kept for the guard's tap."""
PLATE_CHARACTERS_MAX: Final = 16
DeviceKind: TypeAlias = Literal["thermometer", "array", "camera", "distance", "reader", "barrier"]
DeviceState: TypeAlias = Literal["ok", "silent", "faulty", "lost"]
_PLATE_RANK: Final = {"none": 0, "unread": 1, "unsure": 2, "read": 3}


class Site(Value, frozen=True):
    """What is set, and where to find it."""

    limits: Limits
    lane_of: Mapping[str, int]
    meter_of: Mapping[str, int]
    device_of: Mapping[str, int]
    measuring: Mapping[str, tuple[int, ...]]
    """Thermometer -> the lanes that measure with it."""
    finding: Mapping[str, tuple[int, ...]]
    """Array -> the lanes whose faces it finds."""
    watching: Mapping[str, tuple[int, ...]]
    """Camera -> the lanes that it watches."""
    feeling: Mapping[str, tuple[int, ...]]
    """Distance sensor -> the lanes in which it feels."""


class Device(Value, frozen=True):
    """A device and the edge's last word on it; ok until told otherwise."""

    device: str
    kind: DeviceKind
    state: DeviceState = "ok"
    reason: str = ""
    heard: bool = False
    """The edge has said a word on it since the start."""
    cause: str = ""
    """The alert's cause that it shares, while it is not well."""
    instrument: Instrument = UNCALIBRATED
    """A thermometer's calibration, as the shell has told it."""


class Faces(Value, frozen=True):
    """What an array saw lately: moments, and how many faces."""

    device: str
    seen: tuple[tuple[float, int], ...]


class Loose(Value, frozen=True):
    """A reading that is nobody's, until the guard's tap or its time."""

    number: int
    window: Window
    reading: Reading
    lane: int | None
    at_s: float
    why: str

    def holds(self, passage: Passage) -> bool:
        """Say whether this reading, while it is nobody's, keeps a passage from admission."""
        result = self.reading.result
        if self.number in passage.walked:
            return result in ALARMING
        return self.number in passage.doubts and result != "NORMAL"


class Desk(Value, frozen=True):
    """Everything that is of no single lane."""

    loose: tuple[Loose, ...] = ()
    alerts: tuple[Alert, ...] = ()
    devices: tuple[Device, ...] = ()
    stuck: tuple[str, ...] = ()
    """Thermometers whose line does not move."""
    next_key: int = 1
    next_reading: int = 1
    next_alert: int = 1
    clock: Clock = "ntp"
    link: Literal["up", "down", "central_away"] = "down"
    disk: Literal["ok", "low", "full", "unwritable"] = "ok"
    not_recorded: int = 0
    faces: tuple[Faces, ...] = ()
    resumed: bool = False
    """The journal's unfinished passages were taken up; that happens once."""
    tally: Tally = NOTHING_YET


class Gate(Value, frozen=True):
    """All that a gate knows at one moment."""

    site: Site
    lanes: tuple[LaneState, ...]
    meters: tuple[Meter, ...]
    desk: Desk
    wake_s: float = inf
    """When something falls due, apart from open windows."""


class Step(Value, frozen=True):
    """What is now so, what to do about it in this order, and when to wake."""

    gate: Gate
    effects: tuple[Effect, ...]
    wake_at: float | None


class Work:
    """One step's draft of a gate."""

    __slots__ = ("alerts", "desk", "effects", "lanes", "limits", "meters", "now", "site")

    def __init__(self, gate: Gate, now: float) -> None:
        self.site = gate.site
        self.limits = gate.site.limits
        self.lanes = list(gate.lanes)
        self.meters = list(gate.meters)
        self.desk = gate.desk
        self.alerts = list(gate.desk.alerts)
        self.effects: list[Effect] = []
        self.now = now

    # --- Small changes ----------------------------------------------------------------------

    def record(
        self, body: contract.Body, passage: int | None, sealed: contract.Sealed | None = None
    ) -> None:
        """Write something down."""
        self.effects.append(Record(body, passage, sealed))

    def put(self, i: int, passage: Passage) -> None:
        """Put a passage back where it stands: in the lane or aside."""
        state = self.lanes[i]
        if state.passage is not None and state.passage.key == passage.key:
            self.lanes[i] = replace(state, passage=passage)
            return
        aside = tuple(passage if old.key == passage.key else old for old in state.aside)
        self.lanes[i] = replace(state, aside=aside)

    def find(self, i: int, key: int | None) -> Passage | None:
        """Find a lane's passage by its key; no key: the one that stands there."""
        state = self.lanes[i]
        if key is None or (state.passage is not None and state.passage.key == key):
            return state.passage
        return next((old for old in state.aside if old.key == key), None)

    def alive(self, i: int) -> bool:
        """Say whether a thermometer of this lane can be trusted to measure."""
        names = self.lanes[i].lane.thermometers
        return any(
            self.desk.devices[self.site.device_of[name]].state == "ok"
            and name not in self.desk.stuck
            for name in names
        )

    def ails(self, device: str) -> bool:
        """Say whether what comes from a thermometer is not to be trusted, though it comes."""
        index = self.site.device_of.get(device)
        return index is not None and self.desk.devices[index].state == "faulty"

    def instrument(self, device: str) -> Instrument:
        """Give what is known of a thermometer; one that is none of ours is the guard's own."""
        index = self.site.device_of.get(device)
        return HAND if index is None else self.desk.devices[index].instrument

    # --- Alerts -----------------------------------------------------------------------------

    def alarm(
        self, cause: str, what: str, priority: int, *, lane: str | None = None,
        device: str | None = None, passage: int | None = None,
    ) -> None:  # fmt: skip
        """Let a condition come, under a fresh name if it is a new occurrence."""
        number = self.desk.next_alert
        stem = (device or lane or "gate")[:12]
        name = f"{stem}-{what.split('_', maxsplit=1)[0]}-{number}"
        fresh = Alert(name, cause, what, priority, "unack", self.now, lane, device, passage)
        self.effects.extend(alerts.raise_alert(self.alerts, fresh))
        if self.alerts and self.alerts[-1] is fresh:
            self.desk = replace(self.desk, next_alert=number + 1)

    def calm(self, cause: str) -> None:
        """Let a condition go."""
        self.effects.extend(alerts.clear_alert(self.alerts, cause))

    # --- Passages ---------------------------------------------------------------------------

    def open(
        self, i: int, witness: Witness, traveller: contract.Traveller, *,
        track: Track | None = None, since_s: float | None = None,
    ) -> Passage:  # fmt: skip
        """Open a passage in an empty lane."""
        state = self.lanes[i]
        assert state.passage is None, "a lane holds one passage at a time"
        key = self.desk.next_key
        began_s = self.now if since_s is None else since_s
        passage = Passage(
            key, traveller, witness, began_s, began_s, self.now,
            None if track is None else (track.camera, track.track),
            walked=() if track is None else track.walked,
        )  # fmt: skip
        if state.before and self.now <= state.before_s:
            plate = state.before_plate
            passage = replace(passage, before=state.before, before_plate=plate)
        if UNSEEN in passage.walked and self.now <= state.lingers_s:
            passage = replace(passage, before=(*passage.before, *state.lingering))
        lane = state.lane
        lingering = () if witness == "track" else state.lingering
        self.lanes[i] = replace(state, passage=passage, before=(), lingering=lingering)
        tally, way = self.desk.tally, lane.way
        self.desk = replace(
            self.desk,
            next_key=key + 1,
            tally=replace(
                tally,
                passages_in=tally.passages_in + (way == "in"),
                passages_out=tally.passages_out + (way == "out"),
                on_foot=tally.on_foot + (way == "foot"),
            ),
        )
        self.record(
            contract.Opened(lane=lane.name, way=way, traveller=traveller, witness=witness), key
        )
        if track is not None and track.plate is not None:
            passage = self.take_plate(i, passage, track.plate)
        return self.settle(i, passage)

    def close(self, i: int, passage: Passage, how: How) -> None:
        """End a passage, in the lane or aside."""
        key, lane = passage.key, self.lanes[i].lane
        if passage.plate_recorded is None and lane.way != "foot":
            status: contract.PlateStatus = "none" if passage.traveller == "bicycle" else "unread"
            if passage.plate is not None:
                status = passage.plate.status
            self.record(contract.PlateSeen(status=status), key)
        self.record(contract.Closed(how=how, persons=len(passage.persons)), key)
        self.calm(f"suspected-{key}")
        self.calm(f"confirmed-{key}")
        state = self.lanes[i]
        if state.mark is not None and state.mark.passage == key:
            state = replace(state, mark=None)
        if state.passage is None or state.passage.key != key:
            aside = tuple(old for old in state.aside if old.key != key)
            self.lanes[i] = replace(state, aside=aside)
            return
        tracks = tuple(
            replace(track, served=True, measured=passage.windows > 0)
            if (track.camera, track.track) == passage.track
            else track
            for track in state.tracks
        )
        last = Last(key, passage.decision, self.now)
        self.lanes[i] = replace(state, passage=None, tracks=tracks, last=last)

    def take_plate(self, i: int, passage: Passage, plate: PlateRead) -> Passage:
        """Keep a plate if it is better than what is known; write it down when it says more."""
        old = passage.plate
        if passage.typed or (old is not None and not _is_better(plate, old)):
            return passage
        known = passage.before_plate
        if known and known.status == plate.status == "read" and known.text != plate.text:
            passage = replace(passage, before=(), before_plate=None)
        if plate.crop:
            self.effects.append(KeepCrop(passage.key, plate.crop))
        passage = replace(passage, plate=plate)
        said = (plate.status, plate.text)
        if plate.status in ("read", "unsure") and said != passage.plate_recorded:
            self.record(
                contract.PlateSeen(
                    status=plate.status, plate_kind=plate.plate_kind,
                    confidence_pct=plate.confidence_pct,
                ),
                passage.key,
                contract.SealedPlate(text=plate.text, candidates=plate.candidates),
            )  # fmt: skip
            passage = replace(passage, plate_recorded=said)
        self.put(i, passage)
        return passage

    def advise(self, i: int, passage: Passage) -> Advice:
        """Ask the table what to do with a passage."""
        loose = tuple(
            (-one.number, one.reading.result) for one in self.desk.loose if one.holds(passage)
        )
        return advise(passage, self.lanes[i].lane, self.alive(i), loose)

    def settle(
        self, i: int, passage: Passage, sealed: contract.SealedOverride | None = None
    ) -> Passage:
        """Decide anew; write it down if it changed, raise and clear alerts, open if told to."""
        lane = self.lanes[i].lane
        advice = self.advise(i, passage)
        override = in_force(advice, passage.override)
        decision, reasons, advised = advice.decision, advice.reasons, None
        if override is not None:
            decision, advised = override.decision, advice.decision or "recheck"
            reasons = (*(reasons or ("not_measured",)), "override")
        if decision is None:
            self.put(i, passage)
            return passage
        # A person more is worth an entry: the count of persons is taken from the latest.
        changed = (decision, reasons, len(passage.persons)) != (
            passage.decision, passage.reasons, passage.decided_persons,
        ) or sealed is not None  # fmt: skip
        if changed:
            referred = (decision == "refer") - (passage.decision == "refer")
            tally = replace(self.desk.tally, refer=self.desk.tally.refer + referred)
            self.desk = replace(self.desk, tally=tally)
            passage = replace(
                passage, decision=decision, reasons=reasons, override=override,
                revision=passage.revision + 1, decided_persons=len(passage.persons),
            )  # fmt: skip
            self.record(
                contract.Decided(
                    decision=decision, revision=passage.revision, reasons=reasons,
                    persons=len(passage.persons), advice=advised,
                ),
                passage.key,
                sealed,
            )  # fmt: skip
        self._tell_fever(lane.name, passage)
        passage = self._open_by_itself(i, passage)
        self.put(i, passage)
        return passage

    def pulse(
        self, lane: str, how: Literal["guard", "itself", "emergency"], passage: int | None
    ) -> None:
        """Write the pulse down, then pulse."""
        self.record(contract.BarrierPulsed(lane=lane, how=how), passage)
        self.effects.append(PulseBarrier(lane, how))

    def _open_by_itself(self, i: int, passage: Passage) -> Passage:
        """Open if the lane says so, what was decided is recorded, and nobody opened before."""
        state = self.lanes[i]
        here = state.passage is not None and state.passage.key == passage.key
        if (
            not state.lane.opens_by_itself
            or not here
            or passage.decision != "admit"
            or passage.pulsed_s is not None
            or passage.resumed
            or passage.left_s is not None
            or self.desk.not_recorded
            or self.desk.disk in ("full", "unwritable")
        ):
            return passage
        self.pulse(state.lane.name, "itself", passage.key)
        return replace(passage, pulsed_s=self.now)

    def _tell_fever(self, lane: str, passage: Passage) -> None:
        key = passage.key
        results = {person.result for person in passage.persons}
        if "FEVER_CONFIRMED" in results:
            self.alarm(f"confirmed-{key}", "fever_confirmed", 1, lane=lane, passage=key)
        else:
            self.calm(f"confirmed-{key}")
        if "SUSPECT_FEVER" in results:
            self.alarm(f"suspected-{key}", "suspect_fever", 2, lane=lane, passage=key)
        else:
            self.calm(f"suspected-{key}")

    def tell_stuck(self, meter: Meter) -> None:
        """Raise or clear the alert of a line that does not move."""
        device, stuck = meter.device, is_stuck(meter, self.limits)
        if stuck == (device in self.desk.stuck):
            return
        names = tuple(name for name in self.desk.stuck if name != device)
        self.desk = replace(self.desk, stuck=(*names, device) if stuck else names)
        if stuck:
            self.alarm(f"stuck-{device}", "stuck_device", 2, device=device)
        else:
            self.calm(f"stuck-{device}")


def _is_better(new: PlateRead, old: PlateRead) -> bool:
    ranks = _PLATE_RANK[new.status], _PLATE_RANK[old.status]
    if ranks[0] != ranks[1]:
        return ranks[0] > ranks[1]
    return new.confidence_pct > old.confidence_pct
