"""Make fault days from seeds, print what they held and what broke: `./gatepost storm`.

A fault day is 8 gates with about 40 passages each, from morning over midnight, with some 14 things
that go wrong in it. Each day has a seed of its own: N days are the seeds from the first one on. A
broken day is told and shrunk at once. What is interrupted says from which seed to go on.

Exits 0 when every law held, 1 when one was broken, 2 for wrong use, 130 when interrupted before.
"""

import argparse
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

from tests import seeded
from tests.storm.day import GATES, PASSAGES, Outcome, Plan, run_day
from tests.storm.nemesis import ACTIONS
from tests.storm.shrink import replay, shrink, told

A_DAY: Final = GATES * PASSAGES
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


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./gatepost storm", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--passages", type=int, default=100_000, help="true passages, all told (320 a day)"
    )
    size.add_argument("--seeds", "--days", type=int, help="days, each of its own seed")
    size.add_argument("--one", action="store_true", help="one day, with its whole trace")
    parser.add_argument("--seed", type=int, default=1, help="the first seed, or where to go on")
    parser.add_argument("--keep", help="with --one: only these of the nemesis's actions")
    parser.add_argument("--jobs", type=int, default=2, help="cores to use")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    for name in ("passages", "seeds", "jobs"):
        if (value := getattr(args, name)) is not None and value < 1:
            parser.error(f"--{name} must be at least 1, not {value}")
    if args.keep is not None and not args.one:
        parser.error("--keep goes with --one")
    args.kept = _kept(parser, args.keep)
    return args


def _kept(parser: argparse.ArgumentParser, text: str | None) -> tuple[int, ...] | None:
    if text is None or text == "none":
        return None if text is None else ()
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError:
        parser.error(f"--keep takes numbers with commas between, or none, not {text!r}")


def main() -> int:
    """Run and report; 1 when a law was broken."""
    args = _arguments()
    began = time.perf_counter()
    if args.one:
        return _one(Plan(args.seed, keep=args.kept), as_json=args.json)
    days = args.seeds or -(-args.passages // A_DAY)
    total = Total()
    try:
        _run([Plan(args.seed + nth) for nth in range(days)], args.jobs, total)
    except KeyboardInterrupt:
        _tell(f"interrupted; go on with --seed {args.seed + total.days}")
    report = {"first_seed": args.seed, "next_seed": args.seed + total.days}
    report |= total.report(time.perf_counter() - began)
    print(json.dumps(report, indent=1)) if args.json else seeded.show(report)
    if total.broken:
        return 1
    return 0 if total.days == days else INTERRUPTED


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


if __name__ == "__main__":
    sys.exit(main())
