"""What happens at a gate, and what the gate does about it: the core's vocabulary.

Pure: no clock, no disk, no network. Temperatures are hundredths of a degree Celsius, integers.
Every event may carry what the edge knows; the moment comes beside it, as `now`, in monotonic
seconds. What is personal (temperatures, plates, names) stays out of every repr: a repr may be
logged.

A touch may name the `passage` that its page showed when the finger came down: a touch that comes
late, for a passage that is over, then does nothing.
"""

from typing import Final, Literal, TypeAlias

from gateway import contract
from gateway.core.instrument import Instrument
from gateway.core.values import Personal, Value

# --- Devices --------------------------------------------------------------------------------


class SampleTaken(Value, frozen=True):
    """A thermometer's frame: about ten a second while it is on."""

    device: str
    object_centi_c: Personal[int]
    ambient_centi_c: int
    """The sensor's die: never the weather."""
    taken_s: float
    """Monotonic, at the frame's last byte; an old one is worth nothing."""
    distance_mm: int | None = None


class FacesSeen(Value, frozen=True):
    """An array's picture: how many faces are before it. It finds them and judges nobody."""

    device: str
    faces: int
    taken_s: float
    """Monotonic, at the frame's last byte."""


class VehicleSeen(Value, frozen=True):
    """A track came into view, or entered or left the lane's stop zone."""

    camera: str
    lane: str
    track: int
    in_zone: bool
    traveller: Literal["vehicle", "bicycle", "person"] = "vehicle"
    """A person or bicycle beside a vehicle is a hint that a reading may be theirs."""


class PlateRead(Value, frozen=True):
    """The best that is known of a track's plate, so far."""

    camera: str
    lane: str
    track: int
    status: Literal["read", "unsure", "unread", "none"]
    text: Personal[str] = ""
    confidence_pct: int = 0
    candidates: Personal[tuple[str, ...]] = ()
    plate_kind: str = ""
    crop: Personal[bytes] = b""
    """JPEG, at most 32 KB."""


class VehicleGone(Value, frozen=True):
    """A track left the view; `turned` when it left by the side it came from."""

    camera: str
    lane: str
    track: int
    turned: bool = False


class PresenceChanged(Value, frozen=True):
    """A distance sensor or a loop says whether something stands in the lane."""

    lane: str
    witness: Literal["distance", "loop"]
    present: bool


class PassPresented(Value, frozen=True):
    """A pass was held to a lane's reader; one that is held on is one."""

    lane: str
    device: str
    medium: contract.PassMedium
    text: Personal[str]
    name: Personal[str] = ""


class InstrumentTold(Value, frozen=True):
    """A thermometer's calibration was loaded, or has expired."""

    device: str
    instrument: Instrument


class DeviceStateChanged(Value, frozen=True):
    """The edge's word on a device; the reason is a code such as `wrong_baud` or `unplugged`.

    Each word on a camera, a repeated `ok` too, begins its tracks afresh: numbers from before mean
    nothing any more. Say it when the camera's child has started anew, and on change only.
    """

    device: str
    state: Literal["ok", "silent", "faulty", "lost"]
    reason: str = ""
    hub: str = ""
    """With the reason `hub`: what else was lost with it."""


# --- The guard ------------------------------------------------------------------------------


class NextTouched(Value, frozen=True):
    """The passage is done; what comes now is another."""

    lane: str
    passage: int | None = None


class ArrivalTouched(Value, frozen=True):
    """Someone is here whom no sensor sees."""

    lane: str
    traveller: contract.Traveller = "vehicle"


class PersonTouched(Value, frozen=True):
    """The next reading is of another person of this passage."""

    lane: str
    passage: int | None = None


class AgainTouched(Value, frozen=True):
    """The next reading is of this person again."""

    lane: str
    person: int
    passage: int | None = None
    """May be one that waits aside."""


class ReadingAssigned(Value, frozen=True):
    """An unassigned reading belongs to this lane's passage; person None is a new one."""

    reading: int
    lane: str
    person: int | None = None
    passage: int | None = None


class ReadingDismissed(Value, frozen=True):
    """An unassigned reading is of nobody here: somebody passing, a slip, a car that left."""

    reading: int


class TemperatureTyped(Value, frozen=True):
    """A hand or contact thermometer's value, typed by the guard."""

    lane: str
    person: int | None
    centi_c: Personal[int]
    site: Literal["forehead", "wrist", "neck", "contact"]
    passage: int | None = None


class PlateTyped(Value, frozen=True):
    """The guard read the plate; empty text means there is none."""

    lane: str
    text: Personal[str]
    passage: int | None = None


