"""The gate's line to the site: cut, silent, lossy, late, and coming and going."""

from tests.faults import wires
from tests.faults.run import fault

WIRED = {"needs": (wires.obstacle,), "wired": 1, "keeps": True}


@fault("link cut", **WIRED)
def link_cut(run):
    """The cable is pulled at the gate and put back, twice."""
    run.work()
    for _ in range(2):
        run.go_on(1.0, 2.0)
        with run.silence(run.gate):
            run.gate.wire.unplug()
            run.go_on(2.0, 10.0)
        run.gate.wire.plug()


@fault("link half-open", **WIRED)
def link_half_open(run):
    """Every packet is dropped both ways and nobody is told: no RST, no carrier lost."""
    run.work()
    run.go_on(1.0, 2.0)
    with run.silence(run.gate):
        run.gate.wire.cut = True
        run.go_on(12.0, 20.0)
    run.gate.wire.mend()


@fault("link half-open, then killed", **WIRED | {"keeps": False})
def link_half_open_then_killed(run):
    """Behind a half-open link the gate dies, with what it believed to be sending."""
    run.work()
    run.go_on(1.0, 2.0)
    with run.silence(run.gate):
        run.gate.wire.cut = True
        run.go_on(2.0, 19.0)
        run.gate.kill()
        run.gate.start()
        run.go_on(1.0)
    run.gate.wire.mend()


@fault("30 % loss", **WIRED)
def lossy(run):
    """Three packets in ten are lost, both ways, for a quarter of a minute."""
    run.gate.wire.loss = 0.3
    run.work()
    run.go_on(15.0)
    run.notes["packets dropped"] = run.gate.wire.dropped
    run.gate.wire.mend()


@fault("2 s delay", **WIRED, patience_s_max=4)
def late(run):
    """Every packet takes 2 s each way: an answer needs 4 s, longer than the gate's patience."""
    run.gate.wire.delay_s = 2.0
    run.work(every_s=0.5)
    run.go_on(30.0)
    run.gate.wire.mend()


@fault("link flapping", **WIRED)
def flapping(run):
    """The line goes silent and comes back every second or so, for a quarter of a minute."""
    run.work()
    for _ in range(8):
        run.go_on(0.3, 1.5)
        run.gate.wire.cut = True
        run.go_on(0.3, 1.5)
        run.gate.wire.mend()


@fault("link flapping, backlog", **WIRED)
def flapping_with_a_backlog(run):
    """A line that flaps by cable, with losses, while a backlog of some minutes wants over it."""
    run.gate.wire.unplug()
    run.work(every_s=0.02)
    run.go_on(8.0)
    run.work(every_s=0.3)
    for _ in range(6):
        run.gate.wire.plug()
        run.gate.wire.loss = 0.2
        run.go_on(0.5, 2.0)
        run.gate.wire.unplug()
        run.go_on(0.2, 1.0)
    run.gate.wire.mend()
