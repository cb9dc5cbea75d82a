"""A real gate, a real broker: nothing lost, nothing twice, a clear line for people."""

import http.client
import re
import resource
import threading

import pytest

from gateway import contract as c
from gateway.journal.journal import Journal

from .site import Broker, Centre, free_port, until

pytestmark = pytest.mark.broker


def verified(gate):
    look = Journal.look(gate.journal)
    try:
        return look.verify().faults == ()
    finally:
        look.close()


def arrivals(page, count, lane="in1"):
    for _ in range(count):
        page.touch("ArrivalTouched", lane=lane)
        page.touch("NextTouched", lane=lane)


def test_from_a_serial_byte_to_the_centre_and_a_clean_end(broker, centre, make_gate):
    gate = make_gate(broker.port, every_s=1.2, for_s=0.8).start(watchdog_s=20)
    gate.wait_note("WATCHDOG=1")
    until(lambda: centre.kinds().count("decided") >= 2)
    # One whose window the machine itself cut short is another result: it is measured again.
    until(lambda: any(body.result == "NORMAL" for body in gate.bodies("reading")))
    until(lambda: centre.healths and "A passage is over." in gate.said())
    # While it runs: what a stop leaves unsent comes with the next start, by design.
    until(lambda: centre.keys() == gate.keys())
    assert gate.stop() == 0
    until(lambda: centre.statuses and not centre.statuses[-1].online)
    assert set(centre.keys()) <= set(gate.keys())
    assert verified(gate)
    said = gate.said()
    assert "36.4" not in said
    # A passage's name is random: its digits mean nothing, and 364 may be among them.
    lines = [line for line in said.splitlines() if "passage" in line]
    assert "364" not in re.sub(r"[0-9a-f]{32}/\d+", "", "".join(lines))
    assert centre.healths[-1].devices[0].device == "t1"


def test_a_burst_of_touches_and_sigterm_in_the_middle(broker, centre, make_gate):
    gate = make_gate(broker.port).start()
    page = gate.page()
    arrivals(page, 30)
    assert gate.stop() == 0
    assert len(gate.bodies("opened")) == 30
    assert len(gate.bodies("closed")) == 30
    gate.start()  # The link may not have stood yet: what was not sent is sent now.
    until(lambda: centre.keys() == gate.keys())
    assert gate.stop() == 0


def test_every_touch_that_the_page_took_is_recorded_however_late_in_the_stop(make_gate):
    gate = make_gate(free_port()).start()
    page = gate.page()
    taken, refused = [], []

    def touch_on():
        try:
            while True:
                page.touch("ArrivalTouched", lane="in1")
                taken.append(1)
                page.touch("NextTouched", lane="in1")
        except (OSError, http.client.HTTPException, AssertionError) as error:
            refused.append(error)

    guard = threading.Thread(target=touch_on)
    guard.start()
    until(lambda: len(taken) >= 5)
    assert gate.stop() == 0
    guard.join(60)
    answered = [error.args[0] for error in refused if isinstance(error, AssertionError)]
    # Without an answer the page does not know: what it touched last may have been taken.
    unknown = len(refused) - len(answered)
    assert len(taken) <= len(gate.bodies("opened")) <= len(taken) + unknown
    assert answered in ([], [(503, '{"refused": "ending"}')])


def test_a_broker_that_is_not_there_then_there_then_killed_then_back(tmp_path, make_gate):
    broker = Broker(tmp_path)
    gate = make_gate(broker.port).start()
    page = gate.page()
    arrivals(page, 5)
    until(lambda: page.view()["status"]["link"] == "down")
    until(lambda: len(gate.bodies("closed")) == 5)
    until(lambda: gate.said().count("The broker is away.") == 1)  # It is down before it is tried.
    assert f"broker=127.0.0.1:{broker.port}" in gate.said()
    centre = None
    try:
        broker.start()
        centre = Centre(broker.port)
        until(lambda: centre.keys() and centre.keys() == gate.keys())
        until(lambda: page.view()["status"]["waiting"] == 0)
        broker.kill()
        until(lambda: page.view()["status"]["link"] == "down")
        arrivals(page, 5)
        broker.start()
        arrivals(page, 5)
        until(lambda: len(gate.bodies("closed")) == 15)
        until(lambda: centre.keys() == gate.keys())
        assert gate.stop() == 0
    finally:
        if centre is not None:
            centre.close()
        broker.kill()


