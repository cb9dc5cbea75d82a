"""Checks the laws of the design against the truth; it shares no code with what it checks.

It sees the truth log, the entries that a gate said were recorded, what the screen showed, what
went over the broker, and what central counted. It decodes JSON by itself and asks neither the
core nor the generator for an answer.

Words, and why they are so:

- *true pair*: a person who was measured by a working thermometer of a running gateway, and the
  visit (vehicle, or walk) they belong to. Pointing at cups, and people whom only a typed value
  tells of, are no pairs: no sensor measured them.
- *joined*: at the end some reading that was truly this person's is recorded in the passage that
  is truly this visit's. By itself or by the guard's tap: both are in the journal.
- *wrong*: a reading recorded in a passage of another visit; or one number of a passage holding
  readings of two people; or a plate's text that is another vehicle's. One is one too many.
- *unpaired and right*: readings of a pair lie unassigned, shown with "whose?". Where no sensor
  can tell whose a reading is, this is the right answer, so it costs the share and breaks no law.
  A walker who slips by in the car lane mostly has no passage there: kept apart.
- *split*: one person under two numbers, since the guard forgot to say "again". No temperature
  went to another person; the first number stays open until somebody answers for it.
- *needless referral*: the last decision is REFER and nobody in the visit truly has a fever. Its
  share is of the measured passages, and, told beside it, of all referrals.
- *missed* and *invented*: a visit that a working sensor or the guard witnessed and that has no
  passage; a passage that is no visit's. Neither may be: counts are the other half of the job.
"""

import bisect
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from tests.world.truth import Act, Fault, Measurement, TruthLog, Visit

T_CENTI_C: Final = 3730
COLD_CENTI_C: Final = 3400
NOISE_CENTI_C: Final = 15
"""What the thermometer's noise may do to a window's plateau."""
HOT_CENTI_C: Final = T_CENTI_C - NOISE_CENTI_C
OPEN_S_MAX: Final = 3600.0
"""Nothing goes through a gate for longer than this."""
GOOD_KINDS: Final = frozenset({"good", "spike", "hasty"})
FINE: Final = frozenset({"NORMAL", "CLEARED"})
DAY_MS: Final = 86_400_000
SHANGHAI_MS: Final = 8 * 3_600_000

_json = msgspec.json.decode


@dataclass(slots=True, eq=False)
class Written:
    """An entry that the gate said was recorded, as the checker reads it."""

    gate: int
    ref: str
    kind: str
    open: dict[str, Any]
    sealed: dict[str, Any] | None
    said: int
    """The order in which things were said and shown, at this gate or another."""
    at_s: float = 0.0
    """When it happened: the boot's moment plus `mono_ms`."""


@dataclass(slots=True, eq=False)
class Shown:
    """What the screen showed of a lane's passage at a moment."""

    gate: int
    at_s: float
    nth: int
    """In the order of `Written.said`."""
    ref: str | None
    recorded: bool
    decision: str
    not_recorded: int


@dataclass(slots=True, eq=False)
class Passage:
    """A passage as the entries tell it."""

    gate: int
    ref: str
    opened: Written
    visit: Visit | None = None
    readings: list[tuple[Written, Measurement | None]] = field(default_factory=list)
    plates: list[Written] = field(default_factory=list)
    decided: list[Written] = field(default_factory=list)
    closed: Written | None = None
    results: dict[int, str] = field(default_factory=dict)
    truly: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    """Number on the screen -> the people who were truly measured under it."""

    @property
    def decision(self) -> str | None:
        """The latest decision."""
        if not self.decided:
            return None
        return str(max(self.decided, key=lambda w: w.open["revision"]).open["decision"])

    @property
    def overridden(self) -> bool:
        """Whether a guard's act against advice is recorded."""
        return any("advice" in w.open for w in self.decided)


@dataclass(slots=True)
class Verdict:
    """What the checker found."""

    broken: list[str] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)
    broken_by_law: Counter[int] = field(default_factory=Counter)

    def breaks(self, law: int, what: str) -> None:
        """Write down a broken law; the first forty in words."""
        self.broken_by_law[law] += 1
        if len(self.broken) < 300:
            self.broken.append(f"law {law}: {what}")


