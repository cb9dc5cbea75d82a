"""A week without central, small: the real journals, uplinks, ledger and feeds, in one process.

`./gatepost faults --only 'a week without central'` is the same with the whole traffic, processes
and a broker.
"""

import itertools
import random
from collections import Counter
from contextlib import closing
from types import SimpleNamespace

import pytest

from central import arrivals, config, feeds, picture
from central.hearing import Hearing
from central.ledger import Ledger
from gateway import contract
from gateway.uplink import Pace, Uplink
from tests.central.places import example
from tests.faults import backlogs
from tests.faults.backlogs import DAY_MS, DAYS
from tests.faults.judging import local_day

SITE = config._read(example("site"), config.Site)
GATES = 8
PASSAGES_A_DAY = 12
MONDAY_MS = 1_581_264_000_000
"""Midnight in Shanghai."""
BACK_MS = MONDAY_MS + DAYS * DAY_MS + DAY_MS // 2


@pytest.fixture
def site(tmp_path):
    """Eight journals of a week that nobody has heard of, each day a start of its own."""
    gates = []
    for number in range(GATES):
        folder = tmp_path / str(number)
        gate = SimpleNamespace(
            compound=f"c{number + 1:02d}", gate="main", data=folder, journal=folder / "journal.db"
        )
        dice = random.Random(number)
        for day in range(DAYS):
            moments = backlogs._moments(MONDAY_MS + day * DAY_MS, dice, PASSAGES_A_DAY)
            backlogs._write(gate, moments, dice, boot=f"week-{number}-{day}")
        gates.append(gate)
    return gates


def pump(gates, ledger, breaks):
    """Let all gates speak to central in turns; a link that breaks loses the end of a turn."""
    dice, clock = random.Random(1), itertools.count(BACK_MS)
    now_s, order = 0.0, []
    with_uplinks = []
    for gate in gates:
        journal = backlogs._open(gate, boot="back")
        uplink = Uplink(
            journal, compound=gate.compound, gate=gate.gate, boot="back", version="0",
            jitter=dice.random, pace=Pace(window=4, batch=20, patience_s=1.0),
        )  # fmt: skip
        uplink.connected(now_s)
        with_uplinks.append((gate, journal, uplink))
    try:
        while any(uplink.waiting for _, _, uplink in with_uplinks):
            now_s += 1.0
            assert now_s < 1000, "it never came to an end"
            for gate, _, uplink in with_uplinks:
                outs = uplink.due(now_s)
                broken = dice.random() < breaks
                for out in outs[: dice.randrange(len(outs) + 1)] if broken else outs:
                    _deliver(out, gate, uplink, ledger, next(clock), now_s, order)
                if broken:
                    uplink.disconnected(now_s)
                    uplink.connected(now_s)
    finally:
        for _, journal, _ in with_uplinks:
            journal.close()
    return order


def _deliver(out, gate, uplink, ledger, at_ms, now_s, order):
    compound, name, said = arrivals.read(out.topic, out.payload)
    if isinstance(said, arrivals.Parcel):
        marks = ledger.absorb_all([said], at_ms)[0].marks
        order += [(one.stream, one.seq) for one in contract.decode_batch(out.payload)]
    elif isinstance(said, contract.Hello):
        marks = ledger.hello(compound, name, said, at_ms)
    else:
        return
    ack = contract.Ack(v=contract.VERSION, boot="centre", marks=tuple(marks))
    uplink.heard(contract.gate_topic(gate.compound, gate.gate, "ack"), contract.encode(ack), now_s)


def days_of(ledger):
    drawn = picture.draw(
        ledger.db, ledger.calendar, BACK_MS, hearing=Hearing(), now=0.0, heard_s=150.0, own=()
    )
    composed = feeds.compose(feeds.scopes(SITE), drawn)
    return composed[contract.feed_topic("total", "days")].days


@pytest.mark.parametrize("breaks", [0.0, 0.3])
def test_a_week_that_waited_arrives_whole_in_order_and_its_closed_days_say_so(site, breaks):
    with closing(Ledger(":memory:")) as ledger:
        order = pump(site, ledger, breaks)
        recorded = set()
        for gate in site:
            rows = backlogs.evidence.journal_rows(gate.journal)
            recorded |= {(row.stream, row.seq) for row in rows}
        first = list(dict.fromkeys(order))
        assert set(first) == recorded
        assert len(recorded) > GATES * DAYS * PASSAGES_A_DAY * 4
        newest = Counter()
        for stream, seq in first:
            assert seq == newest[stream] + 1, "an entry came before the one before it"
            newest[stream] = seq
        days = {day.day: day for day in days_of(ledger)}
        wanted = [local_day(MONDAY_MS + n * DAY_MS + DAY_MS // 2) for n in range(DAYS)]
        counted = [(one.vehicles_in + one.vehicles_out + one.on_foot) for one in days.values()]
        assert sorted(days) == wanted
        assert counted == [GATES * PASSAGES_A_DAY] * DAYS
        assert all(days[day].revision >= 2 for day in wanted)
