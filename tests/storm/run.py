"""Make fault days from seeds, print what they held and what broke: `./gatepost storm`."""

import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any, Final

import click

from tests import seeded
from tests.storm.day import GATES, PASSAGES, Outcome, Plan, run_day
from tests.storm.nemesis import ACTIONS
from tests.storm.shrink import replay, shrink, told

A_DAY: Final = GATES * PASSAGES
ALL_TOLD: Final = 100_000
TOLD_EVERY_S: Final = 10.0
SHRUNK_MAX: Final = 5
"""Broken days that are shrunk; the others are named."""
INTERRUPTED: Final = 130
"""What a shell says of a command that Control-C ended."""


@dataclass(slots=True)
class Total:
    """What many days come to."""

    days: int = 0
    broken: list[Outcome] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    most: dict[str, int] = field(default_factory=dict)
    cpu_s: float = 0.0

    def add(self, one: Outcome) -> None:
        """Add a day."""
        self.days += 1
        if one.broken:
            self.broken.append(one)
        self.figures.update(one.figures)
        self.actions.update(one.actions)
        for what, size in one.most.items():
            self.most[what] = max(size, self.most.get(what, 0))
        self.cpu_s += one.cpu_s

    def report(self, wall_s: float) -> dict[str, Any]:
        """Put the figures together."""
        passages = self.days * A_DAY
        return {
            "fault_days": self.days,
            "passages": passages,
            "broken": [
                {"seed": one.plan.seed, "laws": one.broken, "replay": replay(one.plan)}
                for one in self.broken
            ],
            "days_broken": len(self.broken),
            "cpu_s": round(self.cpu_s, 1),
            "cpu_ms_per_passage": round(1000.0 * self.cpu_s / max(passages, 1), 3),
            "wall_s": round(wall_s, 1),
            "faults": {name: self.actions[name] for name in ACTIONS},
            "figures": {name: self.figures[name] for name in sorted(self.figures)},
            "most": dict(sorted(self.most.items())),
        }


def run_all(plans: Sequence[Plan], jobs: int) -> Iterator[Outcome]:
    """Run days on several cores, as they come."""
    if jobs <= 1 or len(plans) == 1:
        yield from map(run_day, plans)
        return
    spawn = get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=spawn, initializer=_undisturbed) as pool:
        try:
            yield from pool.map(_quiet, plans, chunksize=1)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _undisturbed() -> None:
    """Leave Control-C to the parent, which stops the work and says how far it came."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _quiet(plan: Plan) -> Outcome:
    """Run a day; the trace of one that held is not worth sending back."""
    done = run_day(plan)
    if not done.broken:
        done.log.clear()
    return done


def _kept(
    _context: click.Context, _option: click.Parameter, text: str | None
) -> tuple[int, ...] | None:
    if text is None or text == "none":
        return None if text is None else ()
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError as error:
        raise click.BadParameter(
            f"numbers with commas between are wanted, or none, not {text!r}"
        ) from error


@click.command()
@click.option("--passages", type=click.IntRange(1), show_default=str(ALL_TOLD),
              help=f"True passages, all told ({A_DAY} a day).")  # fmt: skip
@click.option("--seeds", "--days", type=click.IntRange(1), help="Days, each of its own seed.")
@click.option("--one", is_flag=True, help="One day, with its whole trace.")
@click.option("--seed", default=1, show_default=True, help="The first seed, or where to go on.")
@click.option("--keep", "kept", metavar="NUMBERS", callback=_kept,
              help="With --one: only these of the nemesis's actions.")  # fmt: skip
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="Cores to use.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(
    passages: int | None, seeds: int | None, seed: int, kept: tuple[int, ...] | None, jobs: int,
    *, one: bool, as_json: bool,
) -> None:  # fmt: skip
    """Make fault days from seeds; print what they held and what broke.

    A fault day is 8 gates with about 40 passages each, from morning over midnight, with some 14
    things that go wrong in it. N days are the seeds from the first one on. A broken day is told
    and shrunk at once. What is interrupted says from which seed to go on.

    Exits 0 when every law held, 1 when one was broken, 130 when interrupted before.
    """
    if (passages is not None) + (seeds is not None) + one > 1:
        raise click.UsageError("--passages, --seeds and --one do not go together")
    if kept is not None and not one:
        raise click.UsageError("--keep goes with --one")
    if one:
        sys.exit(_one(Plan(seed, keep=kept), as_json=as_json))
    began = time.perf_counter()
    days = seeds or -(-(passages or ALL_TOLD) // A_DAY)
    total = Total()
    try:
        _run([Plan(seed + nth) for nth in range(days)], jobs, total)
    except KeyboardInterrupt:
        _tell(f"interrupted; go on with --seed {seed + total.days}")
    report = {"first_seed": seed, "next_seed": seed + total.days}
    report |= total.report(time.perf_counter() - began)
    print(json.dumps(report, indent=1)) if as_json else seeded.show(report)
    if total.broken:
        sys.exit(1)
    sys.exit(0 if total.days == days else INTERRUPTED)


def _run(plans: Sequence[Plan], jobs: int, total: Total) -> None:
    """Run days into a total; say how far it is, and what broke as soon as it did."""
    began = told_s = time.perf_counter()
    for done in run_all(plans, jobs):
        total.add(done)
        if done.broken:
            _tell(f"BROKEN seed {done.plan.seed}: {done.broken[0]}")
            if len(total.broken) <= SHRUNK_MAX:
                _tell(told(shrink(done.plan)))
            done.log.clear()
        now = time.perf_counter()
        if now - told_s > TOLD_EVERY_S:
            told_s = now
            _tell(
                f"{total.days}/{len(plans)} days, {total.days * A_DAY} passages,"
                f" {len(total.broken)} days broken, {now - began:.0f} s gone,"
                f" next seed {done.plan.seed + 1}"
            )


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _one(plan: Plan, *, as_json: bool) -> int:
    done = run_day(plan)
    if as_json:
        found = {
            "seed": plan.seed, "digest": done.digest, "broken": done.broken,
            "actions": [str(action) for action in plan.drawn()],
            "figures": done.figures, "most": done.most, "cpu_s": round(done.cpu_s, 3),
        }  # fmt: skip
        print(json.dumps(found, indent=1))
    else:
        print("\n".join(done.log))
        print(f"trace {done.digest}")
        for what in done.broken:
            print(f"BROKEN {what}")
    return 1 if done.broken else 0
