"""Processes that are killed, stopped, frozen and wiped, at random moments."""

from tests.faults.run import fault

KILLS = 3


@fault("gate killed")
def gate_killed(run):
    """kill -9 of a gate at random moments, three times; each time it is started again."""
    run.work()
    for _ in range(KILLS):
        run.go_on(0.3, 2.5)
        run.gate.kill()
        with run.silence(run.gate):
            run.go_on(0.0, 1.0)
        run.gate.start()


@fault("gate killed in a burst")
def gate_killed_in_a_burst(run):
    """kill -9 of a gate while touches come as fast as the page takes them."""
    run.work(every_s=0.0)
    for _ in range(KILLS):
        run.go_on(0.2, 1.0)
        run.gate.kill()
        run.gate.start()


@fault("gate killed with a backlog")
def gate_killed_with_a_backlog(run):
    """The broker is away, a backlog grows, and the gate is killed while touches come."""
    run.work(every_s=0.02)
    run.go_on(1.0)
    run.site.broker.kill()
    run.go_on(5.0, 8.0)
    run.gate.kill()
    run.gate.start()
    run.site.broker.start()


@fault("gate stopped in a burst")
def gate_stopped_in_a_burst(run):
    """SIGTERM to a gate while touches come as fast as the page takes them, three times."""
    run.work(every_s=0.0)
    for _ in range(KILLS):
        run.go_on(0.3, 1.2)
        status = run.gate.stop()
        assert status == 0, f"the gate ended with {status}:\n{run.gate.ended_with()}"
        run.gate.start()


@fault("central killed", keeps=True)
def central_killed(run):
    """kill -9 of central at random moments, three times, a second or so away each time."""
    run.work()
    for _ in range(KILLS):
        run.go_on(0.3, 2.0)
        run.site.central.kill()
        run.go_on(0.0, 2.0)
        run.site.central.start()


@fault("broker killed", keeps=True)
def broker_killed(run):
    """kill -9 of a broker without persistence at random moments, three times."""
    run.work()
    for _ in range(KILLS):
        run.go_on(0.5, 2.5)
        run.site.broker.kill()
        run.go_on(0.0, 1.5)
        run.site.broker.start()


@fault("broker wiped", keeps=True, persistent=True)
def broker_wiped(run):
    """A broker that keeps its state is killed and comes back with none of it, twice."""
    run.work()
    for _ in range(2):
        run.go_on(1.5, 3.0)
        run.site.broker.kill()
        run.site.broker.wipe()
        run.site.broker.start()


@fault("broker restored", keeps=True, persistent=True)
def broker_restored(run):
    """A broker is killed and comes back with what it kept some seconds before."""
    run.work()
    run.go_on(2.0, 3.0)
    kept = run.site.broker.store / "mosquitto.db"
    old = kept.read_bytes() if kept.exists() else b""
    run.notes["bytes brought back"] = len(old)
    run.go_on(2.0, 3.0)
    run.site.broker.kill()
    run.site.broker.wipe()
    if old:
        kept.write_bytes(old)
    run.site.broker.start()


@fault("broker frozen", keeps=True)
def broker_frozen(run):
    """A broker that keeps all its connections and answers nobody, longer than the keepalive."""
    run.work()
    run.go_on(1.0, 2.0)
    run.site.broker.freeze()
    run.go_on(9.0, 12.0)
    run.site.broker.thaw()


@fault("central frozen", keeps=True)
def central_frozen(run):
    """Central stands still and comes to again, with what was queued for it meanwhile."""
    run.work()
    run.go_on(1.0, 2.0)
    run.site.central.freeze()
    run.go_on(3.0, 13.0)
    run.site.central.thaw()


@fault("gate frozen", keeps=True)
def gate_frozen(run):
    """A gate stands still, longer than its threads are given, and comes to again."""
    run.work()
    run.go_on(1.0, 2.0)
    run.gate.freeze()
    with run.silence(run.gate):
        run.go_on(3.0, 13.0)
        run.gate.thaw()


@fault("all killed")
def all_killed(run):
    """The power of the whole site fails: gates, central and broker die at one moment, twice."""
    run.work()
    for _ in range(2):
        run.go_on(1.0, 2.5)
        for program in (*run.site.gates, run.site.central, run.site.broker):
            program.kill()
        run.site.start()
