"""The wire: golden messages, tolerance, refusals, and what the contract may load."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import contract as c

GOLDEN = Path(__file__).parent / "golden"
STREAM = "5e" * 16
BOOT = "0b" * 16
STAMP = {"at_ms": 1581379200000, "mono_ms": 61000, "clock": "ntp"}


def an_entry(kind="opened", seq=2, sealed=None, v=1, body=None):
    opened = c.Opened(lane="in1", way="in", traveller="vehicle", witness="track", **STAMP)
    seal = msgspec.UNSET
    if sealed is not None:
        seal = hashlib.sha256(sealed).hexdigest()
    return c.Entry(
        v=v,
        stream=STREAM,
        seq=seq,
        prev="a1" * 32,
        kind=kind,
        open=msgspec.Raw(body if body is not None else c.encode(opened)),
        seal=seal,
        sealed=msgspec.UNSET if sealed is None else sealed,
    )


BODIES = {
    "started": c.Started(
        compound="c01", gate="east", boot=BOOT, version="0.1.0", before="4d" * 16,
        before_last=12, **STAMP,
    ),
    "opened": c.Opened(lane="in1", way="in", traveller="vehicle", witness="track", **STAMP),
    "reading": c.ReadingTaken(
        lane="in1", device="t1", person=1, result="RECHECK", flags=("uncalibrated",),
        passage=f"{STREAM}/2", **STAMP,
    ),
    "plate": c.PlateSeen(
        status="read", plate_kind="blue", confidence_pct=97, passage=f"{STREAM}/2", **STAMP
    ),
    "decided": c.Decided(
        decision="recheck", revision=1, reasons=("fever_first",), persons=1,
        passage=f"{STREAM}/2", **STAMP,
    ),
    "pass": c.PassPresented(
        lane="in1", device="q1", medium="code", passage=f"{STREAM}/2", **STAMP
    ),
    "closed": c.Closed(how="left", persons=1, passage=f"{STREAM}/2", **STAMP),
    "alert": c.AlertChanged(
        alert="t1-device-3", what="device_lost", priority=2, state="unack", device="t1", **STAMP
    ),
    "barrier": c.BarrierPulsed(lane="in1", how="guard", passage=f"{STREAM}/2", **STAMP),
    "device": c.DeviceChanged(device="t1", state="lost", reason="unplugged", **STAMP),
    "calibrated": c.Calibrated(
        device="t1", name="t1-20200211-060000", method="field", points=12, offset_centi_c=85,
        made_ms=1581400800000, expires_ms=1582610400000, **STAMP,
    ),
    "clock": c.ClockJumped(boot=BOOT, jump_ms=5400000, was="unset", **STAMP),
    "tombstone": c.Tombstone(stream="4d" * 16, first=3, last=9, reason="disk_bound", **STAMP),
    "unrecorded": c.Unrecorded(entries=4, **STAMP),
    "answered": c.Answered(command="k7f3", outcome="done", **STAMP),
    "voided": c.Voided(entry=f"{STREAM}/2", reason="double_touch", **STAMP),
}  # fmt: skip

MESSAGES = {
    "entries": [an_entry(), an_entry(kind="plate", seq=3, sealed=b"sealed bytes")],
    "alert": an_entry(kind="alert", seq=4, body=c.encode(BODIES["alert"])),
    "hello": c.Hello(
        v=1, boot=BOOT, held=(c.Held(stream=STREAM, first=1, last=9),),
        lost=(c.Lost(stream="4d" * 16, first=3, last=9, reason="disk_bound"),), more=True,
    ),
    "ack": c.Ack(v=1, boot=BOOT, marks=(c.Mark(stream=STREAM, committed=9, safe=4),)),
    "status": c.Status(v=1, online=True, boot=BOOT, at_ms=1581379200000, version="0.1.0"),
    "health": c.Health(
        v=1, boot=BOOT, at_ms=1581379200000, clock="ntp", version="0.1.0", waiting=3,
        devices=(c.DeviceHealth(device="t1", kind="thermometer", state="ok", age_s=0.1,
                                refusals={"checksum": 2}),),
    ),
    "command": c.Command(
        v=1, id="k1", expires_ms=1581379260000, what="acknowledge", alert="t1-device-3",
        by="central",
    ),
    "feed_now": c.FeedNow(
        v=1, scope="compound/c01", name={"zh": "一号院", "en": "Compound 1"}, day="2020-02-11",
        as_of_ms=1581379200000, gates_heard=1, gates_expected=1,
        figures=c.Figures(vehicles_in=5, admit=5), inside_estimate=5,
    ),
    "feed_now_unheard": c.FeedNow(
        v=1, scope="total", name={"zh": "合计", "en": "Total"}, day="2020-02-11",
        as_of_ms=1581379200000, gates_heard=0, gates_expected=8, figures=None,
    ),
    "feed_hours": c.FeedHours(
        v=1, scope="total", day="2020-02-11", as_of_ms=1581379200000, gates_expected=8,
        hours=(None, c.HourFigures(3, 2, 1, 0, 8)),
    ),
    "feed_days": c.FeedDays(
        v=1, scope="total", as_of_ms=1581379200000, gates_expected=8,
        days=(c.DayFigures("2020-02-11", 2, 300, 280, 90, 3, 8),),
    ),
    "feed_alarm": c.FeedAlarm(
        v=1, alert="t1-device-3", compound="c01", gate="east", what="device_lost", priority=2,
        state="unack", since_ms=1581379200000, device="t1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(BODIES))
def test_bodies_stand_as_golden_bytes(name):
    assert c.encode(BODIES[name]) == (GOLDEN / f"body_{name}.json").read_bytes().strip()
    entry = an_entry(kind=name, body=c.encode(BODIES[name]))
    assert c.decode_body(entry) == BODIES[name]
    assert c.kind_of(BODIES[name]) == name


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_messages_stand_as_golden_bytes(name):
    golden = (GOLDEN / f"{name}.json").read_bytes().strip()
    assert c.encode(MESSAGES[name]) == golden
    if name == "entries":
        found = c.decode_batch(golden)
        assert [c.hash_of(entry) for entry in found] == [c.hash_of(e) for e in MESSAGES[name]]
    elif name == "alert":
        assert c.hash_of(c.decode_entry(golden)) == c.hash_of(MESSAGES[name])
    else:
        assert c.decode(golden, type(MESSAGES[name])) == MESSAGES[name]


def test_every_kind_has_a_golden_body():
    assert set(BODIES) == set(c.KINDS)


def test_hashes_are_golden():
    """A change here breaks every chain in the field."""
    want = json.loads((GOLDEN / "hashes.json").read_text())
    plain, sealed = MESSAGES["entries"]
    assert {"plain": c.hash_of(plain), "sealed": c.hash_of(sealed)} == want


def test_erasing_the_sealed_part_keeps_the_hash():
    whole = MESSAGES["entries"][1]
    assert whole.sealed is not msgspec.UNSET
    erased = msgspec.structs.replace(whole, sealed=msgspec.UNSET)
    assert c.hash_of(erased) == c.hash_of(whole)


@pytest.mark.parametrize(
    "change",
    [{"seq": 4}, {"stream": "6e" * 16}, {"prev": "a2" * 32}, {"kind": "closed"}, {"v": 2},
     {"open": msgspec.Raw(b"{}")}, {"seal": "b0" * 32}],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_every_part_of_the_envelope_is_in_the_hash(change):
    entry = MESSAGES["entries"][1]
    assert c.hash_of(msgspec.structs.replace(entry, **change)) != c.hash_of(entry)


def test_the_open_part_travels_byte_for_byte():
    odd = b'{ "lane" : "in1" ,"way":"in","traveller":"vehicle","witness":"track","later":[1, 2] }'
    entry = c.decode_entry(c.encode(an_entry(body=odd)))
    assert bytes(entry.open) == odd
    assert c.decode_body(entry).lane == "in1"


def test_one_bad_entry_never_rejects_its_batch():
    good = c.encode(an_entry()).decode()
    bad = ['{"v":1}', "7", '"text"', good.replace('"seq":2', '"seq":0'),
           good.replace(STREAM, STREAM[:-1])]  # fmt: skip
    found = c.decode_batch(f"[{good},{','.join(bad)},{good}]".encode())
    assert [isinstance(one, c.Entry) for one in found] == [True, *[False] * len(bad), True]
    assert "seq" in str(found[4])


def test_a_later_version_is_kept_and_said():
    entry = c.decode_entry(c.encode(an_entry(v=2, body=b'{"novel":true}')))
    assert entry.v == 2
    with pytest.raises(c.NotUnderstood, match="version 2"):
        c.decode_body(entry)
    with pytest.raises(c.NotUnderstood, match="teleported"):
        c.decode_body(an_entry(kind="teleported"))
    with pytest.raises(c.NotUnderstood, match="version 9"):
        c.decode(b'{"v":9,"boot":"x","held":[]}', c.Hello)


def test_too_many_entries_are_refused():
    with pytest.raises(c.NotUnderstood, match="at most 200"):
        c.decode_batch(b"[" + b",".join([b"1"] * 201) + b"]")


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(payload):
    for read in (c.decode_batch, c.decode_entry, lambda p: c.decode(p, c.Hello)):
        try:
            read(payload)
        except c.NotUnderstood:
            continue


@pytest.mark.parametrize(
    "topic",
    ["gatepost/v1/gate/c01/east", "gatepost/v2/gate/c01/east/hello", "x", "",
     "gatepost/v1/feed/total/now", "gatepost/v1/gate/a/b/c/d"],
)  # fmt: skip
def test_other_topics_are_not_a_gates(topic):
    assert c.read_gate_topic(topic) is None


def test_topics_round_trip():
    assert c.read_gate_topic(c.gate_topic("c01", "east", "ack")) == ("c01", "east", "ack")
    assert c.read_ref(c.entry_ref(STREAM, 7)) == (STREAM, 7)


def test_a_full_feed_of_a_day_fits_its_bound():
    hours = tuple(c.HourFigures(12345, 12345, 12345, 1234, 10000) for _ in range(24))
    feed = c.FeedHours(v=1, scope="gate/" + "c" * 32 + "/" + "g" * 32, day="2020-02-11",
                       as_of_ms=1581379200000, gates_expected=10000, hours=hours)  # fmt: skip
    assert len(c.encode(feed)) <= c.FEED_BYTES_MAX
    days = tuple(c.DayFigures("2020-02-11", 99, 123456, 123456, 123456, 12345, 10000)
                 for _ in range(14))  # fmt: skip
    feed = c.FeedDays(v=1, scope=feed.scope, as_of_ms=feed.as_of_ms, gates_expected=10000,
                      days=days)  # fmt: skip
    assert len(c.encode(feed)) <= c.FEED_BYTES_MAX


def test_the_contract_loads_without_cv2_serial_or_paho():
    code = (
        "import sys, gateway.contract;"
        "print([m for m in ('cv2', 'numpy', 'serial', 'paho', 'nacl', 'sqlite3')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"