def read_written(
    gate: int, said: int, stream: str, seq: int, kind: str, body: bytes, sealed: bytes | None
) -> Written:
    """Read an entry's bytes; `sealed` is opened by whoever holds the key."""
    return Written(
        gate, f"{stream}/{seq}", kind, _json(body), _json(sealed) if sealed else None, said
    )


class Checker:
    """Holds one world's recorded entries against its truth."""

    def __init__(
        self, truth: TruthLog, written: Sequence[Written], shown: Sequence[Shown], end_s: float,
        pulses: Sequence[Shown] = (), readable: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        self.truth = truth
        self.pulses = pulses
        """Barriers that opened by themselves: each says that an admission is on disk."""
        self.readable = readable
        """The reasons for which the guard's page has words, in every language."""
        self.end_s = end_s
        self.written = written
        self.shown = shown
        self.verdict = Verdict()
        self.passages: dict[str, Passage] = {}
        self._place_in_time()
        self._by_device = self._measurements()
        self._of_visit: dict[int, list[Measurement]] = defaultdict(list)
        for one in truth.measurements:
            if one.visit is not None:
                self._of_visit[one.visit].append(one)
        self._faults: dict[int, list[Fault]] = defaultdict(list)
        for fault in truth.faults:
            self._faults[fault.gate].append(fault)
        self._acts = self._acts_by_gate()
        self._visits = self._visits_by_lane()
        self._loose: dict[str, list[tuple[Written, Measurement | None]]]
        self._loose = defaultdict(list)

    def check(self) -> Verdict:
        """Check every law that the entries and the screen can show."""
        self._fold()
        self._counts_of_visits()
        self._joined()
        self._never_normal()
        self._decisions()
        self._screen()
        for pulse in self.pulses:
            self._pulsed(pulse)
        return self.verdict

    # --- Laying the truth out ---------------------------------------------------------------

    def _place_in_time(self) -> None:
        boots = {boot.boot: boot.at_s for boot in self.truth.boots}
        start_of: dict[str, float] = {}
        for one in self.written:
            stream = one.ref[:32]
            if one.kind == "started":
                start_of[stream] = boots[one.open["boot"]]
            one.at_s = start_of[stream] + one.open.get("mono_ms", 0) / 1000.0

    def _measurements(self) -> dict[tuple[int, str], list[Measurement]]:
        found: dict[tuple[int, str], list[Measurement]] = defaultdict(list)
        for one in self.truth.measurements:
            found[one.gate, one.device].append(one)
        for row in found.values():
            row.sort(key=lambda m: m.from_s)
        return found

    def _acts_by_gate(self) -> dict[tuple[int, str, str], list[Act]]:
        found: dict[tuple[int, str, str], list[Act]] = defaultdict(list)
        for act in self.truth.acts:
            found[act.gate, act.lane, act.what].append(act)
        return found

    def _visits_by_lane(self) -> dict[tuple[int, str], list[Visit]]:
        found: dict[tuple[int, str], list[Visit]] = defaultdict(list)
        for visit in self.truth.visits:
            if visit.zone_s >= 0:
                found[visit.gate, visit.lane].append(visit)
        for row in found.values():
            row.sort(key=lambda v: v.zone_s)
        return found

    def _act_at(
        self, gate: int, lane: str, what: str, at_s: float, centi_c: int | None = None
    ) -> Act | None:
        """Find the touch behind an entry of that moment; two errands may type at nearly once."""
        acts = self._acts.get((gate, lane, what), [])
        place = bisect.bisect_left(acts, at_s - 0.06, key=lambda a: a.at_s)
        near = []
        while place < len(acts) and acts[place].at_s <= at_s + 0.06:
            if centi_c in {None, acts[place].centi_c}:
                near.append(acts[place])
            place += 1
        return min(near, key=lambda a: abs(a.at_s - at_s), default=None)

    def _measured_at(self, gate: int, device: str, at_s: float) -> Measurement | None:
        """Name the pointing that a reading recorded at this moment must come from."""
        row = self._by_device.get((gate, device), [])
        place = bisect.bisect_left(row, at_s - 0.15, key=lambda m: m.from_s) - 1
        if place < 0:
            return None
        return row[place] if row[place].to_s > at_s - 1.6 else None

    # --- Folding the entries ----------------------------------------------------------------

    def _fold(self) -> None:
        for one in self.written:
            ref = one.open.get("passage")
            if one.kind == "opened":
                passage = Passage(one.gate, one.ref, one)
                self.passages[one.ref] = passage
                passage.visit = self._visit_of(one)
                continue
            if one.kind == "reading":
                self._read(one, self.passages.get(ref) if ref else None)
                continue
            if ref is None:
                continue
            if ref not in self.passages:
                self.verdict.breaks(2, f"{one.kind} {one.ref} names {ref}, which never opened")
                continue
            self._add(self.passages[ref], one)

    def _add(self, passage: Passage, one: Written) -> None:
        if one.kind == "plate":
            passage.plates.append(one)
        elif one.kind == "decided":
            passage.decided.append(one)
            self._decided(passage, one)
        elif one.kind == "closed":
            passage.closed = one

    def _visit_of(self, one: Written) -> Visit | None:
        """Tell whose passage truly began when this one was opened."""
        lane, at_s = one.open["lane"], one.at_s
        if one.open["witness"] == "window":
            for device in ("t1", "t2", "t3"):
                found = self._measured_at(one.gate, device, at_s)
                if found and found.lane == lane and found.visit is not None:
                    return self.truth.visits[found.visit]
        if one.open["witness"] == "guard":
            act = self._act_at(one.gate, lane, "ArrivalTouched", at_s)
            if act and act.visit is not None:
                return self.truth.visits[act.visit]
        a_vehicle = one.open["traveller"] == "vehicle"
        row = self._visits.get((one.gate, lane), [])
        place = bisect.bisect_right(row, at_s + 0.3, key=lambda v: v.zone_s)
        for visit in reversed(row[max(0, place - 4) : place]):
            if visit.slips_by and one.open["witness"] == "track" and a_vehicle:
                continue  # the track that opened it is the car's that stands there too
            if visit.unzone_s < 0 or visit.unzone_s + 0.3 >= at_s:
                return visit
        return None

    def _read(self, one: Written, passage: Passage | None) -> None:
        measured = self._whose(one)
        self.verdict.figures["readings"] += 1
        if passage is None:
            self._loose[one.ref[:32]].append((one, measured))
            self.verdict.figures["readings unassigned"] += 1
            return
        passage.readings.append((one, measured))
        number = one.open.get("person", 0)
        # An attempt that was nobody's (0) stands only until a reading follows.
        passage.results.pop(0, None)
        passage.results[number] = one.open["result"]
        if measured is None or passage.visit is None:
            return
        if measured.visit != passage.visit.visit:
            if measured.visit is not None:
                self._wrong(one, passage, measured)
            return
        if measured.person is not None:
            passage.truly[number].add(measured.person)
            if len(passage.truly[number]) > 1:
                self.verdict.figures["wrong joins"] += 1
                self.verdict.breaks(
                    3, f"{one.ref}: person {number} of visit {passage.visit.visit} "
                    f"{sorted(passage.visit.cases)} holds {sorted(passage.truly[number])}"
                )  # fmt: skip

    def _wrong(self, one: Written, passage: Passage, measured: Measurement) -> None:
        assert passage.visit is not None
        assert measured.visit is not None
        truly = self.truth.visits[measured.visit]
        self.verdict.figures["wrong joins"] += 1
        self.verdict.breaks(
            3, f"{one.ref} at {one.at_s:.1f} s, gate {one.gate} {passage.visit.lane}: a reading of "
            f"visit {truly.visit} {sorted(truly.cases)} is in the passage of visit "
            f"{passage.visit.visit} {sorted(passage.visit.cases)}"
        )  # fmt: skip

    def _whose(self, one: Written) -> Measurement | None:
        """Tell which pointing, or which typed person, a reading truly comes from."""
        lane, gate = one.open.get("lane") or "", one.gate
        sealed = one.sealed or {}
        if one.open.get("site") == "contact" or sealed.get("typed"):
            return self._typed(gate, lane, one.at_s, sealed.get("raw_centi_c"))
        tap = self._act_at(gate, lane, "ReadingAssigned", one.at_s)
        if tap is not None:
            return self._tapped(one, tap)
        return self._measured_at(gate, one.open["device"], one.at_s)

    def _tapped(self, one: Written, tap: Act) -> Measurement | None:
        """Follow a tap back to the pointing: the screen numbers what is unassigned from a start."""
        loose = self._loose[one.ref[:32]]
        assert tap.reading is not None
        if not 1 <= tap.reading <= len(loose):
            self.verdict.breaks(3, f"{one.ref}: assigned from nowhere")
            return None
        origin, measured = loose[tap.reading - 1]
        if (origin.sealed or {}).get("raw_centi_c") != (one.sealed or {}).get("raw_centi_c"):
            self.verdict.breaks(3, f"{one.ref}: another value than {origin.ref}, which was tapped")
        self.verdict.figures["taps on whose?"] += 1
        return measured

    def _typed(self, gate: int, lane: str, at_s: float, centi_c: int | None) -> Measurement | None:
        act = self._act_at(gate, lane, "TemperatureTyped", at_s, centi_c)
        if act is None:
            return None
        return Measurement(
            -1, gate, "hand", lane, act.visit, act.person, at_s, at_s, act.centi_c or 0, "typed"
        )

    # --- Law 2, the gate's half: one visit, one passage -------------------------------------

    def _counts_of_visits(self) -> None:
        figures = self.verdict.figures
        of_visit: dict[int, list[Passage]] = defaultdict(list)
        for passage in self.passages.values():
            if passage.visit is None:
                figures["passages invented"] += 1
                self.verdict.breaks(
                    2, f"passage {passage.ref} in {passage.opened.open['lane']} of gate "
                    f"{passage.gate} at {passage.opened.at_s:.1f} s is no visit's "
                    f"({passage.opened.open['witness']})"
                )  # fmt: skip
                continue
            of_visit[passage.visit.visit].append(passage)
            if passage.closed is None and passage.opened.at_s < self.end_s - OPEN_S_MAX:
                self.verdict.breaks(2, f"passage {passage.ref} was never closed")
        figures["passages"] = len(self.passages)
        for visit in self.truth.visits:
            if visit.gone_s < 0 or visit.zone_s < 0 or visit.slips_by:
                continue
            count = len(of_visit.get(visit.visit, ()))
            self._once(visit, count, of_visit.get(visit.visit, []))

    def _once(self, visit: Visit, count: int, passages: list[Passage]) -> None:
        figures = self.verdict.figures
        figures["visits"] += 1
        if count == 1:
            self._right_kind(visit, passages[0])
            return
        if not self._witnessed(visit) and not (count == 0 and self._measured_alone(visit)):
            figures["visits nobody could see" if count == 0 else "visits seen in parts"] += 1
            return
        if count == 0 and self._said_unrecorded(visit):
            figures["visits shown NOT RECORDED and lost with the power"] += 1
            return
        word = "missed" if count == 0 else "split"
        figures[f"visits {word}"] += 1
        self.verdict.breaks(
            2, f"visit {visit.visit} {sorted(visit.cases)} in {visit.lane} of gate {visit.gate} "
            f"at {visit.zone_s:.1f}..{visit.unzone_s:.1f} s has {count} passages"
        )  # fmt: skip

    def _right_kind(self, visit: Visit, passage: Passage) -> None:
        said = passage.opened.open
        if said["way"] != visit.way:
            self.verdict.breaks(2, f"visit {visit.visit} by {visit.way} is counted {said['way']}")
        if said["traveller"] not in {visit.traveller, "unknown"}:
            self.verdict.figures["travellers mistaken"] += 1
        turned = passage.closed is not None and passage.closed.open["how"] == "turned"
        if turned and not visit.turned:
            self.verdict.breaks(2, f"visit {visit.visit} did not turn, and is counted so")
        if visit.turned and not turned:
            self.verdict.figures["turns not seen"] += 1

    def _witnessed(self, visit: Visit) -> bool:
        """Whether working sensors saw the whole visit: then it must be counted, and once."""
        if "dead camera" in visit.cases or visit.way == "foot":
            return False
        return not self._faulty(visit.gate, visit.came_s - 1.0, visit.gone_s + 1.0)

    def _measured_alone(self, visit: Visit) -> bool:
        """Whether a walker was properly measured by a thermometer of the foot lane's own."""
        return visit.way == "foot" and any(
            one.device == "t2" and one.kind in GOOD_KINDS and not self._dark(one)
            for one in self._of_visit[visit.visit]
        )

    def _said_unrecorded(self, visit: Visit) -> bool:
        """Whether the card refused, and the gateway died before it took entries again."""
        faults = self._faults[visit.gate]
        return any(
            card.what == "card"
            and card.from_s <= visit.gone_s + 1.0
            and card.to_s >= visit.came_s
            and any(f.what == "gateway" and card.from_s <= f.from_s <= card.to_s for f in faults)
            for card in faults
        )

    def _faulty(self, gate: int, from_s: float, to_s: float) -> bool:
        return any(
            fault.from_s <= to_s and fault.to_s + 4.0 >= from_s
            for fault in self._faults[gate]
            if fault.what in {"gateway", "c1", "c2"}
        )

    # --- Law 3 and its price ----------------------------------------------------------------

    def _joined(self) -> None:
        figures = self.verdict.figures
        joined: set[int] = set()
        for passage in self.passages.values():
            self._own_plate(passage)
            for number, people in passage.truly.items():
                del number
                joined.update(people)
            if passage.visit is not None:
                people = [next(iter(p)) for p in passage.truly.values() if len(p) == 1]
                figures["persons split"] += len(people) - len(set(people))
        for person, visit in self._pairs().items():
            if visit.slips_by:
                figures["walkers in the car lane, unpaired"] += person not in joined
                continue
            figures["true pairs"] += 1
            figures["pairs joined"] += person in joined
            if visit.cases:
                figures["true pairs in hard cases"] += 1
                figures["pairs joined in hard cases"] += person in joined

    def _pairs(self) -> dict[int, Visit]:
        """Name everybody who was measured while thermometer and gateway worked."""
        pairs = {}
        for one in self.truth.measurements:
            if one.person is None or one.visit is None or one.kind not in GOOD_KINDS:
                continue
            if self._dark(one):
                continue
            visit = self.truth.visits[one.visit]
            if visit.gone_s >= 0:
                pairs[one.person] = visit
        return pairs

    def _own_plate(self, passage: Passage) -> None:
        if passage.visit is None:
            return
        vehicle = passage.visit.vehicle
        for one in passage.plates:
            text = (one.sealed or {}).get("text", "")
            if text and (vehicle is None or text != vehicle.plate):
                self.verdict.figures["wrong plates"] += 1
                self.verdict.breaks(3, f"{one.ref}: plate of another vehicle at visit "
                    f"{passage.visit.visit} {sorted(passage.visit.cases)}")  # fmt: skip
        if "plate lost in the middle of a stop" in passage.visit.cases and passage.plates:
            best = any(w.open["status"] in {"read", "typed"} for w in passage.plates)
            if best and passage.plates[-1].open["status"] not in {"read", "typed"}:
                self.verdict.breaks(3, f"{passage.ref}: a plate once read was given up")

    # --- Law 4: never normal, never waved through -------------------------------------------

    def _never_normal(self) -> None:
        rows = [pair for passage in self.passages.values() for pair in passage.readings]
        rows += [pair for loose in self._loose.values() for pair in loose]
        taken_back = {m.measurement for w, m in rows if m and w.open["result"] == "SENSOR_FAULT"}
        for one, measured in rows:
            if one.open["result"] != "NORMAL" or measured is None or measured.kind == "typed":
                continue
            if measured.kind == "stuck":
                # Fifty words tell a stuck chip, and a window ends before: it is taken back then.
                if measured.measurement not in taken_back and not self._dark(measured):
                    self.verdict.breaks(4, f"{one.ref}: stuck is called NORMAL, and stays so")
            elif measured.kind in {"wave", "cup", "unstable"}:
                self.verdict.breaks(4, f"{one.ref}: {measured.kind} is called NORMAL")
            elif not COLD_CENTI_C - NOISE_CENTI_C <= measured.shown_centi_c <= HOT_CENTI_C:
                self.verdict.breaks(4, f"{one.ref}: {measured.shown_centi_c} is called NORMAL")

    def _decided(self, passage: Passage, one: Written) -> None:
        """Hold a decision, at its moment, against what was then known of each person."""
        said = one.open
        if said["decision"] == "refer" and not said.get("reasons"):
            self.verdict.breaks(5, f"{one.ref}: a referral without a reason")
        if strange := set(said.get("reasons", ())) - self.readable:
            self.verdict.breaks(5, f"{one.ref}: the page has no words for {sorted(strange)}")
        if said["decision"] != "admit" or "advice" in said:
            return
        unsettled = {r for r in passage.results.values() if r not in FINE}
        if unsettled:
            self.verdict.breaks(4, f"{one.ref}: admitted with {sorted(unsettled)}")
        if said.get("persons", 0) == 0 and passage.opened.open["way"] != "out":
            self.verdict.breaks(4, f"{one.ref}: admitted without a reading")

    def _decisions(self) -> None:
        figures = self.verdict.figures
        for passage in self.passages.values():
            visit = passage.visit
            decision = passage.decision
            if visit is None or not passage.readings:
                continue
            figures["passages measured"] += 1
            figures[f"decided {decision}"] += 1
            feverish = {p.person for p in visit.persons if p.feverish}
            ever = any(w.open["decision"] == "refer" for w in passage.decided)
            figures["needless referrals taken back by the contact thermometer"] += (
                ever and decision != "refer" and not feverish
            )
            if decision == "refer":
                figures["referrals"] += 1
                figures["referrals needless"] += not feverish and not passage.overridden
            if feverish:
                self._fever(passage, visit, feverish)

    def _fever(self, passage: Passage, visit: Visit, feverish: set[int]) -> None:
        """A fever that a thermometer showed is never admitted without a guard's recorded act."""
        figures = self.verdict.figures
        figures["feverish visits"] += 1
        if passage.decision != "admit":
            return
        if passage.overridden:
            figures["feverish admitted by override"] += 1
            return
        figures["feverish admitted"] += 1
        over_s = passage.closed.at_s if passage.closed else self.end_s
        hot = [
            m
            for m in self._of_visit[visit.visit]
            if m.person in feverish and m.kind in GOOD_KINDS
            and m.shown_centi_c >= T_CENTI_C - NOISE_CENTI_C
            and visit.zone_s <= m.from_s and m.to_s <= min(visit.unzone_s, over_s)
            and not self._dark(m) and not self._held_elsewhere(m, passage)
        ]  # fmt: skip
        if hot:
            self.verdict.breaks(
                4, f"{passage.ref}: visit {visit.visit} {sorted(visit.cases)} is admitted though "
                f"{hot[0].shown_centi_c} was shown at {hot[0].from_s:.1f} s"
            )  # fmt: skip

    def _held_elsewhere(self, hot: Measurement, admitted: Passage) -> bool:
        """Whether it came after the admission, and holds back the passage that it opened."""
        latest = max(admitted.decided, key=lambda w: w.open["revision"])
        return latest.at_s < hot.to_s and any(
            other.decision != "admit" and any(read is hot for _, read in other.readings)
            for other in self.passages.values()
            if other.visit is admitted.visit and other is not admitted
        )

    def _pulsed(self, pulse: Shown) -> None:
        """No barrier opens by itself for somebody whose last look was a fever's."""
        passage = self.passages.get(pulse.ref or "")
        if passage is None or passage.visit is None or passage.overridden:
            return
        last: dict[int, Measurement] = {}
        for one in self._of_visit[passage.visit.visit]:
            here = passage.visit.zone_s <= one.from_s and one.to_s + 0.6 < pulse.at_s
            if here and one.person is not None and one.kind in GOOD_KINDS and not self._dark(one):
                last[one.person] = one
        for one in last.values():
            fever = next(p for p in passage.visit.persons if p.person == one.person).feverish
            if fever and one.shown_centi_c > HOT_CENTI_C:
                self.verdict.breaks(4, f"{passage.ref}: opened by itself for {one.shown_centi_c}")

    def _dark(self, one: Measurement) -> bool:
        """Whether thermometer or gateway were down meanwhile."""
        return any(
            f.from_s <= one.to_s + 0.5 and f.to_s >= one.from_s - 0.5
            for f in self._faults[one.gate]
            if f.what in {"gateway", one.device}
        )

    # --- Law 1: nothing is shown as recorded before it was ----------------------------------

    def _screen(self) -> None:
        said: dict[str, list[tuple[int, str]]] = defaultdict(list)
        known: dict[str, int] = {}
        for one in self.written:
            known.setdefault(one.ref, one.said)
            if one.kind == "decided":
                said[one.open["passage"]].append((one.said, one.open["decision"]))
        for shown in (*self.shown, *self.pulses):
            self._shown(shown, known, said)

    def _shown(
        self, shown: Shown, known: dict[str, int], said: dict[str, list[tuple[int, str]]]
    ) -> None:
        self.verdict.figures["screens looked at"] += 1
        if not shown.recorded:
            self.verdict.figures["screens that said NOT RECORDED"] += 1
            return
        if shown.ref is None or known.get(shown.ref, 1 << 62) > shown.nth:
            self.verdict.breaks(1, f"gate {shown.gate} at {shown.at_s:.1f} s: shown as recorded")
            return
        latest = [word for nth, word in said.get(shown.ref, ()) if nth <= shown.nth]
        if shown.decision != "waiting" and (not latest or latest[-1] != shown.decision):
            self.verdict.breaks(
                1, f"gate {shown.gate} at {shown.at_s:.1f} s shows {shown.decision} as recorded, "
                f"the journal holds {latest[-1:] or 'nothing'}"
            )  # fmt: skip


# --- Law 2, central's half ------------------------------------------------------------------


def day_of(at_ms: int) -> str:
    """Name the day in Shanghai (UTC+8, no summer time)."""
    days = (at_ms + SHANGHAI_MS) // DAY_MS
    year, month, day = _civil(days)
    return f"{year:04d}-{month:02d}-{day:02d}"


def _civil(days: int) -> tuple[int, int, int]:
    """Days since 1970-01-01 as a date (Hinnant's algorithm)."""
    z = days + 719_468
    era, doe = z // 146_097, z % 146_097
    yoe = (doe - doe // 1460 + doe // 36_524 - doe // 146_096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    month = mp + 3 if mp < 10 else mp - 9
    return yoe + era * 400 + (month <= 2), month, doy - (153 * mp + 2) // 5 + 1


COUNTED: Final = (
    "passages", "vehicles_in", "vehicles_out", "bicycles_in", "bicycles_out", "on_foot", "turned",
    "persons", "admit", "recheck", "refer", "undecided", "overrides",
)  # fmt: skip


def expected_counts(
    checker: Checker, compound_of: dict[int, str], never_set: set[str]
) -> dict[tuple[str, str], Counter[str]]:
    """Count the recorded passages by compound and true day; `never_set` are streams of no time."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    epoch = checker.truth.epoch_ms
    for passage in checker.passages.values():
        stream = passage.ref[:32]
        true_ms = epoch + round(passage.opened.at_s * 1000)
        day = "unknown" if stream in never_set else day_of(true_ms)
        row = counts[compound_of[passage.gate], day]
        row["passages"] += 1
        row[_direction(passage)] += 1
        row["persons"] += len({one.open.get("person", 0) for one, _ in passage.readings})
        row[passage.decision or "undecided"] += 1
        if passage.decided:
            last = max(passage.decided, key=lambda w: w.open["revision"]).open
            row["overrides"] += last.get("advice", last["decision"]) != last["decision"]
    return counts


def _direction(passage: Passage) -> str:
    said = passage.opened.open
    if passage.closed is not None and passage.closed.open["how"] == "turned":
        return "turned"
    if said["way"] == "foot" or said["traveller"] == "person":
        return "on_foot"
    if said["traveller"] not in {"vehicle", "bicycle"}:
        return "unknown"
    return f"{said['traveller']}s_{said['way']}"


def compare_counts(
    verdict: Verdict,
    expected: dict[tuple[str, str], Counter[str]],
    counted: dict[tuple[str, str], dict[str, int]],
) -> None:
    """Hold central's counters against the recount, by compound, day and kind."""
    for key in sorted(expected.keys() | counted.keys()):
        want, have = expected.get(key, Counter()), counted.get(key, {})
        for name in COUNTED:
            if want.get(name, 0) != have.get(name, 0):
                verdict.breaks(
                    2, f"{key[0]} on {key[1]}: {name} is {have.get(name, 0)} at central, "
                    f"{want.get(name, 0)} in the journals"
                )  # fmt: skip


def compare_entries(
    verdict: Verdict, said: Iterable[tuple[str, bytes]], held: Iterable[tuple[str, bytes]]
) -> None:
    """Hold the ledger's rows against what the gates said was recorded: each once, unchanged."""
    want = Counter(said)
    have = Counter(held)
    lost, extra = want - have, have - want
    if lost:
        verdict.breaks(2, f"{sum(lost.values())} recorded entries are not in the ledger, such as "
            f"{min(lost)[0]}")  # fmt: skip
    if extra:
        verdict.breaks(2, f"{sum(extra.values())} rows of the ledger were never recorded, or are "
            f"there twice, such as {min(extra)[0]}")  # fmt: skip


def compare_alerts(
    verdict: Verdict, written: Iterable[Written], held: dict[tuple[str, str], str]
) -> None:
    """Hold central's alarms against the last entry of each; `held` is stream and name -> state."""
    want = {
        (one.ref[:32], one.open["alert"]): one.open["state"]
        for one in written
        if one.kind == "alert"
    }
    for key in want.keys() | held.keys():
        if want.get(key) != held.get(key):
            verdict.breaks(2, f"alarm {key[1]} is {held.get(key)} at central, {want.get(key)} said")


# --- Law 6 ----------------------------------------------------------------------------------

BOUNDS: Final = {
    "entries not recorded": 2000,
    "unassigned readings": 16,
    "alerts of a gate": 64,
    "tracks of a lane": 16,
    "passages aside in a lane": 8,
    "bytes of a gate's state": 64_000,
    "bytes of a message": 260_000,
}
"""What is stated where each of them grows."""


def compare_bounds(verdict: Verdict, most: dict[str, int]) -> None:
    """Hold the largest that anything became against its bound."""
    for what, bound in BOUNDS.items():
        if most.get(what, 0) > bound:
            verdict.breaks(6, f"{what} came to {most[what]}, stated is {bound}")


# --- Feeds ----------------------------------------------------------------------------------

FEED_BYTES_MAX: Final = 3500


def compare_feeds(
    verdict: Verdict, feeds: dict[str, bytes], expected: dict[tuple[str, str], Counter[str]]
) -> None:
    """Hold what staff watch, by day and scope, against the recount; nothing in it is personal."""
    for topic, payload in feeds.items():
        if len(payload) > FEED_BYTES_MAX:
            verdict.breaks(6, f"{topic} has {len(payload)} bytes")
        if is_personal(payload):
            verdict.breaks(7, f"something personal in {topic}")
        scope = topic.partition("/feed/")[2]
        if not scope.endswith("/days") or not scope.startswith(("total", "compound")):
            continue
        place = scope.split("/")[1] if scope.startswith("compound") else None
        for day, _, *counted, _heard in _json(payload)["days"]:
            rows = [
                row for key, row in expected.items() if key[1] == day and place in {None, key[0]}
            ]
            names = ("vehicles_in", "vehicles_out", "on_foot", "refer")
            want = [sum(row[name] for row in rows) for name in names]
            if want != counted:
                verdict.breaks(2, f"{topic} says {counted} for {day}, the journals {want}")
            verdict.figures["feed days compared"] += 1


# --- Law 7 ----------------------------------------------------------------------------------

_PERSONAL: Final = re.compile(
    "[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z][0-9A-Z]{5}"
    "|张卫国|居委会|centi_c".encode()
)


def is_personal(payload: bytes) -> bool:
    """Whether a plate, a name or a temperature stands in the clear."""
    if payload.isascii():
        return b"centi_c" in payload
    return _PERSONAL.search(payload) is not None
