"""The centre as it runs, against a real broker: what it does, and what harms it not."""

import json
import resource
import sqlite3
import urllib.error
import urllib.request
from contextlib import closing

import pytest

from central import config, reading
from gateway import contract
from gateway.contract import Health, Held, Hello, Lost, Status
from tests.central.gates import Stream, changed
from tests.central.places import HEARD_S
from tests.central.real import Central, Relay, free_port, wait_for
from tests.central.test_asking import post, wish

pytestmark = pytest.mark.broker


@pytest.fixture
def central(tmp_path, broker):
    return Central(tmp_path, broker.port).start()


def online(client, boot=None):
    def there():
        status = client.status()
        return status is not None and status.online and status.boot != boot and status.boot

    return wait_for(there, what="central")


def days(client):
    return client.feed("compound/c01", "days", contract.FeedDays).days


def told(central):
    with closing(reading.open_read_only(str(central.ledger))) as db:
        return reading.summary(db)


def day_of(passages, **more):
    stream = Stream(**more)
    for _ in range(passages):
        stream.passage()
    return stream


def test_from_a_gate_to_the_wall(central, client):
    online(client)
    gate = Stream()
    gate.passage()
    gate.alert()
    gate.passage(decision="refer")
    client.send(gate, "alert", contract.encode(gate.entries[6]))
    client.send(gate, "status", contract.encode(
        Status(v=1, online=True, boot="b", at_ms=1, version="1")
    ), retain=True)  # fmt: skip
    client.send(gate, "hello", contract.encode(Hello(v=1, boot="b")))
    alarm = contract.alarm_topic("c01", "east", "t1-device-1")
    wait_for(lambda: client.retained.get(alarm), what="the alarm")
    assert client.mark(gate) == contract.Mark(stream=gate.id, committed=0, safe=0)
    client.send_entries(gate)
    client.committed(gate)
    wait_for(lambda: told(central)["total"] == 2)
    expected = (contract.DayFigures("2020-02-11", 2, 2, 0, 0, 1, 1),)
    wait_for(lambda: days(client)[-1:] == expected, what="the compound's day")
    now = wait_for(lambda: client.feed("total").gates_heard == 1 and client.feed("total"))
    assert (now.gates_expected, now.alarms_unacknowledged) == (8, 1)
    assert client.feed("compound/c02").figures is None
    gate.alert(state="normal")
    client.send_entries(gate, gate.entries[-1:])
    wait_for(lambda: client.retained[alarm] == b"", what="the alarm's end")
    unknown = Held(stream="f" * 32, first=1, last=3)
    client.send(gate, "hello", contract.encode(Hello(v=1, boot="b", held=(unknown,))))
    wait_for(lambda: [a for a in client.acks if a.marks[:1] and a.marks[0].stream == "f" * 32])
    client.send(gate, "hello", contract.encode(Hello(v=1, boot="b")))
    wait_for(lambda: [ack for ack in client.acks if not ack.marks], what="an answer to nothing")
    assert central.stop() == 0
    wait_for(lambda: client.status().online is False, what="the farewell")


def test_killed_between_its_commit_and_its_acknowledgement(tmp_path, broker, client):
    relay = Relay(broker.port)
    central = Central(tmp_path, relay.port).start()
    boot = online(client)
    gate = day_of(30)
    relay.flowing.clear()
    client.send_entries(gate, size=20)
    wait_for(lambda: told(central)["rows"] == gate.last, what="the commit")
    assert client.acks == []
    central.kill()
    relay.close()
    again = Central(tmp_path, broker.port).start()
    online(client, boot)
    client.send(gate, "hello", contract.encode(
        Hello(v=1, boot="b", held=(Held(stream=gate.id, first=1, last=gate.last),))
    ))  # fmt: skip
    client.committed(gate)
    client.acks.clear()
    client.send_entries(gate, size=7)
    client.send_entries(gate, size=200)
    client.committed(gate)
    assert again.stop() == 0
    found = told(again)
    assert (found["total"], found["rows"], found["conflicts"]) == (30, gate.last, 0)


