"""Make worlds from a seed, print what they held and what broke: `python -m tests.world`."""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any, Final

from tests import seeded
from tests.world.cases import REQUIRED
from tests.world.world import Outcome, Plan, run_world

SLICE: Final = 12_500
"""Passages of one world; a longer run is more worlds."""
SEEDS_APART: Final = 100_000

JOINED_MIN: Final = 95.0
NEEDLESS_MAX: Final = 5.0


@dataclass(slots=True)
class Total:
    """What many worlds come to."""

    broken: list[str] = field(default_factory=list)
    cases: Counter[str] = field(default_factory=Counter)
    figures: Counter[str] = field(default_factory=Counter)
    most: dict[str, int] = field(default_factory=dict)
    cpu_s: float = 0.0

    def add(self, one: Outcome) -> None:
        """Add one world."""
        how = f"--passages {one.plan.passages} --seed {one.plan.seed} --rate {one.plan.rate_h:g}"
        self.broken += [
            f"{what}\n    replay: python -m tests.world {how} --one" for what in one.broken
        ]
        self.cases.update(one.cases)
        self.figures.update(one.figures)
        for what, size in one.most.items():
            self.most[what] = max(size, self.most.get(what, 0))
        self.cpu_s += one.cpu_s

    def share(self, part: str, whole: str) -> float:
        """Give a share in percent."""
        return 100.0 * self.figures[part] / max(self.figures[whole], 1)

    @property
    def joined_pct(self) -> float:
        """True pairs that were joined."""
        return self.share("pairs joined", "true pairs")

    @property
    def needless_pct(self) -> float:
        """Measured passages that were referred though nobody had a fever."""
        return self.share("referrals needless", "passages measured")

    def missing_cases(self) -> list[str]:
        """Name the hard cases that never happened."""
        return [case for case in REQUIRED if not self.cases[case]]


def plans(passages: int, seed: int, rate_h: float) -> list[Plan]:
    """Cut a run into worlds of about equal load, each with its own seed."""
    count = max(1, -(-passages // SLICE))
    sizes = [passages // count + (n < passages % count) for n in range(count)]
    return [Plan(size, seed * SEEDS_APART + n, rate_h) for n, size in enumerate(sizes)]


def run_all(work: Sequence[Plan], jobs: int) -> Iterable[Outcome]:
    """Run worlds on several cores, as they come."""
    if jobs <= 1 or len(work) == 1:
        yield from map(run_world, work)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(run_world, plan) for plan in work]):
            yield done.result()


def report(total: Total, passages: int, rate_h: float, wall_s: float) -> dict[str, Any]:
    """Put the figures together."""
    return {
        "passages": passages,
        "rate_h": rate_h,
        "laws_broken": len(total.broken),
        "joined_pct": round(total.joined_pct, 2),
        "joined_in_hard_cases_pct": round(
            total.share("pairs joined in hard cases", "true pairs in hard cases"), 2
        ),
        "wrong_joins": total.figures["wrong joins"] + total.figures["wrong plates"],
        "needless_referrals_pct": round(total.needless_pct, 3),
        "needless_of_referrals_pct": round(total.share("referrals needless", "referrals"), 2),
        "feverish_admitted": total.figures["feverish admitted"],
        "passages_per_cpu_s": round(passages / max(total.cpu_s, 1e-9)),
        "cpu_ms_per_passage": round(1000.0 * total.cpu_s / max(passages, 1), 3),
        "wall_s": round(wall_s, 1),
        "cases": {case: total.cases[case] for case in sorted(total.cases)},
        "missing_cases": total.missing_cases(),
        "figures": {name: total.figures[name] for name in sorted(total.figures)},
        "most": total.most,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.world", description=__doc__)
    parser.add_argument("--passages", type=int, default=100_000, help="true passages, all told")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same days")
    parser.add_argument("--rate", type=float, default=60.0, help="vehicles an hour into each gate")
    parser.add_argument("--jobs", type=int, default=2, help="cores to use")
    parser.add_argument("--one", action="store_true", help="one world with exactly this seed")
    parser.add_argument("--skip", type=int, default=0, help="worlds that another run has done")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


def main() -> int:
    """Run, report; 1 when a law was broken or a case never came up."""
    args = _arguments()
    began = time.perf_counter()
    work = plans(args.passages, args.seed, args.rate)[args.skip :]
    if args.one:
        work = [Plan(args.passages, args.seed, args.rate)]
    total = Total()
    for nth, one in enumerate(run_all(work, args.jobs), 1):
        known = len(total.broken)
        total.add(one)
        for what in total.broken[known:]:
            print(f"BROKEN {what}", file=sys.stderr, flush=True)
        if not args.json:
            spent = time.perf_counter() - began
            print(
                f"world {nth}/{len(work)} (seed {one.plan.seed}): joined {total.joined_pct:.2f} %, "
                f"wrong {total.figures['wrong joins']}, laws broken {len(total.broken)}, "
                f"{one.cpu_s:.1f} s of CPU, {spent:.0f} s gone",
                file=sys.stderr, flush=True,
            )  # fmt: skip
    made = sum(plan.passages for plan in work)
    found = report(total, made, args.rate, time.perf_counter() - began)
    if args.json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        seeded.show(found)
    for case in total.missing_cases():
        print(f"MISSING the case never came up: {case}", file=sys.stderr)
    return 1 if total.broken or total.missing_cases() else 0


if __name__ == "__main__":
    sys.exit(main())
