"""Any order, any repetition, any batching: the same totals, equal to two recounts."""

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from central.aggregate import COUNTERS
from central.ledger import Ledger
from gateway import contract
from tests.central import oracle
from tests.central.gates import HOUR_MS, T0, Stream

DAY_MS = 24 * HOUR_MS


def site(rng):
    """Write the streams of two gates: restarts in passages, corrections, voids, clocks unset."""
    streams = []
    for compound, gate in (("c01", "east"), ("c02", "south")):
        before, going_on = None, None
        for start in range(rng.randint(1, 3)):
            unset = rng.random() < 0.4
            stream = Stream(
                compound, gate, boot=f"{compound}-{start}", before=before,
                clock="unset" if unset else "ntp",
            )  # fmt: skip
            stream.at_ms = rng.randrange(90_000) if unset else T0 + rng.randrange(3 * DAY_MS)
            if going_on:
                stream.decided(going_on, rng.choice(["admit", "refer"]), rng.randint(1, 3))
                stream.closed(going_on, "interrupted")
            going_on = None
            for _ in range(rng.randint(0, 4)):
                going_on = passage(rng, stream)
                if unset and stream.clock == "unset" and rng.random() < 0.4:
                    now_ms = T0 + rng.randrange(DAY_MS)
                    jump_ms, stream.at_ms, stream.clock = now_ms - stream.at_ms, now_ms, "ntp"
                    stream.put(contract.ClockJumped, boot=stream.boot, jump_ms=jump_ms, was="unset")
            streams.append(stream)
            before = stream
    return streams


def passage(rng, stream):
    """Write one passage, whole or broken off; give it when it may go on."""
    way = rng.choice(["in", "out", "foot"])
    ref = stream.opened(way, "person" if way == "foot" else rng.choice(["vehicle", "bicycle"]))
    named = [ref]
    for _ in range(rng.randint(0, 4)):
        step = rng.choice(["plate", "reading", "decided"])
        if step == "plate":
            named.append(stream.plate(ref, rng.choice(["read", "unsure", "none", "typed"])))
        elif step == "reading":
            named.append(stream.reading(ref, rng.randint(1, 3)))
        else:
            advice = rng.choice([None, "refer", "admit"])
            decision = rng.choice(["admit", "recheck", "refer"])
            named.append(stream.decided(ref, decision, rng.randint(1, 3), advice))
    if rng.random() < 0.2:
        stream.put(contract.Voided, entry=rng.choice(named), reason="made in error")
    if rng.random() < 0.6:
        stream.closed(ref, rng.choice(["left", "turned", "next"]))
        return None
    return ref


def deliver(rng, entries):
    """Deliver all, some twice, in any order and in any batches."""
    mail = entries + rng.sample(entries, rng.randint(0, len(entries)))
    rng.shuffle(mail)
    while mail:
        size = rng.randint(1, 12)
        batch, mail = mail[:size], mail[size:]
        first = batch[0].stream
        same = [entry for entry in batch if entry.stream == first]
        mail = [entry for entry in batch if entry.stream != first] + mail
        yield first, same


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_totals_are_those_of_the_set(seed):
    rng = random.Random(seed)
    streams = site(rng)
    by_id = {stream.id: stream for stream in streams}
    entries = [entry for stream in streams for entry in stream.entries]
    ledger = Ledger(":memory:")
    for name, batch in deliver(rng, entries):
        stream = by_id[name]
        ledger.absorb(stream.compound, stream.gate, batch, T0)
        assert ledger.counters() == ledger.recount()
    named = {
        bucket: {name: n for name, n in zip(COUNTERS, counts, strict=True) if n}
        for bucket, counts in ledger.counters().items()
    }
    assert named == oracle.count(entries)
    for stream in streams:
        assert ledger.mark(stream.id).committed == stream.last
    assert not ledger.db.execute("SELECT * FROM trouble").fetchall()
    ledger.close()
