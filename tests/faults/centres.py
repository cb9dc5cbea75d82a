"""The centre's disk: full, read-only, and its ledger torn while it runs; the gates work on."""

from tests.faults.copies import restored, tear
from tests.faults.disks import Card, fill_until, obstacle
from tests.faults.run import fault

CARD = {"needs": (obstacle,), "central_disk": Card}
PAGES_MIN = 60
"""So many pages the ledger has before some of them are torn."""


def _alarmed(run, condition):
    """Tell whether the centre says of itself, for all to see, that something is wrong."""
    return any(
        payload and topic.endswith(f"/central-{condition}")
        for topic, payload in list(run.watcher.newest.items())
    )


def _wait_for_its_end(run, condition):
    run.wait_for(lambda: not _alarmed(run, condition), 60, f"the alarm closes: {condition}")


def _fill(run):
    """Fill the disk until the centre says that it can write nothing."""
    said = "the centre's alarm: unwritable"
    fill_until(run, run.site.central_disk, lambda: _alarmed(run, "unwritable"), said)


def _start_as_systemd_does(run):
    """Start the centre again and again, until it stays."""
    central = run.site.central
    run.wait_for(central.try_to_start, 60, "central starts")


@fault("central's disk full", **CARD, keeps=True)
def full(run):
    """The centre's disk fills up under traffic: it takes nothing and says so; then there is room.

    Until then nothing is acknowledged, and the gates keep what they send.
    """
    run.work()
    run.go_on(1.0, 2.0)
    _fill(run)
    run.go_on(4.0)
    run.look()
    run.site.central_disk.empty()
    _wait_for_its_end(run, "unwritable")


@fault("central's disk full, then ended", **CARD, keeps=True)
def full_then_ended(run):
    """The centre is killed or stopped on its full disk and started there; then there is room."""
    central = run.site.central
    run.work()
    run.go_on(1.0, 2.0)
    _fill(run)
    run.go_on(0.0, 2.0)
    end = run.dice.choice(("kill", "stop"))
    run.notes[f"status of its {end}"] = getattr(central, end)()
    run.notes["starts on the full disk"] = tries = run.dice.randrange(1, 4)
    for _ in range(tries):
        run.notes["of them, stayed"] = run.notes.get("of them, stayed", 0) + central.try_to_start()
        run.go_on(0.5, 1.5)
        central.kill()
    run.look()
    run.site.central_disk.empty()
    _start_as_systemd_does(run)


@fault("central's disk takes nothing at start", **CARD, keeps=True)
def full_or_read_only_at_start(run):
    """The centre is stopped; at its start the disk is full, or read-only; then it is as it was."""
    central, disk = run.site.central, run.site.central_disk
    run.work()
    run.go_on(3.0)
    central.stop()
    is_full = run.dice.random() < 0.5
    run.notes["full" if is_full else "read-only"] = 1
    if is_full:
        disk.fill()
    else:
        disk.remount("ro")
    run.notes["stayed"] = int(central.try_to_start())
    run.go_on(2.0)
    run.look()
    central.kill()
    if is_full:
        disk.empty()
    else:
        disk.remount("rw")
    _start_as_systemd_does(run)


@fault("central's disk goes read-only", **CARD, keeps=True)
def read_only(run):
    """The centre's disk fails under traffic and turns read-only; it is mounted anew.

    The centre is stopped for that, as an operator would; if it has ended by itself it stays so.
    """
    central = run.site.central
    run.work()
    run.go_on(1.0, 2.0)
    run.site.central_disk.remount("abort")
    run.wait_for(
        lambda: _alarmed(run, "unwritable") or not central.runs, 60, "the centre says so or ends"
    )
    run.notes["ended by itself"] = int(not central.runs)
    run.go_on(3.0)
    run.look()
    central.stop()
    run.site.central_disk.unmount()
    run.site.central_disk.mount()
    _start_as_systemd_does(run)
    _wait_for_its_end(run, "unwritable")


@fault("central's ledger torn as it runs", keeps=True)
def torn(run):
    """Pages of the ledger turn to noise under a centre that goes on, as far as it can.

    Once it has ended, or has said that it can make no backup, the newest backup is restored.
    """
    _tear_under_it(run)
    run.go_on(2.0)
    _restore(run)


@fault("central's ledger torn, then started again", keeps=True)
def torn_then_started(run):
    """The same, also of the write-ahead log; and it is killed and started on what is left first.

    Whether it stays then or not: the newest backup is restored.
    """
    central = run.site.central
    _tear_under_it(run, "-wal")
    central.kill()
    run.notes["stayed"] = int(central.try_to_start())
    run.go_on(4.0)
    run.notes["is there yet"] = int(central.runs)
    _restore(run)


def _tear_under_it(run, *suffixes):
    central = run.site.central
    run.work(every_s=0.03)
    run.wait_for(lambda: central.ledger.stat().st_size > PAGES_MIN * 4096, 60, "a ledger of size")
    run.wait_for(lambda: len(central.backups()) >= 2, 60, "two backups")
    run.go_on(0.0, 3.0)
    for suffix in ("", *suffixes):
        tear(run, central.ledger.with_name(f"ledger.db{suffix}"), pages=6)
    run.wait_for(
        lambda: _alarmed(run, "backup") or not central.runs, 60, "the centre says so or ends"
    )
    run.notes["ended by itself"] = int(not central.runs)


def _restore(run):
    run.look()
    run.site.central.kill()
    restored(run.site.central, -1)
    _start_as_systemd_does(run)
    _wait_for_its_end(run, "backup")
