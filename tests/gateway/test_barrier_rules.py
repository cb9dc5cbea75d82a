"""The barrier's rules on a whole gate: a real process, a relay that speaks real bytes.

What a relay itself does with an order stands in tests/drivers/test_barrier.py.
"""

import sqlite3

import pytest

from drivers.barrier import Barrier
from drivers.driver import declared
from tests.drivers.lines import Wire
from tests.drivers.test_barrier import Board

from .site import free_port
from .site import until as until_soon

LCUS = declared("lcus", Barrier)
BARRIER = '[[barrier]]\nname = "b1"\ndriver = "lcus"\nport = "{port}"\npulse_s = {pulse_s}\n'
NAME = {"operator": "4711", "reason": "known here"}


def until(what):
    """Wait on a machine that is busy with other things."""
    return until_soon(what, 60)


@pytest.fixture
def wired(make_gate):
    """Start a gate whose lane in1 has a barrier; give it and the relay's board."""
    wires = []

    def start(lane: str = "", pulse_s: float = 0.2, **more):
        wire = Wire()
        wires.append(wire)
        board = Board(LCUS, wire)
        gate = make_gate(
            free_port(), lane=f'barrier = "b1"\n{lane}',
            extra=BARRIER.format(port=wire.path, pulse_s=pulse_s), **more,
        ).start()  # fmt: skip
        board.until(lambda told: told == [(1, False)])
        return gate, board

    yield start
    for wire in wires:
        wire.unplug()


def admit(page) -> None:
    """Let somebody come whom the guard admits."""
    page.touch("ArrivalTouched", lane="in1")
    page.touch("OverrideTouched", lane="in1", decision="admit", **NAME)


def _decision(page) -> str | None:
    passage = page.view()["lanes"][0]["passage"]
    return passage and passage["decision"]


def opened(gate) -> list[str]:
    return [body.how for body in gate.bodies("barrier")]


def test_the_guard_opens_once_for_whom_is_admitted(wired):
    gate, board = wired()
    page = gate.page()
    page.touch("ArrivalTouched", lane="in1")
    page.touch("OpenTouched", lane="in1")
    page.touch("OverrideTouched", lane="in1", decision="admit", **NAME)
    until(lambda: gate.bodies("decided"))
    assert board.presses() == [], "nobody was admitted when it was touched"
    page.touch("OpenTouched", lane="in1")
    board.until(lambda told: told == [(1, False), (1, True), (1, False)])
    assert opened(gate) == ["guard"]
    assert not page.view()["lanes"][0]["opens_by_hand"]
    assert gate.stop() == 0
    assert board.presses() == [1]


@pytest.mark.parametrize(("says_so", "presses"), [("true", [1]), ("false", [])])
def test_it_opens_by_itself_only_if_the_site_says_so(wired, says_so, presses):
    gate, board = wired(f"opens_by_itself = {says_so}")
    admit(gate.page())
    until(lambda: gate.bodies("decided"))
    if presses:
        board.until(lambda told: told[-1:] == [(1, False)] and len(told) == 3)
    assert gate.stop() == 0
    assert board.presses() == presses
    assert opened(gate) == ["itself"] * len(presses)


def test_it_opens_by_itself_only_when_the_entry_is_on_disk(wired):
    """Another process holds the journal: nothing can be written, and nothing opens by itself."""
    gate, board = wired("opens_by_itself = true")
    page = gate.page()
    until(lambda: page.view()["lanes"])
    other = sqlite3.connect(gate.journal, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    admit(page)
    until(lambda: _decision(page) == "admit" and page.view()["status"]["not_recorded"])
    page.touch("EmergencyTouched", lane="in1")
    board.until(lambda told: told.count((1, True)) == 1)
    other.execute("ROLLBACK")
    other.close()
    until(lambda: not page.view()["status"]["not_recorded"])
    assert gate.stop() == 0
    assert board.presses() == [1], "the emergency's, and no other"


def test_an_emergency_needs_no_journal_plate_or_thermometer_and_waits_for_no_loop(wired):
    """The loop hangs in a commit for seconds, as it does on a card that stalls."""
    gate, board = wired(port_more="&fault=silent")
    page = gate.page()
    until(lambda: page.view()["lanes"])
    other = sqlite3.connect(gate.journal, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    page.touch("ArrivalTouched", lane="in1")
    page.touch("EmergencyTouched", lane="in1")
    board.until(lambda told: (1, True) in told)
    other.execute("ROLLBACK")
    other.close()
    until(lambda: opened(gate) == ["emergency"])
    assert gate.stop() == 0
    assert board.presses() == [1]


def test_a_pulse_is_never_repeated_after_a_restart(wired):
    """Killed with the contact pressed: whoever starts lets go, and opens for nobody."""
    gate, board = wired("opens_by_itself = true", pulse_s=3.0)
    admit(gate.page())
    board.until(lambda told: told[-1:] == [(1, True)])
    assert opened(gate) == ["itself"]
    gate.kill()
    told = len(board.told)
    gate.start()
    board.until(lambda now: now[told:] == [(1, False)])
    page = gate.page()
    until(lambda: page.view()["lanes"])
    assert gate.stop() == 0
    assert board.presses() == [1]
    assert opened(gate) == ["itself"]