def test_killed_at_any_moment(tmp_path, broker, client):
    gate, boot = day_of(400), None
    for pause in (0.0, 0.05, None):
        central = Central(tmp_path, broker.port).start()
        boot = online(client, boot)
        client.acks.clear()
        client.send_entries(gate, size=25)
        if pause is None:
            client.committed(gate)
            break
        wait_for(lambda: client.acks, what="a first acknowledgement")
        central.kill()
    client.send_entries(gate, size=200)
    assert central.stop() == 0
    found = told(central)
    assert (found["total"], found["rows"], found["opened_rows"]) == (400, gate.last, 400)
    assert (found["missing"], found["conflicts"], found["chain_breaks"]) == (0, 0, 0)


def test_a_broker_that_was_wiped(central, client, broker):
    boot = online(client)
    gate = day_of(3)
    client.send_entries(gate, gate.entries[:8])
    client.committed(gate, 8)
    broker.kill()
    client.retained.clear()
    broker.start()
    wait_for(lambda: client.status() and client.status().online, what="central's birth again")
    assert client.status().boot == boot
    wait_for(lambda: len(client.retained) > 60, what="all feeds again")
    client.send_entries(gate)
    client.committed(gate)
    assert central.stop() == 0
    assert told(central)["total"] == 3


def test_what_cannot_be_read_is_kept_said_and_harms_nobody(central, client):
    online(client)
    gate, victim = day_of(2), day_of(2, compound="c02", gate="south")
    later = changed(gate.entries[3], v=2)
    batch = contract.encode([*gate.entries[:3], later, *gate.entries[4:]])
    garbled = batch.replace(b'"prev":"' + gate.entries[5].prev.encode(), b'"prev":"zz')
    client.send(gate, "entries", garbled)
    for word, payload in [
        ("entries", b"\x00\xff" * 100),
        ("entries", b'{"not":"an array"}'),
        ("entries", b"[" * 5000),
        ("entries", b'[{"x":"\xff"}]'),
        ("entries", contract.encode([gate.entries[0]] * 201)),
        ("entries", b'[null, 7, {"seq": 1}]'),
        ("alert", b""),
        ("alert", b"[]"),
        ("hello", b'{"v":2,"boot":"b"}'),
        ("hello", b'{"v":1,"boot":"b","lost":[{"stream":"xyz","first":1,"last":2}]}'),
        ("status", b"offline"),
        ("health", b'{"v":1}'),
    ]:
        client.send(gate, word, payload)
    client._client.publish("gatepost/v1/gate/C 01/ea$t/entries", b"[]", qos=1)
    client.send_entries(victim)
    client.committed(victim)
    client.committed(gate)
    wait_for(lambda: told(central)["refused"] >= 13, what="the refusals")
    found = told(central)
    assert (found["passages"]["c02"], found["not_understood"], found["rows"]) == (2, 2, 22)
    refused = contract.alarm_topic("c01", "east", "central-refused")
    waiting = contract.alarm_topic("c01", "east", "central-waiting")
    wait_for(lambda: client.retained.get(refused) and client.retained.get(waiting))
    wait_for(lambda: client.feed("total").not_understood == 2, what="the total's word on it")
    assert central.stop() == 0


def test_a_full_disk_loses_nothing_and_is_said(central, client):
    online(client)
    gate = day_of(200)
    client.send_entries(gate, gate.entries[:6])
    client.committed(gate, 6)
    size = max(path.stat().st_size for path in central.ledger.parent.iterdir())
    resource.prlimit(
        central.process.pid, resource.RLIMIT_FSIZE, (size + 4096, resource.RLIM_INFINITY)
    )
    client.send_entries(gate)
    alarm = contract.alarm_topic("central", "central", "central-unwritable")
    wait_for(lambda: client.retained.get(alarm), what="the alarm")
    assert client.mark(gate).committed < gate.last
    with pytest.raises(urllib.error.HTTPError) as answer:
        urllib.request.urlopen(f"http://127.0.0.1:{central.http_port}/healthz", timeout=30)
    assert answer.value.code == 503
    assert json.loads(answer.value.read())["holding"] == ["unwritable"]
    answer.value.close()
    everything = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(central.process.pid, resource.RLIMIT_FSIZE, everything)
    client.committed(gate)  # Nobody sent anything again.
    wait_for(lambda: client.retained[alarm] == b"", what="the alarm's end")
    assert central.stop() == 0
    assert told(central)["total"] == 200