def test_kill_minus_nine_in_the_middle_of_a_passage(broker, centre, make_gate):
    gate = make_gate(broker.port).start()
    page = gate.page()
    arrivals(page, 3)
    page.touch("ArrivalTouched", lane="in1")
    until(lambda: len(gate.bodies("opened")) == 4)
    gate.kill()
    gate.start()
    page = gate.page()
    arrivals(page, 2)
    until(lambda: len(gate.bodies("closed")) == 6, said="the broken passage was never closed")
    # While it runs: what a stop leaves unsent comes with the next start, by design.
    until(lambda: centre.keys() == gate.keys())
    assert gate.stop() == 0
    assert verified(gate)
    first, second = gate.bodies("started")
    assert (second.before, second.before_last) == (
        gate.entries()[0].stream, len([e for e in gate.entries() if e.stream == second.before]),
    )  # fmt: skip
    opened = {c.entry_ref(e.stream, e.seq) for e in gate.entries() if e.kind == "opened"}
    assert {body.passage for body in gate.bodies("closed")} == opened
    assert first.boot == second.boot


def test_two_deaths_within_a_minute_and_it_resumes_nothing(make_gate):
    gate = make_gate(free_port())
    for death in (1, 2):
        gate.start()
        gate.page().touch("ArrivalTouched", lane="in1")
        until(lambda n=death: gate.keys() and len(gate.bodies("opened")) == n)
        gate.kill()
    last = [c.entry_ref(e.stream, e.seq) for e in gate.entries() if e.kind == "opened"][-1]
    gate.start()
    assert gate.page().view()["lanes"][0]["passage"] is None
    assert "starting without resuming" in gate.said()
    assert gate.stop() == 0
    assert last not in {body.passage for body in gate.bodies("closed")}
    gate.start()
    until(lambda: last in {body.passage for body in gate.bodies("closed")})
    assert gate.stop() == 0


def test_a_centre_that_is_away_holds_nothing_up_and_gets_all_of_it_later(broker, centre, make_gate):
    centre.quiet = True
    gate = make_gate(broker.port).start()
    page = gate.page()
    arrivals(page, 10)
    until(lambda: page.view()["status"]["link"] == "central_away")
    arrivals(page, 10)
    centre.quiet = False
    until(lambda: page.view()["status"]["waiting"] == 0)
    until(lambda: centre.keys() == gate.keys())
    assert gate.stop() == 0


