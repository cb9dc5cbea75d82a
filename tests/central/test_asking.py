"""Acknowledging alarms: the ledger's at once, a gate's by asking it until its entry answers."""

import json
import urllib.error
import urllib.request

import pytest

from central import asking
from central.asking import AGAIN_S, EXPIRES_MS, Asking
from central.ledger import Ledger
from gateway import contract
from gateway.contract import Command
from tests.central.gates import T0, Stream

ROLE = "duty"
PLACE = ("c01", "east")


@pytest.fixture
def ledger(tmp_path):
    found = Ledger(tmp_path / "ledger.db")
    yield found
    found.close()


def raised(ledger, *states):
    gate = Stream()
    for state in states:
        gate.alert(state=state)
    ledger.absorb(*PLACE, gate.entries, T0)
    return gate


def sent(asked, now, at_ms=T0):
    return [(place, contract.decode(payload, Command)) for place, payload in asked.due(now, at_ms)]


def test_a_gate_is_asked_until_an_entry_of_its_own_answers(ledger, tmp_path):
    gate = raised(ledger, "unack")
    command = asking.acknowledge(tmp_path / "ledger.db", PLACE, "t1-device-1", ROLE, T0)
    asked = Asking(ledger.db)
    ((place, first),) = sent(asked, 0.0)
    assert (place, first.id, first.alert) == (PLACE, command, "t1-device-1")
    assert first.expires_ms == T0 + EXPIRES_MS
    assert sent(asked, AGAIN_S - 0.1) == []
    assert sent(asked, AGAIN_S) == [(PLACE, first)]
    gate.alert(state="acked")
    gate.put(contract.Answered, command=command, outcome="done")
    ledger.absorb(*PLACE, gate.entries, T0)
    assert sent(asked, 100.0) == []
    ledger.absorb(*PLACE, gate.entries, T0 + 5)
    (row,) = ledger.db.execute("SELECT answered_ms, outcome, by FROM command").fetchall()
    assert tuple(row) == (T0, "done", ROLE)


def test_another_gates_answer_is_none(ledger, tmp_path):
    raised(ledger, "unack")
    command = asking.acknowledge(tmp_path / "ledger.db", PLACE, "t1-device-1", ROLE, T0)
    other = Stream("c02", "south")
    other.put(contract.Answered, command=command, outcome="done")
    ledger.absorb("c02", "south", other.entries, T0)
    assert len(sent(Asking(ledger.db), 0.0)) == 1


def test_what_nobody_answered_expires_and_survives_a_restart_until_then(ledger, tmp_path):
    raised(ledger, "unack")
    asking.acknowledge(tmp_path / "ledger.db", PLACE, "t1-device-1", ROLE, T0)
    assert len(sent(Asking(ledger.db), 0.0, T0 + EXPIRES_MS - 1)) == 1
    assert sent(Asking(ledger.db), 0.0, T0 + EXPIRES_MS) == []


@pytest.mark.parametrize("states", [(), ("unack", "acked"), ("unack", "normal")])
def test_only_what_is_open_and_unseen_can_be_acknowledged(ledger, tmp_path, states):
    raised(ledger, *states)
    path = tmp_path / "ledger.db"
    assert asking.acknowledge(path, PLACE, "t1-device-1", ROLE, T0) is None
    assert asking.acknowledge(path, PLACE, "central-silent", ROLE, T0) is None
    assert asking.acknowledge(path, PLACE, "central-lost", ROLE, T0) is None


def test_the_ledgers_own_alarm_is_done_at_once(ledger, tmp_path):
    lost = contract.Lost(stream="ab" * 16, first=1, last=2)
    ledger.hello(*PLACE, contract.Hello(v=1, boot="b", lost=(lost,)), T0)
    path = tmp_path / "ledger.db"
    assert asking.acknowledge(path, PLACE, "central-lost", ROLE, T0) == "done"
    assert asking.acknowledge(path, PLACE, "central-lost", ROLE, T0) is None


def post(port, body, **headers):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/acknowledge", data=body,
        headers={"Content-Type": "application/json", **headers},
    )  # fmt: skip
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, json.load(refusal)


def wish(**more):
    return json.dumps(
        {"compound": "c01", "gate": "east", "alert": "t1-device-1", "by": ROLE, **more}
    ).encode()
