"""Much that waits: a week of the site, 100,000 entries and an alert, an upgrade on the way.

Journals of a week are written by the journal's own code, moment by moment as it would have been;
the processes that then send them are as always.
"""

import itertools
import json
import os
import random
import secrets
import shutil
import subprocess
import time

from gateway import clock
from gateway import contract as c
from gateway.core.events import Record
from gateway.journal.journal import Journal, Stamp
from tests.faults import evidence
from tests.faults.judging import local_day
from tests.faults.run import fault, true_ms
from tests.faults.site import ROOT

DAY_MS = 86_400_000
PASSAGES_A_DAY = 625
"""5,000 vehicles a day at 8 gates."""
DAYS = 7
HOURS = (1, 0, 0, 0, 1, 3, 8, 12, 9, 5, 4, 5, 6, 5, 4, 5, 7, 11, 12, 8, 5, 4, 3, 2)
"""The weight of each hour of a day."""
OLDER = "1f774ac"
"""An earlier state of this repository, from which an upgrade is made where the history has it."""


def _passage(key, dice):
    lane, way, traveller = dice.choice(
        [("in1", "in", "vehicle"), ("out1", "out", "vehicle"), ("foot1", "foot", "person")]
    )
    yield Record(c.Opened(lane=lane, way=way, traveller=traveller, witness="track"), key)
    if traveller == "vehicle":
        text = f"京A{dice.randrange(10**5):05d}"
        yield Record(c.PlateSeen(status="read"), key, c.SealedPlate(text=text))
    if way != "out":
        sealed = c.SealedReading(raw_centi_c=dice.randrange(3500, 3700))
        yield Record(c.ReadingTaken(device="t1", person=1, result="NORMAL"), key, sealed)
    yield Record(c.Decided(decision="refer" if dice.random() < 0.02 else "admit", revision=1), key)
    yield Record(c.Closed(how="left", persons=1), key)


def _seal(plain):
    """Stand in for the sealed box, which nobody opens here: 48 bytes longer than the plain text."""
    return bytes(48) + plain


def _open(gate, boot):
    gate.data.mkdir(parents=True, exist_ok=True)
    return Journal.open(
        gate.journal, compound=gate.compound, gate=gate.gate, boot=boot, version="0",
        new_stream=lambda: secrets.token_hex(16), seal=_seal,
    )  # fmt: skip


def _write(gate, moments, dice, boot):
    """Record a passage at each moment, in one start of the gate; group commits as in a rush."""
    journal, keys = _open(gate, boot), itertools.count(1)
    try:
        for group in (
            itertools.batched(moments, 25)
            if hasattr(itertools, "batched")
            else (moments[n : n + 25] for n in range(0, len(moments), 25))
        ):
            records = [
                (record, Stamp(at_ms, at_ms - moments[0] + 60_000, "ntp"))
                for at_ms in group
                for record in _passage(next(keys), dice)
            ]
            journal.append_all(records)
    finally:
        journal.close()


def _moments(day_ms, dice, passages):
    hours = dice.choices(range(24), HOURS, k=passages)
    return sorted(day_ms + int((hour + dice.random()) * DAY_MS / 24) for hour in hours)