def test_a_ledger_that_will_not_open_is_never_replaced_by_an_empty_one(tmp_path, broker, client):
    central = Central(tmp_path, broker.port).start()
    online(client)
    gate = day_of(3)
    client.send_entries(gate)
    client.committed(gate)
    wait_for(lambda: list((tmp_path / "backup").glob("*.db")), what="a backup")
    assert central.stop() == 0
    (kept,) = (tmp_path / "backup").glob("*.db")
    central.ledger.write_bytes(b"torn" * 5000)
    assert central.start().ended() == 1
    assert f"cp {kept} {central.ledger}" in central.said()
    assert central.ledger.read_bytes() == b"torn" * 5000
    central.ledger.unlink()
    assert central.start().ended() == 1
    assert "it is gone, but there are backups" in central.said()
    kept.rename(central.ledger)
    boot = client.status().boot
    client.acks.clear()
    central.start()
    online(client, boot)
    client.send_entries(gate)
    client.committed(gate)
    assert central.stop() == 0
    assert told(central)["total"] == 3


def test_safe_follows_the_backups(tmp_path, broker, client):
    text = Central(tmp_path, broker.port).config.read_text()
    central = Central(tmp_path, broker.port)
    central.config.write_text(text.replace("every_s = 86400", "every_s = 1\ncount = 1"))
    central.start()
    boot = online(client)
    gate = day_of(2)
    client.send_entries(gate)
    client.committed(gate)
    wait_for(lambda: client.mark(gate).safe == gate.last, what="safe, unasked")
    assert central.stop() == 0
    central.start()
    online(client, boot)
    lost = (Lost(stream=gate.id, first=1, last=2),)
    client.acks.clear()
    client.send(gate, "hello", contract.encode(Hello(v=1, boot="b", lost=lost)))
    wait_for(lambda: client.mark(gate) and client.mark(gate).safe == gate.last)
    assert told(central)["lost"] == 0
    assert central.stop() == 0


