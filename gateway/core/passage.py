"""Whose reading is it: lanes, tracks, passages, persons, and the rules that pair them.

Law (3): no temperature is joined to another person or to another vehicle's plate. What is
ambiguous stays unpaired and is shown; it is never guessed.

1. A window belongs to the lane's passage only if the same vehicle stood in the stop zone through
   all of it. What began before the arrival or ended after the leaving is nobody's.
2. Several in the zone at any moment of the window: nobody's. A person or bicycle that came
   beside since the arrival: nobody's (one that came before waits its turn). A vehicle driving off
   unmeasured and still in view: nobody's, it may be the late one.
3. With another vehicle waiting in view, the guard may have walked ahead. The one in the zone owns
   the window only if it is its first, and only if no window that is still unassigned was
   taken while it was itself waiting. With a passage set aside, likewise only the first.
4. A further window is a new person, unless the guard marked it (`again`, `person`) before it began.
   A mark is the guard's word and overrules 2 and 3, never 1 while the passage stands in the lane.
   One for somebody aside may be forgotten since another vehicle has come to the line: nobody's.
   What has no value and no mark (NO_READING, NOT_SKIN) is nobody's attempt.
5. Windows less than `absence_s` apart may be one person or two: the second is nobody's.
6. Where no witness of presence is alive (a foot lane, a dead camera), a window is the witness of
   one person and opens a passage; the next unmarked one opens the next. In a lane for vehicles,
   and if somebody there may have a fever, it may be his passenger's, and is nobody's. A passage
   that the guard opened there owns its first window, and is over when he opens the barrier or
   says that another arrived. One whose camera died under it owns none without a mark.
7. A thermometer of several lanes: nobody's while more than one of them is, or for want of a
   witness may be, occupied or approached.
8. After a restart or a dead camera a passage is only perhaps the vehicle in the zone: it owns
   nothing, and takes no touch about persons, until the same plate is read again. Another plate,
   another kind of traveller, such a touch, or `RESUME_WAIT_S` without the plate: another passage.
   What stood at the line before anybody looked may have been measured then: rule 3 holds for it
   from its first window on.
   That one inherits no reading; but if somebody may have had a fever, and no plate says that it is
   another vehicle, it is not admitted before a contact thermometer or a guard has spoken. The same
   holds for what a camera finds at the line when it comes back, if time alone ended a passage
   there while nothing watched.
9. An unassigned reading that is not normal may be the passage's own: until the guard says whose it
   was, the passage in which it was taken is not admitted, and if it speaks of a fever no vehicle
   that waited then.
10. A plate belongs to the passage whose track carried it, and stays when a later look loses it.
    Another track in the zone is another passage, as soon as the one before has left the zone.

Pure: no clock, no disk.
"""

from math import inf
from typing import Final, Literal, TypeAlias

from msgspec.structs import replace

from gateway.contract import Decision, PassMedium, Result, Traveller, Way
from gateway.core.events import PlateRead
from gateway.core.limits import Limits
from gateway.core.screening import Attempt, Place, Reading, Window
from gateway.core.values import Personal, Value

Witness: TypeAlias = Literal["track", "distance", "loop", "window", "guard"]
How: TypeAlias = Literal["left", "next", "timeout", "interrupted", "turned"]

LEAVE_WAIT_S: Final = 10.0
"""A track that left the zone is waited for: it may come back, turn, or be replaced."""
GONE_WAIT_S: Final = 1.0
"""A vehicle that is gone is kept this long: a window taken before it left may end after."""
ADOPT_S: Final = 3.0
"""A track that enters the zone this soon after the guard, a loop or a distance sensor opened a
passage is that passage's vehicle."""
RESUME_WAIT_S: Final = 10.0
RESUME_AWAY_S_MAX: Final = 60.0
"""A passage is taken up again only after a short absence, by a track in the zone soon after."""
ASIDE_WAIT_S: Final = 1800.0
"""A passage set aside is closed after this."""
MARK_ASIDE_S: Final = 60.0
"""A mark for a passage aside lapses, lest it take the next vehicle's reading."""
UNASSIGNED_WAIT_S: Final = 120.0
HOLDING_WAIT_S: Final = 900.0
"""How long an unassigned reading stays; longer while a passage is not admitted because of it, and
as long as that passage if it may be a fever's."""
PULSE_S: Final = 3.0
"""A second touch on `open` within this is the same touch."""
UNSEEN: Final = 0
"""In place of a reading's number: one that may have been taken before anybody looked."""
TRACKS_MAX: Final = 16
TRACK_S: Final = 3600.0
SERVED_S: Final = 120.0
"""A track whose end was never told is forgotten after this, sooner if its passage is over."""
ASIDE_MAX: Final = 8
WALKED_MAX: Final = 4
LINGERING_MAX: Final = 8
PRESENTED_MAX: Final = 4
PERSONS_MAX: Final = 60
"""A coach; what comes after is unassigned."""
ATTEMPTS_KEPT: Final = 8