@fault("a week without central", gates=8, exact=False, settle_s=600, backup_s=600)
def week(run):
    """Eight gates' traffic of seven days, 35,000 passages, waits for a central that comes back."""
    for gate in run.site.gates:
        gate.stop()
    run.site.central.stop()
    begins_ms = true_ms() // DAY_MS * DAY_MS - 8 * DAY_MS // 24 - (DAYS + 1) * DAY_MS
    for number, gate in enumerate(run.site.gates):
        shutil.rmtree(gate.data)
        dice = random.Random(f"{run.seed}/{number}")
        for day in range(DAYS):
            moments = _moments(begins_ms + day * DAY_MS, dice, PASSAGES_A_DAY)
            _write(gate, moments, dice, boot=f"week-{number}-{day}")
    run.look()
    for gate in run.site.gates:
        gate.start()
    run.work(every_s=1.0)
    run.go_on(3.0)
    run.site.central.start()
    run.healed()
    for day in range(DAYS):
        run.closed_day(local_day(begins_ms + day * DAY_MS + DAY_MS // 2))
    run.rest()
    run.settle("the week is at central")
    with evidence.read_only(run.site.central.ledger) as ledger:
        turns = ledger.execute(
            "SELECT count(*) FROM entry e JOIN entry n ON n.key = e.key + 1"
            " WHERE n.arrived_ms < e.arrived_ms AND n.kind != 'alert'"  # Alerts overtake.
        ).fetchone()[0]
    if turns:
        run.wrong.append(f"{turns} entries arrived before the one before them")


@fault("an alert behind 100,000 entries", exact=False, settle_s=300, backup_s=600)
def alert(run):
    """An alert is raised while a backlog of 100,000 entries drains: it overtakes."""
    run.gate.stop()
    shutil.rmtree(run.gate.data)
    dice = random.Random(run.seed)
    begins_ms = true_ms() - 20 * DAY_MS
    moments = [begins_ms + n * 60_000 for n in range(100_000 * 10 // 43)]
    _write(run.gate, moments, dice, boot=clock.kernel_boot() + "-before")
    run.look()
    run.notes["backlog"] = len(run.recorded.rows)
    topic = f"gatepost/v1/feed/alarm/{run.gate.compound}/{run.gate.gate}/confirmed"

    def rows():
        with evidence.read_only(run.site.central.ledger) as ledger:
            return ledger.execute("SELECT count(*) FROM entry").fetchone()[0]

    def shown():
        return any(
            t.startswith(topic.rsplit("/", 1)[0]) and b"fever_confirmed" in payload
            for t, payload in list(run.watcher.newest.items())
        )

    run.gate.start()
    run.healed()
    run.wait_for(lambda: rows() > 10_000, 120, "the backlog begins to drain")
    raised = run.fever(run.gate)
    with run.watcher.changed:
        assert run.watcher.changed.wait_for(shown, 60), "the alert never came"
    run.notes["alert shown after s"] = round(time.time() - raised, 3)
    run.notes["drained by then"] = rows()
    run.wait_for(lambda: rows() >= run.notes["backlog"], 300, "the backlog has drained")
    with evidence.read_only(run.site.central.ledger) as ledger:
        first, last = ledger.execute(
            "SELECT min(arrived_ms), max(arrived_ms) FROM entry"
        ).fetchone()
    run.notes["entries a second"] = round(run.notes["backlog"] / (last - first) * 1000)


# --- Upgrades -------------------------------------------------------------------------------


def no_history():
    """Say why no earlier state can be had; None when it can."""
    found = subprocess.run(
        ["git", "cat-file", "-e", f"{OLDER}^{{tree}}"], cwd=_repository(), capture_output=True,
        check=False,
    )  # fmt: skip
    return None if found.returncode == 0 else f"the history here does not reach back to {OLDER}"


def _repository():
    return os.environ.get("GATEPOST_HISTORY", ROOT)


def _older(folder):
    """Unpack the earlier state."""
    packed = subprocess.run(
        ["git", "archive", OLDER], cwd=_repository(), capture_output=True, check=True
    ).stdout
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed, check=True)
    return {"PYTHONPATH": str(folder)}


@fault("gate upgraded with a backlog", needs=(no_history,))
def gate_upgraded(run):
    """A gate of an earlier version gathers a backlog without a broker, and starts as this one."""
    older = _older(run.site.folder / "older")
    run.gate.stop()
    shutil.rmtree(run.gate.data)
    now = dict(run.gate.environment)
    run.gate.environment |= older
    run.gate.start()
    run.work(every_s=0.05)
    run.go_on(2.0)
    run.site.broker.kill()
    run.go_on(3.0, 5.0)
    run.gate.stop()
    run.look()
    run.notes["recorded by the earlier version"] = len(run.held_by(run.gate))
    run.gate.environment = now
    run.gate.start()
    run.site.broker.start()
    run.work(every_s=0.15)
    run.go_on(1.0)


@fault("gates upgraded before central", needs=(no_history,), backup_s=600)
def central_upgraded(run):
    """An earlier central takes what newer gates send, understood or not, and is then upgraded."""
    older = _older(run.site.folder / "older")
    central = run.site.central
    central.stop()
    central.restore(None)
    shutil.rmtree(central.backup, ignore_errors=True)
    now = dict(central.environment)
    central.environment |= older
    central.start()
    run.work(every_s=0.05)
    run.go_on(3.0, 4.0)
    run.rest()
    run.settle("an earlier central holds it all")
    run.notes["not understood before"] = evidence.Held(central.ledger).not_understood
    run.work()
    run.go_on(0.5)
    central.kill()
    central.environment = now
    central.start()
    told = json.dumps(central.ask("gaps"))
    run.notes["not understood after"] = evidence.Held(central.ledger).not_understood
    run.notes["gaps told"] = len(told) > 2
