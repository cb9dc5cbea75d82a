"""What the facts of a passage add up to."""

import msgspec
import pytest

from central import aggregate
from central.aggregate import COUNTERS, Calendar, Facts, Jump
from gateway import contract
from tests.central import oracle
from tests.central.gates import T0, Stream

OWN = "a" * 32
OTHER = "b" * 32


def counted(*entries, voided=()):
    """Join entries of (stream, seq, body) and name what is not zero."""
    facts = Facts()
    for stream, seq, body in entries:
        facts = aggregate.join(facts, OWN, stream, seq, body)
    found = aggregate.contribution((OWN, 1), facts, voided)
    return {name: n for name, n in zip(COUNTERS, found, strict=True) if n}


def opened(way="in", traveller="vehicle"):
    return (
        OWN,
        1,
        contract.Opened(
            at_ms=T0, clock="ntp", lane="l", way=way, traveller=traveller, witness="track"
        ),
    )


def decided(stream, seq, decision, revision, advice=None):
    return stream, seq, contract.Decided(decision=decision, revision=revision, advice=advice)


@pytest.mark.parametrize(
    ("way", "traveller", "column"),
    [
        ("in", "vehicle", "vehicles_in"),
        ("out", "vehicle", "vehicles_out"),
        ("in", "bicycle", "bicycles_in"),
        ("out", "bicycle", "bicycles_out"),
        ("foot", "person", "on_foot"),
        ("in", "person", "on_foot"),
        ("foot", "unknown", "on_foot"),
        ("in", "unknown", "unknown"),
    ],
)
def test_direction(way, traveller, column):
    assert counted(opened(way, traveller)) == {"passages": 1, column: 1, "undecided": 1}


def test_a_decision_waits_for_its_opened():
    assert counted(decided(OWN, 2, "refer", 1)) == {}


@pytest.mark.parametrize(
    ("decisions", "column"),
    [
        ([decided(OWN, 2, "recheck", 1), decided(OWN, 3, "admit", 2)], "admit"),
        ([decided(OWN, 3, "admit", 2), decided(OWN, 2, "recheck", 1)], "admit"),
        ([decided(OTHER, 2, "refer", 3), decided(OWN, 9, "admit", 2)], "refer"),
        # Equal revisions: the name that sorts last, whichever came first.
        ([decided(OWN, 9, "admit", 2), decided(OTHER, 2, "refer", 2)], "refer"),
        ([decided(OTHER, 2, "refer", 2), decided(OWN, 9, "admit", 2)], "refer"),
    ],
)
def test_the_latest_decision_counts(decisions, column):
    found = counted(opened(), *decisions)
    assert found == {"passages": 1, "vehicles_in": 1, column: 1}


def test_an_override_is_counted_only_while_it_is_the_latest():
    against = decided(OWN, 2, "admit", 1, advice="refer")
    assert counted(opened(), against)["overrides"] == 1
    assert "overrides" not in counted(opened(), against, decided(OWN, 3, "admit", 2))
    assert "overrides" not in counted(opened(), decided(OWN, 2, "admit", 1, advice="admit"))


def test_turned_is_no_way_in_and_keeps_its_decision():
    end = (OWN, 5, contract.Closed(how="turned"))
    found = counted(opened(), decided(OWN, 2, "refer", 1), end)
    assert found == {"passages": 1, "turned": 1, "refer": 1}


def test_persons_are_distinct_and_the_last_plate_counts():
    def reading(seq, person, result):
        return (
            OWN,
            seq,
            contract.ReadingTaken(device="t", person=person, result=result),
        )

    readings = [reading(2, 1, "RECHECK"), reading(3, 1, "NORMAL"), reading(4, 2, "NORMAL")]
    plates = [
        (OWN, 7, contract.PlateSeen(status="read", at_ms=5)),
        (OWN, 5, contract.PlateSeen(status="unread", at_ms=9)),
    ]
    found = counted(opened(), *readings, *plates)
    assert (found["persons"], found["plates_read"]) == (2, 1)
    later = (OTHER, 1, contract.PlateSeen(status="none", at_ms=99))
    assert counted(opened(), later, *plates)["plates_unread"] == 1


def test_what_is_voided_counts_for_nothing():
    entries = [opened(), decided(OWN, 2, "refer", 2), decided(OWN, 3, "admit", 1)]
    assert counted(*entries, voided={(OWN, 2)})["admit"] == 1
    assert counted(*entries, voided={(OWN, 1)}) == {}


def test_the_same_fact_twice_is_one():
    facts = Facts()
    for _ in range(2):
        facts = aggregate.join(facts, OWN, OWN, 3, contract.Closed(how="left"))
    assert len(facts.closings) == 1


JUMPS = [Jump(5000, 100_000, "rtc"), Jump(9000, 50, "ntp"), Jump(12_000, 7, "ntp")]


@pytest.mark.parametrize(
    ("mono_ms", "clock", "jumps", "expected"),
    [
        (1, "ntp", JUMPS, 10),
        (1, "unset", JUMPS, 10 + 100_050),
        (5000, "unset", JUMPS, 10 + 100_050),
        (5000, "rtc", JUMPS, 10 + 50),
        (6000, "rtc", JUMPS, 10 + 50),
        (9000, "unset", JUMPS, 10 + 50),
        (9001, "unset", JUMPS, 10 + 7),
        (13_000, "unset", JUMPS, None),
        (13_000, "rtc", JUMPS, 10),
        (1, "unset", JUMPS[:1], 10 + 100_000),
        (1, "unset", (), None),
        (1, "rtc", [Jump(5, 9, "unset")], 10),
        (5, "unset", [Jump(5, 9, "unset"), Jump(9, 50, "ntp")], 10 + 50),
    ],
)
def test_a_jump_mends_what_came_before_it(mono_ms, clock, jumps, expected):
    assert aggregate.mended(10, mono_ms, clock, jumps) == expected
    assert aggregate.mended(10, mono_ms, clock, list(reversed(jumps))) == expected
    written = [_written(jump) for jump in jumps]
    body = {"at_ms": 10, "mono_ms": mono_ms, "clock": clock}
    assert oracle.moment(body, written) == expected


def _written(jump):
    """Write a jump as its entry does: what is usual is left out."""
    body = contract.ClockJumped(
        boot="b", mono_ms=jump.mono_ms, jump_ms=jump.jump_ms, was="unset", clock=jump.clock
    )
    return msgspec.to_builtins(body)


def test_days_are_the_sites():
    calendar = Calendar("Asia/Shanghai")
    begin = calendar.begin_ms("2020-02-11")
    assert calendar.hour_of(begin) == ("2020-02-11", 0)
    assert calendar.hour_of(begin - 1) == ("2020-02-10", 23)
    assert calendar.hour_of(T0) == ("2020-02-11", 14)
    for impossible in (None, -1, 10**15):
        assert calendar.hour_of(impossible) == aggregate.UNKNOWN_HOUR
    assert calendar.days_before("2020-03-01", 2) == ("2020-03-01", "2020-02-29")


def test_figures_are_named_as_the_feed_names_them():
    gate = Stream()
    gate.passage()
    facts = Facts()
    for entry in gate.entries[1:]:
        body = contract.decode_body(entry)
        facts = aggregate.join(facts, gate.id, gate.id, entry.seq, body)
    found = aggregate.figures(aggregate.contribution((gate.id, 2), facts))
    assert found == contract.Figures(vehicles_in=1, persons=1, admit=1, plates_read=1)
