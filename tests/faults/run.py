"""One run of one fault: start a site, do harm, heal it, wait until it has settled, and judge."""

import contextlib
import random
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import evidence
from tests.faults.evidence import Recorded, Verdict
from tests.faults.judging import judge
from tests.faults.programs import Stuck, wait_for
from tests.faults.site import Site
from tests.faults.watcher import Watcher

SETTLE_S = 90.0
AFTERWARDS_S = 0.5
FAULTS = {}


@dataclass(frozen=True)
class Fault:
    """One kind of harm."""

    name: str
    about: str
    body: Callable
    site: dict
    """What of the site is not as usual."""
    needs: tuple
    """Functions that say why this machine cannot do it."""
    keeps: bool
    """No gate dies: every touch that a page took is a passage."""
    exact: bool
    """The true moment of every passage is known."""
    settle_s: float

    def obstacle(self):
        return next((told for told in (need() for need in self.needs) if told), None)


def fault(name, *, needs=(), keeps=False, exact=True, settle_s=SETTLE_S, **site):
    """Make a fault of a function that does the harm to a `Run` and heals it."""

    def make(body):
        about = " ".join(body.__doc__.split())
        FAULTS[name] = Fault(name, about, body, site, tuple(needs), keeps, exact, settle_s)
        return body

    return make


@dataclass
class Result:
    """What came of one run."""

    fault: str
    seed: int
    verdict: Verdict
    settled_s: float
    notes: dict = field(default_factory=dict)

    @property
    def well(self):
        return not (self.verdict.lost or self.verdict.double or self.verdict.wrong)


def true_ms():
    return time.time_ns() // 1_000_000


class Run:
    """A site under one fault."""

    def __init__(self, one, seed, folder):
        self.fault, self.seed = one, seed
        self.dice = random.Random(f"{one.name}/{seed}")
        self.recorded = Recorded()
        self.notes = {}
        self.wrong = []
        """What a fault itself found to be untrue."""
        self.ahead_ms = 0
        """By how much the site's true time is ahead of this machine's."""
        self._boot_ms = true_ms() - time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
        self.silences = {}
        self.closed_days = []
        self.days_may_be_unknown = False
        self.may_be_gone = evidence.nothing
        """Tells of an entry's name whether nobody may hold it any more: no other may be lost."""
        self._healed_s = None
        options = dict(one.site)
        for name in ("disk", "central_disk"):
            disk = options.pop(name, None)
            options[name] = disk(folder / name) if disk else None
        self.site = Site(folder, seed, **options)
        self.watcher = Watcher(self.site.broker.port)

    # --- For those who do harm ---

    @property
    def gate(self):
        """The gate that is harmed; the others stand by."""
        return self.site.gates[0]

    def work(self, every_s=None):
        for guard in self.site.guards:
            guard.work(every_s)

    def rest(self):
        for guard in self.site.guards:
            guard.pause()

    def go_on(self, least_s, most_s=None):
        """Let time pass, as long as the dice say."""
        time.sleep(least_s if most_s is None else self.dice.uniform(least_s, most_s))

    def look(self):
        """Remember what the journals hold now; before a file is touched, above all."""
        for gate in self.site.gates:
            if gate.journal.exists():
                rows = evidence.live_rows if gate.runs else evidence.journal_rows
                # A torn file may show nothing; what was sent is then witnessed on the wire.
                with contextlib.suppress(sqlite3.DatabaseError):
                    self.recorded.add(rows(gate.journal))
        self.recorded.add(map(evidence.sent_row, list(self.watcher.entries)))

    def moment_of(self, body):
        """Give the true UTC of a body, in milliseconds, by the clock that no fault touches."""
        return body["mono_ms"] + self._boot_ms + self.ahead_ms

    @contextlib.contextmanager
    def silence(self, gate):
        """Note that nobody can hear a gate meanwhile."""
        began = true_ms() + self.ahead_ms
        try:
            yield
        finally:
            span = (began, true_ms() + self.ahead_ms)
            self.silences.setdefault((gate.compound, gate.gate), []).append(span)

    def fever(self, gate):
        """Let one person with a fever come to a gate now; give the UTC at which it was known."""
        return self.site.guards[self.site.gates.index(gate)].fever()

    def healed(self):
        """Take this moment for the end of the harm; without it that is the end of the fault."""
        self._healed_s = time.monotonic()

    def forget_feeds(self):
        """Hold nothing against what was said so far: the site's true time is another now."""
        self.watcher.said.clear()

    def closed_day(self, day):
        """Remember that a day is over: what comes for it yet must raise its revision."""
        self.closed_days.append(day)

    def wait_for(self, come, wait_s, what):
        return wait_for(come, wait_s, what)

    def held_by(self, gate):
        """Give the names of the entries that a gate's journal holds now."""
        rows = evidence.live_rows if gate.runs else evidence.journal_rows
        return {(row.stream, row.seq) for row in rows(gate.journal)}

    def troubles(self):
        """Count what central says does not fit together, by kind."""
        return evidence.Held(self.site.central.ledger).troubles

    def settled(self):
        """Tell whether all that was ever recorded is at central, or central says it is lost."""
        self.look()
        if not self.site.central.ledger.exists():
            return False
        held = evidence.Held(self.site.central.ledger)
        return all(self.accounted(held, ref) for ref in self.recorded.rows)

    def accounted(self, held, ref):
        """Tell whether an entry is counted, or is named and may be gone."""
        return ref in held.rows or (self.may_be_gone(ref) and held.accounts_for(ref))

    def settle(self, what="all is settled"):
        wait_for(self.settled, self.fault.settle_s, what)

    def end(self):
        """Let all settle, then work on for a moment and settle again; give how long it took."""
        healed = self._healed_s or time.monotonic()
        self.rest()
        try:
            self.settle()
            settled_s = time.monotonic() - healed
            self.work(AFTERWARDS_S / 5)
            self.go_on(AFTERWARDS_S)
            self.rest()
            self.settle("all is settled once more")
        except Stuck as error:
            return time.monotonic() - healed, [str(error)]
        return settled_s, []


def perform(one, seed, keep=None):
    """Run a fault once; raises what went wrong with the run itself."""
    folder = Path(keep or tempfile.mkdtemp(prefix="gatepost-fault-"))
    folder.mkdir(parents=True, exist_ok=True)
    run = None
    try:
        run = Run(one, seed, folder)
        run.site.start()
        one.body(run)
        settled_s, stuck = run.end()
        verdict = judge(run)
        verdict.wrong += stuck
        return Result(one.name, seed, verdict, settled_s, run.notes)
    finally:
        if run is not None:
            run.watcher.close()
            run.site.close()
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
