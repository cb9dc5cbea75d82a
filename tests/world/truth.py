"""What truly happened at the gates: vehicles, people, temperatures, plates, acts and faults.

The generator writes this log; the checker reads it. Nothing here knows how Gatepost works.
Temperatures are hundredths of a degree; moments are seconds of the world since its start.
"""

from dataclasses import dataclass, field

FEVER_CENTI_C = 3730
"""From here on a body (axillary) temperature is a fever."""


@dataclass(frozen=True, slots=True)
class Person:
    """One human being on one visit."""

    person: int
    body_centi_c: int
    """Axillary: what a contact thermometer would show."""
    bias_centi_c: int
    """How far this forehead stands from the body, for good."""
    warmed_centi_c: int = 0
    """What the car's heater added (or the cold took) when they came; it fades."""

    @property
    def feverish(self) -> bool:
        """Whether this person truly has a fever."""
        return self.body_centi_c >= FEVER_CENTI_C


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A car or a bicycle; an empty plate is covered or missing."""

    vehicle: int
    traveller: str
    plate: str
    plate_kind: str = "blue"


@dataclass(slots=True, eq=False)
class Visit:
    """One vehicle, or one person on foot, coming to one lane once."""

    visit: int
    gate: int
    lane: str
    way: str
    vehicle: Vehicle | None
    persons: tuple[Person, ...]
    came_s: float
    """When it truly was to be seen first."""
    cases: set[str] = field(default_factory=set)
    zone_s: float = -1.0
    """When it stood at the line; negative when it never did."""
    unzone_s: float = -1.0
    gone_s: float = -1.0
    turned: bool = False
    numbers: dict[int, int] = field(default_factory=dict)
    """The guard's belief: number on the screen -> person; two numbers when he forgot a touch."""
    aside: bool = False
    """The guard sent it to wait beside the gate."""
    shown_as: tuple[int, int] | None = None
    """The passage to which that belief belongs."""

    @property
    def traveller(self) -> str:
        """What came: `vehicle`, `bicycle` or `person`."""
        return self.vehicle.traveller if self.vehicle else "person"

    @property
    def slips_by(self) -> bool:
        """Whether this is somebody on foot in a lane for cars."""
        return self.vehicle is None and self.way != "foot"


@dataclass(frozen=True, slots=True)
class Measurement:
    """The thermometer was pointed at something; `person` is None for a cup or a wall."""

    measurement: int
    gate: int
    device: str
    lane: str
    """The lane whose guard held it."""
    visit: int | None
    person: int | None
    from_s: float
    to_s: float
    shown_centi_c: int
    """The plateau that a perfect thermometer would have shown."""
    kind: str
    """good | wave | cup | spike | unstable | stuck | hasty (right after somebody else)."""


@dataclass(frozen=True, slots=True)
class Act:
    """The guard touched the screen: what, for whom, truly."""

    gate: int
    at_s: float
    lane: str
    what: str
    visit: int | None = None
    person: int | None = None
    centi_c: int | None = None
    said: str = ""
    reading: int | None = None
    """The number of the unassigned reading that was tapped: the n-th since the start."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something was broken for a while: a device, the gateway, a commit, a link, the clock."""

    gate: int
    what: str
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class Boot:
    """A gateway's machine started."""

    gate: int
    boot: str
    at_s: float


@dataclass(slots=True)
class TruthLog:
    """Everything that truly happened, in the order in which it began."""

    epoch_ms: int
    """UTC at the world's second 0."""
    visits: list[Visit] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    boots: list[Boot] = field(default_factory=list)
    cases: dict[str, int] = field(default_factory=dict)
    """How often each case was made."""

    def count(self, case: str) -> None:
        """Count one more of a case."""
        self.cases[case] = self.cases.get(case, 0) + 1
