"""Clocks that are wrong: 1970, hours off either way, over midnight, at the gate and at central.

What is true is this machine's clock, moved to the hour that the fault wants; each process has a
wall clock of its own (`wall.c`), and the clock since boot is left alone.
"""

from datetime import UTC, datetime, timedelta

from tests.faults import walls
from tests.faults.judging import local_day
from tests.faults.run import fault, true_ms

CLOCKED = {"needs": (walls.obstacle,), "walls": True, "clock": "kernel", "keeps": True}
HOUR_MS = 3_600_000
NOON = (12, 0, 0)
BEFORE_MIDNIGHT = (23, 59, 30)
"""Early enough for a busy machine to start the site before the day is over."""


def _set_site(run, hour, minute, second):
    """Move the site's true time to this moment of its local day, before anybody came."""
    now_ms = true_ms()
    local = datetime.fromtimestamp(now_ms / 1000, UTC) + timedelta(hours=8)
    wanted = local.replace(hour=hour, minute=minute, second=second)
    run.ahead_ms = int((wanted - local).total_seconds() * 1000)
    for program in (*run.site.gates, run.site.central):
        program.wall.set(run.ahead_ms, "ntp")


def _wrong(run, gate, by_ms, state="ntp"):
    gate.wall.set(run.ahead_ms + by_ms, state)


def _begin(run, moment, by_ms, state):
    """Start the gates anew at a moment of the day, the first with a wrong clock."""
    for gate in run.site.gates:
        gate.stop()
    run.site.central.stop()
    run.forget_feeds()
    _set_site(run, *moment)
    _wrong(run, run.gate, by_ms, state)
    run.site.central.start()
    for gate in run.site.gates:
        gate.start()


@fault("clock at 1970, then set", **CLOCKED)
def unset_then_set(run):
    """A gate boots in 1970, works, and its clock is set while it runs."""
    _begin(run, NOON, -true_ms() + 5000, "unset")
    run.work()
    run.go_on(2.0, 4.0)
    _wrong(run, run.gate, 0)
    run.go_on(2.0)


@fault("clock at 1970, set while it was off", **CLOCKED)
def unset_then_set_unseen(run):
    """A gate boots in 1970, works, ends, and starts again in the same boot with the clock set."""
    _begin(run, NOON, -true_ms() + 5000, "unset")
    run.work()
    run.go_on(2.0, 3.0)
    run.rest()
    run.gate.stop()
    _wrong(run, run.gate, 0)
    run.gate.start()
    run.work()
    run.go_on(2.0)


@fault("clock never set", **CLOCKED)
def never_set(run):
    """A gate whose clock is never set: its passages are counted, of a day that nobody knows."""
    run.days_may_be_unknown = True
    _begin(run, NOON, -true_ms() + 5000, "unset")
    run.work()
    run.go_on(4.0)


@fault("clock hours ahead, then set back", **CLOCKED)
def ahead(run):
    """An unset clock is fifteen hours ahead, on another day, and is set back while it runs."""
    _begin(run, NOON, 15 * HOUR_MS, "unset")
    run.work()
    run.go_on(2.0, 4.0)
    _wrong(run, run.gate, 0)
    run.go_on(2.0)


@fault("clock hours behind, then set on", **CLOCKED)
def behind(run):
    """An unset clock is fifteen hours behind, on another day, and is set on while it runs."""
    _begin(run, NOON, -15 * HOUR_MS, "unset")
    run.work()
    run.go_on(2.0, 4.0)
    _wrong(run, run.gate, 0)
    run.go_on(2.0)


@fault("clock set back and forth", **CLOCKED)
def to_and_fro(run):
    """An unset clock jumps by hours both ways, time and again, before it is set for good."""
    _begin(run, NOON, -15 * HOUR_MS, "unset")
    run.work()
    for _ in range(4):
        run.go_on(0.5, 1.5)
        _wrong(run, run.gate, run.dice.randrange(-30, 30) * HOUR_MS, "unset")
    run.go_on(1.0)
    _wrong(run, run.gate, 0)
    run.go_on(1.0)


@fault("over midnight", **CLOCKED)
def midnight(run):
    """The site's day ends under traffic, while central is away for its last seconds."""
    _begin(run, BEFORE_MIDNIGHT, 0, "ntp")
    run.work()
    run.go_on(2.0)
    before = local_day(true_ms() + run.ahead_ms)
    run.site.central.kill()
    run.wait_for(lambda: local_day(true_ms() + run.ahead_ms) != before, 90, "midnight")
    run.go_on(3.0)
    run.site.central.start()
    run.closed_day(before)


@fault("over midnight, clock behind", **CLOCKED)
def midnight_behind(run):
    """Midnight passes at a gate whose unset clock is an hour behind, and is set after it."""
    _begin(run, BEFORE_MIDNIGHT, -HOUR_MS, "unset")
    run.work()
    before = local_day(true_ms() + run.ahead_ms)
    run.wait_for(lambda: local_day(true_ms() + run.ahead_ms) != before, 90, "midnight")
    run.go_on(2.0)
    _wrong(run, run.gate, 0)
    run.go_on(1.0)


@fault("central's clock set back", **CLOCKED | {"keeps": False})
def central_behind(run):
    """Central's clock falls back by three hours, and then a gate dies: it must not stay heard."""
    _begin(run, NOON, 0, "ntp")
    run.work()
    run.go_on(2.0)
    run.site.central.wall.set(run.ahead_ms - 3 * HOUR_MS, "ntp")
    run.go_on(2.0)
    run.gate.kill()
    run.go_on(12.0)
    place = (run.gate.compound, run.gate.gate)
    last = [one for one in run.watcher.said if one.place == place][-1]
    if last.heard:
        run.wrong.append("12 s after a gate died, a central whose clock fell back calls it heard")
    run.site.central.wall.set(run.ahead_ms, "ntp")
    recent_ms = true_ms() + run.ahead_ms - HOUR_MS
    run.wait_for(lambda: run.watcher.said[-1].at_ms > recent_ms, 60, "a feed of the right hour")
    run.forget_feeds()
    run.gate.start()
