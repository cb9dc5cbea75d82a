"""Make worlds from a seed, print what they held and what broke: `./gatepost world`."""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any, Final

import click

from tests import seeded
from tests.world.cases import REQUIRED
from tests.world.world import Outcome, Plan, run_world

SLICE: Final = 12_500
"""Passages of one world; a longer run is more worlds."""
SEEDS_APART: Final = 100_000

JOINED_MIN: Final = 95.0
NEEDLESS_MAX: Final = 5.0
RATE_H_MIN: Final = 1.0
RATE_H_MAX: Final = 1000.0


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
        self.broken += [f"{what}\n    replay: ./gatepost world {how} --one" for what in one.broken]
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

    @property
    def wrong(self) -> int:
        """Readings and plates that were joined to another."""
        return self.figures["wrong joins"] + self.figures["wrong plates"]

    def missed_bars(self) -> list[str]:
        """Say which bars were not met: the price of never being wrong, and being wrong."""
        bars = (
            (f"joined {self.joined_pct:.2f} %, at least {JOINED_MIN:g} wanted",
             self.joined_pct >= JOINED_MIN),
            (f"needless referrals {self.needless_pct:.2f} %, at most {NEEDLESS_MAX:g} wanted",
             self.needless_pct <= NEEDLESS_MAX),
            (f"wrong joins and plates {self.wrong}, none wanted", not self.wrong),
        )  # fmt: skip
        return [told for told, is_met in bars if not is_met]

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
        "wrong_joins": total.wrong,
        "needless_referrals_pct": round(total.needless_pct, 3),
        "needless_of_referrals_pct": round(total.share("referrals needless", "referrals"), 2),
        "feverish_admitted": total.figures["feverish admitted"],
        "passages_per_cpu_s": round(passages / max(total.cpu_s, 1e-9)),
        "cpu_ms_per_passage": round(1000.0 * total.cpu_s / max(passages, 1), 3),
        "wall_s": round(wall_s, 1),
        "cases": {case: total.cases[case] for case in sorted(total.cases)},
        "missing_cases": total.missing_cases(),
        "missed_bars": total.missed_bars(),
        "figures": {name: total.figures[name] for name in sorted(total.figures)},
        "most": total.most,
    }


def _rate(_context: click.Context, _option: click.Parameter, rate_h: float) -> float:
    if not RATE_H_MIN <= rate_h <= RATE_H_MAX:  # What is no number is in no range.
        raise click.BadParameter(f"{RATE_H_MIN:g} to {RATE_H_MAX:g} is wanted, not {rate_h:g}")
    return rate_h


@click.command()
@click.option("--passages", type=click.IntRange(1), default=100_000, show_default=True,
              help="True passages, all told.")  # fmt: skip
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same days.")
@click.option("--rate", "rate_h", default=60.0, show_default=True, callback=_rate,
              help="Vehicles an hour into each gate.")  # fmt: skip
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="Cores to use.")
@click.option("--one", is_flag=True, help="One world with exactly this seed.")
@click.option("--skip", type=click.IntRange(0), default=0, show_default=True,
              help="Worlds that another run has done.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(
    passages: int, seed: int, rate_h: float, jobs: int, skip: int, *, one: bool, as_json: bool
) -> None:
    """Make worlds from a seed; print what they held and what broke.

    Exits 0 when every law held, every hard case came up and the bars were met: pairs joined,
    referrals needless, nothing joined wrongly. Else 1.
    """
    began = time.perf_counter()
    work = plans(passages, seed, rate_h)[skip:]
    if one:
        work = [Plan(passages, seed, rate_h)]
    total = Total()
    for nth, done in enumerate(run_all(work, jobs), 1):
        known = len(total.broken)
        total.add(done)
        for what in total.broken[known:]:
            print(f"BROKEN {what}", file=sys.stderr, flush=True)
        if not as_json:
            spent = time.perf_counter() - began
            print(
                f"world {nth}/{len(work)} (seed {done.plan.seed}): "
                f"joined {total.joined_pct:.2f} %, wrong {total.wrong}, "
                f"laws broken {len(total.broken)}, "
                f"{done.cpu_s:.1f} s of CPU, {spent:.0f} s gone",
                file=sys.stderr, flush=True,
            )  # fmt: skip
    made = sum(plan.passages for plan in work)
    found = report(total, made, rate_h, time.perf_counter() - began)
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        seeded.show(found)
    for case in total.missing_cases():
        print(f"MISSING the case never came up: {case}", file=sys.stderr)
    for told in total.missed_bars():
        print(f"MISSED {told}", file=sys.stderr)
    sys.exit(1 if total.broken or total.missing_cases() or total.missed_bars() else 0)