class OverrideTouched(Value, frozen=True):
    """The guard decides against the advice, with a name and a reason."""

    lane: str
    decision: contract.Decision
    operator: Personal[str]
    reason: Personal[str]
    passage: int | None = None


class AsideTouched(Value, frozen=True):
    """The passage waits aside (shelter, shade, contact thermometer); the lane is free."""

    lane: str
    passage: int | None = None


class OpenTouched(Value, frozen=True):
    """Open the barrier for the passage in this lane, once it is admitted."""

    lane: str
    passage: int | None = None


class EmergencyTouched(Value, frozen=True):
    """Open at once, whatever is known."""

    lane: str


class AlertAcknowledged(Value, frozen=True):
    """Somebody has seen an alert: `guard` here, or `central` by a command."""

    alert: str
    by: Literal["guard", "central"]


# --- The gate itself ------------------------------------------------------------------------


class Unfinished(Value, frozen=True):
    """A passage that the journal holds open, as folded back after a restart."""

    passage: int
    """The key by which the journal knows it again."""
    lane: str
    traveller: contract.Traveller
    witness: str
    away_s: float
    """Seconds between its last entry and this start; negative or huge when the clock is unset."""
    revision: int
    results: tuple[contract.Result, ...]
    """The latest result of each person, in order."""
    attempts: tuple[int, ...]
    plate: PlateRead | None = None
    """From the desk, when it survived."""
    decision: contract.Decision | None = None
    """The latest decided; overridden when a guard decided it."""
    overridden: bool = False


class Resumed(Value, frozen=True):
    """The service started and found passages unfinished."""

    unfinished: tuple[Unfinished, ...]


class ClockChanged(Value, frozen=True):
    """The kernel's word on the clock, and by how much the wall clock was set."""

    clock: contract.Clock
    jump_ms: int = 0


class LinkChanged(Value, frozen=True):
    """Up, down, or up while central is away."""

    state: Literal["up", "down", "central_away"]


class DiskChanged(Value, frozen=True):
    """How the journal's disk is."""

    state: Literal["ok", "low", "full", "unwritable"]


class RecordingChanged(Value, frozen=True):
    """How many entries the journal refused and the ring still holds."""

    not_recorded: int


class Tally(Value, frozen=True):
    """What this gate counted today; an estimate of its own, central's word is the figure."""

    passages_in: int = 0
    passages_out: int = 0
    on_foot: int = 0
    refer: int = 0
    passes: int = 0
    """Passes held to a reader."""


NOTHING_YET: Final = Tally()


class DayBegan(Value, frozen=True):
    """A local day began, or the service started in one: what this gate had counted of it."""

    tally: Tally = NOTHING_YET


class Woke(Value, frozen=True):
    """The moment asked for by `Step.wake_at` has come."""


Event: TypeAlias = (
    SampleTaken | FacesSeen | VehicleSeen | PlateRead | VehicleGone | PresenceChanged
    | PassPresented | DeviceStateChanged | InstrumentTold | NextTouched | ArrivalTouched
    | PersonTouched | AgainTouched | ReadingAssigned | ReadingDismissed | TemperatureTyped
    | PlateTyped | OverrideTouched | AsideTouched | OpenTouched | EmergencyTouched
    | AlertAcknowledged | Resumed | ClockChanged | LinkChanged | DiskChanged | RecordingChanged
    | DayBegan | Woke
)  # fmt: skip
TOUCHES: tuple[type, ...] = (
    NextTouched, ArrivalTouched, PersonTouched, AgainTouched, ReadingAssigned, ReadingDismissed,
    TemperatureTyped, PlateTyped, OverrideTouched, AsideTouched, OpenTouched, EmergencyTouched,
    AlertAcknowledged,
)  # fmt: skip
"""What the screen may send; never dropped from the queue."""

# --- Effects --------------------------------------------------------------------------------


class Record(Value, frozen=True):
    """Write this down. `passage` is the core's own key; the journal puts the reference in."""

    body: contract.Body
    passage: int | None = None
    sealed: Personal[contract.Sealed | None] = None


class PulseBarrier(Value, frozen=True):
    """Open the lane's barrier once; stale after 3 s, never repeated."""

    lane: str
    how: Literal["guard", "itself", "emergency"]


class KeepCrop(Value, frozen=True):
    """Keep the passage's best plate picture on the desk, and show it."""

    passage: int
    jpeg: Personal[bytes]


Effect: TypeAlias = Record | PulseBarrier | KeepCrop
