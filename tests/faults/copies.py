"""Files that are torn, cut short, older than they were, emptied, and copied."""

import shutil

from tests.faults import evidence, leaves, wires
from tests.faults.run import fault

PAGE = 4096
PASSAGE_MAX = 12
"""So many entries one touch of an arrival brings with it, at most."""


def _sent(run):
    """Wait until central has all that was recorded: what is on no card but this one is lost."""
    run.rest()
    run.settle("all is sent")


def _files(gate):
    return [path for path in gate.data.glob("journal.db*") if ".aside-" not in path.name]


def tear(run, path, pages=3):
    """Write noise over some pages of a file; give which, from 1 on."""
    torn = set()
    with path.open("r+b") as file:
        size = path.stat().st_size
        for _ in range(pages):
            page = run.dice.randrange(0, max(1, size // PAGE))
            file.seek(page * PAGE)
            file.write(run.dice.randbytes(PAGE))
            torn.add(page + 1)
    return torn


@fault("journal torn")
def journal_torn(run):
    """Pages of the journal turn to noise while the gate is off; all of it had been sent."""
    run.work()
    run.go_on(2.0, 3.0)
    _sent(run)
    run.gate.stop()
    run.look()
    tear(run, run.gate.journal)
    run.gate.start()
    run.work()
    run.go_on(1.5)
    run.notes["set aside"] = len(list(run.gate.data.glob("journal.db.aside-*")))


@fault("journal torn, not yet sent")
def journal_torn_before_it_was_sent(run):
    """Pages of the journal turn to noise while the gate is off and most of it was on no wire yet.

    What stood on other pages must arrive; what stood on those must be named, and nothing else.
    """
    run.work()
    run.go_on(2.0)
    run.site.broker.kill()
    run.work(every_s=0.05)
    run.go_on(8.0)
    run.rest()
    run.gate.stop()
    run.look()
    lies_on = leaves.pages_of(run.gate.journal)
    torn = tear(run, run.gate.journal, pages=2)
    gone = {ref for ref, pages in lies_on.items() if pages & torn}
    run.may_be_gone = gone.__contains__
    run.notes["on torn pages"] = len(gone)
    run.gate.start()
    run.site.broker.start()
    run.work(every_s=0.15)
    run.go_on(1.0)


@fault("journal torn as it runs")
def journal_torn_as_it_runs(run):
    """Pages of journal and write-ahead log turn to noise under a gate that goes on writing.

    All of it is sent by the time at which the gate dies and finds its file as it is. Only what is
    written onto the torn file, and has not gone over the wire yet, may be gone.
    """
    run.work()
    run.go_on(2.0, 3.0)
    _sent(run)
    run.watcher.listen_to_entries()
    run.may_be_gone = _written_from_now_on(run)
    for path in _files(run.gate):
        if not path.name.endswith("-shm"):
            tear(run, path, pages=4)
    run.work()
    run.go_on(3.0)
    _sent(run)
    run.gate.kill()
    run.gate.start()
    run.notes["set aside"] = len(list(run.gate.data.glob("journal.db.aside-*")))


def _written_from_now_on(run):
    """Give the rule by which an entry that the gate writes after this moment may be gone."""
    guard = run.site.guards[0]
    tried = guard.tried
    stream = evidence.live_rows(run.gate.journal)[-1].stream
    held = evidence.Held(run.site.central.ledger).rows
    last = max(seq for name, seq in held if name == stream)

    def may_be_gone(ref):
        most = last + PASSAGE_MAX * (guard.tried - tried + 1)
        sent = any((one.stream, one.seq) == ref for one in run.watcher.entries)
        return ref[0] == stream and last < ref[1] <= most and not sent

    return may_be_gone


@fault("journal cut short")
def journal_cut_short(run):
    """A gate dies and its journal, or its write-ahead log, has lost its end; all had been sent."""
    run.work()
    run.go_on(2.0, 3.0)
    _sent(run)
    run.gate.kill()
    run.look()
    path = run.dice.choice([p for p in _files(run.gate) if not p.name.endswith("-shm")])
    with path.open("r+b") as file:
        file.truncate(run.dice.randrange(path.stat().st_size))
    run.notes[path.name] = 1
    run.gate.start()
    run.work()
    run.go_on(1.5)


@fault("gate restored from an older card")
def gate_restored(run):
    """A gate's card is replaced by a copy made some seconds before; all had been sent."""
    run.work()
    run.go_on(1.0, 2.0)
    run.gate.stop()
    old = run.gate.data.with_name("old")
    shutil.copytree(run.gate.data, old)
    run.gate.start()
    run.go_on(1.5, 3.0)
    _sent(run)
    run.gate.stop()
    run.look()
    shutil.rmtree(run.gate.data)
    old.rename(run.gate.data)
    run.gate.start()
    run.work()
    run.go_on(1.5)


@fault("a cloned gate")
def cloned(run):
    """A gate's card is copied into a second box, and both work on under one name."""
    run.work()
    run.go_on(1.0, 2.0)
    run.gate.stop()
    again, guard = run.site.clone(run.gate)
    run.gate.start()
    again.start()
    run.work()
    run.go_on(6.0, 10.0)
    guard.pause()
    run.rest()
    run.wait_for(lambda: "fork" in run.troubles(), 60, "central sees the fork")
    run.settle("both of one name are heard, by turns")
    again.stop()


@fault("central restored from its last backup", keeps=True)
def central_restored(run):
    """The ledger is lost; the newest backup takes its place."""
    _restore(run, -1)


@fault("central restored from its oldest backup", keeps=True)
def central_restored_older(run):
    """The ledger is lost, and the newest backup too; the oldest that is kept takes its place."""
    _restore(run, 0)


def _restore(run, which):
    central = run.site.central
    run.work()
    run.wait_for(lambda: len(central.backups()) >= 2, 60, "two backups")
    run.go_on(0.5, 3.0)
    run.look()
    central.kill()
    run.go_on(0.0, 1.0)
    restored(central, which)
    central.start()


def restored(central, which=0):
    """Put a backup in the ledger's place; what is newer is gone with it."""
    backups = central.backups()
    central.restore(backups[which])
    for newer in backups[which:][1:]:
        newer.unlink()


@fault("central restored, a gate cut off", needs=(wires.obstacle,), wired=1, keeps=True)
def central_restored_out_of_reach(run):
    """Central comes back from a backup while a gate's line is silent: what it lacks is not there.

    The broker still shows the gate's last word, by which all was at central.
    """
    central = run.site.central
    run.work()
    run.wait_for(lambda: len(central.backups()) >= 2, 60, "two backups")
    old = central.backups()[0]
    kept = old.read_bytes()
    run.go_on(6.0)
    with run.silence(run.gate):
        run.gate.wire.cut = True
        central.kill()
        for backup in central.backups():
            backup.unlink()
        old.write_bytes(kept)
        central.restore(old)
        central.start()
        run.go_on(9.0)
    run.gate.wire.mend()


@fault("central restored, gates had deleted", entries_min=100, backup_s=2)
def central_restored_after_pruning(run):
    """Gates that delete what is safe, and a central that comes back from its oldest backup."""
    central = run.site.central
    run.work(every_s=0.02)
    run.wait_for(lambda: len(central.backups()) >= 2, 60, "two backups")
    for _ in range(14):
        run.go_on(1.0)
        run.look()
    central.kill()
    restored(central)
    held = min(len(run.held_by(gate)) for gate in run.site.gates)
    run.notes["entries deleted at gates"] = len(run.recorded.rows) - sum(
        len(run.held_by(gate)) for gate in run.site.gates
    )
    assert held < len(run.recorded.rows)
    central.start()


@fault("central emptied", keeps=True)
def central_emptied(run):
    """Ledger and backups are gone; the gates still hold everything and send it again."""
    run.work()
    run.go_on(3.0, 5.0)
    run.look()
    central = run.site.central
    central.kill()
    central.restore(None)
    shutil.rmtree(central.backup, ignore_errors=True)
    central.start()


@fault("central emptied, gates had deleted", entries_min=100, backup_s=2)
def central_emptied_after_pruning(run):
    """Ledger and all backups are gone, and gates had deleted what was safe in them.

    No protocol brings that back; what is gone must be named, entry by entry, and nothing else.
    Gates may delete only what each backup held.
    """
    central = run.site.central
    run.work(every_s=0.02)
    run.wait_for(lambda: len(central.backups()) >= 2, 60, "two backups")
    for _ in range(16):
        run.go_on(1.0)
        run.look()
    central.kill()
    kept = [evidence.Held(backup).rows.keys() for backup in central.backups()]
    run.may_be_gone = set.intersection(*map(set, kept)).__contains__
    central.restore(None)
    shutil.rmtree(central.backup)
    run.look()
    gone = len(run.recorded.rows) - sum(len(run.held_by(gate)) for gate in run.site.gates)
    assert gone > 0, "no gate had deleted anything yet"
    central.start()


@fault("central and broker restored, gate killed")
def all_restored(run):
    """Central comes back from its oldest backup, the broker wiped, and a gate dies meanwhile."""
    central = run.site.central
    run.work()
    run.wait_for(lambda: len(central.backups()) >= 2, 60, "two backups")
    run.go_on(0.5, 2.0)
    run.look()
    central.kill()
    run.site.broker.kill()
    run.gate.kill()
    restored(central)
    run.site.broker.start()
    run.gate.start()
    run.go_on(0.0, 2.0)
    central.start()
    run.go_on(0.0, 0.3)
    run.gate.kill()
    run.gate.start()