class Lane(Value, frozen=True):
    """What is set for a lane."""

    name: str
    way: Way
    thermometers: tuple[str, ...] = ()
    cameras: tuple[str, ...] = ()
    takes_temperature: bool | None = None
    """None: every lane but `out`."""
    place: Place = "outdoors"
    shelter_s: float = 0.0
    """Time under shelter that people have had before they are measured here."""
    passage_wait_s: float = 30.0
    """A passage that no witness holds is over after this."""
    opens_by_itself: bool = False
    ambient_centi_c: int | None = None
    """The air that people come out of; None: as the site's."""
    heated_drivers: bool | None = None
    """Whether vehicles' heaters warm faces; None: in every lane but `foot`."""
    sunlit: bool = False
    """People come here out of the sun: whoever is near the threshold cools down first."""
    distance: str | None = None
    """The sensor that says whether something stands in the lane."""
    readers: tuple[str, ...] = ()
    barrier: str | None = None
    arrays: tuple[str, ...] = ()
    """Thermal arrays beside the thermometers: they find the face and judge nobody."""

    @property
    def measures(self) -> bool:
        """Say whether persons are measured here."""
        return self.way != "out" if self.takes_temperature is None else self.takes_temperature

    @property
    def heats(self) -> bool:
        """Say whether the rule for heated drivers holds here."""
        return self.way != "foot" if self.heated_drivers is None else self.heated_drivers


class Track(Value, frozen=True):
    """A vehicle in a camera's view."""

    camera: str
    track: int
    traveller: Traveller
    in_zone: bool
    seen_s: float
    zone_s: float = 0.0
    """When it last entered the zone."""
    served: bool = False
    """Its passage is over, or it has left the zone: it is driving off."""
    measured: bool = False
    walked: tuple[int, ...] = ()
    """Readings that were unassigned while it waited: the guard may have walked ahead to it."""
    plate: PlateRead | None = None


class Person(Value, frozen=True):
    """One person of a passage: the verdict, and every attempt that may still matter."""

    number: int
    result: Result
    attempts: tuple[Attempt, ...]
    count: int
    """Readings taken, with those no longer kept."""
    reading: Reading | None
    """The latest; None after a restart."""


class Override(Value, frozen=True):
    """A guard's decision against the advice, and the findings it was made in the face of."""

    decision: Decision
    covers: tuple[tuple[int, Result], ...]


class Passage(Value, frozen=True):
    """One vehicle or person going through."""

    key: int
    traveller: Traveller
    witness: Witness
    opened_s: float
    zone_s: float
    """Since when it has stood there without a break."""
    touched_s: float
    """Last sign of life: a reading, a touch, a track."""
    track: tuple[str, int] | None = None
    left_s: float | None = None
    blind: bool = False
    """Its camera died under it."""
    until_s: float | None = None
    """Taken up again, and not yet known to be the same vehicle: until then it may turn out so."""
    walked: tuple[int, ...] = ()
    doubts: tuple[int, ...] = ()
    """Readings that were unassigned while it stood there."""
    before: tuple[Result, ...] = ()
    """What speaks of a fever in an interrupted passage that may have been this vehicle's."""
    before_plate: PlateRead | None = None
    """That passage's plate: another one read now is another vehicle."""
    plate: PlateRead | None = None
    typed: bool = False
    """The guard's word on the plate is final."""
    plate_recorded: Personal[tuple[str, str] | None] = None
    """Status and text, as last recorded."""
    persons: tuple[Person, ...] = ()
    windows: int = 0
    """Windows taken while it stood there, whosever they were."""
    failed: Result | None = None
    """The latest attempt that was nobody's, until a reading follows."""
    decision: Decision | None = None
    reasons: tuple[str, ...] = ()
    revision: int = 0
    decided_persons: int = 0
    override: Override | None = None
    pulsed_s: float | None = None
    resumed: bool = False