def test_stopped_in_a_burst(central, client):
    online(client)
    gate = day_of(600)
    client.send_entries(gate, size=10)
    wait_for(lambda: client.acks, what="a first acknowledgement")
    assert central.stop() == 0
    found = told(central)
    assert found["rows"] >= client.mark(gate).committed
    assert client.mark(gate).committed > 0
    with closing(sqlite3.connect(central.ledger)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    wait_for(lambda: not client.status().online, what="the farewell")


def test_a_broker_that_refuses_is_said_once(tmp_path, broker):
    broker.kill()
    settings = tmp_path / "mosquitto.conf"
    settings.write_text(settings.read_text().replace("anonymous true", "anonymous false"))
    broker.start()
    central = Central(tmp_path, broker.port).start()
    wait_for(lambda: "the broker refuses: Not authorized broker=" in central.said(), what="a line")
    assert central.stop() == 0
    assert central.said().count("The broker is away") == 1


def test_no_broker_is_said_and_waited_for(tmp_path):
    port = free_port()
    central = Central(tmp_path, port).start()
    wait_for(lambda: f"refused broker=127.0.0.1:{port}\n" in central.said(), what="a clear line")
    second = Central(tmp_path, port).start()
    assert second.ended() == 1
    assert "another `central run` holds it" in second.said()
    assert central.process.poll() is None
    assert central.said().count("warning: The broker is away: see that it runs") == 1
    assert central.stop() == 0


def is_well(base):
    """Say whether the centre calls itself well; it answers 503 until it is."""
    try:
        with urllib.request.urlopen(f"{base}/healthz", timeout=30):
            return True
    except urllib.error.HTTPError as error:
        with error:
            return error.code != 503


def test_its_pages(central, client):
    online(client)
    base = f"http://127.0.0.1:{central.http_port}"
    wait_for(lambda: client.feed("total"), what="a first look")
    with urllib.request.urlopen(f"{base}/site.json", timeout=30) as answer:
        site = json.load(answer)
        assert (
            "default-src 'self'; connect-src 'self' ws://127.0.0.1:9001"
            in answer.headers["Content-Security-Policy"]
        )
    assert site["broker"] == "ws://127.0.0.1:9001"
    assert [one["id"] for one in site["offices"]] == ["shizhong", "shixi", "shidong"]
    assert site["compounds"][7]["gates"] == [
        {"id": "south", "names": {"zh": "南门", "en": "South Gate"}}
    ]
    wait_for(lambda: is_well(base), what="health")
    with urllib.request.urlopen(f"{base}/healthz", timeout=30) as answer:
        said = json.load(answer)
    assert (said["broker"], said["gates_expected"]) == ("connected", 8)
    assert said["backups"]["same_device"] is True
    with urllib.request.urlopen(f"{base}/vendor/mqtt.js", timeout=30) as answer:
        assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    for path in ("/../ledger.py", "/%2e%2e/ledger.py", "/vendor", "/nothing", "/vendor//mqtt.js"):
        with pytest.raises(urllib.error.HTTPError) as answer:
            urllib.request.urlopen(base + path, timeout=30)
        assert answer.value.code == 404
        answer.value.close()
    request = urllib.request.Request(f"{base}/site.json", headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError) as answer:
        urllib.request.urlopen(request, timeout=30)
    assert answer.value.code == 403
    answer.value.close()


def test_a_silent_gate_is_an_alarm_that_ends_when_it_speaks(tmp_path, broker, client):
    central = Central(tmp_path, broker.port)
    central.config.write_text(
        central.config.read_text()
        .replace(f"heard_s = {HEARD_S}", "heard_s = 5")
        .replace(f"silent_s = {HEARD_S}", "silent_s = 5")
    )
    old = Health(v=1, boot="b", at_ms=1_000_000, clock="ntp", version="1", waiting=3)
    client.send(("c03", "west"), "health", contract.encode(old), retain=True)
    central.start()
    online(client)
    topic = contract.alarm_topic("central", "central", "central-silent-together")
    payload = wait_for(lambda: client.retained.get(topic), what="the one alarm of all")
    assert contract.decode(payload, contract.FeedAlarm).what == "gates_silent_together"
    assert contract.alarm_topic("c03", "west", "central-silent") not in client.retained
    assert wait_for(lambda: client.feed("compound/c03")).gates_heard == 0
    _, site = config.read(central.config)
    for compound, gate in site.gates:
        client.send_entries(day_of(1, compound=compound, gate=gate))
    wait_for(lambda: client.retained[topic] == b"", what="the alarm's end")
    assert central.stop() == 0


def test_an_alarm_of_a_gate_is_acknowledged_through_the_api(central, client):
    online(client)
    gate = Stream()
    gate.alert()
    client.send_entries(gate)
    client.committed(gate)
    port = central.http_port
    assert post(port, wish(), Origin="http://evil.example")[0] == 403
    assert post(port, wish(), **{"Content-Type": "text/plain"})[0] == 403
    assert post(port, wish(alert="no-such"))[0] == 404
    assert post(port, wish(more=1))[0] == 400
    assert post(port, b"x" * 5000)[0] == 400
    status, said = post(port, wish())
    topic = contract.gate_topic("c01", "east", "command")
    payload = wait_for(lambda: client.retained.get(topic), what="the command")
    command = contract.decode(payload, contract.Command)
    assert (status, said) == (202, {"command": command.id})
    gate.alert(state="acked")
    gate.put(contract.Answered, command=command.id, outcome="done")
    client.send_entries(gate)
    alarm = contract.alarm_topic("c01", "east", "t1-device-1")
    wait_for(lambda: b"acked" in client.retained.get(alarm, b""), what="the alarm's new state")
    assert post(port, wish())[0] == 404
    assert central.stop() == 0
