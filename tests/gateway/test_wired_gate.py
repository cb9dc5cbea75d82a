"""Distance sensor and readers at a whole gate: real frames in, entries and a view out."""

import re

import pytest

from .site import until

pytestmark = pytest.mark.broker

TAG, NAME = "62E3086CED", "王五"
WIRED = f"""
[[distance]]
name = "d1"
driver = "gy_53"
port = "sim://gy_53?every_s=4&for_s=2&rate_hz=30"
near_mm = 1000
far_mm = 1500
settle_s = 0.1
[[reader]]
name = "q1"
driver = "rdm6300"
port = "sim://rdm6300?text={TAG}&rate_hz=20"
[[reader]]
name = "k1"
driver = "sdt_id_card"
port = "sim://sdt_id_card?text=002X&name={NAME}"
"""


def well(centre) -> set[str]:
    """Name the devices that the gate's newest health message calls well."""
    return {d.device for health in centre.healths[-1:] for d in health.devices if d.state == "ok"}


def test_who_stands_there_and_what_was_shown(broker, centre, make_gate):
    lane = 'distance = "d1"\nreaders = ["q1", "k1"]\n'
    gate = make_gate(broker.port, lane=lane, extra=WIRED, port_more="&fault=silent").start()
    page = gate.page()
    until(lambda: len(gate.bodies("opened")) >= 2 and len(gate.bodies("closed")) >= 1)
    assert {body.witness for body in gate.bodies("opened")} == {"distance"}
    assert {body.how for body in gate.bodies("closed")} == {"left"}
    until(lambda: len(gate.bodies("pass")) == 2)
    assert {(body.device, body.medium) for body in gate.bodies("pass")} == {
        ("q1", "tag"), ("k1", "id_card"),
    }  # fmt: skip
    shown = until(lambda: page.view()["status"]["today"].get("passes") == 2 and page.view())
    assert {one["tail"] for one in shown["lanes"][0]["presented"]} <= {TAG[-4:], "002X"}
    kinds = {device["device"]: device["kind"] for device in shown["status"]["devices"]}
    assert kinds == {"t1": "thermometer", "d1": "distance", "q1": "reader", "k1": "reader"}
    until(lambda: centre.kinds().count("pass") == 2)
    until(lambda: well(centre) >= {"d1", "k1"})
    assert gate.stop() == 0
    said = gate.said() + repr([entry.open for entry in gate.entries()])
    assert not re.search(f"{TAG}|{TAG[-4:]}|002X|{NAME}", said)
    assert all(entry.sealed for entry in gate.entries() if entry.kind == "pass")


def test_todays_passes_are_counted_again_after_a_restart(broker, make_gate):
    lane = 'readers = ["q1"]\n'
    text = WIRED[WIRED.index("[[reader]]") : WIRED.rindex("[[reader]]")]
    gate = make_gate(broker.port, lane=lane, extra=text).start()
    until(lambda: len(gate.bodies("pass")) == 1)
    gate.kill()
    gate.start()
    until(lambda: len(gate.bodies("pass")) == 2, said="held on over a restart, it is a pass again")
    page = gate.page()
    until(lambda: page.view()["status"]["today"]["passes"] == 2)
    assert gate.stop() == 0