class Mark(Value, frozen=True):
    """The guard's word on whose the next window is; person None: another one."""

    passage: int
    person: int | None
    at_s: float


class Last(Value, frozen=True):
    """What the lane's passage before this one ended as, for the screen."""

    key: int
    decision: Decision | None
    at_s: float


class Presented(Value, frozen=True):
    """A pass that was held to the lane's reader, as far as the guard is shown it."""

    medium: PassMedium
    tail: Personal[str]
    passage: int | None
    """Whose it was, if that is plain."""
    at_s: float


class LaneState(Value, frozen=True):
    """What is now so in a lane."""

    lane: Lane
    passage: Passage | None = None
    aside: tuple[Passage, ...] = ()
    tracks: tuple[Track, ...] = ()
    loops: tuple[tuple[str, bool], ...] = ()
    """Distance sensors and loops heard of, and whether they feel something."""
    watched: bool = False
    """A camera of this lane is alive."""
    watched_s: float = inf
    """Since when; infinite until a camera has said its first word."""
    crowd_s: float = -1e9
    others_s: float = -1e9
    beside_s: float = -1e9
    """Last moments at which several stood in the zone, others waited in view, or somebody was
    beside the vehicle or driving off unmeasured."""
    cleared_s: float = -1e9
    """When a track last left the view."""
    mark: Mark | None = None
    before: tuple[Result, ...] = ()
    before_plate: PlateRead | None = None
    before_s: float = -1e9
    """What an interrupted passage left open, and until when the next passage inherits it."""
    lingering: tuple[Result, ...] = ()
    lingers_s: float = -1e9
    """What speaks of a fever in passages that time alone ended while nothing watched, and until
    when what the camera then finds at the line inherits it."""
    last: Last | None = None
    presented: tuple[Presented, ...] = ()


class Claim(Value, frozen=True):
    """Whose a window is: a passage's, nobody's, or the witness of a new passage."""

    kind: Literal["passage", "open", "nobody"]
    passage: int | None = None
    person: int | None = None
    """None: a new one."""
    marked: bool = False
    why: str = ""


def air(lane: Lane, limits: Limits) -> int | None:
    """Say how warm the air is that people come out of: the lane's setting, else the site's."""
    return limits.ambient_centi_c if lane.ambient_centi_c is None else lane.ambient_centi_c


ALARMING: Final[tuple[Result, ...]] = (
    "RECHECK", "INVALID_HOT", "INCONCLUSIVE", "SUSPECT_FEVER", "FEVER_CONFIRMED",
)  # fmt: skip
"""Results that may be a fever's."""


def inherit(
    state: LaneState, results: tuple[Result, ...], plate: PlateRead | None, until_s: float
) -> LaneState:
    """Remember what an interrupted passage left open, for the one that may be its vehicle's."""
    before = tuple(result for result in results if result in ALARMING)
    if not before:
        return state
    return replace(state, before=before, before_plate=plate, before_s=until_s)


def linger(state: LaneState, passage: Passage, until_s: float) -> LaneState:
    """Remember a passage that time alone ends: its vehicle may stand there unseen (rule 8)."""
    results = alarming(passage)
    if state.watched or not results:
        return state
    kept = (*state.lingering, *results)[-LINGERING_MAX:]
    return replace(state, lingering=kept, lingers_s=until_s)


DOUBTS = (
    "aside", "beside", "close", "crowd", "early", "empty", "faces", "late", "no_lane", "others",
    "shared", "unsure", "unwatched", "unwitnessed",
)  # fmt: skip
"""Why a window is nobody's; the guard's page has words for each."""


def nobody(why: str) -> Claim:
    """Leave a window unpaired, and say why."""
    assert why in DOUBTS, why
    return Claim("nobody", why=why)


def felt(state: LaneState) -> bool:
    """Say whether a loop or distance sensor feels something."""
    return any(present for _, present in state.loops)


def owner(state: LaneState) -> Track | None:
    """Find the track that the lane's passage rides on."""
    passage = state.passage
    if passage is None or passage.track is None:
        return None
    for track in state.tracks:
        if (track.camera, track.track) == passage.track:
            return track
    return None