def test_a_full_disk_shows_not_recorded_and_mends(broker, centre, make_gate):
    gate = make_gate(broker.port).start()
    page = gate.page()
    arrivals(page, 2)
    until(lambda: len(gate.bodies("closed")) == 2)
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(gate.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    page.touch("ArrivalTouched", lane="in1")
    shown = until(lambda: _shown_unrecorded(page))
    assert shown["lanes"][0]["passage"]["recorded"] is False
    assert shown["status"]["disk"] == "unwritable"
    assert "NOT RECORDED" in gate.said()
    assert len(gate.bodies("opened")) == 2
    page.touch("NextTouched", lane="in1")
    resource.prlimit(gate.process.pid, resource.RLIMIT_FSIZE, unlimited)
    until(lambda: len(gate.bodies("closed")) == 3)
    until(lambda: page.view()["status"]["not_recorded"] == 0)
    until(lambda: centre.keys() == gate.keys())
    assert verified(gate)
    assert gate.stop() == 0


def _shown_unrecorded(page):
    view = page.view()
    return view if view["status"]["not_recorded"] and view["lanes"][0]["passage"] else None


def test_a_journal_that_will_not_open_is_set_aside_and_said(broker, centre, make_gate):
    gate = make_gate(broker.port)
    (gate.folder / "data").mkdir()
    gate.journal.write_bytes(b"no database" * 999)
    gate.start()
    until(lambda: any(body.reason == "set_aside" for body in _devices(centre)))
    assert gate.stop() == 0
    assert (gate.folder / "data" / "journal.db.aside-1").exists()
    assert "set aside" in gate.said()


def test_a_gate_without_a_journal_works_on_and_records_when_it_can(broker, centre, make_gate):
    gate = make_gate(broker.port)
    gate.journal.mkdir(parents=True)  # a folder where the file should be: nothing can be opened
    gate.start()
    page = gate.page()
    until(lambda: centre.healths)
    assert (centre.healths[-1].waiting, centre.healths[-1].not_recorded) == (1, 0), "who knows?"
    page.touch("ArrivalTouched", lane="in1")
    shown = until(lambda: _shown_unrecorded(page))
    assert shown["lanes"][0]["passage"]["recorded"] is False
    assert centre.keys() == set()
    gate.journal.rmdir()
    until(lambda: page.view()["status"]["not_recorded"] == 0)
    assert until(lambda: gate.bodies("opened"))[0].lane == "in1"
    until(lambda: centre.keys() == gate.keys())
    until(lambda: centre.healths[-1].waiting == 0)
    assert gate.stop() == 0


def _devices(centre):
    return [c.decode_body(e) for e in list(centre.entries.values()) if e.kind == "device"]


def test_messages_of_a_future_version_are_left_alone(broker, centre, make_gate):
    gate = make_gate(broker.port).start()
    page = gate.page()
    until(lambda: page.view()["status"]["link"] == "up")
    for word in ("ack", "command", "status"):
        for payload in (b'{"v":2,"boot":"x","marks":[{"new":"shape"}]}', b"\x00\xff", b"[]"):
            centre.send(c.gate_topic("c01", "east", word), payload)
    until(lambda: gate.said().count("bring this gate and the centre to one version") == 1)
    assert "topic=gatepost/v1/gate/c01/east/ack refused=1" in gate.said()
    arrivals(page, 3)
    until(lambda: len(gate.bodies("closed")) == 3)
    until(lambda: centre.keys() == gate.keys())
    assert gate.stop() == 0


def test_an_access_list_that_refuses_is_said_in_words(tmp_path, make_gate):
    acl = tmp_path / "acl"
    acl.write_text("topic read gatepost/#\n")
    broker = Broker(tmp_path, f"allow_anonymous true\nacl_file {acl}")
    try:
        gate = make_gate(broker.start().port).start()
        until(lambda: "mend its access list" in gate.said())
        assert "Not authorized" in gate.said()
        assert gate.stop() == 0
    finally:
        broker.kill()


def test_an_alert_reaches_the_centre_and_its_acknowledgement_comes_back_once(
    broker, centre, make_gate
):
    gate = make_gate(broker.port, port_more="&fault=unplug").start()
    raised = until(lambda: _alerts(centre))[0]
    assert (raised.what, raised.device, raised.state) == ("device_lost", "t1", "unack")
    topic = c.gate_topic("c01", "east", "command")
    fields = {"v": 1, "what": "acknowledge", "alert": raised.alert}
    centre.send(topic, c.encode(c.Command(id="old", expires_ms=1, **fields)))
    for _ in range(2):
        centre.send(topic, c.encode(c.Command(id="k1", expires_ms=2**52, **fields)))
    until(lambda: len(_alerts(centre)) == 2)
    assert gate.stop() == 0
    acked = [body for body in gate.bodies("alert") if body.alert == raised.alert][1:]
    assert [(body.state, body.by) for body in acked] == [("acked", "central")]


def _alerts(centre):
    found = [c.decode_body(e) for _, e in sorted(centre.entries.items()) if e.kind == "alert"]
    return [body for body in found if body.device == "t1"]


def test_a_second_gateway_on_the_same_folder_is_turned_away(make_gate, tmp_path):
    gate = make_gate(free_port()).start()
    other = make_gate(free_port())
    other.log = tmp_path / "other.log"
    other.start(ready=False)
    assert other.process.wait(60) == 1
    other.stop()
    assert "Another gateway runs" in other.said()
    assert gate.stop() == 0