def was_busy(state: LaneState, window: Window) -> bool:
    """Say whether somebody was, or may have been, in this lane or before it during a window."""
    passage, last, began_s = state.passage, state.last, window.began_s
    if state.tracks or felt(state) or state.cleared_s >= began_s:
        return True
    if state.watched and state.watched_s > began_s:
        return True
    if passage is None:
        return last is not None and last.at_s >= began_s
    if passage.left_s is not None:
        return passage.left_s >= began_s
    # Whoever was admitted in a lane without another witness has gone through.
    return passage.witness != "window" or passage.decision != "admit"


def is_crowded(state: LaneState) -> bool:
    """Say whether more than one stands in the zone."""
    return sum(track.in_zone and not track.served for track in state.tracks) > 1


def waiting(state: LaneState) -> int:
    """Count the vehicles in view that wait for their turn."""
    passage = state.passage
    own = passage.track if passage is not None else None
    return sum(
        not track.in_zone and not track.served and (track.camera, track.track) != own
        for track in state.tracks
    )


def is_beside(state: LaneState) -> bool:
    """Say whether a reading may be that of somebody beside, or of a vehicle driving off."""
    own, since_s = None, inf
    if state.passage is not None:
        own, since_s = state.passage.track, state.passage.zone_s
    for track in state.tracks:
        if (track.camera, track.track) == own:
            continue
        if track.served:
            if not track.measured and state.lane.measures:
                return True
        elif track.traveller != "vehicle" and (track.in_zone or track.seen_s >= since_s):
            return True
    return False


def claim(state: LaneState, window: Window) -> Claim:
    """Say whose a window of this lane's thermometer is: rules 1 to 6 and 8."""
    passage, mark = state.passage, state.mark
    began_s, ended_s = window.began_s, window.ended_s
    if mark is not None and mark.at_s <= began_s:
        return _claim_marked(mark, passage, ended_s)
    several = next((flag for flag in ("close", "faces") if flag in window.flags), "")
    if several:
        return nobody(several)
    if not state.watched and not state.loops:
        return _claim_unwitnessed(state, began_s)
    if state.watched and state.watched_s > began_s:
        return nobody("unwatched")
    if passage is None:
        return nobody("empty")
    if passage.blind or passage.until_s is not None:
        return nobody("unsure")
    if passage.zone_s > began_s:
        return nobody("early")
    if not _stays(passage, ended_s):
        return nobody("late")
    why = _doubt(state, passage, began_s)
    return nobody(why) if why else Claim("passage", passage.key)


def _claim_marked(mark: Mark, passage: Passage | None, ended_s: float) -> Claim:
    """Take the guard's word, unless what he marked has driven off, or may be forgotten."""
    if passage is not None and passage.key != mark.passage and passage.zone_s > mark.at_s:
        return nobody("aside")
    if passage is None or passage.key != mark.passage or _stays(passage, ended_s):
        return Claim("passage", mark.passage, mark.person, marked=True)
    return nobody("late")


def _stays(passage: Passage | None, ended_s: float) -> bool:
    return passage is None or passage.left_s is None or passage.left_s >= ended_s


def _doubt(state: LaneState, passage: Passage, began_s: float) -> str:
    """Name the reason why a window may be somebody else's: rules 2 and 3."""
    if is_crowded(state) or state.crowd_s >= began_s:
        return "crowd"
    if is_beside(state) or state.beside_s >= began_s:
        return "beside"
    others = waiting(state) > 0 or state.others_s >= began_s
    if others and (passage.windows > 0 or passage.walked):
        return "others"
    if state.aside and passage.windows > 0:
        return "aside"
    return ""


def _claim_unwitnessed(state: LaneState, began_s: float) -> Claim:
    """Rule 6: nothing but the window itself says that somebody is here."""
    passage = state.passage
    if passage is None:
        return Claim("open")
    if passage.blind or passage.until_s is not None:
        return nobody("unsure")
    if passage.windows == 0:
        return Claim("passage", passage.key) if passage.opened_s <= began_s else nobody("early")
    if state.lane.way == "foot" or (passage.witness == "window" and not alarming(passage)):
        return Claim("open")
    return nobody("unwitnessed")


def alarming(passage: Passage) -> tuple[Result, ...]:
    """Give the results that may be a fever's and that no guard has spoken on."""
    if passage.override is not None:
        return ()
    return tuple(person.result for person in passage.persons if person.result in ALARMING)
